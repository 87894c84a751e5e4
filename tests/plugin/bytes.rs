//! Bytes in payloads: from the host to pages, from pages to the host and to each other.

use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tauri::ipc::{InvokeBody, InvokeResponseBody};
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::{Builder, Bytes, EmitOptions, EventBusExt, Limits};

use crate::support::{Page, Pending, app, app_of, app_with, code, invoke_body, message};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Frame {
    name: String,
    data: Bytes,
    more: Vec<Bytes>,
}

fn frame() -> Frame {
    Frame {
        name: "one".into(),
        data: vec![0, 1, 255].into(),
        more: vec![Bytes::new(), vec![7].into()],
    }
}

/// A body with the length of its arguments in front of them, and bytes behind them.
fn body(mut arguments: Value, page: &mut Page, bytes: &[u8]) -> Vec<u8> {
    page.n += 1;
    arguments["session"] = json!(page.session);
    arguments["n"] = json!(page.n);
    framed(&arguments, bytes)
}

fn framed(arguments: &Value, bytes: &[u8]) -> Vec<u8> {
    let text = arguments.to_string();
    let length = (text.len() as u32).to_le_bytes();
    [&length[..], text.as_bytes(), bytes].concat()
}

impl Page {
    /// Sends a command as a frame.
    fn send_frame(&mut self, command: &str, arguments: Value, bytes: &[u8]) -> Pending {
        let body = body(arguments, self, bytes);
        invoke_body(&self.webview, command, InvokeBody::Raw(body), true)
    }

    pub(crate) fn emit_bytes(&mut self, event: &str, payload: &str, pieces: &[&[u8]]) -> Value {
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len()).collect();
        let events =
            json!({ "events": [{ "event": event, "payload": payload, "bytes": lengths }] });
        let pending = self.send_frame("emit", events, &pieces.concat());
        pending.wait().unwrap()[0].take()
    }

    /// The next batch, whose reply has bytes: its value, and the pieces with their paths.
    fn pull_bytes(&self) -> (Value, Vec<(Value, Vec<u8>)>) {
        read(&self.pull().body())
    }
}

/// Reads a reply with bytes.
fn read(body: &InvokeResponseBody) -> (Value, Vec<(Value, Vec<u8>)>) {
    let InvokeResponseBody::Raw(frame) = body else {
        panic!("the reply has no bytes: {body:?}");
    };
    let (length, rest) = frame.split_first_chunk::<4>().unwrap();
    let (head, mut rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
    let mut pair: Value = serde_json::from_slice(head).unwrap();
    let mut pieces = Vec::new();
    for place in pair[1].as_array().unwrap() {
        let (length, path) = place.as_array().unwrap().split_first().unwrap();
        let (bytes, after) = rest.split_at(length.as_u64().unwrap() as usize);
        rest = after;
        pieces.push((json!(path), bytes.to_vec()));
    }
    assert!(rest.is_empty());
    (pair[0].take(), pieces)
}

/// What a listener of the host reads of each event.
fn heard<T: serde::de::DeserializeOwned + Send + 'static>(
    app: &tauri::App<MockRuntime>,
) -> mpsc::Receiver<T> {
    let (sender, receiver) = mpsc::channel();
    let listen = move |event: tauri_plugin_event_bus::BusEvent| {
        let _ = sender.send(event.payload::<T>().unwrap());
    };
    app.event_bus().listen("x", listen).unwrap().forget();
    receiver
}

#[test]
fn a_page_pulls_bytes_behind_the_batch() {
    let app = app();
    let mut page = Page::open(&app, "main");
    page.listen("x");
    app.event_bus().emit("x", 1).unwrap();
    app.event_bus().emit("x", frame()).unwrap();
    app.event_bus().emit("x", Bytes::from([9])).unwrap();
    let (batch, pieces) = page.pull_bytes();
    let run = &batch["items"][0];
    assert_eq!(
        run[5],
        json!({ "name": "one", "data": null, "more": [null, null] })
    );
    let expected = [
        (json!(["items", 0, 5, "data"]), vec![0, 1, 255]),
        (json!(["items", 0, 5, "more", 0]), vec![]),
        (json!(["items", 0, 5, "more", 1]), vec![7]),
        (json!(["items", 0, 7]), vec![9]),
    ];
    assert_eq!(pieces, expected);
}

