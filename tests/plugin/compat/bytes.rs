//! Code that was written for Tauri's events gets bytes as lists of numbers.

use serde_json::{Value, json};
use tauri_plugin_event_bus::compat::{Emitter as _, Listener as _};
use tauri_plugin_event_bus::{Builder, Bytes, EventBusExt, HOST};

use super::bridges::record_core;
use super::{any, listen, payloads_until, recorder, take};
use crate::support::{Page, app_with};

/// What a page writes for bytes, which follow as a piece.
const FRAME: &str = "{\"name\":\"one\",\"data\":\u{1},\"more\":[\u{1},\u{1}]}";
const PIECES: &[&[u8]] = &[&[0, 1, 255], &[], &[7]];

fn numbers() -> [String; 4] {
    let frame = json!({ "name": "one", "data": [0, 1, 255], "more": [[], [7]] });
    [
        frame.to_string(),
        "[9]".into(),
        frame.to_string(),
        "[8]".into(),
    ]
    .map(|text| sorted(&text))
}

/// A text whose keys are in one order.
fn sorted(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

/// Emits bytes from Rust and from a page: in an object, and alone.
fn emit_each(bus: &tauri_plugin_event_bus::EventBus, page: &mut Page, event: &str) {
    let more = [Bytes::new(), Bytes::from([7])];
    let data = Bytes::from([0, 1, 255]);
    let frame = Frame {
        name: "one",
        data,
        more,
    };
    bus.emit(event, frame).unwrap();
    bus.emit(event, Bytes::from([9])).unwrap();
    for (payload, pieces) in [(FRAME, PIECES), ("\u{1}", &[&[8][..]][..])] {
        let receipt = page.emit_bytes(event, payload, pieces);
        assert!(receipt["seq"].is_u64(), "{receipt}");
    }
}

#[derive(serde::Serialize)]
struct Frame {
    name: &'static str,
    data: Bytes,
    more: [Bytes; 2],
}

fn read(receiver: &std::sync::mpsc::Receiver<String>) -> Vec<String> {
    let texts = take(receiver, 4);
    texts.iter().map(|text| sorted(text)).collect()
}

#[test]
fn a_compat_listener_reads_bytes_as_numbers() {
    for builder in [Builder::new(), Builder::new().compatible()] {
        let app = app_with(builder);
        let mut main = Page::open(&app, "main");
        let (record, of_app) = recorder();
        app.listen("x", record);
        let (record, of_any) = recorder();
        app.listen_any("x", record);
        emit_each(&app.event_bus(), &mut main, "x");
        assert_eq!(read(&of_app), numbers());
        assert_eq!(read(&of_any), numbers());
    }
}

#[test]
fn what_goes_out_to_tauri_has_numbers() {
    // Through Tauri's own system, in compatible mode to the listeners of `compat`, too.
    for builder in [Builder::new(), Builder::new().compatible()] {
        let app = app_with(builder.bridge_to_core(["out:*"]));
        let mut main = Page::open(&app, "main");
        let of_core = record_core(&app, "out:x");
        let (record, of_compat) = recorder();
        app.listen("out:x", record);
        emit_each(&app.event_bus(), &mut main, "out:x");
        assert_eq!(read(&of_core), numbers());
        assert_eq!(read(&of_compat), numbers());
        // An event with a target takes another way.
        let bytes = Bytes::from([5, 6]);
        app.event_bus().emit_to(HOST, "out:x", bytes).unwrap();
        assert_eq!(take(&of_core, 1), ["[5,6]"]);
        assert_eq!(take(&of_compat, 1), ["[5,6]"]);
    }
}

#[test]
fn an_emitter_of_tauri_writes_numbers() {
    let app = app_with(Builder::new().compatible());
    let mut main = Page::open(&app, "main");
    listen(&mut main, "x", any());
    app.emit("x", Bytes::from([1, 2])).unwrap();
    app.emit("x", 9).unwrap();
    assert_eq!(payloads_until(&mut main, &json!(9)), [json!([1, 2])]);
}
