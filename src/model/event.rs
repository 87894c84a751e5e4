use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::audience::Audience;
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::json::Json;
use crate::model::name::EventName;
pub(crate) use crate::model::provenance::{Origin, Provenance};
use crate::model::traceparent::Traceparent;

/// An event as a host listener receives it. TypeScript has a type of the same name. Cheap to clone: all copies share
/// one payload.
#[derive(Debug, Clone)]
pub struct BusEvent {
    accepted: Arc<Accepted>,
    mark: Mark,
}

/// How an event reached one listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) replayed: bool,
    pub(crate) retained: bool,
    pub(crate) superseded: u64,
    /// The number of the first event that it superseded; 0 if there is none.
    pub(crate) superseded_from: u64,
    /// Whether it is kept until a subscription has handled it, and receivers tell whether they have.
    pub(crate) until_consumed: bool,
    /// Whether it was delivered before.
    pub(crate) redelivered: bool,
    /// Whether its emitter waits for what becomes of it.
    pub(crate) is_tracked: bool,
}

/// An accepted event: everything that is the same for all of its receivers.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) seq: u64,
    pub(crate) name: EventName,
    pub(crate) payload: Json,
    pub(crate) accepted_at: SystemTime,
    pub(crate) source: Endpoint,
    pub(crate) provenance: Option<Arc<Provenance>>,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few events have.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    pub(crate) tick: Option<Box<Tick>>,
    /// Whom it is for, if it is not for everyone. Only compatible mode and bridges to Tauri's events read that.
    pub(crate) audience: Option<Arc<Audience>>,
    /// The time of the steady clock from which it counts no more.
    pub(crate) expires_at: Option<Duration>,
}

impl Rare {
    /// `None` if there is nothing.
    #[inline]
    pub(crate) fn of(
        tick: Option<Box<Tick>>,
        audience: Option<Arc<Audience>>,
        expires_at: Option<Duration>,
    ) -> Option<Box<Self>> {
        let is_empty = tick.is_none() && audience.is_none() && expires_at.is_none();
        (!is_empty).then(|| {
            Box::new(Self {
                tick,
                audience,
                expires_at,
            })
        })
    }
}

// With its counts, an event is at most 120 bytes. Common allocators keep pieces of up to this size for each thread or
// without a lock, and an event is freed on another thread than the one that made it.
const _: () = assert!(size_of::<Accepted>() <= 104);

impl Accepted {
    fn tick(&self) -> Option<&Tick> {
        self.rare.as_ref()?.tick.as_deref()
    }

    /// At least as many bytes as it takes in a batch, without the ids of its subscriptions.
    fn weight(&self) -> usize {
        let source = source_length(&self.source);
        let tick = self.tick().map_or(0, |tick| ENVELOPE + tick.job.len());
        weight_of(&self.name, &self.payload, self.provenance.as_deref()) + source + tick
    }
}

/// The most bytes of the parts of an event whose length is fixed.
const ENVELOPE: usize = 192;

/// Which tick of a job an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// The id of the job.
    pub job: Arc<str>,
    /// Counts the job's ticks, from 1.
    pub count: u64,
    /// When the tick was due. It may have been emitted later.
    pub scheduled_at: SystemTime,
    /// How many ticks directly before this one were skipped, because they were late by a whole interval.
    pub missed: u64,
}

impl Mark {
    /// The mark of an event that is delivered a second time, from a backlog.
    pub(crate) fn again(self) -> Self {
        Self {
            replayed: self.replayed || !self.retained,
            ..self
        }
    }
}

impl BusEvent {
    pub(crate) fn new(accepted: Accepted) -> Self {
        Self {
            accepted: Arc::new(accepted),
            mark: Mark::default(),
        }
    }

