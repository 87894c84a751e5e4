//! What `inspect` shows, in Rust and to a page with the permission.

use std::future::IntoFuture;
use std::task::{Context, Waker};

use serde_json::{Value, json};
use tauri_plugin_event_bus::inspect::PageInspection;
use tauri_plugin_event_bus::{Builder, DeliveryFilter, EmitOptions, EventBusExt, Limits};

use crate::support::{Page, app, app_with, invoke};

fn page_of(app: &tauri::App<tauri::test::MockRuntime>, label: &str) -> PageInspection {
    let webviews = app.event_bus().inspect().webviews;
    let webview = webviews.into_iter().find(|webview| webview.label == label);
    webview.unwrap().page.unwrap()
}

fn small_queues() -> Builder {
    let mut limits = Limits::default();
    limits.queue_events = 3;
    Builder::new().limits(limits)
}

#[test]
fn a_page_with_permission_sees_what_the_host_sees() {
    let app = app();
    let mut page = Page::open(&app, "main");
    page.listen("cart:*");
    let seen_by_page = invoke(&page.webview, "inspect", json!({})).wait().unwrap();
    let mut seen = serde_json::to_value(app.event_bus().inspect()).unwrap();
    // The only field that depends on the time.
    let ago = &mut seen["webviews"][0]["page"]["lastSeenMsAgo"];
    *ago = seen_by_page["webviews"][0]["page"]["lastSeenMsAgo"].clone();
    assert_eq!(seen_by_page, seen);
    let subscriptions = &seen_by_page["webviews"][0]["page"]["subscriptions"];
    assert_eq!(
        *subscriptions,
        json!([{ "id": 1, "event": "cart:*", "target": "own" }])
    );
}

#[test]
fn members_wills_and_receipts_are_counted() {
    let app = app();
    let bus = app.event_bus();
    let counts = || {
        let inspection = bus.inspect();
        (inspection.members, inspection.wills, inspection.receipts)
    };
    assert_eq!(counts(), (0, 0, 0));
    let mut watcher = Page::open(&app, "watcher");
    watcher.listen("cart:*");
    let changes = json!([{ "room": "doc:7", "state": "1" }]);
    let joined = watcher.call("presence", json!({ "changes": changes }));
    assert_eq!(joined, Ok(json!([{}])));
    let will = json!({ "event": "cart:closed", "payload": "1", "will": { "id": 1, "afterMs": 0 } });
    let set = watcher.call("emit", json!({ "events": [will] }));
    assert_eq!(set, Ok(json!([{}])));
    let mut waiting = bus.emit_handled("cart:e", 1).into_future();
    // On the main thread it is refused.
    let polling = std::thread::spawn(move || {
        let polled = waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "{polled:?}");
        waiting
    });
    let waiting = polling.join().unwrap();
    assert_eq!(counts(), (1, 1, 1));
    drop(waiting);
    assert_eq!(counts(), (1, 1, 0));
}

#[test]
fn a_page_without_the_permission_is_refused() {
    let app = app();
    let widget = Page::open(&app, "widget");
    let refused = invoke(&widget.webview, "inspect", json!({})).wait();
    let Err(Value::String(message)) = refused else {
        panic!("{refused:?}");
    };
    assert!(message.contains("not allowed"), "{message}");
}

#[test]
fn a_queue_shows_waiting_and_lost_events() {
    let app = app_with(small_queues());
    let mut page = Page::open(&app, "main");
    page.listen("x");
    let before = page_of(&app, "main");
    assert_eq!((before.queue.events, before.queue.bytes), (0, 0));
    assert_eq!(before.queue.max_events, 3);
    assert!(!before.is_pulling && before.last_acknowledged_ms_ago.is_none());
    for n in 0..5 {
        app.event_bus().emit("x", n).unwrap();
    }
    let full = page_of(&app, "main");
    assert_eq!((full.queue.events, full.dropped), (3, 2));
    assert!(full.queue.bytes > 0);

    let rows = page.pull().rows();
    assert_eq!(rows.as_array().unwrap().len(), 4, "a gap and three events");
    let given = page_of(&app, "main");
    assert_eq!((given.queue.events, given.unacknowledged_events), (0, 4));
    assert!(given.unacknowledged_bytes > 0 && !given.is_pulling);

    page.ack = 4;
    let parked = page.pull();
    assert!(parked.is_open());
    let idle = page_of(&app, "main");
    assert_eq!(
        (idle.unacknowledged_events, idle.unacknowledged_bytes),
        (0, 0)
    );
    assert!(idle.is_pulling && idle.last_acknowledged_ms_ago.is_some());
    assert_eq!(idle.dropped, 2, "what is lost stays counted");
}

