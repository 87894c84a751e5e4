use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;

use crate::api::bus::{EventBus, to_json};
use crate::api::jobs::JobChanges;
use crate::hub::Address;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Tick;
use crate::model::job::JobInfo;
use crate::model::job::MissedTickBehavior;
use crate::model::name::EventName;
use crate::model::selection::Selection;
use crate::model::target::Target;
use crate::periodic::job::{JobPlan, MAX_FAILURES, Payload, RunningJob};
use crate::periodic::jobs::Jobs;
use crate::periodic::schedule::Timing;
use crate::periodic::source::Sampler;

/// A periodic job before it starts; made by [`EventBus::periodic`].
///
/// Ticks come at a fixed rate on a clock that nobody can set, and that goes on while the machine sleeps. A tick that is late
/// by a whole interval is skipped and counted, unless [`JobBuilder::missed_ticks`] says otherwise.
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
pub struct JobBuilder<P = AnyPayload> {
    bus: EventBus,
    name: String,
    interval: Option<Duration>,
    to: Option<Target>,
    payload: Result<Payload>,
    sampled: Option<(Arc<str>, Arc<str>)>,
    timing: Timing,
    only_while_listened: bool,
    max_failures: Option<u64>,
    owner: Endpoint,
    id: Option<String>,
    replaces: bool,
    of: PhantomData<fn(P)>,
}

/// Stands in [`JobBuilder`] for payloads of any type.
#[derive(Debug)]
pub enum AnyPayload {}

impl<P> JobBuilder<P> {
    pub(crate) fn new(bus: EventBus, name: String) -> Self {
        Self {
            bus,
            name,
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
        self.sampled = None;
        self
    }

    /// Takes the payload of each tick from a source that [`Builder::job_source`](crate::Builder::job_source) has
    /// registered. After ten failures in a row the job stops, unless [`JobBuilder::max_failures`] says otherwise.
    ///
    /// A payload that is not of the event's type fails with [`ErrorCode::InvalidPayload`] as it would from a page.
    pub fn source(mut self, name: &str, args: impl Serialize) -> Self {
        self.payload = to_json(&self.name, &args).map(|args| {
            self.sampled = Some((name.into(), args.into()));
            Payload::Away
        });
        self
    }

    /// Ticks at once, too, not only after the first interval.
    pub fn immediate(mut self) -> Self {
        self.timing.is_immediate = true;
        self
    }

    /// Ends after this many ticks.
    pub fn count(mut self, ticks: u64) -> Self {
        self.timing.count = Some(ticks);
        self
    }

    /// Begins so much later: at most a year.
    pub fn start_delay(mut self, delay: Duration) -> Self {
        self.timing.start_delay = delay;
        self
    }

    /// What becomes of ticks that could not come in time.
    pub fn missed_ticks(mut self, policy: MissedTickBehavior) -> Self {
        self.timing.missed_ticks = policy;
        self
    }

    /// Lets each tick come later than it is scheduled by a random part of this, which is shorter than the interval, so that
    /// many jobs do not fire together. It does not add up.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.timing.jitter = most;
        self
    }

    /// Ticks only while somebody listens to the event, in a page or in Rust. Otherwise no payload is made and no tick is
    /// counted, until the first listener starts it again.
    pub fn only_while_listened(mut self) -> Self {
        self.only_while_listened = true;
        self
    }

    /// Stops the job after so many failures in a row.
    pub fn max_failures(mut self, failures: u64) -> Self {
        self.max_failures = Some(failures);
        self
    }

    /// Whose job it is: the app's, unless it is to end with a webview.
    pub fn owner(mut self, owner: Endpoint) -> Self {
        self.owner = owner;
        self
    }

