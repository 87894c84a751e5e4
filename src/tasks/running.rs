//! The future of a run: polled with its causes, and dropped when it was cancelled and its time is over.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::engine::causes::run_caused_by;
use crate::engine::core::Core;
use crate::engine::diagnostics::Record;
use crate::engine::foreign::{drop_safely, panic_message};
use crate::engine::responders::ResponseFuture;
use crate::hub::command_log::JsonResult;
use crate::model::error::{Error, Failure};
use crate::model::task::TaskState;
use crate::sync::Woken;
use crate::tasks::run::{Run, TaskCall, cancelled};

/// A run whose future is driven. If its task ends early, the run ends all the same.
pub(super) struct RunningTask {
    core: Arc<Core>,
    run: Arc<Run>,
    /// Notes how it has ended. Taken then.
    ended: Option<Ended>,
}

/// What notes the end of a run.
pub(super) type Ended = Box<dyn FnOnce(&Arc<Run>, TaskState, JsonResult) + Send + Sync>;

type Sleep = Pin<Box<dyn Future<Output = Woken> + Send>>;

impl RunningTask {
    pub(super) fn new(core: Arc<Core>, run: Arc<Run>, ended: Ended) -> Self {
        Self {
            core,
            run,
            ended: Some(ended),
        }
    }

    pub(super) async fn drive(mut self) {
        let run = Arc::clone(&self.run);
        let clock = self.core.clock();
        let Some((handler, args)) = run.begin() else {
            // The app is exiting.
            self.ended = None;
            return;
        };
        let mut follower = run.follow();
        let mut call = Some(TaskCall {
            run: Arc::clone(&run),
            args,
        });
        let mut future: Option<ResponseFuture> = None;
        let mut grace: Option<Sleep> = None;
        let result = poll_fn(|context| {
            if follower.poll_cancelled(context).is_ready() {
                let own = grace.get_or_insert_with(|| {
                    Box::pin(clock.sleep_until(clock.after(run.settings.grace)))
                });
                if own.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
            }
            let polled = self.poll_foreign(context, |context| {
                if let Some(call) = call.take() {
                    future = Some(handler(call));
                }
                match &mut future {
                    Some(future) => future.as_mut().poll(context),
                    None => Poll::Pending,
                }
            });
            polled.map(Some)
        })
        .await;
        drop_safely((future, handler, call));
        self.finish(result);
    }

    /// Polls the future of the app, which may panic.
    fn poll_foreign(
        &self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<JsonResult>,
    ) -> Poll<JsonResult> {
        let diagnostics = self.core.diagnostics();
        let origin = &self.run.origin;
        let causes = &origin.causes;
        let run = || {
            self.core
                .traces()
                .run_in(origin.traceparent.as_ref(), || poll(context))
        };
        let report = |names| diagnostics.tell_deferred(names, causes);
        let polled = catch_unwind(AssertUnwindSafe(|| run_caused_by(origin, run, report)));
        polled.unwrap_or_else(|panic| {
            let text = panic_message(&*panic).to_owned();
            drop_safely(panic);
            let name = self.run.id.name.as_str();
            diagnostics.tell(Record::TaskPanicked, name, Arc::clone(causes), || {
                format!(": {text}")
            });
            Poll::Ready(Err(self.failed(&text)))
        })
    }

    fn failed(&self, panic: &str) -> Error {
        let failure = Failure::new("panic", panic, None);
        Error::failed(self.run.id.name.as_str(), "the host", failure)
    }

    /// Ends the run with this result; `None` if it was cancelled and did not end by itself.
    fn finish(&mut self, result: Option<JsonResult>) {
        let Some(ended) = self.ended.take() else {
            return;
        };
        let id = &self.run.id;
        let was_cancelled = self.run.is_cancelling();
        let result = result.unwrap_or_else(|| Err(cancelled(id)));
        let checked = result.and_then(|json| {
            self.core.check_payload(&id.name, &json)?;
            Ok(json.shared())
        });
        let (state, result) = match checked {
            Ok(json) => (TaskState::Completed, Ok(json)),
            Err(_) if was_cancelled => (TaskState::Cancelled, Err(cancelled(id))),
            Err(error) => (TaskState::Failed, Err(error)),
        };
        ended(&self.run, state, result);
    }
}

impl Drop for RunningTask {
    fn drop(&mut self) {
        let error = self.failed("its task ended early");
        self.finish(Some(Err(error)));
    }
}
