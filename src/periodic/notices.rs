//! What a job's owner can hear of it: `event-bus:job-started`, `event-bus:job-stopped`, `event-bus:job-failed`.
//!
//! They are sent to the owner alone: to its webview, or to the listeners in Rust.

use serde::Serialize;

use crate::engine::core::Core;
use crate::hub::{Address, Audience, NewEvent};
use crate::model::endpoint::Endpoint;
use crate::model::error::Error;
use crate::model::job::JobInfo;
use crate::model::name::EventName;
use crate::model::target::Target;
use crate::periodic::job::RunningJob;

/// Why a job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StopReason {
    /// Somebody stopped it.
    Stopped,
    /// Its count was reached.
    Finished,
    /// Another job took its id.
    Replaced,
    /// It failed too often in a row.
    Failed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stopped<'a> {
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
struct Failed<'a> {
    id: &'a str,
    event: &'a str,
    tick: u64,
    failures: u64,
    error: &'a Error,
}

pub(crate) fn tell_start(core: &Core, job: &RunningJob, info: &JobInfo) {
    tell(core, job, "event-bus:job-started", info);
}

pub(crate) fn tell_stop(core: &Core, job: &RunningJob, reason: StopReason) {
    let stopped = {
        let state = job.state();
        Stopped {
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
        log::error!(
            "the periodic event {:?} stopped after {} failures",
            job.name.as_str(),
            stopped.failed
        );
    }
    tell(core, job, "event-bus:job-stopped", &stopped);
}

pub(crate) fn tell_failure(core: &Core, job: &RunningJob, tick: u64, failures: u64, error: &Error) {
    if failures == 1 {
        log::warn!(
            "tick {tick} of the periodic event {:?} was not emitted: {error}",
            job.name.as_str()
        );
    }
    let failed = Failed {
        id: &job.id,
        event: job.name.as_str(),
        tick,
        failures,
        error,
    };
    tell(core, job, "event-bus:job-failed", &failed);
}

fn tell(core: &Core, job: &RunningJob, name: &str, what: &impl Serialize) {
    let target = Target::from(&job.owner);
    let (Ok(name), Ok(payload), Ok(to)) = (
        EventName::parse(name),
        serde_json::to_string(what),
        Address::of(target),
    ) else {
        return;
    };
    let draft = NewEvent {
        name,
        payload: payload.into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: Some(false),
    };
    let audience = Audience {
        to: Some(to),
        except: None,
    };
    // An owner that is gone is told nothing.
    let _ = core.publish(draft, &audience);
}
