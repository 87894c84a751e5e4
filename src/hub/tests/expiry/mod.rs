//! Events that expire, in each place where they are kept.

mod queue;
mod room;

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::{session_id, set_steady, steady};
use crate::hub::ids::SubscriberKey;
use crate::hub::outbox::{BatchBound, Item};
use crate::hub::queue::QueueEntry;
use crate::hub::{Attempt, Audience, Command, Effects, Hub, NewEvent, Pull, SubscriptionRequest};
use crate::limits::Limits;
use crate::model::delivery::HostSubscription;
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::event::GapReason;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::{Policy, Until};
use crate::sync::BusClock;

const MILLIS: fn(u64) -> Duration = Duration::from_millis;

struct World {
    hub: Hub<char>,
    now: Instant,
}

impl World {
    fn new(limits: Limits) -> Self {
        let mut policies = Policies::default();
        policies
            .add("brief", Policy::new().expires(MILLIS(500)))
            .unwrap();
        policies.add("order", Policy::new().reject()).unwrap();
        let mut hub = Hub::new(limits, policies);
        hub.clock = BusClock::of_steady(steady);
        set_steady(MILLIS(1000));
        let _ = hub.announce("main", "main");
        let now = Instant::now();
        Self { hub, now }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        set_steady(steady() + time);
    }

    fn emit_as(&mut self, name: &str, retain: bool, lifetime: Lifetime) -> Result<u64, ErrorCode> {
        let event = event(name, retain, lifetime);
        let now = self.now;
        let enqueued = self.hub.enqueue(event, &Audience::default(), || now);
        enqueued
            .map(|(receipt, _)| receipt.seq)
            .map_err(|refusal| refusal.error.code())
    }

    fn emit(&mut self, name: &str, expires: Option<u64>) -> u64 {
        self.emit_as(name, false, expiring(expires)).unwrap()
    }

    /// Opens the next page.
    fn open(&mut self, session: u64) -> SubscriberKey {
        let command = Command {
            name: "subscribe",
            session: session_id(session),
            n: 1,
            origin: Some("app".into()),
        };
        let (_, key, _) = self.hub.begin_command("main", command, 'c', self.now);
        key.unwrap()
    }

    fn subscribe(&mut self, key: SubscriberKey, id: u32, pattern: &str) -> Effects<char> {
        self.subscribe_as(key, id, pattern, false)
    }

    fn subscribe_as(
        &mut self,
        key: SubscriberKey,
        id: u32,
        pattern: &str,
        wants_latest: bool,
    ) -> Effects<char> {
        let request = SubscriptionRequest {
            id,
            pattern: EventPattern::parse(pattern).unwrap(),
            scope: None,
            target: None,
            wants_replayed: true,
            wants_retained: true,
            wants_latest,
            watches: None,
            resume: None,
        };
        self.hub.subscribe(key, vec![request], self.now).1
    }

    /// What a page receives, in words.
    fn pull(&mut self, session: u64, ack: u64) -> Vec<String> {
        let pull = Pull {
            session: session_id(session),
            ack,
            is_ahead: false,
            is_prompt: true,
            can_be_called: false,
            bound: BatchBound {
                events: 64,
                bytes: 1 << 20,
            },
        };
        let effects = self.hub.pull("main", pull, 'p', self.now).unwrap();
        let batches = effects.batches.iter();
        let items = batches.flat_map(|(_, batch)| batch.items());
        items.map(describe).collect()
    }
}

fn describe(item: &Item) -> String {
    match item {
        Item::Event(queued) => queued.event.seq().to_string(),
        Item::Lost(lost) => {
            let gap = &lost.gap;
            let at_most = if gap.at_most { "at most " } else { "" };
            format!(
                "{at_most}{} {} of {:?}",
                gap.count,
                gap.reason.as_str(),
                lost.subscriptions
            )
        }
        other => panic!("{other:?}"),
    }
}

fn expiring(millis: Option<u64>) -> Lifetime {
    Lifetime {
        expires: millis.map(MILLIS),
        ..Lifetime::default()
    }
}

fn event(name: &str, retain: bool, lifetime: Lifetime) -> NewEvent {
    NewEvent {
        name: EventName::parse(name).unwrap(),
        payload: "\"1234567890\"".into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: Some(retain),
        lifetime,
    }
}

