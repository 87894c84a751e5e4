//! The running jobs: finding, changing, listing and ending them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::engine::core::Core;
use crate::model::deferred::Guarded;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::job::{JobInfo, unknown_job};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::periodic::job::{JobUpdate, Payload, RunningJob, State, StateGuard, weight_of};
use crate::periodic::ledger::{JobLedger, key};
use crate::periodic::notices::{StopReason, announce_stop};
use crate::periodic::source::{Sampler, Sources};
use crate::periodic::timing::queue::Calendar;
use crate::sync::{BusClock, Mutex, MutexGuard, Notify};

/// The jobs of the host and of the pages.
pub(crate) struct Jobs {
    pub(super) core: Arc<Core>,
    sources: Sources,
    ledger: Mutex<JobLedger>,
    newest: AtomicU64,
    /// Notifies the scheduler that a job is due earlier than planned, or that no job is left.
    pub(super) changed: Arc<Notify>,
}

impl Drop for Jobs {
    fn drop(&mut self) {
        // The scheduler holds a weak reference, and ends.
        self.changed.notify_one();
    }
}

impl Jobs {
    pub(crate) fn new(core: Arc<Core>, sources: Sources) -> Self {
        Self {
            core,
            sources,
            ledger: Mutex::default(),
            newest: AtomicU64::new(0),
            changed: Arc::default(),
        }
    }

