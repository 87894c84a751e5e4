//! The end of a tick: its outcome is counted, announced, and the next tick is planned.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::engine::foreign::drop_safely;
use crate::engine::observe::ticked;
use crate::engine::reply::Reply;
use crate::hub::{Audience, EmitEffects, NewEvent, Refusal};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{Receipt, Tick};
use crate::model::json::Json;
use crate::model::tap::record::TapAction;
use crate::periodic::job::{RunningJob, StateGuard};
use crate::periodic::jobs::Jobs;
use crate::periodic::notices::{StopReason, announce_failure, announce_stop};

/// Whether a failure counts towards `max_failures`. A want of room or time is no fault of the job.
fn counts(error: &Error) -> bool {
    !matches!(
        error.code(),
        ErrorCode::QueueFull | ErrorCode::RateLimited | ErrorCode::TooManyJobs
    )
}

/// Publishes a tick and ends it. Interceptors are foreign code, so they see it without the lock of the job, and on a thread
/// that may block, so that a slow one delays no other job.
pub(super) fn publish_tick(
    jobs: &Arc<Jobs>,
    job: &Arc<RunningJob>,
    mut state: StateGuard<'_>,
    tick: Tick,
    payload: Json,
) {
    let (count, bytes) = (tick.count, payload.size());
    let mut event = match job.event_of(tick, payload) {
        Ok(event) => event,
        Err(error) => return finish_tick(jobs, job, state, count, Err(error)),
    };
    if !jobs.core.has_interceptors() {
        let published = jobs.core.try_publish(event, &state.audience);
        return finish_tick(jobs, job, state, count, published_of(published, bytes));
    }
    let audience = state.audience.clone();
    state.is_busy = true;
    drop(state);
    let (weak, job) = (Arc::downgrade(jobs), Arc::clone(job));
    drop(jobs.core.tasks().spawn_blocking(move || {
        let Some(jobs) = weak.upgrade() else {
            return;
        };
        survive(&jobs, &job, || {
            let prepared = jobs.core.prepare_event(&mut event, &audience);
            publish_prepared(&jobs, &job, (event, &audience), count, prepared);
        });
    }));
}

/// Runs a part of a tick. A panic, as of a waker of the app, ends this tick alone.
pub(super) fn survive(jobs: &Jobs, job: &Arc<RunningJob>, part: impl FnOnce()) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(part)) else {
        return;
    };
    drop_safely(panic);
    let mut state = job.state();
    state.is_busy = false;
    if state.is_stopped {
        return;
    }
    if state.schedule.is_finished() {
        drop(state);
        jobs.end(job, StopReason::Finished);
    } else {
        jobs.plan_next(job, &state);
    }
}

/// Publishes a tick that the interceptors have seen, to those for whom they have seen it.
fn publish_prepared(
    jobs: &Arc<Jobs>,
    job: &Arc<RunningJob>,
    (event, audience): (NewEvent, &Audience),
    tick: u64,
    prepared: Result<()>,
) {
    let mut state = job.state();
    state.is_busy = false;
    if state.is_stopped {
        return;
    }
    if state.schedule.is_paused() {
        // No tick comes once `pause` has returned.
        state.schedule.give_back();
        return;
    }
    let published = prepared.and_then(|()| {
        let bytes = event.payload.size();
        published_of(jobs.core.publish_checked(event, audience), bytes)
    });
    finish_tick(jobs, job, state, tick, published);
}

/// A tick that was published.
#[derive(Debug)]
pub(super) struct Published {
    receipt: Receipt,
    effects: EmitEffects<Reply>,
    /// The size of its payload.
    bytes: usize,
}

fn published_of(
    published: std::result::Result<(Receipt, EmitEffects<Reply>), Box<Refusal>>,
    bytes: usize,
) -> Result<Published> {
    let (receipt, effects) = published?;
    Ok(Published {
        receipt,
        effects,
        bytes,
    })
}

