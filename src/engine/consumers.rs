//! What the queues of the host listeners and of streams hand out.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use crate::engine::core::Core;
use crate::engine::foreign::drop_safely;
use crate::engine::observe::taken;
use crate::hub::PolledWakers;
use crate::hub::ids::SubscriberKey;
use crate::hub::queue::QueueEntry;

impl Core {
    pub(crate) fn poll_consumer(
        &self,
        key: SubscriberKey,
        context: &mut Context<'_>,
    ) -> Poll<Option<QueueEntry>> {
        let waker = context.waker().clone();
        let (polled, wakers) = self.hub().poll_consumer(key, waker);
        self.wake_polled(wakers);
        if let Poll::Ready(Some(entry)) = &polled {
            self.note_taken(key, std::slice::from_ref(entry));
            taken(self.counting(), std::slice::from_ref(entry));
        }
        polled
    }

    /// Polls the queue of a stream, which keeps what it takes ahead.
    pub(crate) fn poll_stream(
        &self,
        key: SubscriberKey,
        context: &mut Context<'_>,
        ahead: &mut VecDeque<QueueEntry>,
    ) -> Poll<Option<QueueEntry>> {
        let polled = match ahead.pop_front() {
            Some(entry) => Poll::Ready(Some(entry)),
            None => {
                let waker = context.waker().clone();
                let (polled, wakers) = self.hub().poll_stream(key, waker, ahead);
                self.wake_polled(wakers);
                polled
            }
        };
        if let Poll::Ready(Some(entry)) = &polled {
            self.note_taken(key, std::slice::from_ref(entry));
            taken(self.counting(), std::slice::from_ref(entry));
        }
        polled
    }

    /// Takes a few entries that wait for a consumer, and adds them to these.
    pub(crate) fn take_waiting(&self, key: SubscriberKey, entries: &mut Vec<QueueEntry>) {
        let before = entries.len();
        let wakers = self.hub().take_waiting(key, entries);
        self.wake_polled(wakers);
        let entries = entries.get(before..).unwrap_or_default();
        self.note_taken(key, entries);
        taken(self.counting(), entries);
    }

    fn wake_polled(&self, wakers: PolledWakers) {
        let (unneeded, has_room) = wakers.into_parts();
        drop_safely(unneeded);
        self.wake(has_room);
    }

    pub(crate) fn remove_consumer(&self, key: SubscriberKey) {
        // Bound to a name, so that its queue is dropped after the lock.
        let (_removed, effects) = self.hub().remove_consumer(key);
        self.apply_effects(effects);
    }
}
