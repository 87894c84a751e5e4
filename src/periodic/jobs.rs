//! The jobs that run: starting, changing, listing and ending them.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use crate::config::Limits;
use crate::engine::core::Core;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::job::{JobInfo, check_job_id, random_job_id, unknown_job};
use crate::model::name::EventName;
use crate::periodic::job::{JobPlan, JobUpdate, Payload, RunningJob, State, weight_of};
use crate::periodic::ledger::{JobLedger, key};
use crate::periodic::notices::{StopReason, tell_start, tell_stop};
use crate::periodic::queue::Calendar;
use crate::periodic::schedule::Schedule;
use crate::periodic::source::{Sampler, Sources};
use crate::periodic::worker::run_scheduler;
use crate::sync::{Mutex, MutexGuard, Notify, steady_now};

/// The jobs of the app and of its pages.
pub(crate) struct Jobs {
    pub(super) core: Arc<Core>,
    sources: Sources,
    ledger: Mutex<JobLedger>,
    newest: AtomicU64,
    /// Notifies the scheduler that a job is due earlier than it knows, or that none is left.
    changed: Arc<Notify>,
}

impl Drop for Jobs {
    fn drop(&mut self) {
        // The task sees that there is no bus any more.
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

    pub(super) fn ledger(&self) -> MutexGuard<'_, JobLedger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What makes the payloads of a job that takes them from this source.
    pub(crate) fn sampler(&self, source: &str, args: Arc<str>) -> Result<Sampler> {
        self.sources.sampler(source, args)
    }

    /// The number of the newest job. One that starts from now on has a higher one.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Relaxed)
    }

