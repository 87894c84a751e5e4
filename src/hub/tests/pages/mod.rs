//! Whether pages are there, who is told, and what they leave behind.

mod members;
mod random;
mod random_wills;
mod told;
mod wills;

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::session_id;
use crate::hub::ids::SubscriberKey;
use crate::hub::outbox::{BatchBound, Item};
use crate::hub::pages::SHOWN_AFTER;
use crate::hub::queue::QueueEntry;
use crate::hub::{
    Audience, Command, Hub, NewEvent, Pull, Resumption, SESSION_LEASE, SubscriptionRequest,
    WaitTicket,
};
use crate::limits::Limits;
use crate::model::delivery::HostSubscription;
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::page::PageState;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::permissions::{ScopeEntry, WatchScope};

const GRACE: Duration = Duration::from_secs(5);
const ORIGIN: &str = "app://localhost";

struct World {
    hub: Hub<char>,
    host: SubscriberKey,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self::with(Policies::default())
    }

    fn with(policies: Policies) -> Self {
        Self::of(Limits::default(), policies)
    }

    fn limited(limits: Limits) -> Self {
        Self::of(limits, Policies::default())
    }

    /// A bus with two webviews, whose host listens to everything about pages.
    fn of(limits: Limits, policies: Policies) -> Self {
        let mut hub = Hub::new(limits, policies);
        for label in ["main", "other"] {
            let _ = hub.announce(label, "window");
        }
        let host = hub.add_listeners();
        let pattern = EventPattern::parse("event-bus:*").unwrap();
        let _ = hub.listen(host, 1, pattern, HostSubscription::default());
        Self {
            hub,
            host,
            now: Instant::now(),
        }
    }

    fn open(&mut self, label: &str, session: u64) -> SubscriberKey {
        let command = Command {
            name: "subscribe",
            session: session_id(session),
            n: 1,
            origin: Some(ORIGIN.into()),
        };
        let (_, key, _) = self.hub.begin_command(label, command, 'c', self.now);
        let key = key.unwrap();
        let _ = self.hub.finish_command(key, 1, Ok("null".into()));
        key
    }

    fn subscribe(&mut self, key: SubscriberKey, pattern: &str, watches: &[Value]) {
        self.subscribe_again(key, pattern, watches, None);
    }

    fn subscribe_again(
        &mut self,
        key: SubscriberKey,
        pattern: &str,
        watches: &[Value],
        resume: Option<Resumption>,
    ) {
        let watches = (!watches.is_empty()).then(|| {
            let entries: Vec<_> = watches.iter().map(ScopeEntry::read).map(Arc::new).collect();
            Arc::new(WatchScope::new(&entries, &[]))
        });
        let request = SubscriptionRequest {
            id: 1,
            pattern: EventPattern::parse(pattern).unwrap(),
            scope: None,
            target: None,
            wants_replayed: true,
            wants_retained: true,
            wants_latest: false,
            watches,
            resume,
        };
        let (results, _) = self.hub.subscribe(key, vec![request], self.now);
        assert!(results[0].is_ok());
    }

    /// Pulls, and returns what the page receives, in words.
    fn pull(&mut self, label: &str, session: u64, ack: u64) -> Vec<String> {
        let effects = self
            .hub
            .pull(label, pull(session, ack), 'p', self.now)
            .unwrap();
        let batches = effects.batches.iter();
        let items = batches.flat_map(|(_, batch)| batch.items());
        items
            .map(|item| match item {
                Item::Event(queued) => words(&queued.event),
                Item::Lost(lost) => format!("gap of {}", lost.gap.count),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// Pulls, and returns the payload of each event, and nothing for a gap.
    fn payloads_and_gaps(&mut self, label: &str, session: u64, ack: u64) -> Vec<Option<Value>> {
        let effects = self
            .hub
            .pull(label, pull(session, ack), 'p', self.now)
            .unwrap();
        let batches = effects.batches.iter();
        let items = batches.flat_map(|(_, batch)| batch.items());
        items
            .map(|item| match item {
                Item::Event(queued) => serde_json::from_str(queued.event.payload_json()).ok(),
                _ => None,
            })
            .collect()
    }

    /// A page that listens to something, and is ready.
    fn ready(&mut self, label: &str, session: u64) -> SubscriberKey {
        let key = self.open(label, session);
        self.subscribe(key, "x", &[]);
        self.pull(label, session, 0);
        key
    }

    fn emit(&mut self, name: &str) {
        let event = NewEvent {
            name: EventName::parse(name).unwrap(),
            payload: "1".into(),
            source: Endpoint::Host,
            tick: None,
            provenance: None,
            retain: None,
            lifetime: Lifetime::default(),
        };
        let now = self.now;
        let enqueued = self.hub.enqueue(event, &Audience::default(), || now);
        assert!(enqueued.is_ok());
    }

    fn pass(&mut self, time: Duration) -> Option<Instant> {
        self.now += time;
        self.hub.expire(self.now).1
    }

    fn leave(&mut self, label: &str, origin: &str) {
        assert!(self.hub.leave_page(label, Some(origin.into())).rearm);
        self.pass(Duration::ZERO);
    }

    /// What the host was told.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let waker = Waker::noop().clone();
            match self.hub.poll_consumer(self.host, waker).0 {
                Poll::Ready(Some(QueueEntry::Event(queued))) => told.push(words(&queued.event)),
                Poll::Ready(other) => panic!("{other:?}"),
                Poll::Pending => return told,
            }
        }
    }

    fn states(&self) -> Vec<(String, PageState)> {
        let pages = self.hub.pages().into_iter();
        pages.map(|page| (page.label, page.state)).collect()
    }

    fn wait(
        &mut self,
        label: &str,
        ticket: &mut Option<WaitTicket>,
    ) -> Poll<Result<(), ErrorCode>> {
        let polled = self.hub.poll_ready(label, ticket, Waker::noop().clone());
        polled.0.map(|end| end.map_err(|error| error.code()))
    }
}

