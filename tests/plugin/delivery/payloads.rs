//! What a payload may be. `tests/payloads.json` has the cases, which the tests of the package read, too.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tauri_plugin_event_bus::periodic::SourceCall;
use tauri_plugin_event_bus::{Builder, ErrorCode, EventBusExt};

use crate::support::{Page, app, app_with, code, message};

/// The JSON of each payload, and a part of the message if it is refused.
fn payloads() -> Vec<(String, Option<String>)> {
    let table: Value = serde_json::from_str(include_str!("../../payloads.json")).unwrap();
    let payloads = table["payloads"].as_array().unwrap().iter();
    let text = |case: &Value, key: &str| case[key].as_str().unwrap_or_default().to_owned();
    payloads
        .map(|case| {
            let times = case["times"].as_u64().unwrap_or(0) as usize;
            let (open, close) = (
                text(case, "open").repeat(times),
                text(case, "close").repeat(times),
            );
            let json = format!("{open}{}{close}", text(case, "json"));
            (json, case["refused"].as_str().map(str::to_owned))
        })
        .collect()
}

#[test]
fn pages_emit_what_every_reader_reads() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let (sender, received) = std::sync::mpsc::channel();
    let _listener = app.event_bus().listen("x", move |event| {
        let _ = sender.send(event.payload::<Value>().map_err(|error| error.to_string()));
    });
    for (json, refused) in payloads() {
        let result = main.emit("x", &json);
        match refused {
            None => {
                assert!(result["seq"].is_u64(), "{json:.80}: {result}");
                let value = received.recv().unwrap();
                assert!(value.is_ok(), "{json:.80}: {value:?}");
            }
            Some(part) => {
                assert_eq!(code(&result), "invalid_payload", "{json:.80}");
                let message = message(&result);
                assert!(
                    message.contains(&part) && message.contains("\"x\""),
                    "{json:.80}: {message}"
                );
            }
        }
    }
}

#[test]
fn other_payloads_of_pages_are_checked_as_well() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let payload = r#"{"a":1,"a":2}"#;
    let job = json!({ "event": "x", "everyMs": 60_000, "payload": payload });
    assert_eq!(code(&main.start_job(job).unwrap_err()), "invalid_payload");
    let job = json!({ "event": "x", "everyMs": 60_000, "source": "none", "args": payload });
    assert_eq!(code(&main.start_job(job).unwrap_err()), "invalid_payload");
    main.call(
        "set_responders",
        json!({ "responders": [{ "name": "q", "on": true }] }),
    )
    .unwrap();
    let request = |payload: &str| {
        let id = if payload == "1" { 1 } else { 2 };
        let arguments = json!({ "session": main.session, "id": id, "name": "q", "to": "main", "payload": payload });
        crate::support::invoke(&main.webview, "request", arguments)
    };
    assert_eq!(
        code(&request(payload).wait().unwrap_err()),
        "invalid_payload"
    );
    let answer = request("1");
    let id = main.pull().wait().unwrap()["items"][0]["request"].take();
    let responses = json!([{ "request": id, "payload": payload }]);
    let results = main
        .call("respond", json!({ "responses": responses }))
        .unwrap();
    assert_eq!(code(&results[0]), "invalid_payload");
    assert_eq!(code(&answer.wait().unwrap_err()), "invalid_payload");
}

/// A value that nests so many arrays.
struct Nested(usize);

impl Serialize for Nested {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_unit(),
            depth => serializer.collect_seq([Nested(depth - 1)]),
        }
    }
}

#[test]
fn rust_emits_what_every_reader_reads() {
    let app = app();
    let bus = app.event_bus();
    for (json, refused) in payloads() {
        let Ok(raw) = serde_json::from_str::<Box<RawValue>>(&json) else {
            continue;
        };
        let emitted = bus.emit("x", &raw).map_err(|error| error.to_string());
        match refused {
            None => assert!(emitted.is_ok(), "{json:.80}: {emitted:?}"),
            Some(part) => assert!(emitted.unwrap_err().contains(&part), "{json:.80}"),
        }
    }
    assert!(bus.emit("x", Nested(127)).is_ok());
    let raw: Box<RawValue> = serde_json::from_str("[[]]").unwrap();
    assert!(bus.emit("x", [[&raw]]).is_ok());
    for depth in [128, 100_000] {
        let error = bus.emit("x", Nested(depth)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPayload);
        assert!(error.message().contains("more than 127 deep"), "{error}");
    }
}

#[test]
fn a_raw_value_counts_what_is_around_it() {
    let app = app();
    let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
    let raw: Box<RawValue> = serde_json::from_str(&deep).unwrap();
    assert!(app.event_bus().emit("x", [&raw]).is_ok());
    let error = app.event_bus().emit("x", [[&raw]]).unwrap_err();
    assert!(error.message().contains("more than 127 deep"), "{error}");
}

#[test]
fn sources_make_what_every_reader_reads() {
    let source = |_: &SourceCall| tauri_plugin_event_bus::Result::<Nested>::Ok(Nested(128));
    let app = app_with(Builder::new().job_source("deep", source));
    let mut main = Page::open(&app, "main");
    main.listen("event-bus:job-failed");
    main.start_job(json!({ "event": "x", "everyMs": 60_000, "source": "deep", "immediate": true }))
        .unwrap();
    let (_, failed) = main.receive().remove(0);
    assert!(
        failed.to_string().contains("more than 127 deep"),
        "{failed}"
    );
}
