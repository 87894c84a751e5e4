//! Requests and responses that are refused.

use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::{ErrorCode, EventBusExt, Target};

use crate::support::{Page, app, code, message};

use super::send_with_timeout;

#[test]
fn an_impossible_request_names_what_is_right() {
    use ErrorCode::{InvalidArgument, InvalidEventName, ReservedEventName, UnknownTarget};
    let app = app();
    let bus = app.event_bus();
    let _main = Page::open(&app, "main");
    let main = || Target::from("main");
    for (to, name, millis, expected, part) in [
        (Target::from("nowhere"), "q", 1000, UnknownTarget, "nowhere"),
        (
            Target::from("m*"),
            "q",
            1000,
            InvalidArgument,
            "request_all",
        ),
        (
            Target::from(["main", "x"]),
            "q",
            1000,
            InvalidArgument,
            "request_all",
        ),
        (
            Target::everyone(),
            "q",
            1000,
            InvalidArgument,
            "request_all",
        ),
        (main(), "a b", 1000, InvalidEventName, "a b"),
        (main(), "tauri://x", 1000, ReservedEventName, "tauri://"),
        (main(), "q", 0, InvalidArgument, "at least 1 ms"),
        (main(), "q", 86_400_001, InvalidArgument, "24 hours"),
    ] {
        let error = send_with_timeout(&bus, to, name, Duration::from_millis(millis)).error();
        assert_eq!(error.code(), expected, "{error}");
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn a_page_sends_only_the_requests_it_may() {
    let app = app();
    let bus = app.event_bus();
    let handler = async |_: Value| Ok(1);
    bus.respond("sum", handler).unwrap().forget();
    bus.respond("confirm", handler).unwrap().forget();
    let mut main = Page::open(&app, "main");
    main.set_responder("confirm", true);
    let _secret = Page::open(&app, "editor-secret");
    let caller = Page::open(&app, "caller");
    let host = || json!({ "kind": "host" });
    let denied = [
        ("confirm", json!("other")),
        ("confirm", json!("editor-secret")),
        ("confirm", json!("nowhere")),
        ("confirm", host()),
        ("sum", json!("main")),
        ("everyone", json!("main")),
        ("everyone", host()),
        ("another", json!("main")),
    ];
    for (id, (event, to)) in (1..).zip(denied) {
        let error = caller.request(id, to.clone(), event).wait().unwrap_err();
        assert_eq!(code(&error), "denied", "{event} {to}");
        let text = message(&error);
        assert!(
            text.contains("may not send the request") && text.contains(event),
            "{text}"
        );
        assert!(text.contains("event-bus:allow-request"), "{text}");
    }
    assert_eq!(caller.request(20, host(), "sum").wait().unwrap(), 1);
    let pending = caller.request(21, json!("main"), "confirm");
    let request = main.next_request();
    main.respond(&request, "2");
    assert_eq!(pending.wait().unwrap(), 2);
    // The error lists only windows to which the page may send the request.
    let unknown = caller.request(22, json!("editor-9"), "confirm").wait();
    let unknown = unknown.unwrap_err();
    assert_eq!(code(&unknown), "unknown_target");
    assert_eq!(
        message(&unknown),
        "no webview has the label \"editor-9\"; there are \"main\""
    );
}

#[test]
fn malformed_requests_and_responses_are_refused() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let mut id = 0;
    for (key, value, expected) in [
        ("name", json!("a b"), "invalid_event_name"),
        ("name", json!("event-bus:x"), "reserved_event_name"),
        ("payload", json!("{"), "invalid_payload"),
        ("payload", json!(1), "invalid_argument"),
        ("timeoutMs", json!(0), "invalid_argument"),
        ("timeoutMs", json!(-1), "invalid_argument"),
        ("timeoutMs", json!(1e300), "invalid_argument"),
        ("to", json!("*"), "invalid_argument"),
        ("to", json!([]), "invalid_argument"),
        ("to", json!({ "kind": "Any" }), "invalid_argument"),
    ] {
        id += 1;
        let mut arguments = json!({ "id": id, "name": "q", "to": "main" });
        arguments[key] = value.clone();
        let error = main.request_with(arguments).wait().unwrap_err();
        assert_eq!(code(&error), expected, "{key} {value}");
    }
    let bad = main.respond_with(json!({ "request": "x", "source": "other" }));
    assert_eq!(code(&bad), "invalid_argument");
    let refused = main.set_responder("event-bus:x", true);
    assert_eq!(code(&refused), "reserved_event_name");
}
