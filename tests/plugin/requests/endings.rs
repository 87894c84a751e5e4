//! How requests end without a response.

use std::time::Duration;

use serde_json::json;
use tauri_plugin_event_bus::{ErrorCode, EventBusExt};

use crate::support::{Page, app, code, exit};

use super::{ask, ask_for};

#[test]
fn a_replaced_page_is_gone() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask(&bus, "main", "q");
    main.question();
    let mut next = Page::load(main.webview.clone());
    next.respond("q", true);
    let error = asked.error();
    assert_eq!(error.code(), ErrorCode::PageGone);
    assert!(error.message().contains("\"main\""), "{error}");
    // The next page is asked only what comes from now on.
    let asked = ask(&bus, "main", "q");
    let question = next.question();
    next.answer(&question, "2");
    assert_eq!(asked.wait().unwrap(), 2);
}

#[test]
fn a_timeout_aborts_the_responder() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask_for(&app.event_bus(), "main", "q", Duration::from_millis(700));
    let question = main.question();
    let ended = main.question();
    assert_eq!(ended["ended"], question["request"]);
    assert_eq!(ended["code"], "timeout");
    assert_eq!(code(&main.answer(&question, "1")), "unknown_request");
    let error = asked.error();
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert!(error.message().contains("700ms"), "{error}");
}

#[test]
fn a_cancelled_request_aborts_the_responder() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask(&app.event_bus(), "main", "q");
    let question = main.question();
    asked.1.abort();
    let ended = main.question();
    assert_eq!(ended["ended"], question["request"]);
    assert_eq!(ended["code"], "cancelled");

    let other = Page::open(&app, "other");
    let pending = other.ask(7, json!("main"), "q");
    let question = main.question();
    other.give_up(&other.session, 7);
    assert_eq!(main.question()["ended"], question["request"]);
    assert_eq!(code(&pending.wait().unwrap_err()), "cancelled");

    let pending = other.ask(8, json!("main"), "q");
    let question = main.question();
    Page::load(other.webview.clone()).listen("x");
    assert_eq!(main.question()["ended"], question["request"]);
    assert_eq!(code(&pending.wait().unwrap_err()), "unavailable");
}

#[test]
fn a_copy_of_a_request_reaches_nobody_twice() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let other = Page::open(&app, "other");
    let first = other.ask(1, json!("main"), "q");
    let question = main.question();
    let copy = other.ask(1, json!("main"), "q");
    let next = other.ask(2, json!("main"), "q");
    let second = main.question();
    assert_ne!(second["request"], question["request"]);
    main.answer(&second, "2");
    assert_eq!(next.wait().unwrap(), 2);
    main.answer(&question, "1");
    assert_eq!(first.wait().unwrap(), 1);
    match copy.wait() {
        Ok(answer) => assert_eq!(answer, 1),
        // It came after the answer.
        Err(error) => assert_eq!(code(&error), "invalid_argument"),
    }
    // One that was given up before it came is not asked either.
    other.give_up(&other.session, 3);
    for id in [1, 3] {
        let late = other.ask(id, json!("main"), "q").wait().unwrap_err();
        assert_eq!(code(&late), "invalid_argument");
    }
}

#[test]
fn a_foreign_session_cancels_nothing() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let other = Page::open(&app, "other");
    let pending = other.ask(1, json!("main"), "q");
    let question = main.question();
    let thief = Page::open(&app, "editor-1");
    thief.give_up(&other.session, 1);
    assert!(pending.is_open());
    main.answer(&question, "1");
    assert_eq!(pending.wait().unwrap(), 1);
}

#[test]
fn an_exiting_app_ends_its_requests() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask(&app.event_bus(), "main", "q");
    main.question();
    exit(app);
    let code = asked.error().code();
    assert!(
        matches!(code, ErrorCode::PageGone | ErrorCode::Unavailable),
        "{code}"
    );
}
