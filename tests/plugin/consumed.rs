//! Events that are kept until they are consumed.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::App;
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::{
    Builder, EmitOptions, ErrorCode, EventBusExt, ListenOptions, Policy, StreamItem, Until,
};

use crate::support::{Page, app, app_with, code};

const PATIENCE: Duration = Duration::from_secs(20);

fn link() -> Builder {
    Builder::new().policy("link", Policy::new().until(Until::Consumed))
}

fn kept(app: &App<MockRuntime>) -> usize {
    app.event_bus().inspect().unconsumed.events
}

/// What a page is sent: the payload and the extras of each event.
fn rows(page: &mut Page) -> Vec<(Value, Value)> {
    let rows = page.pull().rows();
    let rows = rows.as_array().unwrap();
    page.ack = rows.last().map_or(page.ack, |row| row[0].as_u64().unwrap());
    rows.iter()
        .map(|row| (row[6].clone(), row[7].clone()))
        .collect()
}

fn settle(page: &mut Page, seq: u64, handled: bool) -> Value {
    let outcomes = json!([{ "seq": seq, "handled": handled }]);
    page.call("settle", json!({ "outcomes": outcomes }))
        .unwrap()
}

#[test]
fn a_page_that_starts_later_handles_it_once() {
    let app = app_with(link());
    let seq = app.event_bus().emit("link", "app://open").unwrap().seq;
    let mut main = Page::open(&app, "main");
    main.listen("link");
    let extras = json!({ "replayed": true, "consume": true });
    assert_eq!(rows(&mut main), [(json!("app://open"), extras)]);
    assert_eq!(settle(&mut main, seq, true), json!([{}]));
    assert_eq!(kept(&app), 0);
    main.listen("link");
    app.event_bus().emit("end", 1).unwrap();
    main.listen("end");
    assert_eq!(main.receive(), [("end".to_owned(), json!(1))]);
}

#[test]
fn a_page_that_dies_leaves_it_to_the_next() {
    let app = app_with(link());
    let mut main = Page::open(&app, "main");
    main.listen("link");
    let seq = app.event_bus().emit("link", 1).unwrap().seq;
    assert_eq!(rows(&mut main), [(json!(1), json!({ "consume": true }))]);
    let mut next = Page::load(main.webview);
    next.listen("link");
    let extras = json!({ "replayed": true, "consume": true, "redelivered": true });
    assert_eq!(rows(&mut next), [(json!(1), extras)]);
    settle(&mut next, seq, true);
    assert_eq!(kept(&app), 0);
}

