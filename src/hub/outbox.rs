use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};
use crate::hub::queue::{Entry, LostEvents, Queue, QueueBound, QueuedEvent};
use crate::hub::requests::{Ending, Question, RequestId};
use crate::hub::subscriptions::SubscriptionId;
use crate::name::EventName;
use crate::policy::Overflow;

/// What one page is still owed: the queue, and before it what was answered and is not yet acknowledged.
///
/// An answered item keeps its index and its content until the page acknowledges it, so that a pull whose answer was
/// lost can be answered again.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Queue,
    /// Questions, and the ends of questions, each with the sequence number that it comes after. No policy drops them.
    requests: VecDeque<(u64, Item)>,
    answered: VecDeque<Delivery>,
    /// What the answered items weigh.
    answered_bytes: usize,
    /// The index that the next delivered item gets, less one.
    last_index: u64,
    /// The index of the last item of the answer before: the next pull that reads ahead goes on after it.
    cursor: u64,
}

/// An item with its place in the session's own numbering.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) index: u64,
    pub(crate) item: Item,
}

/// What a page may be delivered.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Event(QueuedEvent),
    Lost(LostEvents),
    Question(Arc<Question>),
    /// Nobody waits any more for the answer to a question that was delivered.
    Ended(RequestId, Ending),
}

impl From<Entry> for Item {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Event(queued) => Self::Event(queued),
            Entry::Lost(lost) => Self::Lost(lost),
        }
    }
}

impl Item {
    /// At least as many bytes as it takes in an answer.
    pub(crate) fn weight(&self) -> usize {
        const ENDED: usize = 96;
        match self {
            Self::Event(queued) => queued.weight(),
            Self::Lost(lost) => lost.weight(),
            Self::Question(question) => question.weight(),
            Self::Ended(..) => ENDED,
        }
    }
}

