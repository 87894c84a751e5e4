use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use crate::flood::Flood;
use crate::hub::ids::SubscriberKey;
use crate::hub::{Address, Audience, NewEvent};
use crate::model::deferred::Guarded;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, Result};
use crate::model::event::{Provenance, Tick};
use crate::model::interval::MAX_DURATION;
use crate::model::job::{JobInfo, JobState};
use crate::model::json::Json;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::selection::weight_of_target;
use crate::periodic::source::Sampler;
use crate::periodic::timing::schedule::{Schedule, Timing};
use crate::permissions::Pace;
use crate::sync::{Mutex, MutexGuard, Notify, now};

/// The payload of the next tick.
pub(crate) enum Payload {
    /// Cheap to copy.
    Fixed(Json),
    Sampled(Sampler),
    /// The sampler is at work, and takes itself along.
    Away,
}

/// The default limit of failures in a row for a job with a source.
pub(crate) const MAX_FAILURES: u64 = 10;

/// A time of day, and what happens if it was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnceAt {
    pub(crate) time: SystemTime,
    /// Whether a missed tick is left out, instead of coming late.
    pub(crate) skips_missed: bool,
}

/// A tick that is late by this much was missed.
const MISSED_AFTER: Duration = Duration::from_secs(1);

impl OnceAt {
    /// Whether it was missed at this time.
    pub(super) fn is_missed(self, wall: SystemTime) -> bool {
        wall.duration_since(self.time)
            .is_ok_and(|late| late >= MISSED_AFTER)
    }
}

/// A job before its start.
pub(crate) struct JobPlan {
    pub(crate) id: Option<String>,
    pub(crate) name: EventName,
    pub(crate) timing: Timing,
    /// The time of day of its only tick, if it has one.
    pub(crate) once_at: Option<OnceAt>,
    pub(crate) to: Option<Address>,
    pub(crate) replaces: bool,
    pub(crate) payload: Payload,
    /// The name of the source and its arguments, if the payloads come from a source.
    pub(crate) sampled: Option<(Arc<str>, Json)>,
    pub(crate) only_while_listened: bool,
    /// How many failures in a row end it; `None` for no limit.
    pub(crate) max_failures: Option<u64>,
    pub(crate) owner: Endpoint,
    pub(crate) source: Endpoint,
    /// The component that starts it.
    pub(crate) component: Option<Arc<str>>,
    /// The page whose quota it counts against; `None` for jobs of the host.
    pub(crate) quota_owner: Option<Arc<str>>,
    /// The session of the page that starts it. The job does not start if the session has ended by then.
    pub(crate) page: Option<SubscriberKey>,
    /// Whether its events stay on this node.
    pub(crate) is_local: bool,
    /// The pace of this event, for all jobs of the quota owner together.
    pub(crate) pace: Option<Pace>,
    /// Counts the ticks of a page's job; `None` for jobs of the host.
    pub(crate) flood: Option<Arc<Flood>>,
}

impl JobPlan {
    /// A job of the host with defaults for everything but its event and interval.
    pub(crate) fn new(name: EventName, interval: Duration) -> Self {
        Self {
            id: None,
            name,
            timing: Timing::every(interval),
            once_at: None,
            to: None,
            replaces: false,
            payload: Payload::Fixed("null".into()),
            sampled: None,
            only_while_listened: false,
            max_failures: None,
            owner: Endpoint::Host,
            source: Endpoint::Host,
            component: None,
            quota_owner: None,
            is_local: false,
            pace: None,
            page: None,
            flood: None,
        }
    }
}

/// Changes of a running job; `None` changes nothing.
#[derive(Default)]
pub(crate) struct JobUpdate {
    pub(crate) interval: Option<Duration>,
    pub(crate) payload: Option<Json>,
    pub(crate) to: Option<Option<Address>>,
    /// Set if a page changes its own job.
    pub(crate) pace: Option<Option<Pace>>,
    /// Whether its ticks stay on this node; set with the pace.
    pub(crate) is_local: Option<bool>,
}

/// A started job.
pub(crate) struct RunningJob {
    pub(crate) number: u64,
    pub(crate) id: Arc<str>,
    pub(crate) name: EventName,
    pub(crate) owner: Endpoint,
    pub(crate) quota_owner: Option<Arc<str>>,
    pub(crate) sampled: Option<(Arc<str>, Json)>,
    pub(crate) only_while_listened: bool,
    pub(crate) max_failures: Option<u64>,
    pub(crate) source: Endpoint,
    pub(crate) once_at: Option<OnceAt>,
    /// The component that its ticks name.
    provenance: Option<Arc<Provenance>>,
    flood: Option<Arc<Flood>>,
    /// Locked while a tick is published, so that no tick comes once `stop` has returned. Always locked before the ledger
    /// and the hub.
    state: Mutex<State>,
    /// Notified when the job has ended, so that an asynchronous sampler is cancelled.
    pub(crate) ended: Notify,
}

pub(crate) struct State {
    pub(crate) schedule: Schedule,
    pub(crate) audience: Audience,
    pub(crate) payload: Payload,
    pub(crate) pace: Option<Pace>,
    pub(crate) is_stopped: bool,
    /// Whether a tick is in progress, so that the next one waits.
    pub(crate) is_busy: bool,
    /// Whether it waits for listeners.
    pub(crate) is_idle: bool,
    pub(crate) missed: u64,
    pub(crate) failed: u64,
    /// Failed ticks since the last one that was emitted.
    pub(crate) failures_in_a_row: u64,
    /// Those of them that count towards `max_failures`.
    pub(crate) counted_failures: u64,
    pub(crate) last_error: Option<Error>,
}