#[test]
fn a_page_that_pulls_late_gets_a_gap() {
    let mut world = World::new(Limits::default());
    let main = world.open(1);
    let _ = world.subscribe(main, 1, "*");
    let _ = world.subscribe(main, 2, "brief");
    assert_eq!(world.pull(1, 0), [""; 0]);
    world.emit("brief", None);
    world.emit("brief", Some(5000));
    let kept = world.emit("x", None);
    world.emit("x", Some(400));
    world.pass(MILLIS(499));
    let expected = [
        "1 expired of {1}".to_owned(),
        "1".into(),
        "2".into(),
        kept.to_string(),
    ];
    assert_eq!(world.pull(1, 0), expected);
    // What is on its way comes again, as it was.
    world.pass(MILLIS(9000));
    assert_eq!(world.pull(1, 0), expected);
}

#[test]
fn time_passes_while_the_machine_sleeps() {
    let mut world = World::new(Limits::default());
    let main = world.open(1);
    let _ = world.subscribe(main, 1, "*");
    assert_eq!(world.pull(1, 0), [""; 0]);
    world.emit("brief", None);
    set_steady(steady() + Duration::from_secs(3600));
    assert_eq!(world.pull(1, 0), ["1 expired of {1}"]);
}

#[test]
fn a_starting_page_is_told_what_it_would_have_got() {
    let mut world = World::new(Limits::default());
    for _ in 0..3 {
        world.emit("brief", None);
    }
    let kept = world.emit("x", None);
    let bytes = |world: &World| {
        world.hub.webviews["main"]
            .history
            .as_ref()
            .unwrap()
            .backlog
            .usage()
    };
    let before = bytes(&world);
    world.pass(MILLIS(600));
    let _ = world.hub.expire(world.now);
    // Their payloads are gone, and they count.
    let after = bytes(&world);
    assert!(
        after.0 == before.0 && after.1 < before.1,
        "{before:?} {after:?}"
    );
    let main = world.open(1);
    let _ = world.subscribe(main, 1, "*");
    let _ = world.subscribe(main, 2, "x");
    let _ = world.subscribe(main, 3, "brief");
    let received = world.pull(1, 0);
    assert_eq!(
        received,
        [
            "3 expired of {1}",
            "3 expired of {3}",
            &kept.to_string(),
            &kept.to_string()
        ]
    );
    // The next page is told what this one has not acknowledged, and nothing twice.
    let next = world.open(2);
    let _ = world.subscribe(next, 1, "*");
    assert_eq!(
        world.pull(2, 0),
        ["at most 6 history_full of {1}", &kept.to_string()]
    );
}

#[test]
fn what_the_page_before_had_not_handled_may_expire() {
    let mut world = World::new(Limits::default());
    let main = world.open(1);
    let _ = world.subscribe(main, 1, "*");
    assert_eq!(world.pull(1, 0), [""; 0]);
    let brief = world.emit("brief", None);
    let kept = world.emit("x", None);
    assert_eq!(world.pull(1, 0), [brief.to_string(), kept.to_string()]);
    let _ = world.hub.leave_page("main", Some("app".into()));
    world.pass(MILLIS(600));
    let next = world.open(2);
    let _ = world.subscribe(next, 7, "*");
    assert_eq!(
        world.pull(2, 0),
        ["1 expired of {7}".to_owned(), kept.to_string()]
    );
}

#[test]
fn what_is_lost_for_one_and_kept_for_another() {
    for is_late in [false, true] {
        let mut world = World::new(Limits::default());
        let main = world.open(1);
        let _ = world.subscribe(main, 1, "*");
        assert_eq!(world.pull(1, 0), [""; 0]);
        let (x, brief) = (world.emit("x", None), world.emit("brief", None));
        assert_eq!(world.pull(1, 0), [x.to_string(), brief.to_string()]);
        // It has expired for what the page subscribes to now, and is on its way to the subscription before.
        world.pass(MILLIS(600));
        let _ = world.subscribe(main, 2, "brief");
        if is_late {
            world.pass(MILLIS(600));
        }
        let _ = world.hub.leave_page("main", Some("app".into()));
        let next = world.open(2);
        let _ = world.subscribe(next, 7, "brief");
        assert_eq!(world.pull(2, 0), ["1 expired of {7}"], "{is_late}");
    }
}

#[test]
fn retained_events_expire_in_silence() {
    let mut world = World::new(Limits {
        retained_events: 2,
        ..Limits::default()
    });
    world.emit_as("brief", true, Lifetime::default()).unwrap();
    world.emit_as("x", true, expiring(Some(900))).unwrap();
    assert_eq!(
        world.emit_as("y", true, expiring(None)),
        Err(ErrorCode::QueueFull)
    );
    world.pass(MILLIS(500));
    // There is room again, without the keeper.
    let kept = world.emit_as("y", true, expiring(None)).unwrap();
    world.pass(MILLIS(500));
    let _ = world.hub.expire(world.now);
    assert_eq!(world.hub.overview().retained.events, 1);
    let stream = world.hub.add_stream();
    let pattern = EventPattern::parse("*").unwrap();
    let _ = world
        .hub
        .listen(stream, 0, pattern, HostSubscription::default());
    assert_eq!(read(&mut world, stream), [kept.to_string()]);
}

