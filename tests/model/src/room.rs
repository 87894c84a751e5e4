//! Those who wait for room in a full queue.

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
use crate::world::{MAIN, Page, app_with, draft, emit, pattern, try_emit};

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

/// Begins to wait: whoever is first here is the first to emit.
fn begin(runtime: &Arc<BusRuntime>, name: &'static str, retain: bool) -> Waiter {
    let runtime = Arc::clone(runtime);
    let mut waiter: Waiter = Box::pin(async move {
        let mut draft = draft(name);
        draft.retain = Some(retain);
        runtime
            .core
            .publish_when_room(draft, &Audience::default())
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

/// Three tasks that wait, in the order of their names.
fn waiters(runtime: &Arc<BusRuntime>, retain: bool) -> Vec<JoinHandle<Result<Receipt>>> {
    let waiting: Vec<Waiter> = NAMES
        .iter()
        .map(|name| begin(runtime, name, retain))
        .collect();
    waiting.into_iter().map(spawn).collect()
}

/// Waits for all, and returns what they were told, in the order of their calls.
fn finish(waiters: Vec<JoinHandle<Result<Receipt>>>) -> Vec<Result<Receipt>> {
    let finish = |waiter: JoinHandle<Result<Receipt>>| block_on(waiter).unwrap();
    waiters.into_iter().map(finish).collect()
}

fn accepted(results: Vec<Result<Receipt>>) -> Vec<u64> {
    let seq = |result: Result<Receipt>| result.unwrap().seq;
    results.into_iter().map(seq).collect()
}

pub fn all_who_wait_emit_in_the_order_of_their_calls() {
    check(|| {
        let (runtime, mut page) = full();
        let waiters = waiters(&runtime, false);
        let puller = thread::spawn(move || {
            while page.has_heard(1).len() < 4 {
                page.pull().unwrap();
            }
            assert_eq!(page.has_heard(1), [1, 2, 3, 4]);
        });
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        puller.join().unwrap();
    });
}

/// Others emit without waiting, and are refused or get in between.
pub fn those_who_do_not_wait_take_nobodys_turn() {
    check(|| {
        let (runtime, mut page) = full();
        let waiters = waiters(&runtime, false);
        let other = Arc::clone(&runtime);
        let other = thread::spawn(move || try_emit(&other, "other").is_ok());
        let puller = thread::spawn(move || {
            while page.has_heard(1).len() < 4 {
                page.pull().unwrap();
            }
            page
        });
        let seqs = accepted(finish(waiters));
        assert!(seqs.is_sorted(), "{seqs:?}");
        let got_in = other.join().unwrap();
        let mut page = puller.join().unwrap();
        if got_in && page.has_heard(1).len() < 5 {
            page.pull().unwrap();
        }
        let seqs: Vec<u64> = (1..=4 + u64::from(got_in)).collect();
        assert_eq!(page.has_heard(1), seqs);
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

/// The queue stays full, but the page does not hear these names any more.
pub fn the_end_of_one_subscription_lets_others_names_through() {
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

/// An app in which the place for retained events is full, and no page is there that could make room by its end.
fn full_of_retained() -> Arc<BusRuntime> {
    let limits = Limits {
        retained_events: 1,
        ..Limits::default()
    };
    let runtime = app_with(limits, Policy::new());
    let mut first = draft("first");
    first.retain = Some(true);
    runtime.core.publish(first, &Audience::default()).unwrap();
    runtime
}

pub fn forgetting_what_is_retained_makes_room() {
    check(|| {
        let runtime = full_of_retained();
        let waiters = waiters(&runtime, true);
        let clearer = Arc::clone(&runtime);
        let clearer = thread::spawn(move || {
            // Each makes room for one, as soon as it is there to be forgotten.
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

pub fn the_end_of_the_app_ends_the_waiting() {
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

/// Whoever gives up while it waits lets the next one through, even if it was its turn.
pub fn one_who_gives_up_holds_nobody_up() {
    check(|| {
        let (runtime, mut page) = full();
        let mut waiting: Vec<Waiter> = NAMES
            .iter()
            .map(|name| begin(&runtime, name, false))
            .collect();
        let gives_up = waiting.remove(0);
        let giving_up = thread::spawn(move || drop(gives_up));
        let waiters: Vec<JoinHandle<Result<Receipt>>> = waiting.into_iter().map(spawn).collect();
        let puller = thread::spawn(move || {
            while page.has_heard(1).len() < 3 {
                page.pull().unwrap();
            }
        });
        assert_eq!(accepted(finish(waiters)), [2, 3]);
        giving_up.join().unwrap();
        puller.join().unwrap();
    });
}
