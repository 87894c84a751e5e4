use super::queued;
use crate::hub::ids::SubscriptionId;
use crate::hub::queue::{Queue, QueueBound, QueueEntry};
use crate::model::policy::Overflow;

fn drain(queue: &mut Queue) -> Vec<String> {
    std::iter::from_fn(|| queue.pop())
        .map(|entry| match entry {
            QueueEntry::Event(queued) => queued.event.seq().to_string(),
            QueueEntry::Lost(lost) => format!(
                "{}..{}#{}{:?}",
                lost.gap.from, lost.gap.to, lost.gap.count, lost.subscriptions
            ),
        })
        .collect()
}

#[test]
fn keeps_the_order() {
    let mut queue = Queue::new(QueueBound {
        events: 9,
        bytes: 1 << 20,
    });
    for seq in 1..=3 {
        queue.push(queued(seq, &[1]), Overflow::DropOldest);
    }
    assert_eq!(drain(&mut queue), ["1", "2", "3"]);
}

#[test]
fn a_full_queue_drops_the_oldest_and_counts() {
    let mut queue = Queue::new(QueueBound {
        events: 2,
        bytes: 1 << 20,
    });
    for seq in 1..=5 {
        queue.push(queued(seq, &[seq as u32 % 2]), Overflow::DropOldest);
    }
    assert_eq!(drain(&mut queue), ["2..2#1{0}", "1..3#2{1}", "4", "5"]);
}

#[test]
fn live_subscriptions_with_the_same_loss_share_a_gap() {
    let mut queue = Queue::new(QueueBound {
        events: 1,
        bytes: 1 << 20,
    });
    queue.push(queued(1, &[1, 2, 3]), Overflow::DropOldest);
    queue.push(queued(2, &[1, 2, 3]), Overflow::DropOldest);
    queue.forget(2);
    assert_eq!(drain(&mut queue), ["1..1#1{1, 3}", "2"]);
}

#[test]
fn a_gap_is_compared_with_few_others() {
    let bound = QueueBound {
        events: 1,
        bytes: 1 << 20,
    };
    let mut queue = Queue::new(bound);
    let ids: Vec<SubscriptionId> = (0..200).collect();
    queue.push(queued(1, &ids), Overflow::DropOldest);
    queue.push(queued(2, &[7]), Overflow::DropOldest);
    queue.push(queued(3, &[7]), Overflow::DropOldest);
    let mut told = Vec::new();
    while let Some(QueueEntry::Lost(lost)) = queue.pop() {
        assert!(lost.subscriptions.len() <= 64);
        let count = if lost.subscriptions.contains(&7) {
            2
        } else {
            1
        };
        assert_eq!(lost.gap.count, count);
        told.extend(lost.subscriptions);
    }
    told.sort_unstable();
    assert_eq!(told, ids);
}

#[test]
fn ids_count_as_bytes() {
    let ids: Vec<SubscriptionId> = (0..4096).collect();
    let mut queue = Queue::new(QueueBound {
        events: 1000,
        bytes: 100_000,
    });
    for seq in 1..=10 {
        queue.push(queued(seq, &ids), Overflow::DropOldest);
    }
    assert_eq!(queue.usage().0, 2);
}

#[test]
fn losses_between_two_reads_are_one_gap() {
    let mut queue = Queue::new(QueueBound {
        events: 1,
        bytes: 1 << 20,
    });
    queue.push(queued(1, &[1]), Overflow::DropOldest);
    queue.push(queued(4, &[1]), Overflow::DropOldest);
    queue.push(queued(9, &[1]), Overflow::DropOldest);
    assert_eq!(drain(&mut queue), ["1..4#2{1}", "9"]);
}

#[test]
fn the_byte_bound_spares_the_newest() {
    let mut queue = Queue::new(QueueBound {
        events: 9,
        bytes: 1,
    });
    queue.push(queued(1, &[1]), Overflow::DropOldest);
    queue.push(queued(2, &[1]), Overflow::DropOldest);
    assert_eq!(drain(&mut queue), ["1..1#1{1}", "2"]);
    assert_eq!(queue.usage(), (0, 0));
}

#[test]
fn the_latest_event_replaces_the_one_that_waits() {
    let mut queue = Queue::new(QueueBound {
        events: 9,
        bytes: 1 << 20,
    });
    queue.push(queued(1, &[1]), Overflow::Latest);
    queue.push(queued(2, &[1]), Overflow::Latest);
    queue.push(queued(3, &[1, 2]), Overflow::Latest);
    assert_eq!(queue.usage().0, 1);
    match queue.pop() {
        Some(QueueEntry::Event(queued)) => {
            assert_eq!((queued.event.seq(), queued.event.superseded()), (3, 2));
        }
        other => panic!("{other:?}"),
    }
    queue.push(queued(4, &[1, 2]), Overflow::Latest);
    assert_eq!(drain(&mut queue), ["4"]);
    assert_eq!((queue.usage(), queue.slot_count()), ((0, 0), 0));
}

