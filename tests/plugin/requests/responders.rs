//! Responders, and how many requests they take.

use std::future::IntoFuture;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::request::ResponderResult;
use tauri_plugin_event_bus::{Builder, Endpoint, ErrorCode, EventBusExt, Limits, Target};

use crate::support::{Page, app, app_with, code, message};

use super::{PATIENCE, send};

#[test]
fn a_request_waits_for_a_starting_page() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let sent = send(&bus, "main", "q");
    main.set_responder("other", true);
    main.set_responder("q", true);
    let request = main.next_request();
    main.respond(&request, "1");
    assert_eq!(sent.wait().unwrap(), 1);
    let error = send(&bus, Target::host(), "nobody").error();
    assert_eq!(error.code(), ErrorCode::NoResponder);
    assert!(error.message().contains("\"nobody\""), "{error}");
}

#[test]
fn a_name_has_one_responder() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    assert_eq!(code(&main.set_responder("q", true)), "duplicate_responder");
    main.set_responder("q", false);
    assert_eq!(main.set_responder("q", true), json!({}));

    let handler = async |()| Ok(1);
    let first = bus.respond("q", handler).unwrap();
    let error = bus.respond("q", handler).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DuplicateResponder);
    assert!(error.message().contains("responders.rs:"), "{error}");
    drop(first);
    bus.respond("q", handler).unwrap().forget();
    assert!(bus.respond("q", handler).is_err());
}

#[test]
fn an_ended_responder_completes_its_requests() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    main.listen("x");
    let sent = send(&app.event_bus(), "main", "q");
    let request = main.next_request();
    main.set_responder("q", false);
    main.respond(&request, "1");
    assert_eq!(sent.wait().unwrap(), 1);
    main.set_responder("q", true);
    let sent = send(&app.event_bus(), "main", "q");
    let request = main.next_request();
    main.respond_with(json!({ "request": request["request"], "declined": true }));
    assert_eq!(sent.error().code(), ErrorCode::NoResponder);
}

#[test]
fn the_main_thread_waits_for_no_page() {
    let app = app();
    let bus = app.event_bus();
    let _main = Page::open(&app, "main");
    let outcome = block_on(bus.request::<Value>("main", "q", ()).into_future());
    assert_eq!(outcome.unwrap_err().code(), ErrorCode::WouldBlock);
    let outcome = block_on(bus.request_all::<Value>("*", "q", ()).into_future());
    assert_eq!(outcome.unwrap_err().code(), ErrorCode::WouldBlock);
    // The host responds on threads of its own.
    let handler = async |()| Ok(1);
    bus.respond("q", handler).unwrap().forget();
    let outcome = block_on(bus.request::<u8>(Target::host(), "q", ()).into_future());
    assert_eq!(outcome, Ok(1));
}

#[test]
fn open_requests_and_responders_are_limited() {
    let mut limits = Limits::default();
    limits.requests_per_caller = 2;
    limits.requests_per_page = 3;
    limits.responders_per_page = 2;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    main.set_responder("r", true);
    let refused = main.set_responder("s", true);
    assert_eq!(code(&refused), "queue_full");
    assert!(message(&refused).contains("respondersPerPage"));
    let other = Page::open(&app, "other");
    let mut open = Vec::new();
    for id in 1..=2 {
        open.push(other.request(id, json!("main"), "q"));
        main.next_request();
    }
    let refused = other.request(3, json!("main"), "q").wait().unwrap_err();
    assert_eq!(code(&refused), "queue_full");
    assert!(message(&refused).contains("requestsPerCaller"));
    let third = send(&bus, "main", "q");
    let request = main.next_request();
    let error = send(&bus, "main", "q").error();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("requestsPerPage"), "{error}");
    main.respond(&request, "1");
    assert_eq!(third.wait().unwrap(), 1);
    let _fourth = send(&bus, "main", "q");
    assert_eq!(main.next_request()["name"], "q");
}

#[test]
fn host_responders_fail_panic_block_and_are_dropped() {
    let app = app();
    let bus = app.event_bus();
    bus.respond("fails", async |()| Err::<(), _>("no".into()))
        .unwrap()
        .forget();
    let panics = async |()| -> ResponderResult<u8> { panic!("oh") };
    bus.respond("panics", panics).unwrap().forget();
    bus.respond_blocking("blocks", |(), _| Ok(5))
        .unwrap()
        .forget();
    let panics = |(), _| -> ResponderResult<u8> { panic!("oh") };
    bus.respond_blocking("blocks:panics", panics)
        .unwrap()
        .forget();
    let send = |name: &str| {
        let sent = bus.request::<u8>(Target::host(), name, ());
        let outcome = block_on(sent.into_future());
        outcome.map_err(|error| (error.code(), error.message().to_owned()))
    };
    let (code, text) = send("fails").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    assert!(text.ends_with("failed: Error: no"), "{text}");
    let (code, text) = send("panics").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    assert!(text.contains("oh"), "{text}");
    assert_eq!(send("blocks"), Ok(5));
    let (code, _) = send("blocks:panics").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    let refused = bus.request::<u8>(Target::host(), "blocks", "no unit");
    let error = block_on(refused.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);

    // The future of a responder is dropped once its request has ended.
    let (guard, dropped) = mpsc::channel::<()>();
    let guard = std::sync::Mutex::new(Some(guard));
    let hangs = move |(), context: tauri_plugin_event_bus::request::RequestContext| {
        let guard = guard.lock().unwrap().take();
        assert_eq!(*context.caller(), Endpoint::Host);
        async move {
            let _guard = guard;
            std::future::pending::<ResponderResult<u8>>().await
        }
    };
    bus.respond_with("hangs", hangs).unwrap().forget();
    let request = bus.request::<u8>(Target::host(), "hangs", ());
    let request = request.timeout(Duration::from_millis(50));
    let error = block_on(request.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout);
    let ended = dropped.recv_timeout(PATIENCE);
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn blocking_calls_count_until_they_return() {
    let mut limits = tauri_plugin_event_bus::Limits::default();
    limits.requests_per_page = 2;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let (called, calls) = mpsc::channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    bus.respond_blocking("slow", move |(), _| {
        called.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        Ok(1)
    })
    .unwrap()
    .forget();
    let send = || {
        let sent = bus.request::<u8>(Target::host(), "slow", ());
        let sent = sent.timeout(std::time::Duration::from_millis(20));
        block_on(sent.into_future()).map_err(|error| error.code())
    };
    // Both requests end, and their functions still run.
    for _ in 0..2 {
        assert_eq!(send(), Err(ErrorCode::Timeout));
        calls.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(send(), Err(ErrorCode::QueueFull));
    assert!(calls.try_recv().is_err());
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    // Once both have returned, requests are accepted again.
    while send() == Err(ErrorCode::QueueFull) {}
}
