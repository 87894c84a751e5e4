use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::json::to_json;
use crate::api::tasks::task::Task;
use crate::model::error::Result;
use crate::model::event::Provenance;
use crate::model::id::Id;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::task::TaskId;
use crate::tasks::room::{IfRunning, NewTask};

impl EventBus {
    /// Starts a task that [`EventBus::register_task`] has registered, and follows it.
    ///
    /// # Errors
    ///
    /// By awaiting it:
    ///
    /// - [`ErrorCode::NoResponder`](crate::ErrorCode::NoResponder): the app has no task of that name
    /// - [`ErrorCode::DuplicateTask`](crate::ErrorCode::DuplicateTask): one with the key waits or runs, and
    ///   [`StartTaskBuilder::if_running`] does not allow that, or its arguments are different
    /// - [`ErrorCode::TooManyTasks`](crate::ErrorCode::TooManyTasks): a limit, or the queue of the name, is full
    /// - [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): the key has not 1 to 255 bytes
    /// - [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload),
    ///   [`ErrorCode::PayloadTooLarge`](crate::ErrorCode::PayloadTooLarge): the arguments
    /// - [`ErrorCode::EventLoop`](crate::ErrorCode::EventLoop),
    ///   [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName),
    ///   [`ErrorCode::ReservedEventName`](crate::ErrorCode::ReservedEventName),
    ///   [`ErrorCode::Unavailable`](crate::ErrorCode::Unavailable)
    ///
    /// ```
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn export(bus: EventBus) -> Result<String> {
    ///     let mut task = bus.start_task::<String>("export", 1_000).key("quarter-3").await?;
    ///     while let Some(progress) = task.progress().await {
    ///         println!("{:?} {:?}", progress.state, progress.fraction);
    ///     }
    ///     task.result().await
    /// }
    /// # let _ = export;
    /// ```
    pub fn start_task<T: DeserializeOwned>(
        &self,
        name: &str,
        args: impl Serialize,
    ) -> StartTaskBuilder<T> {
        StartTaskBuilder {
            bus: self.with_current_causes(),
            name: name.to_owned(),
            args: to_json(name, &args),
            key: None,
            if_running: IfRunning::default(),
            result: PhantomData,
        }
    }
}

/// A task that is started when this is awaited; made by [`EventBus::start_task`].
#[must_use = "a task is started when this is awaited"]
pub struct StartTaskBuilder<T> {
    bus: EventBus,
    name: String,
    args: Result<Json>,
    key: Option<String>,
    if_running: IfRunning,
    result: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> StartTaskBuilder<T> {
    /// Sets the key by which the run is found, 1 to 255 bytes; a random one by default. Of one name and key, one runs at a time.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets what happens where one with the key waits or runs: it is followed, by default.
    pub fn if_running(mut self, if_running: IfRunning) -> Self {
        self.if_running = if_running;
        self
    }

    fn start(self) -> Result<Task<T>> {
        let bus = self.bus;
        let name = EventName::parse_emitted(&bus.full_name(&self.name)?)?;
        let key = match self.key {
            Some(key) => key,
            None => Id::random()?.to_string(),
        };
        let new = NewTask {
            id: TaskId::new(name, &key)?,
            args: self.args?,
            if_running: self.if_running,
            starter: bus.source().clone(),
            provenance: {
                let origin = bus.origin().unwrap_or_default();
                Provenance::of(None, origin.causes, origin.traceparent)
            },
        };
        let tasks = &bus.runtime().tasks;
        Ok(Task::new(tasks, &tasks.start(new)?))
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for StartTaskBuilder<T> {
    type Output = Result<Task<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.start() })
    }
}

impl<T> fmt::Debug for StartTaskBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartTaskBuilder")
            .field("name", &self.name)
            .field("key", &self.key)
            .field("if_running", &self.if_running)
            .finish_non_exhaustive()
    }
}
