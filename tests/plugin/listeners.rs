//! Listeners and streams in Rust.

use std::sync::mpsc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use tauri::EventTarget;
use tauri_plugin_event_bus::{
    Builder, DeliveryFilter, EmitOptions, Endpoint, ErrorCode, EventBusExt, HOST, Limits,
    ListenOptions, Policy, StreamItem,
};

use crate::support::{Page, app, app_with, exit};

const PATIENCE: Duration = Duration::from_secs(20);

/// A listener that forwards its events.
fn recorder<T: Send + 'static>() -> (impl FnMut(T) + Send + 'static, mpsc::Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    (move |value| sender.send(value).unwrap_or(()), receiver)
}

#[test]
fn an_emitter_may_block_a_thread_of_the_runtime() {
    let app = app();
    let bus = app.event_bus();
    let (record, receiver) = recorder();
    bus.listen("x", record).unwrap().forget();
    let mut stream = bus.stream("x").unwrap();
    let (sender, streamed) = mpsc::channel();
    tauri::async_runtime::spawn(async move {
        while stream.next().await.is_some() {
            let _ = sender.send(());
        }
    });
    // As a command does that emits its progress and does not await.
    let emitting = tauri::async_runtime::spawn(async move {
        bus.emit("x", 1).unwrap();
        let is_heard = receiver.recv_timeout(PATIENCE).is_ok();
        let is_streamed = streamed.recv_timeout(PATIENCE).is_ok();
        let every = Duration::from_millis(1);
        let _job = bus.periodic("x").every(every).start().unwrap();
        is_heard && is_streamed && receiver.recv_timeout(PATIENCE).is_ok()
    });
    assert!(tauri::async_runtime::block_on(emitting).unwrap());
}

#[test]
fn a_listener_receives_from_pages_and_host_in_order() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let (record, receiver) = recorder();
    let bus = app.event_bus();
    let listener = bus.listen("cart:*", record).unwrap();
    let receipt = bus.emit("cart:a", 1).unwrap();
    assert_eq!((receipt.pages, receipt.listeners), (0, 1));
    main.emit("cart:b", "{\"n\":2}");
    bus.emit("other", 3).unwrap();
    let first = receiver.recv_timeout(PATIENCE).unwrap();
    let second = receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        (first.name(), first.payload::<u8>().unwrap()),
        ("cart:a", 1)
    );
    assert_eq!(first.source(), &Endpoint::Host);
    assert_eq!(
        (second.name(), second.payload_json()),
        ("cart:b", "{\"n\":2}")
    );
    assert_eq!(second.source(), &Endpoint::Webview("main".into()));
    assert!(first.seq() < second.seq());
    assert!(
        second
            .payload::<u8>()
            .unwrap_err()
            .message()
            .contains("cart:b")
    );
    listener.stop();
    assert_eq!(bus.emit("cart:a", 1).unwrap().listeners, 0);
}

#[test]
fn a_payload_that_does_not_match_keeps_its_source() {
    let app = app();
    let bus = app.event_bus();
    let (record, receiver) = recorder();
    bus.listen("x", record).unwrap().forget();
    bus.emit("x", json!({ "at": [{ "n": "seven" }] })).unwrap();
    let event = receiver.recv_timeout(PATIENCE).unwrap();
    type Payload = std::collections::HashMap<String, Vec<std::collections::HashMap<String, u8>>>;
    let error = event.payload::<Payload>().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    for part in ["\"x\"", "at `at[0].n`", "seven", "u8"] {
        assert!(error.message().contains(part), "{error}");
    }
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.is::<serde_json::Error>(), "{source}");

    let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
    let error = bus.emit("x", unwritable).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.is::<serde_json::Error>(), "{source}");
}

