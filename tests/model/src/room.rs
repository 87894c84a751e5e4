//! Emits that wait for room in a full queue.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use shuttle::future::{JoinHandle, block_on, spawn};
use shuttle::thread;

use crate::check::check;
use crate::hub::Audience;
use crate::limits::Limits;
use crate::model::error::{ErrorCode, Result};
use crate::model::event::Receipt;
use crate::model::policy::Policy;
use crate::runtime::BusRuntime;
use crate::world::{MAIN, Page, app_with, emit, new_event, pattern, try_emit};

const NAMES: [&str; 3] = ["a", "b", "c"];

fn one_event() -> Limits {
    Limits {
        queue_events: 1,
        ..Limits::default()
    }
}

/// An app with a page whose queue is full.
fn full() -> (Arc<BusRuntime>, Page) {
    let runtime = app_with(one_event(), Policy::new().reject().history(false));
    let mut page = Page::new(&runtime, 1);
    page.subscribe(1, "*", false).unwrap();
    emit(&runtime, "first");
    (runtime, page)
}

type Waiter = Pin<Box<dyn Future<Output = Result<Receipt>> + Send>>;

/// Begins to wait. The first caller is the first to emit.
fn begin(runtime: &Arc<BusRuntime>, name: &'static str, retain: bool) -> Waiter {
    let runtime = Arc::clone(runtime);
    let mut waiter: Waiter = Box::pin(async move {
        let mut event = new_event(name);
        event.retain = Some(retain);
        runtime
            .core
            .publish_when_room(event, &Audience::default())
            .await
    });
    assert!(
        waiter
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    waiter
}

/// Three waiting tasks, in the order of their names.
fn waiters(runtime: &Arc<BusRuntime>, retain: bool) -> Vec<JoinHandle<Result<Receipt>>> {
    let waiting: Vec<Waiter> = NAMES
        .iter()
        .map(|name| begin(runtime, name, retain))
        .collect();
    waiting.into_iter().map(spawn).collect()
}

/// Waits for all, and returns their results in the order of their calls.
fn finish(waiters: Vec<JoinHandle<Result<Receipt>>>) -> Vec<Result<Receipt>> {
    let finish = |waiter: JoinHandle<Result<Receipt>>| block_on(waiter).unwrap();
    waiters.into_iter().map(finish).collect()
}

fn accepted(results: Vec<Result<Receipt>>) -> Vec<u64> {
    let seq = |result: Result<Receipt>| result.unwrap().seq;
    results.into_iter().map(seq).collect()
}

pub fn waiters_emit_in_the_order_of_their_calls() {
    check(|| {
        let (runtime, mut page) = full();
        let waiters = waiters(&runtime, false);
        let puller = thread::spawn(move || {
            while page.received(1).len() < 4 {
                page.pull().unwrap();
            }
            assert_eq!(page.received(1), [1, 2, 3, 4]);
        });
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        puller.join().unwrap();
    });
}

/// Others emit without waiting, and are refused or accepted in between.
pub fn an_emit_that_does_not_wait_overtakes_no_waiter() {
    check(|| {
        let (runtime, mut page) = full();
        let waiters = waiters(&runtime, false);
        let other = Arc::clone(&runtime);
        let other = thread::spawn(move || try_emit(&other, "other").is_ok());
        let puller = thread::spawn(move || {
            while page.received(1).len() < 4 {
                page.pull().unwrap();
            }
            page
        });
        let seqs = accepted(finish(waiters));
        assert!(seqs.is_sorted(), "{seqs:?}");
        let is_accepted = other.join().unwrap();
        let mut page = puller.join().unwrap();
        if is_accepted && page.received(1).len() < 5 {
            page.pull().unwrap();
        }
        let seqs: Vec<u64> = (1..=4 + u64::from(is_accepted)).collect();
        assert_eq!(page.received(1), seqs);
    });
}

pub fn the_end_of_a_page_makes_room() {
    check(|| {
        let (runtime, _page) = full();
        let waiters = waiters(&runtime, false);
        let closer = Arc::clone(&runtime);
        let closer = thread::spawn(move || closer.leave_page(MAIN, None));
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        closer.join().unwrap();
    });
}

pub fn the_end_of_a_window_makes_room() {
    check(|| {
        let (runtime, _page) = full();
        let waiters = waiters(&runtime, false);
        let closer = Arc::clone(&runtime);
        let closer = thread::spawn(move || closer.remove_window(MAIN));
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        closer.join().unwrap();
    });
}

pub fn another_page_in_its_place_makes_room() {
    check(|| {
        let (runtime, _page) = full();
        let waiters = waiters(&runtime, false);
        let mut next = Page::new(&runtime, 2);
        let next = thread::spawn(move || next.command(|_, _| ()).unwrap());
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        next.join().unwrap();
    });
}

pub fn the_end_of_the_last_subscription_makes_room() {
    check(|| {
        let (runtime, mut page) = full();
        let waiters = waiters(&runtime, false);
        let page = thread::spawn(move || page.unsubscribe(1).unwrap());
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        page.join().unwrap();
    });
}

/// The queue stays full, but the page no longer listens to these names.
pub fn the_end_of_a_subscription_frees_other_names() {
    check(|| {
        let runtime = app_with(one_event(), Policy::new().reject().history(false));
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "first", false).unwrap();
        for (id, name) in (2..).zip(NAMES) {
            page.subscribe(id, name, false).unwrap();
        }
        emit(&runtime, "first");
        let waiters = waiters(&runtime, false);
        let page = thread::spawn(move || {
            for id in 2..=4 {
                page.unsubscribe(id).unwrap();
            }
        });
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        page.join().unwrap();
    });
}

