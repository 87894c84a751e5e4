use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::event::{Event, Gap, GapReason};
use crate::hub::subscriptions::SubscriptionId;

/// Events on their way to one subscriber, in the order of their sequence numbers.
///
/// When it is full the oldest event makes room, and what was dropped is counted and delivered as a [`Gap`] in its
/// place.
#[derive(Debug)]
pub(crate) struct Queue {
    entries: VecDeque<QueuedEvent>,
    bytes: usize,
    lost: Option<LostEvents>,
    bound: QueueBound,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueBound {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct QueuedEvent {
    pub(crate) event: Event,
    pub(crate) subscriptions: Arc<[SubscriptionId]>,
}

/// A gap, and the subscriptions that it may concern.
#[derive(Debug, Clone)]
pub(crate) struct LostEvents {
    pub(crate) gap: Gap,
    pub(crate) subscriptions: BTreeSet<SubscriptionId>,
}

#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Event(QueuedEvent),
    Lost(LostEvents),
}

impl Queue {
    pub(crate) fn new(bound: QueueBound) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            lost: None,
            bound,
        }
    }

    pub(crate) fn push(&mut self, queued: QueuedEvent) {
        self.bytes += queued.event.weight();
        self.entries.push_back(queued);
        while self.is_over() {
            self.drop_oldest();
        }
    }

    /// What is next, and what it weighs. A gap stands before what came after it.
    pub(crate) fn next_weight(&self) -> Option<usize> {
        if self.lost.is_some() {
            return Some(0);
        }
        self.entries.front().map(|queued| queued.event.weight())
    }

    pub(crate) fn pop(&mut self) -> Option<Entry> {
        if let Some(lost) = self.lost.take() {
            return Some(Entry::Lost(lost));
        }
        let queued = self.entries.pop_front()?;
        self.bytes -= queued.event.weight();
        Some(Entry::Event(queued))
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.bound);
    }

    fn is_over(&self) -> bool {
        // The newest event always stays, whatever it weighs.
        self.entries.len() > 1
            && (self.entries.len() > self.bound.events || self.bytes > self.bound.bytes)
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else {
            return;
        };
        self.bytes -= oldest.event.weight();
        let seq = oldest.event.seq();
        let lost = self.lost.get_or_insert_with(|| LostEvents {
            gap: Gap {
                from: seq,
                to: seq,
                count: 0,
                at_most: false,
                reason: GapReason::QueueFull,
            },
            subscriptions: BTreeSet::new(),
        });
        lost.gap.to = seq;
        lost.gap.count += 1;
        lost.subscriptions.extend(oldest.subscriptions.iter());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::event::{Accepted, Source};
    use crate::name::EventName;

    pub(crate) fn event(seq: u64, payload: &str) -> Event {
        Event::new(Accepted {
            seq,
            name: EventName::parse("e").unwrap(),
            payload: payload.to_owned(),
            accepted_at: SystemTime::UNIX_EPOCH,
            source: Source::Host,
            tick: None,
        })
    }

    pub(crate) fn queued(seq: u64, subscriptions: &[SubscriptionId]) -> QueuedEvent {
        QueuedEvent {
            event: event(seq, "null"),
            subscriptions: subscriptions.into(),
        }
    }

    fn drain(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop())
            .map(|entry| match entry {
                Entry::Event(queued) => queued.event.seq().to_string(),
                Entry::Lost(lost) => format!(
                    "{}..{}#{}{:?}",
                    lost.gap.from, lost.gap.to, lost.gap.count, lost.subscriptions
                ),
            })
            .collect()
    }

    #[test]
    fn keeps_the_order() {
        let mut queue = Queue::new(QueueBound {
            events: 9,
            bytes: 1 << 20,
        });
        for seq in 1..=3 {
            queue.push(queued(seq, &[1]));
        }
        assert_eq!(drain(&mut queue), ["1", "2", "3"]);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_counts_them() {
        let mut queue = Queue::new(QueueBound {
            events: 2,
            bytes: 1 << 20,
        });
        for seq in 1..=5 {
            queue.push(queued(seq, &[seq as u32 % 2]));
        }
        assert_eq!(drain(&mut queue), ["1..3#3{0, 1}", "4", "5"]);
    }

    #[test]
    fn two_stretches_of_loss_between_two_reads_are_one_gap() {
        let mut queue = Queue::new(QueueBound {
            events: 1,
            bytes: 1 << 20,
        });
        queue.push(queued(1, &[1]));
        queue.push(queued(4, &[1]));
        queue.push(queued(9, &[1]));
        assert_eq!(drain(&mut queue), ["1..4#2{1}", "9"]);
    }

    #[test]
    fn the_byte_bound_spares_the_newest() {
        let mut queue = Queue::new(QueueBound {
            events: 9,
            bytes: 1,
        });
        queue.push(queued(1, &[1]));
        queue.push(queued(2, &[1]));
        assert_eq!(drain(&mut queue), ["1..1#1{1}", "2"]);
        assert_eq!(queue.bytes, 0);
    }
}
