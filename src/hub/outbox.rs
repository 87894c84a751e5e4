use std::collections::VecDeque;
use std::sync::Arc;

use crate::hub::batch::fitting;
use crate::hub::ids::{RequestId, SubscriptionId};
use crate::hub::messages::Messages;
use crate::hub::queue::{LostEvents, Queue, QueueBound, QueueEntry, QueuedEvent};
use crate::hub::streamed::Streamed;
use crate::hub::tracked::DroppedTracked;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::policy::Overflow;

pub(crate) use crate::hub::batch::{Batch, BatchBound, DeliveredItems, Item};

/// What one page has not acknowledged: items that were delivered, and the queue behind them.
///
/// A delivered item keeps its index and its content until the page acknowledges it, so that a batch that was lost on its
/// way can be delivered again.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The label of the page, for taps.
    page: Option<Arc<str>>,
    pub(super) queue: Queue,
    pub(crate) messages: Messages,
    pub(crate) streamed: Streamed,
    delivered: VecDeque<Unacknowledged>,
    /// The weight of the items that were delivered and are not acknowledged.
    pub(super) delivered_bytes: usize,
    /// At least as many bytes as their batches took.
    pub(super) delivered_length: usize,
    /// The index of the last item that was delivered.
    pub(super) last_index: u64,
    /// The index of the last item that was acknowledged.
    acknowledged: u64,
    /// The index of the last item of the last batch: the next pull that reads ahead continues after it.
    cursor: u64,
}

#[derive(Debug)]
struct Unacknowledged {
    delivered: Arc<DeliveredItems>,
    /// The weight of those of its items that are not acknowledged.
    bytes: usize,
    /// At least as many bytes as all of its items take in a batch.
    length: usize,
}

/// The items of a batch that is being filled.
struct Filling {
    items: Vec<Item>,
    /// At least as many bytes as they take in the batch.
    length: usize,
    /// Their weight.
    bytes: usize,
}

impl Filling {
    /// Whether an item of this length fits. One that is larger than a batch still travels, alone.
    fn fits(&self, length: usize, bound: BatchBound) -> bool {
        let is_short = self.length + length <= bound.bytes || self.items.is_empty();
        self.items.len() < bound.events && is_short
    }

    fn push(&mut self, item: Item, length: usize) {
        self.length += length;
        self.bytes += item.weight();
        self.items.push(item);
    }
}

/// How many batches a page may leave unacknowledged. What it has not acknowledged is outside of the queue's limits, so
/// there must be little of it.
pub(super) const MAX_UNACKNOWLEDGED: usize = 8;

impl Outbox {
    pub(crate) fn new(bound: QueueBound) -> Self {
        Self {
            page: None,
            queue: Queue::new(bound),
            messages: Messages::default(),
            streamed: Streamed::default(),
            delivered: VecDeque::new(),
            delivered_bytes: 0,
            delivered_length: 0,
            last_index: 0,
            acknowledged: 0,
            cursor: 0,
        }
    }

    /// The outbox of the page in this webview.
    pub(crate) fn of_page(bound: QueueBound, webview: &Arc<str>) -> Self {
        let mut outbox = Self::new(bound);
        outbox.page = Some(Arc::clone(webview));
        outbox.queue.dropped_tracked = DroppedTracked::on();
        outbox
    }

    /// Returns whether the event is in the queue: see [`Queue::push`].
    pub(crate) fn push(&mut self, queued: QueuedEvent, overflow: Overflow) -> bool {
        self.queue.push(queued, overflow)
    }

    /// Queues an event that was accepted before its subscription began.
    pub(crate) fn push_past(&mut self, queued: QueuedEvent, overflow: Overflow) {
        self.queue.push_past(queued, overflow);
    }

    pub(crate) fn push_lost(&mut self, lost: LostEvents) {
        self.queue.push_lost(lost);
    }

    /// All that the page has not acknowledged, for the page after it, with the indexes of what was delivered.
    pub(crate) fn into_unacknowledged(mut self) -> impl Iterator<Item = (Option<u64>, QueueEntry)> {
        // Messages are left out: the other side knows that this page is gone.
        let entry_of = |item: &Item| match item {
            Item::Event(queued) => Some(QueueEntry::Event(queued.clone())),
            Item::Lost(lost) => Some(QueueEntry::Lost(lost.clone())),
            Item::Request(_)
            | Item::Ended(..)
            | Item::Part(_)
            | Item::StreamEnd(_)
            | Item::Credit(..)
            | Item::Outcomes(_)
            | Item::Channel(..) => None,
        };
        let acknowledged = self.acknowledged;
        let delivered = self.delivered.into_iter().flat_map(move |own| {
            let range = own.delivered.after(acknowledged);
            let first = own.delivered.first + range.start as u64;
            let items = (first..).zip(&own.delivered.items[range]);
            let entries = items.filter_map(|(index, item)| Some((Some(index), entry_of(item)?)));
            entries.collect::<Vec<_>>()
        });
        let queued = std::iter::from_fn(move || self.queue.pop());
        delivered.chain(queued.map(|entry| (None, entry)))
    }

