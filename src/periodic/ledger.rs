//! The jobs by owner and id, and what each page takes of the room for jobs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::quota::{Quota, SharedLimit};
use crate::periodic::job::RunningJob;
use crate::periodic::timing::queue::{Calendar, TimerQueue};
use crate::periodic::timing::rate::RateGate;

/// The label of the owner and the id of the job, so that a page cannot name a job of another page. The host has no label.
pub(super) type JobKey = (Option<Arc<str>>, Arc<str>);

pub(super) fn key(owner: &Endpoint, id: &Arc<str>) -> JobKey {
    let label = match owner {
        Endpoint::Webview(label) => Some(Arc::clone(label)),
        _ => None,
    };
    (label, Arc::clone(id))
}

#[derive(Default)]
pub(super) struct JobLedger {
    pub(super) numbers: HashMap<JobKey, u64>,
    pub(super) entries: HashMap<u64, JobEntry>,
    /// What the jobs of each page take, and those of the host, which has no label.
    pub(super) quotas: HashMap<Option<Arc<str>>, Quota>,
    /// How many payloads are being made for the jobs of each page.
    pub(super) made: HashMap<Arc<str>, usize>,
    pub(super) timers: TimerQueue,
    /// The jobs that are due at a time of day, which may be set.
    pub(super) calendar_timers: TimerQueue<SystemTime>,
    /// For each page, when its jobs may tick that must keep an interval together.
    pub(super) rates: HashMap<Arc<str>, RateGate>,
    /// Jobs that wait until their event has a listener.
    pub(super) idle: HashSet<u64>,
    pub(super) calendar: Option<Calendar>,
    /// Whether the task of the scheduler runs.
    pub(super) is_kept: bool,
    /// Whether the app is exiting.
    pub(super) is_closed: bool,
    /// The time until which that task sleeps; `None` while it is awake.
    pub(super) asleep: Option<Duration>,
}

pub(super) struct JobEntry {
    pub(super) job: Arc<RunningJob>,
    pub(super) weight: usize,
}

impl JobLedger {
    pub(super) fn find(&self, key: &JobKey) -> Option<&Arc<RunningJob>> {
        let number = self.numbers.get(key)?;
        Some(&self.entries.get(number)?.job)
    }

    /// Removes a job. Returns whether it was there.
    pub(super) fn remove(&mut self, job: &RunningJob) -> bool {
        let Some(entry) = self.entries.remove(&job.number) else {
            return false;
        };
        self.numbers.remove(&key(&job.owner, &job.id));
        self.cancel(job.number);
        self.idle.remove(&job.number);
        if let Some(quota) = self.quotas.get_mut(&job.quota_owner) {
            quota.remove(entry.weight);
            if quota.is_empty() {
                self.quotas.remove(&job.quota_owner);
            }
        }
        true
    }

    /// Plans no tick of a job.
    pub(super) fn cancel(&mut self, number: u64) {
        self.timers.cancel(number);
        self.calendar_timers.cancel(number);
    }

    /// When the next job is due, by the steady clock, as the clocks are now.
    pub(super) fn next_due(&self, steady: Duration, wall: SystemTime) -> Option<Duration> {
        let at = self.calendar_timers.next();
        let at = at.map(|at| steady + at.duration_since(wall).unwrap_or_default());
        self.timers.next().into_iter().chain(at).min()
    }

    pub(super) fn add(&mut self, job: &Arc<RunningJob>, weight: usize) {
        let quota = self.quotas.entry(job.quota_owner.clone()).or_default();
        quota.add(weight);
        self.numbers.insert(key(&job.owner, &job.id), job.number);
        let job = Arc::clone(job);
        self.entries.insert(job.number, JobEntry { job, weight });
    }

