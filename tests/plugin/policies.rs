//! Policies for events that arrive faster than a page fetches them.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use futures_util::FutureExt;
use serde_json::{Value, json};
use tauri_plugin_event_bus::{
    Builder, EmitOptions, ErrorCode, EventBus, EventBusExt, Limits, Policy, Receipt, Result,
    StreamItem, Target,
};

use crate::support::{Page, app_with, code};

fn small_queue() -> Builder {
    let mut limits = Limits::default();
    limits.queue_events = 2;
    Builder::new().limits(limits)
}

#[test]
fn the_latest_event_supersedes_waiting_ones() {
    let app = app_with(small_queue().policy("cursor:*", Policy::new().latest()));
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let bus = app.event_bus();
    bus.emit("cursor:move", 1).unwrap();
    bus.emit("other", 2).unwrap();
    bus.emit("cursor:move", 3).unwrap();
    bus.emit("cursor:move", 4).unwrap();
    let batch = main.pull().rows();
    assert_eq!((&batch[0][6], batch[0].get(7)), (&json!(2), None));
    assert_eq!(
        (&batch[1][6], &batch[1][7]),
        (&json!(4), &json!({ "superseded": 2 }))
    );
}

#[test]
fn a_full_queue_rejects_an_event_for_everyone() {
    let app = app_with(small_queue().policy("order:*", Policy::new().reject()));
    let mut slow = Page::open(&app, "main");
    let mut fast = Page::open(&app, "other");
    slow.listen("order:*");
    fast.listen("*");
    let bus = app.event_bus();
    bus.emit("order:new", 1).unwrap();
    bus.emit("order:new", 2).unwrap();
    assert_eq!(fast.receive().len(), 2);
    let error = bus.emit("order:new", 3).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("\"main\"") && error.message().contains("queueEvents (2)"));
    assert_eq!(code(&fast.emit("order:new", "4")), "queue_full");
    // Events that are not for the slow page, or have another policy, are accepted.
    bus.emit_to("other", "order:new", 5).unwrap();
    bus.emit("else", 6).unwrap();
    assert_eq!(
        fast.receive_many(2),
        [("order:new".into(), json!(5)), ("else".into(), json!(6))]
    );
    assert_eq!(
        slow.receive(),
        [
            ("order:new".into(), json!(1)),
            ("order:new".into(), json!(2))
        ]
    );
    bus.emit("order:new", 7).unwrap();
}

#[test]
fn emit_async_waits_for_room_in_order() {
    let app = app_with(small_queue().policy("*", Policy::new().reject()));
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let bus = app.event_bus();
    let tasks: Vec<_> = (0..20)
        .map(|i| {
            let (started, starts) = std::sync::mpsc::channel();
            let bus = bus.clone();
            let task = tauri::async_runtime::spawn(async move {
                let mut emit = std::pin::pin!(bus.emit_async_with("x", i, EmitOptions::new()));
                let first = futures_util::poll!(&mut emit);
                started.send(()).unwrap();
                match first {
                    std::task::Poll::Ready(receipt) => receipt,
                    std::task::Poll::Pending => emit.await,
                }
            });
            starts.recv().unwrap();
            task
        })
        .collect();
    let received = main.receive_many(20);
    let expected: Vec<(String, Value)> = (0..20).map(|i| ("x".into(), json!(i))).collect();
    assert_eq!(received, expected);
    for task in tasks {
        tauri::async_runtime::block_on(task).unwrap().unwrap();
    }
}

#[test]
fn an_invalid_policy_stops_the_start_with_its_key() {
    let built = tauri::test::mock_builder()
        .plugin(Builder::new().policy("a**", Policy::new()).build())
        .build(fixture::context());
    let error = built.err().unwrap().to_string();
    assert!(
        error.contains("policies[0].event") && error.contains("`**`"),
        "{error}"
    );
}

#[test]
fn a_page_that_never_pulls_costs_only_its_own_queue() {
    let mut limits = Limits::default();
    limits.queue_events = 100;
    let app = app_with(Builder::new().limits(limits));
    let mut silent = Page::open(&app, "main");
    silent.listen("*");
    let mut pages: Vec<Page> = (0..10)
        .map(|i| Page::open(&app, &format!("editor-{i}")))
        .collect();
    for page in &mut pages {
        page.listen("*");
    }
    for i in 0..1000 {
        assert_eq!(app.event_bus().emit("x", i).unwrap().pages, 11);
        if i % 50 == 49 {
            for page in &mut pages {
                let received = page.receive_many(50);
                assert_eq!(received[0].1, i - 49);
                assert_eq!(received.len(), 50);
            }
        }
    }
    let batch = silent.pull().rows();
    assert_eq!(
        (&batch[0]["count"], &batch[0]["atMost"]),
        (&json!(900), &json!(false))
    );
    assert_eq!(batch.as_array().unwrap().len(), 101);
}