#[test]
fn what_a_page_passes_on_comes_as_text() {
    let app = app();
    let mut page = Page::open(&app, "main");
    let subscriptions = json!([{ "id": 1, "event": "x", "pass": true }, { "id": 2, "event": "y" }]);
    page.call("subscribe", json!({ "subscriptions": subscriptions }))
        .unwrap();
    for (event, payload) in [("x", "ä"), ("x", "b"), ("y", "c")] {
        app.event_bus().emit(event, payload).unwrap();
    }
    let (batch, pieces) = page.pull_bytes();
    assert_eq!(pieces, []);
    let cuts = batch["cuts"].as_array().unwrap();
    let what = |cut: &Value| json!([cut[2], cut[3]]);
    let what: Vec<Value> = cuts.iter().map(what).collect();
    assert_eq!(what, [json!([0, 2]), json!([1, 1])]);
    // Other pages are sent values, as before, and so is a script.
    let mut other = Page::open(&app, "other");
    other.listen("x");
    app.event_bus().emit("x", 1).unwrap();
    let InvokeResponseBody::Json(text) = other.pull().body() else {
        panic!("a batch without bytes is JSON");
    };
    assert!(!text.contains("cuts"), "{text}");
    let pull = json!({ "session": page.session, "ack": 3 });
    let reply = invoke_body(&page.webview, "pull", InvokeBody::Json(pull), false);
    let text = reply.wait().unwrap()[0].as_str().unwrap().to_owned();
    assert!(text.contains("[0,4,") && !text.contains("cuts"), "{text}");
}

#[test]
fn a_script_gets_bytes_as_base64_in_a_string() {
    let app = app();
    let mut page = Page::open(&app, "main");
    page.listen("x");
    app.event_bus().emit("x", frame()).unwrap();
    let pull = json!({ "session": page.session, "ack": 0 });
    let reply = invoke_body(&page.webview, "pull", InvokeBody::Json(pull), false);
    let reply = reply.wait().unwrap();
    assert_eq!(reply[1], json!(1));
    let pair: Value = serde_json::from_str(reply[0].as_str().unwrap()).unwrap();
    assert_eq!(pair[1][0], json!(["AAH/", "items", 0, 3, "data"]));
}

#[test]
fn bytes_of_a_page_reach_the_host_and_pages() {
    let app = app();
    let (frames, values) = (heard::<Frame>(&app), heard::<Value>(&app));
    let mut page = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("x");
    let payload = "{\"name\":\"one\",\"data\":\u{1},\"more\":[\u{1},\u{1}]}";
    let receipt = page.emit_bytes("x", payload, &[&[0, 1, 255], &[], &[7]]);
    assert_eq!(receipt["pages"], json!(1), "{receipt}");
    assert_eq!(frames.recv_timeout(PATIENCE).unwrap(), frame());
    let value = json!({ "name": "one", "data": [0, 1, 255], "more": [[], [7]] });
    assert_eq!(values.recv_timeout(PATIENCE).unwrap(), value);
    let (_, pieces) = other.pull_bytes();
    assert_eq!(pieces[0], (json!(["items", 0, 3, "data"]), vec![0, 1, 255]));
}

#[test]
fn a_frame_by_postmessage_is_a_list_of_numbers() {
    let app = app();
    let heard = heard::<Bytes>(&app);
    let mut page = Page::open(&app, "main");
    let events = json!({ "events": [{ "event": "x", "payload": "\u{1}", "bytes": [2] }] });
    let numbers = json!(body(events, &mut page, &[7, 8]));
    let sent = invoke_body(&page.webview, "emit", InvokeBody::Json(numbers), false);
    sent.wait().unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), [7, 8].into());
    // Bytes may also come as base64.
    let events = json!({ "events": [{ "event": "x", "payload": "\u{1}", "bytes": ["CQ=="] }] });
    page.call("emit", events).unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), [9].into());
}

