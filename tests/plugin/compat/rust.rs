use std::collections::BTreeSet;
use std::sync::mpsc::{self, RecvTimeoutError};

use serde_json::json;
use tauri::test::MockRuntime;
use tauri::{App, EventTarget, Manager, Runtime};
use tauri_plugin_event_bus::EventBusExt;
use tauri_plugin_event_bus::compat::{CompatKind, Emitter, Event, Listener};

use super::{PATIENCE, compatible, listen, notes, payloads_until, recorder, take, with_parts};
use crate::support::{Page, app};

/// A bound as apps write it.
fn greet<R: Runtime>(emitter: &impl Emitter<R>) -> Result<(), Box<dyn std::error::Error>> {
    emitter.emit("greeting", "hello")?;
    Ok(())
}

fn wait_for_greetings<R: Runtime, L: Listener<R>>(
    listener: &L,
    record: impl Fn(Event) + Send + 'static,
) -> u32 {
    listener.listen("greeting", record)
}

#[test]
fn a_listener_in_rust_receives_both_systems_once() {
    let app = compatible();
    let mut main = Page::open(&app, "main");
    let (record, receiver) = recorder();
    let id = wait_for_greetings(app.handle(), record);
    greet(&app).unwrap();
    main.emit("greeting", "2");
    tauri::Emitter::emit(&app, "greeting", 3).unwrap();
    assert_eq!(take(&receiver, 3), ["\"hello\"", "2", "3"]);
    assert_eq!(notes(&app, "greeting")[0].0, CompatKind::Core);
    app.unlisten(id);
    // The callback is dropped, and the sender with it.
    greet(&app).unwrap();
    tauri::Emitter::emit(&app, "greeting", 4).unwrap();
    assert_eq!(
        receiver.recv_timeout(PATIENCE),
        Err(RecvTimeoutError::Disconnected)
    );
}

#[test]
fn without_the_mode_rust_listens_to_the_bus_only() {
    let app = app();
    let (record, receiver) = recorder();
    app.listen("greeting", record);
    tauri::Emitter::emit(&app, "greeting", 1).unwrap();
    app.emit("greeting", 2).unwrap();
    assert_eq!(take(&receiver, 1), ["2"]);
}

/// Every target of the label `main`, and of another one.
fn targets() -> Vec<EventTarget> {
    let mut targets = vec![EventTarget::Any, EventTarget::App];
    for label in ["main", "other"] {
        targets.extend([
            EventTarget::labeled(label),
            EventTarget::window(label),
            EventTarget::webview(label),
            EventTarget::webview_window(label),
        ]);
    }
    targets
}

/// Which listeners receive an event with each target: the names of the listeners, by the position of the target.
fn table(
    listen: impl Fn(&str, mpsc::Sender<(String, String)>),
    emit: impl Fn(EventTarget, usize),
) -> Vec<BTreeSet<String>> {
    let (sender, receiver) = mpsc::channel();
    for listener in ["app", "any", "window", "webview", "webview-window"] {
        listen(listener, sender.clone());
    }
    let targets = targets();
    for (position, target) in targets.iter().enumerate() {
        emit(target.clone(), position);
    }
    emit(EventTarget::Any, targets.len());
    let mut table = vec![BTreeSet::new(); targets.len()];
    let mut ended = 0;
    while ended < 5 {
        let (listener, position) = receiver.recv_timeout(PATIENCE).unwrap();
        match table.get_mut(position.parse::<usize>().unwrap()) {
            Some(row) => assert!(row.insert(listener), "{position} came twice"),
            None => ended += 1,
        }
    }
    table
}

macro_rules! table_of {
    ($app:expr, $page:expr, $emitter:path, $listener:path) => {{
        use $emitter as E;
        use $listener as L;
        table(
            |listener, sender| {
                let name = listener.to_owned();
                let record = move |payload: &str| {
                    sender.send((name.clone(), payload.to_owned())).unwrap();
                };
                let webview: &tauri::Webview<MockRuntime> = $page.webview.as_ref();
                match listener {
                    "app" => L::listen(&$app, "x", move |event| record(event.payload())),
                    "any" => L::listen_any(&$app, "x", move |event| record(event.payload())),
                    "window" => {
                        L::listen(&webview.window(), "x", move |event| record(event.payload()))
                    }
                    "webview" => L::listen(webview, "x", move |event| record(event.payload())),
                    _ => L::listen(&$page.webview, "x", move |event| record(event.payload())),
                };
            },
            |target, position| E::emit_to(&$app, target, "x", position).unwrap(),
        )
    }};
}

