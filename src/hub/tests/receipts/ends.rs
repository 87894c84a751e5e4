//! How what happens to queues, subscriptions and pages becomes an outcome.

use std::time::Duration;

use super::world::{Brought, ORIGIN, TIMEOUT, World};
use crate::hub::queue::QueueBound;
use crate::hub::tests::{session_id, set_steady, steady};
use crate::hub::{Resumption, SESSION_LEASE};
use crate::limits::Limits;
use crate::model::delivery::HostSubscription;
use crate::model::lifetime::Lifetime;
use crate::model::link::Share;
use crate::model::name::EventName;
use crate::model::outcome::Outcome;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::sync::BusClock;

fn policies(policy: Policy) -> Policies {
    let mut policies = Policies::default();
    policies.add("e", policy).unwrap();
    policies
}

#[test]
fn each_page_and_the_listeners_have_one_entry() {
    let mut world = World::new();
    let mut main = world.listening("main");
    let mut other = world.listening("other");
    let _idle = world.open("third");
    world.listen();
    let (ticket, seq) = world.emit_tracked();
    for page in [&mut main, &mut other] {
        assert_eq!(world.pull(page), [Brought::Event(seq, true)]);
    }
    world.tell(&main, seq, Outcome::Handled);
    assert_eq!(world.run_listeners(), 1);
    assert_eq!(world.fetch(ticket), None);
    world.tell(&other, seq, Outcome::failed("TypeError", "no"));
    world.expect(
        ticket,
        &[
            ("main", "handled"),
            ("other", "failed"),
            ("listeners", "handled"),
        ],
    );
    assert_eq!(world.hub.count_receipts(), (0, 0));
}

#[test]
fn nobody_has_nothing_to_tell() {
    let mut world = World::new();
    let (ticket, _) = world.emit_tracked();
    world.expect(ticket, &[]);
}

#[test]
fn others_are_not_tracked() {
    let mut world = World::new();
    let mut main = world.listening("main");
    let plain = world.emit(Lifetime::default());
    let (ticket, seq) = world.emit_tracked();
    let expected = [Brought::Event(plain, false), Brought::Event(seq, true)];
    assert_eq!(world.pull(&mut main), expected);
    world.tell(&main, plain, Outcome::Handled);
    assert_eq!(world.fetch(ticket), None);
}

#[test]
fn a_full_queue_drops_it() {
    let limits = Limits {
        queue_events: 2,
        ..Limits::default()
    };
    let mut world = World::with(limits, Policies::default());
    let mut main = world.listening("main");
    world.listen();
    let (ticket, seq) = world.emit_tracked();
    world.emit(Lifetime::default());
    assert_eq!(world.fetch(ticket), None);
    world.emit(Lifetime::default());
    world.expect(ticket, &[("main", "dropped"), ("listeners", "dropped")]);
    // A late word of it changes nothing.
    world.tell(&main, seq, Outcome::Handled);
    let brought = world.pull(&mut main);
    assert_eq!(brought[0], Brought::Gap);
}

#[test]
fn a_newer_event_takes_its_place() {
    let mut world = World::with(Limits::default(), policies(Policy::new().latest()));
    let mut main = world.listening("main");
    let (first, _) = world.emit_tracked();
    let (second, seq) = world.emit_tracked();
    world.expect(first, &[("main", "dropped")]);
    assert_eq!(world.pull(&mut main), [Brought::Event(seq, true)]);
    world.tell(&main, seq, Outcome::Handled);
    world.expect(second, &[("main", "handled")]);
}

#[test]
fn a_page_tells_once_for_each_entry() {
    let mut world = World::new();
    let mut main = world.listening("main");
    world.subscribe(&main, 2, "e", true, None);
    let (ticket, seq) = world.emit_tracked();
    let both = [Brought::Event(seq, true), Brought::Event(seq, true)];
    assert_eq!(world.pull(&mut main), both);
    world.tell(&main, seq, Outcome::Handled);
    assert_eq!(world.fetch(ticket), None);
    world.tell(&main, seq, Outcome::Handled);
    world.expect(ticket, &[("main", "handled")]);
    // The newest alone is wanted by one, so the other's is told later.
    let (first, seq) = world.emit_tracked();
    let (second, last) = world.emit_tracked();
    assert_eq!(world.fetch(first), None);
    assert_eq!(world.pull(&mut main).len(), 3);
    for seq in [seq, last, last] {
        world.tell(&main, seq, Outcome::Handled);
    }
    world.expect(first, &[("main", "dropped")]);
    world.expect(second, &[("main", "handled")]);
}

#[test]
fn it_expires_before_it_is_taken() {
    set_steady(Duration::from_secs(100));
    let mut world = World::new();
    world.hub.clock = BusClock::of_steady(steady);
    let mut main = world.listening("main");
    let (ticket, seq) = world.emit_tracked_for(Some(Duration::from_secs(1)));
    set_steady(Duration::from_secs(101));
    assert_eq!(world.pull(&mut main), [Brought::Gap]);
    world.expect(ticket, &[("main", "dropped")]);
    // Nobody takes it, so the keeper finds it.
    let (ticket, _) = world.emit_tracked_for(Some(Duration::from_secs(1)));
    set_steady(Duration::from_secs(102));
    world.pass(Duration::from_secs(1));
    world.expect(ticket, &[("main", "dropped")]);
    // What was delivered was in time.
    let (ticket, last) = world.emit_tracked_for(Some(Duration::from_secs(1)));
    assert!(last > seq);
    world.pull(&mut main);
    set_steady(Duration::from_secs(103));
    world.pass(Duration::from_secs(1));
    world.tell(&main, last, Outcome::Handled);
    world.expect(ticket, &[("main", "handled")]);
}