    /// Takes what is not for the next page: messages, what streams have, and what was delivered, of which the next page gets
    /// copies. They are dropped after the lock.
    pub(crate) fn take_rest(
        &mut self,
    ) -> (
        Vec<Arc<DeliveredItems>>,
        impl Iterator<Item = VecDeque<(u64, Item)>>,
    ) {
        let delivered = self.delivered.iter();
        let delivered = delivered.map(|own| Arc::clone(&own.delivered)).collect();
        let messages = self.messages.take_queued();
        let streamed = std::mem::take(&mut self.streamed).into_items();
        (delivered, std::iter::once(messages).chain(streamed))
    }

    /// The requests for streams that the page has.
    pub(crate) fn take_acknowledged_requests(&mut self) -> Vec<RequestId> {
        self.messages.take_acknowledged(self.acknowledged)
    }

    /// Notes what the page has handled. Returns the items that are acknowledged as a whole, to be dropped after the lock;
    /// `None` if the acknowledgement is an old one.
    pub(crate) fn acknowledge(&mut self, ack: u64) -> Result<Option<Vec<Arc<DeliveredItems>>>> {
        if ack > self.last_index {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "invalid acknowledgement {ack}: the last delivered item is {}",
                    self.last_index
                ),
            ));
        }
        if ack <= self.acknowledged {
            return Ok(None);
        }
        let whole = self
            .delivered
            .partition_point(|own| own.delivered.last() <= ack);
        let mut handled = Vec::with_capacity(whole);
        for own in self.delivered.drain(..whole) {
            self.delivered_bytes -= own.bytes;
            self.delivered_length -= own.length;
            handled.push(own.delivered);
        }
        if let Some(Unacknowledged {
            delivered, bytes, ..
        }) = self.delivered.front_mut()
        {
            let rest = delivered.after(ack);
            let begun = delivered.after(self.acknowledged).start..rest.start;
            let weight: usize = delivered.items[begun].iter().map(Item::weight).sum();
            *bytes -= weight;
            self.delivered_bytes -= weight;
        }
        self.acknowledged = ack;
        self.streamed.acknowledge(ack);
        Ok(Some(handled))
    }

    /// How many bytes the batch of a pull with this acknowledgement would repeat of what was delivered before. `None` is a
    /// pull that reads ahead.
    pub(crate) fn repeated(&self, ack: Option<u64>, bound: BatchBound) -> usize {
        let after = ack.unwrap_or(self.cursor).max(self.acknowledged);
        (self.delivered_after(after)).map_or(0, |delivered| fitting(delivered, after, bound).1)
    }

    /// The batch of a pull with this acknowledgement: what was delivered and is not acknowledged, as it was, else a new
    /// batch. Empty if there is nothing to deliver.
    pub(crate) fn batch(&mut self, ack: u64, bound: BatchBound) -> Batch {
        self.cursor = ack;
        self.batch_ahead(bound)
    }

    /// The batch after the last one, whether that one has arrived or not.
    pub(crate) fn batch_ahead(&mut self, bound: BatchBound) -> Batch {
        // A pull may come late, with an acknowledgement that others have overtaken.
        self.cursor = self.cursor.max(self.acknowledged);
        let is_new = self.delivered_after(self.cursor).is_none();
        if is_new {
            self.fill(bound);
        }
        let mut batch = Batch::default();
        if let Some(delivered) = self.delivered_after(self.cursor) {
            batch.range = match is_new {
                true => delivered.after(self.cursor),
                false => fitting(delivered, self.cursor, bound).0,
            };
            batch.delivered = Some(Arc::clone(delivered));
            self.cursor += batch.range.len() as u64;
        }
        batch.more = self.cursor < self.last_index || !self.is_empty();
        batch
    }

    /// The index of the last item that was delivered. The page may have handled everything up to it.
    pub(super) fn last_index(&self) -> u64 {
        self.last_index
    }

    /// The index of the last item that the page has handled.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The index of the last item of the last batch.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor.max(self.acknowledged)
    }

    /// The next batch starts with the first item that is not acknowledged.
    pub(super) fn rewind(&mut self) {
        self.cursor = self.acknowledged;
    }

    /// Whether the next batch has items, unless too many are unacknowledged.
    pub(super) fn has_next(&self) -> bool {
        self.cursor() < self.last_index || !self.is_empty()
    }

    /// The delivered items with the first index after this one.
    fn delivered_after(&self, index: u64) -> Option<&Arc<DeliveredItems>> {
        let position = self
            .delivered
            .partition_point(|own| own.delivered.last() <= index);
        self.delivered.get(position).map(|own| &own.delivered)
    }

    /// Forgets the gaps of a subscription that has ended.
    pub(crate) fn forget(&mut self, id: SubscriptionId) {
        self.queue.forget(id);
    }

    /// How many events wait in the queue, and their bytes.
    pub(crate) fn usage(&self) -> (usize, usize) {
        self.queue.usage()
    }

    /// How many items were delivered and are not acknowledged, and their bytes.
    pub(crate) fn unacknowledged(&self) -> (usize, usize) {
        let events = self.last_index - self.acknowledged;
        (events as usize, self.delivered_bytes)
    }

    /// How many events its full queue has dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped_events()
    }

    /// For how many subscriptions something was dropped and is not reported yet.
    pub(crate) fn unreported_gaps(&self) -> usize {
        self.queue.unreported_gaps()
    }

    /// Forgets what was dropped for all but the live subscriptions.
    pub(crate) fn forget_all_but(&mut self, is_live: impl Fn(SubscriptionId) -> bool) {
        self.queue.forget_all_but(is_live);
    }

    /// Drops the queue of a page without subscriptions. What was delivered keeps its index.
    pub(crate) fn drop_queued(&mut self) {
        self.queue.clear();
    }

    fn fill(&mut self, bound: BatchBound) {
        let (events, _) = self.unacknowledged();
        let is_behind = events >= MAX_UNACKNOWLEDGED * bound.events
            || self.delivered_length >= MAX_UNACKNOWLEDGED * bound.bytes;
        if is_behind && events > 0 {
            return;
        }
        // Even the smallest event takes more bytes than this.
        const LEAST: usize = 24;
        let waiting = self.queue.usage().0 + self.messages.len() + self.streamed.waiting();
        let most = waiting.min(bound.events).min(bound.bytes / LEAST + 1);
        let mut filling = Filling {
            items: Vec::with_capacity(most),
            length: 0,
            bytes: 0,
        };
        if self.streamed.is_waiting() {
            let half = BatchBound {
                events: bound.events.div_ceil(2),
                bytes: bound.bytes / 2,
            };
            self.fill_with_events(&mut filling, half);
            self.fill_with_parts(&mut filling, bound);
        }
        self.fill_with_events(&mut filling, bound);
        let Filling {
            items,
            length,
            bytes,
        } = filling;
        if items.is_empty() {
            return;
        }
        let first = self.last_index + 1;
        self.last_index += items.len() as u64;
        self.streamed.note_delivered(self.last_index);
        self.messages.note_delivered(self.last_index);
        self.delivered_bytes += bytes;
        self.delivered_length += length;
        let (items, page) = (items.into(), self.page.clone());
        self.delivered.push_back(Unacknowledged {
            delivered: Arc::new(DeliveredItems { first, items, page }),
            bytes,
            length,
        });
    }

    /// Takes events and messages, as far as they fit.
    fn fill_with_events(&mut self, filling: &mut Filling, bound: BatchBound) {
        while let Some(next) = self.next_length(filling.items.last())
            && filling.fits(next, bound)
            && let Some(item) = self.pop()
        {
            filling.push(item, next);
        }
    }

    /// Takes what streams have, as far as it fits and no event comes before it.
    fn fill_with_parts(&mut self, filling: &mut Filling, bound: BatchBound) {
        let next_event = self.queue.next_seq();
        while let Some(next) = (self.streamed).next_length(filling.items.last(), next_event)
            && filling.fits(next, bound)
            && let Some(item) = self.streamed.pop(next)
        {
            filling.push(item, next);
        }
    }

    /// Whether a message is next: events that were accepted before it come first.
    fn is_message_next(&self) -> bool {
        self.messages.first_after().is_some_and(|after| {
            let next = self.queue.next_seq();
            next.is_none_or(|next| next > after)
        })
    }

    /// Whether anything but events waits.
    pub(crate) fn has_messages(&self) -> bool {
        !self.messages.is_empty() || self.streamed.is_waiting()
    }

    fn is_empty(&self) -> bool {
        !self.has_messages() && self.queue.next_length().is_none()
    }

    /// At least as many bytes as what is next takes in a batch after this item.
    fn next_length(&self, before: Option<&Item>) -> Option<usize> {
        if self.is_message_next() {
            return self.messages.next_length();
        }
        match (before, self.queue.next_event()) {
            (Some(Item::Event(before)), Some(next)) => Some(next.length_after(before)),
            _ => self.queue.next_length(),
        }
    }

    fn pop(&mut self) -> Option<Item> {
        if self.is_message_next() {
            return self.messages.pop();
        }
        self.queue.pop().map(Item::from)
    }
}
