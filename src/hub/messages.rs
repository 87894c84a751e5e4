use std::collections::VecDeque;
use std::sync::Arc;

use crate::hub::batch::Item;
use crate::hub::ids::RequestId;
use crate::hub::requests::message::{Ending, RequestMessage};
use crate::hub::requests::part::{PagePart, StreamEnd};
use crate::model::name::EventName;

/// What waits for a page besides its events: requests, parts, and the ends of both. No policy drops it.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// Each with the number of the event that it comes after.
    queue: VecDeque<(u64, Item)>,
    /// What the page has not acknowledged of streams.
    streamed: Streamed,
    /// What was taken of streams for the batch that is being filled.
    filling: Streamed,
    /// What batches have of streams, each with the index of its last item.
    delivered: VecDeque<(u64, Streamed)>,
}

/// Parts and ends of streams.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Streamed {
    bytes: usize,
    ends: usize,
}

impl Streamed {
    fn of(item: &Item) -> Self {
        match item {
            Item::Part(part) => Self {
                bytes: part.weight(),
                ends: 0,
            },
            Item::StreamEnd(end) => Self {
                bytes: end.weight(),
                ends: 1,
            },
            Item::Event(_)
            | Item::Lost(_)
            | Item::Request(_)
            | Item::Ended(..)
            | Item::Credit(..) => Self::default(),
        }
    }

    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.ends += other.ends;
    }

    fn remove(&mut self, other: Self) {
        self.bytes -= other.bytes;
        self.ends -= other.ends;
    }
}

impl Messages {
    fn push(&mut self, item: Item, after: u64) {
        self.streamed.add(Streamed::of(&item));
        self.queue.push_back((after, item));
    }

    /// Queues a request behind the events up to this sequence number, as the other methods do.
    pub(crate) fn push_request(&mut self, message: Arc<RequestMessage>, after: u64) {
        self.push(Item::Request(message), after);
    }

    /// Queues the end of a delivered request.
    pub(crate) fn push_ending(&mut self, id: RequestId, ending: Ending, after: u64) {
        self.push(Item::Ended(id, ending), after);
    }

    pub(crate) fn push_part(&mut self, part: PagePart, after: u64) {
        self.push(Item::Part(part), after);
    }

    pub(crate) fn push_stream_end(&mut self, end: StreamEnd, after: u64) {
        self.push(Item::StreamEnd(Box::new(end)), after);
    }

    pub(crate) fn push_credit(&mut self, id: RequestId, parts: u64, after: u64) {
        self.push(Item::Credit(id, parts), after);
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

    /// Takes the parts of a stream back that were not delivered.
    pub(crate) fn withdraw_parts(&mut self, stream: u64) {
        let streamed = &mut self.streamed;
        self.queue.retain(|(_, item)| {
            let is_kept = !matches!(item, Item::Part(part) if part.stream == stream);
            if !is_kept {
                streamed.remove(Streamed::of(item));
            }
            is_kept
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The bytes of parts, and of ends of streams, that the page has not acknowledged.
    pub(crate) fn streamed_bytes(&self) -> usize {
        self.streamed.bytes
    }

    /// How many ends of streams the page has not acknowledged.
    pub(crate) fn unacknowledged_ends(&self) -> usize {
        self.streamed.ends
    }

    /// The number of the event that the next one comes after.
    pub(super) fn first_after(&self) -> Option<u64> {
        self.queue.front().map(|(after, _)| *after)
    }

    /// At least as many bytes as the next one takes in a batch after this item.
    pub(super) fn next_length(&self, before: Option<&Item>) -> Option<usize> {
        self.queue
            .front()
            .map(|(_, item)| item.length_after(before))
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let (_, item) = self.queue.pop_front()?;
        self.filling.add(Streamed::of(&item));
        Some(item)
    }

    /// Notes that what was popped is in the batch whose last item has this index.
    pub(super) fn note_delivered(&mut self, last: u64) {
        let filled = std::mem::take(&mut self.filling);
        if filled != Streamed::default() {
            self.delivered.push_back((last, filled));
        }
    }

    pub(super) fn acknowledge(&mut self, ack: u64) {
        while let Some((last, streamed)) = self.delivered.front().copied()
            && last <= ack
        {
            self.delivered.pop_front();
            self.streamed.remove(streamed);
        }
    }
}
