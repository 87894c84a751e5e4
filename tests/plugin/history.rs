//! Pages that listen late or reload, and retained events.

use serde_json::{Value, json};
use tauri_plugin_event_bus::{
    Builder, EmitOptions, ErrorCode, EventBusExt, Limits, Policy, StreamItem, Target,
};

use crate::support::{Page, app, app_with, code, open};

/// `(event, payload, extras)` of each event of a batch.
fn items(page: &mut Page) -> Vec<(String, Value, Value)> {
    let batch = page.pull().rows();
    let items = batch.as_array().unwrap().iter();
    items
        .map(|item| {
            page.ack = item.get(0).unwrap_or(&item["index"]).as_u64().unwrap();
            let extras = item.get(7).cloned().unwrap_or(Value::Null);
            (
                item[3].as_str().unwrap_or_default().to_owned(),
                item[6].clone(),
                extras,
            )
        })
        .collect()
}

fn replayed(event: &str, payload: i32) -> (String, Value, Value) {
    (
        event.to_owned(),
        json!(payload),
        json!({ "replayed": true }),
    )
}

fn live(event: &str, payload: i32) -> (String, Value, Value) {
    (event.to_owned(), json!(payload), Value::Null)
}

#[test]
fn a_page_gets_what_its_webview_missed() {
    let app = app();
    let bus = app.event_bus();
    bus.emit("x", 0).unwrap();
    let webview = open(&app, "main");
    bus.emit("x", 1).unwrap();
    bus.emit_to("main", "x", 2).unwrap();
    bus.emit("y", 3).unwrap();
    let mut main = Page::load(webview);
    main.listen("x");
    bus.emit("x", 4).unwrap();
    assert_eq!(
        items(&mut main),
        [replayed("x", 1), replayed("x", 2), live("x", 4)]
    );
    // A later subscription of the starting page gets them, too, and only that one.
    let late = main.listen("*");
    let batch = main.pull().rows();
    let got: Vec<(&Value, &Value)> = batch
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (&item[6], &item[5]))
        .collect();
    assert_eq!(
        got,
        [1, 2, 3, 4]
            .map(Value::from)
            .each_ref()
            .map(|payload| (payload, &batch[0][5]))
    );
    assert_eq!(batch[0][5], late);
}

#[test]
fn events_for_other_webviews_are_not_replayed() {
    let app = app();
    let main = open(&app, "main");
    open(&app, "other");
    let bus = app.event_bus();
    bus.emit_to("other", "x", 1).unwrap();
    bus.emit_with("x", 2, EmitOptions::new().except("main"))
        .unwrap();
    bus.emit("x", 3).unwrap();
    let mut main = Page::load(main);
    main.listen("*");
    assert_eq!(items(&mut main), [replayed("x", 3)]);
}

#[test]
fn the_next_page_gets_what_was_unacknowledged() {
    let app = app();
    let bus = app.event_bus();
    let mut old = Page::open(&app, "main");
    old.listen("x");
    bus.emit("x", 1).unwrap();
    assert_eq!(items(&mut old), [live("x", 1)]);
    bus.emit("x", 2).unwrap();
    let _unacknowledged = items(&mut old);
    bus.emit("x", 3).unwrap();
    let mut new = Page::load(old.webview.clone());
    // The second pull acknowledged the first event. The second event was never acknowledged.
    new.listen("x");
    bus.emit("x", 4).unwrap();
    assert_eq!(
        items(&mut new),
        [replayed("x", 2), replayed("x", 3), live("x", 4)]
    );
}

#[test]
fn an_idle_page_that_reloads_gets_nothing_again() {
    let app = app();
    let mut old = Page::open(&app, "main");
    old.listen("x");
    app.event_bus().emit("x", 1).unwrap();
    assert_eq!(items(&mut old).len(), 1);
    let _acknowledging = old.pull();
    let mut new = Page::load(old.webview.clone());
    new.listen("x");
    let pull = new.pull();
    assert!(pull.is_open());
}

