//! The scheduler: one task that runs the ticks of all jobs when they are due.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::hub::{Audience, Receiver};
#[cfg(any(feature = "inspector", feature = "test"))]
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Tick;
use crate::periodic::job::{OnceAt, Payload, RunningJob, State, StateGuard};
use crate::periodic::jobs::Jobs;
use crate::periodic::notices::StopReason;
use crate::periodic::sampling::sample;
use crate::periodic::tick::{finish_tick, publish_tick, survive};
use crate::periodic::timing::queue::Calendar;
use crate::periodic::timing::rate::TooEarly;
use crate::sync::{Notify, yield_now};

/// The longest sleep while jobs run. Timers may stop while the machine sleeps, but the clock of the schedules does not.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// How many ticks run before the task yields to others.
const MAX_TICKS_AT_ONCE: usize = 256;

/// How early a tick may come. The runtime and the system each round timers up to a millisecond, so without this, ticks
/// would be late by a millisecond on average.
const MAX_EARLY: Duration = Duration::from_micros(500);

enum NextWake {
    Sleep(Duration),
    /// Every job is paused, busy or idle.
    UntilChanged,
    End,
}

impl Jobs {
    /// Takes the jobs that are due out of the timer queue.
    fn take_due(&self) -> Vec<Arc<RunningJob>> {
        let now = self.clock().steady() + MAX_EARLY;
        let wall = self.clock().wall() + MAX_EARLY;
        let mut ledger = self.ledger();
        ledger.asleep = None;
        let mut due = Vec::new();
        while due.len() < MAX_TICKS_AT_ONCE
            && let Some(number) =
                (ledger.timers.take_due(now)).or_else(|| ledger.calendar_timers.take_due(wall))
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

    /// What the scheduler waits for, once no job is due.
    fn next_wake(&self) -> NextWake {
        let now = self.clock().steady() + MAX_EARLY;
        let mut ledger = self.ledger();
        if ledger.entries.is_empty() {
            ledger.is_kept = false;
            return NextWake::End;
        }
        let next = ledger.next_due(now, self.clock().wall() + MAX_EARLY);
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

    /// Runs the next tick of a job now, whenever it is due.
    #[cfg(any(feature = "inspector", feature = "test"))]
    pub(crate) fn tick_now(self: &Arc<Self>, owner: &Endpoint, id: &str) -> Result<()> {
        let job = self.find(owner, id)?;
        let due = {
            let state = job.state();
            let due = state.schedule.due();
            due.filter(|_| !state.is_stopped && !state.is_busy)
        };
        let Some(due) = due else {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the job {} does not tick now: it is paused, or busy with a tick",
                    quoted(id)
                ),
            ));
        };
        let (calendar, now) = (self.calendar(), due.max(self.clock().steady()));
        survive(self, &job, || run_tick_at(self, &job, &calendar, now));
        Ok(())
    }

    /// Runs the ticks that are due. Returns whether there were any.
    #[cfg(feature = "test")]
    pub(crate) fn run_due(self: &Arc<Self>) -> bool {
        let (due, calendar) = (self.take_due(), self.calendar());
        for job in &due {
            survive(self, job, || run_tick(self, job, &calendar));
        }
        !due.is_empty()
    }

    /// When the next tick is due, by the steady clock.
    #[cfg(feature = "test")]
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let (now, wall) = (self.clock().steady(), self.clock().wall());
        self.ledger().next_due(now, wall)
    }

    /// Whether a tick is being made, by a source or by interceptors.
    #[cfg(feature = "test")]
    pub(crate) fn are_busy(&self) -> bool {
        let jobs: Vec<Arc<RunningJob>> = {
            let ledger = self.ledger();
            ledger
                .entries
                .values()
                .map(|entry| Arc::clone(&entry.job))
                .collect()
        };
        jobs.iter().any(|job| job.state().is_busy)
    }

    /// Refuses a tick that comes too early for the shortest interval that a capability allows the jobs of the page
    /// together.
    fn check_rate(
        &self,
        job: &RunningJob,
        state: &State,
        scheduled: Duration,
        now: Duration,
    ) -> Result<()> {
        let (Some(pace), Some(page)) = (&state.pace, &job.quota_owner) else {
            return Ok(());
        };
        let mut receivers = self.core.hub().receivers(&state.audience);
        if self.leaves(&state.audience) {
            receivers.push(Receiver::Nodes);
        }
        let interval_of = |receiver: Receiver| {
            let interval = match &receiver {
                Receiver::Everyone => pace.for_everyone(),
                Receiver::Host => pace.for_host(),
                Receiver::Nodes => pace.for_nodes(),
                Receiver::Webview(label) => pace.for_webview(label),
            };
            (receiver, interval)
        };
        let receivers = receivers.into_iter().map(interval_of);
        let receivers = receivers
            .filter(|(_, interval)| !interval.is_zero())
            .collect();
        let mut ledger = self.ledger();
        let gate = ledger.rates.entry(Arc::clone(page)).or_default();
        let passed = gate.pass(&job.name, receivers, scheduled, now);
        passed.map_err(|TooEarly { early, interval }| {
            let message = format!(
                "this tick of {} is {early:?} too early; all jobs of this page together may emit it to a receiver once every {interval:?} (minIntervalMs)",
                quoted(job.name.as_str())
            );
            Error::new(ErrorCode::RateLimited, message).with_retry_after(early)
        })
    }

    /// Whether an event with this audience may go to other nodes.
    fn leaves(&self, audience: &Audience) -> bool {
        let to = audience.to.as_ref().map(|to| &to.selection);
        let is_for_nodes = to.is_none_or(|to| to.everyone || !to.nodes.is_empty());
        self.core.is_linked() && !audience.is_local && is_for_nodes
    }

    /// Forgets the rates of a webview that was closed.
    pub(crate) fn forget_rates(&self, webview: &str) {
        self.ledger().rates.remove(webview);
    }
}

