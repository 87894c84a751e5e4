//! The events about a job: `event-bus:job-started`, `event-bus:job-stopped`, `event-bus:job-failed`.
//!
//! Only the owner gets them: its webview, or the host listeners.

use serde::Serialize;

use crate::engine::core::Core;
use crate::engine::diagnostics::Record;
use crate::hub::{Address, Audience, NewEvent};
use crate::model::endpoint::Endpoint;
use crate::model::error::Error;
use crate::model::job::JobInfo;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::target::Target;
use crate::periodic::job::RunningJob;

/// Why a job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StopReason {
    /// It was stopped.
    Stopped,
    /// Its count was reached.
    Finished,
    /// A job with the same id replaced it.
    Replaced,
    /// Too many ticks in a row failed.
    Failed,
    /// The time of its only tick was missed.
    Missed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobStopped<'a> {
    id: &'a str,
    event: &'a str,
    reason: StopReason,
    ticks: u64,
    missed: u64,
    failed: u64,
    error: Option<Error>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobFailed<'a> {
    id: &'a str,
    event: &'a str,
    tick: u64,
    failures: u64,
    error: &'a Error,
}

pub(crate) fn announce_start(core: &Core, job: &RunningJob, info: &JobInfo) {
    announce(core, job, "event-bus:job-started", info);
}

pub(crate) fn announce_stop(core: &Core, job: &RunningJob, reason: StopReason) {
    let stopped = {
        let state = job.state();
        JobStopped {
            id: &job.id,
            event: job.name.as_str(),
            reason,
            ticks: state.schedule.ticks(),
            missed: state.missed,
            failed: state.failed,
            error: state
                .last_error
                .clone()
                .filter(|_| reason == StopReason::Failed),
        }
    };
    if reason == StopReason::Failed {
        tell(core, job, Record::JobFailed, || {
            format!(" after {} failures", stopped.failed)
        });
    }
    announce(core, job, "event-bus:job-stopped", &stopped);
}

pub(crate) fn announce_failure(
    core: &Core,
    job: &RunningJob,
    tick: u64,
    failures: u64,
    error: &Error,
) {
    if failures == 1 {
        tell(core, job, Record::TickFailed, || {
            format!(": tick {tick}: {error}")
        });
    }
    let failed = JobFailed {
        id: &job.id,
        event: job.name.as_str(),
        tick,
        failures,
        error,
    };
    announce(core, job, "event-bus:job-failed", &failed);
}

fn tell(core: &Core, job: &RunningJob, record: Record, detail: impl FnOnce() -> String) {
    let causes = [job.name.clone()];
    core.diagnostics()
        .tell(record, job.name.as_str(), causes, detail);
}

fn announce(core: &Core, job: &RunningJob, name: &str, notice: &impl Serialize) {
    let target = Target::from(&job.owner);
    let (Ok(name), Ok(payload), Ok(to)) = (
        EventName::parse(name),
        serde_json::to_string(notice),
        Address::of(target),
    ) else {
        return;
    };
    let event = NewEvent {
        name,
        payload: payload.into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: Some(false),
        lifetime: Lifetime::default(),
    };
    let audience = Audience {
        to: Some(to),
        ..Audience::default()
    };
    // The owner may be gone.
    let _ = core.publish(event, &audience);
}
