use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::api::bus::EventBus;
use crate::api::jobs::job::Job;
use crate::api::json::to_json;
use crate::api::target::IntoTarget;
use crate::hub::Address;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Tick;
use crate::model::job::MissedTickBehavior;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::selection::Selection;
use crate::model::target::Target;
use crate::periodic::job::{JobPlan, MAX_FAILURES, OnceAt, Payload};
use crate::periodic::source::Sampler;
use crate::periodic::timing::schedule::Timing;
use crate::sync::BusClock;

/// A job before its start; made by [`EventBus::periodic`].
///
/// Ticks come at a fixed rate, on a steady clock that goes on while the machine sleeps. A tick that is late by a whole
/// interval is skipped and counted, unless [`JobBuilder::missed_ticks`] says otherwise.
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
#[must_use = "a job does nothing until .start()"]
pub struct JobBuilder<P = AnyPayload> {
    bus: EventBus,
    name: String,
    interval: Option<Duration>,
    to: Option<Target>,
    payload: Result<Payload>,
    /// The name of a source and its arguments.
    sampled: Option<(Arc<str>, Json)>,
    timing: Timing,
    only_while_listened: bool,
    max_failures: Option<u64>,
    owner: Endpoint,
    id: Option<String>,
    replaces: bool,
    once_at: Option<OnceAt>,
    payload_type: PhantomData<fn(P)>,
}

/// The type parameter of a [`JobBuilder`] whose payload may have any type.
#[derive(Debug)]
pub enum AnyPayload {}

impl EventBus {
    /// Prepares a job: an event that the plugin emits by itself, at a fixed rate.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// fn start_clock(bus: &EventBus) -> Result<()> {
    ///     bus.periodic("clock:tick").every(Duration::from_secs(1)).start()?.forget();
    ///     Ok(())
    /// }
    /// # let _ = start_clock;
    /// ```
    pub fn periodic(&self, name: &str) -> JobBuilder {
        JobBuilder::new(self.clone(), name)
    }

    /// The sampler of a job whose payloads come from a registered source.
    pub(crate) fn sampler(&self, name: &EventName, source: &str, args: Json) -> Result<Sampler> {
        let sampler = self.runtime().jobs.sampler(source, args)?;
        if !self.catalog().checks(name) {
            return Ok(sampler);
        }
        let (catalog, name) = (self.catalog().clone(), name.clone());
        Ok(sampler.checked(move |json| catalog.check_payload(&name, json)))
    }

    /// Adds the registered sources to the error of a job of the host.
    fn name_sources(&self, error: &Error) -> Error {
        let names = self.runtime().jobs.sources().names();
        let names: Vec<String> = names.into_iter().map(quoted).collect();
        let list = match names.is_empty() {
            true => "no source is registered".to_owned(),
            false => format!("the registered sources are {}", names.join(", ")),
        };
        Error::new(error.code(), format!("{}; {list}", error.message()))
    }
}

impl<P> JobBuilder<P> {
    pub(crate) fn new(bus: EventBus, name: &str) -> Self {
        Self {
            name: bus.join_prefix(name).into_owned(),
            bus,
            interval: None,
            to: None,
            payload: Ok(Payload::Fixed("null".into())),
            sampled: None,
            timing: Timing::every(Duration::ZERO),
            only_while_listened: false,
            max_failures: None,
            owner: Endpoint::Host,
            id: None,
            replaces: false,
            once_at: None,
            payload_type: PhantomData,
        }
    }

    pub(super) fn clock(&self) -> BusClock {
        self.bus.runtime().core.clock()
    }

    /// Sets the time from one tick to the next: 1 ms to 365 days. Required.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Ticks once, at this time of day.
    pub(super) fn once_at(mut self, at: OnceAt) -> Self {
        self.once_at = Some(at);
        self
    }

    /// Sends the ticks to this target instead of everyone.
    pub fn to(mut self, target: impl IntoTarget) -> Self {
        self.to = Some(target.into_target());
        self
    }

    pub(crate) fn with_payload(mut self, payload: Result<Payload>) -> Self {
        self.payload = payload;
        self.sampled = None;
        self
    }

    /// Takes the payload of each tick from a source that is registered with
    /// [`Builder::job_source`](crate::Builder::job_source). The job stops after ten failures in a row, unless
    /// [`JobBuilder::max_failures`] says otherwise.
    ///
    /// If the event is typed and checked, a payload that does not match its type fails the tick with
    /// [`ErrorCode::InvalidPayload`].
    pub fn source(mut self, name: &str, args: impl Serialize) -> Self {
        self.payload = to_json(&self.name, &args).map(|args| {
            self.sampled = Some((name.into(), args.shared()));
            Payload::Away
        });
        self
    }

    /// Emits the first tick immediately, instead of after the first interval.
    pub fn immediate(mut self) -> Self {
        self.timing.is_immediate = true;
        self
    }

    /// Ends the job after this many ticks: at least 1.
    pub fn count(mut self, ticks: u64) -> Self {
        self.timing.count = Some(ticks);
        self
    }

