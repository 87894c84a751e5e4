//! Compatible mode: what code that was written for Tauri's own events sees, and what the report says.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::test::MockRuntime;
use tauri::{App, EventTarget, Runtime};
use tauri_plugin_event_bus::compat::{CompatKind, Emitter, Event, Listener};
use tauri_plugin_event_bus::{Builder, EventBusExt, Limits};

use crate::support::{Page, app, app_with, code};

const PATIENCE: Duration = Duration::from_secs(20);

fn compatible() -> App<MockRuntime> {
    app_with(Builder::new().compatible())
}

/// Subscribes as the entry does.
fn listen(page: &mut Page, event: &str, target: Value) -> Value {
    let subscription = json!({ "id": page.n, "event": event, "target": target, "replay": true, "retained": true, "compatible": true });
    let results = page.call("subscribe", json!({ "subscriptions": [subscription] }));
    results.unwrap()[0].take()
}

fn emit_to(page: &mut Page, to: Value, event: &str) -> Value {
    let event = json!({ "event": event, "payload": "1", "to": to, "compatible": true });
    page.call("emit_to", json!({ "events": [event] })).unwrap()[0].take()
}

fn any() -> Value {
    json!({ "kind": "Any" })
}

fn labeled(label: &str) -> Value {
    json!({ "kind": "AnyLabel", "label": label })
}

/// The kinds of the report for an event, in their order.
fn noted(app: &App<MockRuntime>, event: &str) -> Vec<CompatKind> {
    let notes = app.event_bus().compat_report().notes.into_iter();
    notes
        .filter(|note| note.event == event)
        .map(|note| note.kind)
        .collect()
}

fn recorder() -> (impl Fn(Event) + Send + 'static, mpsc::Receiver<String>) {
    let (sender, receiver) = mpsc::channel();
    let record = move |event: Event| sender.send(event.payload().to_owned()).unwrap_or(());
    (record, receiver)
}

#[test]
fn an_unknown_label_is_no_error_and_is_noted() {
    let app = compatible();
    let mut main = Page::open(&app, "main");
    assert!(emit_to(&mut main, labeled("hub"), "chat")["seq"].is_u64());
    Emitter::emit_to(&app, "hub", "talk", 1).unwrap();
    let report = app.event_bus().compat_report();
    assert_eq!(report.notes.len(), 2);
    let message = &report.notes[0].message;
    assert!(message.contains("\"hub\"; there are \"main\""), "{message}");
    // The API of the bus keeps its rules.
    assert!(app.event_bus().emit_to("hub", "chat", 1).is_err());
}

#[test]
fn without_the_mode_its_fields_change_nothing() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let refused = emit_to(&mut main, labeled("hub"), "chat");
    assert_eq!(code(&refused), "unknown_target");
    assert_eq!(code(&listen(&mut main, "x", labeled("side"))), "denied");
    let error = Emitter::emit_to(&app, "hub", "chat", 1).unwrap_err();
    assert!(
        error.to_string().contains("no webview has the label"),
        "{error}"
    );
    assert!(app.event_bus().compat_report().is_empty());
}

#[test]
fn a_plain_listener_receives_what_is_for_others() {
    let app = compatible();
    let (mut main, mut side) = (Page::open(&app, "main"), Page::open(&app, "side"));
    listen(&mut main, "chat", any());
    listen(&mut side, "chat", labeled("side"));
    let bus = app.event_bus();
    bus.emit_to("side", "chat", 1).unwrap();
    bus.emit_to("main", "chat", 2).unwrap();
    bus.emit("chat", 3).unwrap();
    let payloads = |received: Vec<(String, Value)>| -> Vec<Value> {
        received.into_iter().map(|(_, payload)| payload).collect()
    };
    assert_eq!(payloads(main.receive_many(3)), [1, 2, 3]);
    assert_eq!(payloads(side.receive_many(2)), [1, 3]);
    assert_eq!(
        noted(&app, "chat"),
        [CompatKind::OtherTarget, CompatKind::Broadcast]
    );
}

#[test]
fn a_strict_listener_beside_it_keeps_its_rules() {
    let app = compatible();
    let (mut main, _side) = (Page::open(&app, "main"), Page::open(&app, "side"));
    main.listen("chat");
    let bus = app.event_bus();
    bus.emit_to("side", "chat", 1).unwrap();
    bus.emit("chat", 2).unwrap();
    assert_eq!(main.receive(), [("chat".to_owned(), json!(2))]);
}

