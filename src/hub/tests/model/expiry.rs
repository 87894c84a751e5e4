//! Events that expire, in queues and while there is no page.

use super::pages::Page;
use super::{Emitted, World, steady};
use crate::hub::outbox::{Batch, Item};
use crate::hub::queue::LostEvents;
use crate::model::event::GapReason;

impl Emitted {
    pub(super) fn has_expired(&self) -> bool {
        self.expires_at.is_some_and(|end| end <= steady())
    }
}

impl World {
    /// What is on its way for the first time has not expired.
    pub(super) fn check_expiry(&mut self, page: usize, batch: &Batch) {
        for (index, item) in (batch.first()..).zip(batch.items()) {
            let own = &mut self.pages[page];
            if index <= own.delivered {
                continue;
            }
            own.delivered = index;
            if let Item::Event(queued) = item {
                let seq = queued.event.seq();
                let mut events = self.events.iter().filter(|event| event.seq == seq);
                assert!(
                    events.all(|event| !event.has_expired()),
                    "{seq} has expired, and is delivered"
                );
            }
        }
    }
}

impl Page {
    /// A gap of expired events counts events that were for each of its subscriptions and have expired, and those that they
    /// had replaced.
    pub(super) fn check_expired_gap(&self, page: usize, lost: &LostEvents, events: &[Emitted]) {
        let gap = &lost.gap;
        if gap.reason != GapReason::Expired {
            return;
        }
        for id in &lost.subscriptions {
            let received = &self.received[id];
            let is_due = |event: &&Emitted| {
                (gap.from..=gap.to).contains(&event.seq)
                    && event.is_for(page, &received.pattern)
                    && (event.has_expired() || received.may_replace(event.name))
            };
            let due = events.iter().filter(is_due).count() as u64;
            assert!(
                !gap.at_most && (1..=due).contains(&gap.count),
                "{due} events of {gap:?} were for {received:?}"
            );
        }
    }
}
