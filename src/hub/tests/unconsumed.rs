//! Events that are kept until one subscription has handled them.

use std::time::{Duration, Instant};

use super::session_id;
use crate::hub::ids::SubscriberKey;
use crate::hub::outbox::{BatchBound, Item};
use crate::hub::{
    Address, Audience, Command, Hub, NewEvent, Pull, Resumption, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode};
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::{Policy, Until};
use crate::model::target::Target;

const LIMITS: fn() -> Limits = || Limits {
    retained_events: 3,
    ..Limits::default()
};

/// A hub with two webviews, where events are kept until they are consumed.
fn hub() -> Hub<char> {
    hub_with(LIMITS())
}

fn hub_with(limits: Limits) -> Hub<char> {
    let mut policies = Policies::default();
    let policy = Policy::new().until(Until::Consumed).max_deliveries(2);
    policies.add("link", policy).unwrap();
    let mut hub = Hub::new(limits, policies);
    for label in ["main", "other"] {
        let _ = hub.announce(label, label);
    }
    hub
}

fn try_emit(hub: &mut Hub<char>, to: Option<&str>, retain: Option<bool>) -> Result<u64, Error> {
    let event = NewEvent {
        name: EventName::parse("link").unwrap(),
        payload: "1".into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain,
        lifetime: Lifetime::default(),
    };
    let audience = Audience {
        to: to.map(|label| Address::of(Target::from(label)).unwrap()),
        ..Audience::default()
    };
    let now = Instant::now();
    let enqueued = hub.enqueue(event, &audience, || now);
    enqueued
        .map(|(receipt, _)| receipt.seq)
        .map_err(Error::from)
}

fn emit(hub: &mut Hub<char>) -> u64 {
    try_emit(hub, None, None).unwrap()
}

/// Opens the next page of a webview.
fn open(hub: &mut Hub<char>, label: &str, session: u64) -> SubscriberKey {
    open_at(hub, label, session, Instant::now())
}

fn open_at(hub: &mut Hub<char>, label: &str, session: u64, now: Instant) -> SubscriberKey {
    let command = Command {
        name: "subscribe",
        session: session_id(session),
        n: 1,
        origin: Some("app".into()),
    };
    let (_, key, _) = hub.begin_command(label, command, 'c', now);
    key.unwrap()
}

fn listen(hub: &mut Hub<char>, key: SubscriberKey, id: u32, resume: Option<Resumption>) {
    let request = SubscriptionRequest {
        id,
        pattern: EventPattern::parse("link").unwrap(),
        scope: None,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        wants_latest: false,
        watches: None,
        resume,
    };
    let (results, _) = hub.subscribe(key, vec![request], Instant::now());
    results[0].as_ref().unwrap();
}

