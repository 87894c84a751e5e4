//! Emitting an event, and waiting until it is handled.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;

use crate::api::bus::EventBus;
use crate::api::json::to_json;
use crate::api::options::EmitOptions;
use crate::api::request::{DEFAULT_TIMEOUT, check_timeout, refuse_on_the_main_thread};
use crate::api::target::IntoTarget;
use crate::engine::causes;
use crate::hub::receipts::{Outcomes, Place};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Receipt;
use crate::model::json::Json;
use crate::model::outcome::{Handled, PageOutcome};
use crate::model::tap::record::TapAction;
use crate::model::target::Target;

/// An event that is emitted when this is awaited; made by [`EventBus::emit_handled`].
///
/// Dropping the future before it is ready takes nothing back: the event is on its way, and only its outcomes are forgotten. On
/// the main thread, which the outcomes of pages have to pass, the future fails immediately with
/// [`ErrorCode::WouldBlock`](crate::ErrorCode::WouldBlock).
#[must_use = "an event is emitted when this is awaited"]
pub struct EmitHandled {
    bus: EventBus,
    name: String,
    payload: Result<Json>,
    options: EmitOptions,
    /// The target, if it is set here.
    to: Option<Target>,
    timeout: Duration,
}

impl EventBus {
    /// Emits an event, and waits until all pages and listeners that it is for have handled it, or cannot any more.
    ///
    /// A page has handled it when each of its handlers has returned; the promise of one with `{ sequential: true }` is awaited.
    /// The listeners in Rust have when each function has returned, and each future of
    /// [`ListenOptions::sequential`](crate::ListenOptions::sequential) is done. Readers of streams do not count. The event takes
    /// the way of every other event.
    ///
    /// # Errors
    ///
    /// By awaiting it, those of [`EventBus::emit_with`], and:
    ///
    /// - [`ErrorCode::QueueFull`](crate::ErrorCode::QueueFull): as many events as `receipts` wait for outcomes
    /// - [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): the timeout is out of range
    /// - [`ErrorCode::WouldBlock`](crate::ErrorCode::WouldBlock): awaited on the main thread; or in a listener, and other
    ///   listeners in Rust get the event: they run one at a time; or in the future of a sequential listener that gets it. Then
    ///   the event is emitted.
    ///
    /// A receiver that fails is no error: see [`Outcome`](crate::receipts::Outcome).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn save_all(bus: EventBus) -> Result<bool> {
    ///     let saved = bus.emit_handled("app:closing", ()).timeout(Duration::from_secs(5)).await?;
    ///     Ok(saved.is_handled())
    /// }
    /// # let _ = save_all;
    /// ```
    pub fn emit_handled(&self, name: &str, payload: impl Serialize) -> EmitHandled {
        EmitHandled::of_json(self, name, to_json(name, &payload))
    }
}

impl EmitHandled {
    pub(super) fn of_json(bus: &EventBus, name: &str, payload: Result<Json>) -> Self {
        Self {
            // The future may be polled on any thread, so the causes are taken now.
            bus: bus.with_current_causes(),
            name: name.to_owned(),
            payload,
            options: EmitOptions::new(),
            to: None,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Emits to this target only, as [`EventBus::emit_to`] does.
    pub fn to(mut self, target: impl IntoTarget) -> Self {
        self.to = Some(target.into_target());
        self
    }

    /// Emits with these options. A target that [`EmitHandled::to`] has set stays.
    pub fn options(mut self, options: EmitOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets how long to wait: 1 ms to 24 hours, 30 seconds by default. A receiver that has told nothing by then gets
    /// [`Outcome::Timeout`](crate::receipts::Outcome::Timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn send(self) -> Result<Handled> {
        let name = self.bus.full_name(&self.name)?;
        let timeout = check_timeout(self.timeout);
        let timeout = self.bus.note_refused(TapAction::Emit, &name, timeout)?;
        let options = match self.to {
            Some(to) => self.options.to(to),
            None => self.options,
        };
        let (event, audience) = self.bus.prepare_json(&name, self.payload, options)?;
        let core = &self.bus.runtime().core;
        let (receipt, wait) = core.publish_tracked(event, &audience, timeout)?;
        let read_from = causes::read_from();
        if read_from.is_some_and(|queue| core.hub().waits_in(queue, receipt.seq)) {
            return Err(Error::new(
                ErrorCode::WouldBlock,
                format!(
                    "emit_handled of {:?} has emitted its event, and was awaited in a listener that has to return before the event is handled; await it in a task",
                    self.name
                ),
            ));
        }
        Ok(handled(receipt, wait.await))
    }
}

fn handled(receipt: Receipt, outcomes: Outcomes) -> Handled {
    let mut handled = Handled {
        receipt,
        pages: Vec::new(),
        listeners: None,
    };
    for (place, outcome) in outcomes {
        match place {
            Place::Listeners => handled.listeners = Some(outcome),
            Place::Page(_, label) => handled.pages.push(PageOutcome {
                page: label.to_string(),
                outcome,
            }),
        }
    }
    handled
        .pages
        .sort_by(|one, other| one.page.cmp(&other.page));
    handled
}

impl IntoFuture for EmitHandled {
    type Output = Result<Handled>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let (bus, name) = (self.bus.clone(), self.name.clone());
        if self.to == Some(Target::host()) {
            return Box::pin(self.send());
        }
        let what = move || {
            format!(
                "emit_handled of {name:?} was awaited on the main thread, which the outcomes of pages have to pass"
            )
        };
        Box::pin(async move { refuse_on_the_main_thread(&bus, what, self.send()).await })
    }
}

impl std::fmt::Debug for EmitHandled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmitHandled")
            .field("name", &self.name)
            .field("options", &self.options)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