    pub(super) fn ledger(&self) -> Guarded<MutexGuard<'_, JobLedger>> {
        Guarded::new(self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The sampler of a job that takes its payloads from this source.
    pub(crate) fn sampler(&self, source: &str, args: Json) -> Result<Sampler> {
        self.sources.sampler(source, args)
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The number of the newest job. Later jobs have higher numbers.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Relaxed)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn clock(&self) -> BusClock {
        self.core.clock()
    }

    /// Plans the next tick. Call it under the lock of the job's state, so that the newest plan counts.
    pub(super) fn plan(&self, job: &RunningJob, due: Duration) {
        let mut ledger = self.ledger();
        if !ledger.entries.contains_key(&job.number) {
            return;
        }
        let due = match job.once_at {
            Some(at) => {
                ledger.calendar_timers.plan(job.number, at.time);
                let wait = at
                    .time
                    .duration_since(self.clock().wall())
                    .unwrap_or_default();
                self.clock().steady() + wait
            }
            None => {
                ledger.timers.plan(job.number, due);
                due
            }
        };
        if ledger.asleep.is_some_and(|until| due < until) {
            ledger.asleep = None;
            drop(ledger);
            self.wake();
        }
    }

    /// Finds a job whose event is allowed. Another job is as unknown as one that does not exist.
    pub(crate) fn find_if(
        &self,
        owner: &Endpoint,
        id: &str,
        is_allowed: impl FnOnce(&EventName) -> bool,
    ) -> Result<Arc<RunningJob>> {
        let found = self.ledger().find(&key(owner, &id.into())).cloned();
        found
            .filter(|job| is_allowed(&job.name))
            .ok_or_else(|| unknown_job(id))
    }

    pub(crate) fn find(&self, owner: &Endpoint, id: &str) -> Result<Arc<RunningJob>> {
        self.find_if(owner, id, |_| true)
    }

    /// Ends this job, and not a later one with the same id. Returns whether it was running.
    pub(super) fn remove(&self, job: &Arc<RunningJob>) -> bool {
        let was_running = self.ledger().remove(job);
        job.halt();
        if was_running {
            self.wake_if_empty();
        }
        was_running
    }

    /// Wakes the scheduler, also if this thread then blocks.
    fn wake(&self) {
        self.changed.notify_one();
        self.core.tasks().pass_on();
    }

    pub(super) fn wake_if_empty(&self) {
        if self.ledger().entries.is_empty() {
            self.changed.notify_one();
        }
    }

    pub(crate) fn stop(&self, job: &Arc<RunningJob>) -> Result<()> {
        match self.end(job, StopReason::Stopped) {
            true => Ok(()),
            false => Err(unknown_job(&job.id)),
        }
    }

    /// Ends a job for this reason. Returns whether it was running.
    pub(super) fn end(&self, job: &Arc<RunningJob>, reason: StopReason) -> bool {
        let was_running = self.remove(job);
        if was_running {
            announce_stop(&self.core, job, reason);
        }
        was_running
    }

    pub(crate) fn pause(&self, job: &Arc<RunningJob>) -> Result<()> {
        let mut state = self.running(job)?;
        state.schedule.pause(self.clock().steady());
        let mut ledger = self.ledger();
        ledger.cancel(job.number);
        ledger.idle.remove(&job.number);
        Ok(())
    }

    pub(crate) fn resume(&self, job: &Arc<RunningJob>) -> Result<()> {
        let mut state = self.running(job)?;
        state.schedule.resume(self.clock().steady());
        self.plan_next(job, &state);
        Ok(())
    }

    /// Changes a job in place. An error changes nothing.
    pub(crate) fn update(&self, job: &Arc<RunningJob>, update: JobUpdate) -> Result<()> {
        if let Some(json) = &update.payload {
            self.core.check_payload(&job.name, json)?;
        }
        if let Some(Some(to)) = &update.to {
            self.core.resolve_unannounced(&to.selection);
            self.core.hub().check_targets(&to.selection)?;
        }
        // The replaced payload may hold a function of the app, so it is dropped after the locks.
        let mut replaced = None;
        let mut state = self.running(job)?;
        if update.payload.is_some() && job.sampled.is_some() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the payloads of the job {} come from a source; start the job anew to give it a fixed payload",
                    quoted(&job.id)
                ),
            ));
        }
        if update.interval.is_some() && job.once_at.is_some() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the job {} ticks at a time of day and has no interval; start it anew for another time",
                    quoted(&job.id)
                ),
            ));
        }
        let payload = update.payload.map(Payload::Fixed);
        let mut to = update.to.unwrap_or_else(|| state.audience.to.clone());
        if let Some(to) = &mut to {
            self.core.resolve_nodes(&job.name, &mut to.selection)?;
        }
        let weight = weight_of(job, payload.as_ref().unwrap_or(&state.payload), to.as_ref());
        {
            let mut ledger = self.ledger();
            ledger.check_room(
                &job.quota_owner,
                weight,
                Some(job.number),
                self.core.limits(),
            )?;
            if let Some(interval) = update.interval {
                let missed = state
                    .schedule
                    .set_interval(interval, self.clock().steady())?;
                // Ticks without listeners are not counted.
                if !state.is_idle {
                    state.missed += missed;
                }
            }
            if let Some(entry) = ledger.entries.get_mut(&job.number) {
                let before = std::mem::replace(&mut entry.weight, weight);
                if let Some(quota) = ledger.quotas.get_mut(&job.quota_owner) {
                    quota.bytes = quota.bytes - before + weight;
                }
            }
        }
        state.audience.to = to;
        if let Some(pace) = update.pace {
            state.pace = pace;
        }
        if let Some(is_local) = update.is_local {
            state.audience.is_local = is_local;
        }
        if let Some(payload) = payload {
            replaced = Some(std::mem::replace(&mut state.payload, payload));
        }
        if state.is_idle {
            // The new target may have a listener.
            self.plan(job, self.clock().steady());
        } else {
            self.plan_next(job, &state);
        }
        drop(state);
        drop(replaced);
        Ok(())
    }

    fn running<'a>(&self, job: &'a Arc<RunningJob>) -> Result<StateGuard<'a>> {
        let state = job.state();
        if state.is_stopped {
            return Err(unknown_job(&job.id));
        }
        Ok(state)
    }

    pub(super) fn plan_next(&self, job: &RunningJob, state: &State) {
        if let Some(due) = state.schedule.due().filter(|_| !state.is_busy) {
            self.plan(job, due);
        }
    }

    /// Ends the jobs of a webview up to this number. Later jobs belong to the next page.
    pub(crate) fn stop_all_of(&self, webview: &str, newest: u64) {
        let ended: Vec<Arc<RunningJob>> = {
            let mut ledger = self.ledger();
            let ends = |job: &Arc<RunningJob>| {
                job.number <= newest
                    && matches!(&job.owner, Endpoint::Webview(label) if **label == *webview)
            };
            let jobs = ledger.entries.values().map(|entry| &entry.job);
            let ended: Vec<Arc<RunningJob>> = jobs.filter(|job| ends(job)).cloned().collect();
            for job in &ended {
                ledger.remove(job);
            }
            ended
        };
        self.halt_all(&ended);
    }

    pub(crate) fn stop_all(&self) {
        let ended: Vec<Arc<RunningJob>> = {
            let mut ledger = self.ledger();
            ledger.is_closed = true;
            ledger.numbers.clear();
            ledger.quotas.clear();
            ledger.timers.clear();
            ledger.calendar_timers.clear();
            ledger.idle.clear();
            ledger.entries.drain().map(|(_, entry)| entry.job).collect()
        };
        self.halt_all(&ended);
    }

    fn halt_all(&self, ended: &[Arc<RunningJob>]) {
        for job in ended {
            job.halt();
        }
        if !ended.is_empty() {
            self.wake_if_empty();
        }
    }

    /// The jobs of this owner, and those of others whose event is in reach, in the order of their ids.
    pub(crate) fn list(
        &self,
        owner: &Endpoint,
        is_allowed: impl Fn(&EventName) -> bool,
    ) -> Vec<JobInfo> {
        let jobs: Vec<Arc<RunningJob>> = {
            let ledger = self.ledger();
            let jobs = ledger.entries.values().map(|entry| &entry.job);
            jobs.filter(|job| job.owner == *owner || is_allowed(&job.name))
                .cloned()
                .collect()
        };
        let calendar = self.calendar();
        let mut jobs: Vec<JobInfo> = jobs
            .iter()
            .map(|job| job.info(|due| calendar.time_of(due)))
            .collect();
        jobs.sort_by(|a, b| a.id.cmp(&b.id));
        jobs
    }

    pub(crate) fn info(&self, job: &RunningJob) -> JobInfo {
        let calendar = self.calendar();
        job.info(|due| calendar.time_of(due))
    }

    /// Converts times of the steady clock, by which ticks are due, to the time of day.
    pub(super) fn calendar(&self) -> Calendar {
        let (steady, wall) = (self.clock().steady(), self.clock().wall());
        let mut ledger = self.ledger();
        let calendar = ledger
            .calendar
            .get_or_insert_with(|| Calendar::new(steady, wall));
        calendar.follow(steady, wall);
        *calendar
    }

    /// Lets idle jobs check again for listeners. Called when there are new ones.
    pub(crate) fn recheck_idle(&self) {
        let mut ledger = self.ledger();
        if ledger.idle.is_empty() {
            return;
        }
        let now = self.clock().steady();
        for job in std::mem::take(&mut ledger.idle) {
            ledger.timers.plan(job, now);
        }
        ledger.asleep = None;
        drop(ledger);
        self.wake();
    }
}