pub(crate) type StateGuard<'a> = Guarded<MutexGuard<'a, State>>;

impl RunningJob {
    pub(crate) fn new(number: u64, id: Arc<str>, plan: JobPlan, schedule: Schedule) -> Self {
        Self {
            number,
            id,
            name: plan.name,
            owner: plan.owner,
            quota_owner: plan.quota_owner,
            sampled: plan.sampled,
            only_while_listened: plan.only_while_listened,
            max_failures: plan.max_failures,
            source: plan.source,
            once_at: plan.once_at,
            provenance: Provenance::of(plan.component, Arc::default(), None),
            flood: plan.flood,
            state: Mutex::new(State {
                schedule,
                audience: Audience {
                    to: plan.to,
                    is_local: plan.is_local,
                    ..Audience::default()
                },
                payload: plan.payload,
                pace: plan.pace,
                is_stopped: false,
                is_busy: false,
                is_idle: false,
                missed: 0,
                failed: 0,
                failures_in_a_row: 0,
                counted_failures: 0,
                last_error: None,
            }),
            ended: Notify::new(),
        }
    }

    pub(crate) fn state(&self) -> StateGuard<'_> {
        Guarded::new(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops the ticks: none comes once this has returned.
    pub(crate) fn halt(&self) {
        self.state().is_stopped = true;
        self.ended.notify_one();
    }

    /// The label of the page that it belongs to or counts against.
    pub(crate) fn page_label(&self) -> Option<&str> {
        self.owner.label().or(self.quota_owner.as_deref())
    }

    /// The interval that a page which changes the job must be allowed, and the target. One tick keeps every interval.
    pub(crate) fn interval_and_target(&self, new: Option<Duration>) -> (Duration, Option<Address>) {
        let state = self.state();
        let timing = state.schedule.timing();
        let interval = match timing.count {
            Some(1) => MAX_DURATION,
            _ => new.unwrap_or(timing.interval),
        };
        (interval, state.audience.to.clone())
    }

    pub(crate) fn info(&self, time_of: impl Fn(Duration) -> SystemTime) -> JobInfo {
        let state = self.state();
        let timing = state.schedule.timing();
        let job_state = if state.is_stopped {
            JobState::Ended
        } else if state.schedule.is_paused() {
            JobState::Paused
        } else if state.is_idle {
            JobState::Idle
        } else {
            JobState::Running
        };
        let is_due = !state.is_stopped && job_state == JobState::Running;
        JobInfo {
            id: self.id.to_string(),
            number: self.number,
            event: self.name.as_str().to_owned(),
            interval: timing.interval,
            to: state.audience.to.as_ref().map(|to| to.target.clone()),
            is_immediate: timing.is_immediate,
            count: timing.count,
            ticks: state.schedule.ticks(),
            missed: state.missed,
            failed: state.failed,
            owner: self.owner.clone(),
            state: job_state,
            next_at: match self.once_at {
                Some(at) => state.schedule.due().filter(|_| is_due).map(|_| at.time),
                None => state.schedule.due().filter(|_| is_due).map(time_of),
            },
            at: self.once_at.map(|at| at.time),
            missed_ticks: timing.missed_ticks,
            only_while_listened: self.only_while_listened,
            jitter: timing.jitter,
            source: self.sampled.as_ref().map(|(name, _)| name.to_string()),
            max_failures: self.max_failures,
            last_error: state.last_error.clone(),
        }
    }

    /// Counts a tick of a page before its payload is made.
    pub(crate) fn count_tick(&self) -> Result<()> {
        match &self.flood {
            Some(flood) => flood.take_emit(0, now()),
            None => Ok(()),
        }
    }

    /// The event of a tick.
    pub(super) fn event_of(&self, tick: Tick, payload: Json) -> Result<NewEvent> {
        if let Some(flood) = &self.flood {
            if self.sampled.is_some() {
                flood.take_payload(payload.size(), now())?;
            } else {
                flood.take_emit(payload.size(), now())?;
            }
        }
        Ok(NewEvent {
            name: self.name.clone(),
            payload,
            source: self.source.clone(),
            tick: Some(Box::new(tick)),
            provenance: self.provenance.clone(),
            retain: None,
            lifetime: Lifetime::default(),
        })
    }
}

/// About how many bytes a job keeps.
pub(crate) fn weight_of(job: &RunningJob, payload: &Payload, to: Option<&Address>) -> usize {
    /// The parts without a length of their own.
    const ENVELOPE: usize = 512;
    let payload = match payload {
        Payload::Fixed(json) => json.weight(),
        Payload::Sampled(_) | Payload::Away => 0,
    };
    let sampled = job
        .sampled
        .as_ref()
        .map_or(0, |(name, args)| name.len() + args.weight());
    let to = to.map_or(0, |to| weight_of_target(&to.target));
    let provenance = job.provenance.as_deref().map_or(0, Provenance::weight);
    payload + sampled + job.id.len() + to + job.name.as_str().len() + provenance + ENVELOPE
}