type Emit = Pin<Box<dyn Future<Output = Result<Receipt>> + Send>>;

/// Polls once in a task: the main thread does not wait.
fn poll_once(mut emit: Emit) -> std::result::Result<Result<Receipt>, Emit> {
    let task = tauri::async_runtime::spawn(async move {
        match futures_util::poll!(&mut emit) {
            Poll::Ready(result) => Ok(result),
            Poll::Pending => Err(emit),
        }
    });
    tauri::async_runtime::block_on(task).unwrap()
}

fn emit_async(bus: &EventBus, name: &str, options: EmitOptions) -> Emit {
    Box::pin(bus.emit_async_with(name, 1, options))
}

#[test]
fn a_full_page_holds_up_no_other_emit() {
    let app = app_with(small_queue().policy("order:*", Policy::new().reject()));
    let mut slow = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    slow.listen("order:*");
    other.listen("*");
    let bus = app.event_bus();
    for n in 0..2 {
        bus.emit_to("main", "order:new", n).unwrap();
    }
    let stuck = poll_once(emit_async(&bus, "order:new", EmitOptions::new())).unwrap_err();
    // Another policy, another target, and a name that the page does not listen to.
    for (name, options) in [
        ("log:line", EmitOptions::new()),
        ("order:new", EmitOptions::new().to("other")),
        ("order:new", EmitOptions::new().to(Target::host())),
    ] {
        assert!(poll_once(emit_async(&bus, name, options)).is_ok(), "{name}");
    }
    assert_eq!(other.receive().len(), 2);
    // The same page: behind the one that waits, and after it once there is room for both.
    let next = poll_once(emit_async(
        &bus,
        "order:next",
        EmitOptions::new().to("main"),
    ));
    assert_eq!(slow.receive().len(), 2);
    let next = poll_once(next.unwrap_err()).unwrap_err();
    let first = poll_once(stuck).ok().unwrap().unwrap();
    let next = poll_once(next).ok().unwrap().unwrap();
    assert!(next.seq > first.seq);
    assert_eq!(bus.inspect().refused, 0, "waiting is no refusal");
}

#[test]
fn what_time_cannot_mend_is_an_error_at_once() {
    let mut limits = Limits::default();
    (limits.retained_events, limits.retained_bytes) = (1, 1024);
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let retained = |name: &str, payload: &str| {
        let emit = bus.emit_async_with(name, payload.to_owned(), EmitOptions::new().retain(true));
        let error = poll_once(Box::pin(emit)).ok().unwrap().unwrap_err();
        (error.code(), error.message().to_owned())
    };
    let (code, message) = retained("state", &"x".repeat(4096));
    assert_eq!(code, ErrorCode::QueueFull);
    assert!(message.contains("retainedBytes"), "{message}");
    bus.emit_with("theme", 1, EmitOptions::new().retain(true))
        .unwrap();
    let (code, message) = retained("state", "x");
    assert_eq!(code, ErrorCode::QueueFull);
    assert!(message.contains("retainedEvents"), "{message}");
}

#[test]
fn waiting_on_the_main_thread_is_an_error() {
    let app = app_with(small_queue().policy("*", Policy::new().reject()));
    let mut page = Page::open(&app, "main");
    page.listen("*");
    let bus = app.event_bus();
    // Nothing has to wait yet. The app was built on this thread, which is its main thread.
    for _ in 0..2 {
        let emitted = emit_async(&bus, "x", EmitOptions::new()).now_or_never();
        emitted.unwrap().unwrap();
    }
    let error = emit_async(&bus, "x", EmitOptions::new())
        .now_or_never()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::WouldBlock);
    assert!(error.message().contains("main thread"), "{error}");
    assert!(poll_once(emit_async(&bus, "x", EmitOptions::new())).is_err());
    assert_eq!(page.receive().len(), 2);
    bus.emit("x", 1).unwrap();
}

