//! Interceptors: functions of the app that see each event before it is published.

use std::any::Any;
use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::engine::diagnostics::{Diagnostics, Record};
use crate::engine::foreign::{drop_safely, panic_message};
use crate::hub::{Audience, NewEvent};
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::interception::{EmitContext, EmittedEvent};
use crate::model::name::OWN_PREFIX;

type Outcome = std::result::Result<(), Box<dyn StdError + Send + Sync>>;
type Interceptor = dyn Fn(&mut EmittedEvent<'_>, &EmitContext<'_>) -> Outcome + Send + Sync;

/// The interceptors, in the order in which they were registered.
#[derive(Default)]
pub(crate) struct Interceptors(Vec<Box<Interceptor>>);

impl Interceptors {
    pub(crate) fn add(
        &mut self,
        interceptor: impl Fn(&mut EmittedEvent<'_>, &EmitContext<'_>) -> Outcome + Send + Sync + 'static,
    ) {
        self.0.push(Box::new(interceptor));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interceptors").field(&self.0.len()).finish()
    }
}

thread_local! {
    /// Whether an interceptor runs on this thread.
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Notes that an interceptor runs on this thread, until this is dropped.
struct Running;

impl Running {
    /// `None` if one runs already.
    fn begin() -> Option<Self> {
        (!IS_RUNNING.replace(true)).then_some(Self)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        IS_RUNNING.set(false);
    }
}

impl Interceptors {
    /// Lets the interceptors see an event, one after the other, until one refuses it. Returns whether its payload is amended.
    /// Never call it with a lock held.
    ///
    /// What an interceptor emits itself passes none of them, or it would run without an end.
    pub(super) fn run(
        &self,
        event: &mut NewEvent,
        audience: &Audience,
        diagnostics: &Diagnostics,
    ) -> Result<bool> {
        let mut is_amended = false;
        if event.name.as_str().starts_with(OWN_PREFIX) {
            return Ok(false);
        }
        let Some(running) = Running::begin() else {
            return Ok(false);
        };
        for interceptor in &self.0 {
            let context = EmitContext::new(
                &event.source,
                audience,
                event.provenance.as_deref(),
                event.tick.as_deref(),
            );
            let mut emitted = EmittedEvent::new(&event.name, &mut event.payload, &mut is_amended);
            let called = catch_unwind(AssertUnwindSafe(|| interceptor(&mut emitted, &context)));
            let panicked = match called {
                Ok(Ok(())) => None,
                Ok(Err(error)) => match catch_unwind(AssertUnwindSafe(|| error.to_string())) {
                    Ok(text) => return Err(refused(event, &text, error)),
                    Err(panic) => {
                        drop_safely(error);
                        Some(panic)
                    }
                },
                Err(panic) => Some(panic),
            };
            if let Some(panic) = panicked {
                // What is logged is an event of its own.
                drop(running);
                return Err(note_panic(event, panic, diagnostics));
            }
        }
        Ok(is_amended)
    }
}

fn note_panic(event: &NewEvent, panic: Box<dyn Any + Send>, diagnostics: &Diagnostics) -> Error {
    let name = event.name.as_str();
    let record = Record::InterceptorPanicked;
    diagnostics.tell(record, name, event.as_cause(), || {
        format!(": {}", panic_message(&*panic))
    });
    drop_safely(panic);
    let name = quoted(name);
    let text = format!("{name} was not emitted: an interceptor of the app panicked");
    Error::new(ErrorCode::Refused, text)
}

fn refused(event: &NewEvent, text: &str, error: Box<dyn StdError + Send + Sync>) -> Error {
    let name = quoted(event.name.as_str());
    let text = format!("{name} was not emitted: {text}");
    Error::new(ErrorCode::Refused, text).with_source(error)
}
