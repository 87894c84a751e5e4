use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::hub::ids::SubscriptionId;
use crate::model::delivery::Addressing;
use crate::model::event::{BusEvent, Gap, GapReason, Mark};
use crate::model::name::EventName;
use crate::model::policy::Overflow;

/// Events on their way to one subscriber, in the order in which they are to be delivered.
///
/// When it is full, it drops the oldest event, counts what it dropped, and delivers a [`Gap`] in its place. An event whose
/// policy is `latest` replaces the one of its name that still waits.
#[derive(Debug)]
pub(crate) struct Queue {
    /// A superseded event leaves an empty slot, so that the others keep their numbers. The first slot is never empty.
    slots: VecDeque<Option<QueuedEvent>>,
    /// The number of the first slot.
    first: u64,
    len: usize,
    bytes: usize,
    /// The slot of the waiting event of a name, for names whose policy is `latest`.
    latest: HashMap<EventName, u64>,
    /// What was dropped here and is not reported yet, for each subscription.
    dropped: BTreeMap<SubscriptionId, Dropped>,
    /// What was lost elsewhere and is not reported yet.
    lost: VecDeque<LostEvents>,
    /// How many events were ever dropped here.
    dropped_events: u64,
    bound: QueueBound,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueBound {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct QueuedEvent {
    pub(crate) event: BusEvent,
    pub(crate) subscriptions: Arc<[SubscriptionId]>,
    pub(crate) addressing: Addressing,
}

impl QueuedEvent {
    /// At least as many bytes as it takes in a batch.
    pub(crate) fn weight(&self) -> usize {
        self.event.weight() + self.subscriptions.len() * ID_WEIGHT
    }

    /// At least as many bytes as it takes in a batch after this event, whose run it may continue.
    pub(crate) fn length_after(&self, before: &Self) -> usize {
        /// Two commas and the difference in time.
        const STEP: usize = 24;
        let continues = Arc::ptr_eq(&self.subscriptions, &before.subscriptions)
            && self.event.continues(&before.event);
        match continues {
            true => self.event.payload_json().len() + STEP,
            false => self.weight(),
        }
    }
}

/// The bytes of an id and a comma.
const ID_WEIGHT: usize = 11;

/// What was dropped for one subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dropped {
    from: u64,
    to: u64,
    count: u64,
}

/// A gap, and the subscriptions that it may concern.
#[derive(Debug, Clone)]
pub(crate) struct LostEvents {
    pub(crate) gap: Gap,
    pub(crate) subscriptions: BTreeSet<SubscriptionId>,
}

impl LostEvents {
    pub(crate) fn weight(&self) -> usize {
        const ENVELOPE: usize = 192;
        ENVELOPE + self.subscriptions.len() * ID_WEIGHT
    }
}

#[derive(Debug, Clone)]
pub(crate) enum QueueEntry {
    Event(QueuedEvent),
    Lost(LostEvents),
}

impl Queue {
    pub(crate) fn new(bound: QueueBound) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            len: 0,
            bytes: 0,
            latest: HashMap::new(),
            dropped: BTreeMap::new(),
            lost: VecDeque::new(),
            dropped_events: 0,
            bound,
        }
    }

    pub(crate) fn push(&mut self, mut queued: QueuedEvent, overflow: Overflow) {
        if overflow == Overflow::Latest {
            self.supersede(&mut queued);
        }
        self.len += 1;
        self.bytes += queued.weight();
        self.slots.push_back(Some(queued));
        // The newest event always stays, whatever it weighs.
        while self.len > 1 && !self.fits(0, 0) {
            self.drop_oldest();
        }
    }

    /// Whether an event of this weight fits without another one making room.
    pub(crate) fn has_room(&self, weight: usize) -> bool {
        self.len == 0 || self.fits(1, weight)
    }

    /// Reports events that were lost elsewhere, before what is queued.
    pub(crate) fn push_lost(&mut self, lost: LostEvents) {
        self.lost.push_back(lost);
    }

    /// The weight of what is next. Gaps come before what is queued.
    pub(crate) fn next_weight(&self) -> Option<usize> {
        if let Some(lost) = self.lost.front() {
            return Some(lost.weight());
        }
        if let Some(lost) = self.next_dropped() {
            return Some(lost.weight());
        }
        let next = self.slots.front()?.as_ref()?;
        Some(next.weight())
    }

    /// The sequence number of what is next; 0 for a gap.
    pub(crate) fn next_seq(&self) -> Option<u64> {
        if self.is_gap_next() {
            return Some(0);
        }
        Some(self.slots.front()?.as_ref()?.event.seq())
    }

    /// The event that is next, unless a gap is.
    pub(crate) fn next_event(&self) -> Option<&QueuedEvent> {
        self.slots.front()?.as_ref().filter(|_| !self.is_gap_next())
    }

    fn is_gap_next(&self) -> bool {
        !self.lost.is_empty() || !self.dropped.is_empty()
    }

    pub(crate) fn pop(&mut self) -> Option<QueueEntry> {
        if let Some(lost) = self.lost.pop_front() {
            return Some(QueueEntry::Lost(lost));
        }
        if let Some(lost) = self.next_dropped() {
            self.dropped
                .retain(|id, _| !lost.subscriptions.contains(id));
            return Some(QueueEntry::Lost(lost));
        }
        self.take_first().map(QueueEntry::Event)
    }

    /// Forgets the gaps of a subscription that has ended.
    pub(crate) fn forget(&mut self, id: SubscriptionId) {
        self.dropped.remove(&id);
        for lost in &mut self.lost {
            lost.subscriptions.remove(&id);
        }
        self.lost.retain(|lost| !lost.subscriptions.is_empty());
    }

    /// For how many subscriptions something was dropped and is not reported yet.
    pub(crate) fn unreported_gaps(&self) -> usize {
        self.dropped.len()
    }

    /// Forgets what was dropped for all but the live subscriptions. An event may wait longer than a subscription lives.
    pub(crate) fn forget_all_but(&mut self, is_live: impl Fn(SubscriptionId) -> bool) {
        self.dropped.retain(|id, _| is_live(*id));
    }

    /// One gap for all subscriptions that have lost the same.
    fn next_dropped(&self) -> Option<LostEvents> {
        let dropped = self.dropped.values().next()?;
        let alike = self.dropped.iter().filter(|(_, other)| *other == dropped);
        Some(LostEvents {
            gap: Gap {
                from: dropped.from,
                to: dropped.to,
                count: dropped.count,
                at_most: false,
                reason: GapReason::QueueFull,
            },
            subscriptions: alike.map(|(id, _)| *id).collect(),
        })
    }

    pub(crate) fn clear(&mut self) {
        let dropped_events = self.dropped_events;
        *self = Self {
            dropped_events,
            ..Self::new(self.bound)
        };
    }

    /// How many events wait, and their bytes.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (self.len, self.bytes)
    }

    pub(crate) fn dropped_events(&self) -> u64 {
        self.dropped_events
    }

    fn fits(&self, more_events: usize, more_bytes: usize) -> bool {
        self.len + more_events <= self.bound.events && self.bytes + more_bytes <= self.bound.bytes
    }

    fn take_first(&mut self) -> Option<QueuedEvent> {
        let first = self.slots.pop_front()??;
        if !self.latest.is_empty() && self.latest.get(first.event.event_name()) == Some(&self.first)
        {
            self.latest.remove(first.event.event_name());
        }
        self.first += 1;
        self.account_for_taken(&first);
        self.skip_empty_slots();
        Some(first)
    }

    fn account_for_taken(&mut self, taken: &QueuedEvent) {
        self.len -= 1;
        self.bytes -= taken.weight();
    }

    fn skip_empty_slots(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Removes the event of this name that waits, if the newer one is for all of its subscriptions.
    fn supersede(&mut self, newer: &mut QueuedEvent) {
        let number = self.first + self.slots.len() as u64;
        let Some(old) = self.latest.insert(newer.event.event_name().clone(), number) else {
            return;
        };
        let Some(slot) = self.slots.get_mut((old - self.first) as usize) else {
            return;
        };
        let is_for_all_of = |old: &mut QueuedEvent| {
            Arc::ptr_eq(&old.subscriptions, &newer.subscriptions)
                || old
                    .subscriptions
                    .iter()
                    .all(|id| newer.subscriptions.contains(id))
        };
        let Some(old) = slot.take_if(is_for_all_of) else {
            return;
        };
        newer.event = newer.event.marked(Mark {
            superseded: old.event.mark().superseded + 1,
            ..newer.event.mark()
        });
        self.account_for_taken(&old);
        self.skip_empty_slots();
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.take_first() else {
            return;
        };
        self.dropped_events += 1;
        let seq = oldest.event.seq();
        for id in oldest.subscriptions.iter() {
            let dropped = self.dropped.entry(*id).or_insert(Dropped {
                from: seq,
                to: seq,
                count: 0,
            });
            // What is replayed is older than what was queued before it.
            dropped.from = dropped.from.min(seq);
            dropped.to = dropped.to.max(seq);
            dropped.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::tests::queued;

    fn drain(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop())
            .map(|entry| match entry {
                QueueEntry::Event(queued) => queued.event.seq().to_string(),
                QueueEntry::Lost(lost) => format!(
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
            queue.push(queued(seq, &[1]), Overflow::DropOldest);
        }
        assert_eq!(drain(&mut queue), ["1", "2", "3"]);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_counts() {
        let mut queue = Queue::new(QueueBound {
            events: 2,
            bytes: 1 << 20,
        });
        for seq in 1..=5 {
            queue.push(queued(seq, &[seq as u32 % 2]), Overflow::DropOldest);
        }
        assert_eq!(drain(&mut queue), ["2..2#1{0}", "1..3#2{1}", "4", "5"]);
    }

    #[test]
    fn live_subscriptions_with_the_same_loss_share_a_gap() {
        let mut queue = Queue::new(QueueBound {
            events: 1,
            bytes: 1 << 20,
        });
        queue.push(queued(1, &[1, 2, 3]), Overflow::DropOldest);
        queue.push(queued(2, &[1, 2, 3]), Overflow::DropOldest);
        queue.forget(2);
        assert_eq!(drain(&mut queue), ["1..1#1{1, 3}", "2"]);
    }

    #[test]
    fn ids_count_as_bytes() {
        let ids: Vec<SubscriptionId> = (0..4096).collect();
        let mut queue = Queue::new(QueueBound {
            events: 1000,
            bytes: 100_000,
        });
        for seq in 1..=10 {
            queue.push(queued(seq, &ids), Overflow::DropOldest);
        }
        assert_eq!(queue.len, 2);
    }

    #[test]
    fn losses_between_two_reads_are_one_gap() {
        let mut queue = Queue::new(QueueBound {
            events: 1,
            bytes: 1 << 20,
        });
        queue.push(queued(1, &[1]), Overflow::DropOldest);
        queue.push(queued(4, &[1]), Overflow::DropOldest);
        queue.push(queued(9, &[1]), Overflow::DropOldest);
        assert_eq!(drain(&mut queue), ["1..4#2{1}", "9"]);
    }

    #[test]
    fn the_byte_bound_spares_the_newest() {
        let mut queue = Queue::new(QueueBound {
            events: 9,
            bytes: 1,
        });
        queue.push(queued(1, &[1]), Overflow::DropOldest);
        queue.push(queued(2, &[1]), Overflow::DropOldest);
        assert_eq!(drain(&mut queue), ["1..1#1{1}", "2"]);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn the_latest_event_replaces_the_one_that_waits() {
        let mut queue = Queue::new(QueueBound {
            events: 9,
            bytes: 1 << 20,
        });
        queue.push(queued(1, &[1]), Overflow::Latest);
        queue.push(queued(2, &[1]), Overflow::Latest);
        queue.push(queued(3, &[1, 2]), Overflow::Latest);
        assert_eq!(queue.len, 1);
        match queue.pop() {
            Some(QueueEntry::Event(queued)) => {
                assert_eq!((queued.event.seq(), queued.event.superseded()), (3, 2));
            }
            other => panic!("{other:?}"),
        }
        queue.push(queued(4, &[1, 2]), Overflow::Latest);
        assert_eq!(drain(&mut queue), ["4"]);
        assert!(queue.latest.is_empty() && queue.bytes == 0 && queue.len == 0);
    }

    #[test]
    fn an_event_for_more_subscriptions_is_not_superseded() {
        let mut queue = Queue::new(QueueBound {
            events: 9,
            bytes: 1 << 20,
        });
        queue.push(queued(1, &[1, 7]), Overflow::Latest);
        queue.push(queued(2, &[1]), Overflow::Latest);
        assert_eq!(drain(&mut queue), ["1", "2"]);
    }

    #[test]
    fn an_emptied_slot_in_the_middle_keeps_the_order() {
        let mut queue = Queue::new(QueueBound {
            events: 3,
            bytes: 1 << 20,
        });
        queue.push(queued(1, &[1]), Overflow::DropOldest);
        queue.push(queued(2, &[1]), Overflow::Latest);
        queue.push(queued(3, &[1]), Overflow::DropOldest);
        queue.push(queued(4, &[1]), Overflow::Latest);
        queue.push(queued(5, &[1]), Overflow::DropOldest);
        assert_eq!(drain(&mut queue), ["1..1#1{1}", "3", "4", "5"]);
    }

    #[test]
    fn room_is_counted_in_events_and_bytes() {
        let mut queue = Queue::new(QueueBound {
            events: 2,
            bytes: 1000,
        });
        assert!(
            queue.has_room(5000),
            "an event larger than the queue fits an empty one"
        );
        queue.push(queued(1, &[1]), Overflow::Reject);
        assert!(queue.has_room(500) && !queue.has_room(900));
        queue.push(queued(2, &[1]), Overflow::Reject);
        assert!(!queue.has_room(1));
    }
}
