//! What a listener in Rust is called for, while it runs: the cause of what it emits.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::event::BusEvent;
use crate::name::EventName;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    cause: BusEvent,
    /// What is to be done once at the end, by name.
    last: Vec<(String, Last)>,
}

type Last = Box<dyn FnOnce()>;

/// One call of one listener.
pub(crate) struct Turn {
    /// The turn around it, if a listener can be called within another.
    around: Option<Current>,
}

impl Turn {
    pub(crate) fn begin(cause: &BusEvent) -> Self {
        let current = Current {
            cause: cause.clone(),
            last: Vec::new(),
        };
        let around = CURRENT.with_borrow_mut(|slot| slot.replace(current));
        Self { around }
    }

    pub(crate) fn end(self) {
        let ended = CURRENT.with_borrow_mut(|slot| std::mem::replace(slot, self.around));
        for (name, last) in ended.into_iter().flat_map(|current| current.last) {
            if catch_unwind(AssertUnwindSafe(last)).is_err() {
                log::error!("emitting {name:?} at the end of a listener panicked");
            }
        }
    }
}

/// The causes of what is emitted here. None outside of listeners.
pub(crate) fn causes() -> Box<[EventName]> {
    CURRENT.with_borrow(|slot| match slot {
        Some(current) => current.cause.as_cause(),
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
