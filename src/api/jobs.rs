use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::api::bus::{EventBus, to_json};
use crate::api::periodic::Job;
use crate::hub::Address;
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::job::JobInfo;
use crate::model::target::Target;
use crate::periodic::job::{JobUpdate, RunningJob};

/// What is to change of a periodic job that runs. What is not said stays.
///
/// ```
/// use std::time::Duration;
/// use tauri_plugin_event_bus::{EventBus, JobChanges, Result};
///
/// fn slow_down(bus: &EventBus) -> Result<()> {
///     bus.update_job("clock", JobChanges::new().every(Duration::from_secs(60)).to("main"))
/// }
/// # let _ = slow_down;
/// ```
#[derive(Debug, Default)]
#[must_use = "a change does nothing until it is handed to update"]
pub struct JobChanges {
    interval: Option<Duration>,
    payload: Option<Result<String>>,
    to: Option<Target>,
}

impl JobChanges {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another interval.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Another payload, the same for every tick.
    pub fn payload(mut self, payload: impl Serialize) -> Self {
        self.payload = Some(to_json("a periodic event", &payload));
        self
    }

    /// Another target; [`Target::everyone`] for all.
    pub fn to(mut self, target: impl Into<Target>) -> Self {
        self.to = Some(target.into());
        self
    }

    pub(crate) fn read(self) -> Result<JobUpdate> {
        Ok(JobUpdate {
            interval: self.interval,
            payload: self.payload.transpose()?.map(Into::into),
            to: self.to.map(Address::of).transpose()?.map(Some),
            shortest_interval: None,
        })
    }
}

/// What the app does with its own jobs, by their ids.
impl EventBus {
    fn own_job(&self, id: &str) -> Result<Arc<RunningJob>> {
        self.runtime().jobs.find(&Endpoint::Host, id)
    }

    /// Holds a periodic job until it is resumed.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`](crate::ErrorCode::UnknownJob) if the app has none with that id.
    pub fn pause_job(&self, id: &str) -> Result<()> {
        self.runtime().jobs.pause(&self.own_job(id)?)
    }

    /// Goes on with a periodic job where it was paused, without making up for what was left out.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::pause_job`].
    pub fn resume_job(&self, id: &str) -> Result<()> {
        self.runtime().jobs.resume(&self.own_job(id)?)
    }

    /// Changes a periodic job in place. It keeps its count, and its phase where it can.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::pause_job`], and those of [`JobBuilder::start`](crate::JobBuilder::start) for
    /// what is changed. Then nothing is changed.
    pub fn update_job(&self, id: &str, change: JobChanges) -> Result<()> {
        let job = self.own_job(id)?;
        let change = change.read()?;
        self.runtime().jobs.update(&job, change)
    }

    /// Every periodic job there is, those of pages included, in the order of their ids.
    #[must_use]
    pub fn list_all_jobs(&self) -> Vec<JobInfo> {
        self.runtime().jobs.list(&Endpoint::Host, |_| true)
    }

    /// The periodic job of an owner, to look at it, hold, change or stop it. Dropping what this gives ends nothing.
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
        let job = self.runtime().jobs.find(owner, id).ok()?;
        Some(Job::kept(&self.runtime().jobs, job))
    }

    /// A periodic job of the app, as it stands.
    #[must_use]
    pub fn get_job(&self, id: &str) -> Option<JobInfo> {
        let job = self.own_job(id).ok()?;
        Some(self.runtime().jobs.info(&job))
    }
}
