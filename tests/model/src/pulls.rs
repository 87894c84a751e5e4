//! Pages that pull while others emit.

use std::sync::Arc;

use shuttle::rand::Rng;
use shuttle::thread;

use crate::check::check;
use crate::runtime::BusRuntime;
use crate::world::{Page, app, emit};

fn emitters(runtime: &Arc<BusRuntime>, count: usize, events: usize) -> Vec<thread::JoinHandle<()>> {
    let emitter = |_| {
        let runtime = Arc::clone(runtime);
        thread::spawn(move || {
            for _ in 0..events {
                emit(&runtime, "x");
            }
        })
    };
    (0..count).map(emitter).collect()
}

/// Pulls until the page has received `count` events.
fn pull_until(page: &mut Page, id: u32, count: usize, pull: impl Fn(&mut Page)) {
    while page.received(id).len() < count {
        pull(page);
    }
}

fn once_and_in_order(pull: fn(&mut Page)) {
    let runtime = app();
    let emitters = emitters(&runtime, 2, 3);
    let mut page = Page::new(&runtime, 1);
    page.subscribe(1, "*", true).unwrap();
    pull_until(&mut page, 1, 6, pull);
    for emitter in emitters {
        emitter.join().unwrap();
    }
    assert_eq!(page.received(1), [1, 2, 3, 4, 5, 6]);
}

pub fn every_event_comes_once_and_in_order() {
    check(|| once_and_in_order(|page| page.pull().unwrap()));
}

/// Some batches are lost; the page pulls again what it has not handled.
pub fn a_lost_batch_is_sent_again() {
    check(|| {
        once_and_in_order(|page| {
            let batch = page.send_pull().wait();
            if shuttle::rand::thread_rng().gen_bool(0.7) {
                page.take(batch).unwrap();
            }
        });
    });
}

/// The same pull arrives twice, on two threads, and both replies reach the page.
pub fn a_pull_may_arrive_twice() {
    check(|| {
        once_and_in_order(|page| {
            let twin = page.clone();
            let second = thread::spawn(move || twin.send_pull());
            let first = page.send_pull();
            let second = second.join().unwrap();
            // One replaces the other. Their batches are equal, or one of them is empty.
            page.take(first.wait()).unwrap();
            page.take(second.wait()).unwrap();
        });
    });
}

/// Two pulls read ahead on threads of their own, so they overtake each other. Batches may be lost, too.
pub fn reading_ahead_loses_and_repeats_nothing() {
    check(|| {
        once_and_in_order(|page| {
            let first = page.send_pull().wait();
            let ahead: Vec<_> = (0..2)
                .map(|_| {
                    let twin = page.clone();
                    thread::spawn(move || twin.send_pull_ahead())
                })
                .collect();
            page.take(first).unwrap();
            for pull in ahead {
                let batch = pull.join().unwrap().wait();
                if shuttle::rand::thread_rng().gen_bool(0.8) {
                    page.take(batch).unwrap();
                }
            }
        });
    });
}

/// A subscription gets exactly the events between its beginning and its end.
pub fn a_subscription_has_an_exact_beginning_and_end() {
    check(|| {
        let runtime = app();
        let emitters = emitters(&runtime, 2, 2);
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", true).unwrap();
        let after = page.subscribe(2, "x", false).unwrap();
        let still = emit(&runtime, "x");
        page.unsubscribe(2).unwrap();
        let no_more = emit(&runtime, "x");
        pull_until(&mut page, 1, 6, |page| page.pull().unwrap());
        for emitter in emitters {
            emitter.join().unwrap();
        }
        assert_eq!(page.received(1), [1, 2, 3, 4, 5, 6]);
        let received = page.received(2);
        let expected: Vec<u64> = (after + 1..).take(received.len()).collect();
        assert_eq!(received, expected, "after {after}");
        let last = received.last().copied().unwrap();
        assert!(
            (still..no_more).contains(&last),
            "{last} of {still}..{no_more}"
        );
    });
}
