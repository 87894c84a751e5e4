//! Emitting, and waiting until an event is handled.

mod carried;

use std::future::IntoFuture;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::App;
use tauri::async_runtime::{JoinHandle, block_on, spawn};
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::receipts::{EmitHandled, Handled, Outcome};
use tauri_plugin_event_bus::{
    EmitOptions, Error, ErrorCode, EventBusExt, HOST, Limits, ListenOptions, Result,
};

use crate::support::{Page, app, app_of, code, message};

/// A page that listens to `e`.
fn listening(app: &App<MockRuntime>, label: &str) -> Page {
    let mut page = Page::open(app, label);
    page.listen("cart:e");
    page
}

fn start(emit: EmitHandled) -> JoinHandle<Result<Handled>> {
    spawn(emit.into_future())
}

fn end(emit: JoinHandle<Result<Handled>>) -> Handled {
    block_on(emit).unwrap().unwrap()
}

fn refused(emit: EmitHandled) -> Error {
    block_on(start(emit)).unwrap().unwrap_err()
}

/// An event that a page was brought.
#[derive(Debug, Clone, Copy)]
struct Item {
    seq: u64,
    index: u64,
}

impl Item {
    fn of(row: &Value) -> Self {
        Self {
            seq: row[1].as_u64().unwrap(),
            index: row[0].as_u64().unwrap(),
        }
    }

    /// What the page tells of it.
    fn with(self, mut told: Value) -> Value {
        told["seq"] = json!(self.seq);
        told["index"] = json!(self.index);
        told
    }

    fn handled(self) -> Value {
        self.with(json!({ "outcome": "handled" }))
    }
}

/// The next event that a page is brought, and what few events have.
fn next(page: &mut Page) -> (Item, Value) {
    let rows = page.pull().rows();
    let item = Item::of(&rows[0]);
    page.ack = item.index;
    (item, rows[0][7].clone())
}

fn settle(page: &mut Page, outcome: Value) -> Value {
    let settled = page.call("settle", json!({ "outcomes": [outcome] }));
    settled.unwrap()[0].take()
}

fn pages(handled: &Handled) -> Vec<(&str, Outcome)> {
    let pages = handled.pages.iter();
    pages.map(|own| (&*own.page, own.outcome.clone())).collect()
}

#[test]
fn rust_waits_for_pages_and_listeners() {
    let app = app();
    let bus = app.event_bus();
    let (mut main, mut other) = (listening(&app, "main"), listening(&app, "other"));
    let (sender, received) = mpsc::channel();
    bus.listen("cart:e", move |event| sender.send(event.seq()).unwrap())
        .unwrap()
        .forget();
    let waiting = start(bus.emit_handled("cart:e", 1));
    let (item, extras) = next(&mut main);
    assert_eq!(extras, json!({ "outcome": true }));
    let (same, _) = next(&mut other);
    assert_eq!(same.seq, item.seq);
    assert_eq!(settle(&mut other, same.handled()), json!({}));
    let failure = json!({ "name": "TypeError", "message": "no\u{1b}" });
    settle(&mut main, item.with(json!({ "failure": failure })));
    let handled = end(waiting);
    assert_eq!(received.recv().unwrap(), item.seq);
    assert_eq!(handled.receipt.seq, item.seq);
    assert_eq!(pages(&handled)[1], ("other", Outcome::Handled));
    let (label, Outcome::Failed { name, message, .. }) = &pages(&handled)[0] else {
        panic!("{handled:?}");
    };
    assert_eq!((*label, &**name), ("main", "TypeError"));
    assert!(
        message.starts_with("no") && !message.contains('\u{1b}'),
        "{message}"
    );
    assert_eq!(handled.listeners, Some(Outcome::Handled));
    assert!(!handled.is_handled());
}

