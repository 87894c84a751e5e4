//! Streams, as they travel.

use std::sync::mpsc;

use serde_json::{Value, json};
use tauri::async_runtime::{block_on, spawn};
use tauri_plugin_event_bus::request::PartSender;
use tauri_plugin_event_bus::{Error, ErrorCode, EventBus, EventBusExt};

use crate::support::{Page, app, code};

use super::PATIENCE;

impl Page {
    fn request_stream(
        &self,
        id: u64,
        to: Value,
        name: &str,
        stream: Value,
    ) -> Result<Value, Value> {
        let arguments = json!({ "id": id, "to": to, "name": name, "stream": stream });
        self.request_with(arguments).wait()
    }

    /// Pulls until an object with this key comes.
    pub(super) fn next_with(&mut self, key: &str) -> Value {
        loop {
            let items = self.items();
            if let Some(item) = items.into_iter().find(|item| item.get(key).is_some()) {
                return item;
            }
        }
    }

    /// Pulls all parts of a stream, and takes them, up to its end. Returns both.
    fn read_stream(&mut self, stream: u64) -> (Vec<Value>, Value) {
        let mut parts = Vec::new();
        loop {
            for item in self.items() {
                assert_eq!(item["stream"], stream);
                match item["parts"].as_array() {
                    Some(more) => parts.extend(more.iter().cloned()),
                    None => return (parts, item),
                }
                if item["due"] == true {
                    let taken = json!({ "stream": stream, "taken": parts.len() });
                    assert_eq!(self.respond_with(taken), json!({}));
                }
            }
        }
    }

    fn send_part(&mut self, request: &Value, number: u64, payload: &str) -> Value {
        self.respond_with(json!({ "request": request, "part": number, "payload": payload }))
    }

    fn stream_responder(&mut self, name: &str) {
        let responders = json!([{ "name": name, "on": true, "stream": true }]);
        let set = self.call("set_responders", json!({ "responders": responders }));
        assert_eq!(set.unwrap()[0], json!({}));
    }
}

/// Counts, and responds with the last number.
fn count(bus: &EventBus) {
    let count = |to: u32, out: PartSender<u32>| async move {
        for number in 1..=to {
            out.send(number).await?;
        }
        Ok(to)
    };
    bus.respond_stream("count", count).unwrap().forget();
}

/// Reads a stream on a task, since tests run on the main thread.
fn read(bus: &EventBus, to: &'static str) -> mpsc::Receiver<Result<(Vec<Value>, Value), Error>> {
    let (sender, receiver) = mpsc::channel();
    let request = bus.request_stream::<Value>(to, "q", 1).credit_parts(4);
    spawn(async move {
        let read = async {
            let mut stream = request.await?;
            let mut parts = Vec::new();
            while let Some(part) = stream.recv().await {
                parts.push(part?);
            }
            Ok((parts, stream.response().await?))
        };
        let _ = sender.send(read.await);
    });
    receiver
}

#[test]
fn a_page_gets_parts_and_then_the_response() {
    let app = app();
    count(&app.event_bus());
    let mut main = Page::open(&app, "main");
    let arguments = json!({
        "id": 1, "to": { "kind": "host" }, "name": "count", "payload": "1000", "stream": { "parts": 16 }
    });
    assert_eq!(main.request_with(arguments).wait(), Ok(json!({})));
    let (parts, end) = main.read_stream(1);
    assert_eq!(parts, (1..=1000).map(Value::from).collect::<Vec<_>>());
    assert_eq!(end["response"], 1000);
}

#[test]
fn an_error_comes_behind_the_parts_of_the_host() {
    let app = app();
    let fail = |(): (), out: PartSender<u32>| async move {
        out.send(7).await?;
        Err::<(), _>("it failed".into())
    };
    app.event_bus().respond_stream("q", fail).unwrap().forget();
    let mut main = Page::open(&app, "main");
    let host = json!({ "kind": "host" });
    assert_eq!(main.request_stream(3, host, "q", json!({})), Ok(json!({})));
    let (parts, end) = main.read_stream(3);
    assert_eq!(parts, [json!(7)]);
    assert_eq!(
        (&end["stream"], code(&end["error"])),
        (&json!(3), "responder_failed")
    );
    assert_eq!(end["error"]["failure"]["message"], "it failed");
}

