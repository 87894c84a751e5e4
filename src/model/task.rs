use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::json::Json;
use crate::model::name::EventName;

/// The most bytes of a key.
const MAX_KEY_BYTES: usize = 255;

/// Which task: its name, and the key of the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TaskId {
    pub(crate) name: EventName,
    pub(crate) key: Arc<str>,
}

impl TaskId {
    pub(crate) fn new(name: EventName, key: &str) -> Result<Self> {
        if (1..=MAX_KEY_BYTES).contains(&key.len()) {
            let key = key.into();
            return Ok(Self { name, key });
        }
        Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "the key of a task of {:?} has {} bytes; expected 1 to {MAX_KEY_BYTES}",
                name.as_str(),
                key.len()
            ),
        ))
    }

    /// What it is called in errors.
    pub(crate) fn describe(&self) -> String {
        format!(
            "the task {} with the key {}",
            quoted(self.name.as_str()),
            quoted(&self.key)
        )
    }

    /// At least as many bytes as it takes to keep a run, without its arguments and its result.
    pub(crate) fn weight(&self) -> usize {
        const RUN: usize = 512;
        RUN + self.name.as_str().len() + self.key.len()
    }
}

/// What a task does at the moment, or how it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum TaskState {
    /// It waits until fewer tasks of its name run.
    Queued,
    /// It runs.
    Running,
    /// It was cancelled and has not ended yet.
    Cancelling,
    /// It has ended with a result.
    Completed,
    /// It has ended with an error, or panicked.
    Failed,
    /// It was cancelled and has ended.
    Cancelled,
}

impl TaskState {
    /// Whether it has ended.
    #[must_use]
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The word that pages get.
    fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A task, as [`Tasks::list`](crate::task::Tasks::list) lists it.
///
/// As JSON: `{ name, key, state, fraction, startedBy }`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// What it does, or how it has ended.
    pub state: TaskState,
    /// How much of it is done, from 0 to 1; `None` if it has not said.
    pub fraction: Option<f64>,
    /// Who started it.
    pub started_by: Endpoint,
}

/// What a task tells of itself: its state, and its newest progress.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskProgress {
    /// What it does, or how it has ended.
    pub state: TaskState,
    /// How much of it is done, from 0 to 1; `None` if it has not said.
    pub fraction: Option<f64>,
    told: Json,
}

/// What a task has told.
#[derive(Serialize, Deserialize)]
struct Told<D> {
    fraction: Option<f64>,
    detail: D,
}

/// Writes what a task tells. `what` names it in an error.
pub(crate) fn write_told(
    what: impl fmt::Display,
    fraction: Option<f64>,
    detail: impl Serialize,
) -> Result<Json> {
    Json::write(what, &Told { fraction, detail })
}

/// What a task has told that has told nothing.
pub(crate) fn nothing_told() -> Json {
    Json::from("{\"fraction\":null,\"detail\":null}")
}

impl TaskProgress {
    pub(crate) fn new(state: TaskState, fraction: Option<f64>, told: Json) -> Self {
        Self {
            state,
            fraction,
            told,
        }
    }

    /// What it says beside the fraction. Without that it is read from `null`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`] if it does not match `T`.
    pub fn detail<T: DeserializeOwned>(&self) -> Result<T> {
        let read = self.told.read::<Told<T>>();
        let told = read.map_err(|mismatch| mismatch.into_error::<T>("the detail of a task"))?;
        Ok(told.detail)
    }

    /// The part by which pages get it. The bytes in it keep their places.
    pub(crate) fn into_part(self) -> Json {
        let state = self.state.as_str();
        self.told.with_text(|told| {
            let rest = told.strip_prefix('{').unwrap_or(told);
            format!("{{\"state\":\"{state}\",{rest}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_length() {
        let name = || EventName::parse("export").unwrap();
        for key in ["a", &"k".repeat(255)] {
            assert!(TaskId::new(name(), key).is_ok());
        }
        for (key, length) in [("", "0 bytes"), (&"k".repeat(256), "256 bytes")] {
            let error = TaskId::new(name(), key).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            for part in ["\"export\"", length, "255"] {
                assert!(error.message().contains(part), "{error}");
            }
        }
    }

    #[test]
    fn a_part_has_the_state_of_its_time() {
        let told = write_told("x", Some(0.5), ["rows"]).unwrap();
        let progress = TaskProgress::new(TaskState::Running, Some(0.5), told);
        assert_eq!(progress.detail::<Vec<String>>().unwrap(), ["rows"]);
        let error = progress.detail::<u8>().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPayload);
        let part = progress.into_part();
        let expected = r#"{"state":"running","fraction":0.5,"detail":["rows"]}"#;
        assert_eq!(&*part, expected);
        let nothing = TaskProgress::new(TaskState::Queued, None, nothing_told());
        assert_eq!(nothing.detail::<Option<u8>>().unwrap(), None);
    }
}
