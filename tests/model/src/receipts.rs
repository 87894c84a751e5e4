//! Pages that end while outcomes are on their way: of events that they have received, and of their own.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::{block_on, spawn};
use shuttle::rand::Rng;
use shuttle::thread;

use crate::check::check;
use crate::engine::leases::keep_leases;
use crate::hub::Audience;
use crate::hub::ids::SubscriberKey;
use crate::hub::receipts::{Place, ToldOutcome};
use crate::model::error::ErrorCode;
use crate::model::outcome::Outcome;
use crate::permissions::WatchScope;
use crate::runtime::BusRuntime;
use crate::sync::advance;
use crate::world::{MAIN, Page, app, new_event};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A page that listens, with its key.
fn listening(runtime: &Arc<BusRuntime>, session: u128) -> (Page, SubscriberKey) {
    let mut page = Page::new(runtime, session);
    page.subscribe(1, "*", false).unwrap();
    let key = page.command(|_, key| key).unwrap();
    (page, key)
}

/// Pulls until the session ends, and tells that each event is handled.
fn handle_all(mut page: Page, key: SubscriberKey) -> Page {
    let mut told = 0;
    while page.pull().is_ok() {
        tell_handled(&page, key, &mut told);
    }
    page
}

/// Tells that each event is handled of which the page has not told yet.
fn tell_handled(page: &Page, key: SubscriberKey, told: &mut usize) {
    let fresh = &page.brought[*told..];
    *told = page.brought.len();
    let handled = fresh.iter().map(|(seq, index)| ToldOutcome {
        seq: *seq,
        index: *index,
        outcome: Outcome::Handled,
    });
    page.runtime.core.tell_outcomes(key, handled.collect());
}

/// Ends the page in one of these ways.
fn end(runtime: &Arc<BusRuntime>, how: usize) {
    match how {
        0 => runtime.leave_page(MAIN, None),
        1 => runtime.remove_window(MAIN),
        2 => runtime.shut_down(),
        _ => drop(Page::new(runtime, 9).subscribe(1, "*", false)),
    }
}

/// An emitter in the host gets one outcome for the page, whatever ends the page meanwhile.
pub fn a_wait_for_outcomes_ends_once() {
    check(|| {
        let runtime = app();
        let _keeper = spawn(keep_leases(Arc::downgrade(&runtime.core)));
        let (page, key) = listening(&runtime, 1);
        let emitter = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || {
                let core = &runtime.core;
                let published = core.publish_tracked(new_event("x"), &Audience::default(), TIMEOUT);
                published.map(|(receipt, wait)| (receipt.pages, block_on(wait)))
            })
        };
        let puller = thread::spawn(move || handle_all(page, key));
        end(&runtime, shuttle::rand::thread_rng().gen_range(0..4));
        // A page that has taken its place, and tells nothing.
        runtime.leave_page(MAIN, None);
        match emitter.join().unwrap() {
            Ok((pages, outcomes)) => {
                assert_eq!(outcomes.len(), pages);
                for (place, outcome) in outcomes {
                    assert!(matches!(place, Place::Page(..)));
                    assert!(
                        matches!(outcome, Outcome::Handled | Outcome::Gone),
                        "{outcome:?}"
                    );
                }
            }
            Err(error) => assert_eq!(error.code(), ErrorCode::Unavailable),
        }
        puller.join().unwrap();
    });
}

/// A receiver that tells nothing ends with the time, and one that tells at that moment ends it once.
pub fn the_time_of_an_outcome_ends_once() {
    check(|| {
        let runtime = app();
        let _keeper = spawn(keep_leases(Arc::downgrade(&runtime.core)));
        let (mut page, key) = listening(&runtime, 1);
        let core = &runtime.core;
        let published = core.publish_tracked(new_event("x"), &Audience::default(), TIMEOUT);
        let (_, wait) = published.unwrap();
        page.pull().unwrap();
        let teller = thread::spawn(move || tell_handled(&page, key, &mut 0));
        advance(TIMEOUT);
        let outcomes = block_on(wait);
        assert_eq!(outcomes.len(), 1);
        assert!([Outcome::Handled, Outcome::Timeout].contains(&outcomes[0].1));
        teller.join().unwrap();
    });
}

/// A page is told of its own event once, unless its session ends first.
pub fn a_page_is_told_once() {
    check(|| {
        let runtime = app();
        let _keeper = spawn(keep_leases(Arc::downgrade(&runtime.core)));
        let (mut page, key) = listening(&runtime, 1);
        let emitted = page.command(|runtime, key| {
            let mut event = new_event("x");
            let (place, watches) = ((key, 7), WatchScope::default());
            let mut hub = runtime.core.hub();
            let opened = hub.open_receipt_of_page(&event.name, place, watches, TIMEOUT);
            drop(hub);
            event.lifetime.receipt = opened.unwrap();
            runtime.core.publish(event, &Audience::default()).unwrap()
        });
        assert_eq!(emitted.unwrap().pages, 1);
        let ends = shuttle::rand::thread_rng().gen_range(0..2) == 0;
        let puller = thread::spawn(move || {
            let mut told = 0;
            // The end of the session, or what the page waits for.
            while page.requests.outcomes == 0 && page.pull().is_ok() {
                tell_handled(&page, key, &mut told);
            }
            page.requests.outcomes
        });
        if ends {
            end(&runtime, shuttle::rand::thread_rng().gen_range(0..4));
        }
        let outcomes = puller.join().unwrap();
        assert!(outcomes == 1 || (ends && outcomes == 0), "{outcomes}");
    });
}
