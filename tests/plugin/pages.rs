//! Which pages there are, and who may know of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri::test::MockRuntime;
use tauri::{App, Manager};
use tauri_plugin_event_bus::pages::PageState;
use tauri_plugin_event_bus::{ErrorCode, EventBusExt, Limits};

use crate::support::{Page, app, app_of, code, invoke, message, open};

const PATIENCE: Duration = Duration::from_secs(20);

/// An app whose pages are closed soon after they are gone.
fn impatient() -> App<MockRuntime> {
    let mut limits = Limits::default();
    limits.page_grace_ms = 1;
    app_of(limits)
}

fn wait_until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end);
        std::thread::yield_now();
    }
}

/// The label and the name of each event about pages, and its reason.
fn told(page: &mut Page, count: usize) -> Vec<String> {
    let received = page.receive_many(count).into_iter();
    let received = received.map(|(name, payload)| {
        let name = name.trim_start_matches("event-bus:page-").to_owned();
        let reason = payload["reason"].as_str().unwrap_or_default();
        let label = payload["label"].as_str().unwrap();
        format!("{label} {name} {reason}").trim_end().to_owned()
    });
    received.collect()
}

/// A page that is ready.
fn ready(app: &impl Manager<MockRuntime>, label: &str) -> Page {
    let mut page = Page::open(app, label);
    page.listen("event");
    assert!(page.pull().is_open());
    page
}

#[test]
fn a_page_is_told_of_those_in_its_scope() {
    let app = app();
    let mut watcher = Page::open(&app, "watcher");
    watcher.listen("event-bus:page-*");
    assert_eq!(told(&mut watcher, 2), ["watcher opened", "watcher ready"]);
    let _others = ["other", "editor-secret", "main"].map(|label| ready(&app, label));
    assert_eq!(told(&mut watcher, 2), ["main opened", "main ready"]);
    let listed = invoke(&watcher.webview, "pages", json!({})).wait().unwrap();
    let labels: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|page| &page["label"])
        .collect();
    assert_eq!(labels, ["main", "watcher"]);
    assert_eq!(listed[0]["window"], json!("main"));
    assert_eq!(listed[0]["state"], json!("ready"));
    assert!(listed[0]["since"].as_u64().unwrap() > 1_600_000_000_000);
    // Rust knows of all.
    assert_eq!(app.event_bus().pages().len(), 4);
}

#[test]
fn listening_grants_nothing_of_pages() {
    let app = app();
    let (mut main, mut herald) = (ready(&app, "main"), Page::open(&app, "herald"));
    for name in [
        "event-bus:page-ready",
        "event-bus:page-*",
        "event-bus:presence:doc:1",
        "event-bus:presence*",
    ] {
        for page in [&mut main, &mut herald] {
            let refused = page.try_listen(name);
            assert_eq!(code(&refused), "denied", "{name}");
            let text = message(&refused);
            assert!(text.contains("event-bus:pages"), "{text}");
        }
    }
    // A pattern for all that the bus emits has other events.
    herald.listen("event-bus:*");
    herald.listen("x");
    let _other = ready(&app, "other");
    app.event_bus().emit("x", 1).unwrap();
    assert_eq!(herald.receive(), [("x".to_owned(), json!(1))]);
    // A list of nothing is a list of nothing.
    let listed = invoke(&herald.webview, "pages", json!({})).wait();
    assert_eq!(listed, Ok(json!([])));
    let refused = invoke(&main.webview, "pages", json!({}))
        .wait()
        .unwrap_err();
    assert!(
        refused.as_str().unwrap().contains("not allowed"),
        "{refused}"
    );
}

#[test]
fn a_page_is_named_by_who_may_know_of_it() {
    let app = app();
    let watcher = ready_to_watch(&app);
    for (label, expected) in [
        ("main", "ok"),
        ("editor-7", "ok"),
        ("editor-secret", "denied"),
        ("other", "denied"),
    ] {
        let found = invoke(&watcher.webview, "pages", json!({ "label": label })).wait();
        let verdict = found.as_ref().map_or_else(code, |_| "ok");
        assert_eq!(verdict, expected, "{label}");
    }
    let denied = invoke(
        &watcher.webview,
        "pages",
        json!({ "label": "editor-secret" }),
    );
    let error = denied.wait().unwrap_err();
    assert!(message(&error).contains("deny wins"), "{error}");
    let missing = invoke(&watcher.webview, "pages", json!({ "label": "other" }));
    let error = missing.wait().unwrap_err();
    assert!(
        message(&error).contains(r#""allow": [{"page":"other"}]"#),
        "{error}"
    );
}

fn ready_to_watch(app: &impl Manager<MockRuntime>) -> Page {
    let mut watcher = Page::open(app, "watcher");
    watcher.listen("event-bus:page-closed");
    assert!(watcher.pull().is_open());
    watcher
}

#[test]
fn events_of_the_list_of_listening_stay_narrow() {
    let app = app();
    let mut watcher = Page::open(&app, "watcher");
    assert_eq!(code(&watcher.try_listen("order:new")), "denied");
    assert_eq!(code(&watcher.try_listen("event-bus:job-stopped")), "denied");
    watcher.listen("cart:new");
}

#[test]
fn a_page_says_itself_when_it_is_ready() {
    let app = app();
    let bus = app.event_bus();
    let mut herald = Page::open(&app, "herald");
    let said = herald.call("page", json!({ "ready": false }));
    assert_eq!(said, Ok(Value::Null));
    herald.listen("x");
    let _pull = herald.pull();
    wait_until(|| !bus.pages().is_empty());
    assert_eq!(bus.pages()[0].state, PageState::Opened);
    // Here, on the main thread, nothing of the page would arrive.
    let error = block_on(bus.wait_until_ready("herald")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::WouldBlock);
    assert!(error.message().contains("\"herald\""), "{error}");
    let waiting = bus
        .wait_until_ready("herald")
        .timeout(Duration::from_millis(1));
    let waited = std::thread::spawn(|| block_on(waiting)).join().unwrap();
    let error = waited.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert!(error.message().contains("\"herald\""), "{error}");
    herald.call("page", json!({ "ready": true })).unwrap();
    let waiting = bus.wait_until_ready("herald").timeout(PATIENCE);
    assert_eq!(block_on(waiting), Ok(()));
    let late = herald.call("page", json!({ "ready": false }));
    assert_eq!(code(&late.unwrap_err()), "invalid_argument");
    let unclear = herald.call("page", json!({ "ready": 1 })).unwrap_err();
    assert!(unclear.to_string().contains("ready"), "{unclear}");
}

#[test]
fn rust_waits_for_a_page() {
    let app = impatient();
    let bus = app.event_bus();
    let error = block_on(bus.wait_until_ready("never")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownTarget);
    let error = block_on(bus.wait_until_ready("main").timeout(Duration::ZERO)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let window = open(&app, "main");
    let waiting = std::thread::spawn({
        let bus = bus.clone();
        move || block_on(bus.wait_until_ready("main").timeout(PATIENCE))
    });
    let mut main = Page::load(window);
    main.listen("x");
    let _pull = main.pull();
    assert_eq!(waiting.join().unwrap(), Ok(()));
}
