//! What a listener or a responder in Rust is called for, while it runs: the cause of what it emits and asks.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::model::event::BusEvent;
use crate::model::name::EventName;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    cause: Cause,
    /// What is to be done once at the end, by name.
    last: Vec<(String, Last)>,
}

enum Cause {
    Event(BusEvent),
    /// The names of what caused a question, and at last its own.
    RequestMessage(Arc<[EventName]>),
}

type Last = Box<dyn FnOnce()>;

/// One call of one listener, or a part of what a responder does.
pub(crate) struct CauseScope {
    /// The turn around it, if a listener can be called within another.
    around: Option<Current>,
}

impl CauseScope {
    pub(crate) fn begin(cause: &BusEvent) -> Self {
        Self::begin_for(Cause::Event(cause.clone()))
    }

    fn begin_for(cause: Cause) -> Self {
        let current = Current {
            cause,
            last: Vec::new(),
        };
        let around = CURRENT.with_borrow_mut(|slot| slot.replace(current));
        Self { around }
    }

    pub(crate) fn end(self) {
        let ended = CURRENT.with_borrow_mut(|slot| std::mem::replace(slot, self.around));
        for (name, last) in ended.into_iter().flat_map(|current| current.last) {
            if catch_unwind(AssertUnwindSafe(last)).is_err() {
                log::error!("emitting {name:?} at the end of a listener or a responder panicked");
            }
        }
    }
}

/// Does what a question asks for. A panic goes on once the turn has ended.
pub(crate) fn run_caused_by<T>(causes: &Arc<[EventName]>, act: impl FnOnce() -> T) -> T {
    let turn = CauseScope::begin_for(Cause::RequestMessage(Arc::clone(causes)));
    let done = catch_unwind(AssertUnwindSafe(act));
    turn.end();
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// The causes of what is emitted here. None outside of listeners and responders.
pub(crate) fn causes() -> Box<[EventName]> {
    CURRENT.with_borrow(|slot| match slot.as_ref().map(|current| &current.cause) {
        Some(Cause::Event(event)) => event.as_cause(),
        Some(Cause::RequestMessage(causes)) => causes.iter().cloned().collect(),
        None => Box::default(),
    })
}

/// Does something once at the end of the running listener, however often it asks for it by that name. Gives it back
/// where none is running.
pub(crate) fn at_the_end(name: &str, last: Last) -> Option<Last> {
    CURRENT.with_borrow_mut(|slot| {
        let Some(current) = slot else {
            return Some(last);
        };
        if !current.last.iter().any(|(known, _)| known == name) {
            current.last.push((name.to_owned(), last));
        }
        None
    })
}
