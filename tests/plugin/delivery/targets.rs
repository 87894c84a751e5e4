//! Who receives an event: broadcasts, targets and narrowed subscriptions.

use serde_json::{Value, json};
use tauri::EventTarget;
use tauri_plugin_event_bus::{BusEvent, EmitOptions, ErrorCode, EventBusExt, IntoTarget, Target};

use crate::support::{Page, app, code};

#[test]
fn a_broadcast_reaches_every_page() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("cart:*");
    other.listen("cart:updated");

    let receipt = app
        .event_bus()
        .emit("cart:updated", json!({ "itemCount": 3 }))
        .unwrap();

    assert_eq!((receipt.pages, receipt.listeners), (2, 0));
    let expected = [("cart:updated".to_owned(), json!({ "itemCount": 3 }))];
    assert_eq!(main.receive(), expected);
    assert_eq!(other.receive(), expected);
}

#[test]
fn a_targeted_event_stays_in_its_webview() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("*");
    other.listen("*");
    let bus = app.event_bus();

    assert_eq!(bus.emit_to("main", "private", 1).unwrap().pages, 1);
    bus.emit("end", ()).unwrap();

    assert_eq!(
        main.receive(),
        [("private".into(), json!(1)), ("end".into(), Value::Null)]
    );
    assert_eq!(other.receive(), [("end".into(), Value::Null)]);
}

#[test]
fn a_target_is_a_label_a_glob_a_list_or_tauris() {
    let app = app();
    let labels = ["main", "editor-1", "editor-2"];
    let mut pages: Vec<Page> = labels.iter().map(|label| Page::open(&app, label)).collect();
    for page in &mut pages {
        page.listen("*");
    }
    let bus = app.event_bus();
    let table: [(Target, &[&str]); 9] = [
        ("main".into(), &["main"]),
        ("editor-*".into(), &["editor-1", "editor-2"]),
        (["main", "editor-2"].into(), &["main", "editor-2"]),
        ("nobody-*".into(), &[]),
        (EventTarget::any().into_target(), &labels),
        (
            EventTarget::labeled("editor-1").into_target(),
            &["editor-1"],
        ),
        (EventTarget::window("editor-1").into_target(), &["editor-1"]),
        (EventTarget::webview_window("main").into_target(), &["main"]),
        (EventTarget::app().into_target(), &[]),
    ];
    for (target, expected) in table {
        bus.emit_with("x", &target, EmitOptions::new().to(target.clone()))
            .unwrap();
        bus.emit("end", ()).unwrap();
        for page in &mut pages {
            let mut names = Vec::new();
            while names.last().is_none_or(|name| name != "end") {
                names.extend(page.receive().into_iter().map(|(name, _)| name));
            }
            let is_expected = expected.contains(&page.webview.label());
            assert_eq!(
                names.len() == 2,
                is_expected,
                "{target:?} {}",
                page.webview.label()
            );
        }
    }
}

#[test]
fn a_broadcast_may_except_webviews() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("*");
    other.listen("*");
    let bus = app.event_bus();
    let receipt = bus
        .emit_with("x", 1, EmitOptions::new().except(["other", "not-there"]))
        .unwrap();
    assert_eq!(receipt.pages, 1);
    bus.emit("end", ()).unwrap();
    assert_eq!(main.receive_many(2).len(), 2);
    assert_eq!(other.receive(), [("end".into(), Value::Null)]);
}