#[test]
fn targets_in_rust_are_as_tauris() {
    let app = with_parts(|parts| parts.core = false);
    let main = Page::open(&app, "main");
    let _other = Page::open(&app, "other");
    let own = table_of!(
        app,
        main,
        tauri_plugin_event_bus::compat::Emitter,
        tauri_plugin_event_bus::compat::Listener
    );
    let core = table_of!(app, main, tauri::Emitter, tauri::Listener);
    assert_eq!(own, core);
    assert_eq!(core[0].len(), 5);
}

#[test]
fn a_filter_sees_targets_with_their_kinds() {
    let app = compatible();
    let mut main = Page::open(&app, "main");
    listen(
        &mut main,
        "chat",
        json!({ "kind": "WebviewWindow", "label": "main" }),
    );
    let (record, of_main) = recorder();
    main.webview.listen("chat", record);
    let (record, of_app) = recorder();
    app.listen("chat", record);
    let is_main = |target: &EventTarget| *target == EventTarget::webview_window("main");
    app.emit_filter("chat", 1, is_main).unwrap();
    app.emit_filter("chat", 2, |target| *target == EventTarget::App)
        .unwrap();
    app.emit_str_filter("chat", "3".to_owned(), |_| true)
        .unwrap();
    app.emit("chat", 9).unwrap();
    assert_eq!(take(&of_main, 3), ["1", "3", "9"]);
    assert_eq!(take(&of_app, 3), ["2", "3", "9"]);
    assert_eq!(payloads_until(&mut main, &json!(9)), [1, 3]);
}

#[test]
fn once_ends_after_the_first_event_of_either() {
    let app = compatible();
    for is_core_first in [true, false] {
        let (record, receiver) = recorder();
        app.once("ready", record);
        if is_core_first {
            tauri::Emitter::emit(&app, "ready", 1).unwrap();
        }
        app.emit("ready", 1).unwrap();
        tauri::Emitter::emit(&app, "ready", 2).unwrap();
        assert_eq!(take(&receiver, 1), ["1"]);
        assert_eq!(
            receiver.recv_timeout(PATIENCE),
            Err(RecvTimeoutError::Disconnected)
        );
    }
}

#[test]
fn names_of_tauri_stay_with_tauri() {
    let app = compatible();
    let (record, receiver) = recorder();
    let id = app.listen_any("tauri://own", record);
    let (record, once) = recorder();
    app.once("tauri://own", record);
    app.emit("tauri://own", 1).unwrap();
    app.emit_str("tauri://own", "2".to_owned()).unwrap();
    // Tauri calls them inside `emit`.
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(once.try_iter().collect::<Vec<_>>(), ["1"]);
    app.unlisten(id);
    app.emit_to(EventTarget::App, "tauri://own", 3).unwrap();
    assert_eq!(receiver.try_iter().count(), 0);
    assert!(app.event_bus().compat_report().is_empty());
}

#[test]
fn values_are_written_as_tauri_does() {
    let app = compatible();
    let (record, receiver) = recorder();
    app.listen("save", record);
    app.emit("save", f64::NAN).unwrap();
    assert_eq!(notes(&app, "save"), []);
    app.emit_str("save", "1e999".to_owned()).unwrap();
    assert_eq!(take(&receiver, 2), ["null", "1e999"]);
    let noted = notes(&app, "save");
    assert_eq!(noted[0].0, CompatKind::Value);
    assert!(noted[0].1.contains("out of the range"), "{noted:?}");
    assert!(app.emit_str("save", "{".to_owned()).is_err());
}

#[test]
fn without_the_mode_values_are_those_of_the_bus() {
    for app in [app(), with_parts(|parts| parts.values = false)] {
        let (record, receiver) = recorder();
        app.listen("save", record);
        for json in [r#"{"a":1,"a":2}"#, "1e999", r#""\ud800""#] {
            let error = app.emit_str("save", json.to_owned()).unwrap_err();
            let message = error.to_string();
            assert!(message.contains("payload of \"save\""), "{json}: {message}");
        }
        app.emit("save", 1).unwrap();
        assert_eq!(take(&receiver, 1), ["1"]);
        assert_eq!(notes(&app, "save"), []);
    }
}

#[test]
fn results_fit_the_errors_of_apps() {
    fn in_tauris(app: &App<MockRuntime>) -> tauri::Result<()> {
        app.emit("a", 1)?;
        app.app_handle().emit_to("main", "a", 1)
    }
    let app = app();
    let error = in_tauris(&app).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert!(error.to_string().contains("\"main\""), "{error} {source:?}");
    let text: Result<(), String> = in_tauris(&app).map_err(|error| error.to_string());
    assert!(text.is_err());
}
