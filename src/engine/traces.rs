//! The app's own traces: what says to which trace that belongs which is emitted now, and what enters the trace of an event.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use crate::engine::diagnostics::{Diagnostics, Record};
use crate::engine::foreign::{drop_safely, panic_message};
use crate::model::error::Result;
use crate::model::traceparent::Traceparent;

type Current = dyn Fn() -> Option<String> + Send + Sync;
type Enter = dyn Fn(&str) -> Box<dyn Any> + Send + Sync;

/// The functions that the app has set, if it has.
#[derive(Default)]
pub(crate) struct Traces(OnceLock<TraceContext>);

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
    pub(crate) fn set(&self, context: TraceContext) {
        let _ = self.0.set(context);
    }

    /// The trace that the app is in. What it gets wrong costs the trace, and not what is emitted.
    pub(crate) fn current(&self, diagnostics: &Diagnostics) -> Option<Traceparent> {
        let context = self.0.get()?;
        let called = catch_unwind(AssertUnwindSafe(|| (context.current)()));
        let parsed: Result<Option<Traceparent>> = match called {
            Ok(text) => text.as_deref().map(Traceparent::parse).transpose(),
            Err(panic) => {
                let text = panic_message(&*panic).to_owned();
                drop_safely(panic);
                diagnostics.tell(Record::TraceContextFailed, "", [], || {
                    format!(": it panicked: {text}")
                });
                return None;
            }
        };
        parsed.unwrap_or_else(|error| {
            diagnostics.tell(Record::TraceContextFailed, "", [], || {
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
        let context = self.0.get()?;
        let entered = catch_unwind(AssertUnwindSafe(|| (context.enter)(traceparent.as_str())));
        match entered {
            Ok(guard) => Some(Entered(Some(guard))),
            Err(panic) => {
                drop_safely(panic);
                None
            }
        }
    }
}
