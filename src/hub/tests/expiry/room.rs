//! Room for events whose policy is to reject, for those that only the newest of is wanted, and for what is kept.

use super::*;
use crate::hub::Address;
use crate::model::event::weight_of;
use crate::sync::BusClock;

const ROOMS: fn(usize) -> Limits = |queue_events| Limits {
    queue_events,
    ..Limits::default()
};

/// A page that waits for a subscription.
fn page(world: &mut World, pattern: &str, wants_latest: bool) -> SubscriberKey {
    let main = world.open(1);
    let _ = world.subscribe_as(main, 1, pattern, wants_latest);
    assert_eq!(world.pull(1, 0), [""; 0]);
    main
}

#[test]
fn a_rejected_event_replaces_the_one_that_waits() {
    let mut world = World::new(ROOMS(2));
    page(&mut world, "*", true);
    for _ in 0..5 {
        world.emit("order", None);
    }
    // One of another name still has a place, and the next one has none.
    world.emit("x", None);
    let newest = world.emit("order", None);
    let new = world.emit_as("order:2", false, Lifetime::default());
    assert!(new.is_ok());
    assert_eq!(world.pull(1, 0).last(), Some(&(newest + 1).to_string()));
}

#[test]
fn large_rejected_events_replace_each_other() {
    let mut world = World::new(Limits {
        queue_bytes: 60,
        ..Limits::default()
    });
    page(&mut world, "*", true);
    for _ in 0..5 {
        world.emit("order", None);
    }
    assert_eq!(world.pull(1, 0), ["5"]);
}

#[test]
fn both_lanes_of_a_rejected_event_have_room() {
    let mut world = World::new(ROOMS(3));
    let main = page(&mut world, "*", true);
    let _ = world.subscribe(main, 2, "*");
    world.emit("order", None);
    // It replaces one of the two that wait, and is itself two.
    world.emit("order", None);
    let third = world.emit_as("order", false, Lifetime::default());
    assert_eq!(third, Err(ErrorCode::QueueFull));
    assert_eq!(world.hub.sessions[&main].outbox.usage().0, 3);
}

#[test]
fn a_line_before_another_queue_holds_nothing_up() {
    let mut world = World::new(ROOMS(1));
    page(&mut world, "order", false);
    let stream = world.hub.add_stream();
    let pattern = EventPattern::parse("order").unwrap();
    let _ = world
        .hub
        .listen(stream, 0, pattern, HostSubscription::default());
    let to = |world: &mut World, target: crate::model::target::Target, expires| {
        let audience = Audience {
            to: Some(Address::of(target).unwrap()),
            ..Audience::default()
        };
        let order = event("order", false, expiring(expires));
        let now = world.now;
        let enqueued = world.hub.enqueue(order, &audience, || now);
        enqueued.map(|_| ()).map_err(|refusal| refusal.error.code())
    };
    to(&mut world, "main".into(), None).unwrap();
    to(
        &mut world,
        tauri_plugin_event_bus_types::HOST.into(),
        Some(50),
    )
    .unwrap();
    let order = event("order", false, Lifetime::default());
    let audience = Audience {
        to: Some(Address::of("main".into()).unwrap()),
        ..Audience::default()
    };
    let now = world.now;
    let waker = Waker::from(Arc::new(Woken(0.into())));
    let (waits, _) = world
        .hub
        .enqueue_or_wait(order, &audience, None, waker, || now);
    assert!(matches!(waits, Attempt::Waits(_)), "{waits:?}");
    world.pass(MILLIS(50));
    assert_eq!(
        to(&mut world, tauri_plugin_event_bus_types::HOST.into(), None),
        Ok(())
    );
    assert_eq!(
        to(&mut world, "main".into(), None),
        Err(ErrorCode::QueueFull)
    );
}

#[test]
fn a_refused_event_tells_those_that_wait_of_the_room() {
    let order = event("order", false, Lifetime::default());
    let mut world = World::new(Limits {
        queue_bytes: 2 * weight_of(&order.name, &order.payload, None) + 40,
        ..Limits::default()
    });
    page(&mut world, "order", false);
    world.emit("order", Some(50));
    world.emit("order", None);
    let woken = Arc::new(Woken(0.into()));
    let now = world.now;
    let order = event("order", false, Lifetime::default());
    let waker = Waker::from(Arc::clone(&woken));
    let (waits, _) = world
        .hub
        .enqueue_or_wait(order, &Audience::default(), None, waker, || now);
    assert!(matches!(waits, Attempt::Waits(_)), "{waits:?}");
    world.pass(MILLIS(50));
    let mut large = event("order", false, Lifetime::default());
    large.payload = format!("\"{}\"", "x".repeat(100)).as_str().into();
    let now = world.now;
    let refused = world.hub.enqueue(large, &Audience::default(), || now);
    assert!(refused.is_err_and(|refusal| refusal.has_freed));
    let (effects, _) = world.hub.expire(world.now);
    assert_eq!(effects.wakers.len(), 1);
}