#[test]
fn once_is_called_once_and_then_gone() {
    let app = app();
    let bus = app.event_bus();
    let (mut record, receiver) = recorder();
    let own = bus.clone();
    bus.once("x:*", move |event| {
        record(event.payload::<u8>().unwrap());
        // It has ended, so this does not come back.
        own.emit("x:again", 9).unwrap();
    })
    .unwrap()
    .forget();
    let (mut other, end) = recorder();
    bus.listen("x:again", move |_| other(())).unwrap().forget();
    for n in 1..=3 {
        bus.emit("x:a", n).unwrap();
    }
    end.recv_timeout(PATIENCE).unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1]);
    assert_eq!(bus.emit("x:a", 4).unwrap().listeners, 0);

    let (mut record, receiver) = recorder();
    let stopped = bus.once("y", move |_| record(())).unwrap();
    stopped.stop();
    assert_eq!(bus.emit("y", 1).unwrap().listeners, 0);
    assert!(receiver.recv().is_err(), "its callback is dropped");

    // What is retained counts.
    bus.emit_with("z", 5, EmitOptions::new().retain(true))
        .unwrap();
    let (record, receiver) = recorder();
    bus.once("z", record).unwrap().forget();
    let event = receiver.recv_timeout(PATIENCE).unwrap();
    assert!(event.is_retained());
}

#[test]
fn options_choose_what_a_listener_receives() {
    let app = app();
    let bus = app.event_bus();
    Page::open(&app, "main");
    bus.emit_with("kept", 0, EmitOptions::new().retain(true))
        .unwrap();
    let listen = |options: ListenOptions| {
        let (mut record, receiver) = recorder();
        bus.listen_with("*", options, move |event| record(event.name().to_owned()))
            .unwrap()
            .forget();
        receiver
    };
    let by_default = listen(ListenOptions::new());
    let fresh = listen(ListenOptions::new().retained(false));
    let sent = listen(ListenOptions::new().target(DeliveryFilter::Sent));
    let all = listen(ListenOptions::default().target(DeliveryFilter::Everything));
    bus.emit("broadcast", 1).unwrap();
    bus.emit_to("main", "page", 1).unwrap();
    bus.emit_to(HOST, "end", 1).unwrap();
    for (receiver, expected) in [
        (by_default, &["kept", "broadcast", "end"][..]),
        (fresh, &["broadcast", "end"]),
        (sent, &["end"]),
        (all, &["kept", "broadcast", "page", "end"]),
    ] {
        let mut names = Vec::new();
        while names.last().is_none_or(|name| name != "end") {
            names.push(receiver.recv_timeout(PATIENCE).unwrap());
        }
        assert_eq!(names, expected);
    }
}

#[test]
fn listen_any_also_receives_events_for_pages() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let (mut own, own_receiver) = recorder();
    let (mut any, any_receiver) = recorder();
    let bus = app.event_bus();
    bus.listen("*", move |event| own(event.name().to_owned()))
        .unwrap()
        .forget();
    bus.listen_any("*", move |event| any(event.name().to_owned()))
        .unwrap()
        .forget();
    main.emit("all", "1");
    main.emit_to(json!({ "kind": "App" }), "host", "1");
    bus.emit_to(EventTarget::app(), "host:too", 1).unwrap();
    main.emit_to(json!("main"), "page", "1");
    bus.emit("end", ()).unwrap();
    let read = |receiver: mpsc::Receiver<String>| {
        let mut names = Vec::new();
        while names.last().is_none_or(|name| name != "end") {
            names.push(receiver.recv_timeout(PATIENCE).unwrap());
        }
        names
    };
    assert_eq!(read(own_receiver), ["all", "host", "host:too", "end"]);
    assert_eq!(
        read(any_receiver),
        ["all", "host", "host:too", "page", "end"]
    );
}

#[test]
fn a_listener_that_panics_stops_nothing() {
    let app = app();
    let (mut record, receiver) = recorder();
    let bus = app.event_bus();
    let mut count = 0;
    bus.listen("x", move |_| {
        count += 1;
        assert!(count != 1, "the first call panics");
        record(count);
    })
    .unwrap()
    .forget();
    let (mut record, after) = recorder();
    bus.listen("x", move |_| record(())).unwrap().forget();
    bus.emit("x", ()).unwrap();
    bus.emit("x", ()).unwrap();
    after.recv_timeout(PATIENCE).unwrap();
    after.recv_timeout(PATIENCE).unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), 2);
}

