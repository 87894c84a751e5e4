//! Sessions of pages, and the order of their commands.

use serde_json::json;
use tauri_plugin_event_bus::EventBusExt;

use crate::support::{Page, app, code, exit, invoke, message};

#[test]
fn a_pull_needs_a_session_of_its_own_webview() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("x");
    other.listen("x");
    let forged = "f".repeat(32);
    for (session, expected) in [
        (main.session.as_str(), "stale_session"),
        (forged.as_str(), "stale_session"),
        ("", "invalid_argument"),
        ("F00", "invalid_argument"),
    ] {
        let error = invoke(
            &other.webview,
            "pull",
            json!({ "session": session, "ack": 0 }),
        )
        .wait()
        .unwrap_err();
        assert_eq!(code(&error), expected, "{session:?}");
    }
    app.event_bus().emit("x", 1).unwrap();
    assert_eq!(main.receive().len(), 1);
    assert_eq!(other.receive().len(), 1);
}

#[test]
fn a_pull_with_invalid_arguments_is_an_error() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("x");
    for arguments in [
        json!({}),
        json!({ "session": main.session }),
        json!({ "session": main.session, "ack": -1 }),
        json!({ "session": 5, "ack": 0 }),
    ] {
        let error = invoke(&main.webview, "pull", arguments).wait().unwrap_err();
        assert_eq!(code(&error), "invalid_argument");
    }
}

#[test]
fn an_acknowledgement_from_the_future_loses_nothing() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("x");
    app.event_bus().emit("x", 1).unwrap();
    main.ack = 1;
    let error = main.pull().wait().unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
    assert!(message(&error).contains("acknowledgement 1"));
    main.ack = 0;
    assert_eq!(main.receive(), [("x".into(), json!(1))]);
}

#[test]
fn a_repeated_command_gets_the_same_response() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("x");
    let emit = json!({ "events": [{ "event": "x", "payload": "1" }] });
    let first = main.call("emit", emit.clone()).unwrap();
    let again = main.repeat("emit", emit.clone()).wait().unwrap();
    assert_eq!(first, again);
    app.event_bus().emit("x", "end").unwrap();
    assert_eq!(
        other.receive(),
        [("x".into(), json!(1)), ("x".into(), json!("end"))]
    );

    main.call("emit", emit.clone()).unwrap();
    main.n = 1;
    let error = main.repeat("emit", emit).wait().unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
    assert!(message(&error).contains("command 1") && message(&error).contains("the next one is 3"));
}

#[test]
fn many_copies_of_a_command_at_once_run_once() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("x");
    let emit = json!({ "events": [{ "event": "x", "payload": "1" }] });
    main.n = 1;
    let copies: Vec<_> = (0..8).map(|_| main.repeat("emit", emit.clone())).collect();
    let results: Vec<_> = copies
        .into_iter()
        .map(|copy| copy.wait().unwrap())
        .collect();
    assert!(results.iter().all(|result| *result == results[0]));
    assert_eq!(other.receive().len(), 1);
}

#[test]
fn a_new_page_ends_the_session_before_it() {
    let app = app();
    let mut old = Page::open(&app, "main");
    old.listen("x");
    let parked = old.pull();
    let mut new = Page::load(old.webview.clone());
    new.listen("y");

    let error = old.pull().wait().unwrap_err();
    assert_eq!(code(&error), "stale_session");
    // The old page may still exist, and has to learn that its session ended.
    assert_eq!(code(&parked.wait().unwrap_err()), "stale_session");
    assert_eq!(app.event_bus().emit("x", 1).unwrap().pages, 0);
    assert_eq!(app.event_bus().emit("y", 1).unwrap().pages, 1);

    // The last command of the old page gets its recorded result and does not run again.
    let repeated = json!({ "subscriptions": [{ "id": 1, "event": "x" }] });
    let result = old.repeat("subscribe", repeated).wait().unwrap();
    assert!(result[0]["seq"].is_u64());
    assert_eq!(app.event_bus().emit("x", 1).unwrap().pages, 0);

    // A late command of the old page must not take the webview back.
    old.n += 1;
    let error = old.call("emit", json!({ "events": [] })).unwrap_err();
    assert_eq!(code(&error), "stale_session");
    assert_eq!(new.receive().len(), 1);
}

#[test]
fn a_session_begins_with_its_first_command() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.n = 6;
    let error = main.call("emit", json!({ "events": [] })).unwrap_err();
    assert_eq!(code(&error), "stale_session");
}

#[test]
fn an_exiting_app_ends_all_pulls() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("x");
    let parked = main.pull();
    let bus = app.event_bus();
    exit(app);
    if cfg!(target_vendor = "apple") {
        assert!(parked.is_closed());
    } else {
        assert_eq!(code(&parked.wait().unwrap_err()), "stale_session");
    }
    assert_eq!(bus.emit("x", 1).unwrap_err().code().as_str(), "unavailable");
}