/// What answers a pull: items whose indexes follow each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(crate) items: Vec<Delivery>,
    /// Whether more was waiting when this was taken.
    pub(crate) more: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchBound {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// How many batches a page may have been answered that it has not acknowledged. What it has not acknowledged stands
/// outside of the queue's limits, so there is to be little of it.
const MOST_UNACKNOWLEDGED: usize = 8;

impl Outbox {
    pub(crate) fn new(bound: QueueBound) -> Self {
        Self {
            queue: Queue::new(bound),
            requests: VecDeque::new(),
            answered: VecDeque::new(),
            answered_bytes: 0,
            last_index: 0,
            cursor: 0,
        }
    }

    pub(crate) fn push(&mut self, queued: QueuedEvent, overflow: Overflow) {
        self.queue.push(queued, overflow);
    }

    /// Queues a question behind the events up to this sequence number.
    pub(crate) fn push_question(&mut self, question: Arc<Question>, after: u64) {
        self.requests.push_back((after, Item::Question(question)));
    }

    pub(crate) fn push_ending(&mut self, id: RequestId, ending: Ending, after: u64) {
        self.requests.push_back((after, Item::Ended(id, ending)));
    }

    /// Takes a question back; false if it was delivered.
    pub(crate) fn withdraw(&mut self, id: RequestId) -> bool {
        let is_it =
            |(_, item): &(u64, Item)| matches!(item, Item::Question(question) if question.id == id);
        let place = self.requests.iter().position(is_it);
        place
            .and_then(|place| self.requests.remove(place))
            .is_some()
    }

    /// Takes the questions of this name back, and says which they were.
    pub(crate) fn withdraw_all(&mut self, name: &EventName) -> Vec<RequestId> {
        let mut withdrawn = Vec::new();
        self.requests.retain(|(_, item)| match item {
            Item::Question(question) if question.name == *name => {
                withdrawn.push(question.id);
                false
            }
            _ => true,
        });
        withdrawn
    }

    pub(crate) fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    pub(crate) fn push_lost(&mut self, lost: LostEvents) {
        self.queue.push_lost(lost);
    }

    pub(crate) fn has_room(&self, weight: usize) -> bool {
        self.queue.has_room(weight)
    }

    /// All that the page has not acknowledged, for the page after it.
    pub(crate) fn into_unacknowledged(mut self) -> impl Iterator<Item = Entry> {
        // Whoever has asked was told that this page is gone.
        let entry_of = |delivery: Delivery| match delivery.item {
            Item::Event(queued) => Some(Entry::Event(queued)),
            Item::Lost(lost) => Some(Entry::Lost(lost)),
            Item::Question(_) | Item::Ended(..) => None,
        };
        let answered = self.answered.into_iter().filter_map(entry_of);
        answered.chain(std::iter::from_fn(move || self.queue.pop()))
    }

    /// Lets go of what the page has handled, and says how much that was.
    pub(crate) fn acknowledge(&mut self, ack: u64) -> Result<usize> {
        if ack > self.last_index {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the acknowledgement {ack} is of an item that was never delivered; the last one is {}",
                    self.last_index
                ),
            ));
        }
        let acknowledged = self.answered.partition_point(|item| item.index <= ack);
        for item in self.answered.drain(..acknowledged) {
            self.answered_bytes -= item.item.weight();
        }
        Ok(acknowledged)
    }

    /// How many bytes the answer to a pull with this acknowledgement would have of what was answered before; or to one
    /// that reads ahead.
    pub(crate) fn repeated(&self, ack: Option<u64>, bound: BatchBound) -> usize {
        let after = ack.unwrap_or(self.cursor);
        self.answered_after(after, bound)
            .map(|item| item.item.weight())
            .sum()
    }

    /// The answer to a pull that has this acknowledgement: what is not acknowledged again as it was, else a new batch.
    /// Empty if nothing is due.
    pub(crate) fn batch(&mut self, ack: u64, bound: BatchBound) -> Batch {
        self.cursor = ack;
        self.batch_ahead(bound)
    }

    /// What follows on the answer before, whether that one has arrived or not.
    pub(crate) fn batch_ahead(&mut self, bound: BatchBound) -> Batch {
        if self
            .answered
            .back()
            .is_none_or(|item| item.index <= self.cursor)
        {
            self.fill(bound);
        }
        let items: Vec<Delivery> = self.answered_after(self.cursor, bound).cloned().collect();
        if let Some(last) = items.last() {
            self.cursor = last.index;
        }
        let is_last = self
            .answered
            .back()
            .is_none_or(|item| item.index <= self.cursor);
        Batch {
            more: !is_last || self.next_weight().is_some(),
            items,
        }
    }

    /// What was answered and follows on this index, as far as it fits into one answer. What was answered over a better
    /// path may be too much for the one of this pull.
    fn answered_after(&self, index: u64, bound: BatchBound) -> impl Iterator<Item = &Delivery> {
        let start = self.answered.partition_point(|item| item.index <= index);
        let mut bytes = 0;
        let following = self.answered.range(start..).enumerate();
        let fitting = following.take_while(move |(place, item)| {
            bytes += item.item.weight();
            *place == 0 || (*place < bound.events && bytes <= bound.bytes)
        });
        fitting.map(|(_, item)| item)
    }

    /// Nobody is to be told any more of what this subscription has lost.
    pub(crate) fn forget(&mut self, id: SubscriptionId) {
        self.queue.forget(id);
    }

    /// How many events wait to be fetched, and their bytes.
    pub(crate) fn load(&self) -> (usize, usize) {
        self.queue.load()
    }

    /// How much was answered and is not acknowledged.
    pub(crate) fn unacknowledged(&self) -> (usize, usize) {
        (self.answered.len(), self.answered_bytes)
    }

    /// How many events its full queue has dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped_events()
    }

    pub(crate) fn untold(&self) -> usize {
        self.queue.untold()
    }

    #[cfg(test)]
    pub(crate) fn delivered(&self) -> u64 {
        self.last_index
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
        let is_behind = self.answered.len() >= MOST_UNACKNOWLEDGED * bound.events
            || self.answered_bytes >= MOST_UNACKNOWLEDGED * bound.bytes;
        if is_behind && !self.answered.is_empty() {
            return;
        }
        let mut bytes = 0;
        for place in 0..bound.events {
            let Some(weight) = self.next_weight() else {
                return;
            };
            // An event larger than a batch still travels, alone.
            if bytes + weight > bound.bytes && place > 0 {
                return;
            }
            bytes += weight;
            if let Some(item) = self.pop() {
                self.last_index += 1;
                self.answered_bytes += item.weight();
                self.answered.push_back(Delivery {
                    index: self.last_index,
                    item,
                });
            }
        }
    }

    /// Whether a question comes next: events that were accepted before it come first.
    fn is_request_next(&self) -> bool {
        self.requests.front().is_some_and(|(after, _)| {
            let next = self.queue.next_seq();
            next.is_none_or(|next| next > *after)
        })
    }

    fn next_weight(&self) -> Option<usize> {
        if self.is_request_next() {
            return self.requests.front().map(|(_, item)| item.weight());
        }
        self.queue.next_weight()
    }

    fn pop(&mut self) -> Option<Item> {
        if self.is_request_next() {
            return self.requests.pop_front().map(|(_, item)| item);
        }
        self.queue.pop().map(Item::from)
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

    fn pull(outbox: &mut Outbox, ack: u64) -> Batch {
        outbox.acknowledge(ack).unwrap();
        outbox.batch(ack, BATCH)
    }

    fn indexes(batch: &Batch) -> Vec<(u64, u64)> {
        batch
            .items
            .iter()
            .map(|delivery| match &delivery.item {
                Item::Event(queued) => (delivery.index, queued.event.seq()),
                Item::Lost(lost) => (delivery.index, lost.gap.from),
                Item::Question(_) | Item::Ended(..) => (delivery.index, 0),
            })
            .collect()
    }

    #[test]
    fn an_answer_is_repeated_until_it_is_acknowledged() {
        let mut outbox = Outbox::new(BOUND);
        for seq in [10, 20, 30] {
            outbox.push(queued(seq, &[1]), Overflow::DropOldest);
        }
        assert_eq!(indexes(&pull(&mut outbox, 0)), [(1, 10), (2, 20)]);
        assert_eq!(indexes(&pull(&mut outbox, 0)), [(1, 10), (2, 20)]);
        assert_eq!(indexes(&pull(&mut outbox, 1)), [(2, 20)]);
        assert_eq!(indexes(&pull(&mut outbox, 2)), [(3, 30)]);
        assert_eq!(indexes(&pull(&mut outbox, 3)), []);
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
        assert_eq!(outbox.batch(0, wide).items.len(), 3);
        assert_eq!(indexes(&outbox.batch(0, narrow)), [(1, 1), (2, 2)]);
        outbox.acknowledge(2).unwrap();
        assert_eq!(indexes(&outbox.batch(2, narrow)), [(3, 3)]);
    }

    #[test]
    fn an_old_acknowledgement_takes_nothing_back() {
        let mut outbox = Outbox::new(BOUND);
        outbox.push(queued(1, &[1]), Overflow::DropOldest);
        pull(&mut outbox, 0);
        pull(&mut outbox, 1);
        assert_eq!(indexes(&pull(&mut outbox, 0)), []);
    }

    #[test]
    fn an_acknowledgement_from_the_future_is_refused_and_loses_nothing() {
        let mut outbox = Outbox::new(BOUND);
        outbox.push(queued(1, &[1]), Overflow::DropOldest);
        pull(&mut outbox, 0);
        let error = outbox.acknowledge(2).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains('2') && error.message().contains("last one is 1"));
        assert_eq!(indexes(&pull(&mut outbox, 0)), [(1, 1)]);
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
        assert_eq!(indexes(&outbox.batch(0, tiny)), [(1, 1)]);
        outbox.acknowledge(1).unwrap();
        assert_eq!(indexes(&outbox.batch(1, tiny)), [(2, 2)]);
    }

    #[test]
    fn what_was_answered_is_not_dropped_by_a_full_queue() {
        let mut outbox = Outbox::new(QueueBound {
            events: 1,
            bytes: 1 << 20,
        });
        outbox.push(queued(1, &[1]), Overflow::DropOldest);
        pull(&mut outbox, 0);
        outbox.push(queued(2, &[1]), Overflow::DropOldest);
        outbox.push(queued(3, &[1]), Overflow::DropOldest);
        assert_eq!(indexes(&pull(&mut outbox, 0)), [(1, 1)]);
        assert_eq!(indexes(&pull(&mut outbox, 1)), [(2, 2), (3, 3)]);
    }

    fn filled(events: u64) -> Outbox {
        let mut outbox = Outbox::new(BOUND);
        for seq in 1..=events {
            outbox.push(queued(seq, &[1]), Overflow::DropOldest);
        }
        outbox
    }

    #[test]
    fn reading_ahead_goes_on_after_the_answer_before() {
        let mut outbox = filled(5);
        let batch = pull(&mut outbox, 0);
        assert_eq!((indexes(&batch), batch.more), (vec![(1, 1), (2, 2)], true));
        assert_eq!(indexes(&outbox.batch_ahead(BATCH)), [(3, 3), (4, 4)]);
        outbox.acknowledge(2).unwrap();
        let batch = outbox.batch_ahead(BATCH);
        assert_eq!((indexes(&batch), batch.more), (vec![(5, 5)], false));
        assert_eq!(indexes(&outbox.batch_ahead(BATCH)), []);
    }

    #[test]
    fn an_ordinary_pull_goes_back_to_what_is_not_acknowledged_and_reading_ahead_follows_it() {
        let mut outbox = filled(7);
        pull(&mut outbox, 0);
        outbox.batch_ahead(BATCH);
        outbox.batch_ahead(BATCH);
        assert_eq!(indexes(&pull(&mut outbox, 1)), [(2, 2), (3, 3)]);
        assert_eq!(indexes(&outbox.batch_ahead(BATCH)), [(4, 4), (5, 5)]);
        let batch = outbox.batch_ahead(BATCH);
        assert_eq!((indexes(&batch), batch.more), (vec![(6, 6)], true));
        assert_eq!(indexes(&outbox.batch_ahead(BATCH)), [(7, 7)]);
    }

    #[test]
    fn a_page_that_acknowledges_nothing_empties_the_queue_only_so_far() {
        let mut outbox = filled(40);
        pull(&mut outbox, 0);
        let ahead: usize = (0..40).map(|_| outbox.batch_ahead(BATCH).items.len()).sum();
        assert_eq!(BATCH.events + ahead, MOST_UNACKNOWLEDGED * BATCH.events);
        assert!(outbox.batch_ahead(BATCH).more);
        let next = outbox.last_index + 1;
        outbox.acknowledge(1).unwrap();
        assert_eq!(outbox.batch_ahead(BATCH).items[0].index, next);
    }
}
