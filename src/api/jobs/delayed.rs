//! Events that are emitted once, later: jobs of one tick.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::api::bus::EventBus;
use crate::api::jobs::builder::JobBuilder;
use crate::api::jobs::job::Job;
use crate::api::target::IntoTarget;
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::interval::check_delay;
#[cfg(feature = "typed")]
use crate::model::json::Json;
use crate::periodic::job::OnceAt;
#[cfg(feature = "typed")]
use crate::periodic::job::Payload;
use crate::periodic::start::once_timing;

/// An event that is emitted once, later; made by [`EventBus::emit_after`] and [`EventBus::emit_at`].
///
/// It is a [job](crate::periodic) of one tick: [`EventBus::jobs`] lists it, and it is paused, stopped and owned as others.
///
/// ```
/// use std::time::Duration;
/// use tauri_plugin_event_bus::{EventBus, Result};
///
/// fn remind(bus: &EventBus) -> Result<()> {
///     bus.emit_after("tea:ready", Duration::from_secs(180), "Assam").to("main").start()?.forget();
///     Ok(())
/// }
/// # let _ = remind;
/// ```
#[must_use = "nothing is emitted without .start()"]
pub struct DelayedEmit {
    job: JobBuilder,
    when: When,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    After(Duration),
    At(OnceAt),
}

impl When {
    pub(crate) fn at(time: SystemTime) -> Self {
        Self::At(OnceAt {
            time,
            skips_missed: false,
        })
    }
}

impl EventBus {
    /// Prepares an event that is emitted after a delay of 1 ms to 365 days. The delay goes on while the machine sleeps.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// fn remind(bus: &EventBus) -> Result<()> {
    ///     bus.emit_after("tea:ready", Duration::from_secs(180), "Assam").start()?.forget();
    ///     Ok(())
    /// }
    /// # let _ = remind;
    /// ```
    pub fn emit_after(&self, name: &str, delay: Duration, payload: impl Serialize) -> DelayedEmit {
        DelayedEmit::new(self, name, When::After(delay), payload)
    }

    /// Prepares an event that is emitted at a time of day, at most 365 days ahead.
    ///
    /// It follows the clock of the machine, also where that is set. If the machine sleeps at that time, or the time is in the
    /// past, it was missed: the event comes at once, with [`Tick::missed`](crate::periodic::Tick::missed) 1, or not at all
    /// ([`DelayedEmit::skip_missed`]). It does not outlive the app.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// fn remind(bus: &EventBus) -> Result<()> {
    ///     let noon = SystemTime::now() + Duration::from_secs(3600);
    ///     bus.emit_at("lunch", noon, ()).skip_missed().start()?.forget();
    ///     Ok(())
    /// }
    /// # let _ = remind;
    /// ```
    pub fn emit_at(&self, name: &str, time: SystemTime, payload: impl Serialize) -> DelayedEmit {
        DelayedEmit::new(self, name, When::at(time), payload)
    }
}

impl DelayedEmit {
    /// One whose payload is written already.
    #[cfg(feature = "typed")]
    pub(crate) fn of_json(bus: EventBus, name: &str, when: When, payload: Result<Json>) -> Self {
        let payload = payload.map(|json| Payload::Fixed(json.shared()));
        let job: JobBuilder = JobBuilder::new(bus, name);
        Self {
            job: job.with_payload(payload).count(1),
            when,
        }
    }

    fn new(bus: &EventBus, name: &str, when: When, payload: impl Serialize) -> Self {
        let job: JobBuilder = JobBuilder::new(bus.clone(), name);
        Self {
            job: job.payload(payload).count(1),
            when,
        }
    }

    /// Emits it to this target instead of everyone.
    pub fn to(mut self, target: impl IntoTarget) -> Self {
        self.job = self.job.to(target);
        self
    }

    /// Sets the owner: the host by default. What a webview owns ends with the webview.
    pub fn owner(mut self, owner: Endpoint) -> Self {
        self.job = self.job.owner(owner);
        self
    }

    /// Sets the id of the job, by which it is found: 1 to 255 bytes without control characters. The default is a random id.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.job = self.job.id(id);
        self
    }

    /// Replaces a running job with the same id. Without this, such a job is an error.
    pub fn replace(mut self) -> Self {
        self.job = self.job.replace();
        self
    }

    /// Emits nothing if the time of [`EventBus::emit_at`] was missed by a second or more. The owner is notified with
    /// `event-bus:job-stopped` and the reason `missed`. A delay is never missed.
    pub fn skip_missed(mut self) -> Self {
        if let When::At(at) = &mut self.when {
            at.skips_missed = true;
        }
        self
    }

    /// Starts the delay. It is emitted unless the returned handle is dropped before; `.forget()` keeps it.
    ///
    /// # Errors
    ///
    /// Those of [`JobBuilder::start`], except for the interval, and
    /// [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): the delay is out of range.
    pub fn start(self) -> Result<Job> {
        match self.when {
            When::After(delay) => self.job.every(check_delay(delay)?).start(),
            When::At(at) => {
                let timing = once_timing(at.time, self.job.clock().wall())?;
                self.job
                    .every(timing.interval)
                    .immediate()
                    .once_at(at)
                    .start()
            }
        }
    }
}

impl std::fmt::Debug for DelayedEmit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DelayedEmit")
            .field("job", &self.job)
            .field("when", &self.when)
            .finish()
    }
}