    pub(crate) fn marked(&self, mark: Mark) -> Self {
        Self {
            accepted: Arc::clone(&self.accepted),
            mark,
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// The event with or without an emitter that waits for what becomes of it.
    pub(crate) fn tracked(&self, is_tracked: bool) -> Self {
        self.marked(Mark {
            is_tracked,
            ..self.mark
        })
    }

    pub(crate) fn audience(&self) -> Option<&Audience> {
        self.accepted.rare.as_ref()?.audience.as_deref()
    }

    pub(crate) fn expires_at(&self) -> Option<Duration> {
        self.accepted.rare.as_ref()?.expires_at
    }

    /// The event without its payload, to be counted only.
    pub(crate) fn without_payload(&self) -> Self {
        let own = &*self.accepted;
        Self {
            accepted: Arc::new(Accepted {
                seq: own.seq,
                name: own.name.clone(),
                payload: "null".into(),
                accepted_at: own.accepted_at,
                source: own.source.clone(),
                provenance: None,
                rare: own
                    .rare
                    .as_ref()
                    .and_then(|rare| Rare::of(None, rare.audience.clone(), rare.expires_at)),
            }),
            mark: self.mark,
        }
    }

    pub(crate) fn event_name(&self) -> &EventName {
        &self.accepted.name
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.accepted.name.as_str()
    }

    /// The payload as JSON text, byte for byte as it was emitted. In the place of [`Bytes`](crate::Bytes) it has `null`;
    /// [`BusEvent::payload`] reads them.
    #[must_use]
    pub fn payload_json(&self) -> &str {
        &self.accepted.payload
    }

    /// The payload as a value of your type.
    ///
    /// Bytes are read as [`Bytes`](crate::Bytes). A `Vec<u8>` or a `serde_json::Value` in their place gets an array of
    /// numbers.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload) if the JSON does not match `T`. The message has the path, and the source is the error
    /// of serde.
    ///
    /// ```
    /// # fn show(event: &tauri_plugin_event_bus::BusEvent) -> tauri_plugin_event_bus::Result<()> {
    /// #[derive(serde::Deserialize)]
    /// #[serde(rename_all = "camelCase")]
    /// struct Cart { item_count: u32 }
    ///
    /// let cart: Cart = event.payload()?;
    /// println!("{} items", cart.item_count);
    /// # Ok(())
    /// # }
    /// ```
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        self.json().read().map_err(|mismatch| {
            mismatch.into_error::<T>(format_args!("the payload of {:?}", self.name()))
        })
    }

    pub(crate) fn json(&self) -> &Json {
        &self.accepted.payload
    }

    /// The event's number in the order of the whole app, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.accepted.seq
    }

    /// When the event was accepted.
    #[must_use]
    pub fn timestamp(&self) -> SystemTime {
        self.accepted.accepted_at
    }

    /// Who emitted it.
    #[must_use]
    pub fn source(&self) -> &Endpoint {
        &self.accepted.source
    }

    /// The name of the component that emitted it, if one did: see [`Component`](crate::component::Component).
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        self.accepted.provenance.as_ref()?.component.as_deref()
    }

    /// The names of the events that caused it, oldest first. Empty if it has no known cause.
    ///
    /// ```
    /// # fn show(event: &tauri_plugin_event_bus::BusEvent) {
    /// let chain: Vec<&str> = event.causes().collect();
    /// println!("{} after {}", event.name(), chain.join(" → "));
    /// # }
    /// ```
    pub fn causes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.chain().iter().map(EventName::as_str)
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it: see
    /// [`Builder::trace_context`](crate::Builder::trace_context).
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.trace().map(Traceparent::as_str)
    }

    pub(crate) fn trace(&self) -> Option<&Traceparent> {
        self.provenance()?.traceparent.as_ref()
    }

    pub(crate) fn provenance(&self) -> Option<&Provenance> {
        self.accepted.provenance.as_deref()
    }

    /// The number of its causes.
    #[must_use]
    pub fn hops(&self) -> usize {
        self.chain().len()
    }

    fn chain(&self) -> &[EventName] {
        let provenance = self.accepted.provenance.as_ref();
        provenance.map_or(&[], |provenance| &provenance.causes)
    }

    /// The causes of the events that it causes.
    pub(crate) fn as_cause(&self) -> Box<[EventName]> {
        let own = std::iter::once(&self.accepted.name);
        self.chain().iter().chain(own).cloned().collect()
    }

    /// The causes and the trace of what it causes.
    pub(crate) fn as_origin(&self) -> Origin {
        Origin::after(&self.accepted.name, self.provenance())
    }

    /// The number of the first event that is lost if this one is, and how many are.
    pub(crate) fn stands_for(&self) -> (u64, u64) {
        match self.mark.superseded {
            0 => (self.seq(), 1),
            superseded => (self.mark.superseded_from, superseded + 1),
        }
    }

    /// Which tick of which job it is, if a job emitted it.
    #[must_use]
    pub fn tick(&self) -> Option<&Tick> {
        self.accepted.tick()
    }

    /// Whether it is a retained event from before this listener.
    #[must_use]
    pub fn is_retained(&self) -> bool {
        self.mark.retained
    }

    /// Whether it was delivered before, to a subscription that has not handled it: see [`Until::Consumed`].
    ///
    /// [`Until::Consumed`]: crate::Until::Consumed
    #[must_use]
    pub fn is_redelivered(&self) -> bool {
        self.mark.redelivered
    }

    /// How many events of the same name it replaced while it waited, where the policy is `latest`.
    #[must_use]
    pub fn superseded(&self) -> u64 {
        self.mark.superseded
    }

    /// Whether it directly follows `before` and differs from it only in time and payload. A tick never does.
    pub(crate) fn continues(&self, before: &Self) -> bool {
        let (own, other) = (&*self.accepted, &*before.accepted);
        own.seq == other.seq + 1
            && self.mark == before.mark
            && own.name == other.name
            && own.source == other.source
            && own.provenance == other.provenance
            && own.tick().is_none()
            && other.tick().is_none()
    }

    /// The bytes that the event counts for in a limited queue.
    pub(crate) fn weight(&self) -> usize {
        self.accepted.weight()
    }
}

