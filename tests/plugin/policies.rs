//! Policies for events that arrive faster than a page fetches them.

use serde_json::{Value, json};
use tauri_plugin_event_bus::{Builder, EmitOptions, ErrorCode, EventBusExt, Limits, Policy};

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
                let mut emit = std::pin::pin!(bus.emit_async("x", i, EmitOptions::new()));
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