#[test]
fn pages_choose_it_by_an_option() {
    let app = app();
    let (mut main, mut other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    let mut emit = |entry: Value| {
        let results = main.call("emit", json!({ "events": [entry] }));
        results.unwrap()[0].take()
    };
    let consumed = json!({ "event": "a", "payload": "1", "until": "consumed", "maxDeliveries": 1 });
    let seq = emit(consumed.clone())["seq"].as_u64().unwrap();
    let with = |key: &str, value: Value| {
        let mut entry = consumed.clone();
        entry[key] = value;
        entry
    };
    let both = emit(with("retain", json!(true)));
    assert_eq!(code(&both), "invalid_argument");
    let none = emit(with("maxDeliveries", json!(0)));
    assert_eq!(code(&none), "invalid_argument");
    assert_eq!(
        code(&emit(with("until", json!("never")))),
        "invalid_argument"
    );
    // What a page was not sent, it cannot end.
    settle(&mut other, seq, true);
    assert_eq!(kept(&app), 1);
    other.listen("a");
    assert_eq!(rows(&mut other).len(), 1);
    settle(&mut other, seq, false);
    assert_eq!(kept(&app), 0);
}

#[test]
fn rust_handles_it_by_returning() {
    let app = app_with(link());
    let bus = app.event_bus();
    bus.emit("link", 1).unwrap();
    let (sender, receiver) = mpsc::channel();
    let mut is_first = true;
    let listener = bus.listen("link", move |event| {
        sender.send(event.is_redelivered()).unwrap();
        if std::mem::take(&mut is_first) {
            panic!("not handled");
        }
    });
    assert!(!receiver.recv_timeout(PATIENCE).unwrap());
    let (sender, again) = mpsc::channel();
    let _second = bus.listen("link", move |event| {
        sender.send(event.is_redelivered()).unwrap();
    });
    assert!(again.recv_timeout(PATIENCE).unwrap());
    drop(listener);
    // One thread calls all listeners, so the outcome is known once the next event is handled.
    let (sender, marked) = mpsc::channel();
    let _marker = bus.listen("marker", move |_| sender.send(()).unwrap());
    bus.emit("marker", 1).unwrap();
    marked.recv_timeout(PATIENCE).unwrap();
    assert_eq!(kept(&app), 0);
}

#[test]
fn a_stream_handles_it_by_reading() {
    let app = app_with(link());
    let bus = app.event_bus();
    bus.emit("link", 1).unwrap();
    let mut stream = bus.stream("link").unwrap();
    assert_eq!(kept(&app), 1);
    let next = tauri::async_runtime::block_on(stream.recv());
    assert!(matches!(next, Some(StreamItem::Event(_))));
    assert_eq!(kept(&app), 0);
}

#[test]
fn what_is_consumed_is_not_retained() {
    let app = app_with(link());
    let options = EmitOptions::new().retain(true);
    let error = app.event_bus().emit_with("link", 1, options).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    let options = EmitOptions::new().until(Until::Consumed).max_deliveries(0);
    let error = app.event_bus().emit_with("x", 1, options).unwrap_err();
    assert!(error.message().contains("maxDeliveries"), "{error}");
}

#[test]
fn an_async_listener_has_it_when_its_future_is_done() {
    for is_sequential in [true, false] {
        let app = app_with(link());
        let bus = app.event_bus();
        let options = || ListenOptions::new().sequential(is_sequential);
        let (begun, begins) = mpsc::channel();
        let failing = bus.listen_async("link", options(), move |_| {
            let begun = begun.clone();
            async move {
                begun.send(()).unwrap();
                panic!("it fails");
            }
        });
        bus.emit("link", "app://open").unwrap();
        begins.recv_timeout(PATIENCE).unwrap();
        assert_eq!(kept(&app), 1);
        failing.unwrap().stop();
        let (go, gate) = tokio::sync::oneshot::channel::<()>();
        let mut gate = Some(gate);
        let (begun, begins) = mpsc::channel();
        let listener = bus.listen_async("link", options(), move |event| {
            let (gate, begun) = (gate.take().unwrap(), begun.clone());
            async move {
                begun.send(event.payload::<String>().unwrap()).unwrap();
                gate.await.unwrap();
            }
        });
        assert_eq!(begins.recv_timeout(PATIENCE).unwrap(), "app://open");
        assert_eq!(kept(&app), 1);
        go.send(()).unwrap();
        let end = std::time::Instant::now() + PATIENCE;
        while kept(&app) > 0 {
            assert!(std::time::Instant::now() < end);
            std::thread::yield_now();
        }
        listener.unwrap().stop();
    }
}

#[test]
fn one_that_no_listener_is_left_for_is_given_up() {
    let app = app();
    let bus = app.event_bus();
    let (begun, begins) = mpsc::channel();
    let (go, goes) = mpsc::channel::<()>();
    let _gate = bus.listen("gate", move |_| {
        begun.send(()).unwrap();
        goes.recv_timeout(PATIENCE).unwrap();
    });
    bus.emit("gate", ()).unwrap();
    begins.recv_timeout(PATIENCE).unwrap();
    bus.once("link", |_| ()).unwrap().forget();
    for payload in 0..2 {
        let options = EmitOptions::new().until(Until::Consumed).max_deliveries(1);
        bus.emit_with("link", payload, options).unwrap();
    }
    assert_eq!(kept(&app), 2);
    go.send(()).unwrap();
    while kept(&app) > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_listener_behind_the_first_success_gets_it_not() {
    let app = app_with(link());
    let bus = app.event_bus();
    let _first = bus.listen("link", |_| ());
    let (own, (sender, late)) = (bus.clone(), mpsc::channel());
    let _second = bus.listen("link", move |_| {
        let sender = sender.clone();
        let third = own.listen("link", move |event| sender.send(event.seq()).unwrap());
        third.unwrap().forget();
    });
    bus.emit("link", 1).unwrap();
    let (sender, ended) = mpsc::channel();
    let _end = bus.listen("end", move |_| sender.send(()).unwrap());
    bus.emit("end", 1).unwrap();
    ended.recv_timeout(PATIENCE).unwrap();
    assert!(late.try_recv().is_err(), "it was handled before");
    assert_eq!(kept(&app), 0);
}

#[test]
fn a_stopped_listener_ends_what_it_has_begun() {
    for is_sequential in [true, false] {
        let app = app();
        let bus = app.event_bus();
        let (begun, begins) = mpsc::channel();
        let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let own = gate.clone();
        let options = ListenOptions::new().sequential(is_sequential);
        let listener = bus.listen_async("link", options, move |event| {
            let (begun, gate) = (begun.clone(), own.clone());
            async move {
                begun.send(()).unwrap();
                gate.acquire().await.unwrap().forget();
                assert_ne!(event.payload::<u32>().unwrap(), 0, "on purpose");
            }
        });
        let options = EmitOptions::new().until(Until::Consumed).max_deliveries(1);
        bus.emit_with("link", u32::from(is_sequential), options)
            .unwrap();
        begins.recv_timeout(PATIENCE).unwrap();
        listener.unwrap().stop();
        // This looks for what nobody can handle any more.
        let _other = bus.listen("other", |_| ());
        assert_eq!(kept(&app), 1);
        gate.add_permits(1);
        while kept(&app) > 0 {
            std::thread::yield_now();
        }
    }
}
