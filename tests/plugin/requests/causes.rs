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
    main.set_responder("q", true);
    main.listen("done");
    // An event for the host, a request of its listener, and an event of the responder.
    let (own, inner) = (bus.clone(), bus.clone());
    bus.listen("start", move |_| {
        let sent = own.request::<u8>(Target::host(), "outer", ());
        spawn(async move { sent.await });
    })
    .unwrap()
    .forget();
    bus.respond("outer", move |()| {
        let bus = inner.clone();
        async move {
            let response: u8 = bus.request("main", "q", ()).await?;
            bus.emit("done", response)?;
            Ok(response)
        }
    })
    .unwrap()
    .forget();
    bus.emit("start", ()).unwrap();
    let request = main.next_request();
    assert_eq!(request["causes"], json!(["start", "outer"]));
    main.respond(&request, "7");
    let batch = main.pull().rows();
    let extras = &batch[0][7];
    assert_eq!(extras["causes"], json!(["start", "outer"]));

    // A blocking responder passes on the chain, too.
    let (sender, receiver) = mpsc::channel();
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
    let sent = other.request_with(
        json!({ "id": 1, "to": { "kind": "host" }, "name": "blocks", "causes": ["click"] }),
    );
    sent.wait().unwrap();
    assert_eq!(
        receiver.recv_timeout(PATIENCE).unwrap(),
        ["click", "blocks"]
    );
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
    let sent = bus.request::<u8>(Target::host(), "ping", 0);
    let error = block_on(sent.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ResponderFailed);
    let (depth, text) = ends.recv_timeout(PATIENCE).unwrap();
    // Sixteen causes are allowed.
    assert_eq!(depth, 16);
    assert!(
        text.contains("ping → ping") && text.contains("16"),
        "{text}"
    );
}