#[test]
fn a_listener_may_emit_and_unlisten_itself() {
    let app = app();
    let (mut record, receiver) = recorder();
    let bus = app.event_bus();
    bus.listen("echo", move |event| record(event.payload_json().to_owned()))
        .unwrap()
        .forget();
    let own = std::sync::Arc::new(std::sync::Mutex::new(None));
    let slot = std::sync::Arc::clone(&own);
    let inner = bus.clone();
    let listener = bus
        .listen("x", move |event| {
            drop(slot.lock().unwrap().take());
            inner.emit("echo", event.payload::<u8>().unwrap()).unwrap();
        })
        .unwrap();
    *own.lock().unwrap() = Some(listener);
    bus.emit("x", 1).unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), "1");
    assert_eq!(bus.emit("x", 2).unwrap().listeners, 0);
}

#[test]
fn a_stream_yields_events_gaps_and_the_end() {
    let mut limits = Limits::default();
    limits.queue_events = 3;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let mut stream = bus.stream("download:*").unwrap();
    let dropped = bus.stream("download:*").unwrap();
    for i in 0..5 {
        assert_eq!(bus.emit("download:progress", i).unwrap().listeners, 2);
    }
    drop(dropped);
    assert_eq!(bus.emit("else", 1).unwrap().listeners, 0);
    let items = tauri::async_runtime::block_on(async {
        let mut items = vec![stream.recv().await.unwrap()];
        for _ in 0..3 {
            items.push(stream.next().await.unwrap());
        }
        items
    });
    match &items[0] {
        StreamItem::Gap(gap) => {
            assert_eq!((gap.from, gap.to, gap.count, gap.at_most), (1, 2, 2, false))
        }
        StreamItem::Event(event) => panic!("no gap: {event:?}"),
    }
    let payloads: Vec<u8> = items[1..]
        .iter()
        .map(|item| match item {
            StreamItem::Event(event) => event.payload().unwrap(),
            StreamItem::Gap(gap) => panic!("a second gap: {gap:?}"),
        })
        .collect();
    assert_eq!(payloads, [2, 3, 4]);

    Page::open(&app, "main");
    let waiting = std::thread::spawn(move || {
        tauri::async_runtime::block_on(async move { stream.recv().await.is_none() })
    });
    exit(app);
    assert!(waiting.join().unwrap());
}

#[test]
fn a_listener_may_panic_when_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("on purpose");
            }
        }
    }
    let app = app();
    let (mut record, receiver) = recorder();
    let bus = app.event_bus();
    let own = std::sync::Arc::new(std::sync::Mutex::new(None));
    let slot = std::sync::Arc::clone(&own);
    let bomb = Bomb;
    let listener = bus
        .listen("x", move |_| {
            let _ = &bomb;
            drop(slot.lock().unwrap().take());
        })
        .unwrap();
    *own.lock().unwrap() = Some(listener);
    bus.listen("y", move |_| record(())).unwrap().forget();
    bus.emit("x", ()).unwrap();
    bus.emit("y", ()).unwrap();
    receiver.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn emitting_under_a_lock_of_a_listener_is_safe() {
    let app = app();
    let (mut record, receiver) = recorder();
    let bus = app.event_bus();
    let ledger = std::sync::Arc::new(std::sync::Mutex::new(0));
    let theirs = std::sync::Arc::clone(&ledger);
    bus.listen("x", move |_| record(*theirs.lock().unwrap()))
        .unwrap()
        .forget();
    let mut entries = ledger.lock().unwrap();
    bus.emit("x", ()).unwrap();
    *entries = 1;
    drop(entries);
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), 1);
}

