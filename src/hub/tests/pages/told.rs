//! Who is told of pages, and who waits for them.

use std::task::Poll;
use std::time::Instant;

use serde_json::json;

use super::members::EVENT;
use super::{GRACE, ORIGIN, World, resume};
use crate::config::Compatible;
use crate::hub::{Hub, SESSION_LEASE, SubscriptionRequest};
use crate::limits::Limits;
use crate::model::core_target::CoreTarget;
use crate::model::error::ErrorCode;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::model::selection::Selection;

#[test]
fn only_pages_that_may_know_are_told() {
    let mut policies = Policies::default();
    policies
        .add("*", Policy::new().reject().retain(true))
        .unwrap();
    let mut world = World::with(policies);
    let key = world.open("other", 1);
    world.subscribe(key, "event-bus:*", &[json!({ "page": "main" })]);
    world.pull("other", 1, 0);
    world.ready("main", 2);
    assert_eq!(world.pull("other", 1, 0), ["main opened", "main ready"]);
    // Its own label is not in its scope, and nothing of this is retained for later subscriptions.
    assert_eq!(
        world.told(),
        ["other opened", "other ready", "main opened", "main ready"]
    );
    assert_eq!(world.hub.retained.usage().0, 0);
    world.leave("other", ORIGIN);
    let key = world.open("other", 3);
    world.subscribe(key, "event-bus:*", &[]);
    world.pull("other", 3, 0);
    world.leave("main", ORIGIN);
    world.pass(GRACE);
    assert_eq!(world.told().last().unwrap(), "main closed navigated");
    assert!(world.pull("other", 3, 0).is_empty());
}

#[test]
fn a_renewed_page_gets_a_gap_for_what_it_missed() {
    let mut world = World::new();
    let watched = [json!({ "page": "*" })];
    let key = world.open("other", 1);
    world.subscribe(key, "event-bus:page-*", &watched);
    world.pull("other", 1, 0);
    world.pull("other", 1, 1);
    world.pull("other", 1, 2);
    world.pass(SESSION_LEASE);
    world.ready("main", 2);
    let key = world.open("other", 3);
    world.subscribe_again(key, "event-bus:page-*", &watched, resume(1, 2));
    assert_eq!(world.pull("other", 3, 0), ["gap of 2", "other ready"]);
}

#[test]
fn without_anybody_to_tell_no_event_is_numbered() {
    let mut hub: Hub<char> = Hub::new(Limits::default(), Policies::default());
    let _ = hub.announce("main", "main");
    let mut world = World {
        host: hub.add_listeners(),
        hub,
        now: Instant::now(),
    };
    world.ready("main", 1);
    assert_eq!(world.states().len(), 1);
    assert_eq!(world.hub.seq, 0);
}

#[test]
fn a_wait_ends_when_the_page_is_ready() {
    let mut world = World::new();
    let mut ticket = None;
    assert_eq!(
        world.wait("nobody", &mut ticket),
        Poll::Ready(Err(ErrorCode::UnknownTarget))
    );
    assert!(world.wait("main", &mut ticket).is_pending());
    world.ready("main", 1);
    // It was ready, whatever comes then.
    world.leave("main", ORIGIN);
    assert_eq!(world.wait("main", &mut ticket), Poll::Ready(Ok(())));
    assert!(world.wait("main", &mut ticket).is_pending());
    let mut second = None;
    assert!(world.wait("main", &mut second).is_pending());
    drop(world.hub.stop_waiting_for_page(second.unwrap()));
    world.pass(GRACE);
    assert_eq!(
        world.wait("main", &mut ticket),
        Poll::Ready(Err(ErrorCode::PageGone))
    );
    assert_eq!(world.hub.count_page_waits(), 0);
}

#[test]
fn a_wait_ends_with_the_webview_and_the_app() {
    let mut world = World::new();
    let (mut gone, mut last) = (None, None);
    assert!(world.wait("main", &mut gone).is_pending());
    let number = world.hub.webview_number("main").unwrap();
    let (_, effects) = world.hub.remove_webview("main", number);
    assert_eq!(effects.wakers.len(), 1);
    let _ = world.hub.announce("main", "main");
    assert!(world.wait("main", &mut last).is_pending());
    assert_eq!(
        world.wait("main", &mut gone),
        Poll::Ready(Err(ErrorCode::PageGone))
    );
    assert_eq!(world.hub.shut_down().wakers.len(), 1);
    for ticket in [&mut last, &mut None] {
        assert_eq!(
            world.wait("main", ticket),
            Poll::Ready(Err(ErrorCode::Unavailable))
        );
    }
    assert_eq!(world.hub.count_page_waits(), 0);
}

#[test]
fn compatible_listeners_are_told_of_no_page() {
    for replay in [true, false] {
        let mut world = World::new();
        let parts = Compatible {
            replay,
            ..Compatible::default()
        };
        world.hub.set_compatible(parts);
        // Tauri's own events are for every page, whatever that may know.
        let listen = |world: &mut World, key, resume| {
            let request = |id, pattern| SubscriptionRequest {
                id,
                pattern: EventPattern::parse(pattern).unwrap(),
                scope: None,
                target: Some(Selection::of_core(CoreTarget::Any)),
                wants_replayed: true,
                wants_retained: true,
                wants_latest: false,
                watches: None,
                resume,
            };
            let requests = vec![request(1, "event-bus:*"), request(2, "event-bus:p*")];
            let (results, _) = world.hub.subscribe(key, requests, world.now);
            assert!(results.iter().all(Result::is_ok));
        };
        let other = world.open("other", 1);
        listen(&mut world, other, None);
        assert!(world.pull("other", 1, 0).is_empty());
        let main = world.ready("main", 2);
        world.join(Some(main), "", "1");
        assert!(world.pull("other", 1, 0).is_empty());
        let seq = world.hub.seq;
        world.pass(SESSION_LEASE);
        world.ready("main", 3);
        // Not even how many there were.
        let other = world.open("other", 4);
        listen(&mut world, other, resume(1, seq));
        assert!(world.pull("other", 4, 0).is_empty());
        assert!(world.told().contains(&EVENT.to_owned()));
    }
}
