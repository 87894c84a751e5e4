//! Answers over Tauri's postMessage path, which pastes them into a script and evaluates it.

use serde_json::{Value, json};
use tauri_plugin_event_bus::EventBusExt;

use crate::support::{Page, Pending, app, invoke_by_message};

/// The JSON in an answer, which is an array of that one string.
fn unquoted(answer: Pending) -> String {
    let text = answer.text();
    let [json]: [String; 1] = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: the answer is evaluated as it is: {text:.200}"));
    json
}

/// JSON that means something else in a script, and text that ends one.
const PAYLOADS: [&str; 5] = [
    r#"{"__proto__":{"isAdmin":true}}"#,
    r#"[{"a":{"__proto__":null}}]"#,
    "\"</script>\u{2028}\\u2028'\\\"\\\\\"",
    r#"["text"]"#,
    "null",
];

#[test]
fn evaluated_batches_are_strings() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("x");
    for (ack, payload) in (0..).zip(PAYLOADS) {
        assert!(main.emit("x", payload)["seq"].is_u64());
        let pull = json!({ "session": main.session, "ack": ack });
        let batch = unquoted(invoke_by_message(&main.webview, "pull", pull));
        assert!(batch.contains(&format!(",{payload}]]")), "{batch}");
    }
}

#[test]
fn evaluated_answers_of_all_commands_are_strings() {
    let app = app();
    let page = Page::open(&app, "main");
    let session = &page.session;
    let job = json!({ "event": "x", "everyMs": 60_000, "id": "__proto__" });
    let commands = [
        (
            "subscribe",
            json!({ "subscriptions": [{ "id": 1, "event": "x" }] }),
        ),
        (
            "emit",
            json!({ "events": [{ "event": "x" }, { "event": "no name" }] }),
        ),
        (
            "emit_to",
            json!({ "events": [{ "event": "x", "to": "main" }] }),
        ),
        ("start_job", json!({ "job": job })),
        ("pause_job", json!({ "id": "__proto__" })),
        ("resume_job", json!({ "id": "__proto__" })),
        (
            "update_job",
            json!({ "id": "__proto__", "changes": { "everyMs": 70_000 } }),
        ),
        (
            "set_responders",
            json!({ "responders": [{ "name": "sum", "on": true }] }),
        ),
        (
            "respond",
            json!({ "responses": [{ "request": "unknown" }] }),
        ),
        ("list_jobs", json!({})),
        ("catalog", json!({})),
        ("inspect", json!({})),
        ("stop_job", json!({ "id": "__proto__" })),
        ("unsubscribe", json!({ "ids": [1] })),
        ("cancel_request", json!({ "ids": [1] })),
    ];
    let mut n = 0;
    for (command, mut arguments) in commands {
        n += 1;
        arguments["session"] = json!(session);
        arguments["n"] = json!(n);
        let send = || unquoted(invoke_by_message(&page.webview, command, arguments.clone()));
        let answer = send();
        assert!(
            serde_json::from_str::<Value>(&answer).is_ok(),
            "{command}: {answer}"
        );
        if matches!(
            command,
            "list_jobs" | "catalog" | "inspect" | "cancel_request"
        ) {
            n -= 1;
        } else {
            assert_eq!(send(), answer, "a copy of {command}");
        }
    }
}

/// Sends a request from `main` to `other`, which responds with this JSON, and returns the answer.
fn respond_with(response: &str, send: impl FnOnce(&Page, Value) -> Pending) -> Pending {
    let app = app();
    let main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other
        .call(
            "set_responders",
            json!({ "responders": [{ "name": "q", "on": true }] }),
        )
        .unwrap();
    let request = json!({ "session": main.session, "id": 1, "name": "q", "to": "other" });
    let answer = send(&main, request);
    let id = other.pull().wait().unwrap()["items"][0]["request"].take();
    let responses = json!([{ "request": id, "payload": response }]);
    other
        .call("respond", json!({ "responses": responses }))
        .unwrap();
    answer
}

#[test]
fn evaluated_responses_are_strings() {
    for response in PAYLOADS {
        let answer = respond_with(response, |main, request| {
            invoke_by_message(&main.webview, "request", request)
        });
        assert_eq!(unquoted(answer), response);
    }
}

#[test]
fn a_fetched_response_is_quoted_if_it_may_look_so() {
    for (response, is_quoted) in [
        (r#"["text"]"#, true),
        (r#" [ "text" ] "#, true),
        (r#"["text",1]"#, true),
        (r#"[["text"]]"#, false),
        (r#"[]"#, false),
        (r#""text""#, false),
        (r#"{"__proto__":{"isAdmin":true}}"#, false),
    ] {
        let answer = respond_with(response, |main, request| {
            crate::support::invoke(&main.webview, "request", request)
        });
        if is_quoted {
            assert_eq!(unquoted(answer), response);
        } else {
            assert_eq!(answer.text(), response);
        }
    }
}

#[test]
fn evaluated_batches_stay_under_8_kib() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    for payload in ["\"", "\\", "y"] {
        for _ in 0..100 {
            app.event_bus().emit("x", payload.repeat(50)).unwrap();
        }
    }
    let mut received = 0;
    while received < 300 {
        let pull = json!({ "session": main.session, "ack": received });
        let text = invoke_by_message(&main.webview, "pull", pull).text();
        assert!(text.len() < 8192, "{} bytes", text.len());
        let [batch]: [String; 1] = serde_json::from_str(&text).unwrap();
        let batch: Value = serde_json::from_str(&batch).unwrap();
        let events = crate::support::rows(&batch).as_array().unwrap().len();
        assert!(events > 3, "{events} events in a batch");
        received += events;
    }
}

#[test]
fn an_inspection_names_pages_that_fell_back() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("x");
    let is_evaluated = || {
        let page = app.event_bus().inspect().webviews.remove(0).page;
        page.unwrap().is_evaluated
    };
    let first = main.pull();
    assert!(!is_evaluated());
    let pull = json!({ "session": main.session, "ack": 0 });
    let second = invoke_by_message(&main.webview, "pull", pull);
    assert!(is_evaluated());
    assert_eq!(first.rows(), json!([]));
    assert!(second.is_open());
}
