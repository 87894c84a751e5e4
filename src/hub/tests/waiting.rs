use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Instant;

use super::session_id;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::{
    Address, Attempt, Audience, Effects, Hub, NewEvent, QueueOwner, SubscriptionRequest, Ticket,
};
use crate::limits::Limits;
use crate::model::delivery::HostSubscription;
use crate::model::endpoint::Endpoint;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::model::target::Target;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An emit that waits, or has ended.
struct Emit {
    name: &'static str,
    bytes: usize,
    to: Option<Target>,
    ticket: Option<Ticket>,
    woken: Arc<Count>,
}

impl Emit {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            bytes: 0,
            to: None,
            ticket: None,
            woken: Arc::default(),
        }
    }

    /// Tries again. Returns whether it is accepted.
    fn poll(&mut self, hub: &mut Hub<char>) -> bool {
        let audience = Audience {
            to: self.to.clone().map(|to| Address::of(to).unwrap()),
            ..Audience::default()
        };
        let waker = Waker::from(Arc::clone(&self.woken));
        let (attempt, effects) = hub.enqueue_or_wait(
            large(self.name, self.bytes),
            &audience,
            self.ticket,
            waker,
            Instant::now,
        );
        wake(effects);
        match attempt {
            Attempt::Accepted(_) => {
                self.ticket = None;
                true
            }
            Attempt::Waits(waits) => {
                self.ticket = Some(waits.ticket);
                false
            }
            Attempt::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    fn to(self, target: Target) -> Self {
        Self {
            to: Some(target),
            ..self
        }
    }

    fn wakes(&self) -> usize {
        self.woken.0.load(Ordering::Relaxed)
    }
}

fn wake(effects: Effects<char>) {
    for waker in effects.wakers {
        waker.wake();
    }
}

fn event(name: &str) -> NewEvent {
    large(name, 0)
}

fn large(name: &str, bytes: usize) -> NewEvent {
    NewEvent {
        name: EventName::parse(name).unwrap(),
        payload: format!("\"{}\"", "x".repeat(bytes)).into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: None,
        lifetime: Lifetime::default(),
    }
}

/// A hub in which every queue takes one event, and every name is never dropped.
fn hub() -> Hub<char> {
    let limits = Limits {
        queue_events: 1,
        ..Limits::default()
    };
    let mut policies = Policies::default();
    policies.add("*", Policy::new().reject()).unwrap();
    Hub::new(limits, policies)
}

/// A stream of these patterns.
fn stream(hub: &mut Hub<char>, patterns: &[&str]) -> SubscriberKey {
    let key = hub.add_stream();
    for (id, pattern) in (0..).zip(patterns) {
        let pattern = EventPattern::parse(pattern).unwrap();
        wake(hub.listen(key, id, pattern, HostSubscription::default()));
    }
    key
}

fn read(hub: &mut Hub<char>, key: SubscriberKey) -> bool {
    let (read, wakers) = hub.poll_consumer(key, Waker::noop().clone());
    wakers.wake();
    read.is_ready()
}

#[test]
fn the_first_of_a_line_is_woken_and_goes_first() {
    let mut hub = hub();
    let key = stream(&mut hub, &["*"]);
    let mut emits = ["a", "b", "c", "d"].map(Emit::new);
    assert!(emits[0].poll(&mut hub));
    for emit in &mut emits[1..] {
        assert!(!emit.poll(&mut hub));
    }
    assert!(read(&mut hub, key));
    assert_eq!(emits.each_ref().map(Emit::wakes), [0, 1, 0, 0]);
    // Neither one behind it nor a new one goes ahead of it, though there is room.
    assert!(!emits[2].poll(&mut hub));
    assert!(!Emit::new("e").poll(&mut hub));
    assert!(emits[1].poll(&mut hub));
    assert_eq!(emits[2].wakes(), 1);
    assert!(!emits[2].poll(&mut hub), "its queue is full again");
    assert_eq!(hub.waiting_emits(), 3);
}

#[test]
fn one_that_gives_up_lets_the_next_one_through() {
    let mut hub = hub();
    let key = stream(&mut hub, &["*"]);
    let mut emits = ["a", "b", "c"].map(Emit::new);
    assert!(emits[0].poll(&mut hub));
    assert!(!emits[1].poll(&mut hub) && !emits[2].poll(&mut hub));
    assert!(read(&mut hub, key));
    wake(hub.stop_waiting(emits[1].ticket.unwrap()));
    assert_eq!(emits[2].wakes(), 1);
    assert!(emits[2].poll(&mut hub));
    assert_eq!(hub.waiting_emits(), 0);
}

#[test]
fn one_that_moves_to_another_line_keeps_its_rank() {
    let mut hub = hub();
    let (all, some) = (stream(&mut hub, &["*"]), stream(&mut hub, &["both", "b"]));
    let mut both = Emit::new("both");
    let mut later = Emit::new("b");
    assert!(Emit::new("b").poll(&mut hub), "both queues are full now");
    assert!(!both.poll(&mut hub));
    assert!(!later.poll(&mut hub));
    assert!(read(&mut hub, all));
    assert_eq!(both.wakes(), 1);
    // It waits for the other queue now, ahead of the later one.
    assert!(!both.poll(&mut hub));
    assert_eq!(later.wakes(), 1);
    assert!(!later.poll(&mut hub));
    assert!(read(&mut hub, some));
    assert!(!later.poll(&mut hub));
    assert!(both.poll(&mut hub));
    assert!(!later.poll(&mut hub));
    assert!(read(&mut hub, all) && read(&mut hub, some));
    assert!(later.poll(&mut hub));
    assert_eq!(hub.waiting_emits(), 0);
}

#[test]
fn the_end_of_a_queue_releases_its_line_in_order() {
    let mut hub = hub();
    let key = stream(&mut hub, &["*"]);
    let mut emits = ["a", "b", "b"].map(Emit::new);
    assert!(Emit::new("a").poll(&mut hub));
    for emit in &mut emits {
        assert!(!emit.poll(&mut hub));
    }
    let (removed, effects) = hub.remove_consumer(key);
    assert!(removed.is_some());
    wake(effects);
    assert_eq!(emits.each_ref().map(Emit::wakes), [1, 0, 0]);
    let mut new = Emit::new("b");
    assert!(!emits[2].poll(&mut hub) && !new.poll(&mut hub));
    assert!(Emit::new("other").poll(&mut hub), "it waits for nobody");
    for emit in &mut emits {
        assert!(emit.poll(&mut hub));
    }
    assert_eq!(new.wakes(), 1);
    assert!(new.poll(&mut hub));
    assert_eq!(hub.waiting_emits(), 0);
}

#[test]
fn an_ended_subscription_releases_its_names() {
    let mut hub = hub();
    let key = stream(&mut hub, &["a", "b"]);
    let (mut a, mut b) = (Emit::new("a"), Emit::new("b"));
    assert!(Emit::new("a").poll(&mut hub));
    assert!(!a.poll(&mut hub) && !b.poll(&mut hub));
    // The second one of the line, whose queue stays full.
    wake(hub.unlisten(key, 1));
    assert_eq!(b.wakes(), 1);
    assert!(!a.poll(&mut hub));
    assert!(b.poll(&mut hub));
    assert_eq!(hub.waiting_emits(), 1);
}

fn request(id: SubscriptionId, pattern: &str) -> SubscriptionRequest {
    SubscriptionRequest {
        id,
        pattern: EventPattern::parse(pattern).unwrap(),
        scope: None,
        target: None,
        wants_replayed: false,
        wants_retained: true,
        wants_latest: false,
        watches: None,
        resume: None,
    }
}

/// A page in this webview that listens to this pattern and never pulls.
fn page(hub: &mut Hub<char>, label: &str, pattern: &str) -> SubscriberKey {
    let now = Instant::now();
    let (opened, effects) = hub.open_session(label, session_id(1), None, now);
    wake(effects);
    let key = opened.unwrap();
    let (results, effects) = hub.subscribe(key, vec![request(1, pattern)], now);
    assert!(results[0].is_ok());
    wake(effects);
    key
}

#[test]
fn a_page_that_moves_releases_its_old_window() {
    for is_announced_again in [false, true] {
        let mut hub = hub();
        for label in ["left", "right"] {
            let _ = hub.announce(label, "multi");
        }
        page(&mut hub, "left", "*");
        let mut to_window = Emit::new("a").to(Target::window("multi"));
        let mut to_page = Emit::new("b").to(Target::webview("left"));
        let mut to_all = Emit::new("c");
        assert!(Emit::new("a").poll(&mut hub), "its queue is full now");
        for emit in [&mut to_page, &mut to_window, &mut to_all] {
            assert!(!emit.poll(&mut hub));
        }
        wake(match is_announced_again {
            true => hub.announce("left", "main"),
            false => hub.note_window("left", "main"),
        });
        assert_eq!((to_window.wakes(), to_all.wakes()), (1, 0));
        assert!(to_window.poll(&mut hub));
        assert!(!to_page.poll(&mut hub) && !to_all.poll(&mut hub));
        assert_eq!(hub.waiting_emits(), 2);
    }
}

/// What is retained for a new subscription may drop a larger event of a full queue.
#[test]
fn a_subscription_that_makes_room_wakes_the_first() {
    let limits = Limits {
        queue_bytes: 10_000,
        ..Limits::default()
    };
    let mut policies = Policies::default();
    policies.add("reject", Policy::new().reject()).unwrap();
    let mut hub: Hub<char> = Hub::new(limits, policies);
    let _ = hub.announce("main", "main");
    let emit_large = |hub: &mut Hub<char>, name, bytes, is_retained| {
        let event = NewEvent {
            retain: Some(is_retained),
            lifetime: Lifetime::default(),
            ..large(name, bytes)
        };
        hub.enqueue(event, &Audience::default(), Instant::now)
            .unwrap();
    };
    emit_large(&mut hub, "kept", 5000, true);
    let key = page(&mut hub, "main", "[rl]*");
    emit_large(&mut hub, "large", 8000, false);
    let mut reject = Emit {
        bytes: 4000,
        ..Emit::new("reject")
    };
    assert!(!reject.poll(&mut hub));
    let (results, effects) = hub.subscribe(key, vec![request(2, "kept")], Instant::now());
    assert!(results[0].is_ok());
    wake(effects);
    assert_eq!(reject.wakes(), 1);
    assert!(reject.poll(&mut hub));
}

#[test]
fn the_end_of_the_app_wakes_all() {
    let mut hub = hub();
    stream(&mut hub, &["*"]);
    let mut emits = ["a", "b", "c"].map(Emit::new);
    assert!(emits[0].poll(&mut hub));
    assert!(!emits[1].poll(&mut hub) && !emits[2].poll(&mut hub));
    wake(hub.shut_down());
    assert_eq!(emits.each_ref().map(Emit::wakes), [0, 1, 1]);
    for emit in &emits[1..] {
        let waker = Waker::noop().clone();
        let (attempt, effects) = hub.enqueue_or_wait(
            event(emit.name),
            &Audience::default(),
            emit.ticket,
            waker,
            Instant::now,
        );
        assert!(matches!(attempt, Attempt::Refused(_)), "{attempt:?}");
        wake(effects);
    }
    assert_eq!(hub.waiting_emits(), 0);
}

#[test]
fn the_owner_of_the_full_queue_is_told() {
    for is_stream in [true, false] {
        let mut hub = hub();
        let (key, owner) = match is_stream {
            true => {
                let key = hub.add_stream();
                (key, QueueOwner::Stream(key))
            }
            false => {
                let key = hub.add_listeners();
                (key, QueueOwner::Listeners(key))
            }
        };
        let all = EventPattern::parse("*").unwrap();
        wake(hub.listen(key, 0, all, HostSubscription::default()));
        assert!(Emit::new("a").poll(&mut hub));
        let wait = |hub: &mut Hub<char>| {
            let (attempt, effects) = hub.enqueue_or_wait(
                event("a"),
                &Audience::default(),
                None,
                Waker::noop().clone(),
                Instant::now,
            );
            wake(effects);
            let Attempt::Waits(waits) = attempt else {
                panic!("{attempt:?}");
            };
            waits.queue
        };
        assert_eq!(wait(&mut hub), Some(owner));
        // There is room, and an older one goes first, which may need more.
        hub.consumers.get_mut(&key).unwrap().queue.pop();
        assert_eq!(wait(&mut hub), Some(owner));
    }
}
