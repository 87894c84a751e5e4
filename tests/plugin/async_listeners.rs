//! Listeners whose handler is async.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::{Builder, ErrorCode, EventBusExt, Limits, ListenOptions, Policy};
use tokio::sync::{Semaphore, mpsc};

use crate::support::{app, app_with};

const PATIENCE: Duration = Duration::from_secs(20);

fn take(receiver: &Receiver<u32>) -> u32 {
    receiver.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn futures_run_at_once() {
    let app = app();
    let bus = app.event_bus();
    let (sender, done) = channel();
    let meeting = std::sync::Arc::new(tokio::sync::Barrier::new(3));
    let listener = bus.listen_async("a", ListenOptions::new(), move |event| {
        let (sender, meeting) = (sender.clone(), meeting.clone());
        async move {
            // Each waits for the others.
            meeting.wait().await;
            sender.send(event.payload().unwrap()).unwrap();
        }
    });
    for payload in 0..3 {
        bus.emit("a", payload).unwrap();
    }
    let mut received = [(); 3].map(|()| take(&done));
    received.sort_unstable();
    assert_eq!(received, [0, 1, 2]);
    listener.unwrap().stop();
}

#[test]
fn sequential_futures_run_one_after_the_other() {
    let app = app();
    let bus = app.event_bus();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let gate = std::sync::Arc::new(Semaphore::new(0));
    let own = gate.clone();
    let options = ListenOptions::new().sequential(true);
    let listener = bus.listen_async("a", options, move |event| {
        let (begun, gate) = (begun.clone(), own.clone());
        async move {
            begun.send(event.payload::<u32>().unwrap()).unwrap();
            gate.acquire().await.unwrap().forget();
        }
    });
    for payload in 0..3 {
        bus.emit("a", payload).unwrap();
    }
    for payload in 0..3 {
        assert_eq!(block_on(begins.recv()), Some(payload));
        // The next one is in its queue, and no future of it has begun.
        let waiting = bus.inspect().consumers[1].queue.events;
        assert_eq!((waiting, begins.is_empty()), (2 - payload as usize, true));
        gate.add_permits(1);
    }
    drop(listener.unwrap());
    // Its task has ended with it, and with the task its sender.
    assert_eq!(block_on(begins.recv()), None);
    assert_eq!(bus.inspect().consumers.len(), 1);
}

#[test]
fn what_a_future_emits_has_its_event_as_cause() {
    let app = app();
    let bus = app.event_bus();
    let (sender, causes) = channel();
    let _effects = bus.listen("b", move |event| {
        let causes: Vec<String> = event.causes().map(str::to_owned).collect();
        sender.send(causes).unwrap();
    });
    let own = bus.clone();
    bus.listen_async("a", ListenOptions::new(), move |_| {
        let bus = own.clone();
        async move {
            // Also behind an await.
            tokio::task::yield_now().await;
            bus.emit("b", ()).unwrap();
        }
    })
    .unwrap()
    .forget();
    bus.emit("a", ()).unwrap();
    assert_eq!(causes.recv_timeout(PATIENCE).unwrap(), ["a"]);
}

#[test]
fn a_panic_ends_one_future_alone() {
    let app = app();
    let bus = app.event_bus();
    let (sender, done) = channel();
    let options = ListenOptions::new().sequential(true);
    let _listener = bus.listen_async("a", options, move |event| {
        let payload: u32 = event.payload().unwrap();
        assert_ne!(payload, 0, "on purpose, before the future");
        let sender = sender.clone();
        async move {
            assert_ne!(payload, 1, "on purpose, in the future");
            sender.send(payload).unwrap();
        }
    });
    for payload in 0..3 {
        bus.emit("a", payload).unwrap();
    }
    assert_eq!(take(&done), 2);
    let refused = bus.listen_async("a b", ListenOptions::new(), async |_| {});
    assert_eq!(refused.unwrap_err().code(), ErrorCode::InvalidEventName);
}

#[test]
fn one_that_is_stopped_waits_for_nothing() {
    let app = app();
    let bus = app.event_bus();
    let (begun, begins) = channel();
    let options = ListenOptions::new().sequential(true);
    let listener = bus.listen_async("a", options, move |event| {
        begun.send(event.payload::<u32>().unwrap()).unwrap();
        std::future::pending()
    });
    bus.emit("a", 0).unwrap();
    assert_eq!(take(&begins), 0);
    listener.unwrap().stop();
    // Its future has not ended.
    assert_eq!(bus.inspect().consumers.len(), 1);
    assert_eq!(bus.emit("a", 1).unwrap().listeners, 0);
}

#[test]
fn one_does_not_wait_for_itself() {
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let builder = Builder::new().limits(limits);
    let app = app_with(builder.policy("row", Policy::new().reject()));
    let bus = app.event_bus();
    let (sender, ended) = channel();
    let own = bus.clone();
    let options = ListenOptions::new().sequential(true);
    let listener = bus.listen_async("row", options, move |event| {
        let (bus, sender) = (own.clone(), sender.clone());
        async move {
            if event.payload::<u32>().unwrap() > 0 {
                return;
            }
            let first = bus.emit_async("row", 1).await;
            let second = bus.emit_async("row", 2).await;
            let handled = bus.emit_handled("other", 3).await.map(|_| ());
            sender.send((first, second, handled)).unwrap();
        }
    });
    bus.emit("row", 0).unwrap();
    let (first, second, handled) = ended.recv_timeout(PATIENCE).unwrap();
    first.unwrap();
    let error = second.unwrap_err();
    assert_eq!(error.code(), ErrorCode::WouldBlock);
    assert!(error.message().contains("sequential listener"), "{error}");
    handled.unwrap();
    drop(listener.unwrap());
}

#[test]
fn one_does_not_wait_until_it_has_handled() {
    let app = app();
    let bus = app.event_bus();
    let (sender, ended) = channel();
    let own = bus.clone();
    let options = ListenOptions::new().sequential(true);
    let _listener = bus.listen_async("a", options, move |event| {
        let (bus, sender) = (own.clone(), sender.clone());
        async move {
            if event.payload::<u32>().unwrap() == 0 {
                let again = bus.emit_handled("a", 1).await;
                sender.send(again.map(|_| ())).unwrap();
            }
        }
    });
    bus.emit("a", 0).unwrap();
    let error = ended.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::WouldBlock);
}

/// A future that is done at once, and panics when it is dropped.
struct PanicsOnDrop;

impl Future for PanicsOnDrop {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_panic_of_its_drop_ends_one_future_alone() {
    let app = app();
    let bus = app.event_bus();
    let (sender, done) = channel();
    let options = ListenOptions::new().sequential(true);
    let _listener = bus.listen_async("a", options, move |event| {
        sender.send(event.payload().unwrap()).unwrap();
        PanicsOnDrop
    });
    for payload in 0..3 {
        bus.emit("a", payload).unwrap();
    }
    assert_eq!([(); 3].map(|()| take(&done)), [0, 1, 2]);
}
