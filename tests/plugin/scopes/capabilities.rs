//! How capability files combine, fail and explain themselves.

use serde_json::{Value, json};
use tauri::Manager;
use tauri_plugin_event_bus::{Builder, EventBusExt};

use crate::support::{Page, app, app_in, code, message, open};

use super::{names, verdict};

#[test]
fn a_denied_entry_refuses_itself_alone() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let mut shop = Page::open(&app, "shop");
    let events = ["cart:a", "order:old", "cart:b"].map(|event| json!({ "event": event }));
    let results = shop.call("emit", json!({ "events": events })).unwrap();
    let verdicts: Vec<&str> = results.as_array().unwrap().iter().map(verdict).collect();
    assert_eq!(verdicts, ["ok", "denied", "ok"]);
    assert_eq!(names(&main.receive_many(2)), ["cart:a", "cart:b"]);
    let subscriptions = ["cart:a", "order:old", "*"];
    let subscriptions: Vec<Value> = subscriptions
        .iter()
        .zip(1..)
        .map(|(event, id)| json!({ "id": id, "event": event }))
        .collect();
    let results = shop
        .call("subscribe", json!({ "subscriptions": subscriptions }))
        .unwrap();
    let verdicts: Vec<&str> = results.as_array().unwrap().iter().map(verdict).collect();
    assert_eq!(verdicts, ["ok", "denied", "ok"]);
}

#[test]
fn a_refusal_shows_the_line_that_allows_it() {
    let app = app();
    let mut nameless = Page::open(&app, "nameless");
    let listening = nameless.try_listen("cart:updated");
    let emitting = nameless.emit("cart:updated", "1");
    let sending = nameless.emit_to(json!("main"), "cart:updated", "1");
    let job = json!({ "event": "cart:updated", "everyMs": 1000 });
    let timing = nameless.start_job(job).unwrap_err();
    for (result, line) in [
        (
            &listening,
            r#"{ "identifier": "event-bus:listen", "allow": ["cart:updated"] }"#,
        ),
        (
            &emitting,
            r#"{ "identifier": "event-bus:allow-emit", "allow": ["cart:updated"] }"#,
        ),
        (
            &sending,
            r#"{ "identifier": "event-bus:allow-emit-to", "allow": [{"event":"cart:updated","to":"main"}] }"#,
        ),
        (
            &timing,
            r#"{ "identifier": "event-bus:jobs", "allow": ["cart:updated"] }"#,
        ),
    ] {
        assert_eq!(code(result), "denied");
        assert!(message(result).contains(line), "{result}");
        assert!(
            message(result).contains("an empty list allows nothing"),
            "{result}"
        );
    }
    // The suggested line allows it.
    for line in [
        r#"{ "identifier": "event-bus:listen", "allow": ["cart:updated"] }"#,
        r#"{ "identifier": "event-bus:allow-emit", "allow": ["cart:updated"] }"#,
    ] {
        let line: Value = serde_json::from_str(line).unwrap();
        let identifier = format!("added-{}", line["identifier"].as_str().unwrap().len());
        let capability =
            json!({ "identifier": identifier, "windows": ["nameless"], "permissions": [line] });
        app.add_capability(capability.to_string()).unwrap();
    }
    nameless.listen("cart:updated");
    assert_eq!(verdict(&nameless.emit("cart:updated", "1")), "ok");
    assert_eq!(names(&nameless.receive()), ["cart:updated"]);
}

