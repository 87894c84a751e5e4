use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::json::read_as;
use crate::api::respond::{ResponderResult, write_response};
use crate::api::tasks::context::TaskContext;
use crate::engine::responders::ResponseFuture;
use crate::model::error::Result;
use crate::model::name::EventName;
use crate::tasks::room::AppTasks;
use crate::tasks::run::{TaskHandler, TaskSettings};

/// The longest time for which an end is kept, and a cancelled future goes on.
const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

impl EventBus {
    /// Registers a task: work of the app that ends with a result, such as an export.
    ///
    /// The closure gets the arguments and a [`TaskContext`], by which it tells its progress. Its future's output is the result.
    /// An error, or a panic, fails the task. It belongs to the app: pages that close or reload end nothing, and any page that
    /// may can follow it by its name and key.
    ///
    /// A task is started with [`EventBus::start_task`], or by a page with `startTask`.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::DuplicateTask`](crate::ErrorCode::DuplicateTask): the name has a task; the message says where it was
    ///   registered
    /// - [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName),
    ///   [`ErrorCode::ReservedEventName`](crate::ErrorCode::ReservedEventName)
    ///
    /// ```
    /// # fn register(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// bus.register_task("export", |rows: u32, task| async move {
    ///     for row in 0..rows {
    ///         task.progress(f64::from(row) / f64::from(rows), "rows")?;
    ///         // … write the row
    ///     }
    ///     Ok("export.csv")
    /// })?
    /// .concurrency(2)
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn register_task<Q, T, F>(
        &self,
        name: &str,
        run: impl Fn(Q, TaskContext) -> F + Send + Sync + 'static,
    ) -> Result<TaskRegistration>
    where
        Q: DeserializeOwned,
        T: Serialize,
        F: Future<Output = ResponderResult<T>> + Send + 'static,
    {
        let location = Location::caller();
        let name = EventName::parse_emitted(&self.full_name(name)?)?;
        let core = Arc::downgrade(&self.runtime().core);
        let own = name.clone();
        let handler: TaskHandler = Arc::new(move |call| {
            let name = own.clone();
            let args = read_as::<Q>(&call.args, || {
                format!("the arguments of the task {:?}", name.as_str())
            });
            let future = args.map(|args| run(args, TaskContext::new(&core, call.run)));
            Box::pin(async move { write_response(&name, future?.await) }) as ResponseFuture
        });
        let tasks = &self.runtime().tasks;
        let number = tasks.register(&name, location, handler)?;
        Ok(TaskRegistration {
            tasks: Arc::downgrade(tasks),
            name,
            number,
            is_kept: false,
        })
    }
}

/// Keeps the registration of a task: see [`EventBus::register_task`]. Once it is dropped, none is started any more, and those
/// that wait or run go on; [`TaskRegistration::forget`] keeps it for good.
///
/// The settings apply to what is started later.
#[must_use = "a task can be started while this is kept; call .forget() to keep it for good"]
pub struct TaskRegistration {
    tasks: Weak<AppTasks>,
    name: EventName,
    number: u64,
    is_kept: bool,
}

impl TaskRegistration {
    fn configure(self, change: impl FnOnce(&mut TaskSettings)) -> Self {
        if let Some(tasks) = self.tasks.upgrade() {
            tasks.configure(&self.name, self.number, change);
        }
        self
    }

    /// Sets how many run at the same time; more wait. At least 1; without it, as many as the limit `tasks`.
    pub fn concurrency(self, runs: usize) -> Self {
        self.configure(|settings| settings.concurrency = runs.max(1))
    }

    /// Sets how many wait, 64 by default. Another one is refused. Of these places, a page takes no more than it leaves free.
    pub fn queue(self, runs: usize) -> Self {
        self.configure(|settings| settings.queue = runs)
    }

    /// Sets for how long the end of a task is kept for those who attach later: 10 minutes by default, at most 24 hours.
    pub fn keep(self, time: Duration) -> Self {
        self.configure(|settings| settings.keep = time.min(MAX_TIME))
    }

    /// Sets how long the future of a cancelled task goes on to clean up, before it is dropped: 5 seconds by default, at most
    /// 24 hours.
    pub fn grace(self, time: Duration) -> Self {
        self.configure(|settings| settings.grace = time.min(MAX_TIME))
    }

    /// Keeps the registration until the app exits.
    pub fn forget(mut self) {
        self.is_kept = true;
    }

    /// Ends the registration, as dropping it does.
    pub fn stop(self) {}
}

impl Drop for TaskRegistration {
    fn drop(&mut self) {
        if let Some(tasks) = self.tasks.upgrade().filter(|_| !self.is_kept) {
            tasks.unregister(&self.name, self.number);
        }
    }
}

impl fmt::Debug for TaskRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskRegistration")
            .field(&self.name.as_str())
            .finish()
    }
}
