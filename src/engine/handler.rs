use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::engine::causes::run_reading;
use crate::engine::diagnostics::{Diagnostics, Record};
use crate::engine::foreign::{drop_safely, panic_message};
use crate::engine::observe::Handling;
use crate::engine::traces::Traces;
use crate::hub::ids::SubscriberKey;
use crate::model::event::{BusEvent, Origin};

/// Calls and polls what handles one event, in its span and its trace. The event causes what it emits.
pub(crate) struct EventHandling {
    event: BusEvent,
    /// The queue whose reader waits for it.
    read_from: Option<SubscriberKey>,
    origin: Origin,
    handling: Handling,
    traces: Arc<Traces>,
    diagnostics: Arc<Diagnostics>,
}

impl EventHandling {
    pub(crate) fn of(
        event: BusEvent,
        read_from: Option<SubscriberKey>,
        traces: &Arc<Traces>,
        diagnostics: &Arc<Diagnostics>,
    ) -> Self {
        Self {
            origin: event.as_origin(),
            handling: Handling::of_event(&event),
            event,
            read_from,
            traces: Arc::clone(traces),
            diagnostics: Arc::clone(diagnostics),
        }
    }

    /// Calls or polls it. The text of a panic, which is logged, is the error.
    pub(crate) fn run<T>(&self, run: impl FnOnce() -> T) -> Result<T, String> {
        let causes = &self.origin.causes;
        let report = |names| self.diagnostics.tell_deferred(names, causes);
        let run = || self.traces.run_in(self.event.trace(), run);
        let done = catch_unwind(AssertUnwindSafe(|| {
            run_reading(
                &self.origin,
                self.read_from,
                || self.handling.run(run),
                report,
            )
        }));
        match done {
            Ok(done) => Ok(done),
            Err(panic) => {
                let text = panic_message(&*panic).to_owned();
                drop_safely(panic);
                let (record, name) = (Record::ListenerPanicked, self.event.name());
                self.diagnostics.tell(record, name, Arc::clone(causes), || {
                    format!(" at event {name:?} ({}): {text}", self.event.seq())
                });
                Err(text)
            }
        }
    }
    /// Drops what has handled it.
    pub(crate) fn drop<T>(&self, handler: T) {
        if !drop_safely(handler) {
            let causes = Arc::clone(&self.origin.causes);
            let record = Record::DropPanicked;
            self.diagnostics
                .tell(record, self.event.name(), causes, String::new);
        }
    }
}