#[test]
fn a_wrong_frame_is_refused() {
    let app = app();
    let mut page = Page::open(&app, "main");
    let entry =
        |bytes: Value| json!({ "events": [{ "event": "x", "payload": "\u{1}", "bytes": bytes }] });
    for (arguments, bytes, part) in [
        (
            entry(json!([2])),
            &[1][..],
            "2 bytes are named, and 1 are left",
        ),
        (entry(json!([1])), &[1, 2][..], "1 bytes more"),
        (entry(json!([u64::MAX])), &[1][..], "bytes are named"),
        (entry(json!({})), &[][..], "expected a list"),
        (json!({ "events": 7 }), &[][..], "`events` of a frame"),
        (json!({}), &[][..], "`events` of a frame"),
    ] {
        let error = page
            .send_frame("emit", arguments, bytes)
            .wait()
            .unwrap_err();
        assert_eq!(code(&error), "invalid_argument");
        assert!(message(&error).contains(part), "{part}: {error}");
    }
    let whole = body(entry(json!([1])), &mut page, &[1]);
    for end in [0, 3, 10] {
        let cut = InvokeBody::Raw(whole[..end].to_vec());
        let error = invoke_body(&page.webview, "emit", cut, true)
            .wait()
            .unwrap_err();
        assert!(message(&error).contains("no whole frame"), "{error}");
    }
    let cut = InvokeBody::Raw(framed(&json!({ "session": page.session, "n": "?" }), &[]));
    let error = invoke_body(&page.webview, "emit", cut, true)
        .wait()
        .unwrap_err();
    assert!(message(&error).contains("`n` of a frame"), "{error}");
}

#[test]
fn places_and_pieces_of_an_entry_agree() {
    let app = app();
    let mut page = Page::open(&app, "main");
    for (payload, pieces, part) in [
        ("null", &[&[1][..]][..], "1 pieces of bytes"),
        ("[\u{1},\u{1}]", &[&[1][..]][..], "places for them"),
        ("\"\u{1}\"", &[&[1][..]][..], "places for them"),
        ("[\u{1}", &[&[1][..]][..], "is not JSON"),
        ("{\"a\":\u{1},\"a\":1}", &[&[1][..]][..], "a key twice"),
        ("\u{1}", &[][..], "is not JSON"),
    ] {
        let refused = page.emit_bytes("x", payload, pieces);
        assert_eq!(code(&refused), "invalid_payload", "{payload}");
        assert!(message(&refused).contains(part), "{payload}: {refused}");
    }
    // The others of the command are not affected.
    let long = format!(
        "{{\"{}\":[{}\u{1}]}}",
        "k".repeat(5_000),
        "\u{1},".repeat(999)
    );
    let events = json!({ "events": [
        { "event": "x", "payload": long, "bytes": vec![0; 1_000] },
        { "event": "x", "payload": "\u{1}", "bytes": [1] },
    ] });
    let results = page.send_frame("emit", events, &[1]).wait().unwrap();
    assert!(message(&results[0]).contains("shorter keys"), "{results}");
    assert!(results[1]["seq"].is_u64(), "{results}");
}

#[test]
fn requests_and_responses_carry_bytes() {
    let app = app();
    let bus = app.event_bus().clone();
    bus.respond("double", async |image: Bytes| Ok([image.clone(), image]))
        .unwrap()
        .forget();
    let mut page = Page::open(&app, "main");
    let request = json!({
        "session": page.session, "id": 1, "name": "double", "to": { "kind": "host" },
        "payload": "\u{1}", "bytes": [2],
    });
    let frame = InvokeBody::Raw(framed(&request, &[1, 2]));
    let (value, pieces) = read(&invoke_body(&page.webview, "request", frame, true).body());
    assert_eq!(value, json!([null, null]));
    assert_eq!(pieces, [(json!([0]), vec![1, 2]), (json!([1]), vec![1, 2])]);

    page.set_responder("thumb", true);
    let (sender, receiver) = mpsc::channel();
    let request = bus.request::<Frame>("main", "thumb", Bytes::from([3, 4]));
    tauri::async_runtime::spawn(async move { sender.send(request.await) });
    let (batch, pieces) = page.pull_bytes();
    assert_eq!(pieces, [(json!(["items", 0, "payload"]), vec![3, 4])]);
    let response = json!({ "responses": [{
        "request": batch["items"][0]["request"],
        "payload": "{\"name\":\"one\",\"data\":\u{1},\"more\":[]}",
        "bytes": [1],
    }] });
    page.send_frame("respond", response, &[5]).wait().unwrap();
    let response = receiver.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(response.data, [5].into());
}

