//! The event or request that a listener or responder of the host runs for: the cause of what it emits and requests.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::engine::foreign::drop_safely;
use crate::hub::ids::SubscriberKey;
use crate::model::event::{BusEvent, Origin};

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    cause: Cause,
    /// The queue whose reader waits until this call is over.
    read_from: Option<SubscriberKey>,
    /// What to do once at the end, by name; `None` where a call may take long.
    deferred: Option<Vec<(String, Deferred)>>,
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
    /// For a listener of an event of this queue.
    pub(crate) fn begin(cause: &BusEvent, read_from: SubscriberKey) -> Self {
        Self::begin_for(Current {
            cause: Cause::Event(cause.clone()),
            read_from: Some(read_from),
            deferred: Some(Vec::new()),
        })
    }

    fn begin_for(current: Current) -> Self {
        let around = CURRENT.with_borrow_mut(|slot| slot.replace(current));
        Self { around }
    }

    /// Acts on what was deferred. Returns the names of what panicked.
    pub(crate) fn end(self) -> Vec<String> {
        let ended = CURRENT.with_borrow_mut(|slot| std::mem::replace(slot, self.around));
        let deferred = ended.and_then(|current| current.deferred);
        let deferred = deferred.into_iter().flatten();
        deferred
            .filter_map(|(name, act)| {
                let panic = catch_unwind(AssertUnwindSafe(act)).err()?;
                drop_safely(panic);
                Some(name)
            })
            .collect()
    }
}

/// Polls a handler with the origin of what follows from what it handles. A panic continues once the scope has ended. `report`
/// gets the names of what panicked at its end.
pub(crate) fn run_caused_by<T>(
    origin: &Origin,
    act: impl FnOnce() -> T,
    report: impl FnOnce(Vec<String>),
) -> T {
    run_reading(origin, None, act, report)
}

/// Polls a handler as [`run_caused_by`] does. The reader of this queue waits for it.
pub(crate) fn run_reading<T>(
    origin: &Origin,
    read_from: Option<SubscriberKey>,
    act: impl FnOnce() -> T,
    report: impl FnOnce(Vec<String>),
) -> T {
    let scope = CauseScope::begin_for(Current {
        cause: Cause::Request(origin.clone()),
        read_from,
        deferred: Some(Vec::new()),
    });
    let done = catch_unwind(AssertUnwindSafe(act));
    let panicked = scope.end();
    if !panicked.is_empty() {
        report(panicked);
    }
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Runs a handler that may take long, so that nothing is deferred to its end.
pub(crate) fn run_long<T>(origin: &Origin, act: impl FnOnce() -> T) -> T {
    let scope = CauseScope::begin_for(Current {
        cause: Cause::Request(origin.clone()),
        read_from: None,
        deferred: None,
    });
    let done = catch_unwind(AssertUnwindSafe(act));
    scope.end();
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

/// The queue whose reader waits until what runs on this thread is over.
pub(crate) fn read_from() -> Option<SubscriberKey> {
    CURRENT.with_borrow(|slot| slot.as_ref()?.read_from)
}

/// Defers `act` to the end of the listener or poll that runs, once for each name. Returns it where none does.
pub(crate) fn defer_to_end(name: &str, act: Deferred) -> Option<Deferred> {
    CURRENT.with_borrow_mut(|slot| {
        let Some(deferred) = slot.as_mut().and_then(|current| current.deferred.as_mut()) else {
            return Some(act);
        };
        if !deferred.iter().any(|(known, _)| known == name) {
            deferred.push((name.to_owned(), act));
        }
        None
    })
}
