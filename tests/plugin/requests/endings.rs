//! How requests end without a response.

use std::time::Duration;

use serde_json::json;
use tauri_plugin_event_bus::{ErrorCode, EventBusExt};

use crate::support::{Page, app, code, exit};

use super::{send, send_with_timeout};

#[test]
fn a_replaced_page_is_gone() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let sent = send(&bus, "main", "q");
    main.next_request();
    let mut next = Page::load(main.webview.clone());
    next.set_responder("q", true);
    let error = sent.error();
    assert_eq!(error.code(), ErrorCode::PageGone);
    assert!(error.message().contains("\"main\""), "{error}");
    // The next page gets only new requests.
    let sent = send(&bus, "main", "q");
    let request = next.next_request();
    next.respond(&request, "2");
    assert_eq!(sent.wait().unwrap(), 2);
}

#[test]
fn a_timeout_aborts_the_responder() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let sent = send_with_timeout(&app.event_bus(), "main", "q", Duration::from_millis(700));
    let request = main.next_request();
    let ended = main.next_request();
    assert_eq!(ended["ended"], request["request"]);
    assert_eq!(ended["code"], "timeout");
    assert_eq!(code(&main.respond(&request, "1")), "unknown_request");
    let error = sent.error();
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert!(error.message().contains("700ms"), "{error}");
}

#[test]
fn a_cancelled_request_aborts_the_responder() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let sent = send(&app.event_bus(), "main", "q");
    let request = main.next_request();
    sent.1.abort();
    let ended = main.next_request();
    assert_eq!(ended["ended"], request["request"]);
    assert_eq!(ended["code"], "cancelled");

    let other = Page::open(&app, "other");
    let pending = other.request(7, json!("main"), "q");
    let request = main.next_request();
    other.cancel(&other.session, 7);
    assert_eq!(main.next_request()["ended"], request["request"]);
    assert_eq!(code(&pending.wait().unwrap_err()), "cancelled");

    let pending = other.request(8, json!("main"), "q");
    let request = main.next_request();
    Page::load(other.webview.clone()).listen("x");
    assert_eq!(main.next_request()["ended"], request["request"]);
    assert_eq!(code(&pending.wait().unwrap_err()), "unavailable");
}

#[test]
fn a_copy_of_a_request_reaches_nobody_twice() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let other = Page::open(&app, "other");
    let first = other.request(1, json!("main"), "q");
    let request = main.next_request();
    let copy = other.request(1, json!("main"), "q");
    let next = other.request(2, json!("main"), "q");
    let second = main.next_request();
    assert_ne!(second["request"], request["request"]);
    main.respond(&second, "2");
    assert_eq!(next.wait().unwrap(), 2);
    main.respond(&request, "1");
    assert_eq!(first.wait().unwrap(), 1);
    match copy.wait() {
        Ok(response) => assert_eq!(response, 1),
        // The copy arrived after the response.
        Err(error) => assert_eq!(code(&error), "invalid_argument"),
    }
    // A request that was cancelled before it arrived is not sent either.
    other.cancel(&other.session, 3);
    for id in [1, 3] {
        let late = other.request(id, json!("main"), "q").wait().unwrap_err();
        assert_eq!(code(&late), "invalid_argument");
    }
}

#[test]
fn a_foreign_session_cancels_nothing() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let other = Page::open(&app, "other");
    let pending = other.request(1, json!("main"), "q");
    let request = main.next_request();
    let thief = Page::open(&app, "editor-1");
    thief.cancel(&other.session, 1);
    assert!(pending.is_open());
    main.respond(&request, "1");
    assert_eq!(pending.wait().unwrap(), 1);
}

#[test]
fn an_exiting_app_ends_its_requests() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let sent = send(&app.event_bus(), "main", "q");
    main.next_request();
    exit(app);
    let code = sent.error().code();
    assert!(
        matches!(code, ErrorCode::PageGone | ErrorCode::Unavailable),
        "{code}"
    );
}
