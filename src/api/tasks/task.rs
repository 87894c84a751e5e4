use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::task::Poll;

use serde::de::DeserializeOwned;

use crate::api::json::read_as;
use crate::model::error::Result;
use crate::model::task::{TaskInfo, TaskProgress};
use crate::tasks::room::AppTasks;
use crate::tasks::run::{Follower, Run};

/// Follows a task. Dropping it changes nothing for the task.
pub struct Task<T> {
    tasks: Weak<AppTasks>,
    follower: Follower,
    result: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Task<T> {
    pub(super) fn new(tasks: &Arc<AppTasks>, run: &Arc<Run>) -> Self {
        Self {
            tasks: Arc::downgrade(tasks),
            follower: run.follow(),
            result: PhantomData,
        }
    }

    fn run(&self) -> &Arc<Run> {
        self.follower.run()
    }

    /// The name of the task.
    #[must_use]
    pub fn name(&self) -> &str {
        self.run().id.name.as_str()
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.run().id.key
    }

    /// What it does at the moment, or how it has ended.
    #[must_use]
    pub fn info(&self) -> TaskInfo {
        self.run().info()
    }

    /// Awaits the newest progress; at first what it is now. `None` once the task has ended. Dropping the future loses nothing.
    pub async fn progress(&mut self) -> Option<TaskProgress> {
        let follower = &mut self.follower;
        poll_fn(|context| match follower.poll_end(context) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => follower.poll_change(context),
        })
        .await;
        let snapshot = self.run().snapshot();
        match snapshot.result {
            None => Some(snapshot.progress),
            Some(_) => None,
        }
    }

    /// Awaits the result.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::ResponderFailed`](crate::ErrorCode::ResponderFailed): the task failed or panicked
    /// - [`ErrorCode::Cancelled`](crate::ErrorCode::Cancelled): it was cancelled
    /// - [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload): its arguments do not match what it takes, or the
    ///   result does not match `T`
    /// - [`ErrorCode::PayloadTooLarge`](crate::ErrorCode::PayloadTooLarge): there was no room to keep the result
    /// - [`ErrorCode::Unavailable`](crate::ErrorCode::Unavailable): the app is exiting
    pub async fn result(mut self) -> Result<T> {
        let follower = &mut self.follower;
        let result = poll_fn(|context| follower.poll_end(context)).await;
        read_as(&result?, || {
            format!("the result of the task {:?}", self.name())
        })
    }

    /// Cancels the task. Its future is dropped once its grace is over. A task that has ended stays as it is.
    pub fn cancel(&self) {
        if let Some(tasks) = self.tasks.upgrade() {
            // Another run may have taken its place, if it has ended.
            let is_own = tasks
                .find(&self.run().id)
                .is_ok_and(|run| Arc::ptr_eq(&run, self.run()));
            if is_own {
                // It may have ended meanwhile.
                let _ = tasks.cancel(&self.run().id);
            }
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.follower.run().id;
        f.debug_tuple("Task")
            .field(&id.name.as_str())
            .field(&id.key)
            .finish()
    }
}
