use std::sync::Arc;

use crate::api::bus::EventBus;
use crate::api::jobs::changes::JobChanges;
use crate::api::jobs::job::Job;
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::job::JobInfo;
use crate::periodic::job::RunningJob;

/// Controls the jobs of the host by their ids.
impl EventBus {
    fn own_job(&self, id: &str) -> Result<Arc<RunningJob>> {
        self.runtime().jobs.find(&Endpoint::Host, id)
    }

    /// Stops a periodic job of the host. No tick comes once this has returned.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`](crate::ErrorCode::UnknownJob) if the host has no running job with that id.
    pub fn stop_job(&self, id: &str) -> Result<()> {
        self.runtime().jobs.stop(&self.own_job(id)?)
    }

    /// Pauses a periodic job of the host until it is resumed. A paused job stays paused.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`](crate::ErrorCode::UnknownJob) if the host has no running job with that id.
    pub fn pause_job(&self, id: &str) -> Result<()> {
        self.runtime().jobs.pause(&self.own_job(id)?)
    }

    /// Resumes a periodic job of the host: the next tick comes after the rest of its interval. Ticks of the pause are not
    /// made up for.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`](crate::ErrorCode::UnknownJob) if the host has no running job with that id.
    pub fn resume_job(&self, id: &str) -> Result<()> {
        self.runtime().jobs.resume(&self.own_job(id)?)
    }

    /// Changes a periodic job of the host in place. It keeps its count, and its phase where it can.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::pause_job`], and those of [`JobBuilder::start`](crate::JobBuilder::start) for what is changed.
    /// An error changes nothing.
    pub fn update_job(&self, id: &str, changes: JobChanges) -> Result<()> {
        let job = self.own_job(id)?;
        let update = changes.into_update()?;
        self.runtime().jobs.update(&job, update)
    }

    /// The state of a periodic job of the host; `None` if it has no running job with that id.
    #[must_use]
    pub fn get_job(&self, id: &str) -> Option<JobInfo> {
        let job = self.own_job(id).ok()?;
        Some(self.runtime().jobs.info(&job))
    }

    /// The running periodic jobs of the host, in the order of their ids.
    #[must_use]
    pub fn list_jobs(&self) -> Vec<JobInfo> {
        self.runtime().jobs.list(&Endpoint::Host, |_| false)
    }

    /// All running periodic jobs, including those of pages, in the order of their ids.
    #[must_use]
    pub fn list_all_jobs(&self) -> Vec<JobInfo> {
        self.runtime().jobs.list(&Endpoint::Host, |_| true)
    }

    /// Finds the running periodic job of an owner, to inspect, pause, change or stop it. Dropping the handle does not stop
    /// the job.
    ///
    /// ```
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// fn stop_every_job(bus: &EventBus) {
    ///     for job in bus.list_all_jobs() {
    ///         if let Some(found) = bus.find_job(&job.owner, &job.id) {
    ///             found.stop();
    ///         }
    ///     }
    /// }
    /// # let _ = stop_every_job;
    /// ```
    #[must_use]
    pub fn find_job(&self, owner: &Endpoint, id: &str) -> Option<Job> {
        let jobs = &self.runtime().jobs;
        let job = jobs.find(owner, id).ok()?;
        Some(Job::found(jobs, job))
    }
}
