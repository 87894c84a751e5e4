//! What pages are told of their own events.

use std::time::Duration;

use serde_json::json;

use super::world::{Brought, ORIGIN, Page, TIMEOUT, World, brought};
use crate::limits::Limits;
use crate::model::error::{Error, ErrorCode};
use crate::model::name::EventName;
use crate::model::outcome::Outcome;
use crate::model::policies::Policies;
use crate::permissions::WatchScope;

#[test]
fn a_page_is_told_of_pages_that_it_may_know_of() {
    let mut world = World::new();
    let mut main = world.listening("main");
    let other = world.listening("other");
    let third = world.listening("third");
    world.listen();
    let seq = world.emit_from(&main, 7, &["other"]);
    world.tell(&main, seq, Outcome::Handled);
    world.tell(&other, seq, Outcome::failed("TypeError", "shown"));
    world.tell(&third, seq, Outcome::failed("TypeError", "secret"));
    world.run_listeners();
    let told = json!({
        "outcome": 7,
        "pages": [
            { "page": "main", "outcome": "handled" },
            { "page": "other", "outcome": "failed", "name": "TypeError", "message": "shown" },
            { "outcome": "failed" },
        ],
        "listeners": { "outcome": "handled" },
    });
    assert_eq!(
        world.pull(&mut main),
        [Brought::Event(seq, true), Brought::Outcomes(told)]
    );
    assert_eq!(world.pull(&mut main), []);
}

#[test]
fn an_outcome_wakes_the_pull_that_waits_for_it() {
    let mut world = World::new();
    let mut main = world.open("main");
    let other = world.listening("other");
    // A page that waits for nothing is kept waiting by nothing.
    assert!(!world.park(&main));
    let seq = world.emit_from(&main, 1, &[]);
    assert!(world.park(&main));
    let told = world.tell_and_wake(&other, seq, Outcome::Handled);
    let expected = json!({ "outcome": 1, "pages": [{ "outcome": "handled" }] });
    assert_eq!(brought(&told), [Brought::Outcomes(expected)]);
    main.ack = 1;
    assert!(!world.park(&main));
}

#[test]
fn a_batch_of_outcomes_is_told_in_one_step() {
    let mut world = World::new();
    let (mut main, mut other) = (world.listening("main"), world.listening("other"));
    let events: Vec<_> = (0..64).map(|_| world.emit_tracked()).collect();
    assert_eq!(world.pull(&mut main).len(), 64);
    assert_eq!(world.pull(&mut other).len(), 64);
    let items: Vec<_> = (1..).zip(events.iter().map(|(_, seq)| *seq)).collect();
    assert_eq!(world.tell_items(&main, &items), []);
    // It may tell the same again, since what it told may have been lost.
    assert_eq!(world.tell_items(&main, &items), []);
    assert_eq!(world.tell_items(&other, &items), []);
    for (ticket, _) in events {
        world.expect(ticket, &[("main", "handled"), ("other", "handled")]);
    }
}

#[test]
fn each_item_of_an_event_is_told_once() {
    let mut world = World::new();
    let mut main = world.open("main");
    world.subscribe(&main, 1, "e", false, None);
    world.subscribe(&main, 2, "e", true, None);
    let (ticket, seq) = world.emit_tracked();
    assert_eq!(world.pull(&mut main).len(), 2);
    for _ in 0..3 {
        assert_eq!(world.tell_items(&main, &[(1, seq), (1, seq)]), []);
    }
    assert_eq!(world.fetch(ticket), None, "the other item is open");
    assert_eq!(world.tell_items(&main, &[(2, seq)]), []);
    world.expect(ticket, &[("main", "handled")]);
}

#[test]
fn an_item_that_was_not_delivered_is_refused() {
    let mut world = World::new();
    let (mut main, other) = (world.listening("main"), world.listening("other"));
    let (ticket, seq) = world.emit_tracked();
    let code = |refused: &[(usize, Error)]| {
        let refused = refused.iter();
        let refused = refused.map(|(place, error)| (*place, error.code()));
        refused.collect::<Vec<_>>()
    };
    // Nothing was delivered yet.
    let early = world.tell_items(&main, &[(1, seq)]);
    assert_eq!(code(&early), [(0, ErrorCode::InvalidArgument)]);
    assert!(
        early[0].1.message().contains("no item was delivered"),
        "{}",
        early[0].1
    );
    assert_eq!(world.pull(&mut main).len(), 1);
    // What is wrong in a batch takes nothing of the rest away.
    let refused = world.tell_items(&main, &[(0, seq), (1, seq), (2, seq), (u64::MAX, seq)]);
    let wrong = ErrorCode::InvalidArgument;
    assert_eq!(code(&refused), [(0, wrong), (2, wrong), (3, wrong)]);
    let text = refused[1].1.message();
    assert!(
        text.contains("the item 2") && text.contains("from 1 to 1"),
        "{text}"
    );
    // Another page has not been brought it, and cannot tell of it.
    assert_eq!(code(&world.tell_items(&other, &[(1, seq)])), [(0, wrong)]);
    assert_eq!(world.fetch(ticket), None);
    let _ = world.hub.leave_page("other", Some(ORIGIN.into()));
    assert_eq!(
        world.tell_items(&other, &[(9, seq)]),
        [],
        "its session has ended"
    );
    world.expect(ticket, &[("main", "handled"), ("other", "gone")]);
}

#[test]
fn a_page_is_told_of_a_timeout() {
    let mut world = World::new();
    let mut main = world.open("main");
    let _other = world.listening("other");
    world.emit_from(&main, 1, &["other"]);
    world.pass(TIMEOUT);
    let expected = json!({ "outcome": 1, "pages": [{ "page": "other", "outcome": "timeout" }] });
    assert_eq!(world.pull(&mut main), [Brought::Outcomes(expected)]);
}

#[test]
fn a_page_that_fetches_nothing_is_told_only_so_much() {
    let limits = Limits {
        receipts_per_page: 3,
        ..Limits::default()
    };
    let mut world = World::with(limits, Policies::default());
    let mut main = world.open("main");
    let name = EventName::parse("e").unwrap();
    let open = |world: &mut World, page: &Page| {
        let (place, watches) = ((page.key, 9), WatchScope::default());
        let opened = (world.hub).open_receipt_of_page(&name, place, watches, TIMEOUT);
        opened.map_err(|error| error.code())
    };
    // Nobody receives them, so that they end at once.
    for id in 0..3 {
        world.emit_from(&main, id, &[]);
    }
    assert_eq!(open(&mut world, &main), Err(ErrorCode::QueueFull));
    assert_eq!(world.pull(&mut main).len(), 3);
    assert!(open(&mut world, &main).is_ok());
}

#[test]
fn a_page_that_emits_and_goes_is_forgotten() {
    let mut world = World::new();
    let main = world.open("main");
    let other = world.listening("other");
    let seq = world.emit_from(&main, 1, &[]);
    let _ = world.hub.leave_page("main", Some(ORIGIN.into()));
    assert_eq!(world.hub.count_receipts(), (0, 0));
    world.tell(&other, seq, Outcome::Handled);
    let mut next = world.open("main");
    assert_eq!(world.pull(&mut next), []);
    // A late command of the page that was left emits, and waits for nothing.
    world.emit_from(&main, 2, &[]);
    assert_eq!(world.hub.count_receipts(), (0, 0));
    world.pass(Duration::ZERO);
}