#[test]
fn retained_and_replayed_events_keep_bytes() {
    let app = app();
    let bus = app.event_bus().clone();
    let retain = EmitOptions::new().retain(true);
    bus.emit_with("kept", frame(), retain).unwrap();
    let mut page = Page::open(&app, "main");
    page.listen("kept");
    page.listen("x");
    assert_eq!(page.pull_bytes().1.len(), 3);
    // What a page has not acknowledged comes again to the next one.
    bus.emit("x", Bytes::from([1, 2])).unwrap();
    let webview = page.webview.clone();
    let mut next = Page::load(webview);
    next.listen("x");
    let (batch, pieces) = next.pull_bytes();
    assert_eq!(batch["items"][0][4], json!({ "replayed": true }));
    assert_eq!(pieces, [(json!(["items", 0, 3]), vec![1, 2])]);
}

#[test]
fn jobs_and_their_sources_carry_bytes() {
    let reverse = |call: &tauri_plugin_event_bus::periodic::SourceCall| {
        let mut bytes = call.args::<Bytes>()?.to_vec();
        bytes.reverse();
        Ok::<_, tauri_plugin_event_bus::Error>(Bytes::from(bytes))
    };
    let app = app_with(Builder::new().job_source("reverse", reverse));
    let heard = heard::<Bytes>(&app);
    let mut page = Page::open(&app, "main");
    let job = |more: Value| {
        let mut job = json!({ "event": "x", "everyMs": 100_000, "immediate": true });
        job.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "job": job })
    };
    let fixed = job(json!({ "payload": "\u{1}", "bytes": [2] }));
    page.send_frame("start_job", fixed, &[1, 2]).wait().unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), [1, 2].into());
    let sampled = job(json!({ "source": "reverse", "args": "\u{1}", "argsBytes": [3] }));
    let started = page
        .send_frame("start_job", sampled, &[1, 2, 3])
        .wait()
        .unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), [3, 2, 1].into());
    // Its payload comes from its source, and the error names that and not the frame.
    let changes = json!({ "id": started["id"], "changes": { "payload": "\u{1}", "bytes": [1] } });
    let error = page
        .send_frame("update_job", changes, &[1])
        .wait()
        .unwrap_err();
    assert!(message(&error).contains("come from a source"), "{error}");
}

#[test]
fn limits_count_bytes() {
    let mut limits = Limits::default();
    limits.payload_bytes = 100;
    limits.queue_bytes = 1_000;
    limits.batch_bytes = 400;
    let app = app_of(limits);
    let bus = app.event_bus().clone();
    let error = bus.emit("x", Bytes::from(vec![0; 97])).unwrap_err();
    assert!(error.message().contains("has 101 bytes;"), "{error}");
    let mut page = Page::open(&app, "main");
    let refused = page.emit_bytes("x", "\u{1}", &[&[0; 97]]);
    assert_eq!(code(&refused), "payload_too_large");
    page.listen("x");
    for byte in 0..20 {
        bus.emit("x", Bytes::from(vec![byte; 90])).unwrap();
    }
    let gap = &page.pull().rows()[0];
    assert_eq!(gap["reason"], json!("queue_full"), "{gap}");
    page.ack = 1;
    let (_, pieces) = page.pull_bytes();
    assert!((1..=2).contains(&pieces.len()), "{}", pieces.len());
}

#[cfg(feature = "typed")]
#[test]
fn a_typed_event_has_its_bytes_checked() {
    use schemars::JsonSchema;
    use tauri_plugin_event_bus::typed::*;

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Photo {
        data: Bytes,
        thumb: Option<Bytes>,
    }

    impl Event for Photo {
        const NAME: &'static str = "x";
    }

    let app = app_with(Builder::new().event::<Photo>());
    let (sender, receiver) = mpsc::channel();
    Photo::listen(&app.handle().clone(), move |event| {
        drop(sender.send(event.payload))
    })
    .unwrap()
    .forget();
    let mut page = Page::open(&app, "main");
    page.emit_bytes("x", "{\"data\":\u{1},\"thumb\":\u{1}}", &[&[1], &[2]]);
    let photo = receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!((photo.data, photo.thumb), ([1].into(), Some([2].into())));
    let refused = page.emit("x", "{\"data\":\"text\"}");
    assert!(message(&refused).contains("Uint8Array"), "{refused}");
    let own = Photo {
        data: [3].into(),
        thumb: None,
    };
    own.emit(app.handle()).unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap().data, [3].into());
    let generated = app.event_bus().catalog().typescript();
    assert!(generated.contains("data: Uint8Array"), "{generated}");
    assert!(
        generated.contains("thumb: Uint8Array | null"),
        "{generated}"
    );
}
