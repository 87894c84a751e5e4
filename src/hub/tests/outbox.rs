use std::sync::Arc;

use super::queued;
use crate::hub::ids::SubscriptionId;
use crate::hub::outbox::{Batch, BatchBound, Item, MAX_UNACKNOWLEDGED, Outbox};
use crate::hub::queue::{QueueBound, QueueEntry, QueuedEvent};
use crate::model::error::ErrorCode;
use crate::model::policy::Overflow;

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
            _ => (index, 0),
        })
        .collect()
}

#[test]
fn a_batch_repeats_until_it_is_acknowledged() {
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
fn a_narrower_path_repeats_in_smaller_batches() {
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
fn an_old_acknowledgement_repeats_nothing() {
    let mut outbox = Outbox::new(BOUND);
    outbox.push(queued(1, &[1]), Overflow::DropOldest);
    pull(&mut outbox, 0);
    pull(&mut outbox, 1);
    assert_eq!(indexes(&pull(&mut outbox, 0)), []);
}

#[test]
fn a_future_acknowledgement_is_refused() {
    let mut outbox = Outbox::new(BOUND);
    outbox.push(queued(1, &[1]), Overflow::DropOldest);
    pull(&mut outbox, 0);
    let error = outbox.acknowledge(2).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains('2') && error.message().contains("item is 1"));
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
fn a_full_queue_drops_nothing_delivered() {
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
fn reading_ahead_continues_after_the_last_batch() {
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
fn an_ordinary_pull_returns_to_the_unacknowledged() {
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
fn unacknowledged_batches_are_limited() {
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
fn a_late_pull_gets_nothing_acknowledged() {
    let wide = BatchBound { events: 3, ..BATCH };
    let mut outbox = filled(6);
    outbox.batch(0, wide);
    outbox.batch_ahead(wide);
    // An ordinary pull starts over, and one that reads ahead acknowledges a part of the next batch.
    assert_eq!(outbox.batch(0, wide).first(), 1);
    outbox.acknowledge(5).unwrap();
    assert_eq!(outbox.repeated(None, wide), outbox.delivered_length / 3);
    let batch = outbox.batch_ahead(wide);
    assert_eq!((indexes(&batch), batch.more), (vec![(6, 6)], false));
    // One that was overtaken takes no acknowledgement back, and reading ahead continues after its batch.
    let batch = outbox.batch(0, wide);
    assert_eq!((indexes(&batch), batch.more), (vec![(6, 6)], false));
    assert!(outbox.batch_ahead(wide).is_empty());
    outbox.acknowledge(6).unwrap();
    let batch = outbox.batch(0, wide);
    assert!(batch.is_empty() && !batch.more);
    assert_eq!((outbox.delivered_bytes, outbox.delivered_length), (0, 0));
}

#[test]
fn a_batch_may_be_acknowledged_in_parts() {
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
    let seqs = kept.map(|(_, entry)| match entry {
        QueueEntry::Event(queued) => queued.event.seq(),
        QueueEntry::Lost(lost) => panic!("{lost:?}"),
    });
    assert_eq!(seqs.collect::<Vec<_>>(), [6]);
}

#[test]
fn what_was_delivered_counts_by_its_length() {
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
    // Events that are alike take less than their weight, in the first batch and where it is repeated.
    assert!(first.items().len() > 500 / queued(1, &[1]).weight());
    assert_eq!(outbox.batch(0, narrow).items().len(), first.items().len());
    assert_eq!(outbox.repeated(Some(0), narrow), outbox.delivered_length);
    // All of them fit into the batches that may be unacknowledged, though their weight is larger.
    let ahead: usize = (0..20)
        .map(|_| outbox.batch_ahead(narrow).items().len())
        .sum();
    assert_eq!(first.items().len() + ahead, 90);
    assert!(outbox.delivered_bytes > MAX_UNACKNOWLEDGED * narrow.bytes);
}

#[test]
fn a_gap_makes_no_event_larger() {
    assert_eq!(size_of::<Item>(), size_of::<QueuedEvent>());
}
