use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::tasks::task::Task;
use crate::model::error::Result;
use crate::model::name::EventName;
use crate::model::task::{TaskId, TaskInfo};

/// The tasks of the app: finds them, to follow or to cancel them. Made by [`EventBus::tasks`].
///
/// ```
/// use tauri_plugin_event_bus::{EventBus, Result};
///
/// async fn wait(bus: EventBus) -> Result<String> {
///     for task in bus.tasks().list() {
///         println!("{} {} {:?}", task.name, task.key, task.state);
///     }
///     bus.tasks().attach::<String>("export", "quarter-3")?.result().await
/// }
/// # let _ = wait;
/// ```
#[derive(Debug, Clone)]
pub struct Tasks(EventBus);

impl EventBus {
    /// The tasks that wait or run, and those whose end is kept.
    #[must_use]
    pub fn tasks(&self) -> Tasks {
        Tasks(self.clone())
    }
}

impl Tasks {
    fn id(&self, name: &str, key: &str) -> Result<TaskId> {
        TaskId::new(EventName::parse_emitted(&self.0.full_name(name)?)?, key)
    }

    /// Follows a task that waits or runs, or whose end is kept.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownTask`](crate::ErrorCode::UnknownTask): there is no such task, or its end is kept no longer.
    pub fn attach<T: DeserializeOwned>(&self, name: &str, key: &str) -> Result<Task<T>> {
        let id = self.id(name, key)?;
        let tasks = &self.0.runtime().tasks;
        Ok(Task::new(tasks, &tasks.find(&id)?))
    }

    /// Cancels a task. Its future is dropped once its grace is over; one that waits ends at once, and one that has ended stays as
    /// it is.
    ///
    /// # Errors
    ///
    /// Those of [`Tasks::attach`].
    pub fn cancel(&self, name: &str, key: &str) -> Result<()> {
        let id = self.id(name, key)?;
        Arc::clone(&self.0.runtime().tasks).cancel(&id)
    }

    /// All of them, by name and key.
    #[must_use]
    pub fn list(&self) -> Vec<TaskInfo> {
        self.0.runtime().tasks.list(|_| true)
    }
}