#[test]
fn a_page_without_subscriptions_drops_it() {
    let mut world = World::new();
    let main = world.listening("main");
    let (ticket, _) = world.emit_tracked();
    assert!(world.hub.unsubscribe(main.key, &[1]).rearm);
    world.pass(Duration::ZERO);
    world.expect(ticket, &[("main", "dropped")]);
}

#[test]
fn a_page_that_ends_is_gone() {
    type End = fn(&mut World);
    let ends: [End; 4] = [
        |world| assert!(world.hub.leave_page("main", Some(ORIGIN.into())).rearm),
        |world| assert!(world.hub.note_crash("main").rearm),
        |world| assert!(world.hub.remove_window("main").1.rearm),
        |world| {
            world.pass(SESSION_LEASE);
        },
    ];
    for (end, is_delivered) in ends.into_iter().flat_map(|end| [(end, true), (end, false)]) {
        let mut world = World::new();
        let mut main = world.listening("main");
        let name = EventName::parse("e").unwrap();
        let ticket = world.hub.open_receipt(&name, SESSION_LEASE * 2).unwrap();
        world.emit(Lifetime {
            receipt: Some(ticket),
            ..Lifetime::default()
        });
        if is_delivered {
            world.pull(&mut main);
        }
        end(&mut world);
        world.pass(Duration::ZERO);
        world.expect(ticket, &[("main", "gone")]);
        assert_eq!(world.hub.count_receipts(), (0, 0));
    }
}

#[test]
fn the_next_page_tells_nothing_of_it() {
    let mut world = World::new();
    let mut main = world.listening("main");
    let (ticket, seq) = world.emit_tracked();
    world.pull(&mut main);
    // The page renews its session, and gets the event again.
    let next = Resumption {
        session: session_id(main.session),
        after: 0,
        handled: 0,
        index: 0,
    };
    let mut renewed = world.open("main");
    world.subscribe(&renewed, 1, "e", false, Some(next));
    world.pass(Duration::ZERO);
    world.expect(ticket, &[("main", "gone")]);
    assert_eq!(world.pull(&mut renewed), [Brought::Event(seq, false)]);
}

#[test]
fn it_ends_with_its_time() {
    let mut world = World::new();
    let _main = world.listening("main");
    let (ticket, _) = world.emit_tracked();
    let almost = TIMEOUT - Duration::from_millis(1);
    world.pass(almost);
    assert_eq!(world.fetch(ticket), None);
    let due = world.now + Duration::from_millis(1);
    assert!(world.pass(Duration::ZERO).unwrap() <= due);
    world.pass(Duration::from_millis(1));
    world.expect(ticket, &[("main", "timeout")]);
}

#[test]
fn the_end_of_the_app_ends_it() {
    let mut world = World::new();
    let _main = world.listening("main");
    world.listen();
    let (ticket, _) = world.emit_tracked();
    assert_eq!(world.fetch(ticket), None);
    assert_eq!(world.hub.shut_down().wakers.len(), 1);
    world.expect(ticket, &[("main", "gone"), ("listeners", "gone")]);
}

#[test]
fn streams_do_not_count_and_async_listeners_do() {
    let mut world = World::new();
    let stream = world.hub.add_stream();
    let own = world.hub.add_async_listener();
    for key in [stream, own] {
        let pattern = EventPattern::parse("e").unwrap();
        let _ = world
            .hub
            .listen(key, 1, pattern, HostSubscription::default());
    }
    world.listen();
    let (ticket, _) = world.emit_tracked();
    assert_eq!(world.run_listeners(), 1);
    assert_eq!(world.fetch(ticket), None);
    // Its task is dropped with what it has not read.
    assert!(world.hub.remove_consumer(own).1.rearm);
    world.pass(Duration::ZERO);
    world.expect(ticket, &[("listeners", "dropped")]);
}

#[test]
fn queues_whose_readers_tell_nothing_note_nothing() {
    let limits = Limits {
        queue_events: 1,
        ..Limits::default()
    };
    let mut world = World::with(limits, Policies::default());
    let stream = world.hub.add_stream();
    let own = world.hub.add_async_listener();
    for key in [stream, own] {
        let pattern = EventPattern::parse("e").unwrap();
        let _ = (world.hub).listen(key, 1, pattern, HostSubscription::default());
    }
    let share = Share::both("e").unwrap();
    let bound = QueueBound {
        events: 1,
        bytes: 1 << 20,
    };
    world.hub.open_link("here".into(), &[share], bound);
    for _ in 0..1000 {
        let (ticket, _) = world.emit_tracked();
        assert!(world.hub.forget_receipt(ticket).is_none());
    }
    let waiting = |key| world.hub.consumers[&key].queue.dropped_tracked.len();
    assert_eq!(waiting(stream), 0);
    assert!(waiting(own) <= 1);
    assert_eq!(world.hub.link.as_ref().unwrap().noted(), 0);
}
