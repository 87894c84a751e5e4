//! Responders, and how many requests they take.

use std::future::IntoFuture;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::{
    Builder, Endpoint, ErrorCode, EventBusExt, Limits, ResponderResult, Target,
};

use crate::support::{Page, app, app_with, code, message};

use super::{PATIENCE, ask};

#[test]
fn a_request_waits_for_a_starting_page() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let asked = ask(&bus, "main", "q");
    main.respond("other", true);
    main.respond("q", true);
    let question = main.question();
    main.answer(&question, "1");
    assert_eq!(asked.wait().unwrap(), 1);
    let error = ask(&bus, Target::host(), "nobody").error();
    assert_eq!(error.code(), ErrorCode::NoResponder);
    assert!(error.message().contains("\"nobody\""), "{error}");
}

#[test]
fn a_name_has_one_responder() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    assert_eq!(code(&main.respond("q", true)), "duplicate_responder");
    main.respond("q", false);
    assert_eq!(main.respond("q", true), json!({}));

    let answer = async |()| Ok(1);
    let first = bus.respond("q", answer).unwrap();
    let error = bus.respond("q", answer).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DuplicateResponder);
    assert!(error.message().contains("responders.rs:"), "{error}");
    drop(first);
    bus.respond("q", answer).unwrap().forget();
    assert!(bus.respond("q", answer).is_err());
}

#[test]
fn an_ended_responder_completes_its_requests() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    main.listen("x");
    let asked = ask(&app.event_bus(), "main", "q");
    let question = main.question();
    main.respond("q", false);
    main.answer(&question, "1");
    assert_eq!(asked.wait().unwrap(), 1);
    main.respond("q", true);
    let asked = ask(&app.event_bus(), "main", "q");
    let question = main.question();
    main.reply(json!({ "request": question["request"], "declined": true }));
    assert_eq!(asked.error().code(), ErrorCode::NoResponder);
}

#[test]
fn the_main_thread_waits_for_no_page() {
    let app = app();
    let bus = app.event_bus();
    let _main = Page::open(&app, "main");
    let asked = block_on(bus.request::<Value>("main", "q", ()).into_future());
    assert_eq!(asked.unwrap_err().code(), ErrorCode::WouldBlock);
    let asked = block_on(bus.request_all::<Value>("*", "q", ()).into_future());
    assert_eq!(asked.unwrap_err().code(), ErrorCode::WouldBlock);
    // Rust answers on its own threads.
    let answer = async |()| Ok(1);
    bus.respond("q", answer).unwrap().forget();
    let asked = block_on(bus.request::<u8>(Target::host(), "q", ()).into_future());
    assert_eq!(asked, Ok(1));
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
    main.respond("q", true);
    main.respond("r", true);
    let refused = main.respond("s", true);
    assert_eq!(code(&refused), "queue_full");
    assert!(message(&refused).contains("respondersPerPage"));
    let other = Page::open(&app, "other");
    let mut open = Vec::new();
    for id in 1..=2 {
        open.push(other.ask(id, json!("main"), "q"));
        main.question();
    }
    let refused = other.ask(3, json!("main"), "q").wait().unwrap_err();
    assert_eq!(code(&refused), "queue_full");
    assert!(message(&refused).contains("requestsPerCaller"));
    let third = ask(&bus, "main", "q");
    let question = main.question();
    let error = ask(&bus, "main", "q").error();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("requestsPerPage"), "{error}");
    main.answer(&question, "1");
    assert_eq!(third.wait().unwrap(), 1);
    let _fourth = ask(&bus, "main", "q");
    assert_eq!(main.question()["name"], "q");
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
    let ask = |name: &str| {
        let asked = bus.request::<u8>(Target::host(), name, ());
        let answer = block_on(asked.into_future());
        answer.map_err(|error| (error.code(), error.message().to_owned()))
    };
    let (code, text) = ask("fails").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    assert!(text.ends_with("failed: Error: no"), "{text}");
    let (code, text) = ask("panics").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    assert!(text.contains("oh"), "{text}");
    assert_eq!(ask("blocks"), Ok(5));
    let (code, _) = ask("blocks:panics").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    let refused = bus.request::<u8>(Target::host(), "blocks", "no unit");
    let error = block_on(refused.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);

    // Its future is dropped when nobody waits any more.
    let (guard, dropped) = mpsc::channel::<()>();
    let guard = std::sync::Mutex::new(Some(guard));
    let hangs = move |(), context: tauri_plugin_event_bus::RequestContext| {
        let guard = guard.lock().unwrap().take();
        assert_eq!(*context.source(), Endpoint::Host);
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
    let (go_on, told) = mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    bus.respond_blocking("slow", move |(), _| {
        called.send(()).unwrap();
        told.lock().unwrap().recv().unwrap();
        Ok(1)
    })
    .unwrap()
    .forget();
    let ask = || {
        let asked = bus.request::<u8>(Target::host(), "slow", ());
        let asked = asked.timeout(std::time::Duration::from_millis(20));
        block_on(asked.into_future()).map_err(|error| error.code())
    };
    // Both end, and their functions are at it still.
    for _ in 0..2 {
        assert_eq!(ask(), Err(ErrorCode::Timeout));
        calls.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(ask(), Err(ErrorCode::QueueFull));
    assert!(calls.try_recv().is_err());
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    // Their places are free again.
    while ask() == Err(ErrorCode::QueueFull) {}
}