#[test]
fn what_nobody_consumes_in_time_is_given_up() {
    let mut world = World::new(Limits::default());
    let lifetime = Lifetime {
        until: Some(Until::Consumed),
        ..expiring(Some(300))
    };
    world.emit_as("link", false, lifetime).unwrap();
    let second = world.emit_as("link", false, lifetime).unwrap();
    let main = world.open(1);
    let _ = world.hub.settle(main, second, true);
    world.pass(MILLIS(300));
    let effects = world.subscribe(main, 1, "link");
    let given_up: Vec<(u32, bool)> = effects
        .abandoned
        .iter()
        .map(|own| (own.deliveries, own.has_expired))
        .collect();
    assert_eq!(given_up, [(0, true), (0, true)]);
    assert_eq!(world.pull(1, 0), [""; 0]);
    assert_eq!(world.hub.overview().unconsumed.events, 0);
}

fn read(world: &mut World, consumer: SubscriberKey) -> Vec<String> {
    let mut all = Vec::new();
    let mut entries = Vec::new();
    loop {
        world.hub.take_waiting(consumer, &mut entries).wake();
        if entries.is_empty() {
            return all;
        }
        all.extend(entries.drain(..).map(|entry| describe(&entry.into())));
    }
}

#[test]
fn host_listeners_take_one_at_a_time_that_may_expire() {
    let mut world = World::new(Limits::default());
    let listeners = world.hub.add_listeners();
    let pattern = EventPattern::parse("*").unwrap();
    let _ = world
        .hub
        .listen(listeners, 1, pattern, HostSubscription::default());
    for name in ["x", "brief", "x"] {
        world.emit(name, None);
    }
    let mut entries: Vec<QueueEntry> = Vec::new();
    world.hub.take_waiting(listeners, &mut entries).wake();
    assert_eq!(entries.len(), 1);
    world.pass(MILLIS(500));
    assert_eq!(read(&mut world, listeners), ["1 expired of {1}", "3"]);
}

/// Counts how often it is woken.
struct Woken(std::sync::atomic::AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn an_emit_that_waits_gets_the_room() {
    let mut world = World::new(Limits {
        queue_events: 1,
        ..Limits::default()
    });
    let main = world.open(1);
    let _ = world.subscribe(main, 1, "order");
    assert_eq!(world.pull(1, 0), [""; 0]);
    world.emit("order", Some(50));
    let woken = Arc::new(Woken(0.into()));
    let now = world.now;
    let attempt = |world: &mut World, ticket| {
        let order = event("order", false, Lifetime::default());
        let waker = Waker::from(Arc::clone(&woken));
        let audience = Audience::default();
        let (attempt, effects) = world
            .hub
            .enqueue_or_wait(order, &audience, ticket, waker, || now);
        assert!(effects.wakers.is_empty());
        attempt
    };
    let Attempt::Waits(waits) = attempt(&mut world, None) else {
        panic!("the queue is full");
    };
    let (_, next) = world.hub.expire(world.now);
    let due = next.unwrap().duration_since(world.now);
    assert!(due <= MILLIS(100), "{due:?}");
    world.pass(due);
    let (effects, _) = world.hub.expire(world.now);
    for waker in effects.wakers {
        waker.wake();
    }
    assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), 1);
    let attempt = attempt(&mut world, Some(waits.ticket));
    assert!(matches!(attempt, Attempt::Accepted(_)), "{attempt:?}");
    assert_eq!(world.pull(1, 0), ["1 expired of {1}", "2"]);
}

#[test]
fn what_has_expired_gives_way_first() {
    let mut world = World::new(Limits {
        queue_events: 2,
        ..Limits::default()
    });
    let main = world.open(1);
    let _ = world.subscribe(main, 1, "*");
    assert_eq!(world.pull(1, 0), [""; 0]);
    let kept = world.emit("x", None);
    world.emit("brief", None);
    world.pass(MILLIS(500));
    let order = world.emit("order", None);
    // Nothing else has expired, so the oldest is dropped after all.
    let last = world.emit("x", None);
    assert_eq!(
        world.pull(1, 0),
        [
            "1 queue_full of {1}".to_owned(),
            "1 expired of {1}".into(),
            order.to_string(),
            last.to_string()
        ]
    );
    assert!(kept < order);
    assert_eq!(GapReason::Expired.as_str(), "expired");
}
