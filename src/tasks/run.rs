//! One run of a task, and what it tells those who follow it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::Value;

use crate::engine::foreign::wake_safely;
use crate::engine::responders::ResponseFuture;
use crate::hub::command_log::JsonResult;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode};
use crate::model::event::Origin;
use crate::model::json::Json;
use crate::model::task::{TaskId, TaskInfo, TaskProgress, TaskState, nothing_told};
use crate::sync::{Mutex, MutexGuard, Notify};

/// Makes the future of a run, whose output is the result as JSON.
pub(crate) type TaskHandler = Arc<dyn Fn(TaskCall) -> ResponseFuture + Send + Sync>;

/// What a handler gets.
pub(crate) struct TaskCall {
    pub(crate) run: Arc<Run>,
    pub(crate) args: Json,
}

/// How the runs of a registration are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskSettings {
    /// How many run at the same time.
    pub(crate) concurrency: usize,
    /// How many more wait.
    pub(crate) queue: usize,
    /// For how long an end is kept.
    pub(crate) keep: Duration,
    /// How long a cancelled future may go on.
    pub(crate) grace: Duration,
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            concurrency: usize::MAX,
            queue: 64,
            keep: Duration::from_secs(10 * 60),
            grace: Duration::from_secs(5),
        }
    }
}

/// A run of a task.
pub(crate) struct Run {
    pub(crate) id: TaskId,
    /// Tells it from other runs of the same key.
    pub(super) number: u64,
    pub(crate) starter: Endpoint,
    /// What follows from it has this origin.
    pub(super) origin: Origin,
    pub(super) settings: TaskSettings,
    state: Mutex<RunState>,
}

struct RunState {
    state: TaskState,
    fraction: Option<f64>,
    told: Json,
    result: Option<JsonResult>,
    /// Until it begins.
    handler: Option<TaskHandler>,
    /// Until it ends.
    args: Option<Json>,
    /// How often something of it has changed.
    version: u64,
    newest_follower: u64,
    /// The followers that wait for the next change.
    waiting: HashMap<u64, Waker>,
    /// Once its end is kept.
    kept: Option<Kept>,
}