    /// Gives the job an id, by which the app can stop it: 1 to 255 bytes without control characters. Without one it gets
    /// a random id.
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
    /// [`ErrorCode::UnknownTarget`], [`ErrorCode::UnknownSource`], [`ErrorCode::DuplicateJob`],
    /// [`ErrorCode::TooManyJobs`], and [`ErrorCode::InvalidArgument`] where an option makes no sense.
    pub fn start(self) -> Result<Job> {
        let interval = self.interval.ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidInterval,
                format!(
                    "the periodic event {:?} has no interval; call .every(…)",
                    self.name
                ),
            )
        })?;
        let runtime = self.bus.runtime();
        let core = &runtime.core;
        if let Endpoint::Webview(label) = &self.owner {
            let owner = Selection::of(&Target::webview(&**label))?;
            core.resolve_unannounced(&owner);
            core.hub().check_targets(&owner)?;
        }
        let name = EventName::parse_emitted(&self.name)?;
        self.bus.catalog().check_name(&name)?;
        let payload = match (self.payload?, &self.sampled) {
            (Payload::Away, Some((source, args))) => {
                Payload::Sampled(self.bus.sampler(&name, source, Arc::clone(args))?)
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
            payload,
            max_failures: self.max_failures.or(default_failures),
            sampled: self.sampled,
            only_while_listened: self.only_while_listened,
            owner: self.owner,
            source: self.bus.source().clone(),
            ..JobPlan::new(name, interval)
        };
        let job = runtime.jobs.start(plan, |_| true)?;
        Ok(Job {
            jobs: Arc::downgrade(&runtime.jobs),
            job,
            is_kept: false,
        })
    }
}

impl JobBuilder {
    /// The payload of every tick. Without one it is `null`.
    pub fn payload(self, payload: impl Serialize) -> Self {
        let json = to_json(&self.name, &payload);
        self.with_payload(json.map(|json| Payload::Fixed(json.into())))
    }

    /// Makes the payload of each tick when it is due, on a thread that may block. No tick comes before the one before it is
    /// made.
    ///
    /// A tick whose function panics, or whose payload is no JSON, counts as failed; the job goes on.
    pub fn payload_with<T, F>(self, mut make: F) -> Self
    where
        T: Serialize,
        F: FnMut(&Tick) -> T + Send + 'static,
    {
        let name = self.name.clone();
        self.with_payload(Ok(Payload::Sampled(Sampler::Blocking(Box::new(
            move |tick| to_json(&name, &make(tick)),
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

/// Keeps a periodic job. It stops when this is dropped; [`Job::forget`] keeps it for good.
#[must_use = "a periodic job stops when it is dropped; call .forget() to keep it"]
pub struct Job {
    jobs: Weak<Jobs>,
    job: Arc<RunningJob>,
    is_kept: bool,
}

impl Job {
    pub(crate) fn kept(jobs: &Arc<Jobs>, job: Arc<RunningJob>) -> Self {
        Self {
            jobs: Arc::downgrade(jobs),
            job,
            is_kept: true,
        }
    }

    /// The job's id, given or made up.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// The job as it stands, or as it stood when it ended.
    #[must_use]
    pub fn info(&self) -> JobInfo {
        match self.jobs.upgrade() {
            Some(jobs) => jobs.info(&self.job),
            None => self.job.info(|_| std::time::SystemTime::now()),
        }
    }

    /// Holds the job until it is resumed. One that is paused already stays so.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`] where it has ended.
    pub fn pause(&self) -> Result<()> {
        self.jobs()?.pause(&self.job)
    }

    /// Goes on where the job was paused: the rest of its interval is still to pass, and nothing is made up for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`] where it has ended.
    pub fn resume(&self) -> Result<()> {
        self.jobs()?.resume(&self.job)
    }

    /// Changes the job in place. It keeps its count, and the next tick comes the new interval after the one before.
    ///
    /// # Errors
    ///
    /// Those of [`JobBuilder::start`] for what is changed, and [`ErrorCode::UnknownJob`] where it has ended. Then
    /// nothing is changed.
    pub fn update(&self, change: JobChanges) -> Result<()> {
        let jobs = self.jobs()?;
        let change = change.read()?;
        jobs.update(&self.job, change)
    }

    fn jobs(&self) -> Result<Arc<Jobs>> {
        self.jobs
            .upgrade()
            .ok_or_else(|| Error::new(ErrorCode::Unavailable, "the app is gone"))
    }

    /// Keeps the job until it ends by itself or with its owner, or is stopped: by [`EventBus::stop_job`] a job of
    /// the app, by [`EventBus::find_job`] any.
    pub fn forget(mut self) {
        self.is_kept = true;
    }

    /// Stops the job, as dropping the guard of a job does that was just started.
    pub fn stop(mut self) {
        self.is_kept = false;
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Some(jobs) = self.jobs.upgrade() {
            // It may have ended by itself.
            let _ = jobs.stop(&self.job);
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Job").field(&self.id()).finish()
    }
}
