//! Emits events, for a count of what compatible mode costs: `compatible <off|on|noted> <none|rust|page> <events>`.
//!
//! Two runs under `valgrind --tool=callgrind` with different numbers of events differ by the instructions of the events.
//! There is no webview, so the figures cover the host alone. `noted` emits what the report has a note of already.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::exit;

use serde_json::json;
use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{App, WebviewUrl, WebviewWindowBuilder};
use tauri_plugin_event_bus::compat::{Emitter, Listener};
use tauri_plugin_event_bus::{Builder, EventBusExt};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, listener, events] = arguments.as_slice() else {
        eprintln!("expected: compatible <off|on|noted> <none|rust|page> <events>");
        exit(2);
    };
    let events: u32 = events.parse().unwrap();
    let builder = match mode.as_str() {
        "off" => Builder::new(),
        _ => Builder::new().compatible(),
    };
    let app = mock_builder()
        .plugin(builder.build())
        .build(fixture::context())
        .unwrap();
    match listener.as_str() {
        "rust" => {
            app.listen("count", |_| {});
        }
        "page" => open(&app, mode != "off"),
        _ => {}
    }
    let bus = app.event_bus();
    for n in 0..events {
        match mode.as_str() {
            // For another page: `main` receives it because of the mode, and that is noted.
            "noted" => app.emit_to("other", "count", n).unwrap(),
            _ => drop(bus.emit("count", n).unwrap()),
        }
    }
    // Nothing is freed: that is no part of an event.
    exit(0);
}

/// Opens two pages that listen, as the entry `tauri` does in compatible mode.
fn open(app: &App<MockRuntime>, is_compatible: bool) {
    for label in ["main", "other"] {
        let webview = WebviewWindowBuilder::new(app, label, WebviewUrl::default())
            .build()
            .unwrap();
        let mut entry = json!({ "id": 1, "event": "count" });
        if is_compatible {
            entry["compatible"] = json!(true);
            entry["target"] = json!({ "kind": "Any" });
        }
        let session = format!("{:032x}", label.len());
        let (sender, receiver) = std::sync::mpsc::channel();
        let request = InvokeRequest {
            cmd: "plugin:event-bus|subscribe".to_owned(),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: InvokeBody::Json(json!({ "session": session, "n": 1, "subscriptions": [entry] })),
            headers: tauri::http::HeaderMap::new(),
            invoke_key: INVOKE_KEY.to_string(),
        };
        let webview: &tauri::Webview<MockRuntime> = webview.as_ref();
        webview.clone().on_message(
            request,
            Box::new(move |_, _, response, _, _| drop(sender.send(format!("{response:?}")))),
        );
        let response = receiver.recv().unwrap();
        assert!(response.contains("seq"), "{response}");
    }
}