#[test]
fn a_remote_origin_has_its_remote_capability_alone() {
    let app = app();
    let bus = app.event_bus();
    let mut own = Page::open(&app, "visitor");
    assert_eq!(verdict(&own.emit("own", "1")), "ok");
    assert_eq!(verdict(&own.emit("visit", "1")), "denied");
    let error = own
        .call("subscribe", json!({ "subscriptions": [] }))
        .unwrap_err();
    assert!(
        error.is_string(),
        "Tauri refuses the command itself: {error}"
    );

    let mut visitor = own.navigate("https://example.com/page");
    assert_eq!(verdict(&visitor.emit("visit", "1")), "ok");
    assert_eq!(verdict(&visitor.emit("own", "1")), "denied");
    visitor.listen("*");
    assert_eq!(code(&visitor.try_listen("cart:updated")), "denied");
    bus.emit("cart:updated", 1).unwrap();
    bus.emit("news:today", 1).unwrap();
    assert_eq!(names(&visitor.receive()), ["news:today"]);

    for url in ["https://example.org/page", "http://example.com/page"] {
        visitor = visitor.navigate(url);
        let error = visitor.call("emit", json!({ "events": [] })).unwrap_err();
        assert!(error.is_string(), "{url}: {error}");
    }
    let mut main = Page::open(&app, "main").navigate("https://example.com/page");
    let error = main.call("emit", json!({ "events": [] })).unwrap_err();
    assert!(
        error.is_string(),
        "a remote page has none of the app's rights: {error}"
    );
}

#[test]
fn a_capability_may_be_added_at_run_time() {
    let app = app();
    let bus = app.event_bus();
    let mut widget = Page::open(&app, "widget");
    let first = widget.listen("*");
    let capability = json!({
        "identifier": "later",
        "windows": ["widget"],
        "permissions": [{ "identifier": "event-bus:allow-subscribe", "allow": ["news:*"] }]
    });
    app.add_capability(capability.to_string()).unwrap();
    widget.listen("*");
    assert_eq!(
        code(&widget.try_listen("cart:a")),
        "denied",
        "the list replaces the default of the set"
    );
    bus.emit("cart:a", 1).unwrap();
    bus.emit("news:a", 1).unwrap();
    assert_eq!(names(&widget.receive_many(2)), ["cart:a", "news:a"]);
    // The second subscription remains, with the narrower scope.
    widget
        .call("unsubscribe", json!({ "ids": [first] }))
        .unwrap();
    bus.emit("cart:b", 1).unwrap();
    bus.emit("news:b", 1).unwrap();
    assert_eq!(names(&widget.receive()), ["news:b"]);

    let mut stranger = Page::open(&app, "stranger");
    assert!(
        stranger
            .call("emit", json!({ "events": [] }))
            .unwrap_err()
            .is_string()
    );
    let capability = json!({
        "identifier": "let-in",
        "windows": ["stranger"],
        "permissions": [{ "identifier": "event-bus:allow-emit", "allow": ["hello"] }]
    });
    app.add_capability(capability.to_string()).unwrap();
    stranger.n = 0;
    assert_eq!(verdict(&stranger.emit("hello", "1")), "ok");
    assert_eq!(verdict(&stranger.emit("bye", "1")), "denied");
}

