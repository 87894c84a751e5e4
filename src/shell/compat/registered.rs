use std::collections::HashMap;
use std::sync::PoisonError;

use tauri::{AppHandle, EventId, Manager, Runtime};

use crate::api::bus::EventBusExt;
use crate::hub::ids::SubscriptionId;
use crate::sync::{Mutex, MutexGuard};

/// Ids of Tauri's own listeners count from 0, and these from here.
const FIRST_ID: EventId = 1 << 31;

/// The listeners of [`Listener`] on the bus, by the ids that the app has.
#[derive(Default)]
pub(in crate::shell) struct CompatListeners(Mutex<Ids>);

#[derive(Default)]
pub(super) struct Ids {
    count: EventId,
    pub(super) known: HashMap<EventId, Registered>,
}

/// What was registered under an id.
#[derive(Clone, Copy)]
pub(super) struct Registered {
    pub(super) bus: SubscriptionId,
    pub(super) core: Option<EventId>,
}

impl CompatListeners {
    pub(super) fn lock(&self) -> MutexGuard<'_, Ids> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_id(&self) -> EventId {
        let mut ids = self.lock();
        ids.count = ids.count.wrapping_add(1) % FIRST_ID;
        FIRST_ID + ids.count
    }
}

/// Ends what is left of a listener when its callback is dropped: because of `unlisten`, or because its window was closed.
pub(super) struct Ended<R: Runtime> {
    pub(super) app: AppHandle<R>,
    pub(super) id: EventId,
}

impl<R: Runtime> Ended<R> {
    /// Ends the listener. Returns whether it was there.
    pub(super) fn end(&self) -> bool {
        let Some(registered) = forget(&self.app, self.id) else {
            return false;
        };
        let bus = self.app.event_bus();
        bus.runtime().listeners.remove(registered.bus);
        true
    }
}

impl<R: Runtime> Drop for Ended<R> {
    fn drop(&mut self) {
        forget(&self.app, self.id);
    }
}

/// Forgets an id, and ends its listener in Tauri's own system.
pub(super) fn forget<R: Runtime>(app: &AppHandle<R>, id: EventId) -> Option<Registered> {
    // Bound to a name, so that the lock is released.
    let removed = app.state::<CompatListeners>().lock().known.remove(&id);
    if let Some(core) = removed.and_then(|registered| registered.core) {
        tauri::Listener::unlisten(app, core);
    }
    removed
}