    /// Starts the schedule this much later: at most 365 days.
    pub fn start_delay(mut self, delay: Duration) -> Self {
        self.timing.start_delay = delay;
        self
    }

    /// Sets what happens to ticks that could not come in time: [`MissedTickBehavior::Skip`] by default.
    pub fn missed_ticks(mut self, behavior: MissedTickBehavior) -> Self {
        self.timing.missed_ticks = behavior;
        self
    }

    /// Delays each tick by a random part of `max`, so that many jobs do not fire together. It must be shorter than the
    /// interval. Delays do not add up.
    pub fn jitter(mut self, max: Duration) -> Self {
        self.timing.jitter = max;
        self
    }

    /// Ticks only while the event has a listener, in a page or in the host. Otherwise the job makes no payload and counts
    /// no tick; the first listener starts it again.
    pub fn only_while_listened(mut self) -> Self {
        self.only_while_listened = true;
        self
    }

    /// Stops the job after this many failures in a row: at least 1.
    pub fn max_failures(mut self, failures: u64) -> Self {
        self.max_failures = Some(failures);
        self
    }

    /// Sets the owner: the host by default. A job that a webview owns ends with the webview.
    pub fn owner(mut self, owner: Endpoint) -> Self {
        self.owner = owner;
        self
    }

    /// Sets the id of the job, by which the host can control it: 1 to 255 bytes without control characters. The default
    /// is a random id.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Replaces a running job with the same id. Without this, such a job is an error.
    pub fn replace(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// Starts the job. It runs until the returned handle is dropped, or beyond that after `.forget()`.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::InvalidInterval`]: no interval, or one out of range
    /// - [`ErrorCode::InvalidEventName`], [`ErrorCode::ReservedEventName`]
    /// - [`ErrorCode::InvalidPayload`], [`ErrorCode::PayloadTooLarge`]
    /// - [`ErrorCode::UnknownTarget`]: there is no such webview, as a target or as the owner
    /// - [`ErrorCode::InvalidPattern`]: invalid glob of labels
    /// - [`ErrorCode::UnknownSource`]: no source with that name is registered
    /// - [`ErrorCode::DuplicateJob`]: a job with that id is running
    /// - [`ErrorCode::TooManyJobs`]: as many jobs as `jobs` are running
    /// - [`ErrorCode::InvalidArgument`]: an option is out of range
    /// - [`ErrorCode::Unavailable`]: the app is exiting
    pub fn start(self) -> Result<Job> {
        let interval = self.interval.ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidInterval,
                format!("the job of {:?} has no interval; call .every(…)", self.name),
            )
        })?;
        let runtime = self.bus.runtime();
        let core = &runtime.core;
        if let Endpoint::Webview(label) = &self.owner {
            let owner = Selection::of(&Target::webview(&**label))?;
            core.resolve_unannounced(&owner);
            core.hub().check_targets(&owner)?;
        }
        self.bus.check_prefix()?;
        let name = EventName::parse_emitted(&self.name)?;
        self.bus.catalog().check_name(&name)?;
        let payload = match (self.payload?, &self.sampled) {
            (Payload::Away, Some((source, args))) => {
                let sampler = self.bus.sampler(&name, source, args.clone());
                Payload::Sampled(sampler.map_err(|error| self.bus.name_sources(&error))?)
            }
            (payload, _) => payload,
        };
        let default_failures = self.sampled.as_ref().map(|_| MAX_FAILURES);
        let plan = JobPlan {
            id: self.id,
            timing: Timing {
                interval,
                ..self.timing
            },
            to: self.to.map(Address::of).transpose()?,
            replaces: self.replaces,
            once_at: self.once_at,
            payload,
            max_failures: self.max_failures.or(default_failures),
            sampled: self.sampled,
            only_while_listened: self.only_while_listened,
            owner: self.owner,
            source: self.bus.source().clone(),
            component: self.bus.component_name()?,
            ..JobPlan::new(name, interval)
        };
        let job = runtime.jobs.start(plan, |_| true)?;
        Ok(Job::guarding(&runtime.jobs, job))
    }
}

impl JobBuilder {
    /// Sets the payload of every tick; the default is `null`.
    pub fn payload(self, payload: impl Serialize) -> Self {
        let json = to_json(&self.name, &payload);
        self.with_payload(json.map(|json| Payload::Fixed(json.shared())))
    }

    /// Makes the payload of each tick when it is due, on a thread that may block. No tick comes while the payload of the
    /// previous one is being made.
    ///
    /// A tick fails if the function panics, or if its result cannot be serialized as JSON. The job goes on.
    pub fn payload_with<T, F>(self, mut sample: F) -> Self
    where
        T: Serialize,
        F: FnMut(&Tick) -> T + Send + 'static,
    {
        let name = self.name.clone();
        self.with_payload(Ok(Payload::Sampled(Sampler::Blocking(Box::new(
            move |tick| to_json(&name, &sample(tick)),
        )))))
    }
}

impl<P> std::fmt::Debug for JobBuilder<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobBuilder")
            .field("name", &self.name)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}