#[test]
fn another_origin_inherits_no_events_and_no_jobs() {
    let app = app();
    let mut old = Page::open(&app, "main");
    old.listen("x");
    // Only a page that pulls is sure to be there.
    let _pull = old.pull();
    old.call(
        "start_job",
        json!({ "job": { "event": "tick", "everyMs": 60_000, "id": "old" } }),
    )
    .unwrap();
    app.event_bus().emit("x", 1).unwrap();
    let mut new = Page::load(old.webview.clone());
    new.origin = "tauri://elsewhere".to_owned();
    new.listen("x");
    let pull = new.pull();
    assert!(pull.is_open());
    assert_eq!(new.call("list_jobs", json!({})).unwrap(), json!([]));
}

#[test]
fn a_subscription_may_decline_earlier_events() {
    let app = app();
    let main = open(&app, "main");
    let bus = app.event_bus();
    bus.emit("x", 1).unwrap();
    bus.emit_with("y", 2, EmitOptions::new().retain(true))
        .unwrap();
    let mut main = Page::load(main);
    main.call(
        "subscribe",
        json!({ "subscriptions": [
            { "id": 1, "event": "*", "replay": false, "retained": false },
            { "id": 2, "event": "*", "replay": false },
            { "id": 3, "event": "*", "retained": false },
            { "id": 4, "event": "*" },
        ] }),
    )
    .unwrap();
    let batch = main.pull().rows();
    let got: Vec<(&Value, &Value, &Value)> = batch
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (&item[6], &item[5], &item[7]))
        .collect();
    assert_eq!(
        got,
        [
            (&json!(1), &json!([3, 4]), &json!({ "replayed": true })),
            (&json!(2), &json!(2), &json!({ "retained": true })),
            (&json!(2), &json!(3), &json!({ "replayed": true })),
            (
                &json!(2),
                &json!(4),
                &json!({ "replayed": true, "retained": true })
            ),
        ]
    );
}

#[test]
fn a_full_backlog_is_a_gap_with_an_upper_bound() {
    let mut limits = Limits::default();
    limits.backlog_events = 3;
    let app = app_with(Builder::new().limits(limits));
    let (main, other) = (open(&app, "main"), open(&app, "other"));
    let bus = app.event_bus();
    bus.emit_to("other", "quiet", 0).unwrap();
    for i in 1..=5 {
        bus.emit_to("main", "noisy", i).unwrap();
    }
    let mut main = Page::load(main);
    let id = main.listen("noisy");
    let batch = main.pull().rows();
    assert_eq!(
        batch[0],
        json!({ "index": 1, "from": 2, "to": 3, "count": 2, "atMost": true, "reason": "history_full", "subscriptions": [id] })
    );
    assert_eq!((&batch[1][6], &batch[3][6]), (&json!(3), &json!(5)));
    let mut other = Page::load(other);
    other.listen("quiet");
    assert_eq!(items(&mut other), [replayed("quiet", 0)]);
}

#[test]
fn a_restored_page_resumes_at_its_position() {
    let app = app();
    let bus = app.event_bus();
    let mut first = Page::open(&app, "main");
    first.listen("x");
    let mut seqs = vec![bus.emit("x", 1).unwrap().seq];
    assert_eq!(items(&mut first), [live("x", 1)]);
    let mut between = Page::load(first.webview.clone());
    between.listen("z");
    let _pull = between.pull();
    seqs.push(bus.emit("x", 2).unwrap().seq);
    // The previous page returns from the cache, with a new session and its subscriptions.
    let mut back = Page::load(first.webview.clone());
    back.call(
        "subscribe",
        json!({ "subscriptions": [{ "id": 9, "event": "x", "resume": { "session": first.session, "after": seqs[0], "handled": seqs[0] } }] }),
    )
    .unwrap();
    seqs.push(bus.emit("x", 3).unwrap().seq);
    let batch = back.pull().rows();
    // Not all events are kept for this page while the other one is there; those that it leaves while it starts are.
    assert_eq!(
        batch[0],
        json!({ "index": 1, "from": 2, "to": 2, "count": 1, "atMost": true, "reason": "session_ended", "subscriptions": [9] })
    );
    assert_eq!([&batch[1][6], &batch[2][6]], [2, 3]);
}