#[test]
fn listeners_in_rust_count_as_one() {
    let app = app();
    let bus = app.event_bus();
    let _stream = bus.stream("cart:e").unwrap();
    let emit = |to_all: bool| {
        let emit = bus.emit_handled("cart:e", 1);
        end(start(if to_all { emit } else { emit.to(HOST) }))
    };
    assert_eq!(emit(true).listeners, None);
    bus.listen("cart:*", |_| {}).unwrap().forget();
    assert!(emit(false).is_handled());
    let options = ListenOptions::new().sequential(true);
    let handler = |event: tauri_plugin_event_bus::BusEvent| async move {
        assert_ne!(event.payload_json(), "2", "two is too much");
    };
    let own = bus.listen_async("cart:e", options, handler).unwrap();
    assert_eq!(emit(true).listeners, Some(Outcome::Handled));
    let two = end(start(bus.emit_handled("cart:e", 2)));
    let Some(Outcome::Failed { name, message, .. }) = two.listeners else {
        panic!("{two:?}");
    };
    assert_eq!(name, "panic");
    assert!(message.contains("two is too much"), "{message}");
    own.stop();
}

#[test]
fn a_sequential_future_is_awaited() {
    let app = app();
    let bus = app.event_bus();
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let (begun, begins) = mpsc::channel();
    let own = gate.clone();
    let handler = move |_| {
        let (gate, begun) = (own.clone(), begun.clone());
        async move {
            begun.send(()).unwrap();
            gate.acquire().await.unwrap().forget();
        }
    };
    let options = ListenOptions::new().sequential(true);
    let listener = bus.listen_async("cart:e", options, handler).unwrap();
    let waiting = start(bus.emit_handled("cart:e", 1));
    begins.recv().unwrap();
    assert!(!waiting.inner().is_finished());
    gate.add_permits(1);
    assert_eq!(end(waiting).listeners, Some(Outcome::Handled));
    listener.stop();
}

/// All listeners share one thread, so they would wait for each other.
#[test]
fn waiting_in_a_listener_is_an_error() {
    let app = app();
    let bus = app.event_bus();
    let (sender, ended) = std::sync::mpsc::channel();
    bus.listen("inner", |_| {}).unwrap().forget();
    bus.listen("outer", {
        let bus = bus.clone();
        move |_| {
            let inner = block_on(bus.emit_handled("inner", 1).into_future());
            let alone = block_on(bus.emit_handled("alone", 1).into_future());
            sender.send((inner, alone)).unwrap();
        }
    })
    .unwrap()
    .forget();
    bus.emit("outer", 1).unwrap();
    let (inner, alone) = ended.recv_timeout(Duration::from_secs(20)).unwrap();
    let error = inner.unwrap_err();
    assert_eq!(error.code(), ErrorCode::WouldBlock);
    assert!(error.message().contains("\"inner\""), "{error}");
    assert!(alone.unwrap().is_handled());
}

#[test]
fn a_page_that_reloads_is_gone() {
    let app = app();
    let bus = app.event_bus();
    let mut main = listening(&app, "main");
    let waiting = start(bus.emit_handled("cart:e", 1).to("main"));
    next(&mut main);
    let mut loaded = Page::load(main.webview);
    loaded.listen("cart:e");
    assert_eq!(pages(&end(waiting)), [("main", Outcome::Gone)]);
}