/// Runs the ticks of all jobs, until no job is left.
pub(super) async fn run_scheduler(jobs: Weak<Jobs>, changed: Arc<Notify>) {
    loop {
        let (next_wake, clock) = {
            let Some(jobs) = jobs.upgrade() else {
                return;
            };
            let clock = jobs.clock();
            let due = match clock.is_stopped() {
                true => Vec::new(),
                false => jobs.take_due(),
            };
            let next_wake = if clock.is_stopped() {
                NextWake::UntilChanged
            } else if due.is_empty() {
                jobs.next_wake()
            } else {
                let calendar = jobs.calendar();
                for job in due {
                    survive(&jobs, &job, || run_tick(&jobs, &job, &calendar));
                }
                NextWake::Sleep(Duration::ZERO)
            };
            (next_wake, clock)
        };
        match next_wake {
            NextWake::Sleep(Duration::ZERO) => yield_now().await,
            NextWake::Sleep(wait) => {
                tokio::select! {
                    biased;
                    () = changed.notified() => {}
                    _ = clock.sleep_until(clock.after(wait)) => {}
                }
            }
            NextWake::UntilChanged => changed.notified().await,
            NextWake::End => return,
        }
    }
}

fn run_tick(jobs: &Arc<Jobs>, job: &Arc<RunningJob>, calendar: &Calendar) {
    run_tick_at(jobs, job, calendar, jobs.clock().steady());
}

/// Runs the tick of a job that is due at this time.
fn run_tick_at(jobs: &Arc<Jobs>, job: &Arc<RunningJob>, calendar: &Calendar, now: Duration) {
    let mut state = job.state();
    if state.is_stopped || state.is_busy {
        return;
    }
    let Some(due) = state.schedule.due() else {
        return;
    };
    if let Some(at) = job.once_at {
        return run_once(jobs, job, state, at);
    }
    if due > now + MAX_EARLY {
        jobs.plan(job, due);
        return;
    }
    let now = now.max(due);
    if job.only_while_listened && !has_listeners(jobs, job, &mut state, now) {
        return;
    }
    let taken = state.schedule.take(now);
    state.missed += taken.missed;
    if let Err(error) = jobs.check_rate(job, &state, taken.scheduled, now) {
        finish_tick(jobs, job, state, taken.count, Err(error));
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
            state.payload = Payload::Fixed(json.clone());
            publish_tick(jobs, job, state, tick, json);
        }
        Payload::Sampled(sampler) => match Jobs::take_permit(jobs, job) {
            Ok(permit) => {
                state.is_busy = true;
                drop(state);
                sample(jobs, job, sampler, tick, permit);
            }
            Err(error) => {
                state.payload = Payload::Sampled(sampler);
                finish_tick(jobs, job, state, taken.count, Err(error));
            }
        },
        Payload::Away => {}
    }
}

/// Runs the only tick of a job that ticks at a time of day. Only the time of day says whether it is due.
fn run_once(jobs: &Arc<Jobs>, job: &Arc<RunningJob>, mut state: StateGuard<'_>, at: OnceAt) {
    let wall = jobs.clock().wall();
    if at.time > wall + MAX_EARLY {
        jobs.plan(job, jobs.clock().steady());
        return;
    }
    let is_missed = at.is_missed(wall);
    state.missed += u64::from(is_missed);
    if is_missed && at.skips_missed {
        drop(state);
        jobs.end(job, StopReason::Missed);
        return;
    }
    let (now, taken) = (
        jobs.clock().steady(),
        state.schedule.take(jobs.clock().steady()),
    );
    if let Err(error) = jobs.check_rate(job, &state, now, now) {
        finish_tick(jobs, job, state, taken.count, Err(error));
        return;
    }
    let tick = Tick {
        job: Arc::clone(&job.id),
        count: taken.count,
        scheduled_at: at.time,
        missed: u64::from(is_missed),
    };
    if let Payload::Fixed(json) = &state.payload {
        let json = json.clone();
        publish_tick(jobs, job, state, tick, json);
    }
}

/// Whether the due tick has a receiver. If not, the job is idle until there are new listeners. It is noted as idle before
/// the check, so that a listener that comes in between wakes it.
fn has_listeners(jobs: &Jobs, job: &RunningJob, state: &mut State, now: Duration) -> bool {
    jobs.ledger().idle.insert(job.number);
    if !jobs.core.hub().has_listeners(&job.name, &state.audience) {
        state.is_idle = true;
        return false;
    }
    jobs.ledger().idle.remove(&job.number);
    if std::mem::take(&mut state.is_idle) {
        state.schedule.skip_idle(now);
        if let Some(due) = state.schedule.due().filter(|due| *due > now) {
            jobs.plan(job, due);
            return false;
        }
    }
    true
}
