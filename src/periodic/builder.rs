use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;

use crate::bus::{EventBus, to_json};
use crate::engine::Engine;
use crate::error::{Error, ErrorCode, Result};
use crate::event::Tick;
use crate::hub::Address;
use crate::name::EventName;
use crate::periodic::job::{Job, JobOwner, JobPlan, Jobs, Payload, PeriodicInfo};
use crate::target::Target;

/// A periodic job before it starts; made by [`EventBus::periodic`].
///
/// Ticks come at a fixed rate on a monotonic clock. A tick that is late by a whole interval is skipped and counted.
///
/// ```
/// use std::time::Duration;
/// use tauri_plugin_event_bus::{EventBus, Result};
///
/// fn start_clock(bus: &EventBus) -> Result<()> {
///     bus.periodic("clock:tick")
///         .every(Duration::from_secs(10))
///         .to("main")
///         .payload_with(|tick| tick.count)
///         .start()?
///         .forget();
///     Ok(())
/// }
/// # let _ = start_clock;
/// ```
#[must_use = "a periodic job does nothing until .start()"]
pub struct PeriodicBuilder<P = AnyPayload> {
    bus: EventBus,
    name: String,
    interval: Option<Duration>,
    to: Option<Target>,
    payload: Result<Payload>,
    is_immediate: bool,
    count: Option<u64>,
    id: Option<String>,
    replaces: bool,
    of: PhantomData<fn(P)>,
}

/// Stands in [`PeriodicBuilder`] for payloads of any type.
#[derive(Debug)]
pub enum AnyPayload {}

impl<P> PeriodicBuilder<P> {
    pub(crate) fn new(bus: EventBus, name: String) -> Self {
        Self {
            bus,
            name,
            interval: None,
            to: None,
            payload: Ok(Payload::Fixed("null".into())),
            is_immediate: false,
            count: None,
            id: None,
            replaces: false,
            of: PhantomData,
        }
    }

    /// The time from one tick to the next: at least one millisecond, at most a year.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sends the ticks to this target instead of everyone.
    pub fn to(mut self, target: impl Into<Target>) -> Self {
        self.to = Some(target.into());
        self
    }

    pub(crate) fn with_payload(mut self, payload: Result<Payload>) -> Self {
        self.payload = payload;
        self
    }

    /// Ticks at once, too, not only after the first interval.
    pub fn immediate(mut self) -> Self {
        self.is_immediate = true;
        self
    }

    /// Ends after this many ticks.
    pub fn count(mut self, ticks: u64) -> Self {
        self.count = Some(ticks);
        self
    }

    /// Gives the job an id, by which the app can stop it. Without one it gets a random id.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Stops a running job of the same id first. Otherwise that is an error.
    pub fn replace(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// Starts the job, which runs as long as the returned guard, or for good after `.forget()`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidInterval`] without an interval or with one out of range, [`ErrorCode::InvalidEventName`],
    /// [`ErrorCode::ReservedEventName`], [`ErrorCode::InvalidPayload`], [`ErrorCode::PayloadTooLarge`],
    /// [`ErrorCode::UnknownTarget`], [`ErrorCode::DuplicateJob`], [`ErrorCode::TooManyJobs`].
    pub fn start(self) -> Result<Periodic> {
        let interval = self.interval.ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidInterval,
                format!(
                    "the periodic event {:?} has no interval; call .every(…)",
                    self.name
                ),
            )
        })?;
        let engine = Arc::clone(self.bus.engine());
        let name = EventName::parse(&self.name)?;
        self.bus.catalog().check_name(&name)?;
        let plan = JobPlan {
            id: self.id,
            name,
            interval,
            is_immediate: self.is_immediate,
            count: self.count,
            to: self.to.map(Address::of).transpose()?,
            replaces: self.replaces,
            payload: self.payload?,
            owner: JobOwner::Host,
            source: self.bus.source().clone(),
            flood: None,
        };
        let job = Jobs::start(&engine, plan)?;
        Ok(Periodic {
            engine: Arc::downgrade(&engine),
            job,
            is_kept: false,
        })
    }
}

impl PeriodicBuilder {
    /// The payload of every tick. Without one it is `null`.
    pub fn payload(self, payload: impl Serialize) -> Self {
        let json = to_json(&self.name, &payload);
        self.with_payload(json.map(|json| Payload::Fixed(json.into())))
    }

    /// Makes the payload of each tick when it is due.
    ///
    /// A tick whose function panics, or whose payload is no JSON, counts as failed; the job goes on.
    pub fn payload_with<T, F>(self, mut make: F) -> Self
    where
        T: Serialize,
        F: FnMut(&Tick) -> T + Send + 'static,
    {
        let name = self.name.clone();
        self.with_payload(Ok(Payload::Made(Box::new(move |tick| {
            to_json(&name, &make(tick))
        }))))
    }
}

impl<P> std::fmt::Debug for PeriodicBuilder<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeriodicBuilder")
            .field("name", &self.name)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// Keeps a periodic job. It stops when this is dropped; [`Periodic::forget`] keeps it for good.
#[must_use = "a periodic job stops when it is dropped; call .forget() to keep it"]
pub struct Periodic {
    engine: Weak<Engine>,
    job: Arc<Job>,
    is_kept: bool,
}

impl Periodic {
    /// The job's id, given or made up.
    #[must_use]
    pub fn id(&self) -> &str {
        self.job.id()
    }

    /// The job as it stands.
    #[must_use]
    pub fn info(&self) -> PeriodicInfo {
        self.job.info()
    }

    /// Keeps the job until the app exits, its count is reached or [`EventBus::stop_periodic`] stops it.
    pub fn forget(mut self) {
        self.is_kept = true;
    }

    /// Stops the job, as dropping it does.
    pub fn stop(self) {}
}

impl Drop for Periodic {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Some(engine) = self.engine.upgrade() {
            engine.jobs.end(&self.job);
        }
    }
}

impl std::fmt::Debug for Periodic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Periodic").field(&self.id()).finish()
    }
}
