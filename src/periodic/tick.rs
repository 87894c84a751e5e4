//! The end of a tick: its outcome is counted, announced, and the next tick is planned.

use std::sync::Arc;

use crate::engine::reply::Reply;
use crate::hub::EmitEffects;
use crate::model::error::Result;
use crate::periodic::job::{RunningJob, State};
use crate::periodic::jobs::Jobs;
use crate::periodic::notices::{StopReason, announce_failure, announce_stop};
use crate::sync::MutexGuard;

/// Ends a tick that was published, or that failed. `counts` says whether a failure counts towards `max_failures`.
pub(super) fn finish_tick(
    jobs: &Jobs,
    job: &Arc<RunningJob>,
    mut state: MutexGuard<'_, State>,
    tick: u64,
    published: Result<EmitEffects<Reply>>,
    counts: bool,
) {
    match &published {
        Ok(_) => {
            state.failures_in_a_row = 0;
            state.counted_failures = 0;
        }
        Err(error) => {
            state.failed += 1;
            state.failures_in_a_row += 1;
            state.counted_failures = match counts {
                true => state.counted_failures + 1,
                false => 0,
            };
            state.last_error = Some(error.clone());
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
    match published {
        Ok(effects) => {
            if end.is_none() {
                jobs.plan_next(job, &state);
            }
            drop(state);
            jobs.core.apply_emit_effects(effects);
        }
        Err(error) => {
            // Busy, so that the owner gets the notice before the next tick.
            state.is_busy = true;
            drop(state);
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