#[test]
fn a_webview_shows_its_backlog_until_a_page_starts() {
    let app = app();
    let page = Page::open(&app, "main");
    for n in 0..2 {
        app.event_bus().emit("x", n).unwrap();
    }
    let inspection = app.event_bus().inspect();
    let webview = &inspection.webviews[0];
    assert_eq!(
        (&*webview.label, &*webview.window, &webview.page),
        ("main", "main", &None)
    );
    assert_eq!(webview.backlog.unwrap().events, 2);
    drop(page);
}

#[test]
fn counters_jobs_retained_events_and_consumers() {
    let app = app_with(small_queues());
    let bus = app.event_bus();
    let mut page = Page::open(&app, "main");
    bus.listen_any("any:*", |_| {}).unwrap().forget();
    let stream = bus.stream("log:*").unwrap();
    bus.emit_with("log:a", "kept", EmitOptions::new().retain(true))
        .unwrap();
    assert!(bus.emit_to("nowhere", "x", 1).is_err());
    page.start_job(json!({ "event": "clock", "everyMs": 60_000, "id": "theirs" }))
        .unwrap();
    bus.periodic("clock")
        .every(std::time::Duration::from_secs(60))
        .id("ours")
        .start()
        .unwrap()
        .forget();

    let seen = bus.inspect();
    assert_eq!(seen.refused, 1);
    assert!(seen.seq >= 1);
    assert_eq!(seen.webviews[0].rate_limited, 0);
    assert_eq!((seen.retained.events, seen.retained.max_events), (1, 1024));
    let jobs: Vec<&str> = seen.jobs.iter().map(|job| &*job.id).collect();
    assert_eq!(jobs, ["ours", "theirs"]);
    let [listeners, read] = &seen.consumers[..] else {
        panic!("{:?}", seen.consumers);
    };
    assert!(!listeners.is_stream && read.is_stream);
    assert_eq!(
        listeners.subscriptions[0].target,
        DeliveryFilter::Everything
    );
    assert_eq!(
        (&*read.subscriptions[0].event, read.queue.events),
        ("log:*", 1)
    );
    drop(stream);
    assert_eq!(bus.inspect().consumers.len(), 1);
}

#[test]
#[cfg(feature = "flood-limits")]
fn rate_limited_commands_are_counted() {
    let mut limits = Limits::default();
    limits.subscriptions_per_page = 5;
    limits.subscribe_burst = 5;
    limits.subscribes_per_second = 1;
    let app = app_with(Builder::new().limits(limits));
    let mut page = Page::open(&app, "main");
    let entry = |id: u32| json!({ "id": id, "event": "x" });
    let subscriptions: Vec<Value> = (0..7).map(entry).collect();
    page.call("subscribe", json!({ "subscriptions": subscriptions }))
        .unwrap();
    assert_eq!(app.event_bus().inspect().webviews[0].rate_limited, 2);
}

#[test]
fn an_inspection_has_no_payloads() {
    let app = app();
    let mut page = Page::open(&app, "main");
    page.listen("x");
    page.emit("x", "\"hush\"");
    page.start_job(json!({ "event": "x", "everyMs": 60_000, "payload": "\"hush\"" }))
        .unwrap();
    let bus = app.event_bus();
    bus.emit_with("kept", "hush", EmitOptions::new().retain(true))
        .unwrap();
    let text = serde_json::to_string(&bus.inspect()).unwrap();
    assert!(text.contains("\"x\"") && !text.contains("hush"), "{text}");
}

#[test]
fn more_subscriptions_than_one_chunk_are_listed() {
    let app = app();
    let mut page = Page::open(&app, "main");
    let entry = |id: u32| json!({ "id": id, "event": "x" });
    for ids in [0..1024_u32, 1024..1025] {
        let subscriptions: Vec<Value> = ids.map(entry).collect();
        page.call("subscribe", json!({ "subscriptions": subscriptions }))
            .unwrap();
    }
    let last = json!([{ "id": u32::MAX, "event": "x" }]);
    page.call("subscribe", json!({ "subscriptions": last }))
        .unwrap();
    let ids: Vec<u32> = page_of(&app, "main")
        .subscriptions
        .iter()
        .map(|subscription| subscription.id)
        .collect();
    let expected: Vec<u32> = (0..1025).chain([u32::MAX]).collect();
    assert_eq!(ids, expected);
}
