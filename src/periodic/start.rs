//! Starting a job.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::interval::MAX_DURATION;
use crate::model::job::{check_job_id, random_job_id};
use crate::model::name::EventName;
use crate::periodic::job::{JobPlan, Payload, RunningJob, weight_of};
use crate::periodic::jobs::Jobs;
use crate::periodic::ledger::key;
use crate::periodic::notices::{StopReason, announce_start, announce_stop};
use crate::periodic::scheduler::run_scheduler;
use crate::periodic::timing::schedule::{Schedule, Timing};

/// The timing of a job that ticks once at a time of day. Its interval is how far ahead that is.
pub(crate) fn once_timing(time: SystemTime, wall: SystemTime) -> Result<Timing> {
    if let Err(before) = time.duration_since(SystemTime::UNIX_EPOCH) {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "the time is {:?} before 1970; it must be later",
                before.duration()
            ),
        ));
    }
    let ahead = time.duration_since(wall).unwrap_or_default();
    if ahead > MAX_DURATION {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            format!("the time is {ahead:?} ahead; it must be at most a year ahead"),
        ));
    }
    Ok(Timing {
        is_immediate: true,
        count: Some(1),
        ..Timing::every(ahead.max(Duration::from_millis(1)))
    })
}

impl Jobs {
    /// Starts a job, which runs until it is stopped or its count is reached. It replaces another job only if
    /// the event of that job is allowed.
    pub(crate) fn start(
        self: &Arc<Self>,
        mut plan: JobPlan,
        is_allowed: impl FnOnce(&EventName) -> bool,
    ) -> Result<Arc<RunningJob>> {
        if let Payload::Fixed(json) = &plan.payload {
            self.core.check_payload(&plan.name, json)?;
        }
        if let Some(to) = &mut plan.to {
            self.core.resolve_nodes(&plan.name, &mut to.selection)?;
            self.core.resolve_unannounced(&to.selection);
            self.core.hub().check_targets(&to.selection)?;
        }
        if plan.max_failures == Some(0) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the limit of failures in a row is 0; it must be at least 1, or be left out for no limit",
            ));
        }
        let id: Arc<str> = match &plan.id {
            Some(id) => check_job_id(id).map(|()| id.as_str().into())?,
            None => random_job_id()?.into(),
        };
        let number = self.next_number();
        // Random, so that jobs of one id do not fire together, in different pages or different runs.
        let seed = RandomState::new().hash_one(number);
        let schedule = Schedule::new(plan.timing, self.clock().steady(), seed)?;
        let (replaces, page) = (plan.replaces, plan.page);
        let job = Arc::new(RunningJob::new(number, id, plan, schedule));
        let may_replace = |old: &RunningJob| replaces && is_allowed(&old.name);
        let replaced = self.insert(&job, may_replace, self.core.limits())?;
        if let Some(old) = replaced {
            old.halt();
            announce_stop(&self.core, &old, StopReason::Replaced);
        }
        let is_closed =
            matches!(&job.owner, Endpoint::Webview(webview) if !self.core.knows(webview));
        if is_closed || page.is_some_and(|page| !self.core.hub().is_open(page)) {
            // The page ended before the job was in the ledger, so its end did not stop the job.
            self.remove(&job);
            return Err(Error::new(
                ErrorCode::StaleSession,
                format!(
                    "the page in {} was closed before the job {} started",
                    quoted(job.page_label().unwrap_or_default()),
                    quoted(&job.id)
                ),
            ));
        }
        announce_start(&self.core, &job, &self.info(&job));
        let state = job.state();
        if let Some(due) = state.schedule.due() {
            self.plan(&job, due);
        }
        drop(state);
        self.ensure_scheduler();
        Ok(job)
    }

    /// Adds the job to the ledger, and returns the job that it replaces.
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
                format!(
                    "the app is exiting; the job of {:?} was not started",
                    job.name.as_str()
                ),
            ));
        }
        let old = ledger.find(&key(&job.owner, &job.id)).cloned();
        if old.as_ref().is_some_and(|old| !may_replace(old)) {
            return Err(Error::new(
                ErrorCode::DuplicateJob,
                format!(
                    "a job with the id {} is running; stop it, replace it, or choose another id",
                    quoted(&job.id)
                ),
            ));
        }
        let replaced = old.as_ref().map(|old| old.number);
        ledger.check_room(&job.quota_owner, weight, replaced, limits)?;
        if let Some(old) = &old {
            ledger.remove(old);
        }
        ledger.add(job, weight);
        Ok(old)
    }

    /// Starts the scheduler, unless it is running.
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
}