#[test]
fn nothing_is_replayed_and_the_report_counts_it() {
    let app = compatible();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    for row in 0..3 {
        bus.emit("row", row).unwrap();
    }
    listen(&mut main, "row", any());
    bus.emit("row", 9).unwrap();
    assert_eq!(main.receive(), [("row".to_owned(), json!(9))]);
    let report = bus.compat_report();
    assert_eq!(report.notes[0].kind, CompatKind::Replay);
    assert!(report.notes[0].message.starts_with("3 earlier events"));
}

#[test]
fn limits_and_lossy_values_are_noted_only() {
    let mut limits = Limits::default();
    limits.payload_bytes = 8;
    let app = app_with(Builder::new().limits(limits).compatible());
    let mut main = Page::open(&app, "main");
    let long = json!({ "event": "long", "payload": "\"123456789\"", "compatible": true, "lossy": "a NaN" });
    let results = main.call("emit", json!({ "events": [long] })).unwrap();
    assert!(results[0]["seq"].is_u64(), "{results}");
    assert_eq!(noted(&app, "long"), [CompatKind::Value, CompatKind::Limit]);
    assert_eq!(
        code(&main.emit("long", "\"123456789\"")),
        "payload_too_large"
    );
}

#[test]
fn parts_can_be_turned_off() {
    let mut parts = tauri_plugin_event_bus::Compatible::default();
    (parts.unknown_labels, parts.replay) = (false, false);
    let app = app_with(Builder::new().compatible_with(parts));
    let mut main = Page::open(&app, "main");
    assert_eq!(
        code(&emit_to(&mut main, labeled("hub"), "a")),
        "unknown_target"
    );
    app.event_bus().emit("row", 1).unwrap();
    listen(&mut main, "row", any());
    assert_eq!(main.receive(), [("row".to_owned(), json!(1))]);
}

/// A bound as apps write it.
fn greet<R: Runtime>(emitter: &impl Emitter<R>) -> Result<(), Box<dyn std::error::Error>> {
    Emitter::emit(emitter, "greeting", "hello")?;
    Ok(())
}

#[test]
fn a_listener_in_rust_receives_both_systems_once() {
    let app = compatible();
    let mut main = Page::open(&app, "main");
    let (record, receiver) = recorder();
    let id = Listener::listen(app.handle(), "greeting", record);
    greet(&app).unwrap();
    main.emit("greeting", "2");
    tauri::Emitter::emit(&app, "greeting", 3).unwrap();
    for expected in ["\"hello\"", "2", "3"] {
        assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), expected);
    }
    assert_eq!(noted(&app, "greeting"), [CompatKind::Core]);
    Listener::unlisten(&app, id);
    // The callback is dropped, and the sender with it.
    greet(&app).unwrap();
    tauri::Emitter::emit(&app, "greeting", 4).unwrap();
    assert!(receiver.recv_timeout(PATIENCE).is_err());
}

#[test]
fn listeners_in_rust_receive_what_their_targets_say() {
    let app = compatible();
    let main = Page::open(&app, "main");
    let _side = Page::open(&app, "side");
    let (record, of_main) = recorder();
    Listener::listen(&main.webview, "chat", record);
    let (record, of_app) = recorder();
    Listener::listen(&app, "chat", record);
    let (record, of_any) = recorder();
    Listener::listen_any(&app, "chat", record);
    Emitter::emit_to(&app, "main", "chat", 1).unwrap();
    Emitter::emit_to(&app, EventTarget::App, "chat", 2).unwrap();
    let is_main = |target: &EventTarget| *target == EventTarget::webview_window("main");
    Emitter::emit_filter(&app, "chat", 3, is_main).unwrap();
    Emitter::emit_str(&app, "chat", "4".to_owned()).unwrap();
    let take = |receiver: &mpsc::Receiver<String>, count: usize| -> Vec<String> {
        let taken = (0..count).map(|_| receiver.recv_timeout(PATIENCE).unwrap());
        taken.collect()
    };
    assert_eq!(take(&of_main, 3), ["1", "3", "4"]);
    assert_eq!(take(&of_app, 2), ["2", "4"]);
    assert_eq!(take(&of_any, 4), ["1", "2", "3", "4"]);
}

#[test]
fn once_ends_after_the_first_event_of_either() {
    let app = compatible();
    let (record, receiver) = recorder();
    Listener::once(&app, "ready", record);
    tauri::Emitter::emit(&app, "ready", 1).unwrap();
    Emitter::emit(&app, "ready", 2).unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), "1");
    assert!(receiver.recv_timeout(PATIENCE).is_err());
}

#[test]
fn names_of_tauri_stay_with_tauri() {
    let app = compatible();
    let (record, receiver) = recorder();
    Listener::listen_any(&app, "tauri://own", record);
    Emitter::emit(&app, "tauri://own", 1).unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), "1");
    assert!(noted(&app, "tauri://own").is_empty());
}