#[test]
fn a_page_may_except_webviews_and_the_host() {
    let app = app();
    let labels = ["main", "editor-1", "editor-2"];
    let mut pages: Vec<Page> = labels.iter().map(|label| Page::open(&app, label)).collect();
    for page in &mut pages {
        page.listen("*");
    }
    let bus = app.event_bus();
    let (sender, receiver) = std::sync::mpsc::channel();
    let send = move |event: BusEvent| sender.send(event.name().to_owned()).unwrap_or(());
    bus.listen("*", send).unwrap().forget();
    let host = json!({ "kind": "host" });
    let events = json!([
        { "event": "a", "except": "main" },
        { "event": "b", "except": ["editor-*", "not-there"] },
        { "event": "c", "except": host },
        { "event": "d", "except": [{ "kind": "Window", "label": "editor-1" }, host] },
        { "event": "e", "except": { "kind": "Any" } },
    ]);
    let results = pages[0].call("emit", json!({ "events": events })).unwrap();
    let reached = |result: &Value| (result["pages"].clone(), result["listeners"].clone());
    let counts = [(2, 1), (1, 1), (3, 0), (2, 0), (0, 0)];
    for (result, (of_pages, of_host)) in results.as_array().unwrap().iter().zip(counts) {
        assert_eq!(reached(result), (json!(of_pages), json!(of_host)));
    }
    let events = json!([
        { "event": "f", "to": ["editor-*", host], "except": "editor-2" },
        { "event": "g", "to": ["main", host], "except": host },
    ]);
    pages[0]
        .call("emit_to", json!({ "events": events }))
        .unwrap();
    bus.emit("end", ()).unwrap();
    for (page, expected) in pages.iter_mut().zip(["bcdg", "acf", "acd"]) {
        let mut names = String::new();
        while !names.ends_with("end") {
            names.extend(page.receive().into_iter().map(|(name, _)| name));
        }
        assert_eq!(names, format!("{expected}end"), "{}", page.webview.label());
    }
    let patience = std::time::Duration::from_secs(20);
    let mut names = String::new();
    while !names.ends_with("end") {
        names += &receiver.recv_timeout(patience).unwrap();
    }
    assert_eq!(names, "abfend");

    for (except, expected) in [
        (json!([]), "invalid_argument"),
        (json!(7), "invalid_argument"),
        (json!("a**"), "invalid_pattern"),
        (json!(vec!["x"; 65]), "invalid_argument"),
    ] {
        for (command, to) in [("emit", Value::Null), ("emit_to", json!("main"))] {
            let event = json!({ "event": "x", "to": to, "except": except });
            let events = json!({ "events": [event] });
            let results = pages[0].call(command, events).unwrap();
            assert_eq!(code(&results[0]), expected, "{command} {except}");
        }
    }
}

#[test]
fn a_webview_emits_to_itself_and_is_the_source() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("*");
    other.listen("*");
    main.webview
        .event_bus()
        .emit_to_self("greeting", "hello")
        .unwrap();
    main.webview.event_bus().emit("to:all", ()).unwrap();
    let batch = main.pull().rows();
    assert_eq!(
        (&batch[0][3], &batch[0][4]),
        (&json!("greeting"), &json!("main"))
    );
    let batch = other.pull().rows();
    assert_eq!(
        (&batch[0][3], &batch[0][4]),
        (&json!("to:all"), &json!("main"))
    );
    assert_eq!(batch.as_array().unwrap().len(), 1);
}

#[test]
fn an_unknown_label_is_an_error_with_known_labels() {
    let app = app();
    let mut main = Page::open(&app, "main");
    Page::open(&app, "other");
    let error = app.event_bus().emit_to("mian", "x", 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownTarget);
    assert!(
        error.message().contains("\"mian\"") && error.message().contains("\"main\", \"other\"")
    );
    let error = app
        .event_bus()
        .emit_to(EventTarget::window("x"), "x", 1)
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownTarget);
    assert_eq!(
        code(&main.emit_to(json!("mian"), "x", "1")),
        "unknown_target"
    );
}

#[test]
fn a_subscription_may_narrow_its_target() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let subscribed = main
        .call(
            "subscribe",
            json!({ "subscriptions": [
                { "id": 1, "event": "x", "target": "main" },
                { "id": 2, "event": "x", "target": { "kind": "Window", "label": "main" } },
                { "id": 3, "event": "x", "target": { "kind": "Any" } },
                { "id": 4, "event": "x", "target": "other" },
                { "id": 5, "event": "x", "target": 5 },
            ] }),
        )
        .unwrap();
    assert_eq!(code(&subscribed[3]), "denied");
    assert_eq!(code(&subscribed[4]), "invalid_argument");
    app.event_bus().emit("x", "all").unwrap();
    app.event_bus().emit_to("main", "x", "main").unwrap();
    let batch = main.pull().rows();
    assert_eq!((&batch[0][5], &batch[0][6]), (&json!(3), &json!("all")));
    assert_eq!(
        (&batch[1][5], &batch[1][6]),
        (&json!([1, 2, 3]), &json!("main"))
    );
}