/// The numbers of what a page receives, and whether each was delivered before.
fn pull(hub: &mut Hub<char>, label: &str, session: u64, ack: u64) -> Vec<(u64, bool)> {
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
    let effects = hub.pull(label, pull, 'p', Instant::now()).unwrap();
    let batches = effects.batches.iter();
    let items = batches.flat_map(|(_, batch)| batch.items());
    items
        .filter_map(|item| match item {
            Item::Event(queued) => {
                let mark = queued.event.mark();
                assert!(mark.until_consumed);
                Some((queued.event.seq(), mark.redelivered))
            }
            Item::Lost(_) => None,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn kept(hub: &Hub<char>) -> usize {
    hub.overview().unconsumed.events
}

#[test]
fn a_late_subscription_gets_it_once() {
    let mut hub = hub();
    let seq = emit(&mut hub);
    let main = open(&mut hub, "main", 1);
    listen(&mut hub, main, 1, None);
    assert_eq!(pull(&mut hub, "main", 1, 0), [(seq, false)]);
    assert_eq!(kept(&hub), 1);
    let _ = hub.settle(main, seq, true);
    assert_eq!(kept(&hub), 0);
    // A remount, and the next page.
    listen(&mut hub, main, 2, None);
    let next = open(&mut hub, "main", 2);
    listen(&mut hub, next, 1, None);
    assert_eq!(pull(&mut hub, "main", 2, 0), []);
}

#[test]
fn live_subscriptions_all_get_it() {
    let mut hub = hub();
    let (main, other) = (open(&mut hub, "main", 1), open(&mut hub, "other", 2));
    listen(&mut hub, main, 1, None);
    listen(&mut hub, other, 1, None);
    let seq = emit(&mut hub);
    assert_eq!(pull(&mut hub, "main", 1, 0), [(seq, false)]);
    let _ = hub.settle(main, seq, true);
    assert_eq!(pull(&mut hub, "other", 2, 0), [(seq, false)]);
    assert_eq!(kept(&hub), 0);
    let effects = hub.settle(other, seq, false);
    assert!(effects.abandoned.is_empty());
}

#[test]
fn a_page_that_dies_leaves_it_to_the_next_one() {
    let mut hub = hub();
    let main = open(&mut hub, "main", 1);
    listen(&mut hub, main, 1, None);
    let seq = emit(&mut hub);
    assert_eq!(pull(&mut hub, "main", 1, 0), [(seq, false)]);
    let next = open(&mut hub, "main", 2);
    listen(&mut hub, next, 1, None);
    assert_eq!(pull(&mut hub, "main", 2, 0), [(seq, true)]);
    // It was delivered as often as it may be.
    let last = open(&mut hub, "main", 3);
    let request = SubscriptionRequest {
        id: 1,
        pattern: EventPattern::parse("*").unwrap(),
        scope: None,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        wants_latest: false,
        watches: None,
        resume: None,
    };
    let (_, effects) = hub.subscribe(last, vec![request], Instant::now());
    let abandoned = effects.abandoned.iter();
    let abandoned: Vec<_> = abandoned
        .map(|given_up| (given_up.name.as_str(), given_up.deliveries))
        .collect();
    assert_eq!(abandoned, [("link", 2)]);
    assert_eq!(kept(&hub), 0);
}

#[test]
fn a_page_may_tell_late_that_it_has_handled_it() {
    let mut hub = hub();
    let main = open(&mut hub, "main", 1);
    listen(&mut hub, main, 1, None);
    let seq = emit(&mut hub);
    assert_eq!(pull(&mut hub, "main", 1, 0), [(seq, false)]);
    let _ = hub.leave_page("main", Some("app".into()));
    let command = Command {
        name: "settle",
        session: session_id(1),
        n: 2,
        origin: Some("app".into()),
    };
    let (_, page, _) = hub.begin_command("main", command, 'c', Instant::now());
    let _ = hub.settle(page.unwrap(), seq, true);
    let next = open(&mut hub, "main", 2);
    listen(&mut hub, next, 1, None);
    assert_eq!(pull(&mut hub, "main", 2, 0), []);
}

#[test]
fn a_failure_keeps_it_up_to_the_limit() {
    let mut hub = hub();
    let main = open(&mut hub, "main", 1);
    let seq = emit(&mut hub);
    listen(&mut hub, main, 1, None);
    assert!(hub.settle(main, seq, false).abandoned.is_empty());
    assert_eq!(kept(&hub), 1);
    listen(&mut hub, main, 2, None);
    assert_eq!(hub.settle(main, seq, false).abandoned.len(), 1);
    assert_eq!(kept(&hub), 0);
}

#[test]
fn only_those_that_received_it_may_tell() {
    let mut hub = hub();
    let (main, other) = (open(&mut hub, "main", 1), open(&mut hub, "other", 2));
    let seq = try_emit(&mut hub, Some("main"), None).unwrap();
    listen(&mut hub, other, 1, None);
    for key in [main, other] {
        let _ = hub.settle(key, seq, true);
        assert_eq!(kept(&hub), 1);
    }
    listen(&mut hub, main, 1, None);
    let _ = hub.settle(main, seq, true);
    assert_eq!(kept(&hub), 0);
}

#[test]
fn only_a_page_that_received_it_is_continued() {
    let mut hub = hub();
    let (main, other) = (open(&mut hub, "main", 1), open(&mut hub, "other", 2));
    listen(&mut hub, main, 1, None);
    let seq = emit(&mut hub);
    // Neither the session of another webview nor one that never was.
    for session in [1, 99] {
        let resume = Resumption {
            session: session_id(session),
            after: seq,
            handled: u64::MAX,
            index: 0,
        };
        listen(&mut hub, other, session as u32, Some(resume));
        let _ = hub.settle(other, seq, true);
        assert_eq!(kept(&hub), 1);
    }
    let _ = hub.settle(main, seq, true);
    assert_eq!(kept(&hub), 0);
}

#[test]
fn receivers_that_have_ended_are_forgotten() {
    let mut hub = hub();
    let mut main = open(&mut hub, "main", 1);
    listen(&mut hub, main, 1, None);
    let seq = emit(&mut hub);
    let mut now = Instant::now();
    for session in 2..500 {
        now += Duration::from_secs(1);
        main = open_at(&mut hub, "main", session, now);
        let resume = Resumption {
            session: session_id(session - 1),
            after: seq,
            handled: seq,
            index: 1,
        };
        listen(&mut hub, main, 1, Some(resume));
    }
    assert!(hub.unconsumed.receivers(seq) < 100);
    let _ = hub.settle(main, seq, true);
    assert_eq!(kept(&hub), 0);
}

#[test]
fn a_renewed_session_goes_on_where_it_was() {
    let mut hub = hub();
    let main = open(&mut hub, "main", 1);
    listen(&mut hub, main, 7, None);
    let (first, second) = (emit(&mut hub), emit(&mut hub));
    assert_eq!(pull(&mut hub, "main", 1, 0).len(), 2);
    // The page has handled the first one only, and its session was lost.
    let renewed = open(&mut hub, "main", 2);
    let resume = Resumption {
        session: session_id(1),
        after: first,
        handled: first,
        index: 1,
    };
    listen(&mut hub, renewed, 7, Some(resume));
    assert_eq!(pull(&mut hub, "main", 2, 0), [(second, true)]);
    let _ = hub.settle(renewed, first, true);
    assert_eq!(kept(&hub), 1);
}

#[test]
fn it_is_bounded_and_not_retained() {
    let mut hub = hub();
    for _ in 0..3 {
        emit(&mut hub);
    }
    let error = try_emit(&mut hub, None, None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("retainedEvents"), "{error}");
    let error = try_emit(&mut hub, None, Some(true)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_full_queue_leaves_it_to_the_next_one() {
    let mut limits = LIMITS();
    limits.queue_events = 1;
    let mut hub = hub_with(limits);
    let main = open(&mut hub, "main", 1);
    listen(&mut hub, main, 1, None);
    let (dropped, queued) = (emit(&mut hub), emit(&mut hub));
    assert_eq!(pull(&mut hub, "main", 1, 0), [(queued, false)]);
    let _ = hub.settle(main, queued, true);
    assert_eq!(kept(&hub), 1);
    let other = open(&mut hub, "other", 2);
    listen(&mut hub, other, 1, None);
    assert_eq!(pull(&mut hub, "other", 2, 0), [(dropped, true)]);
    let _ = hub.settle(other, dropped, true);
    assert_eq!(kept(&hub), 0);
}
