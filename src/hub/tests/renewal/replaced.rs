//! What an event replaced, after a renewal.

use super::*;

/// The number and the superseded events of all that a page gets.
fn superseded(batch: &Batch) -> Vec<(u64, u64)> {
    let mut events = Vec::new();
    for item in batch.items() {
        if let Item::Event(queued) = item {
            events.push((queued.event.seq(), queued.event.superseded()));
        }
    }
    events
}

#[test]
fn a_replaced_event_that_comes_again_counts_once() {
    let mut world = World::new(Limits::default());
    world.open(&["latest"], None);
    world.emit("latest", false);
    // It is replaced, and comes again since it is retained.
    world.emit("latest", true);
    let newest = world.emit("latest", false);
    world.fall_silent();
    world.open(&["latest"], Some((0, 0)));
    assert_eq!(superseded(&world.pull(9)), [(newest, 2)]);
}

#[test]
fn a_replaced_event_of_the_page_before_counts_once() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    let other = world.emit("x", false);
    world.emit("latest", false);
    let newest = world.emit("latest", false);
    // The page was still starting, so all of it is kept for the next one.
    world.leave();
    world.open(&["*"], None);
    assert_eq!(superseded(&world.pull(9)), [(other, 0), (newest, 1)]);
}

#[test]
fn a_gap_after_a_renewal_counts_what_was_its_own() {
    let limits = Limits {
        queue_events: 1,
        ..Limits::default()
    };
    for is_delivered in [false, true] {
        let mut world = World::new(limits.clone());
        let key = world.open(&["latest"], None);
        let first = world.emit("latest", false);
        world.emit("latest", false);
        let second = SubscriptionRequest {
            wants_replayed: false,
            ..request(2, "latest", None)
        };
        let (results, _) = world.hub.subscribe(key, vec![second], world.now);
        assert!(results[0].is_ok());
        let third = world.emit("latest", false);
        let fourth = world.emit("latest", false);
        if is_delivered {
            assert_eq!(superseded(&world.pull(9)), [(fourth, 3)]);
        }
        // The second subscription had not begun when the first two were replaced.
        world.fall_silent();
        world.open(&["latest", "latest", "x"], Some((0, 0)));
        let dropping = world.emit("x", false);
        assert_eq!(
            world.received(1).1,
            [(GapReason::QueueFull, first, fourth, 4)]
        );
        assert_eq!(
            world.received(2).1,
            [(GapReason::QueueFull, third, fourth, 2)]
        );
        assert_eq!(world.received(3), (vec![dropping], vec![]));
    }
}

/// A page was away while another one was there, so it names a session that is not the last one.
const BEFORE_THE_LAST: u64 = 99;

#[test]
fn a_gap_of_an_absence_counts_what_was_replaced() {
    let limits = Limits {
        backlog_events: 1,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    world.open(&["latest", "x"], None);
    let replaced = world.emit("latest", false);
    let received = world.emit("x", false);
    let newest = world.emit("latest", false);
    world.fall_silent();
    world.emit("x", false);
    world.continue_session(BEFORE_THE_LAST, &["latest"], (received, 0));
    let gap = (GapReason::SessionEnded, replaced, newest, 2);
    assert_eq!(world.received(1), (vec![], vec![gap]));
}

#[test]
fn what_was_replaced_in_an_absence_counts_once() {
    let mut world = World::new(Limits::default());
    world.open(&["latest"], None);
    let received = world.emit("x", false);
    world.emit("latest", false);
    let newest = world.emit("latest", false);
    world.fall_silent();
    world.continue_session(BEFORE_THE_LAST, &["latest"], (received, received));
    assert_eq!(superseded(&world.pull(9)), [(newest, 0)]);
}