#[test]
fn a_malformed_entry_grants_nothing() {
    let app = app();
    let mut page = Page::open(&app, "malformed");
    // A malformed allow entry grants nothing; the others count.
    let denied = page.try_listen("order:new");
    assert_eq!(code(&denied), "denied");
    assert!(
        message(&denied).contains(r#"the entry {"evnt":"order:*"}"#),
        "{denied}"
    );
    assert!(
        message(&denied).contains("unknown field `evnt`"),
        "{denied}"
    );
    page.listen("cart:updated");
    page.listen("*");
    app.event_bus().emit("order:new", 1).unwrap();
    app.event_bus().emit("cart:updated", 1).unwrap();
    assert_eq!(names(&page.receive()), ["cart:updated"]);

    // A malformed deny entry denies everything.
    let denied = page.emit("cart:updated", "1");
    assert_eq!(code(&denied), "denied");
    assert!(
        message(&denied).contains(r#"the deny entry {"event":5}"#),
        "{denied}"
    );
    open(&app, "main");
    let denied = page.emit_to(json!("main"), "a", "1");
    assert!(
        message(&denied).contains(r#"{"event":"a**","to":"main"}"#),
        "{denied}"
    );
    for (command, arguments) in [
        (
            "start_job",
            json!({ "job": { "event": "x", "everyMs": 1000 } }),
        ),
        ("stop_job", json!({ "id": "x" })),
        (
            "stop_job",
            json!({ "id": "x", "owner": { "kind": "host" } }),
        ),
        ("list_jobs", json!({})),
    ] {
        let denied = page.call(command, arguments).unwrap_err();
        assert_eq!(code(&denied), "denied", "{command}");
        assert!(
            message(&denied).contains(r#"the deny entry "a b""#),
            "{command}: {denied}"
        );
    }
}

#[test]
fn a_denied_command_is_denied_in_every_window() {
    let app = app_in(fixture::denying_context(), Builder::new());
    for label in ["main", "widget"] {
        let mut page = Page::open(&app, label);
        let error = page.call("emit", json!({ "events": [] })).unwrap_err();
        let text = error.as_str().unwrap();
        assert!(text.contains("explicitly denied"), "{label}: {text}");
        page.n = 0;
        page.listen("x");
    }
}

#[test]
fn the_capabilities_of_the_guide_do_what_it_says() {
    let app = app_in(fixture::guide_context(), Builder::new());
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let mut widget = Page::open(&app, "widget");
    let mut settings = Page::open(&app, "settings");
    let mut help = Page::open(&app, "help").navigate("https://help.example.com/start");

    main.listen("*");
    for (event, expected) in [
        ("cart:updated", "ok"),
        ("order:new", "ok"),
        ("order:paid", "denied"),
        ("clock:tick", "denied"),
    ] {
        assert_eq!(verdict(&main.emit(event, "1")), expected, "{event}");
    }
    for (event, to, expected) in [
        ("order:new", "settings", "ok"),
        ("order:new", "help", "denied"),
        ("order:paid", "settings", "denied"),
        ("cart:updated", "settings", "denied"),
    ] {
        assert_eq!(
            verdict(&main.emit_to(json!(to), event, "1")),
            expected,
            "{event} {to}"
        );
    }
    for (every, expected) in [(1000, "ok"), (999, "invalid_interval")] {
        let job = json!({ "event": "clock:tick", "everyMs": every });
        let result = main.start_job(job).unwrap_or_else(|error| error);
        assert_eq!(verdict(&result), expected, "{every}");
    }

    widget.listen("cart:*");
    widget.listen("clock:tick");
    assert_eq!(code(&widget.try_listen("order:new")), "denied");
    for command in ["emit", "emit_to"] {
        let error = widget.call(command, json!({ "events": [] })).unwrap_err();
        assert!(error.is_string(), "{command}: {error}");
        widget.n -= 1;
    }

    settings.listen("settings:*");
    assert_eq!(code(&settings.try_listen("cart:updated")), "denied");
    assert_eq!(
        verdict(&settings.emit_to(json!("main"), "settings:saved", "1")),
        "ok"
    );
    for (event, to) in [
        ("settings:saved", "widget"),
        ("settings:saved", "*"),
        ("cart:updated", "main"),
    ] {
        assert_eq!(
            verdict(&settings.emit_to(json!(to), event, "1")),
            "denied",
            "{event} {to}"
        );
    }
    assert!(
        settings
            .call("emit", json!({ "events": [] }))
            .unwrap_err()
            .is_string()
    );

    help.listen("*");
    assert_eq!(verdict(&help.emit("help:opened", "1")), "ok");
    assert_eq!(verdict(&help.emit("help:closed", "1")), "denied");
    bus.emit("cart:updated", 1).unwrap();
    bus.emit_to("help", "cart:updated", 1).unwrap();
    bus.emit_to("help", "help:topic", 1).unwrap();
    assert_eq!(names(&help.receive_many(2)), ["help:opened", "help:topic"]);
    let mut local = Page::load(help.webview);
    assert!(
        local
            .call("emit", json!({ "events": [] }))
            .unwrap_err()
            .is_string()
    );
}
