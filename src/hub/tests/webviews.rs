//! Webviews that come, go and move.

use std::sync::Arc;
use std::time::Instant;

use super::session_id;
use crate::hub::outbox::BatchBound;
use crate::hub::{
    Address, Audience, Command, Effects, Hub, NewEvent, Pull, SESSION_LEASE, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::target::Target;

fn hub() -> Hub<char> {
    let mut hub = Hub::new(Limits::default(), Policies::default());
    for (label, window) in [("left", "multi"), ("right", "multi"), ("main", "main")] {
        let (is_replaced, _) = hub.webview_is_ready(label, window);
        assert!(!is_replaced);
    }
    hub
}

fn emit(hub: &mut Hub<char>, to: Option<Target>) -> usize {
    let event = NewEvent {
        name: EventName::parse("x").unwrap(),
        payload: "null".into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: None,
        lifetime: Lifetime::default(),
    };
    let to = to.map(|target| Address::of(target).unwrap());
    let audience = Audience {
        to,
        ..Audience::default()
    };
    let now = Instant::now();
    hub.enqueue(event, &audience, || now).unwrap().0.pages
}

/// Opens a session that listens to everything, and pulls. Returns how many events it gets at once.
fn open(hub: &mut Hub<char>, label: &str, session: u64) -> (usize, Effects<char>) {
    let now = Instant::now();
    let session = session_id(session);
    let command = Command {
        name: "subscribe",
        session,
        n: 1,
        origin: None,
    };
    let key = hub.begin_command(label, command, 'c', now).1.unwrap();
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
    let (results, mut effects) = hub.subscribe(key, vec![request], now);
    assert!(results[0].is_ok());
    hub.finish_command(key, 1, Ok("".into()));
    let pull = Pull {
        session,
        ack: 0,
        is_ahead: false,
        is_prompt: false,
        can_be_called: false,
        bound: BatchBound {
            events: 9,
            bytes: 1 << 20,
        },
    };
    let pulled = hub.pull(label, pull, 'p', now).unwrap();
    let batches = pulled.batches.iter();
    let count = batches.map(|(_, batch)| batch.items().len()).sum();
    effects.rearm |= pulled.rearm;
    (count, effects)
}

#[test]
fn a_webview_heard_of_twice_is_one() {
    let mut hub: Hub<char> = Hub::new(Limits::default(), Policies::default());
    let _ = hub.announce("late", "late");
    emit(&mut hub, None);
    let (is_replaced, _) = hub.webview_is_ready("late", "late");
    assert!(!is_replaced);
    let _ = hub.announce("late", "late");
    assert_eq!(open(&mut hub, "late", 1).0, 1);
}

#[test]
fn a_second_webview_of_a_label_starts_anew() {
    let mut hub = hub();
    let _ = open(&mut hub, "left", 1);
    let before = hub.webview_number("left").unwrap();
    let flood = hub.flood("left").unwrap();
    emit(&mut hub, None);
    emit(&mut hub, None);
    let (is_replaced, effects) = hub.webview_is_ready("left", "other");
    assert!(is_replaced);
    // The pull was answered by the first event.
    assert!(effects.gone.is_empty() && hub.sessions.is_empty());
    assert!(Arc::ptr_eq(&flood, &hub.flood("left").unwrap()));
    assert_ne!(hub.webview_number("left"), Some(before));
    let command = Command {
        name: "emit",
        session: session_id(1),
        n: 2,
        origin: None,
    };
    let (admission, ..) = hub.begin_command("left", command, 'c', Instant::now());
    assert!(format!("{admission:?}").contains("StaleSession"));
    emit(&mut hub, Some(Target::window("other")));
    assert_eq!(open(&mut hub, "left", 2).0, 1);
    // The end of the first one comes late.
    let (is_removed, _) = hub.remove_webview("left", before);
    assert!(!is_removed && hub.knows("left"));
}

#[test]
fn a_webview_closed_alone_leaves_the_others() {
    let mut hub = hub();
    let _ = open(&mut hub, "left", 1);
    let _ = open(&mut hub, "right", 2);
    let number = hub.webview_number("left").unwrap();
    let (is_removed, effects) = hub.remove_webview("left", number);
    assert!(is_removed);
    assert_eq!(effects.gone.len(), 1, "its pull");
    assert_eq!(emit(&mut hub, Some(Target::window("multi"))), 1);
    let error = hub.check_targets(&Address::of(Target::webview("left")).unwrap().selection);
    assert_eq!(error.unwrap_err().code(), ErrorCode::UnknownTarget);
    let (is_removed, _) = hub.remove_webview("left", number);
    assert!(!is_removed);
}

#[test]
fn a_webview_that_moves_keeps_its_session() {
    let mut hub = hub();
    let _ = open(&mut hub, "left", 1);
    let _ = hub.note_window("left", "main");
    let _ = hub.note_window("nobody", "main");
    assert!(!hub.knows("nobody"));
    assert_eq!(emit(&mut hub, Some(Target::window("main"))), 1);
    let (gone, _) = hub.remove_window("multi");
    assert_eq!(gone.len(), 1);
    assert_eq!(emit(&mut hub, Some(Target::webview("left"))), 1);
    let (gone, _) = hub.remove_window("main");
    assert_eq!(gone.len(), 2);
}

#[test]
fn a_page_without_a_sign_of_life_is_looked_at() {
    let mut hub = hub();
    let now = Instant::now();
    let command = Command {
        name: "emit",
        session: session_id(1),
        n: 1,
        origin: None,
    };
    let _ = hub.begin_command("left", command, 'c', now);
    let (effects, _) = hub.expire(now);
    assert!(effects.silent.is_empty());
    let (effects, _) = hub.expire(now + SESSION_LEASE);
    assert_eq!(effects.silent, ["left".into()]);
}