/// The length of the name of a page or of a node.
pub(crate) fn source_length(source: &Endpoint) -> usize {
    match source {
        Endpoint::Webview(name) | Endpoint::Node(name) => name.len(),
        _ => 0,
    }
}

pub(crate) fn weight_of(
    name: &EventName,
    payload: &Json,
    provenance: Option<&Provenance>,
) -> usize {
    payload.weight() + name.as_str().len() + ENVELOPE + provenance.map_or(0, Provenance::weight)
}

/// The receipt of an accepted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipt {
    /// The event's number in the order of the whole app, from 1.
    pub seq: u64,
    /// The number of pages that will receive it. A page whose queue takes only events that are never dropped gets a gap
    /// instead.
    pub pages: usize,
    /// The number of listeners and streams of the host that will receive it.
    pub listeners: usize,
    /// Whether it is on its way to other nodes, over a link. As JSON it is there only if it is `true`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub linked: bool,
}

/// Events that are lost before a listener received them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The sequence number of the first lost event.
    pub from: u64,
    /// The sequence number of the last lost event.
    pub to: u64,
    /// How many events of this listener are lost.
    pub count: u64,
    /// Whether `count` is an upper bound.
    pub at_most: bool,
    /// Why they are lost.
    pub reason: GapReason,
}

/// The reason of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapReason {
    /// The queue of the listener was full, since it was slower than the events for too long.
    QueueFull,
    /// More events came before the page listened, or while it reloaded, than the backlog keeps.
    HistoryFull,
    /// The page's session ended, and the events since then are no longer kept.
    SessionEnded,
    /// They were older than they were to get: see [`Policy::expires`](crate::Policy::expires).
    Expired,
    /// They are of another node, and were lost on their way to this one.
    LinkLost,
}

impl GapReason {
    pub(crate) const ALL: [Self; 5] = [
        Self::QueueFull,
        Self::HistoryFull,
        Self::SessionEnded,
        Self::Expired,
        Self::LinkLost,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::HistoryFull => "history_full",
            Self::SessionEnded => "session_ended",
            Self::Expired => "expired",
            Self::LinkLost => "link_lost",
        }
    }
}

/// Milliseconds since the Unix epoch, with microseconds as the fraction.
pub(crate) fn unix_millis(time: SystemTime) -> f64 {
    // A double holds every microsecond until the year 2255.
    unix_micros(time) as f64 / 1000.0
}

pub(crate) fn unix_micros(time: SystemTime) -> i64 {
    let since_epoch = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let micros = i64::try_from(since_epoch.as_secs())
        .ok()
        .and_then(|seconds| seconds.checked_mul(1_000_000))
        .and_then(|micros| micros.checked_add(i64::from(since_epoch.subsec_micros())));
    micros.unwrap_or(i64::MAX)
}
