use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::hub::batch::Item;
use crate::hub::ids::RequestId;
use crate::hub::requests::channel::ChannelNote;
use crate::hub::requests::message::{Ending, RequestMessage};
use crate::model::name::EventName;

/// What waits for a page beside events: requests, the ends of requests, credit, and what became of its own events. No policy
/// drops it.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// Each with the number of the event that it comes after.
    queue: VecDeque<(u64, Item)>,
    /// How many parts of a stream count no more, where that is in the queue.
    credit: BTreeMap<RequestId, u64>,
    /// How many outcomes of events are in the queue.
    outcomes: usize,
    /// How many parts of a channel count no more, by the number that its page gave it, where that is in the queue.
    channel_credit: BTreeMap<u64, u64>,
    /// The requests for streams that were taken for the batch that is being filled.
    filling: Vec<RequestId>,
    /// Those that batches have, each with the index of the last item of its batch.
    delivered: VecDeque<(u64, RequestId)>,
}

impl Messages {
    /// Queues a request behind the events up to this sequence number, as the other methods do.
    pub(crate) fn push_request(&mut self, message: Arc<RequestMessage>, after: u64) {
        self.queue.push_back((after, Item::Request(message)));
    }

    /// Queues the end of a delivered request.
    pub(crate) fn push_ending(&mut self, id: RequestId, ending: Ending, after: u64) {
        self.queue.push_back((after, Item::Ended(id, ending)));
    }

    /// Tells how many parts of a stream count no more. Only the newest number waits.
    pub(crate) fn push_credit(&mut self, id: RequestId, parts: u64, after: u64) {
        if self.credit.insert(id, parts).is_none() {
            self.queue.push_back((after, Item::Credit(id, parts)));
        }
    }

    /// Queues what became of an event of the page, as JSON.
    pub(crate) fn push_outcomes(&mut self, outcomes: Arc<str>, after: u64) {
        self.outcomes += 1;
        self.queue.push_back((after, Item::Outcomes(outcomes)));
    }

    /// How many outcomes of its events the page has yet to fetch.
    pub(crate) fn waiting_outcomes(&self) -> usize {
        self.outcomes
    }

    /// Tells the caller of a channel something. Only its newest credit waits.
    pub(crate) fn push_note(&mut self, channel: u64, note: ChannelNote, after: u64) {
        let is_waiting = match note {
            ChannelNote::Credit(parts) => self.channel_credit.insert(channel, parts).is_some(),
            ChannelNote::Unread | ChannelNote::Closed => false,
        };
        if !is_waiting {
            self.queue.push_back((after, Item::Channel(channel, note)));
        }
    }

    /// Takes back what its caller has not been told of a channel.
    pub(crate) fn withdraw_notes(&mut self, channel: u64) {
        let is_meant = |item: &Item| matches!(item, Item::Channel(own, _) if *own == channel);
        self.queue.retain(|(_, item)| !is_meant(item));
        self.channel_credit.remove(&channel);
    }

    /// Takes a request back. Returns false if it was delivered.
    pub(crate) fn withdraw(&mut self, id: RequestId) -> bool {
        let is_meant =
            |(_, item): &(u64, Item)| matches!(item, Item::Request(message) if message.id == id);
        let position = self.queue.iter().position(is_meant);
        position
            .and_then(|position| self.queue.remove(position))
            .is_some()
    }

    /// Takes the requests of this name back. Returns their ids.
    pub(crate) fn withdraw_all(&mut self, name: &EventName) -> Vec<RequestId> {
        let mut withdrawn = Vec::new();
        self.queue.retain(|(_, item)| match item {
            Item::Request(message) if message.name == *name => {
                withdrawn.push(message.id);
                false
            }
            _ => true,
        });
        withdrawn
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The number of the event that the next one comes after.
    pub(super) fn first_after(&self) -> Option<u64> {
        self.queue.front().map(|(after, _)| *after)
    }

    /// At least as many bytes as the next one takes in a batch.
    pub(super) fn next_length(&self) -> Option<usize> {
        self.queue.front().map(|(_, item)| item.length_after(None))
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let (_, item) = self.queue.pop_front()?;
        if let Item::Credit(id, _) = item
            && let Some(parts) = self.credit.remove(&id)
        {
            return Some(Item::Credit(id, parts));
        }
        if matches!(item, Item::Outcomes(_)) {
            self.outcomes -= 1;
        }
        if let Item::Channel(channel, ChannelNote::Credit(_)) = item
            && let Some(parts) = self.channel_credit.remove(&channel)
        {
            return Some(Item::Channel(channel, ChannelNote::Credit(parts)));
        }
        if let Item::Request(message) = &item
            && message.stream.is_some()
        {
            self.filling.push(message.id);
        }
        Some(item)
    }

    /// Notes that what was taken is in the batch whose last item has this index.
    pub(super) fn note_delivered(&mut self, last: u64) {
        let filled = self.filling.drain(..).map(|id| (last, id));
        self.delivered.extend(filled);
    }

    /// Takes the requests for streams that the page has, since it has acknowledged this index.
    pub(super) fn take_acknowledged(&mut self, ack: u64) -> Vec<RequestId> {
        let count = self.delivered.partition_point(|(last, _)| *last <= ack);
        self.delivered.drain(..count).map(|(_, id)| id).collect()
    }

    /// Takes all that waits, to be dropped after the lock.
    pub(super) fn take_queued(&mut self) -> VecDeque<(u64, Item)> {
        self.outcomes = 0;
        std::mem::take(&mut self.queue)
    }
}
