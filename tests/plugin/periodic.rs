//! Periodic events, from Rust and from pages.

use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::{Builder, ErrorCode, EventBusExt, Limits};

use crate::support::{Page, app, app_with, code, message};

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn a_job_of_a_page_ticks_until_it_is_stopped() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("clock");
    let job = main
        .call(
            "start_periodic",
            json!({ "job": { "event": "clock", "everyMs": 5, "payload": "{\"a\":1}", "to": "main" } }),
        )
        .unwrap();
    assert_eq!(
        (&job["event"], &job["everyMs"], &job["to"], &job["owner"]),
        (
            &json!("clock"),
            &json!(5.0),
            &json!("main"),
            &json!({ "kind": "webview", "label": "main" })
        )
    );
    let id = job["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);

    let mut ticks = Vec::new();
    while ticks.len() < 3 {
        let batch = main.pull().rows();
        for item in batch.as_array().unwrap() {
            main.ack = item[0].as_u64().unwrap();
            assert_eq!((&item[4], &item[6]), (&json!("main"), &json!({ "a": 1 })));
            assert_eq!(item[7]["periodic"]["id"], id.as_str());
            assert!(item[7]["periodic"]["scheduledAt"].is_f64());
            ticks.push(item[7]["periodic"]["tick"].as_u64().unwrap());
        }
    }
    assert_eq!(ticks[..3], [1, 2, 3]);

    let listed = main.call("list_periodic", json!({})).unwrap();
    assert_eq!(listed[0]["id"], id.as_str());
    assert!(listed[0]["ticks"].as_u64().unwrap() >= 3);
    main.n -= 1; // list_periodic changes nothing and has no number.
    main.call("stop_periodic", json!({ "id": id })).unwrap();
    assert_eq!(main.call("list_periodic", json!({})).unwrap(), json!([]));
    main.n -= 1;
    let error = main.call("stop_periodic", json!({ "id": id })).unwrap_err();
    assert_eq!(code(&error), "unknown_job");
    assert!(message(&error).contains(&id));
}

#[test]
fn a_job_ends_after_its_count() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    main.call(
        "start_periodic",
        json!({ "job": { "event": "clock", "everyMs": 1, "count": 3, "immediate": true, "id": "mine" } }),
    )
    .unwrap();
    assert_eq!(main.receive_many(3).len(), 3);
    while main.call("list_periodic", json!({})).unwrap() != json!([]) {
        main.n -= 1;
        std::thread::yield_now();
    }
    app.event_bus().emit("end", ()).unwrap();
    assert_eq!(main.receive(), [("end".into(), Value::Null)]);
}

#[test]
fn the_ticks_of_a_job_share_one_payload() {
    let app = app();
    let (sender, heard) = std::sync::mpsc::channel();
    app.event_bus()
        .listen("clock", move |event| {
            // Kept, so that no other payload can take its place.
            sender.send(event).unwrap_or(())
        })
        .unwrap()
        .forget();
    let mut main = Page::open(&app, "main");
    main.call(
        "start_periodic",
        json!({ "job": { "event": "clock", "everyMs": 1, "payload": "[1]" } }),
    )
    .unwrap();
    let (first, second) = (heard.recv().unwrap(), heard.recv().unwrap());
    assert_eq!(
        first.payload_json().as_ptr(),
        second.payload_json().as_ptr()
    );
}

#[test]
fn an_id_is_used_once_at_a_time_unless_it_is_replaced() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    let job = |event: &str, replace: bool| json!({ "job": { "event": event, "everyMs": 60_000, "id": "mine", "replace": replace } });
    main.call("start_periodic", job("a", false)).unwrap();
    let error = main.call("start_periodic", job("b", false)).unwrap_err();
    assert_eq!(code(&error), "duplicate_job");
    main.call("start_periodic", job("b", true)).unwrap();
    let listed = main.call("list_periodic", json!({})).unwrap();
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["event"]),
        (1, &json!("b"))
    );
    // Another page has ids of its own, and cannot reach this one's.
    assert_eq!(other.call("list_periodic", json!({})).unwrap(), json!([]));
    other.n = 0;
    assert_eq!(
        code(
            &other
                .call("stop_periodic", json!({ "id": "mine" }))
                .unwrap_err()
        ),
        "unknown_job"
    );
    other.call("start_periodic", job("c", false)).unwrap();
}

