use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Weak};

use serde::Serialize;

use crate::engine::core::Core;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::task::{TaskProgress, TaskState, write_told};
use crate::tasks::run::Run;

/// What the future of a task knows of it, and how it tells its progress: see
/// [`EventBus::register_task`](crate::EventBus::register_task).
#[derive(Clone)]
pub struct TaskContext {
    core: Weak<Core>,
    run: Arc<Run>,
}

impl TaskContext {
    pub(super) fn new(core: &Weak<Core>, run: Arc<Run>) -> Self {
        Self {
            core: Weak::clone(core),
            run,
        }
    }

    /// The name of the task.
    #[must_use]
    pub fn name(&self) -> &str {
        self.run.id.name.as_str()
    }

    /// The key by which it is found.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.run.id.key
    }

    /// Who started it.
    #[must_use]
    pub fn started_by(&self) -> &Endpoint {
        &self.run.starter
    }

    /// Tells how much is done, from 0 to 1, or `None` if that is not known, and anything beside it. The newest progress
    /// counts: followers get it at once, and then at most ten times a second.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::InvalidArgument`]: the fraction is not a number from 0 to 1
    /// - [`ErrorCode::InvalidPayload`], [`ErrorCode::PayloadTooLarge`]: the detail cannot be sent
    pub fn progress(&self, fraction: impl Into<Option<f64>>, detail: impl Serialize) -> Result<()> {
        let fraction = fraction.into();
        if let Some(value) = fraction.filter(|value| !(0.0..=1.0).contains(value)) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the progress of {:?} is {value}; it must be a number from 0 to 1",
                    self.name()
                ),
            ));
        }
        let what = format_args!("the progress of the task {:?}", self.name());
        let told = write_told(what, fraction, detail)?.shared();
        if let Some(core) = self.core.upgrade() {
            let part = TaskProgress::new(TaskState::Cancelling, fraction, told.clone());
            core.check_payload(&self.run.id.name, &part.into_part())?;
        }
        self.run.set_progress(fraction, told);
        Ok(())
    }

    /// Whether it was cancelled. Code that blocks must look: a future is dropped at its next `await`, once its grace is over.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.run.is_cancelled()
    }

    /// Completes when the task is cancelled.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut follower = self.run.follow();
        poll_fn(move |context| follower.poll_cancelled(context))
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskContext")
            .field(&self.name())
            .field(&self.key())
            .finish()
    }
}