#[test]
fn a_subscription_says_where_its_replay_begins() {
    let app = app();
    let webview = open(&app, "main");
    let bus = app.event_bus();
    let mut first = Page::load(webview.clone());
    assert_eq!(first.try_listen("x"), json!({ "seq": 0 }));
    bus.emit("x", 1).unwrap();
    bus.emit("x", 2).unwrap();
    let mut next = Page::load(webview);
    assert_eq!(next.try_listen("x"), json!({ "seq": 2, "after": 0 }));
    let entry = json!({ "id": 9, "event": "x", "replay": false });
    let answer = next.call("subscribe", json!({ "subscriptions": [entry] }));
    assert_eq!(answer, Ok(json!([{ "seq": 2 }])));
}

#[test]
fn a_policy_may_disable_history() {
    let app = app_with(Builder::new().policy("cursor:*", Policy::new().history(false)));
    let main = open(&app, "main");
    app.event_bus().emit("cursor:move", 1).unwrap();
    app.event_bus().emit("x", 2).unwrap();
    let mut main = Page::load(main);
    main.listen("*");
    assert_eq!(items(&mut main), [replayed("x", 2)]);
}

#[test]
fn a_retained_event_stays_until_it_is_cleared() {
    let app = app_with(Builder::new().policy("settings:*", Policy::new().retain(true)));
    let bus = app.event_bus();
    bus.emit("settings:theme", 1).unwrap();
    bus.emit("settings:theme", 2).unwrap();
    bus.emit_with("settings:secret", 3, EmitOptions::new().retain(false))
        .unwrap();
    // An explicit target for everyone is a broadcast, too.
    let for_all = EmitOptions::new().to(Target::everyone()).retain(true);
    bus.emit_with("other", 3, for_all).unwrap();
    bus.emit_with("other", 4, EmitOptions::new().retain(true))
        .unwrap();
    // The webview opens after these events, so nothing is replayed.
    let mut main = Page::open(&app, "main");
    let retained = |event: &str, payload: i32| {
        (
            event.to_owned(),
            json!(payload),
            json!({ "retained": true }),
        )
    };
    main.listen("*");
    assert_eq!(
        items(&mut main),
        [retained("settings:theme", 2), retained("other", 4)]
    );
    main.listen("settings:theme");
    assert_eq!(items(&mut main), [retained("settings:theme", 2)]);
    assert_eq!(bus.clear_retained("settings:*").unwrap(), 1);
    main.listen("*");
    assert_eq!(items(&mut main), [retained("other", 4)]);

    let mut stream = bus.stream("*").unwrap();
    let first = tauri::async_runtime::block_on(stream.recv());
    assert!(
        matches!(first, Some(StreamItem::Event(event)) if event.is_retained() && event.name() == "other")
    );
}

#[test]
fn an_event_retained_for_a_webview_stays_there() {
    let app = app();
    let (main, other) = (open(&app, "main"), open(&app, "other"));
    let bus = app.event_bus();
    let mut old = Page::load(main);
    old.listen("none");
    bus.emit_with("x", 1, EmitOptions::new().to("main").retain(true))
        .unwrap();
    bus.emit_with("x", 2, EmitOptions::new().retain(true))
        .unwrap();
    let mut other = Page::load(other);
    other.listen("x");
    let got = items(&mut other);
    assert_eq!((got.len(), &got[0].1), (1, &json!(2)));
    let _ = old
        .call(
            "subscribe",
            json!({ "subscriptions": [{ "id": 7, "event": "x", "replay": false }] }),
        )
        .unwrap();
    let payloads: Vec<Value> = items(&mut old)
        .into_iter()
        .map(|(_, payload, _)| payload)
        .collect();
    assert_eq!(payloads, [json!(1), json!(2)]);
}

#[test]
fn pages_may_retain_within_limits() {
    let mut limits = Limits::default();
    limits.retained_events = 1;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    let emit =
        |event: &str| json!({ "events": [{ "event": event, "payload": "1", "retain": true }] });
    assert!(main.call("emit", emit("x")).unwrap()[0]["seq"].is_u64());
    assert!(main.call("emit", emit("x")).unwrap()[0]["seq"].is_u64());
    assert_eq!(
        code(&main.call("emit", emit("y")).unwrap()[0]),
        "queue_full"
    );
    let error = app
        .event_bus()
        .emit_with("z", 1, EmitOptions::new().retain(true))
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("1 events are retained"));
}
