use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use crate::engine::core::Core;
use crate::engine::reply::Reply;
use crate::flood::Flood;
use crate::hub::ids::SubscriberKey;
use crate::hub::{Address, Audience, EmitEffects, NewEvent};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, Result};
use crate::model::event::Tick;
use crate::model::job::{JobInfo, JobState};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::selection::weight_of_target;
use crate::periodic::schedule::{Schedule, Timing};
use crate::periodic::source::Sampler;
use crate::sync::{Mutex, MutexGuard, Notify, now};

/// What a job emits.
pub(crate) enum Payload {
    Fixed(Arc<str>),
    Sampled(Sampler),
    /// It is being made, by what made the ones before.
    Away,
}

/// How many failures in a row end a job that has a source, unless it says otherwise.
pub(crate) const MAX_FAILURES: u64 = 10;

/// A job before it is started.
pub(crate) struct JobPlan {
    pub(crate) id: Option<String>,
    pub(crate) name: EventName,
    pub(crate) timing: Timing,
    pub(crate) to: Option<Address>,
    pub(crate) replaces: bool,
    pub(crate) payload: Payload,
    /// The name of the source, and its arguments, where the payload comes from one.
    pub(crate) sampled: Option<(Arc<str>, Arc<str>)>,
    pub(crate) only_while_listened: bool,
    /// How many failures in a row end it; none, if there is no number.
    pub(crate) max_failures: Option<u64>,
    pub(crate) owner: Endpoint,
    pub(crate) source: Endpoint,
    /// The page whose share of jobs it takes. The app's own have no share.
    pub(crate) quota_owner: Option<Arc<str>>,
    /// The session of the page that starts it. If that has ended meanwhile, the job is not to run.
    pub(crate) page: Option<SubscriberKey>,
    /// The interval that the page that is quota_owner must leave between the ticks of all its jobs with this event.
    pub(crate) shortest_interval: Option<Duration>,
    /// What counts the ticks of a page's job. Those of the app are not counted.
    pub(crate) flood: Option<Arc<Flood>>,
}

impl JobPlan {
    /// A job of the app, with nothing said but its event and its interval.
    pub(crate) fn new(name: EventName, interval: Duration) -> Self {
        Self {
            id: None,
            name,
            timing: Timing::every(interval),
            to: None,
            replaces: false,
            payload: Payload::Fixed("null".into()),
            sampled: None,
            only_while_listened: false,
            max_failures: None,
            owner: Endpoint::Host,
            source: Endpoint::Host,
            quota_owner: None,
            shortest_interval: None,
            page: None,
            flood: None,
        }
    }
}

/// What is to change of a job that runs; what is not said stays.
#[derive(Default)]
pub(crate) struct JobUpdate {
    pub(crate) interval: Option<Duration>,
    pub(crate) payload: Option<Arc<str>>,
    pub(crate) to: Option<Option<Address>>,
    /// What the page must leave between ticks, where its own job is changed.
    pub(crate) shortest_interval: Option<Option<Duration>>,
}

/// A job that was started.
pub(crate) struct RunningJob {
    pub(crate) number: u64,
    pub(crate) id: Arc<str>,
    pub(crate) name: EventName,
    pub(crate) owner: Endpoint,
    pub(crate) quota_owner: Option<Arc<str>>,
    pub(crate) sampled: Option<(Arc<str>, Arc<str>)>,
    pub(crate) only_while_listened: bool,
    pub(crate) max_failures: Option<u64>,
    pub(crate) source: Endpoint,
    flood: Option<Arc<Flood>>,
    /// Held while a tick is accepted, so that none is once `stop` has returned. Always taken before the locks of the jobs
    /// as a whole and of the hub.
    state: Mutex<State>,
    /// Told when the job has ended, so that an asynchronous source is given up.
    pub(crate) ended: Notify,
}

pub(crate) struct State {
    pub(crate) schedule: Schedule,
    pub(crate) audience: Audience,
    pub(crate) payload: Payload,
    pub(crate) shortest_interval: Option<Duration>,
    pub(crate) is_stopped: bool,
    /// Whether a payload is being made, so that the job waits for it before its next tick.
    pub(crate) is_busy: bool,
    /// Whether it waits for somebody who listens.
    pub(crate) is_idle: bool,
    pub(crate) missed: u64,
    pub(crate) failed: u64,
    /// Ticks since the last one that was emitted.
    pub(crate) failures_in_a_row: u64,
    /// Those of them in a row that count for `max_failures`.
    pub(crate) counted_failures: u64,
    pub(crate) last_error: Option<Error>,
}

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
            flood: plan.flood,
            state: Mutex::new(State {
                schedule,
                audience: Audience {
                    to: plan.to,
                    except: None,
                },
                payload: plan.payload,
                shortest_interval: plan.shortest_interval,
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

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No tick is accepted any more once this has returned.
    pub(crate) fn halt(&self) {
        self.state().is_stopped = true;
        self.ended.notify_one();
    }

    /// What a page has to be allowed that changes the job: its interval and whom it is for.
    pub(crate) fn reach(&self) -> (Duration, Option<Address>) {
        let state = self.state();
        (state.schedule.timing().interval, state.audience.to.clone())
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
            next_at: state.schedule.due().filter(|_| is_due).map(time_of),
            missed_ticks: timing.missed_ticks,
            only_while_listened: self.only_while_listened,
            jitter: timing.jitter,
            source: self.sampled.as_ref().map(|(name, _)| name.to_string()),
            max_failures: self.max_failures,
            last_error: state.last_error.clone(),
        }
    }

    /// Counts a tick of a page whose payload is yet to be made.
    pub(crate) fn count_tick(&self) -> Result<()> {
        match &self.flood {
            Some(flood) => flood.take_emit(0, now()),
            None => Ok(()),
        }
    }

    /// Has the hub accept a tick. What comes back is for [`Engine::apply_effects`], after the lock.
    pub(crate) fn publish_tick(
        &self,
        core: &Core,
        state: &State,
        tick: Tick,
        payload: Json,
    ) -> Result<EmitEffects<Reply>> {
        if let Some(flood) = &self.flood {
            if self.sampled.is_some() {
                flood.take_payload(payload.len(), now())?;
            } else {
                flood.take_emit(payload.len(), now())?;
            }
        }
        let draft = NewEvent {
            name: self.name.clone(),
            payload,
            source: self.source.clone(),
            tick: Some(tick),
            provenance: None,
            retain: None,
        };
        Ok(core.try_publish(draft, &state.audience)?.1)
    }
}

/// About as many bytes as a job keeps.
pub(crate) fn weight_of(job: &RunningJob, payload: &Payload, to: Option<&Address>) -> usize {
    /// What the parts of a job that have no length of their own take, about.
    const ENVELOPE: usize = 512;
    let payload = match payload {
        Payload::Fixed(json) => json.len(),
        Payload::Sampled(_) | Payload::Away => 0,
    };
    let sampled = job
        .sampled
        .as_ref()
        .map_or(0, |(name, args)| name.len() + args.len());
    let to = to.map_or(0, |to| weight_of_target(&to.target));
    payload + sampled + job.id.len() + to + job.name.as_str().len() + ENVELOPE
}