#[test]
fn bad_jobs_are_errors_that_name_the_value() {
    let mut limits = Limits::default();
    limits.periodic_jobs = 1;
    limits.payload_bytes = 100;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    let large = format!("\"{}\"", "x".repeat(100));
    let table = [
        (
            json!({ "event": "x", "everyMs": 0 }),
            "invalid_interval",
            "0 ms",
        ),
        (
            json!({ "event": "x", "everyMs": -5 }),
            "invalid_interval",
            "-5 ms",
        ),
        (
            json!({ "event": "x", "everyMs": null }),
            "invalid_interval",
            "missing",
        ),
        (
            json!({ "event": "x", "everyMs": 0.5 }),
            "invalid_interval",
            "0.5 ms",
        ),
        (
            json!({ "event": "x", "everyMs": 1e300 }),
            "invalid_interval",
            "at most a year",
        ),
        (
            json!({ "event": "x", "everyMs": "5" }),
            "invalid_argument",
            "5",
        ),
        (
            json!({ "event": "", "everyMs": 5 }),
            "invalid_event_name",
            "empty",
        ),
        (
            json!({ "event": "tauri://x", "everyMs": 5 }),
            "reserved_event_name",
            "tauri://x",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "payload": "{" }),
            "invalid_payload",
            "JSON",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "payload": large }),
            "payload_too_large",
            "102",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "to": "nobody" }),
            "unknown_target",
            "nobody",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "to": "a[" }),
            "invalid_pattern",
            "a[",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "count": 0 }),
            "invalid_argument",
            "count is 0",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "id": "" }),
            "invalid_argument",
            "id",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "every": 5 }),
            "invalid_argument",
            "every",
        ),
    ];
    for (job, expected, part) in table {
        let error = main
            .call("start_periodic", json!({ "job": job }))
            .unwrap_err();
        assert_eq!(code(&error), expected, "{job}");
        assert!(message(&error).contains(part), "{job} {error}");
    }
    main.call(
        "start_periodic",
        json!({ "job": { "event": "x", "everyMs": 60_000 } }),
    )
    .unwrap();
    let error = main
        .call(
            "start_periodic",
            json!({ "job": { "event": "x", "everyMs": 5 } }),
        )
        .unwrap_err();
    assert_eq!(code(&error), "too_many_jobs");
    assert!(message(&error).contains('1'));
}

#[test]
fn a_job_of_rust_makes_its_payload_at_each_tick() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let bus = app.event_bus();
    let job = bus
        .periodic("clock")
        .every(SHORT)
        .to("main")
        .payload_with(|tick| json!({ "n": tick.count }))
        .start()
        .unwrap();
    let received = main.receive_many(2);
    assert_eq!(received[0], ("clock".into(), json!({ "n": 1 })));
    assert_eq!(received[1], ("clock".into(), json!({ "n": 2 })));
    assert_eq!(bus.list_periodic()[0].id, job.id());
    assert!(job.info().ticks >= 2);
    job.stop();
    assert!(bus.list_periodic().is_empty());
}

#[test]
fn a_tick_that_fails_is_counted_and_the_job_goes_on() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let job = app
        .event_bus()
        .periodic("clock")
        .every(SHORT)
        .payload_with(|tick| {
            assert!(tick.count != 2, "this tick fails");
            tick.count
        })
        .start()
        .unwrap();
    let received = main.receive_many(2);
    assert_eq!(
        received,
        [("clock".into(), json!(1)), ("clock".into(), json!(3))]
    );
    assert_eq!(job.info().failed, 1);
}

#[test]
fn a_job_ends_with_its_guard_unless_it_is_kept() {
    let app = app();
    let bus = app.event_bus();
    let start = |id: &str| {
        bus.periodic("x")
            .every(Duration::from_secs(60))
            .id(id)
            .start()
            .unwrap()
    };
    drop(start("dropped"));
    start("kept").forget();
    let ids = || {
        bus.list_periodic()
            .into_iter()
            .map(|job| job.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["kept"]);
    // A guard whose job was replaced leaves the new one alone.
    let old = bus.periodic("x").every(SHORT).id("again").start().unwrap();
    let new = bus
        .periodic("x")
        .every(SHORT)
        .id("again")
        .replace()
        .start()
        .unwrap();
    drop(old);
    assert_eq!(ids(), ["again", "kept"]);
    drop(new);
    bus.stop_periodic("kept").unwrap();
    assert_eq!(
        bus.stop_periodic("kept").unwrap_err().code(),
        ErrorCode::UnknownJob
    );
    assert_eq!(
        bus.periodic("x").start().unwrap_err().code(),
        ErrorCode::InvalidInterval
    );
}

#[test]
fn a_job_of_a_webviews_bus_has_that_webview_as_its_source() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("clock");
    let job = main
        .webview
        .event_bus()
        .periodic("clock")
        .every(SHORT)
        .start()
        .unwrap();
    let batch = main.pull().rows();
    assert_eq!(batch[0][4], "main");
    drop(job);
}

#[test]
fn no_tick_follows_a_stop() {
    let app = app();
    let bus = app.event_bus();
    let (sender, heard) = std::sync::mpsc::channel();
    bus.listen("*", move |event| {
        sender.send(event.name().to_owned()).unwrap_or(())
    })
    .unwrap()
    .forget();
    let start = |name: &str| {
        bus.periodic(name)
            .every(Duration::from_millis(1))
            .start()
            .unwrap()
    };
    for _ in 0..20 {
        let job = start("clock");
        assert_eq!(heard.recv().unwrap(), "clock");
        job.stop();
        bus.emit("stopped", ()).unwrap();
        while heard.recv().unwrap() != "stopped" {}
        // Another job of the same interval measures the time in which it would have ticked again.
        let reference = start("reference");
        for _ in 0..3 {
            assert_eq!(heard.recv().unwrap(), "reference");
        }
        reference.stop();
        bus.emit("end", ()).unwrap();
        while heard.recv().unwrap() != "end" {}
    }
}
