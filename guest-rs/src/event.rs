//! Events as listeners receive them.

use std::fmt;
use std::time::Duration;

use tauri_plugin_event_bus_types::{Endpoint, Error, Event};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::emit::{EmitOptions, Emitted, emit_caused};
use crate::js;
use crate::payload::{endpoint_of, names_in, whole};

/// An event: the payload, and what the bus knows of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct TypedEvent<E> {
    /// The payload.
    pub payload: E,
    event: js::JsEvent,
}

impl<E> TypedEvent<E> {
    pub(crate) fn new(payload: E, event: js::JsEvent) -> Self {
        Self { payload, event }
    }

    /// The event's name, also where the listener has a pattern.
    #[must_use]
    pub fn name(&self) -> String {
        self.event.event()
    }

    /// The event's number in the order of the whole app, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        whole(self.event.seq())
    }

    /// When the host accepted the event: the time since the Unix epoch.
    #[must_use]
    pub fn timestamp(&self) -> Duration {
        Duration::from_secs_f64(self.event.timestamp().max(0.0) / 1_000.0)
    }

    /// Who emitted the event. It is a target, too.
    #[must_use]
    pub fn source(&self) -> Endpoint {
        endpoint_of(&self.event.source())
    }

    /// The name of the component that emitted it.
    #[must_use]
    pub fn component(&self) -> Option<String> {
        self.event.component()
    }

    /// The names of the events that caused it, oldest first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        self.event
            .causes()
            .map(|causes| names_in(&causes))
            .unwrap_or_default()
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.event.traceparent()
    }

    /// Whether the host had kept it from before this page listened, or from while the page was away.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.event.replayed()
    }

    /// Whether it is a retained event, which may have been emitted long before this page listened.
    #[must_use]
    pub fn is_retained(&self) -> bool {
        self.event.retained()
    }

    /// Whether it was delivered before, to a subscription that has not handled it.
    #[must_use]
    pub fn is_redelivered(&self) -> bool {
        self.event.redelivered().unwrap_or(false)
    }

    /// How many events of its name it replaced while it waited for this page, under the policy `latest`.
    #[must_use]
    pub fn superseded(&self) -> u64 {
        self.event.superseded().map_or(0, whole)
    }

    /// Emits an event that this one causes. [`emit`](crate::emit()) does the same while a handler of [`on`](crate::on) runs,
    /// and knows no causes later.
    pub fn emit<C: Event>(&self, caused: &C) -> Emitted {
        self.emit_with(caused, EmitOptions::new())
    }

    /// Emits an event that this one causes, with options.
    pub fn emit_with<C: Event>(&self, caused: &C, options: EmitOptions) -> Emitted {
        let cause: &JsValue = self.event.unchecked_ref();
        emit_caused(caused, options, cause)
    }
}

impl<E: fmt::Debug> fmt::Debug for TypedEvent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedEvent")
            .field("name", &self.name())
            .field("seq", &self.seq())
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

/// An item of an [`EventStream`](crate::EventStream).
#[derive(Debug, Clone)]
pub enum TypedItem<E> {
    /// An event.
    Event(TypedEvent<E>),
    /// Events that this stream lost.
    Gap(Gap),
    /// An event whose payload does not match the type, without it, and the reason.
    Invalid(TypedEvent<()>, Error),
    /// The subscription has ended with this error: the host refused it, or this page has no bus. Nothing follows.
    Ended(Error),
}

impl<E> TypedItem<E> {
    /// The event, if it is one.
    ///
    /// ```no_run
    /// use futures_util::StreamExt;
    /// # use serde::{Deserialize, Serialize};
    /// # use tauri_plugin_event_bus_guest::Event;
    /// # use schemars::JsonSchema;
    /// # #[derive(Serialize, Deserialize, JsonSchema)]
    /// # struct CartUpdated { item_count: u32 }
    /// # impl Event for CartUpdated { const NAME: &'static str = "cart:updated"; }
    /// use tauri_plugin_event_bus_guest::{TypedItem, listen};
    ///
    /// # async fn follow() {
    /// let mut carts = listen::<CartUpdated>().filter_map(async |item| item.into_event());
    /// # let mut carts = std::pin::pin!(carts);
    /// while let Some(event) = carts.next().await {
    ///     println!("{} items", event.payload.item_count);
    /// }
    /// # }
    /// ```
    pub fn into_event(self) -> Option<TypedEvent<E>> {
        match self {
            Self::Event(event) => Some(event),
            _ => None,
        }
    }
}

/// Events that are lost before a listener received them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The sequence number of the first event that may be lost.
    pub from: u64,
    /// The sequence number of the last event that may be lost.
    pub to: u64,
    /// How many events of this listener are lost.
    pub count: u64,
    /// Whether `count` is an upper bound.
    pub at_most: bool,
    /// Why they are lost.
    pub reason: GapReason,
}

impl Gap {
    pub(crate) fn read(gap: &js::JsGap) -> Self {
        Self {
            from: whole(gap.from()),
            to: whole(gap.to()),
            count: whole(gap.count()),
            at_most: gap.at_most(),
            reason: GapReason::read(&gap.reason()),
        }
    }

    /// An item that was dropped from a full buffer, together with those before it.
    pub(crate) fn dropped<E>(before: Option<Self>, item: &TypedItem<E>) -> Option<Self> {
        let (from, to, count, at_most) = match item {
            TypedItem::Event(event) => (event.seq(), event.seq(), 1, false),
            TypedItem::Invalid(event, _) => (event.seq(), event.seq(), 1, false),
            TypedItem::Gap(gap) => (gap.from, gap.to, gap.count, gap.at_most),
            TypedItem::Ended(_) => return before,
        };
        let (first, last, lost, bound) = before.map_or((from, to, 0, false), |gap| {
            (gap.from, gap.to.max(to), gap.count, gap.at_most)
        });
        Some(Self {
            from: first,
            to: last,
            count: lost + count,
            at_most: bound || at_most,
            reason: GapReason::BufferFull,
        })
    }
}

/// The reason of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// This page was slower than the events for so long that its queue was full.
    QueueFull,
    /// More events came before the page listened, or while it reloaded, than the host keeps.
    HistoryFull,
    /// The host ended the session of this page, and the events since then are no longer kept.
    SessionEnded,
    /// They were older than they were to get.
    Expired,
    /// They are of another node, and were lost on their way to this one.
    LinkLost,
    /// The loop over this stream was too slow, and its buffer was full.
    BufferFull,
    /// A reason that this version does not know.
    Other,
}

impl GapReason {
    fn read(reason: &str) -> Self {
        match reason {
            "queue_full" => Self::QueueFull,
            "history_full" => Self::HistoryFull,
            "session_ended" => Self::SessionEnded,
            "expired" => Self::Expired,
            "link_lost" => Self::LinkLost,
            "buffer_full" => Self::BufferFull,
            _ => Self::Other,
        }
    }
}
