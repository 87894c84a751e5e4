//! Requests and their responses, as they travel.

use std::future::{IntoFuture, poll_fn};
use std::sync::mpsc;
use std::task::Poll;

use serde_json::{Value, json};
use tauri::async_runtime::{block_on, spawn};
use tauri_plugin_event_bus::{Builder, ErrorCode, EventBusExt, Limits};

use crate::support::{Page, app, app_with, code};

use super::{PATIENCE, send};

#[test]
fn the_host_gets_the_response_of_a_page() {
    let app = app();
    let mut main = Page::open(&app, "main");
    assert_eq!(main.set_responder("confirm", true), json!({}));
    let sent = send(&app.event_bus(), "main", "confirm");
    let request = main.next_request();
    assert_eq!(
        (&request["name"], &request["source"], &request["payload"]),
        (&json!("confirm"), &json!(0), &json!({ "n": 1 }))
    );
    assert_eq!(request["request"].as_str().unwrap().len(), 32);
    assert_eq!(main.respond(&request, "{\"yes\":true}"), json!({}));
    assert_eq!(sent.wait().unwrap(), json!({ "yes": true }));
}

#[test]
fn a_request_keeps_its_place_among_events() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let own = bus.clone();
    let (sender, was_polled) = mpsc::channel();
    let sent = spawn(async move {
        let mut sent = own.request::<u8>("main", "q", ()).into_future();
        // A request is sent once it is polled.
        let polled = poll_fn(|context| Poll::Ready(sent.as_mut().poll(context))).await;
        sender.send(polled.is_pending()).unwrap();
        sent.await
    });
    assert!(was_polled.recv_timeout(PATIENCE).unwrap());
    bus.emit("x", 1).unwrap();
    // The waiting request arrives once the page responds to its name.
    main.set_responder("q", true);
    bus.emit("x", 2).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        for item in main.items() {
            if item.is_object() {
                main.respond(&item, "1");
            }
            seen.push(item.get(6).cloned());
        }
    }
    let place = seen.iter().position(Option::is_none).unwrap();
    let events: Vec<Value> = seen.into_iter().flatten().collect();
    assert_eq!(events, [json!(1), json!(2)]);
    assert_eq!(place, 1);
    assert_eq!(block_on(sent).unwrap(), Ok(1));
}

#[test]
fn a_page_sends_requests_to_a_page_and_the_host() {
    let app = app();
    let sum = async |numbers: Vec<i64>| Ok(numbers.iter().sum::<i64>());
    app.event_bus().respond("sum", sum).unwrap().forget();
    let mut main = Page::open(&app, "main");
    main.set_responder("confirm", true);
    let other = Page::open(&app, "other");
    let pending = other.request(1, json!("main"), "confirm");
    let request = main.next_request();
    assert_eq!(request["source"], "other");
    assert_eq!(request["payload"], Value::Null);
    main.respond(&request, "\"yes\"");
    assert_eq!(pending.wait().unwrap(), "yes");
    let pending = other.request_with(
        json!({ "id": 2, "to": { "kind": "host" }, "name": "sum", "payload": "[1,2,3]" }),
    );
    assert_eq!(pending.wait().unwrap(), 6);
    let window = json!({ "kind": "Window", "label": "main" });
    let pending = other.request(3, window, "confirm");
    let request = main.next_request();
    main.respond(&request, "1");
    assert_eq!(pending.wait().unwrap(), 1);
}

#[test]
fn a_failure_has_a_name_a_message_and_maybe_a_stack() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let sent = send(&app.event_bus(), "main", "q");
    let request = main.next_request();
    let failure = json!({ "name": "TypeError", "message": "x is \u{202e}no function" });
    main.respond_with(json!({ "request": request["request"], "failure": failure }));
    let error = sent.error();
    assert_eq!(error.code(), ErrorCode::ResponderFailed);
    assert!(error.message().contains(r"TypeError: x is \u{202e}no"));
    let failure = error.failure().unwrap();
    assert_eq!(
        (&*failure.name, failure.stack.as_deref()),
        ("TypeError", None)
    );

    let other = Page::open(&app, "other");
    let pending = other.request(1, json!("main"), "q");
    let request = main.next_request();
    let failure = json!({ "name": "E", "message": "m", "stack": "a\nb" });
    main.respond_with(json!({ "request": request["request"], "failure": failure }));
    let error = pending.wait().unwrap_err();
    assert_eq!(code(&error), "responder_failed");
    assert_eq!(error["failure"], failure);
}

#[test]
fn a_page_responds_once_and_to_its_requests_alone() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut thief = Page::open(&app, "other");
    main.set_responder("q", true);
    thief.set_responder("q", true);
    let sent = send(&app.event_bus(), "main", "q");
    let request = main.next_request();
    for unknown in [
        request["request"].clone(),
        json!("0".repeat(32)),
        json!("x"),
    ] {
        let entry = json!({ "request": unknown, "payload": "\"stolen\"" });
        assert_eq!(code(&thief.respond_with(entry)), "unknown_request");
    }
    let entry = json!({ "request": request["request"], "payload": "1" });
    let arguments = json!({ "responses": [entry] });
    main.call("respond", arguments.clone()).unwrap();
    // The same command, as WebKit resends it, gets the same result. A new command is too late.
    let again = main.repeat("respond", arguments.clone()).wait();
    assert_eq!(again.unwrap(), json!([{}]));
    let late = main.call("respond", arguments).unwrap();
    assert_eq!(code(&late[0]), "unknown_request");
    assert_eq!(sent.wait().unwrap(), 1);
}

#[test]
fn an_invalid_response_ends_the_request() {
    let mut limits = Limits::default();
    limits.payload_bytes = 100;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    for (payload, expected) in [
        (text(100), None),
        (text(101), Some("payload_too_large")),
        ("{".to_owned(), Some("invalid_payload")),
    ] {
        let sent = send(&bus, "main", "q");
        let request = main.next_request();
        let result = main.respond(&request, &payload);
        match expected {
            None => assert_eq!((result, sent.wait().is_ok()), (json!({}), true)),
            Some(expected) => {
                assert_eq!(code(&result), expected);
                assert_eq!(sent.error().code().as_str(), expected);
            }
        }
    }
    let long = bus.request::<Value>("main", "q", "x".repeat(99));
    let error = block_on(spawn(async move { long.await }))
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::PayloadTooLarge);
}

#[test]
fn a_response_of_another_type_is_an_error() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let request = app.event_bus().request::<Vec<Option<u8>>>("main", "q", ());
    let task = spawn(async move { request.await });
    let request = main.next_request();
    main.respond(&request, "[1,\"x\"]");
    let error = block_on(task).unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    #[cfg(feature = "typed")]
    assert!(error.message().contains("[1]"), "{error}");
}

#[test]
fn request_all_reaches_several_pages() {
    let app = app();
    let bus = app.event_bus();
    let mut one = Page::open(&app, "editor-1");
    let mut two = Page::open(&app, "editor-2");
    one.set_responder("q", true);
    two.set_responder("q", true);
    let task = spawn(async move { bus.request_all::<u8>("editor-*", "q", ()).await });
    let request = two.next_request();
    two.respond(&request, "2");
    let request = one.next_request();
    one.respond(&request, "\"x\"");
    let responses = block_on(task).unwrap().unwrap();
    let labels: Vec<&str> = responses.iter().map(|(label, _)| &**label).collect();
    assert_eq!(labels, ["editor-1", "editor-2"]);
    let error = responses[0].1.as_ref().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    assert_eq!(responses[1].1, Ok(2));
}