#[test]
fn a_plugin_that_is_registered_twice_stops_the_start() {
    let with_two = || {
        tauri::test::mock_builder()
            .plugin(Builder::new().build())
            .plugin(tauri_plugin_event_bus::init())
            .build(fixture::context())
    };
    let error = with_two().err().unwrap().to_string();
    assert!(error.contains("registered twice"), "{error}");

    let app = app();
    let error = app.handle().plugin(tauri_plugin_event_bus::init());
    let error = error.err().unwrap().to_string();
    assert!(error.contains("registered twice"), "{error}");
    assert!(app.event_bus().emit("still:there", 1).is_ok());
    // The next app starts without an error.
    drop(app);
    crate::support::app();
}

#[test]
fn a_plugin_that_was_dropped_unused_stops_no_start() {
    drop(tauri_plugin_event_bus::init::<tauri::test::MockRuntime>());
    crate::support::app();
    // Nor does one whose app was never built, or one that outlives the start of another.
    drop(tauri::test::mock_builder().plugin(tauri_plugin_event_bus::init()));
    crate::support::app();
    let spare = tauri_plugin_event_bus::init::<tauri::test::MockRuntime>();
    crate::support::app();
    drop(spare);
    crate::support::app();
}

#[test]
fn a_listener_may_block_on_a_future() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let responders = json!([{ "name": "confirm", "on": true }]);
    main.call("set_responders", json!({ "responders": responders }))
        .unwrap();
    let (mut record, receiver) = recorder();
    let bus = app.event_bus();
    let asking = bus.clone();
    bus.listen("order:new", move |_| {
        let request = asking.request::<bool>("main", "confirm", ());
        record(tauri::async_runtime::block_on(async { request.await }));
    })
    .unwrap()
    .forget();
    bus.emit("order:new", ()).unwrap();
    let id = main.pull().wait().unwrap()["items"][0]["request"].take();
    let responses = json!([{ "request": id, "payload": "true" }]);
    main.call("respond", json!({ "responses": responses }))
        .unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), Ok(true));
}

#[test]
fn a_listener_may_spawn_a_task() {
    let app = app();
    let (mut record, receiver) = recorder();
    let record = move || record(tokio::runtime::Handle::try_current().is_ok());
    let mut record = record;
    app.event_bus()
        .listen("x", move |_| record())
        .unwrap()
        .forget();
    app.event_bus().emit("x", ()).unwrap();
    assert!(receiver.recv_timeout(PATIENCE).unwrap());
}

#[test]
fn the_bus_before_its_setup_speaks_of_order() {
    let early = tauri::plugin::Builder::<_, ()>::new("early")
        .setup(|app, _| {
            app.event_bus();
            Ok(())
        })
        .build();
    let started = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tauri::test::mock_builder()
            .plugin(early)
            .plugin(Builder::new().build())
            .build(fixture::context())
            .map(drop)
    }));
    let panic = started.unwrap_err();
    let message = panic.downcast_ref::<&str>().unwrap();
    for part in ["tauri_plugin_event_bus::init()", "before", "order"] {
        assert!(message.contains(part), "{message}");
    }
}

/// What `docs/delivery.md` says of the events that the thread of the listeners has taken from their queue.
#[test]
fn host_listeners_have_at_most_15_more_waiting() {
    const LIMIT: usize = 20;
    let mut limits = Limits::default();
    limits.queue_events = LIMIT;
    let rejecting = Policy::new().reject();
    let app = app_with(Builder::new().limits(limits).policy("a", rejecting));
    let bus = app.event_bus();
    let (started, has_started) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    bus.listen("a", move |_| {
        started.send(()).unwrap_or(());
        may_go_on.recv_timeout(PATIENCE).unwrap_or(());
    })
    .unwrap()
    .forget();
    let fill = || (0..).take_while(|_| bus.emit("a", 1).is_ok()).count();
    bus.emit("a", 1).unwrap();
    has_started.recv_timeout(PATIENCE).unwrap();
    // The first one runs, and nothing waits behind it yet.
    assert_eq!(fill(), LIMIT);
    go_on.send(()).unwrap();
    has_started.recv_timeout(PATIENCE).unwrap();
    // One of 16 runs, so 15 wait beside what is in the queue.
    assert_eq!(fill(), 16);
    drop(go_on);
}