    /// Checks that there is room for a job of this weight, beside all others but the one that it replaces.
    pub(super) fn check_room(
        &self,
        quota_owner: &Option<Arc<str>>,
        weight: usize,
        instead: Option<u64>,
        limits: &Limits,
    ) -> Result<()> {
        let refuse = |what: String| Err(Error::new(ErrorCode::TooManyJobs, what));
        let instead = instead.and_then(|number| self.entries.get(&number));
        let before = self.quotas.get(quota_owner).copied().unwrap_or_default();
        let mut own = before;
        // The number counts all jobs, and the bytes those of pages.
        let pages = self.quotas.iter().filter(|(page, _)| page.is_some());
        let mut all = Quota {
            count: self.entries.len(),
            bytes: pages.map(|(_, quota)| quota.bytes).sum(),
        };
        if let Some(entry) = instead {
            if entry.job.quota_owner == *quota_owner {
                own.remove(entry.weight);
            }
            let is_of_page = entry.job.quota_owner.is_some();
            all.remove(if is_of_page { entry.weight } else { 0 });
        }
        if all.count >= limits.jobs {
            return refuse(format!(
                "{} jobs are running, and that is the limit (jobs); stop some first",
                all.count
            ));
        }
        if quota_owner.is_none() {
            return Ok(());
        }
        if own.count >= limits.jobs_per_page {
            return refuse(format!(
                "this page has {} jobs, and that is the limit (jobsPerPage); stop some first",
                own.count
            ));
        }
        own.add(weight);
        all.add(weight);
        let limit = limits.job_bytes_per_page;
        if own.bytes > limit {
            return refuse(format!(
                "the jobs of this page would keep {} bytes, and the limit is {limit} (jobBytesPerPage); stop some first, or emit less with each tick",
                own.bytes
            ));
        }
        let shared = [
            SharedLimit {
                limit: limits.jobs,
                unit: "jobs",
                key: "jobs",
            },
            SharedLimit {
                limit: limits.job_bytes,
                unit: "bytes of jobs",
                key: "jobBytes",
            },
        ];
        own.check_fairness(before, all, shared)
            .or_else(|unfair| refuse(format!("{unfair}; stop some first")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Wakes as the scheduler does, while the time of day is set again and again. Returns at which wake the job was due.
    fn wakes_until_due(at: u64, settings: &[i64]) -> Option<usize> {
        const LONGEST: u64 = 30;
        let mut ledger = JobLedger::default();
        let time = |seconds: i64| {
            let seconds = u64::try_from(seconds).unwrap_or_default();
            SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
        };
        ledger.calendar_timers.plan(1, time(at as i64));
        let (mut steady, mut wall) = (0, 1_000);
        for (wake, set) in settings.iter().enumerate() {
            let due = ledger.next_due(Duration::from_secs(steady), time(wall));
            let sleep = (due.unwrap().as_secs() - steady).min(LONGEST);
            steady += sleep;
            wall += i64::try_from(sleep).unwrap() + set;
            if ledger.calendar_timers.take_due(time(wall)).is_some() {
                assert!(
                    ledger
                        .next_due(Duration::from_secs(steady), time(wall))
                        .is_none()
                );
                return Some(wake);
            }
            // It follows the clock: a wake that is not due is one before its time.
            assert!(wall < at as i64);
        }
        None
    }

    proptest! {
        #[test]
        fn a_time_of_day_is_met_once(at in 1_000..2_000_u64, settings in proptest::collection::vec(-200..200_i64, 200)) {
            let steady = vec![0; 200];
            prop_assert!(wakes_until_due(at, &steady).is_some());
            // Where the clock is set back for ever, it is never met; that asserts what every wake must keep.
            wakes_until_due(at, &settings);
        }
    }

    #[test]
    fn a_clock_that_is_set_moves_it() {
        // After one wake, at 1,030, the clock is set forward past it.
        assert_eq!(wakes_until_due(1_500, &[600]), Some(0));
        // It is set back twice, by an hour.
        let back = [-3_600, -3_600, 7_200 + 500];
        assert_eq!(wakes_until_due(1_500, &back), Some(2));
    }
}