#[test]
fn an_event_for_more_subscriptions_is_not_superseded() {
    let mut queue = Queue::new(QueueBound {
        events: 9,
        bytes: 1 << 20,
    });
    queue.push(queued(1, &[1, 7]), Overflow::Latest);
    queue.push(queued(2, &[1]), Overflow::Latest);
    assert_eq!(drain(&mut queue), ["1", "2"]);
}

#[test]
fn an_emptied_slot_in_the_middle_keeps_the_order() {
    let mut queue = Queue::new(QueueBound {
        events: 3,
        bytes: 1 << 20,
    });
    queue.push(queued(1, &[1]), Overflow::DropOldest);
    queue.push(queued(2, &[1]), Overflow::Latest);
    queue.push(queued(3, &[1]), Overflow::DropOldest);
    queue.push(queued(4, &[1]), Overflow::Latest);
    queue.push(queued(5, &[1]), Overflow::DropOldest);
    assert_eq!(drain(&mut queue), ["1..1#1{1}", "3", "4", "5"]);
}

#[test]
fn room_is_counted_in_events_and_bytes() {
    let mut queue = Queue::new(QueueBound {
        events: 2,
        bytes: 1000,
    });
    assert!(
        queue.has_room(5000),
        "an event larger than the queue fits an empty one"
    );
    queue.push(queued(1, &[1]), Overflow::Reject);
    assert!(queue.has_room(500) && !queue.has_room(900));
    queue.push(queued(2, &[1]), Overflow::Reject);
    assert!(!queue.has_room(1));
}

fn small(events: usize) -> Queue {
    Queue::new(QueueBound {
        events,
        bytes: 1 << 20,
    })
}

#[test]
fn a_gap_counts_what_was_superseded_in_it() {
    let mut queue = small(2);
    for seq in 1..=4 {
        queue.push(queued(seq, &[1]), Overflow::Latest);
    }
    for seq in 5..=6 {
        queue.push(queued(seq, &[1]), Overflow::DropOldest);
    }
    assert_eq!(drain(&mut queue), ["1..4#4{1}", "5", "6"]);
    assert_eq!(queue.dropped_events(), 4);
}

#[test]
fn a_subscription_counts_only_its_own_superseded() {
    let mut queue = small(1);
    queue.push(queued(1, &[1]), Overflow::Latest);
    queue.push(queued(2, &[1]), Overflow::Latest);
    // The second subscription begins here.
    queue.push(queued(3, &[1, 2]), Overflow::Latest);
    queue.push(queued(4, &[1, 2]), Overflow::Latest);
    queue.push(queued(5, &[1]), Overflow::DropOldest);
    assert_eq!(drain(&mut queue), ["1..4#4{1}", "3..4#2{2}", "5"]);
}

#[test]
fn what_the_page_before_superseded_counts_again() {
    let mut before = small(2);
    for seq in 1..=3 {
        before.push(queued(seq, &[1]), Overflow::Latest);
    }
    let Some(QueueEntry::Event(waiting)) = before.pop() else {
        panic!("one event waits");
    };
    let mut queue = small(1);
    queue.push(waiting, Overflow::Latest);
    queue.push(queued(4, &[1]), Overflow::DropOldest);
    assert_eq!(drain(&mut queue), ["1..3#3{1}", "4"]);
}

#[test]
fn many_lists_of_subscriptions_stay_exact() {
    let mut queue = small(100);
    let ids: Vec<SubscriptionId> = (0..50).collect();
    for seq in 1..=50 {
        queue.push(queued(seq, &ids[..seq as usize]), Overflow::Latest);
    }
    // A new list with each event: some events stay, so that every loss can be told.
    assert!(queue.usage().0 > 1);
    for seq in 51..=150 {
        queue.push(queued(seq, &[99]), Overflow::DropOldest);
    }
    let gaps = drain(&mut queue);
    assert_eq!(gaps[0], "1..50#50{0}");
    assert_eq!(gaps[49], "50..50#1{49}");
}