#[test]
fn a_listener_does_not_wait_for_its_own_queue() {
    let app = app_with(small_queue().policy("*", Policy::new().reject()));
    let bus = app.event_bus();
    let (sender, results) = std::sync::mpsc::channel();
    let own = bus.clone();
    bus.listen("x", move |event| {
        if event.seq() == 1 {
            while own.emit("x", 1).is_ok() {}
            let waited = emit_async(&own, "x", EmitOptions::new()).now_or_never();
            sender.send(waited).unwrap();
        }
    })
    .unwrap()
    .forget();
    bus.emit("x", 1).unwrap();
    let error = results.recv().unwrap().unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::WouldBlock);
    assert!(error.message().contains("listeners"), "{error}");
}

#[test]
fn other_events_do_not_push_rejecting_ones_out() {
    let app = app_with(small_queue().policy("order:*", Policy::new().reject()));
    let mut page = Page::open(&app, "main");
    page.listen("*");
    let bus = app.event_bus();
    for n in 0..2 {
        bus.emit("order:new", n).unwrap();
    }
    for n in 0..2 {
        // It is accepted, and lost for this page.
        assert_eq!(bus.emit("log:line", n).unwrap().pages, 0);
    }
    let rows = page.pull().rows();
    let gap = json!({ "from": 3, "to": 4, "count": 2, "atMost": false });
    for (key, value) in gap.as_object().unwrap() {
        assert_eq!(rows[0][key], *value, "{rows}");
    }
    assert_eq!((&rows[1][6], &rows[2][6]), (&json!(0), &json!(1)));
}

#[test]
fn a_full_stream_rejects() {
    let app = app_with(small_queue().policy("order:*", Policy::new().reject()));
    let bus = app.event_bus();
    let mut stream = bus.stream("order:*").unwrap();
    for n in 0..2 {
        assert_eq!(bus.emit("order:new", n).unwrap().listeners, 1);
    }
    let error = bus.emit("order:new", 2).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(
        error.message().contains("stream of \"order:*\" in Rust"),
        "{error}"
    );
    // What is not for the stream is not held up.
    Page::open(&app, "main");
    bus.emit_to("main", "order:new", 3).unwrap();
    let mut read = || match tauri::async_runtime::block_on(stream.recv()) {
        Some(StreamItem::Event(event)) => event.payload::<u64>().unwrap(),
        other => panic!("{other:?}"),
    };
    let waiting = poll_once(emit_async(&bus, "order:new", EmitOptions::new())).unwrap_err();
    assert_eq!((read(), read()), (0, 1));
    assert!(poll_once(waiting).is_ok());
    assert_eq!(read(), 1);
}

#[test]
fn full_listeners_reject() {
    let app = app_with(small_queue().policy("order:*", Policy::new().reject()));
    let bus = app.event_bus();
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let (sender, called) = std::sync::mpsc::channel();
    bus.listen("order:*", move |event| {
        sender.send(event.seq()).unwrap();
        let _ = held.recv();
    })
    .unwrap()
    .forget();
    bus.emit("order:new", 0).unwrap();
    assert_eq!(called.recv().unwrap(), 1);
    let mut last = 1;
    let error = loop {
        match bus.emit("order:new", 0) {
            Ok(receipt) => last = receipt.seq,
            Err(error) => break error,
        }
    };
    assert_eq!((last, error.code()), (3, ErrorCode::QueueFull));
    assert!(error.message().contains("host listeners"), "{error}");
    drop(hold);
    assert_eq!((called.recv().unwrap(), called.recv().unwrap()), (2, 3));
}

#[test]
fn a_gap_counts_superseded_events_too() {
    let app = app_with(small_queue().policy("cursor", Policy::new().latest()));
    let bus = app.event_bus();
    let mut page = Page::open(&app, "main");
    page.listen("*");
    let mut stream = bus.stream("*").unwrap();
    for n in 0..4 {
        bus.emit("cursor", n).unwrap();
    }
    for n in 0..2 {
        bus.emit("log", n).unwrap();
    }
    let gap = &page.pull().rows()[0];
    assert_eq!(
        (&gap["from"], &gap["to"], &gap["count"]),
        (&json!(1), &json!(4), &json!(4))
    );
    match tauri::async_runtime::block_on(stream.recv()) {
        Some(StreamItem::Gap(gap)) => assert_eq!((gap.from, gap.to, gap.count), (1, 4, 4)),
        other => panic!("{other:?}"),
    }
}
