//! Waiting for room in a full queue.

use crate::sync::{FairGuard, FairMutex, Notified, Notify};

/// Where those wait who emit into a full queue.
#[derive(Default)]
pub(crate) struct Backpressure {
    /// Notified when a queue may have room again.
    has_room: Notify,
    /// Held by one after the other, in the order of the calls.
    turn: FairMutex<()>,
}

impl Backpressure {
    pub(crate) fn notify(&self) {
        self.has_room.notify_waiters();
    }

    /// Waits for one's turn.
    pub(crate) async fn turn(&self) -> FairGuard<'_> {
        self.turn.lock().await
    }

    /// Resolves when a queue may have room again.
    pub(crate) fn room(&self) -> Notified<'_> {
        self.has_room.notified()
    }
}