fn pull(session: u64, ack: u64) -> Pull {
    Pull {
        session: session_id(session),
        ack,
        is_ahead: false,
        is_prompt: true,
        can_be_called: false,
        bound: BatchBound {
            events: 64,
            bytes: 1 << 20,
        },
    }
}

fn words(event: &crate::model::event::BusEvent) -> String {
    let payload: Value = serde_json::from_str(event.payload_json()).unwrap();
    let name = event.name().trim_start_matches("event-bus:page-");
    let reason = payload["reason"].as_str();
    match payload["label"].as_str() {
        Some(label) => format!("{label} {name} {}", reason.unwrap_or_default()),
        None => name.to_owned(),
    }
    .trim_end()
    .to_owned()
}

#[test]
fn a_page_is_opened_by_its_first_pull() {
    let mut world = World::new();
    let key = world.open("main", 1);
    world.subscribe(key, "x", &[]);
    assert_eq!((world.told(), world.states()), (vec![], vec![]));
    world.pull("main", 1, 0);
    // Nothing waited for it.
    assert_eq!(world.told(), ["main opened", "main ready"]);
    assert_eq!(world.states(), [("main".to_owned(), PageState::Ready)]);
}

#[test]
fn a_page_that_does_not_pull_is_opened_later() {
    let mut world = World::new();
    let key = world.open("main", 1);
    let due = world.pass(SHOWN_AFTER - Duration::from_millis(1));
    assert_eq!(due, Some(world.now + Duration::from_millis(1)));
    assert!(world.told().is_empty());
    world.pass(Duration::from_millis(1));
    assert_eq!(world.told(), ["main opened"]);
    // It has no subscription, and says so itself.
    let (noted, _) = world.hub.note_readiness(key, true, world.now);
    assert!(noted.is_ok());
    assert_eq!(world.told(), ["main ready"]);
}

#[test]
fn a_page_that_was_left_before_leaves_no_trace() {
    let mut world = World::new();
    world.open("main", 1);
    let _ = world.hub.leave_page("main", Some(ORIGIN.into()));
    world.pass(SHOWN_AFTER);
    world.pass(GRACE);
    assert_eq!((world.told(), world.states()), (vec![], vec![]));
}

#[test]
fn a_page_is_ready_once_it_has_handled_what_waited() {
    let mut world = World::new();
    for _ in 0..3 {
        world.emit("x");
    }
    let key = world.open("main", 1);
    world.subscribe(key, "x", &[]);
    assert_eq!(world.pull("main", 1, 0), ["x"; 3]);
    assert_eq!(world.told(), ["main opened"]);
    // What comes later does not count.
    world.emit("x");
    world.pull("main", 1, 2);
    assert!(world.told().is_empty());
    world.pull("main", 1, 3);
    // It had been given the next one by then.
    world.pull("main", 1, 4);
    assert_eq!(world.told(), ["main ready"]);
}

#[test]
fn a_page_may_say_itself_when_it_is_ready() {
    let mut world = World::new();
    let key = world.open("main", 1);
    assert!(world.hub.note_readiness(key, false, world.now).0.is_ok());
    world.subscribe(key, "x", &[]);
    world.pull("main", 1, 0);
    world.pull("main", 1, 0);
    assert_eq!(world.told(), ["main opened"]);
    assert!(world.hub.note_readiness(key, true, world.now).0.is_ok());
    assert!(world.hub.note_readiness(key, true, world.now).0.is_ok());
    assert_eq!(world.told(), ["main ready"]);
    let (late, _) = world.hub.note_readiness(key, false, world.now);
    let error = late.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("deferReady()"), "{error}");
}