/// Timers stand still while the machine sleeps.
#[test]
fn a_waiting_emit_is_looked_at_again_soon() {
    let mut world = World::new(ROOMS(1));
    page(&mut world, "order", false);
    world.pass(MILLIS(4000));
    let _ = world.hub.expire(world.now);
    world.emit("order", Some(3_600_000));
    let waker = Waker::from(Arc::new(Woken(0.into())));
    let order = event("order", false, Lifetime::default());
    let now = world.now;
    let (waits, effects) =
        world
            .hub
            .enqueue_or_wait(order, &Audience::default(), None, waker, || now);
    assert!(matches!(waits, Attempt::Waits(_)), "{waits:?}");
    assert!(effects.rearm);
    let (_, next) = world.hub.expire(world.now);
    assert!(next.unwrap() <= world.now + Duration::from_secs(30));
}

#[test]
fn what_expired_holds_no_room_for_what_is_kept() {
    let mut world = World::new(Limits {
        retained_events: 1,
        ..Limits::default()
    });
    let lifetime = |expires| Lifetime {
        until: Some(Until::Consumed),
        ..expiring(expires)
    };
    world.emit_as("link", false, lifetime(Some(50))).unwrap();
    assert_eq!(
        world.emit_as("link", false, lifetime(None)),
        Err(ErrorCode::QueueFull)
    );
    world.pass(MILLIS(50));
    let link = event("link", false, lifetime(None));
    let now = world.now;
    let (_, effects) = world
        .hub
        .enqueue(link, &Audience::default(), || now)
        .unwrap();
    assert_eq!(effects.unwrap().abandoned.len(), 1);
}

#[test]
fn what_a_left_page_had_is_forgotten_in_time() {
    let mut world = World::new(Limits::default());
    page(&mut world, "*", false);
    world.emit("x", Some(60_000));
    assert_eq!(world.pull(1, 0), ["1"]);
    let (_, next) = world.hub.expire(world.now);
    assert!(next.is_none_or(|next| next < world.now + MILLIS(60_000)));
    let effects = world.hub.leave_page("main", Some("app".into()));
    assert!(effects.rearm);
    let expires = world.now + MILLIS(60_000);
    // The page may come back for a while.
    for millis in [0, 30_000, 10_000] {
        world.pass(MILLIS(millis));
        let (_, next) = world.hub.expire(world.now);
        assert!(next.is_some_and(|due| due <= expires), "{next:?}");
    }
    assert_eq!(world.hub.expire(world.now).1, Some(expires));
    // The next page has it in its queue.
    let next = world.open(2);
    let _ = world.subscribe(next, 7, "*");
    let (_, next) = world.hub.expire(world.now);
    assert!(next.is_some_and(|due| due <= expires), "{next:?}");
}

#[test]
fn without_deadlines_no_clock_is_read() {
    let mut world = World::new(Limits::default());
    world.hub.clock = BusClock::of_steady(|| panic!("nothing expires"));
    world.emit("x", None);
    world.emit_as("kept", true, Lifetime::default()).unwrap();
    let until = Lifetime {
        until: Some(Until::Consumed),
        ..Lifetime::default()
    };
    world.emit_as("link", false, until).unwrap();
    let main = world.open(1);
    let _ = world.subscribe(main, 1, "*");
    assert_eq!(world.pull(1, 0).len(), 3);
    let _ = world.hub.expire(world.now);
    let _ = world.hub.leave_page("main", Some("app".into()));
    let next = world.open(2);
    let _ = world.subscribe(next, 1, "*");
}

/// Each of these is to be handled, so none takes the place of another.
#[test]
fn what_is_to_be_consumed_is_not_replaced() {
    let mut world = World::new(Limits::default());
    let main = page(&mut world, "link", true);
    let until = Lifetime {
        until: Some(Until::Consumed),
        ..Lifetime::default()
    };
    for _ in 0..3 {
        world.emit_as("link", false, until).unwrap();
    }
    world.emit("link", None);
    let last = world.emit("link", None);
    assert_eq!(world.pull(1, 0), ["1", "2", "3", &last.to_string()]);
    for seq in 1..=3 {
        let _ = world.hub.settle(main, seq, true);
    }
    assert_eq!(world.hub.overview().unconsumed.events, 0);
}

#[test]
fn only_the_newest_waits_for_each_kind_of_listener() {
    let mut world = World::new(ROOMS(1000));
    let main = page(&mut world, "pos", true);
    let request = SubscriptionRequest {
        id: 2,
        pattern: EventPattern::parse("pos").unwrap(),
        scope: None,
        target: Some(Address::of("main".into()).unwrap().selection),
        wants_replayed: true,
        wants_retained: true,
        wants_latest: true,
        watches: None,
        resume: None,
    };
    let (begun, _) = world.hub.subscribe(main, vec![request], world.now);
    assert!(begun.iter().all(Result::is_ok), "{begun:?}");
    let to_main = Audience {
        to: Some(Address::of("main".into()).unwrap()),
        ..Audience::default()
    };
    let emit = |world: &mut World, audience: &Audience| {
        let now = world.now;
        let pos = event("pos", false, Lifetime::default());
        let _ = world.hub.enqueue(pos, audience, || now).unwrap();
    };
    for _ in 0..20 {
        emit(&mut world, &to_main);
        emit(&mut world, &Audience::default());
    }
    let waiting = |world: &World| world.hub.sessions[&main].outbox.usage().0;
    assert_eq!(waiting(&world), 2);
    // Once a listener has ended, nothing waits for it.
    let _ = world.hub.unsubscribe(main, &[2]);
    emit(&mut world, &Audience::default());
    assert_eq!(waiting(&world), 1);
}
