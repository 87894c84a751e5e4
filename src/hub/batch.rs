//! What a page gets: items, and batches of them.

use std::ops::Range;
use std::sync::Arc;

use crate::hub::ids::RequestId;
use crate::hub::queue::{LostEvents, QueueEntry, QueuedEvent};
use crate::hub::requests::channel::ChannelNote;
use crate::hub::requests::message::{Ending, RequestMessage};
use crate::hub::requests::part::{PagePart, StreamEnd};

/// What may be delivered to a page.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Event(QueuedEvent),
    Lost(Box<LostEvents>),
    Request(Arc<RequestMessage>),
    /// The caller of a request that was delivered waits no longer.
    Ended(RequestId, Ending),
    Part(PagePart),
    StreamEnd(Box<StreamEnd>),
    /// The page may send more parts of this stream: so many of them count no more.
    Credit(RequestId, u64),
    /// What became of an event that the page emitted, as JSON.
    Outcomes(Arc<str>),
    /// What the page is told of a channel that it opened under this number.
    Channel(u64, ChannelNote),
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
    /// At least as many bytes as it takes in a batch after this item.
    pub(super) fn length_after(&self, before: Option<&Self>) -> usize {
        match (before, self) {
            (Some(Self::Event(before)), Self::Event(queued)) => queued.length_after(before),
            (_, Self::Event(queued)) => queued.length(),
            (_, Self::Request(message)) => message.length(),
            (Some(Self::Part(before)), Self::Part(part)) => part.length_after(before),
            (_, Self::Part(part)) => part.length(),
            (_, Self::StreamEnd(end)) => end.length(),
            _ => self.weight(),
        }
    }

    /// The bytes that it counts for.
    pub(crate) fn weight(&self) -> usize {
        const SHORT: usize = 96;
        match self {
            Self::Event(queued) => queued.weight(),
            Self::Lost(lost) => lost.weight(),
            Self::Request(message) => message.weight(),
            Self::Part(part) => part.weight(),
            Self::StreamEnd(end) => end.weight(),
            Self::Ended(..) | Self::Credit(..) | Self::Channel(..) => SHORT,
            Self::Outcomes(json) => json.len() + 1,
        }
    }
}

/// What a pull returns: items with consecutive indexes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    pub(super) delivered: Option<Arc<DeliveredItems>>,
    /// The part of them that it has.
    pub(super) range: Range<usize>,
    /// Whether more was waiting when this was taken.
    pub(crate) more: bool,
    /// Whether what follows comes by calls.
    pub(crate) calls_follow: bool,
    /// Whether the value of a call was lost, so that the page tells again what its values carried.
    pub(crate) tells_again: bool,
    /// Whether it says where its runs stand, since the page passes some of them on.
    pub(crate) has_cuts: bool,
    /// What [`Batch::first`] is if there are no items.
    next: u64,
}

impl Batch {
    pub(crate) fn items(&self) -> &[Item] {
        let delivered = self.delivered.as_ref();
        delivered.map_or(&[], |delivered| &delivered.items[self.range.clone()])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The label of the page that it is for.
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    pub(crate) fn page(&self) -> Option<&str> {
        self.delivered.as_ref()?.page.as_deref()
    }

    /// The index of the first item. An empty batch of a call has the index of the next item, and any other empty batch 0.
    pub(crate) fn first(&self) -> u64 {
        let delivered = self.delivered.as_ref();
        delivered.map_or(self.next, |delivered| {
            delivered.first + self.range.start as u64
        })
    }

    /// The reply to the last pull before calls.
    pub(super) fn before_calls(more: bool) -> Self {
        Self {
            more,
            calls_follow: true,
            ..Self::default()
        }
    }

    /// A batch without items that follows on this index.
    pub(super) fn after(index: u64) -> Self {
        Self {
            next: index + 1,
            ..Self::default()
        }
    }

    #[cfg(test)]
    pub(crate) fn of(first: u64, items: Vec<Item>, more: bool) -> Self {
        Self {
            range: 0..items.len(),
            delivered: (!items.is_empty()).then(|| {
                let items = items.into();
                let page = None;
                Arc::new(DeliveredItems { first, items, page })
            }),
            more,
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchBound {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// Items that were taken from the queue for one batch. All batches that repeat some of them share them, and they are
/// dropped together: a page that acknowledges a batch in parts leaves one batch in memory at most.
#[derive(Debug)]
pub(crate) struct DeliveredItems {
    /// The index of the first item. There is at least one.
    pub(super) first: u64,
    pub(super) items: Box<[Item]>,
    /// The label of the page that they are for.
    pub(super) page: Option<Arc<str>>,
}

impl DeliveredItems {
    pub(super) fn last(&self) -> u64 {
        self.first + self.items.len() as u64 - 1
    }

    /// The range of the items after this index.
    pub(super) fn after(&self, index: u64) -> Range<usize> {
        let start = (index + 1).saturating_sub(self.first) as usize;
        start.min(self.items.len())..self.items.len()
    }
}

/// The items after this index that fit into one batch, and the most bytes that they take in it. What was delivered over a
/// better path may be too much for this one.
pub(super) fn fitting(
    delivered: &DeliveredItems,
    index: u64,
    bound: BatchBound,
) -> (Range<usize>, usize) {
    let range = delivered.after(index);
    let items = &delivered.items[range.clone()];
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

/// The item before each of these; `None` before the first.
fn before_each(items: &[Item]) -> impl Iterator<Item = Option<&Item>> {
    std::iter::once(None).chain(items.iter().map(Some))
}