#[test]
fn a_page_that_reloads_is_away_for_a_grace() {
    let mut world = World::new();
    world.ready("main", 1);
    world.told();
    world.leave("main", ORIGIN);
    assert_eq!(world.states(), [("main".to_owned(), PageState::Away)]);
    world.pass(GRACE - Duration::from_millis(1));
    world.ready("main", 2);
    assert_eq!(world.told(), ["main reloaded", "main ready"]);
    world.pass(GRACE);
    assert!(world.told().is_empty());
}

#[test]
fn a_page_that_does_not_come_back_is_closed() {
    let mut world = World::new();
    world.ready("main", 1);
    world.told();
    world.leave("main", ORIGIN);
    let due = world.pass(GRACE - Duration::from_millis(1));
    assert_eq!(due, Some(world.now + Duration::from_millis(1)));
    assert!(world.told().is_empty());
    world.pass(Duration::from_millis(1));
    assert_eq!(world.told(), ["main closed navigated"]);
    assert!(world.states().is_empty());
    // A page that comes later is another one.
    world.ready("main", 2);
    assert_eq!(world.told(), ["main opened", "main ready"]);
}

#[test]
fn a_page_of_another_origin_closes_the_one_before() {
    let mut world = World::new();
    world.ready("main", 1);
    world.told();
    world.leave("main", "https://example.org");
    assert_eq!(world.told(), ["main closed navigated"]);
}

#[test]
fn a_closed_webview_has_no_page_at_once() {
    let mut world = World::new();
    world.ready("main", 1);
    let (_, effects) = world.hub.remove_window("window");
    assert!(effects.rearm);
    world.told();
    // A new webview of its label does not overtake it.
    let _ = world.hub.announce("main", "window");
    world.ready("main", 2);
    assert_eq!(
        world.told(),
        ["main closed closed", "main opened", "main ready"]
    );
}

#[test]
fn a_crash_is_told_unless_the_page_comes_back() {
    let mut world = World::new();
    world.ready("main", 1);
    assert!(world.hub.note_crash("main").rearm);
    world.pass(Duration::ZERO);
    // The platform loads it again, and nothing comes of that.
    let _ = world.hub.leave_page("main", Some(ORIGIN.into()));
    world.told();
    world.pass(GRACE);
    assert_eq!(world.told(), ["main closed crashed"]);
}

#[test]
fn a_silent_page_is_closed_after_lease_and_grace() {
    let mut world = World::new();
    world.ready("main", 1);
    world.told();
    world.pass(SESSION_LEASE);
    assert_eq!(world.states(), [("main".to_owned(), PageState::Away)]);
    assert!(world.told().is_empty());
    world.pass(GRACE);
    assert_eq!(world.told(), ["main closed silent"]);
}

/// Where a page goes on that had this session.
fn resume(session: u64, seq: u64) -> Option<Resumption> {
    Some(Resumption {
        session: session_id(session),
        after: seq,
        handled: seq,
        index: 0,
    })
}

#[test]
fn a_renewed_page_was_never_away() {
    let mut world = World::new();
    world.ready("main", 1);
    world.told();
    world.pass(SESSION_LEASE);
    let seq = world.hub.seq;
    let mut ticket = None;
    assert_eq!(world.wait("main", &mut ticket), Poll::Pending);
    // The first session after it is lost, too, before it shows that its page is there.
    for session in [2, 3] {
        let key = world.open("main", session);
        world.subscribe_again(key, "x", &[], resume(1, seq));
    }
    world.pull("main", 3, 0);
    assert_eq!(world.states(), [("main".to_owned(), PageState::Ready)]);
    // Who has waited for it meanwhile goes on.
    assert_eq!(world.wait("main", &mut ticket), Poll::Ready(Ok(())));
    world.pass(GRACE);
    assert_eq!(world.told(), ["main ready"]);
}

#[test]
fn a_session_that_continues_another_page_is_a_reload() {
    let mut world = World::new();
    world.ready("main", 1);
    world.leave("main", ORIGIN);
    world.ready("main", 2);
    world.leave("main", ORIGIN);
    world.told();
    // As a page that comes back out of a cache.
    let seq = world.hub.seq;
    let key = world.open("main", 3);
    world.subscribe_again(key, "x", &[], resume(1, seq));
    world.pull("main", 3, 0);
    assert_eq!(world.told(), ["main reloaded", "main ready"]);
}