#[test]
fn the_host_gets_the_parts_of_a_page() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.stream_responder("q");
    let read = read(&app.event_bus(), "main");
    let request = main.next_request();
    assert_eq!(request["stream"], json!({ "bytes": 1 << 20, "parts": 4 }));
    let id = &request["request"];
    let mut told = 0;
    for number in 1..=50 {
        // It waits for credit as the guest does.
        while number - told > 4 {
            let credit = main.next_with("credit");
            assert_eq!(credit["credit"], *id);
            told = credit["parts"].as_u64().unwrap();
        }
        assert_eq!(main.send_part(id, number, &number.to_string()), json!({}));
    }
    let early = json!({ "request": id, "after": 49, "payload": "1" });
    assert_eq!(code(&main.respond_with(early)["error"]), "invalid_argument");
    let end = json!({ "request": id, "after": 50, "payload": "\"done\"" });
    assert_eq!(main.respond_with(end), json!({}));
    let (parts, response) = read.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(parts, (1..=50).map(Value::from).collect::<Vec<_>>());
    assert_eq!(response, "done");
    // It has ended.
    let late = main.send_part(id, 51, "1");
    assert_eq!(code(&late["error"]), "unknown_request");
}

#[test]
fn a_page_gets_the_parts_of_another_page() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.stream_responder("q");
    let mut other = Page::open(&app, "other");
    let sent = other.request_stream(1, json!("main"), "q", json!({ "parts": 2 }));
    assert_eq!(sent, Ok(json!({})));
    let request = main.next_request();
    assert_eq!(request["source"], "other");
    let id = &request["request"];
    main.send_part(id, 1, "1");
    let parts = other.next_with("parts");
    assert_eq!(
        (&parts["parts"], &parts["due"]),
        (&json!([1]), &json!(true))
    );
    main.send_part(id, 2, "2");
    // Credit passes from the one that takes to the one that sends.
    other.respond_with(json!({ "stream": 1, "taken": 1 }));
    assert_eq!(main.next_with("credit")["parts"], 1);
    main.send_part(id, 3, "3");
    main.respond_with(json!({ "request": id, "after": 3, "payload": "\"done\"" }));
    let (parts, end) = other.read_stream(1);
    assert_eq!(
        (parts, &end["response"]),
        (vec![json!(2), json!(3)], &json!("done"))
    );
}

#[test]
fn a_page_that_leaves_ends_the_responder() {
    let app = app();
    let (sender, dropped) = mpsc::channel::<()>();
    let endless = move |(): (), out: PartSender<u32>| {
        let held = sender.clone();
        async move {
            let _held = held;
            loop {
                out.send(1).await?;
            }
            #[allow(unreachable_code)]
            Ok(())
        }
    };
    let responder = app.event_bus().respond_stream("endless", endless).unwrap();
    let mut main = Page::open(&app, "main");
    let host = json!({ "kind": "host" });
    let sent = main.request_stream(1, host, "endless", json!({ "parts": 1 }));
    assert_eq!(sent, Ok(json!({})));
    main.next_with("parts");
    let stop = main.respond_with(json!({ "stream": 1, "stop": true }));
    assert_eq!(stop, json!({}));
    drop(responder);
    // Its future is gone, and with it what it held.
    let gone = dropped.recv_timeout(PATIENCE);
    assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_page_cannot_send_what_it_may_not() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.stream_responder("q");
    let mut thief = Page::open(&app, "other");
    let read = read(&app.event_bus(), "main");
    let request = main.next_with("request");
    let id = &request["request"];
    let stolen = thief.send_part(id, 1, "1");
    assert_eq!(code(&stolen["error"]), "unknown_request");
    for number in [0, 2] {
        let refused = main.send_part(id, number, "1");
        assert_eq!(code(&refused["error"]), "invalid_argument");
    }
    let refused = main.send_part(id, 1, "{");
    assert_eq!(code(&refused["error"]), "invalid_payload");
    let error = read.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    // Without credit.
    let (sender, opened) = mpsc::channel();
    let request = app.event_bus().request_stream::<u32>("main", "q", 1);
    spawn(async move {
        let _ = sender.send(request.credit_parts(2).await);
    });
    let mut stream = opened.recv_timeout(PATIENCE).unwrap().unwrap();
    let request = main.next_with("request");
    let id = &request["request"];
    let sent: Vec<Value> = (1..=3).map(|n| main.send_part(id, n, "7")).collect();
    assert_eq!(sent[..2], [json!({}), json!({})]);
    assert_eq!(code(&sent[2]["error"]), "queue_full");
    let seen = spawn(async move {
        let parts = (stream.recv().await, stream.recv().await);
        assert_eq!(parts, (Some(Ok(7)), Some(Ok(7))));
        stream.recv().await.unwrap().unwrap_err()
    });
    assert_eq!(block_on(seen).unwrap().code(), ErrorCode::QueueFull);
}

