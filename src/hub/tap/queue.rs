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
            || (!self.slots.is_empty()
                && self.bytes + weight > MAX_BYTES
                && !self.filter.shows_all);
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::hub::tap::raw::RawEntry;
    use crate::model::tap::filter::TapFilter;
    use crate::model::tap::record::TapEntry;

    fn queue(capacity: usize) -> TapQueue {
        let filter = TapFilter::new().capacity(capacity).check().unwrap();
        TapQueue::new(Arc::new(filter), false)
    }

    fn push(queue: &mut TapQueue, number: u64, weight: usize) {
        queue.push(weight, || {
            Arc::new(RawRecord {
                at: SystemTime::UNIX_EPOCH,
                entry: RawEntry::Done(TapEntry::Lost(number)),
            })
        });
    }

    /// The numbers of the records, and how many are lost between them.
    fn taken(queue: &mut TapQueue) -> Vec<Result<u64, u64>> {
        let slots = queue.take().into_iter();
        slots
            .map(|slot| match slot {
                TapSlot::Record(raw) => match raw.entry {
                    RawEntry::Done(TapEntry::Lost(number)) => Ok(number),
                    _ => panic!("{raw:?}"),
                },
                TapSlot::Lost(count) => Err(count),
            })
            .collect()
    }

    #[test]
    fn a_loss_stands_where_records_are_missing() {
        let mut queue = queue(2);
        for number in 1..=4 {
            push(&mut queue, number, 1);
        }
        assert!(queue.has_waiting());
        assert_eq!(taken(&mut queue), [Ok(1), Ok(2), Err(2)]);
        assert!(!queue.has_waiting());
        push(&mut queue, 5, 1);
        assert_eq!(taken(&mut queue), [Ok(5)]);
    }

    #[test]
    fn records_may_refer_to_so_many_bytes() {
        let mut queue = queue(9);
        push(&mut queue, 1, MAX_BYTES + 1);
        push(&mut queue, 2, 1);
        assert_eq!(taken(&mut queue), [Ok(1), Err(1)]);
        push(&mut queue, 3, MAX_BYTES);
        push(&mut queue, 4, 1);
        push(&mut queue, 5, 0);
        // One that takes nothing still fits, behind the loss.
        assert_eq!(taken(&mut queue), [Ok(3), Err(1), Ok(5)]);
    }
}