#[test]
fn a_rejecting_event_is_never_dropped() {
    let mut queue = small(3);
    queue.push(queued(1, &[1]), Overflow::Reject);
    queue.push(queued(2, &[1]), Overflow::DropOldest);
    queue.push(queued(3, &[1]), Overflow::Reject);
    assert!(queue.push(queued(4, &[1]), Overflow::DropOldest));
    assert!(queue.push(queued(5, &[1]), Overflow::Latest));
    assert_eq!(drain(&mut queue), ["2..4#2{1}", "1", "3", "5"]);
}

#[test]
fn without_others_the_new_event_is_dropped() {
    let mut queue = small(2);
    queue.push(queued(1, &[1]), Overflow::Reject);
    queue.push(queued(2, &[1]), Overflow::Reject);
    assert!(!queue.push(queued(3, &[1]), Overflow::DropOldest));
    assert!(!queue.push(queued(4, &[1]), Overflow::Latest));
    assert_eq!(queue.usage().0, 2);
    assert_eq!(drain(&mut queue), ["3..4#2{1}", "1", "2"]);
    assert!(queue.push(queued(5, &[1]), Overflow::DropOldest));
    assert_eq!(drain(&mut queue), ["5"]);
}

#[test]
fn superseded_and_dropped_events_leave_no_slots() {
    let mut queue = small(4);
    queue.push(queued(1, &[1]), Overflow::Reject);
    queue.push(queued(2, &[1]), Overflow::Reject);
    for seq in 3..10_000 {
        let overflow = match seq % 3 {
            0 => Overflow::DropOldest,
            _ => Overflow::Latest,
        };
        queue.push(queued(seq, &[1]), overflow);
        assert!(queue.slot_count() < 200, "{}", queue.slot_count());
    }
    let drained = drain(&mut queue);
    assert_eq!(drained[1..3], ["1", "2"]);
    assert_eq!(drained.last().unwrap(), "9999");
    assert_eq!((queue.usage(), queue.slot_count()), ((0, 0), 0));
}

#[test]
fn a_past_rejecting_event_is_dropped_last() {
    let mut queue = small(2);
    queue.push_past(queued(1, &[1]), Overflow::Reject);
    queue.push_past(queued(2, &[1]), Overflow::DropOldest);
    queue.push_past(queued(3, &[1]), Overflow::Reject);
    assert!(!queue.has_room(1));
    // Without other events, the oldest of them makes room, but none for an event that may be dropped.
    queue.push_past(queued(4, &[1]), Overflow::Reject);
    assert!(!queue.push(queued(5, &[1]), Overflow::DropOldest));
    assert_eq!(drain(&mut queue), ["1..5#3{1}", "3", "4"]);
}

#[test]
fn one_that_superseded_others_supersedes_more() {
    let mut before = small(3);
    before.push(queued(2, &[1]), Overflow::Latest);
    before.push(queued(3, &[1]), Overflow::Latest);
    let Some(QueueEntry::Event(third)) = before.pop() else {
        panic!("one event waits");
    };
    let mut queue = small(1);
    queue.push(queued(1, &[1]), Overflow::Latest);
    queue.push(third, Overflow::Latest);
    let waiting = queue.next_event().unwrap();
    assert_eq!(waiting.event.stands_for(), (1, 3));
    queue.push(queued(4, &[1]), Overflow::DropOldest);
    assert_eq!(drain(&mut queue), ["1..3#3{1}", "4"]);
}

#[test]
fn a_few_are_taken_but_none_that_may_be_replaced() {
    let mut queue = Queue::new(QueueBound {
        events: 99,
        bytes: 1 << 20,
    });
    let take = |queue: &mut Queue| {
        let mut entries = Vec::new();
        let count = queue.pop_few(&mut entries);
        assert_eq!(count, entries.len());
        let seqs = entries.into_iter().map(|entry| match entry {
            QueueEntry::Event(queued) => queued.event.seq(),
            QueueEntry::Lost(lost) => panic!("{lost:?}"),
        });
        seqs.collect::<Vec<_>>()
    };
    for seq in 1..=20 {
        queue.push(queued(seq, &[1]), Overflow::DropOldest);
    }
    assert_eq!(take(&mut queue), Vec::from_iter(1..=16));
    queue.push(queued(21, &[1]), Overflow::Latest);
    assert_eq!(take(&mut queue), [17]);
    queue.push(queued(22, &[1]), Overflow::Latest);
    for seq in 18..=20 {
        assert_eq!(take(&mut queue), [seq]);
    }
    queue.push(queued(23, &[1]), Overflow::DropOldest);
    assert_eq!(take(&mut queue), [22, 23]);
    assert!(take(&mut queue).is_empty());
}