#[test]
fn a_page_cannot_forge_what_it_takes_or_wants() {
    let app = app();
    count(&app.event_bus());
    let mut main = Page::open(&app, "main");
    let host = || json!({ "kind": "host" });
    for stream in [
        json!({ "parts": 0 }),
        json!({ "bytes": 1_u64 << 40 }),
        json!({ "parts": -1 }),
        json!({ "part": 1 }),
    ] {
        let refused = main.request_stream(1, host(), "count", stream);
        assert_eq!(code(&refused.unwrap_err()), "invalid_argument");
    }
    let refused = main.request_stream(1, host(), "nothing", json!({}));
    assert_eq!(code(&refused.unwrap_err()), "no_responder");
    let arguments = json!({
        "id": 2, "to": host(), "name": "count", "payload": "9", "stream": { "parts": 2 }
    });
    assert_eq!(main.request_with(arguments.clone()).wait(), Ok(json!({})));
    // A copy is not sent again.
    assert_eq!(main.request_with(arguments).wait(), Ok(json!({})));
    main.next_with("parts");
    for (taken, expected) in [
        (json!({ "stream": 2, "taken": 1000 }), "invalid_argument"),
        (json!({ "stream": 2, "taken": -1 }), "invalid_argument"),
        (json!({ "stream": "2", "taken": 1 }), "invalid_argument"),
    ] {
        let refused = main.respond_with(taken);
        assert_eq!(code(&refused["error"]), expected);
    }
    let other = main.respond_with(json!({ "stream": 77, "taken": 5 }));
    assert_eq!(other, json!({}), "it may have ended");
    let session = main.session.clone();
    main.cancel(&session, 2);
}

#[test]
fn a_page_responds_to_a_name_in_one_way() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.stream_responder("q");
    let again = main.set_responder("q", true);
    assert_eq!(code(&again["error"]), "duplicate_responder");
    let refused = super::send(&app.event_bus(), "main", "q").error();
    assert_eq!(refused.code(), ErrorCode::NoResponder);
    assert!(refused.message().contains("requestStream"), "{refused}");
}

#[test]
fn inspect_lists_open_streams() {
    let app = app();
    count(&app.event_bus());
    let mut main = Page::open(&app, "main");
    let host = json!({ "kind": "host" });
    let arguments = json!({
        "id": 1, "to": host, "name": "count", "payload": "9", "stream": { "parts": 2 }
    });
    assert_eq!(main.request_with(arguments).wait(), Ok(json!({})));
    main.next_with("parts");
    let waiting = |streams: &Value| streams[0]["isWaiting"] == true;
    let listed = loop {
        let listed = serde_json::to_value(app.event_bus().inspect().streams).unwrap();
        if waiting(&listed) {
            break listed;
        }
        std::thread::yield_now();
    };
    // Each part has one digit, and 64 bytes besides.
    let expected = json!([{
        "name": "count",
        "caller": { "kind": "webview", "label": "main" },
        "responder": { "kind": "host" },
        "isFromCaller": false,
        "sent": 2, "taken": 0, "bytes": 130, "isWaiting": true,
    }]);
    assert_eq!(listed, expected);
    assert_eq!(
        main.respond_with(json!({ "stream": 1, "stop": true })),
        json!({})
    );
    assert_eq!(app.event_bus().inspect().streams, []);
}
