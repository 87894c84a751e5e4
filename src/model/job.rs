//! What the bus tells of a job.

use std::time::{Duration, SystemTime};

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::unix_millis;
use crate::model::id::Id;
use crate::model::target::Target;

/// What becomes of ticks that could not come in time, because the machine slept or was busy or the source was slow.
///
/// ```text
/// due    1   2   3   4   5   6   7
/// skip   1   2   -----busy----5  6   7      the fifth says that it missed two
/// burst  1   2   -----busy----345 6   7     three come at once, none is missed
/// delay  1   2   -----busy----3   4   5     counted anew from the late one, which says that it missed two
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MissedTickBehavior {
    /// They are left out, and the next tick comes at its time.
    #[default]
    Skip,
    /// They come one directly after the other, the last 1,000 of them at the most.
    Burst,
    /// They are left out, and the next tick comes a whole interval after the late one.
    Delay,
}

/// What a job does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// It ticks.
    Running,
    /// It was paused, and ticks again once it is resumed.
    Paused,
    /// Nobody listens, and it was asked to tick only while somebody does.
    Idle,
    /// It has ended, and ticks no more.
    Ended,
}

impl JobState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Idle => "idle",
            Self::Ended => "ended",
        }
    }
}

/// A periodic job, as it stands.
///
/// As JSON: `{ id, number, event, everyMs, to, immediate, count, ticks, missed, failed, owner, state, nextAt, missedTicks,
/// onlyWhileListened, jitterMs, source, maxFailures, lastError }`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JobInfo {
    /// The job's id, given or made up.
    pub id: String,
    /// The number of the job: of two with the same id, one after the other, the newer has the higher.
    pub number: u64,
    /// The name of the event.
    pub event: String,
    /// The time from one tick to the next.
    pub interval: Duration,
    /// Whom the event is for; everyone, if `None`.
    pub to: Option<Target>,
    /// Whether the first tick came at once.
    pub is_immediate: bool,
    /// After how many ticks the job ends; never, if `None`.
    pub count: Option<u64>,
    /// How many ticks there were.
    pub ticks: u64,
    /// How many ticks were left out because they were late by a whole interval.
    pub missed: u64,
    /// How many ticks could not be emitted, for instance because their window is gone or their source failed.
    pub failed: u64,
    /// Whose job it is.
    pub owner: Endpoint,
    /// What it does at the moment.
    pub state: JobState,
    /// When the next tick is due, by the time of day. `None` while none is.
    pub next_at: Option<SystemTime>,
    /// What becomes of ticks that could not come in time.
    pub missed_ticks: MissedTickBehavior,
    /// Whether it ticks only while somebody listens.
    pub only_while_listened: bool,
    /// By how much a tick comes later than it is scheduled, at the most.
    pub jitter: Duration,
    /// The source of its payloads, if it has one.
    pub source: Option<String>,
    /// How many failures in a row end it; none, if `None`.
    pub max_failures: Option<u64>,
    /// Why the tick failed that failed last.
    pub last_error: Option<Error>,
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
        map.serialize_entry("state", self.state.as_str())?;
        map.serialize_entry("nextAt", &self.next_at.map(unix_millis))?;
        map.serialize_entry("missedTicks", &self.missed_ticks)?;
        map.serialize_entry("onlyWhileListened", &self.only_while_listened)?;
        map.serialize_entry("jitterMs", &millis(self.jitter))?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("maxFailures", &self.max_failures)?;
        map.serialize_entry("lastError", &self.last_error)?;
        map.end()
    }
}

pub(crate) fn unknown_job(id: &str) -> Error {
    Error::new(
        ErrorCode::UnknownJob,
        format!("no periodic job of this owner has the id {}", quoted(id)),
    )
}

/// Checks an id that an app or a page gives to a job.
pub(crate) fn check_job_id(id: &str) -> Result<()> {
    const MAX_BYTES: usize = 255;
    let refuse = |what: String| {
        let message = format!("the job id {} is invalid: {what}", quoted(id));
        Err(Error::new(ErrorCode::InvalidArgument, message))
    };
    if id.is_empty() || id.len() > MAX_BYTES {
        return refuse(format!("it has 1 to {MAX_BYTES} bytes"));
    }
    // It stands in logs and in what tools show, where these break or reorder the line.
    let is_control = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || turns
    };
    match id.char_indices().find(|(_, c)| is_control(*c)) {
        Some((place, c)) => refuse(format!(
            "it has no control characters, and U+{:04X} stands at byte {place}",
            u32::from(c)
        )),
        None => Ok(()),
    }
}

/// An id for a job that was given none.
pub(crate) fn random_job_id() -> Result<String> {
    Id::random().map(|id| id.to_string())
}
