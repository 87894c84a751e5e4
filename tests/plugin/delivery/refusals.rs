//! What is refused, on its own, with the rest of its batch accepted.

use serde_json::{Value, json};
use tauri_plugin_event_bus::{Builder, ErrorCode, EventBusExt, Limits};

use crate::support::{Page, app, app_with, code, message};

#[test]
fn a_bad_emit_leaves_its_batch_alone() {
    let mut limits = Limits::default();
    limits.payload_bytes = 100;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let long = "n".repeat(256);
    let large = format!("\"{}\"", "x".repeat(99));
    let results = main
        .call(
            "emit",
            json!({ "events": [
                { "event": "good:1", "payload": "1" },
                { "event": "", "payload": "1" },
                { "event": long, "payload": "1" },
                { "event": "a b", "payload": "1" },
                { "event": "tauri://focus", "payload": "1" },
                { "event": "x", "payload": "{" },
                { "event": "x", "payload": large },
                { "event": "x", "payload": "1", "to": "main" },
                { "event": 7 },
                { "event": "good:2" },
            ] }),
        )
        .unwrap();
    let codes: Vec<&str> = (1..9).map(|i| code(&results[i])).collect();
    assert_eq!(
        codes,
        [
            "invalid_event_name",
            "invalid_event_name",
            "invalid_event_name",
            "reserved_event_name",
            "invalid_payload",
            "payload_too_large",
            "invalid_argument",
            "invalid_argument",
        ]
    );
    assert!(message(&results[6]).contains("101") && message(&results[6]).contains("100"));
    assert_eq!(
        main.receive_many(2),
        [("good:1".into(), json!(1)), ("good:2".into(), Value::Null)]
    );
    assert_eq!(
        main.emit("x", &format!("\"{}\"", "x".repeat(98)))["pages"],
        1
    );
}

#[test]
fn rust_gets_the_same_errors() {
    let mut limits = Limits::default();
    limits.payload_bytes = 100;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let code = |result: tauri_plugin_event_bus::Result<_>| {
        result
            .map(|_: tauri_plugin_event_bus::Receipt| ())
            .unwrap_err()
            .code()
    };
    assert_eq!(code(bus.emit("", 1)), ErrorCode::InvalidEventName);
    assert_eq!(code(bus.emit("tauri://x", 1)), ErrorCode::ReservedEventName);
    assert_eq!(
        code(bus.emit("x", "y".repeat(99))),
        ErrorCode::PayloadTooLarge
    );
    for (payload, is_bytes) in [
        (json!("y".repeat(99)), false),
        (json!(vec![255_u8; 99]), true),
        (json!(vec![0.5; 40]), false),
    ] {
        let error = bus.emit("x", payload).unwrap_err();
        assert!(error.message().contains("`payloadBytes` is 100"), "{error}");
        assert_eq!(error.message().contains("Vec<u8>"), is_bytes, "{error}");
    }
    assert_eq!(code(bus.emit_to("a[", "x", 1)), ErrorCode::InvalidPattern);
    assert_eq!(code(bus.emit_to("", "x", 1)), ErrorCode::InvalidArgument);
    assert_eq!(
        code(bus.emit_to(Vec::<String>::new(), "x", 1)),
        ErrorCode::InvalidArgument
    );
    let unwritable = std::collections::HashMap::from([(vec![1], 1)]);
    assert_eq!(code(bus.emit("x", unwritable)), ErrorCode::InvalidPayload);
    assert_eq!(
        bus.listen("a**", |_| {}).unwrap_err().code(),
        ErrorCode::InvalidPattern
    );
}

#[test]
fn bad_subscriptions_are_refused_one_by_one() {
    let mut limits = Limits::default();
    limits.subscriptions_per_page = 2;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    let results = main
        .call(
            "subscribe",
            json!({ "subscriptions": [
                { "id": 1, "event": "a" },
                { "id": 1, "event": "b" },
                { "id": 2, "event": "a**" },
                { "id": 3, "event": "tauri://focus" },
                { "id": -1, "event": "a" },
                { "id": 4, "event": "b" },
                { "id": 5, "event": "c" },
            ] }),
        )
        .unwrap();
    assert!(results[0]["seq"].is_u64() && results[5]["seq"].is_u64());
    let codes: Vec<&str> = [1, 2, 3, 4, 6].map(|i| code(&results[i])).into();
    assert_eq!(
        codes,
        [
            "invalid_argument",
            "invalid_pattern",
            "reserved_event_name",
            "invalid_argument",
            "too_many_subscriptions"
        ]
    );
    assert!(message(&results[6]).contains('2'));
    main.call("unsubscribe", json!({ "ids": [1] })).unwrap();
    main.listen("c");
}

#[test]
fn a_broadcast_needs_the_permission_emit() {
    let app = app();
    let mut main = Page::open(&app, "main");
    for to in [json!({ "kind": "Any" }), json!(["main", { "kind": "Any" }])] {
        let result = main.emit_to(to, "x", "1");
        assert_eq!(code(&result), "invalid_argument");
        assert!(message(&result).contains("through emit"));
    }
    let unknown = main.emit_to(json!({ "kind": "Galaxy", "label": "main" }), "x", "1");
    assert_eq!(code(&unknown), "invalid_argument");
}

#[test]
fn a_command_has_a_bounded_number_of_entries() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let events = |count: usize| json!({ "events": vec![json!({ "event": "x" }); count] });
    assert_eq!(
        main.call("emit", events(1024))
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1024
    );
    let error = main.call("emit", events(1025)).unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
    assert!(message(&error).contains("1025") && message(&error).contains("1024"));
    let ids: Vec<u32> = (0..1025).collect();
    assert_eq!(
        code(&main.call("unsubscribe", json!({ "ids": ids })).unwrap_err()),
        "invalid_argument"
    );
    let subscriptions: Vec<Value> = (0..1025)
        .map(|id| json!({ "id": id, "event": "x" }))
        .collect();
    let error = main
        .call("subscribe", json!({ "subscriptions": subscriptions }))
        .unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
}
