//! What a page may emit, and to whom.

use serde_json::json;
use tauri::Manager;
use tauri_plugin_event_bus::EventBusExt;

use crate::support::{Page, app, code, message, open};

use super::{names, verdict};

#[test]
fn a_broadcast_is_checked_by_name_and_window() {
    let app = app();
    for (window, event, expected) in [
        ("main", "anything", "ok"),
        ("main", "tauri://focus", "reserved_event_name"),
        ("broadcaster", "anything", "ok"),
        ("nameless", "anything", "denied"),
        ("shop", "cart:updated", "ok"),
        ("shop", "cart:secret", "denied"),
        ("shop", "order:new", "ok"),
        ("shop", "order:old", "denied"),
        ("shop", "greeting", "denied"),
        ("malformed", "anything", "denied"),
    ] {
        let webview = app.get_webview_window(window);
        let mut page = Page::load(webview.unwrap_or_else(|| open(&app, window)));
        let result = page.emit(event, "1");
        assert_eq!(verdict(&result), expected, "{window} {event}: {result}");
    }
}

/// Leaving somebody out takes no permission: it reaches nobody more, and no error tells who is there.
#[test]
fn anybody_may_be_left_out() {
    let app = app();
    let mut other = Page::open(&app, "other");
    other.listen("*");
    let mut shop = Page::load(open(&app, "shop"));
    let host = json!({ "kind": "host" });
    for (except, pages) in [
        (json!("main"), 1),
        (json!("other"), 0),
        (json!("not-there"), 1),
        (json!(["not-there", "oth*"]), 0),
        (host, 1),
    ] {
        let events = json!([
            { "event": "cart:updated", "except": except },
            { "event": "cart:secret", "except": except },
        ]);
        let results = shop.call("emit", json!({ "events": events })).unwrap();
        let told = (&results[0]["pages"], verdict(&results[1]));
        assert_eq!(told, (&json!(pages), "denied"), "{except}");
    }
    app.event_bus().emit("end", ()).unwrap();
    let received = other.receive_many(4);
    assert_eq!(names(&received)[3], "end");
    // It does not make a target allowed either.
    let sent = json!([{ "event": "greeting", "to": ["main", "other"], "except": "other" }]);
    let results = shop.call("emit_to", json!({ "events": sent })).unwrap();
    assert_eq!(verdict(&results[0]), "denied");
}

#[test]
fn a_targeted_event_is_checked_by_name_and_label() {
    let app = app();
    for label in ["main", "other", "editor-1", "editor-secret"] {
        open(&app, label);
    }
    for (window, event, to, expected) in [
        ("other", "anything", json!("main"), "ok"),
        ("other", "anything", json!({ "kind": "App" }), "ok"),
        ("nameless", "note", json!("main"), "denied"),
        ("shop", "greeting", json!("main"), "ok"),
        ("shop", "greeting", json!("editor-*"), "ok"),
        ("shop", "greeting", json!("other"), "denied"),
        ("shop", "cart:updated", json!("main"), "denied"),
        ("sender", "note", json!("main"), "ok"),
        ("sender", "note", json!(["main", "editor-1"]), "ok"),
        ("sender", "note", json!(["main", "other"]), "denied"),
        ("sender", "note", json!("editor-1"), "ok"),
        ("sender", "note", json!("editor-secret"), "denied"),
        ("sender", "note", json!("editor-*"), "denied"),
        ("sender", "note", json!("editor-[0-9]"), "ok"),
        ("sender", "note", json!("nobody-*"), "denied"),
        ("sender", "note", json!("editor-x*"), "ok"),
        (
            "sender",
            "note",
            json!({ "kind": "Window", "label": "main" }),
            "ok",
        ),
        (
            "sender",
            "note",
            json!({ "kind": "Window", "label": "other" }),
            "denied",
        ),
        ("sender", "note", json!({ "kind": "App" }), "denied"),
        ("sender", "log", json!({ "kind": "App" }), "ok"),
        ("sender", "log", json!("main"), "denied"),
    ] {
        let webview = app.get_webview_window(window);
        let mut page = Page::load(webview.unwrap_or_else(|| open(&app, window)));
        let result = page.emit_to(to.clone(), event, "1");
        assert_eq!(
            verdict(&result),
            expected,
            "{window} {event} {to}: {result}"
        );
    }
}

#[test]
fn permission_is_checked_before_existence() {
    let app = app();
    for label in ["main", "other", "editor-1", "editor-secret"] {
        open(&app, label);
    }
    let mut sender = Page::open(&app, "sender");
    let there = sender.emit_to(json!("other"), "note", "1");
    let gone = sender.emit_to(json!("nobody"), "note", "1");
    assert_eq!(
        message(&there).replace("other", "nobody"),
        message(&gone),
        "existing and unknown labels get the same refusal"
    );
    let unknown = sender.emit_to(json!("editor-9"), "note", "1");
    assert_eq!(code(&unknown), "unknown_target");
    assert!(
        message(&unknown).ends_with(r#"there are "editor-1", "main""#),
        "{unknown}"
    );
    let window = json!({ "kind": "Window", "label": "editor-9" });
    let unknown = sender.emit_to(window, "note", "1");
    assert_eq!(code(&unknown), "unknown_target");
    assert!(
        message(&unknown).ends_with(r#"there are "editor-1", "main""#),
        "{unknown}"
    );
}

#[test]
fn a_glob_target_stays_within_its_scope() {
    let app = app();
    let mut sender = Page::open(&app, "sender");
    let event = json!({ "event": "note", "payload": "1", "to": "editor-*", "retain": true });
    let results = sender
        .call("emit_to", json!({ "events": [event] }))
        .unwrap();
    assert_eq!(verdict(&results[0]), "ok");
    // Both open later; only one is in the scope.
    let mut secret = Page::open(&app, "editor-secret");
    let mut editor = Page::open(&app, "editor-1");
    secret.listen("*");
    editor.listen("*");
    app.event_bus().emit("end", ()).unwrap();
    assert_eq!(names(&editor.receive_many(2)), ["note", "end"]);
    assert_eq!(names(&secret.receive()), ["end"]);
}
