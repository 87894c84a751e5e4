//! Jobs as values: their state, and checks of their ids.

use std::time::{Duration, SystemTime};

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::unix_millis;
use crate::model::id::Id;
use crate::model::target::Target;

/// What happens to ticks that are late, because the machine slept or was busy, or the source was slow.
///
/// ```text
/// due    1   2   3   4   5   6   7
/// skip   1   2   -----busy----5  6   7      the fifth reports two missed
/// burst  1   2   -----busy----345 6   7     three come at once, none is missed
/// delay  1   2   -----busy----3   4   5     counted from the late one, which reports two missed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MissedTickBehavior {
    /// Late ticks are left out, and the next tick comes at its scheduled time.
    #[default]
    Skip,
    /// Late ticks come directly one after the other, at most the last 1,000.
    Burst,
    /// Late ticks are left out, and the next tick comes one interval after the late one.
    Delay,
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum JobState {
    /// It ticks.
    Running,
    /// It is paused until it is resumed.
    Paused,
    /// It ticks only while there is a listener, and there is none.
    Idle,
    /// It has ended.
    Ended,
}

/// A snapshot of a job.
///
/// As JSON: `{ id, number, event, everyMs, to, immediate, count, ticks, missed, failed, owner, state, nextAt, missedTicks,
/// onlyWhileListened, jitterMs, source, maxFailures, lastError, at }`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JobInfo {
    /// The job's id, chosen by the app or generated.
    pub id: String,
    /// The job's number. A newer job has a higher number, also one with the same id.
    pub number: u64,
    /// The name of the event.
    pub event: String,
    /// The time from one tick to the next.
    pub interval: Duration,
    /// The target of the event; `None` is everyone.
    pub to: Option<Target>,
    /// Whether the first tick came at once.
    pub is_immediate: bool,
    /// The number of ticks after which the job ends; `None` is never.
    pub count: Option<u64>,
    /// The number of ticks so far.
    pub ticks: u64,
    /// How many ticks were skipped, because they were late by a whole interval.
    pub missed: u64,
    /// How many ticks failed, for example because their window is gone or their source failed.
    pub failed: u64,
    /// The owner, with whom the job ends.
    pub owner: Endpoint,
    /// Its state.
    pub state: JobState,
    /// The time of the next tick; `None` while none is due.
    pub next_at: Option<SystemTime>,
    /// What happens to late ticks.
    pub missed_ticks: MissedTickBehavior,
    /// Whether it ticks only while there is a listener.
    pub only_while_listened: bool,
    /// The most by which a tick comes later than scheduled.
    pub jitter: Duration,
    /// Its job source, if it has one.
    pub source: Option<String>,
    /// The number of failures in a row that ends it; `None` is no limit.
    pub max_failures: Option<u64>,
    /// The error of the last tick that failed.
    pub last_error: Option<Error>,
    /// The time of day of its only tick, for what [`EventBus::emit_at`](crate::EventBus::emit_at) has started.
    pub at: Option<SystemTime>,
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

impl Serialize for JobInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("number", &self.number)?;
        map.serialize_entry("event", &self.event)?;
        map.serialize_entry("everyMs", &millis(self.interval))?;
        map.serialize_entry("to", &self.to)?;
        map.serialize_entry("immediate", &self.is_immediate)?;
        map.serialize_entry("count", &self.count)?;
        map.serialize_entry("ticks", &self.ticks)?;
        map.serialize_entry("missed", &self.missed)?;
        map.serialize_entry("failed", &self.failed)?;
        map.serialize_entry("owner", &self.owner)?;
        map.serialize_entry("state", &self.state)?;
        map.serialize_entry("nextAt", &self.next_at.map(unix_millis))?;
        map.serialize_entry("missedTicks", &self.missed_ticks)?;
        map.serialize_entry("onlyWhileListened", &self.only_while_listened)?;
        map.serialize_entry("jitterMs", &millis(self.jitter))?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("maxFailures", &self.max_failures)?;
        map.serialize_entry("lastError", &self.last_error)?;
        map.serialize_entry("at", &self.at.map(unix_millis))?;
        map.end()
    }
}

pub(crate) fn unknown_job(id: &str) -> Error {
    Error::new(
        ErrorCode::UnknownJob,
        format!("this owner has no job with the id {}", quoted(id)),
    )
}

/// Checks an id that an app or a page gives to a job.
pub(crate) fn check_job_id(id: &str) -> Result<()> {
    const MAX_BYTES: usize = 255;
    let refuse = |what: String| {
        let message = format!("invalid job id {}: {what}", quoted(id));
        Err(Error::new(ErrorCode::InvalidArgument, message))
    };
    if id.is_empty() || id.len() > MAX_BYTES {
        return refuse(format!(
            "it has {} bytes; expected 1 to {MAX_BYTES}",
            id.len()
        ));
    }
    // Ids appear in logs and tools, where these characters break or reorder the line.
    let is_control = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || turns
    };
    match id.char_indices().find(|(_, c)| is_control(*c)) {
        Some((index, c)) => refuse(format!(
            "it has the control character U+{:04X} at byte {index}; expected none",
            u32::from(c)
        )),
        None => Ok(()),
    }
}

/// A generated id for a job.
pub(crate) fn random_job_id() -> Result<String> {
    Id::random().map(|id| id.to_string())
}
