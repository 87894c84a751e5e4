//! Waiting for an event in Rust.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::{EmitOptions, ErrorCode, EventBusExt};

use crate::support::{Page, app, exit};

#[test]
fn a_wait_counts_what_came_before_it_was_awaited() {
    let app = app();
    let bus = app.event_bus();
    let waits = bus
        .wait_for("import:*")
        .filter(|event| event.payload() == Ok(7));
    let first = bus.wait_for("import:*");
    bus.emit("other", 7).unwrap();
    for n in 0..200 {
        bus.emit("import:done", n).unwrap();
    }
    let event = block_on(waits).unwrap();
    assert_eq!(
        (event.name(), event.payload::<u8>()),
        ("import:done", Ok(7))
    );
    assert_eq!(block_on(first).unwrap().payload::<u8>(), Ok(0));
    assert_eq!(bus.emit("import:done", 7).unwrap().listeners, 0);
}

#[test]
fn a_wait_passes_over_many_events_and_goes_on() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let bus = app.event_bus();
    let waiting = bus
        .wait_for("x")
        .filter(|event| event.payload() == Ok(1000));
    let task = tauri::async_runtime::spawn(waiting);
    for n in 0..=1000 {
        main.emit("x", &n.to_string());
    }
    assert_eq!(block_on(task).unwrap().unwrap().payload::<u16>(), Ok(1000));
}

#[test]
fn a_wait_takes_what_is_retained_or_for_the_host() {
    let app = app();
    Page::open(&app, "main");
    let bus = app.event_bus();
    bus.emit_with("x", 1, EmitOptions::new().retain(true))
        .unwrap();
    assert!(block_on(bus.wait_for("x")).unwrap().is_retained());
    let fresh = bus.wait_for("x").filter(|event| !event.is_retained());
    bus.emit_to("main", "x", 2).unwrap();
    bus.emit("x", 3).unwrap();
    assert_eq!(block_on(fresh).unwrap().payload::<u8>(), Ok(3));
}

#[test]
fn a_wait_ends_with_its_timeout_and_with_the_app() {
    let app = app();
    let bus = app.event_bus();
    let shortest = Duration::from_millis(1);
    let error = block_on(bus.wait_for("never").timeout(shortest)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout);
    for part in ["\"never\"", "1ms"] {
        assert!(error.message().contains(part), "{error}");
    }
    for wrong in [Duration::ZERO, Duration::from_secs(86_401)] {
        let error = block_on(bus.wait_for("x").timeout(wrong)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains(&format!("{wrong:?}")), "{error}");
    }
    let error = block_on(bus.wait_for("a b")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidEventName);
    let error = block_on(bus.namespace("a b").wait_for("x")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidEventName);

    // An event that is there counts, whenever the future is polled.
    let there = bus.wait_for("x").timeout(shortest);
    bus.emit("x", 1).unwrap();
    assert!(block_on(there).is_ok());

    Page::open(&app, "main");
    let mut waiting = bus.wait_for("never").timeout(Duration::from_secs(3600));
    let polled = block_on(poll_fn(|context| {
        Poll::Ready(Pin::new(&mut waiting).poll(context).is_pending())
    }));
    assert!(polled);
    exit(app);
    let error = block_on(waiting).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
}

#[test]
fn a_wait_that_is_dropped_leaves_nothing() {
    let app = app();
    let bus = app.event_bus();
    let waiting = bus.wait_for("x");
    assert_eq!(bus.emit("x", 1).unwrap().listeners, 1);
    drop(waiting);
    assert_eq!(bus.emit("x", 1).unwrap().listeners, 0);
    assert_eq!(bus.inspect().consumers.len(), 1);
}
