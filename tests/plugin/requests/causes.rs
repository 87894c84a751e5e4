//! The causes of requests, and loop detection.

use std::future::IntoFuture;
use std::sync::mpsc;

use serde_json::json;
use tauri::async_runtime::{block_on, spawn};
use tauri_plugin_event_bus::{ErrorCode, EventBusExt, Target};

use crate::support::{Page, app};

use super::PATIENCE;

#[test]
fn what_a_responder_emits_carries_the_chain() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    main.listen("done");
    // An event that Rust hears, a question that it asks for it, and what the responder emits.
    let (own, inner) = (bus.clone(), bus.clone());
    bus.listen("start", move |_| {
        let asked = own.request::<u8>(Target::host(), "outer", ());
        spawn(async move { asked.await });
    })
    .unwrap()
    .forget();
    bus.respond("outer", move |()| {
        let bus = inner.clone();
        async move {
            let answer: u8 = bus.request("main", "q", ()).await?;
            bus.emit("done", answer)?;
            Ok(answer)
        }
    })
    .unwrap()
    .forget();
    bus.emit("start", ()).unwrap();
    let question = main.question();
    assert_eq!(question["causes"], json!(["start", "outer"]));
    main.answer(&question, "7");
    let batch = main.pull().rows();
    let extras = &batch[0][7];
    assert_eq!(extras["causes"], json!(["start", "outer"]));

    // A blocking responder's, too.
    let (sender, heard) = mpsc::channel();
    bus.listen("read", move |event| {
        let causes: Vec<String> = event.causes().map(str::to_owned).collect();
        sender.send(causes).unwrap();
    })
    .unwrap()
    .forget();
    let own = bus.clone();
    bus.respond_blocking("blocks", move |(), _| Ok(own.emit("read", ())?.seq))
        .unwrap()
        .forget();
    let other = Page::open(&app, "other");
    let asked = other.ask_with(
        json!({ "id": 1, "to": { "kind": "host" }, "name": "blocks", "causes": ["click"] }),
    );
    asked.wait().unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), ["click", "blocks"]);
}

#[test]
fn requests_that_cause_each_other_are_refused() {
    let app = app();
    let bus = app.event_bus();
    let (sender, ends) = mpsc::channel();
    let own = bus.clone();
    bus.respond("ping", move |depth: u8| {
        let (bus, sender) = (own.clone(), sender.clone());
        async move {
            let again = bus.request::<u8>(Target::host(), "ping", depth + 1).await;
            if let Err(error) = &again
                && error.code() == ErrorCode::EventLoop
            {
                sender.send((depth, error.message().to_owned())).unwrap();
            }
            Ok(again.map_err(|error| error.to_string())?)
        }
    })
    .unwrap()
    .forget();
    let asked = bus.request::<u8>(Target::host(), "ping", 0);
    let error = block_on(asked.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ResponderFailed);
    let (depth, text) = ends.recv_timeout(PATIENCE).unwrap();
    // Sixteen causes pass, and the seventeenth does not.
    assert_eq!(depth, 16);
    assert!(
        text.contains("ping → ping") && text.contains("16"),
        "{text}"
    );
}