/// Tells what waits for the end of `keep` that the run is forgotten already.
pub(super) struct Kept(pub(super) Arc<Notify>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// What a follower learns.
pub(crate) struct Snapshot {
    pub(crate) progress: TaskProgress,
    /// Once it has ended.
    pub(crate) result: Option<JsonResult>,
}

impl Run {
    pub(super) fn new(
        id: TaskId,
        number: u64,
        starter: Endpoint,
        origin: Origin,
        (handler, settings): (TaskHandler, TaskSettings),
        args: Json,
    ) -> Self {
        Self {
            id,
            number,
            starter,
            origin,
            settings,
            state: Mutex::new(RunState {
                state: TaskState::Queued,
                fraction: None,
                told: nothing_told(),
                result: None,
                handler: Some(handler),
                args: Some(args),
                version: 0,
                newest_follower: 0,
                waiting: HashMap::new(),
                kept: None,
            }),
        }
    }

    /// The same run, ended, with another result.
    pub(super) fn ended_with(&self, result: JsonResult) -> Self {
        let (state, fraction) = {
            let own = self.lock();
            (own.state, own.fraction)
        };
        Self {
            id: self.id.clone(),
            number: self.number,
            starter: self.starter.clone(),
            origin: self.origin.clone(),
            settings: self.settings,
            state: Mutex::new(RunState {
                state,
                fraction,
                told: nothing_told(),
                result: Some(result),
                handler: None,
                args: None,
                version: 0,
                newest_follower: 0,
                waiting: HashMap::new(),
                kept: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, RunState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and wakes the followers. What `change` returns is dropped after the lock, since it may be of the app.
    fn change<T>(&self, change: impl FnOnce(&mut RunState) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        state.version += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for waker in waiting.into_values() {
            // The hook for panics has told of it. The others are woken all the same.
            let _ = wake_safely(waker);
        }
        changed
    }

    pub(crate) fn info(&self) -> TaskInfo {
        let (state, fraction) = {
            let own = self.lock();
            (own.state, own.fraction)
        };
        TaskInfo {
            name: self.id.name.as_str().to_owned(),
            key: self.id.key.to_string(),
            state,
            fraction,
            started_by: self.starter.clone(),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let own = self.lock();
        Snapshot {
            progress: TaskProgress::new(own.state, own.fraction, own.told.clone()),
            result: own.result.clone(),
        }
    }

    /// Whether it was cancelled, or has ended.
    pub(crate) fn is_cancelled(&self) -> bool {
        !matches!(self.lock().state, TaskState::Queued | TaskState::Running)
    }

    pub(super) fn is_cancelling(&self) -> bool {
        self.lock().state == TaskState::Cancelling
    }

    /// Whether it was started with these arguments, as JSON. `false` once it has ended.
    pub(super) fn has_args(&self, others: &Json) -> bool {
        let own = self.lock().args.clone();
        let read = |json: &Json| serde_json::from_str::<Value>(&json.to_numbers()).ok();
        own.is_some_and(|own| {
            let is_text = own.attached().is_empty() && others.attached().is_empty();
            (is_text && **others == *own) || read(&own) == read(others)
        })
    }

    /// It begins. Returns what it begins with. It may have been cancelled already.
    pub(super) fn begin(&self) -> Option<(TaskHandler, Json)> {
        self.change(|own| {
            if own.state == TaskState::Queued {
                own.state = TaskState::Running;
            }
            Some((own.handler.take()?, own.args.clone()?))
        })
    }

    /// Notes its progress, unless it has ended.
    pub(crate) fn set_progress(&self, fraction: Option<f64>, told: Json) {
        drop(self.change(|own| {
            if own.state.is_ended() {
                return told;
            }
            own.fraction = fraction;
            std::mem::replace(&mut own.told, told)
        }));
    }

    /// Tells it that it was cancelled, if it has not ended.
    pub(super) fn begin_cancel(&self) {
        self.change(|own| {
            if !own.state.is_ended() {
                own.state = TaskState::Cancelling;
            }
        });
    }

    /// It has ended. The first end counts: followers may have learned of it.
    pub(super) fn finish(&self, state: TaskState, result: JsonResult) {
        drop(self.change(|own| {
            let told = std::mem::replace(&mut own.told, nothing_told());
            if own.state.is_ended() {
                return (Some(result), None, None, told);
            }
            own.state = state;
            let before = own.result.replace(result);
            // What is kept of it counts for a limit, and its last progress does not.
            (before, own.handler.take(), own.args.take(), told)
        }));
    }

    /// Holds this until the run is forgotten.
    pub(super) fn hold(&self, kept: Kept) {
        let before = self.lock().kept.replace(kept);
        drop(before);
    }

    pub(crate) fn follow(self: &Arc<Self>) -> Follower {
        let mut own = self.lock();
        own.newest_follower += 1;
        let id = own.newest_follower;
        drop(own);
        Follower {
            run: Arc::clone(self),
            id,
            seen: None,
        }
    }
}

/// Follows the changes of a run.
pub(crate) struct Follower {
    run: Arc<Run>,
    id: u64,
    /// The version that it has seen.
    seen: Option<u64>,
}

impl Follower {
    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Whether something has changed since this was last ready. At first it has.
    pub(crate) fn poll_change(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Cloned before the lock, since a waker is foreign code.
        let waker = context.waker().clone();
        let mut own = self.run.lock();
        if self.seen != Some(own.version) {
            self.seen = Some(own.version);
            drop(own);
            return Poll::Ready(());
        }
        let before = own.waiting.insert(self.id, waker);
        drop(own);
        drop(before);
        Poll::Pending
    }

    /// Whether it has ended. Wakes the task at each change.
    pub(crate) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<JsonResult> {
        let waker = context.waker().clone();
        let mut own = self.run.lock();
        if let Some(result) = &own.result {
            return Poll::Ready(result.clone());
        }
        let before = own.waiting.insert(self.id, waker);
        drop(own);
        drop(before);
        Poll::Pending
    }

    /// Whether it was cancelled, or has ended. Wakes the task at each change.
    pub(crate) fn poll_cancelled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.run.is_cancelled() {
            true => Poll::Ready(()),
            false => {
                while self.poll_change(context).is_ready() {
                    if self.run.is_cancelled() {
                        return Poll::Ready(());
                    }
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Bound to a name, so that it is dropped after the lock.
        let _waker = self.run.lock().waiting.remove(&self.id);
    }
}

/// The error of a run that was cancelled.
pub(super) fn cancelled(id: &TaskId) -> Error {
    Error::new(
        ErrorCode::Cancelled,
        format!("{} was cancelled", id.describe()),
    )
}

/// The error for a task that is not there.
pub(crate) fn unknown_task(id: &TaskId) -> Error {
    Error::new(
        ErrorCode::UnknownTask,
        format!(
            "there is no {}: it was not started since the app started, or ended too long ago",
            id.describe().trim_start_matches("the ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::EventName;

    #[test]
    fn the_first_end_counts() {
        let id = TaskId::new(EventName::parse("export").unwrap(), "a").unwrap();
        let handler: TaskHandler = Arc::new(|call| Box::pin(async move { Ok(call.args) }));
        let begun = (handler, TaskSettings::default());
        let args = Json::from("null");
        let run = Run::new(id, 1, Endpoint::Host, Origin::default(), begun, args);
        run.set_progress(Some(0.5), Json::from("\"half\""));
        run.finish(TaskState::Completed, Ok("1".into()));
        // It counts for no limit.
        assert_eq!(run.lock().told, nothing_told());
        let late = Error::new(ErrorCode::Unavailable, "the app is exiting");
        run.finish(TaskState::Cancelled, Err(late));
        assert_eq!(run.info().state, TaskState::Completed);
        assert_eq!(run.snapshot().result.unwrap().unwrap(), "1".into());
    }
}
