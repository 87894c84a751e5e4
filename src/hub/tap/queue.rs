//! The queue of a tap. It keeps what fits, and counts the rest.

use std::sync::Arc;
use std::task::Waker;

use crate::hub::tap::raw::RawRecord;
use crate::model::tap::filter::RecordFilter;

/// How many bytes the records of one tap may refer to.
const MAX_BYTES: usize = 64 << 20;

/// What waits for the reader of a tap.
#[derive(Debug)]
pub(crate) enum TapSlot {
    Record(Arc<RawRecord>),
    /// So many records found no room here.
    Lost(u64),
}

/// The queue of one tap.
#[derive(Debug)]
pub(super) struct TapQueue {
    pub(super) filter: Arc<RecordFilter>,
    slots: Vec<TapSlot>,
    bytes: usize,
    /// How many records were lost since the last one was kept.
    lost: u64,
    pub(super) waker: Option<Waker>,
    /// Whether it gets no more records.
    pub(super) is_closed: bool,
}

impl TapQueue {
    pub(super) fn new(filter: Arc<RecordFilter>, is_closed: bool) -> Self {
        Self {
            filter,
            slots: Vec::new(),
            bytes: 0,
            lost: 0,
            waker: None,
            is_closed,
        }
    }

    /// Whether something waits.
    pub(super) fn has_waiting(&self) -> bool {
        !self.slots.is_empty() || self.lost > 0
    }

    /// Keeps a record, or counts it where there is no room.
    pub(super) fn push(&mut self, weight: usize, record: impl FnOnce() -> Arc<RawRecord>) {
        let is_full = self.slots.len() >= self.filter.capacity
            || (!self.slots.is_empty() && self.bytes + weight > MAX_BYTES);
        if is_full {
            self.lost += 1;
            return;
        }
        self.push_lost();
        self.bytes += weight;
        self.slots.push(TapSlot::Record(record()));
    }

    fn push_lost(&mut self) {
        if self.lost > 0 {
            self.slots
                .push(TapSlot::Lost(std::mem::take(&mut self.lost)));
        }
    }

    pub(super) fn take(&mut self) -> Vec<TapSlot> {
        self.push_lost();
        self.bytes = 0;
        std::mem::take(&mut self.slots)
    }
}
