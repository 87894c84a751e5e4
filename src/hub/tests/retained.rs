//! What is retained, by whom, and who gets it.

use std::sync::Arc;
use std::time::Instant;

use super::session_id;
use crate::hub::outbox::BatchBound;
use crate::hub::outbox::Item;
use crate::hub::{Address, Audience, Command, Hub, NewEvent, Pull, SubscriptionRequest};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::label::AllowedLabels;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::target::{LabelPattern, Target};

const HOST: Option<&str> = None;

fn hub() -> Hub<char> {
    let mut hub = Hub::new(Limits::default(), Policies::default());
    for label in ["main", "other"] {
        let _ = hub.announce(label, label);
    }
    hub
}

/// Retains `state`, within these labels if the emitter is a page that may not reach all.
fn retain(hub: &mut Hub<char>, by: Option<&str>, to: Option<&str>, within: &[&str]) -> u64 {
    let event = NewEvent {
        name: EventName::parse("state").unwrap(),
        payload: "null".into(),
        source: by.map_or(Endpoint::Host, |label| Endpoint::Webview(label.into())),
        tick: None,
        provenance: None,
        retain: Some(true),
        lifetime: Lifetime::default(),
    };
    let mut to = to.map(|label| Address::of(Target::webview(label)).unwrap());
    if !within.is_empty() {
        let mut labels = AllowedLabels::default();
        let allowed = within
            .iter()
            .map(|label| LabelPattern::parse(label).unwrap());
        labels.allow(&allowed.collect::<Vec<_>>(), false);
        to.as_mut().unwrap().selection.within = Some(Arc::new(labels));
    }
    let audience = Audience {
        to,
        ..Audience::default()
    };
    let now = Instant::now();
    hub.enqueue(event, &audience, || now).unwrap().0.seq
}

/// What a page in a new webview gets.
fn received(hub: &mut Hub<char>, label: &str) -> Vec<u64> {
    let now = Instant::now();
    let _ = hub.announce(label, label);
    let session = session_id(hub.next_subscriber + 1);
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
        wants_replayed: false,
        wants_retained: true,
        wants_latest: false,
        watches: None,
        resume: None,
    };
    assert!(hub.subscribe(key, vec![request], now).0[0].is_ok());
    let pull = Pull {
        session,
        ack: 0,
        is_ahead: false,
        is_prompt: true,
        can_be_called: false,
        bound: BatchBound {
            events: 100,
            bytes: 1 << 20,
        },
    };
    let effects = hub.pull(label, pull, 'p', now).unwrap();
    let items = effects.batches[0].1.items().iter();
    items
        .filter_map(|item| match item {
            Item::Event(queued) => Some(queued.event.seq()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_page_erases_nothing_that_others_retained() {
    let mut hub = hub();
    let of_host = retain(&mut hub, HOST, Some("editor-*"), &[]);
    let of_other = retain(&mut hub, Some("other"), Some("editor-*"), &["editor-[12]"]);
    let of_main = retain(&mut hub, Some("main"), Some("editor-*"), &["editor-1"]);
    assert_eq!(received(&mut hub, "editor-1"), [of_main]);
    assert_eq!(received(&mut hub, "editor-2"), [of_other]);
    assert_eq!(received(&mut hub, "editor-3"), [of_host]);
    // Each emitter replaces its own.
    let again = retain(&mut hub, Some("main"), Some("editor-*"), &["editor-1"]);
    assert_eq!(hub.retained.usage().0, 3);
    assert_eq!(received(&mut hub, "editor-1"), [again]);
    assert_eq!(hub.clear_retained(&EventPattern::parse("*").unwrap()), 3);
    assert_eq!(hub.retained.usage(), (0, 0));
    assert!(received(&mut hub, "editor-1").is_empty());
}

#[test]
fn the_newest_of_several_emitters_counts() {
    let mut hub = hub();
    retain(&mut hub, HOST, None, &[]);
    let of_main = retain(&mut hub, Some("main"), None, &[]);
    assert_eq!(received(&mut hub, "a"), [of_main]);
    let of_host = retain(&mut hub, HOST, None, &[]);
    assert_eq!(received(&mut hub, "a"), [of_host]);
    let to_a = retain(&mut hub, Some("main"), Some("a"), &[]);
    assert_eq!(received(&mut hub, "a"), [of_host, to_a]);
    assert_eq!(received(&mut hub, "b"), [of_host]);
}
