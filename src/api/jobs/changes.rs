use std::time::Duration;

use serde::Serialize;

use crate::api::json::to_json;
use crate::api::target::IntoTarget;
use crate::hub::Address;
use crate::model::error::Result;
use crate::model::json::Json;
use crate::model::target::Target;
use crate::periodic::job::JobUpdate;

/// Changes of a running job. What is not set stays as it is.
///
/// ```
/// use std::time::Duration;
/// use tauri_plugin_event_bus::Result;
/// use tauri_plugin_event_bus::periodic::{Job, JobChanges};
///
/// fn slow_down(clock: &Job) -> Result<()> {
///     clock.update(JobChanges::new().every(Duration::from_secs(60)).to("main"))
/// }
/// # let _ = slow_down;
/// ```
#[derive(Debug, Default)]
#[must_use = "changes do nothing until they are passed to Job::update"]
pub struct JobChanges {
    interval: Option<Duration>,
    payload: Option<Result<Json>>,
    to: Option<Target>,
}

impl JobChanges {
    /// Changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the interval: 1 ms to 365 days.
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sets a fixed payload for every tick. A job whose payloads come from a source refuses it.
    pub fn payload(mut self, payload: impl Serialize) -> Self {
        self.payload = Some(to_json("a job", &payload));
        self
    }

    /// Sets the target of the ticks; [`Target::everyone`] for all.
    pub fn to(mut self, target: impl IntoTarget) -> Self {
        self.to = Some(target.into_target());
        self
    }

    pub(super) fn into_update(self) -> Result<JobUpdate> {
        Ok(JobUpdate {
            interval: self.interval,
            payload: self.payload.transpose()?.map(Json::shared),
            to: self.to.map(Address::of).transpose()?.map(Some),
            pace: None,
            is_local: None,
        })
    }
}
