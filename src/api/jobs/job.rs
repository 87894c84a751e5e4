use std::sync::{Arc, Weak};

use crate::api::jobs::changes::JobChanges;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::job::JobInfo;
use crate::periodic::job::RunningJob;
use crate::periodic::jobs::Jobs as RunningJobs;
use crate::sync::wall_clock;

/// A handle of a job. The handle of a job that you start stops it on drop; [`Job::forget`] keeps the job.
///
/// ```
/// use std::time::Duration;
/// use tauri_plugin_event_bus::{EventBus, Result};
///
/// fn tick_for_a_while(bus: &EventBus) -> Result<()> {
///     let clock = bus.periodic("clock:tick").every(Duration::from_secs(1)).start()?;
///     clock.pause()?;
///     clock.resume()?;
///     clock.stop();
///     Ok(())
/// }
/// # let _ = tick_for_a_while;
/// ```
#[must_use = "a job stops when its handle is dropped; call .forget() to keep it"]
pub struct Job {
    jobs: Weak<RunningJobs>,
    job: Arc<RunningJob>,
    is_kept: bool,
}

impl Job {
    /// A handle that stops its job on drop.
    pub(super) fn guarding(jobs: &Arc<RunningJobs>, job: Arc<RunningJob>) -> Self {
        Self {
            jobs: Arc::downgrade(jobs),
            job,
            is_kept: false,
        }
    }

    /// A handle that leaves its job alone on drop.
    pub(super) fn found(jobs: &Arc<RunningJobs>, job: Arc<RunningJob>) -> Self {
        let mut found = Self::guarding(jobs, job);
        found.is_kept = true;
        found
    }

    /// The job's id, given or random.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.job.id
    }

    /// The state of the job, or its last state if it has ended.
    #[must_use]
    pub fn info(&self) -> JobInfo {
        match self.jobs.upgrade() {
            Some(jobs) => jobs.info(&self.job),
            None => self.job.info(|_| wall_clock()),
        }
    }

    /// Pauses the job until it is resumed. A paused job stays paused.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`] if the job has ended.
    pub fn pause(&self) -> Result<()> {
        self.jobs()?.pause(&self.job)
    }

    /// Resumes the job: the next tick comes after the rest of its interval. Ticks of the pause are not made up for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`] if the job has ended.
    pub fn resume(&self) -> Result<()> {
        self.jobs()?.resume(&self.job)
    }

    /// Changes the job in place. It keeps its count, and the next tick comes the new interval after the previous one.
    ///
    /// # Errors
    ///
    /// Those of [`JobBuilder::start`](crate::periodic::JobBuilder::start) for what is changed, and [`ErrorCode::UnknownJob`] if the
    /// job has ended. An error changes nothing.
    pub fn update(&self, changes: JobChanges) -> Result<()> {
        let jobs = self.jobs()?;
        let update = changes.into_update()?;
        jobs.update(&self.job, update)
    }

    fn jobs(&self) -> Result<Arc<RunningJobs>> {
        self.jobs.upgrade().ok_or_else(|| {
            Error::new(
                ErrorCode::Unavailable,
                "the event bus is unavailable: the app has exited",
            )
        })
    }

    /// Keeps the job until it ends by itself, ends with its owner, or is stopped: [`EventBus::jobs`](crate::EventBus::jobs)
    /// finds it again.
    pub fn forget(mut self) {
        self.is_kept = true;
    }

    /// Stops the job, as dropping the handle of a job that you start does. No tick comes once this has returned. A job that
    /// has ended stays so.
    pub fn stop(mut self) {
        self.is_kept = false;
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Some(jobs) = self.jobs.upgrade() {
            // The job may have ended by itself.
            let _ = jobs.stop(&self.job);
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Job").field(&self.id()).finish()
    }
}
