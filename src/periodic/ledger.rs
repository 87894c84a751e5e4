//! Which jobs there are, who owns them, and what each page takes of the room for jobs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::periodic::job::RunningJob;
use crate::periodic::queue::{Calendar, TimerQueue};
use crate::periodic::rate::RateGate;

/// A job is known by its owner and its id, so that a page cannot name another one's.
pub(super) type JobKey = (Option<Arc<str>>, Arc<str>);

pub(super) fn key(owner: &Endpoint, id: &Arc<str>) -> JobKey {
    let label = match owner {
        Endpoint::Host => None,
        Endpoint::Webview(label) => Some(Arc::clone(label)),
    };
    (label, Arc::clone(id))
}

#[derive(Default)]
pub(super) struct JobLedger {
    pub(super) numbers: HashMap<JobKey, u64>,
    pub(super) entries: HashMap<u64, JobEntry>,
    pub(super) quotas: HashMap<Option<Arc<str>>, JobQuota>,
    /// How many payloads are being made for the jobs of a page.
    pub(super) made: HashMap<Arc<str>, usize>,
    pub(super) timers: TimerQueue,
    /// How often the jobs of each page have ticked that are to keep an interval together.
    pub(super) rates: HashMap<Arc<str>, RateGate>,
    /// Jobs that wait for somebody who listens.
    pub(super) idle: HashSet<u64>,
    pub(super) calendar: Option<Calendar>,
    /// Whether the task is there.
    pub(super) is_kept: bool,
    /// Whether the app is exiting.
    pub(super) is_closed: bool,
    /// Until when the task sleeps; `None` while it is awake.
    pub(super) asleep: Option<Duration>,
}

pub(super) struct JobEntry {
    pub(super) job: Arc<RunningJob>,
    pub(super) weight: usize,
}

/// What the jobs of a page take, or those of the app.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct JobQuota {
    pub(super) jobs: usize,
    pub(super) bytes: usize,
}

impl JobLedger {
    pub(super) fn find(&self, key: &JobKey) -> Option<&Arc<RunningJob>> {
        let number = self.numbers.get(key)?;
        Some(&self.entries.get(number)?.job)
    }

    pub(super) fn remove(&mut self, job: &RunningJob) -> bool {
        let Some(entry) = self.entries.remove(&job.number) else {
            return false;
        };
        self.numbers.remove(&key(&job.owner, &job.id));
        self.timers.cancel(job.number);
        self.idle.remove(&job.number);
        if let Some(quota) = self.quotas.get_mut(&job.quota_owner) {
            quota.jobs -= 1;
            quota.bytes -= entry.weight;
            if quota.jobs == 0 {
                self.quotas.remove(&job.quota_owner);
            }
        }
        true
    }

    pub(super) fn add(&mut self, job: &Arc<RunningJob>, weight: usize) {
        let quota = self.quotas.entry(job.quota_owner.clone()).or_default();
        quota.jobs += 1;
        quota.bytes += weight;
        self.numbers.insert(key(&job.owner, &job.id), job.number);
        let job = Arc::clone(job);
        self.entries.insert(job.number, JobEntry { job, weight });
    }

    /// Whether there is room for a job of this weight, beside all others but the one that it takes the place of.
    pub(super) fn check_room(
        &self,
        quota_owner: &Option<Arc<str>>,
        weight: usize,
        instead: Option<u64>,
        limits: &Limits,
    ) -> Result<()> {
        let refuse = |what: String| Err(Error::new(ErrorCode::TooManyJobs, what));
        let instead = instead.and_then(|number| self.entries.get(&number));
        let jobs = self.entries.len() - usize::from(instead.is_some());
        let before = self.quotas.get(quota_owner).copied().unwrap_or_default();
        let mut own = before;
        let pages = self.quotas.iter().filter(|(page, _)| page.is_some());
        let mut bytes: usize = pages.map(|(_, quota)| quota.bytes).sum();
        if let Some(entry) = instead {
            if entry.job.quota_owner == *quota_owner {
                own.jobs -= 1;
                own.bytes -= entry.weight;
            }
            if entry.job.quota_owner.is_some() {
                bytes -= entry.weight;
            }
        }
        if jobs >= limits.jobs {
            return refuse(format!(
                "{jobs} periodic jobs are running, and that is the limit (jobs); stop some first"
            ));
        }
        if quota_owner.is_none() {
            return Ok(());
        }
        if own.jobs >= limits.jobs_per_page {
            return refuse(format!(
                "this page has {} periodic jobs, and that is the limit (jobsPerPage); stop some first",
                own.jobs
            ));
        }
        let limit = limits.job_bytes_per_page;
        let own_bytes = own.bytes + weight;
        if own_bytes > limit {
            return refuse(format!(
                "the periodic jobs of this page would keep {own_bytes} bytes, and the limit is {limit} (jobBytesPerPage); stop some first, or emit less with each tick"
            ));
        }
        // A page takes no more than it leaves free, but for its first job and for what takes no more than what it had. So
        // there is some room for those who have less.
        let of_jobs = (before.jobs.max(1), own.jobs + 1, jobs + 1);
        let of_bytes = (before.bytes, own_bytes, bytes + weight);
        for (what, (granted, own, all), limit, key) in [
            ("jobs", of_jobs, limits.jobs, "jobs"),
            ("bytes of jobs", of_bytes, limits.job_bytes, "jobBytes"),
        ] {
            let free = limit.saturating_sub(all);
            if own > free.max(granted) {
                return refuse(format!(
                    "this page would have {own} {what} and leave {free} of {limit} ({key}) free, and a page takes no more than it leaves free; stop some first"
                ));
            }
        }
        Ok(())
    }
}
