use std::sync::mpsc;

use serde_json::{Value, json};
use tauri::test::{MockRuntime, mock_builder};
use tauri::{App, EventTarget};
use tauri_plugin_event_bus::compat::Listener as _;
use tauri_plugin_event_bus::{Builder, CatalogMode, EventBusExt, HOST};

use super::{any, labeled, listen, payloads_until, recorder, take};
use crate::support::{Page, app_with};

pub(super) fn record_core(app: &App<MockRuntime>, event: &str) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    tauri::Listener::listen(app, event, move |event| {
        sender.send(event.payload().to_owned()).unwrap_or(());
    });
    receiver
}

#[test]
fn events_of_tauri_come_in() {
    let app = app_with(Builder::new().bridge_from_core(["deep-link://new-url", "plain"]));
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let url = json!(["app://open"]);
    tauri::Emitter::emit(&app, "deep-link://new-url", &url).unwrap();
    // What is for one window is not spread.
    tauri::Emitter::emit_to(&app, "main", "plain", 1).unwrap();
    tauri::Emitter::emit_to(&app, EventTarget::App, "plain", 2).unwrap();
    // What is not JSON is refused, and told in the log.
    tauri::Emitter::emit_str(&app, "plain", "{".to_owned()).unwrap();
    tauri::Emitter::emit(&app, "plain", 3).unwrap();
    let received = main.receive_many(3);
    let name = "deep-link://new-url".to_owned();
    let plain = |payload: Value| ("plain".to_owned(), payload);
    assert_eq!(received, [(name, url), plain(json!(2)), plain(json!(3))]);
}

#[test]
fn events_of_the_bus_go_out() {
    let app = app_with(Builder::new().bridge_to_core(["download:*"]));
    let mut main = Page::open(&app, "main");
    let of_app = record_core(&app, "download:a");
    let (sender, of_main) = mpsc::channel();
    tauri::Listener::listen(&main.webview, "download:a", move |event| {
        sender.send(event.payload().to_owned()).unwrap_or(());
    });
    let bus = app.event_bus();
    bus.emit("other:a", 0).unwrap();
    bus.emit_to("main", "download:a", 1).unwrap();
    bus.emit_to(HOST, "download:a", 2).unwrap();
    main.emit("download:a", "3");
    // Tauri takes no dot.
    bus.emit("download:a.b", 0).unwrap();
    bus.emit("download:a", 4).unwrap();
    assert_eq!(take(&of_main, 3), ["1", "3", "4"]);
    assert_eq!(take(&of_app, 3), ["2", "3", "4"]);
}

#[test]
fn bridged_events_reach_each_listener_once() {
    let builder = Builder::new()
        .bridge_from_core(["in"])
        .bridge_to_core(["out"]);
    let app = app_with(builder.compatible());
    let mut main = Page::open(&app, "main");
    // Pages get both through Tauri's own system, which the mock runtime does not evaluate.
    listen(&mut main, "in", any());
    listen(&mut main, "out", labeled("main"));
    let mut strict = Page::open(&app, "other");
    strict.listen("*");
    listen(&mut main, "end", any());
    let (record, of_in) = recorder();
    app.listen("in", record);
    let (record, of_out) = recorder();
    app.listen_any("out", record);
    for payload in [1, 2] {
        tauri::Emitter::emit(&app, "in", payload).unwrap();
        app.event_bus().emit("out", payload).unwrap();
    }
    app.event_bus().emit("end", 9).unwrap();
    assert_eq!(take(&of_in, 2), ["1", "2"]);
    assert_eq!(take(&of_out, 2), ["1", "2"]);
    assert_eq!(payloads_until(&mut main, &json!(9)), [] as [Value; 0]);
    assert_eq!(payloads_until(&mut strict, &json!(9)).len(), 4);
    // Neither came a second time before the end.
    assert!(of_in.try_recv().is_err() && of_out.try_recv().is_err());
}

#[test]
fn a_wrong_bridge_is_an_error_at_build() {
    for (builder, part) in [
        (Builder::new().bridge_from_core(["a:*"]), "wildcard"),
        (Builder::new().bridge_from_core(["a.b"]), "a.b"),
        (
            Builder::new().bridge_from_core(["a"]).bridge_to_core(["*"]),
            "one direction",
        ),
    ] {
        let built = mock_builder()
            .plugin(builder.build())
            .build(fixture::context());
        let error = built.err().unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_strict_catalog_applies_to_what_comes_in() {
    let builder = Builder::new().bridge_from_core(["unlisted"]);
    let builder = declared_events::register(builder).catalog_mode(CatalogMode::Strict);
    let app = app_with(builder);
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let seq = app.event_bus().inspect().seq;
    tauri::Emitter::emit(&app, "unlisted", 1).unwrap();
    assert_eq!(app.event_bus().inspect().seq, seq);
}
