//! Webviews that Tauri has before its hook tells of them.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::test::{MockRuntime, mock_builder};
use tauri::{
    App, AppHandle, Emitter, Manager, RunEvent, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
};
use tauri_plugin_event_bus::{EmitOptions, EventBusExt, Target};

use crate::support::{Page, app};

/// Runs this on a thread of its own, as an async command does, while the main thread is busy: Tauri's hook for a new webview
/// runs only once it is free.
fn while_the_main_thread_is_busy(test: impl FnOnce(&AppHandle<MockRuntime>) + Send + 'static) {
    let mut test = Some(test);
    app().run(move |app, event| {
        let Some(test) = test.take_if(|_| matches!(event, RunEvent::Ready)) else {
            return;
        };
        let own = app.clone();
        let tested = thread::spawn(move || test(&own)).join();
        for window in app.webview_windows().values() {
            window.destroy().unwrap();
        }
        if let Err(panic) = tested {
            std::panic::resume_unwind(panic);
        }
    });
}

fn open(app: &impl Manager<MockRuntime>, label: &str) -> WebviewWindow<MockRuntime> {
    WebviewWindowBuilder::new(app, label, WebviewUrl::default())
        .build()
        .unwrap()
}

fn names(received: Vec<(String, Value)>) -> Vec<String> {
    received.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn events_right_after_its_build_arrive() {
    while_the_main_thread_is_busy(|app| {
        let bus = app.event_bus();
        let late = open(app, "editor-1");
        bus.emit("to-everyone", 1).unwrap();
        bus.emit_to("editor-*", "to-glob", 1).unwrap();
        bus.emit_to(Target::window("editor-?"), "to-window", 1)
            .unwrap();
        bus.emit_to("editor-1", "to-label", 1).unwrap();
        let others = EmitOptions::new().except("main*");
        bus.emit_with("to-others", 1, others).unwrap();
        let all_but_it = EmitOptions::new().except("editor-*");
        bus.emit_with("not-to-it", 1, all_but_it).unwrap();
        let mut page = Page::load(late);
        page.listen("*");
        let expected = [
            "to-everyone",
            "to-glob",
            "to-window",
            "to-label",
            "to-others",
        ];
        assert_eq!(names(page.receive_many(expected.len())), expected);
    });
}

#[test]
fn what_is_retained_for_it_does_not_come_twice() {
    while_the_main_thread_is_busy(|app| {
        let bus = app.event_bus();
        let late = open(app, "editor-1");
        let retained = EmitOptions::new().retain(true).to("editor-*");
        bus.emit_with("state", 1, retained).unwrap();
        let mut page = Page::load(late);
        page.listen("*");
        bus.emit("last", 1).unwrap();
        assert_eq!(names(page.receive_many(2)), ["state", "last"]);
    });
}

#[test]
fn a_job_right_after_its_build_reaches_it() {
    while_the_main_thread_is_busy(|app| {
        let bus = app.event_bus();
        let late = open(app, "other");
        for (name, to) in [("to-everyone", None), ("to-glob", Some("oth*"))] {
            let job = bus
                .periodic(name)
                .every(Duration::from_secs(3600))
                .immediate();
            let job = match to {
                Some(to) => job.to(to),
                None => job,
            };
            let job = job.start().unwrap();
            while job.info().ticks == 0 {
                thread::yield_now();
            }
            job.forget();
        }
        let mut page = Page::load(late);
        page.listen("*");
        assert_eq!(names(page.receive_many(2)), ["to-everyone", "to-glob"]);
    });
}

#[test]
fn a_request_to_a_glob_finds_it() {
    while_the_main_thread_is_busy(|app| {
        let bus = app.event_bus();
        open(app, "other");
        let requests = bus.request_all::<Value>("oth*", "who", ());
        let requests = requests.timeout(Duration::from_millis(1));
        let responses = tauri::async_runtime::block_on(requests.into_future()).unwrap();
        let labels: Vec<String> = responses.into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, ["other"]);
    });
}

#[test]
fn a_plugin_added_late_knows_the_webviews() {
    let app: App<MockRuntime> = mock_builder().build(fixture::context()).unwrap();
    let early = open(&app, "main");
    app.handle().plugin(tauri_plugin_event_bus::init()).unwrap();
    app.event_bus().emit("greeting", 1).unwrap();
    let mut page = Page::load(early);
    page.listen("*");
    assert_eq!(names(page.receive()), ["greeting"]);
}

#[test]
fn a_forged_notice_of_a_webview_adds_none() {
    let app = app();
    open(&app, "main");
    for payload in [
        json!({ "label": "ghost" }),
        json!({ "label": "main" }),
        json!({ "label": 1 }),
        json!("main"),
        json!(null),
    ] {
        app.emit("tauri://webview-created", payload).unwrap();
    }
    let known = app.event_bus().inspect().webviews;
    let labels: Vec<&str> = known.iter().map(|webview| &*webview.label).collect();
    assert_eq!(labels, ["main"]);
}
