//! What a tap tells of refusals.

use std::future::IntoFuture;

use serde_json::{Value, json};
use tauri::async_runtime::{block_on, spawn};
use tauri_plugin_event_bus::tap::{TapEntry, TapFilter, TapKind};
use tauri_plugin_event_bus::{Builder, ErrorCode, EventBusExt, Limits, Policy, Target};

use super::{json_of, records};
use crate::support::{Page, app, app_of, app_with};

#[test]
fn refusals_are_told_with_their_reason() {
    let app = app_of(Limits::default());
    let bus = app.event_bus();
    let mut widget = Page::open(&app, "shop");
    let mut tap = bus.tap(TapFilter::new().kinds([TapKind::Refused])).unwrap();
    widget.emit("order:old", "1");
    widget.try_listen("secret:*");
    widget
        .call("emit", json!({ "events": [{ "event": "a b" }] }))
        .unwrap();
    bus.emit_to("nowhere", "note", 1).unwrap_err();
    bus.emit("a b", 1).unwrap_err();
    let unanswered = bus.request::<Value>(Target::host(), "sum", 1);
    spawn(async move { unanswered.await.unwrap_err() });
    let mut told = records(&mut tap);
    while told.len() < 6 {
        told.extend(block_on(tap.recv()).map(|record| json_of(&record)));
    }
    let rows: Vec<_> = told
        .iter()
        .map(|own| {
            (
                own["action"].as_str().unwrap(),
                own["name"].as_str().unwrap(),
                own["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("emit", "order:old", "denied"),
            ("listen", "secret:*", "denied"),
            ("emit", "a b", "invalid_event_name"),
            ("emit", "note", "unknown_target"),
            ("emit", "a b", "invalid_event_name"),
            ("request", "sum", "no_responder"),
        ]
    );
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.contains("event-bus:allow-emit"), "{message}");
    assert_eq!(told[0]["source"]["label"], "shop");
}

#[test]
fn what_pages_are_refused_late_is_told_too() {
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let app = app_with(
        Builder::new()
            .limits(limits)
            .policy("full", Policy::new().reject()),
    );
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.listen("full");
    main.emit("full", "1");
    let mut tap = bus.tap(TapFilter::new().kinds([TapKind::Refused])).unwrap();
    let outcome = |event: &str, timeout: Value| {
        let outcome = json!({ "id": 1, "timeoutMs": timeout });
        json!({ "events": [{ "event": event, "payload": "1", "outcome": outcome }] })
    };
    main.call("emit", outcome("full", json!(1000))).unwrap();
    main.call("emit", outcome("late", json!(-1))).unwrap();
    let wills: Vec<Value> = (0..17)
        .map(|id| json!({ "event": "will", "payload": "1", "will": { "id": id } }))
        .collect();
    main.call("emit", json!({ "events": wills })).unwrap();
    for arguments in [
        json!({ "id": 1, "to": 5, "name": "to" }),
        json!({ "id": 2, "to": "main", "name": "a b" }),
        json!({ "id": 3, "to": "main", "name": "slow", "timeoutMs": -1 }),
    ] {
        main.request_with(arguments).wait().unwrap_err();
    }
    let told: Vec<Value> = records(&mut tap);
    let row = |own: &Value| {
        let text = |key: &str| own[key].as_str().unwrap().to_owned();
        [text("action"), text("name"), text("code")].join(" ")
    };
    let rows: Vec<String> = told.iter().map(row).collect();
    assert_eq!(
        rows,
        [
            "emit full queue_full",
            "emit late invalid_argument",
            "emit will queue_full",
            "request to invalid_argument",
            "request a b invalid_event_name",
            "request slow invalid_argument",
        ]
    );
}

#[test]
fn refused_jobs_tasks_and_presence_are_told() {
    let app = app();
    let bus = app.event_bus();
    let mut tap = bus.tap(TapFilter::new().kinds([TapKind::Refused])).unwrap();
    let mut overseer = Page::open(&app, "overseer");
    overseer
        .start_job(json!({ "event": "other", "everyMs": 1000 }))
        .unwrap_err();
    let mut caller = Page::open(&app, "caller");
    let task = json!({ "task": { "name": "import", "key": "a" } });
    caller.call("start_task", task).unwrap_err();
    let mut watcher = Page::open(&app, "watcher");
    let change = json!({ "changes": [{ "room": "doc:secret", "state": "1" }] });
    watcher.call("presence", change).unwrap();
    let mut shop = Page::open(&app, "shop");
    shop.call("clear_retained", json!({ "event": "order:old" }))
        .unwrap_err();
    let rows: Vec<String> = records(&mut tap)
        .iter()
        .map(|own| {
            let text = |key: &str| own[key].as_str().unwrap().to_owned();
            [text("action"), text("name"), text("code")].join(" ")
        })
        .collect();
    assert_eq!(
        rows,
        [
            "start_job other denied",
            "start_task import denied",
            "presence doc:secret denied",
            "clear_retained order:old denied",
        ]
    );
}

#[test]
fn refused_changes_of_jobs_and_tasks_are_told() {
    let app = app();
    let bus = app.event_bus();
    let mut tap = bus.tap(TapFilter::new().kinds([TapKind::Refused])).unwrap();
    let mut main = Page::open(&app, "main");
    let clock = json!({ "event": "clock", "everyMs": 60_000, "id": "own" });
    main.start_job(clock).unwrap();
    let changes = json!({ "id": "own", "changes": { "everyMs": -1 } });
    main.call("update_job", changes).unwrap_err();
    for command in ["update_job", "pause_job", "resume_job", "stop_job"] {
        let mut job = json!({ "id": "gone" });
        if command == "update_job" {
            job["changes"] = json!({ "everyMs": 1_000 });
        }
        main.call(command, job).unwrap_err();
    }
    let task = json!({ "name": "import", "key": "a" });
    main.call("cancel_task", task.clone()).unwrap_err();
    let mut attach = task;
    attach["id"] = json!(1);
    main.call("attach_task", attach).unwrap_err();
    let rows: Vec<String> = records(&mut tap)
        .iter()
        .map(|own| {
            let text = |key: &str| own[key].as_str().unwrap_or("-").to_owned();
            [text("action"), text("name"), text("job"), text("code")].join(" ")
        })
        .collect();
    assert_eq!(
        rows,
        [
            "update_job clock own invalid_interval",
            "update_job  gone unknown_job",
            "pause_job  gone unknown_job",
            "resume_job  gone unknown_job",
            "stop_job  gone unknown_job",
            "cancel_task import - unknown_task",
            "attach_task import - unknown_task",
        ]
    );
}

#[test]
fn a_refused_tick_names_its_job() {
    let app = app_with(Builder::new().before_emit(|event, _| match event.name() {
        "clock" => Err("no clocks".into()),
        _ => Ok(()),
    }));
    let bus = app.event_bus();
    let mut tap = bus.tap(TapFilter::new().names(["clock"])).unwrap();
    let job = bus
        .periodic("clock")
        .every(std::time::Duration::from_secs(3600))
        .immediate()
        .start()
        .unwrap();
    let record = block_on(tap.recv()).unwrap();
    let TapEntry::Refused(refusal) = record.entry else {
        panic!("{record:?}");
    };
    assert_eq!(refusal.job.as_deref(), Some(job.id()));
    assert_eq!(refusal.code, ErrorCode::Refused);
    assert!(refusal.message.contains("no clocks"), "{}", refusal.message);
}

#[test]
fn requests_that_are_never_sent_are_told() {
    let app = app();
    let bus = app.event_bus();
    let mut tap = bus.tap(TapFilter::new().kinds([TapKind::Refused])).unwrap();
    let none = std::time::Duration::ZERO;
    let all = |to: Target| bus.request_all::<Value>(to, "sum", 1);
    spawn(all("nowhere".into()).into_future());
    spawn(all(Target::host()).into_future());
    spawn(all("main".into()).timeout(none).into_future());
    let stream = || bus.request_stream::<Value>(Target::host(), "rows", 1);
    spawn(stream().credit_parts(0).into_future());
    spawn(bus.emit_handled("cart", 1).timeout(none).into_future());
    let mut told = Vec::new();
    while told.len() < 5 {
        told.extend(block_on(tap.recv()).map(|record| json_of(&record)));
    }
    let mut rows: Vec<[String; 3]> = told
        .iter()
        .map(|own| ["action", "name", "code"].map(|key| own[key].as_str().unwrap().to_owned()))
        .collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            ["emit", "cart", "invalid_argument"],
            ["request", "rows", "invalid_argument"],
            ["request", "sum", "invalid_argument"],
            ["request", "sum", "invalid_argument"],
            ["request", "sum", "unknown_target"],
        ]
    );
}
