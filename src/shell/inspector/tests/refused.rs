//! What the inspector refuses, and to whom.

use serde_json::json;
use tauri::Manager;
use tauri::ipc::InvokeBody;

use super::{OWN, app, code, grant, opened, send, window};
use crate::api::bus::EventBusExt;
use crate::model::error::ErrorCode;
use crate::shell::hidden::INSPECTOR;
use crate::shell::inspector::close;
use crate::shell::inspector::state::TOKEN_HEADER;
use crate::shell::plugin::Builder;

/// The inspector's commands with the arguments that they need.
fn commands() -> [(&'static str, InvokeBody); 4] {
    let act = json!({ "act": { "kind": "emit", "event": "forged" } });
    [
        (
            "inspector_records",
            InvokeBody::Json(json!({ "tap": "a", "after": 0 })),
        ),
        (
            "inspector_state",
            InvokeBody::Json(json!({ "retained": false })),
        ),
        ("inspector_act", InvokeBody::Json(act)),
        ("inspector_export", InvokeBody::Raw(Vec::new())),
    ]
}

const ALL: [&str; 4] = [
    "event-bus:allow-inspector-records",
    "event-bus:allow-inspector-state",
    "event-bus:allow-inspector-act",
    "event-bus:allow-inspector-export",
];

#[test]
fn tauri_refuses_the_commands_to_other_pages() {
    let (_app, opened) = opened(Builder::new());
    let main = window(&opened.app, "main");
    let token = opened.token();
    for (command, body) in commands() {
        let headers = [("Origin", OWN), (TOKEN_HEADER, token.as_str())];
        let error = send(&main, command, body, &headers).unwrap_err();
        let text = error.as_str().unwrap_or_default();
        assert!(text.contains("not allowed"), "{command}: {error}");
    }
}

#[test]
fn the_host_refuses_them_whatever_is_granted() {
    let (_app, opened) = opened(Builder::new());
    let main = window(&opened.app, "main");
    grant(&opened.app, "main", &ALL);
    let token = opened.token();
    let headers = [("Origin", OWN), (TOKEN_HEADER, token.as_str())];
    for (command, body) in commands() {
        let error = send(&main, command, body, &headers).unwrap_err();
        assert_eq!(code(&error), "denied", "{command}: {error}");
        assert!(error["message"].as_str().unwrap().contains(command));
    }
    assert_eq!(opened.bus.inspect().seq, 0, "nothing was emitted");
}

#[test]
fn neither_the_label_nor_the_origin_is_enough() {
    let (_app, opened) = opened(Builder::new());
    let token = opened.token();
    let other = "0".repeat(token.len());
    for headers in [
        &[("Origin", OWN)][..],
        &[("Origin", OWN), (TOKEN_HEADER, "")],
        &[("Origin", OWN), (TOKEN_HEADER, other.as_str())],
        &[
            ("Origin", "tauri://localhost"),
            (TOKEN_HEADER, token.as_str()),
        ],
        &[
            ("Origin", "https://example.com"),
            (TOKEN_HEADER, token.as_str()),
        ],
    ] {
        for (command, body) in commands() {
            let error = send(&opened.window, command, body, headers).unwrap_err();
            assert_eq!(code(&error), "denied", "{command} {headers:?}: {error}");
        }
    }
    let state = opened.call("inspector_state", json!({ "retained": false }));
    assert_eq!(state.unwrap()["retained"], json!(null));
}

#[test]
fn a_later_window_of_its_label_has_nothing() {
    let (_app, opened) = opened(Builder::new());
    let token = opened.token();
    // The mock runtime does not tell of the end of a window.
    close(&opened.app);
    for (command, body) in commands() {
        let headers = [("Origin", OWN), (TOKEN_HEADER, token.as_str())];
        let error = send(&opened.window, command, body, &headers).unwrap_err();
        assert_eq!(code(&error), "denied", "{command}: {error}");
    }
    let error = opened.bus.open_inspector().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains(INSPECTOR), "{error}");
}

#[test]
fn its_page_has_no_other_command() {
    let (_app, opened) = opened(Builder::new());
    grant(
        &opened.app,
        INSPECTOR,
        &[
            "event-bus:default",
            "event-bus:inspect",
            "event-bus:allow-pages",
            "event-bus:allow-tap",
        ],
    );
    let token = opened.token();
    let headers = [("Origin", OWN), (TOKEN_HEADER, token.as_str())];
    let session = "1".repeat(32);
    for (command, arguments) in [
        ("inspect", json!({})),
        ("pages", json!({})),
        ("tap", json!({ "session": session, "id": 1 })),
        ("pull", json!({ "session": session, "ack": 0 })),
        ("emit", json!({ "session": session, "n": 1, "events": [] })),
        (
            "subscribe",
            json!({ "session": session, "n": 1, "subscriptions": [] }),
        ),
    ] {
        let body = InvokeBody::Json(arguments);
        let error = send(&opened.window, command, body, &headers).unwrap_err();
        assert_eq!(code(&error), "denied", "{command}: {error}");
    }
    assert!(opened.bus.inspect().webviews.is_empty());
}

#[test]
fn it_is_off_where_the_app_says_so() {
    let app = app(Builder::new().inspector(false));
    let error = app.event_bus().open_inspector().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Denied);
    assert!(error.message().contains("inspector(false)"), "{error}");
    let main = window(&app, "main");
    grant(&app, "main", &["event-bus:allow-open-inspector"]);
    let body = InvokeBody::Json(json!({}));
    let error = send(&main, "open_inspector", body, &[]).unwrap_err();
    assert_eq!(code(&error), "denied");
    assert!(app.get_webview_window(INSPECTOR).is_none());
}
