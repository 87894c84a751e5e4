//! Waiting for room in a full queue.

use crate::engine::core::Core;
use crate::hub::{Audience, NewEvent};
use crate::model::error::{ErrorCode, Result};
use crate::model::event::Receipt;
use crate::sync::{FairMutex, Notify};

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
}

impl Core {
    /// Publishes as soon as every queue has room, in the order of the calls.
    pub(crate) async fn publish_when_room(
        &self,
        event: NewEvent,
        audience: &Audience,
    ) -> Result<Receipt> {
        let _turn = self.backpressure.turn.lock().await;
        let mut event = event;
        loop {
            let mut has_room = std::pin::pin!(self.backpressure.has_room.notified());
            // Before the attempt, so that room that is made meanwhile is not missed.
            has_room.as_mut().enable();
            match self.try_publish(event, audience) {
                Ok((receipt, effects)) => {
                    self.apply_emit_effects(effects);
                    return Ok(receipt);
                }
                Err(refusal) if refusal.error.code() == ErrorCode::QueueFull => {
                    event = refusal.event;
                    has_room.await;
                }
                Err(refusal) => return Err(refusal.error),
            }
        }
    }
}
