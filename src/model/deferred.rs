//! What the bus drops while it holds a lock, and what may run code of the app: it waits until the lock is released.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};

use tauri_plugin_event_bus_types::internal::Attachment;

thread_local! {
    /// How many guards this thread has.
    static GUARDS: Cell<usize> = const { Cell::new(0) };
    static WAITING: RefCell<Vec<Box<[Attachment]>>> = const { RefCell::new(Vec::new()) };
}

/// Drops bytes, whose owner may be the app's. Where this thread holds a lock of the bus, it does so once that is released.
pub(super) fn drop_later(bytes: Box<[Attachment]>) {
    if GUARDS.get() == 0 {
        return;
    }
    // A thread that ends has no list any more.
    let _ = WAITING.try_with(|waiting| waiting.borrow_mut().push(bytes));
}

/// The guard of a lock. Bytes that are dropped while it lives are dropped after it.
pub(crate) struct Guarded<Guard> {
    // Released first.
    guard: Guard,
    _deferral: Deferral,
}

struct Deferral;

impl<Guard> Guarded<Guard> {
    pub(crate) fn new(guard: Guard) -> Self {
        GUARDS.set(GUARDS.get() + 1);
        Self {
            guard,
            _deferral: Deferral,
        }
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        let guards = GUARDS.get() - 1;
        GUARDS.set(guards);
        if guards == 0 {
            let waiting = WAITING.try_with(RefCell::take);
            drop(waiting);
        }
    }
}

impl<Guard: Deref> Deref for Guarded<Guard> {
    type Target = Guard::Target;

    fn deref(&self) -> &Guard::Target {
        &self.guard
    }
}

impl<Guard: DerefMut> DerefMut for Guarded<Guard> {
    fn deref_mut(&mut self) -> &mut Guard::Target {
        &mut self.guard
    }
}