    /// Starts a job, which runs until it is stopped or its count is reached. It takes the place of another one only if
    /// the caller may reach that one's event.
    pub(crate) fn start(
        self: &Arc<Self>,
        plan: JobPlan,
        is_reached: impl FnOnce(&EventName) -> bool,
    ) -> Result<Arc<RunningJob>> {
        if let Payload::Fixed(json) = &plan.payload {
            self.core.check_payload(&plan.name, json)?;
        }
        if let Some(to) = &plan.to {
            self.core.resolve_unannounced(&to.selection);
            self.core.hub().check_targets(&to.selection)?;
        }
        if plan.max_failures == Some(0) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the most failures in a row are 0; a job ends after at least 1, or without a number never",
            ));
        }
        let id: Arc<str> = match &plan.id {
            Some(id) => check_job_id(id).map(|()| id.as_str().into())?,
            None => random_job_id()?.into(),
        };
        let number = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        // Jobs of one id, of different pages or runs, are not to fire together either.
        let seed = RandomState::new().hash_one(number);
        let schedule = Schedule::new(plan.timing, steady_now(), seed)?;
        let (replaces, page) = (plan.replaces, plan.page);
        let job = Arc::new(RunningJob::new(number, id, plan, schedule));
        let may_replace = |old: &RunningJob| replaces && is_reached(&old.name);
        let replaced = self.insert(&job, may_replace, self.core.limits())?;
        if let Some(old) = replaced {
            old.halt();
            tell_stop(&self.core, &old, StopReason::Replaced);
        }
        let is_closed =
            matches!(&job.owner, Endpoint::Webview(webview) if !self.core.knows(webview));
        if is_closed || page.is_some_and(|page| !self.core.hub().is_open(page)) {
            // It ended meanwhile, perhaps for a page of another origin, and nobody would stop the job any more.
            self.remove(&job);
            return Err(Error::new(
                ErrorCode::StaleSession,
                "the page or its webview was closed",
            ));
        }
        tell_start(&self.core, &job, &self.info(&job));
        let state = job.state();
        if let Some(due) = state.schedule.due() {
            self.plan(&job, due);
        }
        drop(state);
        self.ensure_scheduler();
        Ok(job)
    }

    fn insert(
        &self,
        job: &Arc<RunningJob>,
        may_replace: impl FnOnce(&RunningJob) -> bool,
        limits: &Limits,
    ) -> Result<Option<Arc<RunningJob>>> {
        let weight = {
            let state = job.state();
            weight_of(job, &state.payload, state.audience.to.as_ref())
        };
        let mut ledger = self.ledger();
        if ledger.is_closed {
            return Err(Error::new(
                ErrorCode::Unavailable,
                format!("the app is exiting; {:?} is not timed", job.name.as_str()),
            ));
        }
        let old = ledger.find(&key(&job.owner, &job.id)).cloned();
        if old.as_ref().is_some_and(|old| !may_replace(old)) {
            return Err(Error::new(
                ErrorCode::DuplicateJob,
                format!(
                    "a periodic job with the id {} is running; stop it, ask to replace it, or choose another id",
                    quoted(&job.id)
                ),
            ));
        }
        let instead = old.as_ref().map(|old| old.number);
        ledger.check_room(&job.quota_owner, weight, instead, limits)?;
        if let Some(old) = &old {
            ledger.remove(old);
        }
        ledger.add(job, weight);
        Ok(old)
    }

    /// Starts the scheduler, unless it runs.
    fn ensure_scheduler(self: &Arc<Self>) {
        let mut ledger = self.ledger();
        if ledger.is_kept {
            return;
        }
        ledger.is_kept = true;
        drop(ledger);
        let scheduler = run_scheduler(Arc::downgrade(self), Arc::clone(&self.changed));
        self.core.tasks().spawn(scheduler);
    }

    /// Plans the next tick. Called under the lock of the job's state, so that the newest plan counts.
    pub(super) fn plan(&self, job: &RunningJob, due: Duration) {
        let mut ledger = self.ledger();
        if !ledger.entries.contains_key(&job.number) {
            return;
        }
        ledger.timers.plan(job.number, due);
        if ledger.asleep.is_some_and(|until| due < until) {
            ledger.asleep = None;
            drop(ledger);
            self.changed.notify_one();
        }
    }

    /// A job whose event the caller may reach. The others are as unknown as one that is not there.
    pub(crate) fn find_if(
        &self,
        owner: &Endpoint,
        id: &str,
        is_reached: impl FnOnce(&EventName) -> bool,
    ) -> Result<Arc<RunningJob>> {
        let found = self.ledger().find(&key(owner, &id.into())).cloned();
        found
            .filter(|job| is_reached(&job.name))
            .ok_or_else(|| unknown_job(id))
    }

    pub(crate) fn find(&self, owner: &Endpoint, id: &str) -> Result<Arc<RunningJob>> {
        self.find_if(owner, id, |_| true)
    }

    /// Ends this very job, and not one that has taken its id since. Says whether it ran.
    pub(super) fn remove(&self, job: &Arc<RunningJob>) -> bool {
        let was_there = self.ledger().remove(job);
        job.halt();
        if was_there {
            self.wake_if_empty();
        }
        was_there
    }

    pub(super) fn wake_if_empty(&self) {
        if self.ledger().entries.is_empty() {
            self.changed.notify_one();
        }
    }

    pub(crate) fn stop(&self, job: &Arc<RunningJob>) -> Result<()> {
        if !self.remove(job) {
            return Err(unknown_job(&job.id));
        }
        tell_stop(&self.core, job, StopReason::Stopped);
        Ok(())
    }

    pub(crate) fn pause(&self, job: &Arc<RunningJob>) -> Result<()> {
        let mut state = self.running(job)?;
        state.schedule.pause(steady_now());
        let mut ledger = self.ledger();
        ledger.timers.cancel(job.number);
        ledger.idle.remove(&job.number);
        Ok(())
    }

    pub(crate) fn resume(&self, job: &Arc<RunningJob>) -> Result<()> {
        let mut state = self.running(job)?;
        state.schedule.resume(steady_now());
        self.plan_next(job, &state);
        Ok(())
    }

    /// Changes a job in place, all of what is asked or nothing.
    pub(crate) fn update(&self, job: &Arc<RunningJob>, change: JobUpdate) -> Result<()> {
        if let Some(json) = &change.payload {
            self.core.check_payload(&job.name, json)?;
        }
        if let Some(Some(to)) = &change.to {
            self.core.resolve_unannounced(&to.selection);
            self.core.hub().check_targets(&to.selection)?;
        }
        // What is replaced may be the app's own function, which is dropped after the locks.
        let mut replaced = Vec::new();
        let mut state = self.running(job)?;
        if change.payload.is_some() && job.sampled.is_some() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the payload of the job {} comes from its source; start it anew to give it a fixed one",
                    quoted(&job.id)
                ),
            ));
        }
        let payload = change.payload.map(Payload::Fixed);
        let to = change.to.unwrap_or_else(|| state.audience.to.clone());
        let weight = weight_of(job, payload.as_ref().unwrap_or(&state.payload), to.as_ref());
        {
            let mut ledger = self.ledger();
            ledger.check_room(
                &job.quota_owner,
                weight,
                Some(job.number),
                self.core.limits(),
            )?;
            if let Some(interval) = change.interval {
                let left_out = state.schedule.set_interval(interval, steady_now())?;
                state.missed += left_out;
            }
            if let Some(entry) = ledger.entries.get_mut(&job.number) {
                let before = std::mem::replace(&mut entry.weight, weight);
                if let Some(quota) = ledger.quotas.get_mut(&job.quota_owner) {
                    quota.bytes = quota.bytes - before + weight;
                }
            }
        }
        state.audience.to = to;
        if let Some(shortest) = change.shortest_interval {
            state.shortest_interval = shortest;
        }
        if let Some(payload) = payload {
            replaced.push(std::mem::replace(&mut state.payload, payload));
        }
        if state.is_idle {
            // It may be heard where it goes now.
            self.plan(job, steady_now());
        } else {
            self.plan_next(job, &state);
        }
        drop(state);
        drop(replaced);
        Ok(())
    }

    fn running<'a>(&self, job: &'a Arc<RunningJob>) -> Result<MutexGuard<'a, State>> {
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

    /// Ends the jobs of a webview up to this number. Later ones are of the page after.
    pub(crate) fn stop_all_of(&self, webview: &str, newest: u64) {
        let ended: Vec<Arc<RunningJob>> = {
            let mut ledger = self.ledger();
            let is_theirs = |job: &Arc<RunningJob>| {
                job.number <= newest
                    && matches!(&job.owner, Endpoint::Webview(label) if **label == *webview)
            };
            let jobs = ledger.entries.values().map(|entry| &entry.job);
            let ended: Vec<Arc<RunningJob>> = jobs.filter(|job| is_theirs(job)).cloned().collect();
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

    /// The jobs of this owner, and those of others whose event the caller may reach, in the order of their ids.
    pub(crate) fn list(
        &self,
        owner: &Endpoint,
        is_reached: impl Fn(&EventName) -> bool,
    ) -> Vec<JobInfo> {
        let jobs: Vec<Arc<RunningJob>> = {
            let ledger = self.ledger();
            let jobs = ledger.entries.values().map(|entry| &entry.job);
            jobs.filter(|job| job.owner == *owner || is_reached(&job.name))
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

    /// What tells the time of day at which a tick is due. Nobody can set the clock by which it is.
    pub(super) fn calendar(&self) -> Calendar {
        let (steady, wall) = (steady_now(), SystemTime::now());
        let mut ledger = self.ledger();
        let calendar = ledger
            .calendar
            .get_or_insert_with(|| Calendar::new(steady, wall));
        calendar.follow(steady, wall);
        *calendar
    }

    /// Somebody listens to something new: the jobs that nobody heard look again.
    pub(crate) fn recheck_idle(&self) {
        let mut ledger = self.ledger();
        if ledger.idle.is_empty() {
            return;
        }
        let now = steady_now();
        for job in std::mem::take(&mut ledger.idle) {
            ledger.timers.plan(job, now);
        }
        ledger.asleep = None;
        drop(ledger);
        self.changed.notify_one();
    }
}
