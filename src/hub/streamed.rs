//! The streams that a page receives: what waits of each of them, and what the page has not acknowledged.

use std::collections::{BTreeMap, VecDeque};

use crate::hub::batch::Item;
use crate::hub::requests::channel::ChannelNote;
use crate::hub::requests::part::{PagePart, StreamEnd};

/// Streams take turns, and events go before them where they can. So a large stream keeps nothing else waiting, and a part
/// waits for the events that were accepted before it, and for the parts of its own stream.
#[derive(Debug, Default)]
pub(crate) struct Streamed {
    queues: BTreeMap<u64, StreamQueue>,
    /// The streams of which something waits, in the order of their turns.
    turns: VecDeque<u64>,
    /// How many bytes of the first one's turn are over.
    used: usize,
    waiting: usize,
    /// What was queued and is not acknowledged, and what is reserved for the streams that are open.
    held: Held,
    /// What was taken for the batch that is being filled.
    filling: Held,
    /// What batches have, each with the index of its last item.
    delivered: VecDeque<(u64, Held)>,
}

#[derive(Debug, Default)]
struct StreamQueue {
    /// Each with the number of the event that it comes after.
    items: VecDeque<(u64, Item)>,
    /// How many parts have been in a batch.
    delivered: u64,
    /// The credit of the stream.
    reserved: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Held {
    bytes: usize,
    ends: usize,
    /// The credit of the streams that have not ended, as far as the page knows.
    reserved: usize,
}

impl Held {
    fn of(item: &Item) -> Self {
        match item {
            Item::StreamEnd(end) => Self {
                bytes: item.weight(),
                ends: 1,
                reserved: end.reserved,
            },
            _ => Self {
                bytes: item.weight(),
                ..Self::default()
            },
        }
    }

    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.ends += other.ends;
        self.reserved += other.reserved;
    }

    fn remove(&mut self, other: Self) {
        self.bytes -= other.bytes;
        self.ends -= other.ends;
        self.reserved -= other.reserved;
    }
}

/// How many bytes a stream takes of a batch before the next one has its turn.
const TURN: usize = 64 << 10;

impl Streamed {
    /// Reserves the credit of a stream until the page has acknowledged its end, or has left it.
    pub(crate) fn open(&mut self, stream: u64, credit: usize) {
        self.held.reserved += credit;
        let queue = StreamQueue {
            reserved: credit,
            ..StreamQueue::default()
        };
        self.queues.insert(stream, queue);
    }

    pub(crate) fn push_part(&mut self, part: PagePart, after: u64) {
        self.push(part.stream, Item::Part(part), after);
    }

    /// Queues the end of a stream behind its parts.
    pub(crate) fn push_end(&mut self, mut end: StreamEnd, after: u64) {
        let stream = end.stream;
        // It goes with the end.
        let queue = self.queues.get_mut(&stream);
        end.reserved = queue.map_or(0, |queue| std::mem::take(&mut queue.reserved));
        self.held.reserved -= end.reserved;
        self.push(stream, Item::StreamEnd(Box::new(end)), after);
    }

    /// Queues that no more parts of a channel come, behind its parts.
    pub(crate) fn push_close(&mut self, channel: u64, after: u64) {
        let note = Item::Channel(channel, ChannelNote::Closed);
        self.push(channel, note, after);
    }

    fn push(&mut self, stream: u64, item: Item, after: u64) {
        self.held.add(Held::of(&item));
        self.waiting += 1;
        let queue = self.queues.entry(stream).or_default();
        if queue.items.is_empty() {
            self.turns.push_back(stream);
        }
        queue.items.push_back((after, item));
    }

    /// Forgets a stream that the page has left. Returns what it was not delivered, to be dropped after the lock.
    pub(crate) fn withdraw(&mut self, stream: u64) -> VecDeque<(u64, Item)> {
        let Some(queue) = self.queues.remove(&stream) else {
            return VecDeque::new();
        };
        self.held.reserved -= queue.reserved;
        for (_, item) in &queue.items {
            self.held.remove(Held::of(item));
        }
        self.waiting -= queue.items.len();
        if let Some(place) = self.turns.iter().position(|own| *own == stream) {
            self.turns.remove(place);
            if place == 0 {
                self.used = 0;
            }
        }
        queue.items
    }

    /// All that waits, by stream.
    pub(super) fn into_items(self) -> impl Iterator<Item = VecDeque<(u64, Item)>> {
        self.queues.into_values().map(|queue| queue.items)
    }

    /// Whether something waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many parts of this stream have been in a batch.
    pub(crate) fn delivered_parts(&self, stream: u64) -> u64 {
        self.queues.get(&stream).map_or(0, |queue| queue.delivered)
    }

    /// The bytes of what the page has not acknowledged.
    pub(crate) fn bytes(&self) -> usize {
        self.held.bytes
    }

    /// How many ends the page has not acknowledged.
    pub(crate) fn unacknowledged_ends(&self) -> usize {
        self.held.ends
    }

    /// The credit of all streams that have not ended, as far as the page knows.
    pub(crate) fn reserved(&self) -> usize {
        self.held.reserved
    }

    /// Gives the turn to a stream whose next item comes before this event, and returns that item.
    fn next(&mut self, next_event: Option<u64>) -> Option<&Item> {
        let queues = &self.queues;
        let is_ready = |stream: &u64| {
            let first = queues.get(stream).and_then(|queue| queue.items.front());
            first.is_some_and(|(after, _)| next_event.is_none_or(|event| event > *after))
        };
        let place = self.turns.iter().position(is_ready)?;
        if place > 0 {
            self.turns.rotate_left(place);
            self.used = 0;
        }
        let queue = self.queues.get(self.turns.front()?)?;
        queue.items.front().map(|(_, item)| item)
    }

    /// At least as many bytes as the next item takes in a batch after this one, if it comes before this event.
    pub(super) fn next_length(
        &mut self,
        before: Option<&Item>,
        next_event: Option<u64>,
    ) -> Option<usize> {
        self.next(next_event).map(|item| item.length_after(before))
    }

    /// Takes the item that [`Streamed::next_length`] is about.
    pub(super) fn pop(&mut self, length: usize) -> Option<Item> {
        let stream = *self.turns.front()?;
        let queue = self.queues.get_mut(&stream)?;
        let (_, item) = queue.items.pop_front()?;
        self.waiting -= 1;
        self.filling.add(Held::of(&item));
        self.used += length;
        let is_empty = queue.items.is_empty();
        match item {
            Item::Part(_) => queue.delivered += 1,
            Item::StreamEnd(_) => {
                self.queues.remove(&stream);
            }
            _ => {}
        }
        if is_empty || self.used >= TURN {
            self.turns.pop_front();
            self.used = 0;
            if !is_empty {
                self.turns.push_back(stream);
            }
        }
        Some(item)
    }

    /// Notes that what was taken is in the batch whose last item has this index.
    pub(super) fn note_delivered(&mut self, last: u64) {
        let filled = std::mem::take(&mut self.filling);
        if filled != Held::default() {
            self.delivered.push_back((last, filled));
        }
    }

    pub(super) fn acknowledge(&mut self, ack: u64) {
        while let Some((last, held)) = self.delivered.front().copied()
            && last <= ack
        {
            self.delivered.pop_front();
            self.held.remove(held);
        }
    }

    /// Whether nothing is left of any stream.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.turns.is_empty() && self.held == Held::default()
    }
}
