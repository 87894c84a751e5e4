//! Options that are refused.

use serde_json::json;
use tauri_plugin_event_bus::{Builder, Limits};

use crate::support::{Page, app, app_with, code, message};

#[test]
fn bad_jobs_are_errors_that_name_the_value() {
    let mut limits = Limits::default();
    limits.jobs = 1;
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
        let error = main.call("start_job", json!({ "job": job })).unwrap_err();
        assert_eq!(code(&error), expected, "{job}");
        assert!(message(&error).contains(part), "{job} {error}");
    }
    main.call(
        "start_job",
        json!({ "job": { "event": "x", "everyMs": 60_000 } }),
    )
    .unwrap();
    let error = main
        .call(
            "start_job",
            json!({ "job": { "event": "x", "everyMs": 5 } }),
        )
        .unwrap_err();
    assert_eq!(code(&error), "too_many_jobs");
    assert!(message(&error).contains('1'));
}

#[test]
fn invalid_options_start_nothing() {
    let app = app();
    let mut main = Page::open(&app, "main");
    for (options, expected, part) in [
        (
            json!({ "missedTicks": "later" }),
            "invalid_argument",
            "later",
        ),
        (json!({ "jitterMs": 1000 }), "invalid_argument", "jitter"),
        (json!({ "jitterMs": -1 }), "invalid_argument", "jitterMs"),
        (
            json!({ "startDelayMs": -1 }),
            "invalid_argument",
            "startDelayMs",
        ),
        (
            json!({ "startDelayMs": 1e12 }),
            "invalid_argument",
            "a year",
        ),
        (json!({ "everyMs": 4e10 }), "invalid_interval", "a year"),
        (json!({ "maxFailures": 0 }), "invalid_argument", "failures"),
        (
            json!({ "owner": "everybody" }),
            "invalid_argument",
            "everybody",
        ),
        (json!({ "owner": { "kind": "host" } }), "denied", "owner"),
        (
            json!({ "owner": { "kind": "app" } }),
            "invalid_argument",
            "app",
        ),
        (json!({ "source": "cpu" }), "unknown_source", "cpu"),
        (json!({ "args": "1" }), "invalid_argument", "source"),
        (
            json!({ "source": "cpu", "payload": "1" }),
            "invalid_argument",
            "not both",
        ),
        (
            json!({ "source": "cpu", "args": "{" }),
            "invalid_payload",
            "JSON",
        ),
    ] {
        let mut job = json!({ "event": "x", "everyMs": 1000 });
        for (key, value) in options.as_object().unwrap() {
            job[key] = value.clone();
        }
        let error = main.start_job(job).unwrap_err();
        assert_eq!(code(&error), expected, "{options}");
        assert!(message(&error).contains(part), "{options} {error}");
    }
    assert_eq!(main.call("list_jobs", json!({})).unwrap(), json!([]));
}
