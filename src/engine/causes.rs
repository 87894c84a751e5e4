//! The event or request that a listener or responder of the host runs for: the cause of what it emits and requests.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::engine::foreign::drop_safely;
use crate::model::event::{BusEvent, Origin};

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    cause: Cause,
    /// What to do once at the end, by name.
    deferred: Vec<(String, Deferred)>,
}

enum Cause {
    Event(BusEvent),
    /// What follows from a request has this origin.
    Request(Origin),
}

type Deferred = Box<dyn FnOnce()>;

/// One call of one listener, or one poll of a responder.
pub(crate) struct CauseScope {
    /// The scope around it, if a listener is called within another one.
    around: Option<Current>,
}

impl CauseScope {
    pub(crate) fn begin(cause: &BusEvent) -> Self {
        Self::begin_for(Cause::Event(cause.clone()))
    }

    fn begin_for(cause: Cause) -> Self {
        let current = Current {
            cause,
            deferred: Vec::new(),
        };
        let around = CURRENT.with_borrow_mut(|slot| slot.replace(current));
        Self { around }
    }

    /// Acts on what was deferred. Returns the names of what panicked.
    pub(crate) fn end(self) -> Vec<String> {
        let ended = CURRENT.with_borrow_mut(|slot| std::mem::replace(slot, self.around));
        let deferred = ended.into_iter().flat_map(|current| current.deferred);
        deferred
            .filter_map(|(name, act)| {
                let panic = catch_unwind(AssertUnwindSafe(act)).err()?;
                drop_safely(panic);
                Some(name)
            })
            .collect()
    }
}

/// Runs a responder with the origin of what follows from its request. A panic continues once the scope has ended. `report` gets the names of
/// what panicked at its end.
pub(crate) fn run_caused_by<T>(
    origin: &Origin,
    act: impl FnOnce() -> T,
    report: impl FnOnce(Vec<String>),
) -> T {
    let scope = CauseScope::begin_for(Cause::Request(origin.clone()));
    let done = catch_unwind(AssertUnwindSafe(act));
    let panicked = scope.end();
    if !panicked.is_empty() {
        report(panicked);
    }
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// The origin of what is emitted here. `None` outside of listeners and responders.
pub(crate) fn origin() -> Option<Origin> {
    CURRENT.with_borrow(|slot| {
        slot.as_ref().map(|current| match &current.cause {
            Cause::Event(event) => event.as_origin(),
            Cause::Request(origin) => origin.clone(),
        })
    })
}

/// Whether a listener runs on this thread.
pub(crate) fn is_in_listener() -> bool {
    CURRENT.with_borrow(|slot| {
        let cause = slot.as_ref().map(|current| &current.cause);
        matches!(cause, Some(Cause::Event(_)))
    })
}

/// Defers `act` to the end of the running listener, once for each name. Returns it where no listener runs.
pub(crate) fn defer_to_end(name: &str, act: Deferred) -> Option<Deferred> {
    CURRENT.with_borrow_mut(|slot| {
        let Some(current) = slot else {
            return Some(act);
        };
        if !current.deferred.iter().any(|(known, _)| known == name) {
            current.deferred.push((name.to_owned(), act));
        }
        None
    })
}
