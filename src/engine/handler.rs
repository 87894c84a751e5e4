use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::engine::causes::run_caused_by;
use crate::engine::diagnostics::{Diagnostics, Record};
use crate::engine::foreign::{drop_safely, panic_message};
use crate::model::event::BusEvent;
use crate::model::name::EventName;

/// Calls or polls what handles an event, which causes what it emits. The text of a panic, which is logged, is the error.
pub(crate) fn run_handler<T>(
    event: &BusEvent,
    diagnostics: &Diagnostics,
    run: impl FnOnce() -> T,
) -> Result<T, String> {
    let causes: Arc<[EventName]> = event.as_cause().into();
    let report = |names| diagnostics.tell_deferred(names, &causes);
    let done = catch_unwind(AssertUnwindSafe(|| run_caused_by(&causes, run, report)));
    match done {
        Ok(done) => Ok(done),
        Err(panic) => {
            let text = panic_message(&*panic).to_owned();
            drop_safely(panic);
            let (record, name) = (Record::ListenerPanicked, event.name());
            diagnostics.tell(record, name, Arc::clone(&causes), || {
                format!(" at event {name:?} ({}): {text}", event.seq())
            });
            Err(text)
        }
    }
}