/// An app whose retained events are full, without a page that could make room by ending.
fn full_of_retained() -> Arc<BusRuntime> {
    let limits = Limits {
        retained_events: 1,
        ..Limits::default()
    };
    let runtime = app_with(limits, Policy::new());
    let mut first = new_event("first");
    first.retain = Some(true);
    runtime.core.publish(first, &Audience::default()).unwrap();
    runtime
}

pub fn clearing_retained_events_makes_room() {
    check(|| {
        let runtime = full_of_retained();
        let waiters = waiters(&runtime, true);
        let clearer = Arc::clone(&runtime);
        let clearer = thread::spawn(move || {
            // Each makes room for one, as soon as it exists.
            for name in ["first", "a", "b"] {
                while clearer.core.clear_retained(&pattern(name)) == 0 {
                    thread::yield_now();
                }
            }
        });
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        clearer.join().unwrap();
    });
}

pub fn the_end_of_the_app_ends_waiting() {
    check(|| {
        let runtime = full_of_retained();
        let waiters = waiters(&runtime, true);
        let exit = Arc::clone(&runtime);
        let exit = thread::spawn(move || exit.shut_down());
        for result in finish(waiters) {
            assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
        }
        exit.join().unwrap();
    });
}

/// A waiter that is cancelled lets the next one through, even if it was next.
pub fn a_cancelled_waiter_blocks_nobody() {
    check(|| {
        let (runtime, mut page) = full();
        let mut waiting: Vec<Waiter> = NAMES
            .iter()
            .map(|name| begin(&runtime, name, false))
            .collect();
        let cancelled = waiting.remove(0);
        let canceller = thread::spawn(move || drop(cancelled));
        let waiters: Vec<JoinHandle<Result<Receipt>>> = waiting.into_iter().map(spawn).collect();
        let puller = thread::spawn(move || {
            while page.received(1).len() < 3 {
                page.pull().unwrap();
            }
        });
        assert_eq!(accepted(finish(waiters)), [2, 3]);
        canceller.join().unwrap();
        puller.join().unwrap();
    });
}
