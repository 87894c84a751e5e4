//! The causes of events, and loop detection.

use std::sync::mpsc;

use serde_json::{Value, json};
use tauri_plugin_event_bus::{EmitOptions, ErrorCode, EventBusExt};

use crate::support::{Page, app, app_with, code, message};

use super::{PATIENCE, extras, limited, names, recorder};

#[test]
fn the_causes_of_a_page_are_limited() {
    let app = app_with(limited(2));
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let results = main
        .call(
            "emit",
            json!({ "events": [
                { "event": "c", "causes": ["a", "b"] },
                { "event": "a", "causes": ["a", "b", "a"] },
                { "event": "d", "causes": ["a b"] },
                { "event": "e", "causes": vec!["a"; 100_000] },
                { "event": "f", "causes": [] },
            ] }),
        )
        .unwrap();
    assert_eq!(code(&results[1]["error"]), "event_loop");
    for part in ["2 causes", "hops", "a → b → a → a"] {
        assert!(message(&results[1]["error"]).contains(part), "{results}");
    }
    assert_eq!(code(&results[2]["error"]), "invalid_event_name");
    assert_eq!(code(&results[3]["error"]), "event_loop");
    assert_eq!(
        extras(&mut main, 2),
        [json!({ "causes": ["a", "b"] }), Value::Null]
    );
}

#[test]
fn ten_steps_pass_and_a_loop_is_refused() {
    let app = app();
    let bus = app.event_bus();
    let (record, receiver) = recorder();
    bus.listen("*", record).unwrap().forget();
    let own = bus.clone();
    bus.listen("step:*", move |event| {
        let step: u32 = event.payload().unwrap();
        if step < 10 {
            own.emit(&format!("step:{}", step + 1), step + 1).unwrap();
        }
    })
    .unwrap()
    .forget();
    bus.emit("step:1", 1).unwrap();
    assert_eq!(names(&receiver, "step:10").len(), 10);

    let (sender, refused) = mpsc::channel();
    for (from, to) in [("a", "b"), ("b", "a")] {
        let (own, sender) = (bus.clone(), sender.clone());
        bus.listen(from, move |_| {
            if let Err(error) = own.emit(to, ()) {
                sender.send(error).unwrap();
            }
        })
        .unwrap()
        .forget();
    }
    bus.emit("a", ()).unwrap();
    let error = refused.recv_timeout(PATIENCE).unwrap();
    assert_eq!(error.code(), ErrorCode::EventLoop);
    assert!(error.message().contains("a → b → a → b"), "{error}");
    bus.emit("end", ()).unwrap();
    assert_eq!(names(&receiver, "end").len(), 17 + 1);
}

#[test]
fn a_later_emit_needs_an_explicit_cause() {
    let app = app();
    let bus = app.event_bus();
    let (record, receiver) = recorder();
    bus.listen("*", record).unwrap().forget();
    let own = bus.clone();
    bus.listen("first", move |event| {
        let (bus, caused) = (own.clone(), own.caused_by(&event));
        own.without_causes().emit("new", ()).unwrap();
        std::thread::spawn(move || {
            bus.emit("other", ()).unwrap();
            caused.emit("later", ()).unwrap();
        })
        .join()
        .unwrap();
        panic!("which must not keep its cause");
    })
    .unwrap()
    .forget();
    bus.emit("first", ()).unwrap();
    let own = bus.clone();
    bus.listen("later", move |_| own.emit("last", ()).map(drop).unwrap())
        .unwrap()
        .forget();
    let mut found = Vec::new();
    while found.len() < 4 {
        let event = receiver.recv_timeout(PATIENCE).unwrap();
        found.push((
            event.name().to_owned(),
            event.causes().collect::<Vec<_>>().join(" "),
        ));
    }
    let expected = [
        ("first", ""),
        ("new", ""),
        ("other", ""),
        ("later", "first"),
    ];
    assert_eq!(
        found,
        expected.map(|(name, causes)| (name.to_owned(), causes.to_owned()))
    );
}

#[test]
fn a_future_keeps_the_cause_of_its_call() {
    let app = app();
    let bus = app.event_bus();
    let (record, receiver) = recorder();
    bus.listen("*", record).unwrap().forget();
    let (sender, waiting) = mpsc::channel();
    let own = bus.clone();
    bus.listen("first", move |_| {
        let emit = own.emit_async_with("later", 1, EmitOptions::new());
        let list = own.component("List");
        let act = list.action_async("load", async { Ok::<_, String>(7) });
        sender.send((emit, act)).unwrap();
    })
    .unwrap()
    .forget();
    bus.emit("first", ()).unwrap();
    let (emit, act) = waiting.recv_timeout(PATIENCE).unwrap();
    tauri::async_runtime::block_on(async move {
        emit.await.unwrap();
        act.await.unwrap();
    });
    for (name, causes) in [
        ("first", &[] as &[&str]),
        ("later", &["first"]),
        ("action-complete", &["first"]),
    ] {
        let event = receiver.recv_timeout(PATIENCE).unwrap();
        assert_eq!(event.name(), name);
        assert_eq!(event.causes().collect::<Vec<_>>(), causes);
    }
}

#[test]
fn a_loop_of_a_page_and_the_host_is_refused() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.listen("ping");
    let own = bus.clone();
    bus.listen("pong", move |_| {
        own.emit("ping", ()).ok();
    })
    .unwrap()
    .forget();
    bus.emit("ping", ()).unwrap();
    let mut hops = 0;
    loop {
        // The page acts as the guest does within a handler.
        let extras = extras(&mut main, 1).remove(0);
        let mut causes: Vec<Value> = extras["causes"].as_array().cloned().unwrap_or_default();
        assert_eq!(causes.len(), hops);
        causes.push(json!("ping"));
        let results = main
            .call(
                "emit",
                json!({ "events": [{ "event": "pong", "causes": causes }] }),
            )
            .unwrap();
        if let Some(error) = results[0].get("error") {
            assert_eq!(code(error), "event_loop");
            break;
        }
        hops += 2;
    }
    assert_eq!(hops, 16);
}
