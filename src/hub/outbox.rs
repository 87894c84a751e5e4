use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::hub::queue::{LostEvents, Queue, QueueBound, QueueEntry, QueuedEvent};
use crate::hub::requests::{Ending, RequestId, RequestMessage};
use crate::hub::subscriptions::SubscriptionId;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::name::EventName;
use crate::model::policy::Overflow;

/// What one page is still owed: the queue, and before it what was answered and is not yet acknowledged.
///
/// An answered item keeps its index and its content until the page acknowledges it, so that a pull whose answer was
/// lost can be answered again.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Queue,
    /// Questions, and the ends of questions, each with the sequence number that it comes after. No policy drops them.
    requests: VecDeque<(u64, Item)>,
    answered: VecDeque<Unacknowledged>,
    /// What the items weigh that were answered and are not acknowledged.
    answered_bytes: usize,
    /// At least as many bytes as the answers took that are not acknowledged.
    answered_length: usize,
    /// The index of the last item that was answered.
    last_index: u64,
    /// The index of the last item that was acknowledged.
    acknowledged: u64,
    /// The index of the last item of the answer before: the next pull that reads ahead goes on after it.
    cursor: u64,
}

/// Items that were taken for one answer. All answers that have some of them share them, and they are let go of together:
/// a page that acknowledges an answer part by part leaves one answer in memory, at the most.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The index of the first item. There is at least one.
    first: u64,
    items: Box<[Item]>,
}

impl Answered {
    fn last(&self) -> u64 {
        self.first + self.items.len() as u64 - 1
    }

    /// Where the items after this index are.
    fn after(&self, index: u64) -> Range<usize> {
        let start = (index + 1).saturating_sub(self.first) as usize;
        start.min(self.items.len())..self.items.len()
    }
}

#[derive(Debug)]
struct Unacknowledged {
    answered: Arc<Answered>,
    /// What those of its items weigh that are not acknowledged.
    bytes: usize,
    /// At least as many bytes as it takes in an answer.
    length: usize,
}

/// What a page may be delivered.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Event(QueuedEvent),
    Lost(LostEvents),
    RequestMessage(Arc<RequestMessage>),
    /// Nobody waits any more for the answer to a question that was delivered.
    Ended(RequestId, Ending),
}

impl From<QueueEntry> for Item {
    fn from(entry: QueueEntry) -> Self {
        match entry {
            QueueEntry::Event(queued) => Self::Event(queued),
            QueueEntry::Lost(lost) => Self::Lost(lost),
        }
    }
}

impl Item {
    /// At least as many bytes as it takes in an answer behind this item.
    fn length_after(&self, before: Option<&Self>) -> usize {
        match (before, self) {
            (Some(Self::Event(before)), Self::Event(queued)) => queued.length_after(before),
            _ => self.weight(),
        }
    }

    /// At least as many bytes as it takes in an answer.
    pub(crate) fn weight(&self) -> usize {
        const ENDED: usize = 96;
        match self {
            Self::Event(queued) => queued.weight(),
            Self::Lost(lost) => lost.weight(),
            Self::RequestMessage(question) => question.weight(),
            Self::Ended(..) => ENDED,
        }
    }
}

/// What answers a pull: items whose indexes follow each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    answered: Option<Arc<Answered>>,
    /// Which of them it has.
    range: Range<usize>,
    /// Whether more was waiting when this was taken.
    pub(crate) more: bool,
}

