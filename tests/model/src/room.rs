//! Emits that wait for room in a full queue.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use shuttle::future::{JoinHandle, block_on, spawn};
use shuttle::thread;

use crate::api::stream::{EventStream, StreamItem};
use crate::check::check;
use crate::hub::Audience;
use crate::limits::Limits;
use crate::model::delivery::HostSubscription;
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

fn emit_async(runtime: &Arc<BusRuntime>, name: &'static str) -> Waiter {
    let runtime = Arc::clone(runtime);
    Box::pin(async move {
        runtime
            .core
            .publish_when_room(new_event(name), &Audience::default())
            .await
    })
}

/// Begins to wait. The first caller is the first to emit.
fn begin(runtime: &Arc<BusRuntime>, name: &'static str) -> Waiter {
    let mut waiter = emit_async(runtime, name);
    assert!(
        waiter
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    waiter
}

/// Three waiting tasks, in the order of their names.
fn waiters(runtime: &Arc<BusRuntime>) -> Vec<JoinHandle<Result<Receipt>>> {
    let waiting: Vec<Waiter> = NAMES.iter().map(|name| begin(runtime, name)).collect();
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
        let waiters = waiters(&runtime);
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
        let waiters = waiters(&runtime);
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
        let waiters = waiters(&runtime);
        let closer = Arc::clone(&runtime);
        let closer = thread::spawn(move || closer.leave_page(MAIN, None));
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        closer.join().unwrap();
    });
}

pub fn the_end_of_a_window_makes_room() {
    check(|| {
        let (runtime, _page) = full();
        let waiters = waiters(&runtime);
        let closer = Arc::clone(&runtime);
        let closer = thread::spawn(move || closer.remove_window(MAIN));
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        closer.join().unwrap();
    });
}

pub fn another_page_in_its_place_makes_room() {
    check(|| {
        let (runtime, _page) = full();
        let waiters = waiters(&runtime);
        let mut next = Page::new(&runtime, 2);
        let next = thread::spawn(move || next.command(|_, _| ()).unwrap());
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        next.join().unwrap();
    });
}

pub fn the_end_of_the_last_subscription_makes_room() {
    check(|| {
        let (runtime, mut page) = full();
        let waiters = waiters(&runtime);
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
        let waiters = waiters(&runtime);
        let page = thread::spawn(move || {
            for id in 2..=4 {
                page.unsubscribe(id).unwrap();
            }
        });
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        page.join().unwrap();
    });
}

pub fn the_end_of_the_app_ends_waiting() {
    check(|| {
        let (runtime, _page) = full();
        let waiters = waiters(&runtime);
        let exit = Arc::clone(&runtime);
        let exit = thread::spawn(move || exit.shut_down());
        for result in finish(waiters) {
            assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
        }
        exit.join().unwrap();
    });
}

/// The page never pulls. Emits of other names, and to others, are accepted all the same, whether they wait or not.
pub fn a_full_page_holds_up_only_its_own_events() {
    check(|| {
        let runtime = app_with(one_event(), Policy::new().reject().history(false));
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "first", false).unwrap();
        page.subscribe(2, "a", false).unwrap();
        let mut stream = EventStream::new(&runtime.core, pattern("b"), HostSubscription::default());
        emit(&runtime, "first");
        let stuck = begin(&runtime, "a");
        let others: Vec<JoinHandle<Result<Receipt>>> = ["b", "b", "c"]
            .into_iter()
            .map(|name| spawn(emit_async(&runtime, name)))
            .collect();
        let reader = spawn(async move {
            for _ in 0..2 {
                stream.recv().await.unwrap();
            }
        });
        let seqs = accepted(finish(others));
        assert_eq!(seqs.len(), 3);
        block_on(reader).unwrap();
        drop(stuck);
    });
}

/// A reader of a stream makes room by reading.
pub fn a_reader_of_a_stream_makes_room() {
    check(|| {
        let runtime = app_with(one_event(), Policy::new().reject().history(false));
        let mut stream = EventStream::new(&runtime.core, pattern("*"), HostSubscription::default());
        emit(&runtime, "first");
        let waiters = waiters(&runtime);
        let reader = spawn(async move {
            let mut seqs = Vec::new();
            while seqs.len() < 4 {
                match stream.recv().await {
                    Some(StreamItem::Event(event)) => seqs.push(event.seq()),
                    other => panic!("{other:?}"),
                }
            }
            seqs
        });
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        assert_eq!(block_on(reader).unwrap(), [1, 2, 3, 4]);
    });
}

/// The end of a stream, whose queue is full, releases those that wait for it, in their order.
pub fn the_end_of_a_stream_makes_room() {
    check(|| {
        let runtime = app_with(one_event(), Policy::new().reject().history(false));
        let stream = EventStream::new(&runtime.core, pattern("*"), HostSubscription::default());
        emit(&runtime, "first");
        let waiters = waiters(&runtime);
        let end = thread::spawn(move || drop(stream));
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        end.join().unwrap();
    });
}

/// Two queues are full. Each waiter goes once its own have room, in whichever order that happens.
pub fn a_waiter_for_two_queues_waits_for_both() {
    check(|| {
        let runtime = app_with(one_event(), Policy::new().reject().history(false));
        let mut page = Page::new(&runtime, 1);
        page.subscribe(1, "*", false).unwrap();
        let mut stream = EventStream::new(&runtime.core, pattern("*"), HostSubscription::default());
        emit(&runtime, "first");
        let waiters = waiters(&runtime);
        let puller = thread::spawn(move || {
            while page.received(1).len() < 4 {
                page.pull().unwrap();
            }
            assert_eq!(page.received(1), [1, 2, 3, 4]);
        });
        let reader = spawn(async move {
            for seq in 1..=4 {
                match stream.recv().await {
                    Some(StreamItem::Event(event)) => assert_eq!(event.seq(), seq),
                    other => panic!("{other:?}"),
                }
            }
        });
        assert_eq!(accepted(finish(waiters)), [2, 3, 4]);
        puller.join().unwrap();
        block_on(reader).unwrap();
    });
}

/// A waiter that is cancelled lets the next one through, even if it was next.
pub fn a_cancelled_waiter_blocks_nobody() {
    check(|| {
        let (runtime, mut page) = full();
        let mut waiting: Vec<Waiter> = NAMES.iter().map(|name| begin(&runtime, name)).collect();
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
