//! The app's own traces: what says to which trace that belongs which is emitted now, and what enters the trace of an event.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use crate::engine::diagnostics::{Diagnostics, Record};
use crate::engine::foreign::{drop_safely, panic_message};
use crate::model::error::Result;
use crate::model::traceparent::Traceparent;

type Current = dyn Fn() -> Option<String> + Send + Sync;
type Enter = dyn Fn(&str) -> Box<dyn Any> + Send + Sync;

/// The functions that the app has set, if it has.
pub(crate) struct Traces {
    context: OnceLock<TraceContext>,
    diagnostics: Arc<Diagnostics>,
}

/// What connects the bus with the traces of the app. Both are foreign code: never call them with a lock held.
pub(crate) struct TraceContext {
    current: Box<Current>,
    enter: Box<Enter>,
}

impl TraceContext {
    pub(crate) fn new<G: 'static>(
        current: impl Fn() -> Option<String> + Send + Sync + 'static,
        enter: impl Fn(&str) -> G + Send + Sync + 'static,
    ) -> Self {
        Self {
            current: Box::new(current),
            enter: Box::new(move |traceparent| Box::new(enter(traceparent))),
        }
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceContext")
    }
}

/// What the app keeps while it is in a trace.
struct Entered(Option<Box<dyn Any>>);

impl Drop for Entered {
    fn drop(&mut self) {
        drop_safely(self.0.take());
    }
}

impl Traces {
    pub(crate) fn new(diagnostics: Arc<Diagnostics>) -> Self {
        Self {
            context: OnceLock::new(),
            diagnostics,
        }
    }

    pub(crate) fn set(&self, context: TraceContext) {
        let _ = self.context.set(context);
    }

    /// The trace that the app is in. What it gets wrong costs the trace, and not what is emitted.
    pub(crate) fn current(&self) -> Option<Traceparent> {
        let context = self.context.get()?;
        let called = catch_unwind(AssertUnwindSafe(|| (context.current)()));
        let parsed: Result<Option<Traceparent>> = match called {
            Ok(text) => text.as_deref().map(Traceparent::parse).transpose(),
            Err(panic) => {
                self.tell_panic("current", panic);
                return None;
            }
        };
        parsed.unwrap_or_else(|error| {
            self.diagnostics
                .tell(Record::TraceContextFailed, "", [], || {
                    format!(": {}", error.message())
                });
            None
        })
    }

    /// Runs what belongs to this trace in it.
    pub(crate) fn run_in<T>(
        &self,
        traceparent: Option<&Traceparent>,
        run: impl FnOnce() -> T,
    ) -> T {
        // Dropped also where it panics.
        let _entered = traceparent.and_then(|traceparent| self.enter(traceparent));
        run()
    }

    fn enter(&self, traceparent: &Traceparent) -> Option<Entered> {
        let context = self.context.get()?;
        let entered = catch_unwind(AssertUnwindSafe(|| (context.enter)(traceparent.as_str())));
        match entered {
            Ok(guard) => Some(Entered(Some(guard))),
            Err(panic) => {
                self.tell_panic("enter", panic);
                None
            }
        }
    }

    fn tell_panic(&self, function: &str, panic: Box<dyn Any + Send>) {
        let text = panic_message(&*panic).to_owned();
        drop_safely(panic);
        let kind = Record::TraceContextFailed;
        self.diagnostics.tell(kind, function, [], || {
            format!(": `{function}` panicked: {text}")
        });
    }
}
