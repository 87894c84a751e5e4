//! The one task that keeps time for all jobs, and a tick.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::engine::reply::Reply;
use crate::hub::EmitEffects;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Tick;
use crate::periodic::job::{Payload, RunningJob, State};
use crate::periodic::jobs::Jobs;
use crate::periodic::notices::{StopReason, tell_failure, tell_stop};
use crate::periodic::queue::Calendar;
use crate::periodic::sampling::sample;
use crate::sync::{MutexGuard, Notify, after, sleep_until, steady_now, yield_now};

/// How long the task sleeps at the most while jobs run. Timers may stand still while the machine sleeps, and the schedule
/// does not.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// How many jobs tick before other tasks have their turn.
const MAX_AT_ONCE: usize = 256;

/// So much before its time a tick may come. Timers are exact to a millisecond, twice: the runtime rounds the time up, and so
/// does the system. Without this each tick would be late by one on average.
const EARLIEST: Duration = Duration::from_micros(500);

enum NextWake {
    Sleep(Duration),
    /// Every job is paused, or waits for its source or for somebody who listens.
    UntilChanged,
    End,
}

impl Jobs {
    /// Takes out the jobs that are due.
    fn take_due(&self) -> Vec<Arc<RunningJob>> {
        let now = steady_now() + EARLIEST;
        let mut ledger = self.ledger();
        ledger.asleep = None;
        let mut due = Vec::new();
        while due.len() < MAX_AT_ONCE
            && let Some(number) = ledger.timers.take_due(now)
        {
            due.extend(
                ledger
                    .entries
                    .get(&number)
                    .map(|entry| Arc::clone(&entry.job)),
            );
        }
        due
    }

    /// What the task does next, where nothing is due any more.
    fn rest(&self) -> NextWake {
        let now = steady_now() + EARLIEST;
        let mut ledger = self.ledger();
        if ledger.entries.is_empty() {
            ledger.is_kept = false;
            return NextWake::End;
        }
        let next = ledger.timers.next();
        ledger.asleep = Some(next.unwrap_or(Duration::MAX));
        match next {
            Some(due) if due <= now => {
                ledger.asleep = None;
                NextWake::Sleep(Duration::ZERO)
            }
            Some(due) => NextWake::Sleep((due - now).min(MAX_SLEEP)),
            None => NextWake::UntilChanged,
        }
    }

    /// Checks that the ticks of all jobs of a page keep the interval that its capability asks for.
    fn check_rate(
        &self,
        jobs: &Jobs,
        job: &RunningJob,
        state: &State,
        scheduled: Duration,
        now: Duration,
    ) -> Result<()> {
        let (Some(interval), Some(page)) = (state.shortest_interval, &job.quota_owner) else {
            return Ok(());
        };
        let receivers = jobs.core.hub().receivers(&state.audience);
        let mut ledger = self.ledger();
        let pace = ledger.rates.entry(Arc::clone(page)).or_default();
        let taken = pace.take(&job.name, receivers, scheduled, interval, now);
        taken.map_err(|early| {
            let message = format!(
                "this tick of {} comes {early:?} too early: the jobs of this page together may emit it to a receiver every {interval:?} (minIntervalMs)",
                quoted(job.name.as_str())
            );
            Error::new(ErrorCode::RateLimited, message).with_retry_after(early)
        })
    }

    /// Forgets how often the jobs of this page have ticked, since it is gone for good.
    pub(crate) fn forget_rate(&self, webview: &str) {
        self.ledger().rates.remove(webview);
    }
}

/// Lets every job tick when it is due, and ends with the last one.
pub(super) async fn run_scheduler(jobs: Weak<Jobs>, changed: Arc<Notify>) {
    loop {
        let rest = {
            let Some(jobs) = jobs.upgrade() else {
                return;
            };
            let due = jobs.take_due();
            if due.is_empty() {
                jobs.rest()
            } else {
                let calendar = jobs.calendar();
                for job in due {
                    run_tick(&jobs, &job, &calendar);
                }
                NextWake::Sleep(Duration::ZERO)
            }
        };
        match rest {
            NextWake::Sleep(Duration::ZERO) => yield_now().await,
            NextWake::Sleep(wait) => {
                tokio::select! {
                    biased;
                    () = changed.notified() => {}
                    () = sleep_until(after(wait)) => {}
                }
            }
            NextWake::UntilChanged => changed.notified().await,
            NextWake::End => return,
        }
    }
}