impl Batch {
    pub(crate) fn items(&self) -> &[Item] {
        let answered = self.answered.as_ref();
        answered.map_or(&[], |answered| &answered.items[self.range.clone()])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The index of the first item; 0 if there is none.
    pub(crate) fn first(&self) -> u64 {
        let answered = self.answered.as_ref();
        answered.map_or(0, |answered| answered.first + self.range.start as u64)
    }

    #[cfg(test)]
    pub(crate) fn of(first: u64, items: Vec<Item>, more: bool) -> Self {
        Self {
            range: 0..items.len(),
            answered: (!items.is_empty()).then(|| {
                let items = items.into();
                Arc::new(Answered { first, items })
            }),
            more,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchBound {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// How many batches a page may have been answered that it has not acknowledged. What it has not acknowledged stands
/// outside of the queue's limits, so there is to be little of it.
const MAX_UNACKNOWLEDGED: usize = 8;

impl Outbox {
    pub(crate) fn new(bound: QueueBound) -> Self {
        Self {
            queue: Queue::new(bound),
            requests: VecDeque::new(),
            answered: VecDeque::new(),
            answered_bytes: 0,
            answered_length: 0,
            last_index: 0,
            acknowledged: 0,
            cursor: 0,
        }
    }

    pub(crate) fn push(&mut self, queued: QueuedEvent, overflow: Overflow) {
        self.queue.push(queued, overflow);
    }

    /// Queues a question behind the events up to this sequence number.
    pub(crate) fn push_question(&mut self, question: Arc<RequestMessage>, after: u64) {
        self.requests
            .push_back((after, Item::RequestMessage(question)));
    }

    pub(crate) fn push_ending(&mut self, id: RequestId, ending: Ending, after: u64) {
        self.requests.push_back((after, Item::Ended(id, ending)));
    }

    /// Takes a question back; false if it was delivered.
    pub(crate) fn withdraw(&mut self, id: RequestId) -> bool {
        let is_it = |(_, item): &(u64, Item)| matches!(item, Item::RequestMessage(question) if question.id == id);
        let place = self.requests.iter().position(is_it);
        place
            .and_then(|place| self.requests.remove(place))
            .is_some()
    }

    /// Takes the questions of this name back, and says which they were.
    pub(crate) fn withdraw_all(&mut self, name: &EventName) -> Vec<RequestId> {
        let mut withdrawn = Vec::new();
        self.requests.retain(|(_, item)| match item {
            Item::RequestMessage(question) if question.name == *name => {
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
    pub(crate) fn into_unacknowledged(mut self) -> impl Iterator<Item = QueueEntry> {
        // Whoever has asked was told that this page is gone.
        let entry_of = |item: &Item| match item {
            Item::Event(queued) => Some(QueueEntry::Event(queued.clone())),
            Item::Lost(lost) => Some(QueueEntry::Lost(lost.clone())),
            Item::RequestMessage(_) | Item::Ended(..) => None,
        };
        let acknowledged = self.acknowledged;
        let answered = self.answered.into_iter().flat_map(move |own| {
            let items = &own.answered.items[own.answered.after(acknowledged)];
            items.iter().filter_map(entry_of).collect::<Vec<_>>()
        });
        answered.chain(std::iter::from_fn(move || self.queue.pop()))
    }

    /// Notes what the page has handled, and gives back the answers of which nothing is left, to be dropped where nobody
    /// waits for it. `None` if it is nothing new.
    pub(crate) fn acknowledge(&mut self, ack: u64) -> Result<Option<Vec<Arc<Answered>>>> {
        if ack > self.last_index {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the acknowledgement {ack} is of an item that was never delivered; the last one is {}",
                    self.last_index
                ),
            ));
        }
        if ack <= self.acknowledged {
            return Ok(None);
        }
        let whole = self
            .answered
            .partition_point(|own| own.answered.last() <= ack);
        let mut handled = Vec::with_capacity(whole);
        for own in self.answered.drain(..whole) {
            self.answered_bytes -= own.bytes;
            self.answered_length -= own.length;
            handled.push(own.answered);
        }
        if let Some(Unacknowledged {
            answered, bytes, ..
        }) = self.answered.front_mut()
        {
            let rest = answered.after(ack);
            let begun = answered.after(self.acknowledged).start..rest.start;
            let weight: usize = answered.items[begun].iter().map(Item::weight).sum();
            *bytes -= weight;
            self.answered_bytes -= weight;
        }
        self.acknowledged = ack;
        Ok(Some(handled))
    }

    /// How many bytes the answer to a pull with this acknowledgement would have of what was answered before; or to one
    /// that reads ahead.
    pub(crate) fn repeated(&self, ack: Option<u64>, bound: BatchBound) -> usize {
        let after = ack.unwrap_or(self.cursor).max(self.acknowledged);
        let answered = self.answered_after(after);
        answered.map_or(0, |answered| fitting(answered, after, bound).1)
    }

    /// The answer to a pull that has this acknowledgement: what is not acknowledged again as it was, else a new batch.
    /// Empty if nothing is due.
    pub(crate) fn batch(&mut self, ack: u64, bound: BatchBound) -> Batch {
        self.cursor = ack;
        self.batch_ahead(bound)
    }

    /// What follows on the answer before, whether that one has arrived or not.
    pub(crate) fn batch_ahead(&mut self, bound: BatchBound) -> Batch {
        // A pull may come late, with an acknowledgement that others have overtaken.
        self.cursor = self.cursor.max(self.acknowledged);
        let is_new = self.answered_after(self.cursor).is_none();
        if is_new {
            self.fill(bound);
        }
        let mut batch = Batch::default();
        if let Some(answered) = self.answered_after(self.cursor) {
            batch.range = match is_new {
                true => answered.after(self.cursor),
                false => fitting(answered, self.cursor, bound).0,
            };
            batch.answered = Some(Arc::clone(answered));
            self.cursor += batch.range.len() as u64;
        }
        batch.more = self.cursor < self.last_index || !self.is_empty();
        batch
    }

    /// What was answered and follows on this index.
    fn answered_after(&self, index: u64) -> Option<&Arc<Answered>> {
        let place = self
            .answered
            .partition_point(|own| own.answered.last() <= index);
        self.answered.get(place).map(|own| &own.answered)
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
        let events = self.last_index - self.acknowledged;
        (events as usize, self.answered_bytes)
    }

    /// How many events its full queue has dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped_events()
    }

    pub(crate) fn unreported_gaps(&self) -> usize {
        self.queue.unreported_gaps()
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
        let (events, _) = self.unacknowledged();
        let is_behind = events >= MAX_UNACKNOWLEDGED * bound.events
            || self.answered_length >= MAX_UNACKNOWLEDGED * bound.bytes;
        if is_behind && events > 0 {
            return;
        }
        let mut items: Vec<Item> = Vec::new();
        let (mut length, mut bytes) = (0, 0);
        while items.len() < bound.events
            && let Some(next) = self.next_length(items.last())
        {
            // An event larger than a batch still travels, alone.
            if length + next > bound.bytes && !items.is_empty() {
                break;
            }
            let Some(item) = self.pop() else {
                break;
            };
            length += next;
            bytes += item.weight();
            items.push(item);
        }
        if items.is_empty() {
            return;
        }
        let first = self.last_index + 1;
        self.last_index += items.len() as u64;
        self.answered_bytes += bytes;
        self.answered_length += length;
        let items = items.into();
        self.answered.push_back(Unacknowledged {
            answered: Arc::new(Answered { first, items }),
            bytes,
            length,
        });
    }

    /// Whether a question comes next: events that were accepted before it come first.
    fn is_request_next(&self) -> bool {
        self.requests.front().is_some_and(|(after, _)| {
            let next = self.queue.next_seq();
            next.is_none_or(|next| next > *after)
        })
    }

    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.queue.next_weight().is_none()
    }

    /// At least as many bytes as what is next takes in an answer behind this item.
    fn next_length(&self, before: Option<&Item>) -> Option<usize> {
        if self.is_request_next() {
            return self.requests.front().map(|(_, item)| item.weight());
        }
        match (before, self.queue.next_event()) {
            (Some(Item::Event(before)), Some(next)) => Some(next.length_after(before)),
            _ => self.queue.next_weight(),
        }
    }

    fn pop(&mut self) -> Option<Item> {
        if self.is_request_next() {
            return self.requests.pop_front().map(|(_, item)| item);
        }
        self.queue.pop().map(Item::from)
    }
}

/// Those after this index that fit into one answer, and the bytes that they take in it at the most. What was answered
/// over a better path may be too much for the one of this pull.
fn fitting(answered: &Answered, index: u64, bound: BatchBound) -> (Range<usize>, usize) {
    let range = answered.after(index);
    let items = &answered.items[range.clone()];
    let (mut count, mut length) = (0, 0);
    for (item, before) in items.iter().zip(before_each(items)) {
        let next = item.length_after(before);
        if count > 0 && (count == bound.events || length + next > bound.bytes) {
            break;
        }
        count += 1;
        length += next;
    }
    (range.start..range.start + count, length)
}

/// The item before each of these, none before the first.
fn before_each(items: &[Item]) -> impl Iterator<Item = Option<&Item>> {
    std::iter::once(None).chain(items.iter().map(Some))
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
        let items = (batch.first()..).zip(batch.items());
        items
            .map(|(index, item)| match item {
                Item::Event(queued) => (index, queued.event.seq()),
                Item::Lost(lost) => (index, lost.gap.from),
                Item::RequestMessage(_) | Item::Ended(..) => (index, 0),
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
        assert_eq!(outbox.batch(0, wide).items().len(), 3);
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
        assert_eq!(indexes(&pull(&mut outbox, 1)), [(2, 2)]);
        assert_eq!(indexes(&outbox.batch_ahead(BATCH)), [(3, 3), (4, 4)]);
        let batch = outbox.batch_ahead(BATCH);
        assert_eq!((indexes(&batch), batch.more), (vec![(5, 5), (6, 6)], true));
        assert_eq!(indexes(&outbox.batch_ahead(BATCH)), [(7, 7)]);
    }

    #[test]
    fn a_page_that_acknowledges_nothing_empties_the_queue_only_so_far() {
        let mut outbox = filled(40);
        pull(&mut outbox, 0);
        let ahead: usize = (0..40)
            .map(|_| outbox.batch_ahead(BATCH).items().len())
            .sum();
        assert_eq!(BATCH.events + ahead, MAX_UNACKNOWLEDGED * BATCH.events);
        assert!(outbox.batch_ahead(BATCH).more);
        let next = outbox.last_index + 1;
        outbox.acknowledge(1).unwrap();
        assert_eq!(outbox.batch_ahead(BATCH).first(), next);
    }

    #[test]
    fn a_late_pull_gets_nothing_that_was_acknowledged() {
        let wide = BatchBound { events: 3, ..BATCH };
        let mut outbox = filled(6);
        outbox.batch(0, wide);
        outbox.batch_ahead(wide);
        // An ordinary pull begins anew, and one that reads ahead acknowledges into the answer after it.
        assert_eq!(outbox.batch(0, wide).first(), 1);
        outbox.acknowledge(5).unwrap();
        assert_eq!(outbox.repeated(None, wide), outbox.answered_length / 3);
        let batch = outbox.batch_ahead(wide);
        assert_eq!((indexes(&batch), batch.more), (vec![(6, 6)], false));
        // One that was overtaken says nothing of what is acknowledged, and reading ahead goes on behind what it got.
        let batch = outbox.batch(0, wide);
        assert_eq!((indexes(&batch), batch.more), (vec![(6, 6)], false));
        assert!(outbox.batch_ahead(wide).is_empty());
        outbox.acknowledge(6).unwrap();
        let batch = outbox.batch(0, wide);
        assert!(batch.is_empty() && !batch.more);
        assert_eq!((outbox.answered_bytes, outbox.answered_length), (0, 0));
    }

    #[test]
    fn an_answer_may_be_acknowledged_part_by_part() {
        let wide = BatchBound { events: 4, ..BATCH };
        let each = queued(1, &[1]).weight();
        let mut outbox = filled(6);
        outbox.batch(0, wide);
        outbox.batch_ahead(wide);
        for (ack, whole, left) in [(1, 0, 5), (3, 0, 3), (5, 1, 1)] {
            let handled = outbox.acknowledge(ack).unwrap().unwrap();
            assert_eq!(handled.len(), whole);
            assert_eq!(outbox.unacknowledged(), (left, left * each));
        }
        assert!(outbox.acknowledge(5).unwrap().is_none());
        let kept = outbox.into_unacknowledged();
        let seqs = kept.map(|entry| match entry {
            QueueEntry::Event(queued) => queued.event.seq(),
            QueueEntry::Lost(lost) => panic!("{lost:?}"),
        });
        assert_eq!(seqs.collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn what_was_answered_counts_by_what_it_took_in_the_answers() {
        let mut outbox = Outbox::new(BOUND);
        let ids: Arc<[SubscriptionId]> = [1].into();
        for seq in 1..=90 {
            let mut next = queued(seq, &[]);
            next.subscriptions = Arc::clone(&ids);
            outbox.push(next, Overflow::DropOldest);
        }
        let narrow = BatchBound {
            events: 1000,
            bytes: 500,
        };
        let first = outbox.batch(0, narrow);
        // Those that are alike take less than they weigh, in the first answer as where it is repeated.
        assert!(first.items().len() > 500 / queued(1, &[1]).weight());
        assert_eq!(outbox.batch(0, narrow).items().len(), first.items().len());
        assert_eq!(outbox.repeated(Some(0), narrow), outbox.answered_length);
        // All of them are fewer than the answers that may be on their way, though they weigh more.
        let ahead: usize = (0..20)
            .map(|_| outbox.batch_ahead(narrow).items().len())
            .sum();
        assert_eq!(first.items().len() + ahead, 90);
        assert!(outbox.answered_bytes > MAX_UNACKNOWLEDGED * narrow.bytes);
    }
}