/// Ends a tick that was published, or that failed.
pub(super) fn finish_tick(
    jobs: &Jobs,
    job: &Arc<RunningJob>,
    mut state: StateGuard<'_>,
    tick: u64,
    published: Result<Published>,
) {
    // An error may own one of the app, so it is dropped after the lock.
    let mut _replaced = None;
    match &published {
        Ok(_) => {
            state.failures_in_a_row = 0;
            state.counted_failures = 0;
        }
        Err(error) => {
            state.failed += 1;
            state.failures_in_a_row += 1;
            state.counted_failures += u64::from(counts(error));
            _replaced = state.last_error.replace(error.clone());
        }
    }
    let failures = state.failures_in_a_row;
    let max_failures = job.max_failures.unwrap_or(u64::MAX);
    let end = if state.counted_failures >= max_failures {
        Some(StopReason::Failed)
    } else if state.schedule.is_finished() {
        Some(StopReason::Finished)
    } else {
        None
    };
    // The id is free before any listener gets the last tick.
    let has_ended = end.is_some() && jobs.ledger().remove(job);
    state.is_stopped |= end.is_some();
    let about = (&job.name, &job.source);
    match published {
        Ok(published) => {
            if end.is_none() {
                jobs.plan_next(job, &state);
            }
            drop(state);
            let (counting, receipt) = (jobs.core.counting(), Ok(&published.receipt));
            ticked(counting, about, &job.id, published.bytes, receipt);
            jobs.core.apply_emit_effects(published.effects);
        }
        Err(error) => {
            // Busy, so that the owner gets the notice before the next tick.
            state.is_busy = true;
            drop(state);
            ticked(jobs.core.counting(), about, &job.id, 0, Err(error.code()));
            let (name, id) = (job.name.as_str(), Some(&*job.id));
            let action = TapAction::Tick;
            jobs.core
                .note_refusal(action, name, &job.source, id, &error);
            // Fewer and fewer notices, or a job that fails at every tick would announce more than it emits.
            if failures.is_power_of_two() || end.is_some() {
                announce_failure(&jobs.core, job, tick, failures, &error);
            }
            let mut state = job.state();
            state.is_busy = false;
            if !state.is_stopped {
                jobs.plan_next(job, &state);
            }
        }
    }
    if let Some(reason) = end.filter(|_| has_ended) {
        job.halt();
        jobs.wake_if_empty();
        announce_stop(&jobs.core, job, reason);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::core::{Core, Platform};
    use crate::limits::Limits;
    use crate::model::job::JobState;
    use crate::model::name::EventName;
    use crate::model::policies::Policies;
    use crate::periodic::job::JobPlan;
    use crate::periodic::source::Sources;
    use crate::sync::Tasks;

    struct NoWebviews;

    impl Platform for NoWebviews {
        fn window_of(&self, _: &str) -> Option<String> {
            None
        }

        fn is_closed(&self, _: &str) -> bool {
            false
        }
    }

    /// Ends ticks of a job that ends after three failures. Returns the number of the one that ended it.
    fn ended_by(outcomes: &[Option<ErrorCode>]) -> Option<usize> {
        let limits = Limits::default();
        let platform = Box::new(NoWebviews);
        let core = Core::new(limits, Policies::default(), platform, Tasks::for_tests());
        let jobs = Arc::new(Jobs::new(Arc::new(core), Sources::default()));
        let plan = JobPlan {
            max_failures: Some(3),
            ..JobPlan::new(EventName::parse("x").unwrap(), Duration::from_secs(3600))
        };
        let job = jobs.start(plan, |_| true).unwrap();
        outcomes.iter().position(|outcome| {
            let published = match outcome {
                Some(code) => Err(Error::new(*code, "refused")),
                None => Ok(Published {
                    receipt: Receipt {
                        seq: 1,
                        pages: 0,
                        listeners: 0,
                        linked: false,
                    },
                    effects: None,
                    bytes: 0,
                }),
            };
            finish_tick(&jobs, &job, job.state(), 1, published);
            jobs.info(&job).state == JobState::Ended
        })
    }

    #[test]
    fn a_want_of_room_or_time_hides_no_failures() {
        let fault = Some(ErrorCode::SourceFailed);
        for want in [
            ErrorCode::QueueFull,
            ErrorCode::RateLimited,
            ErrorCode::TooManyJobs,
        ] {
            let want = Some(want);
            assert_eq!(ended_by(&[want; 9]), None, "{want:?}");
            let outcomes = [fault, want, fault, want, want, fault];
            assert_eq!(ended_by(&outcomes), Some(5), "{want:?}");
        }
    }

    #[test]
    fn only_an_emitted_tick_forgets_failures() {
        let fault = Some(ErrorCode::UnknownTarget);
        assert_eq!(ended_by(&[fault, fault, None, fault, fault]), None);
        assert_eq!(
            ended_by(&[fault, fault, None, fault, fault, fault]),
            Some(5)
        );
    }
}