fn run_tick(jobs: &Arc<Jobs>, job: &Arc<RunningJob>, calendar: &Calendar) {
    let now = steady_now();
    let mut state = job.state();
    if state.is_stopped || state.is_busy {
        return;
    }
    let Some(due) = state.schedule.due() else {
        return;
    };
    if due > now + EARLIEST {
        jobs.plan(job, due);
        return;
    }
    let now = now.max(due);
    if job.only_while_listened && !has_listeners(jobs, job, &mut state, now) {
        return;
    }
    let taken = state.schedule.take(now);
    state.missed += taken.missed;
    if let Err(error) = jobs.check_rate(jobs, job, &state, taken.scheduled, now) {
        finish_tick(jobs, job, state, taken.count, Err(error), true);
        return;
    }
    let tick = Tick {
        job: Arc::clone(&job.id),
        count: taken.count,
        scheduled_at: calendar.time_of(taken.scheduled),
        missed: taken.missed,
    };
    match std::mem::replace(&mut state.payload, Payload::Away) {
        Payload::Fixed(json) => {
            state.payload = Payload::Fixed(Arc::clone(&json));
            let accepted = job.publish_tick(&jobs.core, &state, tick, json.into());
            finish_tick(jobs, job, state, taken.count, accepted, false);
        }
        Payload::Sampled(sampler) => match Jobs::take_permit(jobs, job) {
            Ok(permit) => {
                state.is_busy = true;
                drop(state);
                sample(jobs, job, sampler, tick, permit);
            }
            Err(error) => {
                state.payload = Payload::Sampled(sampler);
                finish_tick(jobs, job, state, taken.count, Err(error), true);
            }
        },
        Payload::Away => {}
    }
}

/// Whether somebody would get the tick that is due. If not, the job waits until somebody listens to something new; that
/// is noted before looking, so that nobody is missed who comes meanwhile.
fn has_listeners(jobs: &Jobs, job: &RunningJob, state: &mut State, now: Duration) -> bool {
    jobs.ledger().idle.insert(job.number);
    if !jobs.core.hub().has_listeners(&job.name, &state.audience) {
        state.is_idle = true;
        return false;
    }
    jobs.ledger().idle.remove(&job.number);
    if std::mem::take(&mut state.is_idle) {
        state.schedule.pass_over(now);
        if let Some(due) = state.schedule.due().filter(|due| *due > now) {
            jobs.plan(job, due);
            return false;
        }
    }
    true
}

pub(super) fn finish_tick(
    jobs: &Jobs,
    job: &Arc<RunningJob>,
    mut state: MutexGuard<'_, State>,
    tick: u64,
    accepted: Result<EmitEffects<Reply>>,
    is_made: bool,
) {
    match &accepted {
        Ok(_) => {
            state.failures_in_a_row = 0;
            state.counted_failures = 0;
        }
        Err(error) => {
            state.failed += 1;
            state.failures_in_a_row += 1;
            // That a queue is full, say, is no failure of what has made the payload.
            state.counted_failures = match is_made {
                true => 0,
                false => state.counted_failures + 1,
            };
            state.last_error = Some(error.clone());
        }
    }
    let failures = state.failures_in_a_row;
    let most_failures = job.max_failures.unwrap_or(u64::MAX);
    let end = if state.counted_failures >= most_failures {
        Some(StopReason::Failed)
    } else if state.schedule.is_finished() {
        Some(StopReason::Finished)
    } else {
        None
    };
    // Its id is free before anybody hears of its last tick.
    let has_ended = end.is_some() && jobs.ledger().remove(job);
    state.is_stopped |= end.is_some();
    match accepted {
        Ok(outcome) => {
            if end.is_none() {
                jobs.plan_next(job, &state);
            }
            drop(state);
            jobs.core.apply_emit_effects(outcome);
        }
        Err(error) => {
            // The owner is told of a failure before the tick after it comes.
            state.is_busy = true;
            drop(state);
            // Not of each one: a job that fails at every tick would else say more than it emits.
            if failures.is_power_of_two() || end.is_some() {
                tell_failure(&jobs.core, job, tick, failures, &error);
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
        tell_stop(&jobs.core, job, reason);
    }
}
