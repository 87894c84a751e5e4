//! Subscriptions for which only the newest event of a name waits.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::{Builder, EventBusExt, ListenOptions, Policy, StreamItem};

use crate::support::{Page, app, app_with};

const PATIENCE: Duration = Duration::from_secs(20);

fn listen_to_newest(page: &mut Page, id: u32, pattern: &str) {
    let entry = json!({ "id": id, "event": pattern, "latest": true });
    let results = page.call("subscribe", json!({ "subscriptions": [entry] }));
    assert!(results.unwrap()[0]["seq"].is_u64());
}

/// The name, the subscriptions, the payload, and how many events it replaced, of each event.
fn rows(page: &mut Page) -> Vec<(Value, Value, Value, Value)> {
    let rows = page.pull().rows();
    let rows = rows.as_array().unwrap();
    page.ack = rows.last().map_or(page.ack, |row| row[0].as_u64().unwrap());
    let row = |row: &Value| {
        let superseded = row[7]["superseded"].clone();
        (row[3].clone(), row[5].clone(), row[6].clone(), superseded)
    };
    rows.iter().map(row).collect()
}

#[test]
fn one_listener_of_a_page_gets_the_newest() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let all = main.listen("cursor");
    listen_to_newest(&mut main, 90, "cursor");
    listen_to_newest(&mut main, 91, "*");
    for n in 1..=3 {
        app.event_bus().emit("cursor", n).unwrap();
    }
    let last = app.event_bus().emit("other", 4).unwrap();
    assert_eq!((last.pages, last.listeners), (1, 0));
    let every = |n| (json!("cursor"), json!(all), json!(n), Value::Null);
    let newest = (json!("cursor"), json!([90, 91]), json!(3), json!(2));
    let other = (json!("other"), json!(91), json!(4), Value::Null);
    assert_eq!(
        rows(&mut main),
        [every(1), every(2), every(3), newest, other]
    );
    // What is on its way is replaced no more.
    app.event_bus().emit("cursor", 5).unwrap();
    let fifth = [
        (json!("cursor"), json!(all), json!(5), Value::Null),
        (json!("cursor"), json!([90, 91]), json!(5), Value::Null),
    ];
    assert_eq!(rows(&mut main), fifth);
}

#[test]
fn a_late_listener_gets_the_newest_of_each_name() {
    let app = app();
    let mut main = Page::open(&app, "main");
    for (name, n) in [("a", 1), ("a", 2), ("b", 3)] {
        app.event_bus().emit(name, n).unwrap();
    }
    listen_to_newest(&mut main, 1, "*");
    // It still waits, so the next one takes its place.
    app.event_bus().emit("b", 4).unwrap();
    let expected = [
        (json!("a"), json!(1), json!(2), json!(1)),
        (json!("b"), json!(1), json!(4), json!(1)),
    ];
    assert_eq!(rows(&mut main), expected);
}

#[test]
fn a_policy_makes_it_so_for_all() {
    let app = app_with(Builder::new().policy("cursor", Policy::new().latest()));
    let mut main = Page::open(&app, "main");
    let all = main.listen("cursor");
    listen_to_newest(&mut main, 90, "cursor");
    for n in 1..=3 {
        app.event_bus().emit("cursor", n).unwrap();
    }
    let newest = (json!("cursor"), json!([all, 90]), json!(3), json!(2));
    assert_eq!(rows(&mut main), [newest]);
}

#[test]
fn listeners_and_streams_of_the_host_get_the_newest() {
    let app = app();
    let bus = app.event_bus();
    let newest = || ListenOptions::new().latest(true);
    let mut stream = bus.stream_with("cursor", newest()).unwrap();
    let (sender, received) = mpsc::channel();
    let all = sender.clone();
    let (go, wait) = mpsc::channel();
    // The first listener holds the others up until all is emitted.
    bus.listen("go", move |_| wait.recv().unwrap())
        .unwrap()
        .forget();
    let listen = |options, sender: mpsc::Sender<(bool, u32, u64)>, is_newest| {
        let callback = move |event: tauri_plugin_event_bus::BusEvent| {
            let payload = event.payload().unwrap();
            sender
                .send((is_newest, payload, event.superseded()))
                .unwrap();
        };
        bus.listen_with("cursor", options, callback)
            .unwrap()
            .forget();
    };
    listen(newest(), sender, true);
    listen(ListenOptions::new(), all, false);
    bus.emit("go", 0).unwrap();
    for n in 1..=3 {
        let receipt = bus.emit("cursor", n).unwrap();
        assert_eq!(receipt.listeners, 3);
    }
    go.send(()).unwrap();
    let mut got: Vec<(bool, u32, u64)> = (0..4)
        .map(|_| received.recv_timeout(PATIENCE).unwrap())
        .collect();
    got.sort_unstable();
    assert_eq!(
        got,
        [(false, 1, 0), (false, 2, 0), (false, 3, 0), (true, 3, 2)]
    );
    let Some(StreamItem::Event(event)) = block_on(stream.recv()) else {
        panic!("nothing is lost");
    };
    assert_eq!((event.payload(), event.superseded()), (Ok(3), 2));
}
