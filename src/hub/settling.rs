//! Marks in queues, and whether everything that was accepted has been handled.

use crate::hub::Hub;
use crate::hub::effects::Effects;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::queue::QueuedEvent;
use crate::model::name::EventName;
use crate::model::policy::Overflow;

impl<W> Hub<W> {
    /// Queues a mark for one listener, behind all that waits. It has no number of its own, and no tap tells of it.
    pub(crate) fn queue_mark(
        &mut self,
        key: SubscriberKey,
        id: SubscriptionId,
        name: EventName,
    ) -> Effects<W> {
        let mut effects = Effects::default();
        if let Some(consumer) = self.consumers.get_mut(&key) {
            let accepted_at = self.clock.wall();
            let queued = QueuedEvent::of_host(self.seq, accepted_at, name, "null".into(), id);
            // Never dropped, however full the queue is.
            consumer.queue.push(queued, Overflow::Reject);
            effects.wakers.extend(consumer.take_waker());
        }
        effects
    }

    /// Whether a page has handled all that is for it, and waits for more.
    #[cfg(feature = "test")]
    pub(crate) fn is_settled(&self, page: SubscriberKey) -> bool {
        self.sessions.get(&page).is_none_or(|session| {
            let is_empty = !session.outbox.has_next() && session.outbox.unacknowledged().0 == 0;
            session.parked.is_some() && is_empty
        })
    }

    /// Changes whenever an event was accepted or refused, or a request was sent or has ended.
    #[cfg(feature = "test")]
    pub(crate) fn activity(&self) -> (u64, u64, u64, usize) {
        let (sent, open) = self.requests.counts();
        (self.seq, self.refused, sent, open)
    }
}
