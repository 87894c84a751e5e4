//! Compatible mode: what code that was written for Tauri's own events sees, and what the report says.

mod bridges;
mod bytes;
mod pages;
mod rust;

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::App;
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::compat::{CompatKind, Compatible, Event};
use tauri_plugin_event_bus::{Builder, EventBusExt};

use crate::support::{Page, app_with};

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn compatible() -> App<MockRuntime> {
    app_with(Builder::new().compatible())
}

pub(super) fn with_parts(change: impl FnOnce(&mut Compatible)) -> App<MockRuntime> {
    let mut parts = Compatible::default();
    change(&mut parts);
    app_with(Builder::new().compatible_with(parts))
}

pub(super) fn subscription(id: u64, event: &str, target: Value) -> Value {
    json!({ "id": id, "event": event, "target": target, "replay": true, "retained": true, "compatible": true })
}

/// Subscribes as the entry `tauri` does.
pub(super) fn listen(page: &mut Page, event: &str, target: Value) -> Value {
    let subscriptions = json!([subscription(page.n + 100, event, target)]);
    let results = page.call("subscribe", json!({ "subscriptions": subscriptions }));
    results.unwrap()[0].take()
}

pub(super) fn emit_to(page: &mut Page, to: Value, event: &str) -> Value {
    let event = json!({ "event": event, "payload": "1", "to": to, "compatible": true });
    page.call("emit_to", json!({ "events": [event] })).unwrap()[0].take()
}

pub(super) fn any() -> Value {
    json!({ "kind": "Any" })
}

pub(super) fn labeled(label: &str) -> Value {
    json!({ "kind": "AnyLabel", "label": label })
}

/// What a page receives, up to this event, which is emitted to everyone.
pub(super) fn payloads_until(page: &mut Page, end: &Value) -> Vec<Value> {
    let mut payloads = Vec::new();
    while payloads.last() != Some(end) {
        payloads.extend(page.receive().into_iter().map(|(_, payload)| payload));
    }
    payloads.pop();
    payloads
}

/// The notes for an event: their kinds and messages.
pub(super) fn notes(app: &App<MockRuntime>, event: &str) -> Vec<(CompatKind, String)> {
    let notes = app.event_bus().compat_report().notes.into_iter();
    let own = notes.filter(|note| note.event == event);
    own.map(|note| (note.kind, note.message)).collect()
}

pub(super) fn recorder() -> (impl Fn(Event) + Send + 'static, mpsc::Receiver<String>) {
    let (sender, receiver) = mpsc::channel();
    let record = move |event: Event| sender.send(event.payload().to_owned()).unwrap_or(());
    (record, receiver)
}

pub(super) fn take(receiver: &mpsc::Receiver<String>, count: usize) -> Vec<String> {
    let taken = (0..count).map(|_| receiver.recv_timeout(PATIENCE).unwrap());
    taken.collect()
}
