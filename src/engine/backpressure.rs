//! Waiting until a full queue has room.

use crate::sync::{FairGuard, FairMutex, Notified, Notify};

/// Where emitters wait for room in a full queue.
#[derive(Default)]
pub(crate) struct Backpressure {
    /// Notified when a queue may have room again.
    has_room: Notify,
    /// Held by one emitter at a time, in the order of the calls.
    turn: FairMutex<()>,
}

impl Backpressure {
    pub(crate) fn notify(&self) {
        self.has_room.notify_waiters();
    }

    /// Waits for the turn of the caller.
    pub(crate) async fn turn(&self) -> FairGuard<'_> {
        self.turn.lock().await
    }

    /// Resolves when a queue may have room again.
    pub(crate) fn room(&self) -> Notified<'_> {
        self.has_room.notified()
    }
}
