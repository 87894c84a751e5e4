//! Each command needs its own permission.

use serde_json::json;
use tauri_plugin_event_bus::EventBusExt;

use crate::support::{Page, app};

/// Whether Tauri forwards the command to the plugin.
fn is_allowed(page: &mut Page, command: &str, arguments: serde_json::Value) -> bool {
    match page.call(command, arguments) {
        Err(serde_json::Value::String(message)) => {
            assert!(message.contains("not allowed"), "{message}");
            false
        }
        _ => true,
    }
}

#[test]
fn an_unlisted_command_is_denied() {
    let app = app();
    let commands = [
        ("emit", json!({ "events": [] })),
        ("emit_to", json!({ "events": [] })),
        ("clear_retained", json!({ "event": "x" })),
        ("subscribe", json!({ "subscriptions": [] })),
        ("unsubscribe", json!({ "ids": [] })),
        ("start_job", json!({ "job": {} })),
        ("stop_job", json!({ "id": "x" })),
        ("pause_job", json!({ "id": "x" })),
        ("resume_job", json!({ "id": "x" })),
        ("update_job", json!({ "id": "x", "changes": {} })),
        ("list_jobs", json!({})),
        ("start_task", json!({ "task": {} })),
        ("attach_task", json!({ "id": 1, "name": "x", "key": "x" })),
        ("cancel_task", json!({ "name": "x", "key": "x" })),
        ("list_tasks", json!({})),
        (
            "request",
            json!({ "id": 1, "name": "x", "to": { "kind": "App" } }),
        ),
        ("cancel_request", json!({ "ids": [] })),
        ("set_responders", json!({ "responders": [] })),
        ("respond", json!({ "responses": [] })),
        ("catalog", json!({})),
        ("inspect", json!({})),
    ];
    for (label, allowed) in [
        (
            "main",
            &commands.each_ref().map(|(command, _)| *command)[..],
        ),
        ("widget", &["subscribe", "unsubscribe"]),
        ("broadcaster", &["emit"]),
        ("stranger", &[]),
    ] {
        let mut page = Page::open(&app, label);
        for (command, arguments) in &commands {
            assert_eq!(
                is_allowed(&mut page, command, arguments.clone()),
                allowed.contains(command),
                "{label} {command}"
            );
        }
    }
}

#[test]
fn a_denied_command_takes_no_number() {
    let app = app();
    let mut widget = Page::open(&app, "widget");
    assert!(!is_allowed(&mut widget, "emit", json!({ "events": [] })));
    widget.n = 0;
    widget.listen("x");
    app.event_bus().emit("x", 1).unwrap();
    assert_eq!(widget.receive().len(), 1);
}