#[test]
fn the_time_is_over_at_some_point() {
    let app = app();
    let bus = app.event_bus();
    let mut main = listening(&app, "main");
    let soon = Duration::from_millis(1);
    let late = end(start(bus.emit_handled("cart:e", 1).timeout(soon)));
    assert_eq!(pages(&late), [("main", Outcome::Timeout)]);
    // It is the same event to the page.
    let (item, _) = next(&mut main);
    assert_eq!(settle(&mut main, item.handled()), json!({}));
    for wrong in [Duration::ZERO, Duration::MAX] {
        let error = refused(bus.emit_handled("cart:e", 1).timeout(wrong));
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
}

#[test]
fn options_and_refusals_are_those_of_emit() {
    let app = app();
    let bus = app.event_bus();
    let _main = listening(&app, "main");
    let options = EmitOptions::new().except("main");
    let none = end(start(bus.emit_handled("cart:e", 1).options(options)));
    assert_eq!((none.pages.len(), none.listeners.clone()), (0, None));
    assert!(none.is_handled());
    for (emit, code) in [
        (bus.emit_handled("a b", 1), ErrorCode::InvalidEventName),
        (
            bus.emit_handled("e", 1).to("nowhere"),
            ErrorCode::UnknownTarget,
        ),
    ] {
        let error = refused(emit);
        assert_eq!(error.code(), code, "{error}");
    }
    // Here, on the main thread, nothing of a page would arrive.
    let error = block_on(bus.emit_handled("cart:e", 1).into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::WouldBlock);
    assert!(
        error.message().contains("emit_handled of \"cart:e\""),
        "{error}"
    );
    // A name in a namespace has its prefix.
    let mut editor = Page::open(&app, "editor-1");
    editor.listen("cart:x");
    let waiting = start(bus.namespace("cart").emit_handled("x", 1).to("editor-1"));
    let (item, _) = next(&mut editor);
    settle(&mut editor, item.with(json!({ "outcome": "dropped" })));
    assert_eq!(pages(&end(waiting)), [("editor-1", Outcome::Dropped)]);
    // So has one of a component, beside the component's name.
    let list = bus.namespace("cart").component("List");
    let waiting = start(list.emit_handled("x", 1).to("editor-1"));
    let (item, extras) = next(&mut editor);
    assert_eq!(extras, json!({ "component": "List", "outcome": true }));
    settle(&mut editor, item.handled());
    assert_eq!(pages(&end(waiting)), [("editor-1", Outcome::Handled)]);
}

/// Emits as a page that waits.
fn emit(page: &mut Page, outcome: Value) -> Value {
    let entry = json!({ "event": "cart:e", "payload": "1", "outcome": outcome });
    page.call("emit", json!({ "events": [entry] })).unwrap()[0].take()
}

/// The outcomes that a page is brought.
fn outcomes(page: &mut Page) -> Value {
    let mut rows = page.pull().rows();
    let mut row = rows[0].take();
    page.ack = row["index"].as_u64().unwrap();
    row.as_object_mut().unwrap().remove("index");
    row
}

#[test]
fn a_page_is_told_what_it_may_know() {
    let app = app();
    let mut watcher = Page::open(&app, "watcher");
    let (mut main, mut other) = (listening(&app, "main"), listening(&app, "other"));
    let receipt = emit(&mut watcher, json!({ "id": 3 }));
    assert_eq!(receipt["pages"], json!(2));
    let failure = json!({ "name": "TypeError", "message": "a secret" });
    for page in [&mut main, &mut other] {
        let (item, _) = next(page);
        settle(page, item.with(json!({ "failure": failure })));
    }
    let expected = json!({
        "outcome": 3,
        "pages": [
            { "page": "main", "outcome": "failed", "name": "TypeError", "message": "a secret" },
            { "outcome": "failed" },
        ],
    });
    assert_eq!(outcomes(&mut watcher), expected);
    // Without the permission it is told of itself alone.
    let mut editor = listening(&app, "editor-1");
    emit(&mut editor, json!({ "id": 1 }));
    for page in [&mut main, &mut other, &mut editor] {
        let (item, _) = next(page);
        settle(page, item.handled());
    }
    let own = json!({ "page": "editor-1", "outcome": "handled" });
    let hidden = json!({ "outcome": "handled" });
    let expected = json!({ "outcome": 1, "pages": [own, hidden, hidden] });
    assert_eq!(outcomes(&mut editor), expected);
}

#[test]
fn knowing_of_pages_allows_no_event() {
    let app = app();
    // Its capability lists pages, and events of the cart.
    let mut watcher = Page::open(&app, "watcher");
    let emitted = |page: &mut Page, command: &str, entry: Value| {
        page.call(command, json!({ "events": [entry] })).unwrap()[0].take()
    };
    let refused = emitted(&mut watcher, "emit", json!({ "event": "order:new" }));
    assert_eq!(code(&refused), "denied");
    let entry = json!({ "event": "cart:e", "to": "main" });
    let refused = emitted(&mut watcher, "emit_to", entry);
    assert_eq!(code(&refused), "denied");
}

#[test]
fn a_page_settles_only_what_it_was_sent() {
    let app = app();
    let bus = app.event_bus();
    let (mut main, mut other) = (listening(&app, "main"), Page::open(&app, "other"));
    let waiting = start(bus.emit_handled("cart:e", 1));
    let (item, _) = next(&mut main);
    let failure = json!({ "failure": { "name": "x", "message": "y" } });
    for seq in [item.seq, item.seq + 1, 0, u64::MAX] {
        let forged = Item { seq, ..item };
        for outcome in [forged.handled(), forged.with(failure.clone())] {
            // Another page was brought nothing.
            let refused = settle(&mut other, outcome);
            assert_eq!(code(&refused), "invalid_argument");
            assert!(
                message(&refused).contains("no item was delivered"),
                "{refused}"
            );
        }
        assert_eq!(
            settle(&mut other, json!({ "seq": seq, "handled": true })),
            json!({})
        );
    }
    // It is brought an event of its own, and cannot tell of that of the other page.
    other.listen("cart:own");
    bus.emit_to("other", "cart:own", 1).unwrap();
    let (own, _) = next(&mut other);
    assert_eq!(own.index, item.index);
    assert_eq!(settle(&mut other, item.with(failure)), json!({}));
    settle(&mut main, item.handled());
    assert_eq!(pages(&end(waiting)), [("main", Outcome::Handled)]);
}

#[test]
fn malformed_entries_are_refused() {
    let app = app();
    let mut main = listening(&app, "main");
    for outcome in [
        json!({}),
        json!({ "id": -1 }),
        json!({ "id": "1" }),
        json!({ "id": 1, "timeoutMs": 0 }),
        json!({ "id": 1, "timeoutMs": 86_400_001 }),
        json!({ "id": 1, "timeout": 5 }),
        json!(7),
    ] {
        let refused = emit(&mut main, outcome.clone());
        assert_eq!(code(&refused), "invalid_argument", "{outcome}");
    }
    let both = json!({ "event": "cart:e", "outcome": { "id": 1 }, "will": { "id": 1 } });
    let refused = main.call("emit", json!({ "events": [both] })).unwrap();
    assert!(message(&refused[0]).contains("choose one"), "{refused}");
    for entry in [
        json!({ "seq": 1 }),
        json!({ "seq": 1, "outcome": "handled" }),
        json!({ "seq": 1, "index": 1, "outcome": "gone" }),
        json!({ "seq": 1, "index": 1, "outcome": "handled", "handled": true }),
        json!({ "seq": -1, "index": 1, "outcome": "handled" }),
        json!({ "seq": 1, "index": -1, "outcome": "handled" }),
        json!({ "seq": 1, "index": 1, "failure": "no" }),
        json!({ "seq": 1, "index": 1, "failure": { "name": "x" } }),
        json!(null),
    ] {
        let refused = settle(&mut main, entry.clone());
        assert_eq!(code(&refused), "invalid_argument", "{entry}");
        assert!(
            message(&refused).contains("outcome at index 0"),
            "{refused}"
        );
    }
}

#[test]
fn a_page_has_so_many_open() {
    let mut limits = Limits::default();
    limits.receipts_per_page = 2;
    let app = app_of(limits);
    let (mut main, mut other) = (Page::open(&app, "main"), listening(&app, "other"));
    for id in 0..2 {
        assert!(emit(&mut main, json!({ "id": id }))["seq"].is_u64());
    }
    let refused = emit(&mut main, json!({ "id": 2 }));
    assert_eq!(code(&refused), "queue_full");
    let text = message(&refused);
    assert!(text.contains("2 is the limit (receiptsPerPage)"), "{text}");
    // One that is told and fetched makes room.
    let (item, _) = next(&mut other);
    settle(&mut other, item.handled());
    let refused = emit(&mut main, json!({ "id": 2 }));
    assert_eq!(code(&refused), "queue_full");
    assert_eq!(outcomes(&mut main)["outcome"], json!(0));
    assert!(emit(&mut main, json!({ "id": 2 }))["seq"].is_u64());
    // A refused event keeps no place.
    let long = "a".repeat(300);
    let entry = json!({ "event": long, "outcome": { "id": 9 } });
    let refused = main.call("emit", json!({ "events": [entry] })).unwrap();
    assert_eq!(code(&refused[0]), "invalid_event_name");
}

#[test]
fn a_listener_waits_for_readers_of_their_own() {
    let app = app();
    let bus = app.event_bus();
    let (sender, ended) = mpsc::channel();
    let _stream = bus.stream("inner").unwrap();
    let _inner = bus.listen_async("inner", ListenOptions::new(), |_| async {});
    let own = bus.clone();
    let _outer = bus.listen("outer", move |_| {
        let inner = block_on(own.emit_handled("inner", 1).into_future());
        sender.send(inner).unwrap();
    });
    bus.emit("outer", 1).unwrap();
    let inner = ended.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(inner.unwrap().listeners, Some(Outcome::Handled));
}
