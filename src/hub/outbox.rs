use std::collections::VecDeque;

use crate::error::{Error, ErrorCode, Result};
use crate::hub::queue::{Entry, LostEvents, Queue, QueueBound, QueuedEvent};
use crate::hub::subscriptions::SubscriptionId;
use crate::policy::Overflow;

/// What one page is still owed: the queue, and before it what was answered and is not yet acknowledged.
///
/// An answered item keeps its index and its content until the page acknowledges it, so that a pull whose answer was
/// lost can be answered again.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Queue,
    answered: VecDeque<Delivery>,
    /// The index that the next delivered item gets, less one.
    last_index: u64,
}

/// An item with its place in the session's own numbering.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) index: u64,
    pub(crate) entry: Entry,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchBound {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Outbox {
    pub(crate) fn new(bound: QueueBound) -> Self {
        Self {
            queue: Queue::new(bound),
            answered: VecDeque::new(),
            last_index: 0,
        }
    }

    pub(crate) fn push(&mut self, queued: QueuedEvent, overflow: Overflow) {
        self.queue.push(queued, overflow);
    }

    pub(crate) fn push_lost(&mut self, lost: LostEvents) {
        self.queue.push_lost(lost);
    }

    pub(crate) fn has_room(&self, weight: usize) -> bool {
        self.queue.has_room(weight)
    }

    /// All that the page has not acknowledged, for the page after it.
    pub(crate) fn into_unacknowledged(mut self) -> impl Iterator<Item = Entry> {
        let answered = self.answered.into_iter().map(|delivery| delivery.entry);
        answered.chain(std::iter::from_fn(move || self.queue.pop()))
    }

    pub(crate) fn acknowledge(&mut self, ack: u64) -> Result<()> {
        if ack > self.last_index {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the acknowledgement {ack} is of an item that was never delivered; the last one is {}",
                    self.last_index
                ),
            ));
        }
        while self.answered.front().is_some_and(|item| item.index <= ack) {
            self.answered.pop_front();
        }
        Ok(())
    }

    /// The next answer: what is not acknowledged again as it was, else a new batch. Empty if nothing is due.
    pub(crate) fn batch(&mut self, bound: BatchBound) -> Vec<Delivery> {
        if self.answered.is_empty() {
            self.fill(bound);
        }
        // What was answered over a better path may be too much for the one of this pull.
        let mut bytes = 0;
        let fitting = self
            .answered
            .iter()
            .enumerate()
            .take_while(|(place, item)| {
                bytes += item.entry.weight();
                *place == 0 || (*place < bound.events && bytes <= bound.bytes)
            });
        fitting.map(|(_, item)| item.clone()).collect()
    }

    /// Nobody is to be told any more of what this subscription has lost.
    pub(crate) fn forget(&mut self, id: SubscriptionId) {
        self.queue.forget(id);
    }

    pub(crate) fn untold(&self) -> usize {
        self.queue.untold()
    }

    /// Keeps what was dropped only for these subscriptions.
    pub(crate) fn forget_all_but(&mut self, is_there: impl Fn(SubscriptionId) -> bool) {
        self.queue.forget_all_but(is_there);
    }

    /// Drops what was not answered yet, when nobody listens any more. What was answered keeps its index.
    pub(crate) fn drop_queued(&mut self) {
        self.queue.clear();
    }

    fn fill(&mut self, bound: BatchBound) {
        let mut bytes = 0;
        while self.answered.len() < bound.events {
            let Some(weight) = self.queue.next_weight() else {
                return;
            };
            // An event larger than a batch still travels, alone.
            if bytes + weight > bound.bytes && !self.answered.is_empty() {
                return;
            }
            bytes += weight;
            if let Some(entry) = self.queue.pop() {
                self.last_index += 1;
                self.answered.push_back(Delivery {
                    index: self.last_index,
                    entry,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::queue::tests::queued;

    const BOUND: QueueBound = QueueBound {
        events: 100,
        bytes: 1 << 20,
    };
    const BATCH: BatchBound = BatchBound {
        events: 2,
        bytes: 1 << 20,
    };

    fn indexes(batch: &[Delivery]) -> Vec<(u64, u64)> {
        batch
            .iter()
            .map(|delivery| match &delivery.entry {
                Entry::Event(queued) => (delivery.index, queued.event.seq()),
                Entry::Lost(lost) => (delivery.index, lost.gap.from),
            })
            .collect()
    }

    #[test]
    fn an_answer_is_repeated_until_it_is_acknowledged() {
        let mut outbox = Outbox::new(BOUND);
        for seq in [10, 20, 30] {
            outbox.push(queued(seq, &[1]), Overflow::DropOldest);
        }
        assert_eq!(indexes(&outbox.batch(BATCH)), [(1, 10), (2, 20)]);
        assert_eq!(indexes(&outbox.batch(BATCH)), [(1, 10), (2, 20)]);
        outbox.acknowledge(1).unwrap();
        assert_eq!(indexes(&outbox.batch(BATCH)), [(2, 20)]);
        outbox.acknowledge(2).unwrap();
        assert_eq!(indexes(&outbox.batch(BATCH)), [(3, 30)]);
        outbox.acknowledge(3).unwrap();
        assert!(outbox.batch(BATCH).is_empty());
    }

    #[test]
    fn what_is_repeated_over_a_narrower_path_comes_in_smaller_batches() {
        let mut outbox = Outbox::new(BOUND);
        for seq in 1..=3 {
            outbox.push(queued(seq, &[1]), Overflow::DropOldest);
        }
        let wide = BatchBound {
            events: 9,
            bytes: 1 << 20,
        };
        let narrow = BatchBound {
            events: 9,
            bytes: 500,
        };
        assert_eq!(outbox.batch(wide).len(), 3);
        assert_eq!(indexes(&outbox.batch(narrow)), [(1, 1), (2, 2)]);
        outbox.acknowledge(2).unwrap();
        assert_eq!(indexes(&outbox.batch(narrow)), [(3, 3)]);
    }

    #[test]
    fn an_old_acknowledgement_takes_nothing_back() {
        let mut outbox = Outbox::new(BOUND);
        outbox.push(queued(1, &[1]), Overflow::DropOldest);
        outbox.batch(BATCH);
        outbox.acknowledge(1).unwrap();
        outbox.acknowledge(0).unwrap();
        assert!(outbox.batch(BATCH).is_empty());
    }

    #[test]
    fn an_acknowledgement_from_the_future_is_refused_and_loses_nothing() {
        let mut outbox = Outbox::new(BOUND);
        outbox.push(queued(1, &[1]), Overflow::DropOldest);
        outbox.batch(BATCH);
        let error = outbox.acknowledge(2).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains('2') && error.message().contains("last one is 1"));
        assert_eq!(indexes(&outbox.batch(BATCH)), [(1, 1)]);
    }

    #[test]
    fn a_large_event_travels_alone() {
        let mut outbox = Outbox::new(BOUND);
        for seq in 1..=3 {
            outbox.push(queued(seq, &[1]), Overflow::DropOldest);
        }
        let tiny = BatchBound {
            events: 9,
            bytes: 1,
        };
        assert_eq!(indexes(&outbox.batch(tiny)), [(1, 1)]);
        outbox.acknowledge(1).unwrap();
        assert_eq!(indexes(&outbox.batch(tiny)), [(2, 2)]);
    }

    #[test]
    fn what_was_answered_is_not_dropped_by_a_full_queue() {
        let mut outbox = Outbox::new(QueueBound {
            events: 1,
            bytes: 1 << 20,
        });
        outbox.push(queued(1, &[1]), Overflow::DropOldest);
        outbox.batch(BATCH);
        outbox.push(queued(2, &[1]), Overflow::DropOldest);
        outbox.push(queued(3, &[1]), Overflow::DropOldest);
        assert_eq!(indexes(&outbox.batch(BATCH)), [(1, 1)]);
        outbox.acknowledge(1).unwrap();
        assert_eq!(indexes(&outbox.batch(BATCH)), [(2, 2), (3, 3)]);
    }
}
