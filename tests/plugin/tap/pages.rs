//! Taps of pages.

use serde_json::{Value, json};
use tauri_plugin_event_bus::tap::TapFilter;
use tauri_plugin_event_bus::{Builder, EventBusExt};

use super::{of_kind, records};
use crate::support::{Page, app, app_with, code, invoke, message};

impl Page {
    fn tap(&self, id: u64, filter: Value) -> Result<Value, Value> {
        let arguments = json!({ "session": self.session, "id": id, "filter": filter });
        invoke(&self.webview, "tap", arguments).wait()
    }

    /// The records of the next batch with a part of this stream.
    fn next_records(&mut self, stream: u64) -> Vec<Value> {
        loop {
            let rows = self.pull().rows();
            let items = rows.as_array().unwrap();
            if let Some(last) = items.last() {
                self.ack = last["index"].as_u64().or(last[0].as_u64()).unwrap();
            }
            let own = items.iter().filter(|item| item["stream"] == stream);
            let parts = own.filter_map(|item| item["parts"].as_array());
            let told: Vec<Value> = parts
                .flatten()
                .flat_map(|part| part.as_array().unwrap().clone())
                .collect();
            if !told.is_empty() {
                return told;
            }
        }
    }
}

#[test]
fn a_page_with_the_permission_has_a_tap() {
    let app = app();
    let mut main = Page::open(&app, "main");
    assert_eq!(
        main.tap(1, json!({ "names": ["cart:*"], "kinds": ["event"] })),
        Ok(json!({}))
    );
    app.event_bus().emit("door", 1).unwrap();
    app.event_bus().emit("cart:a", json!({ "n": 1 })).unwrap();
    let told = main.next_records(1);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["name"], &told[0]["payload"]),
        (&json!("cart:a"), &json!({ "n": 1 }))
    );
}

#[test]
fn its_own_traffic_is_in_no_tap() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut tap = app.event_bus().tap(TapFilter::new()).unwrap();
    main.tap(1, json!({})).unwrap();
    app.event_bus().emit("cart", 1).unwrap();
    let told = main.next_records(1);
    assert_eq!(told.len(), 1, "{told:?}");
    let told = records(&mut tap);
    assert_eq!(of_kind(&told, "event").len(), 1);
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_page_that_stops_ends_its_tap() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.tap(1, json!({})).unwrap();
    app.event_bus().emit("cart", 1).unwrap();
    main.next_records(1);
    let stopped = json!({ "responses": [{ "stream": 1, "taken": 1, "stop": true }] });
    main.call("respond", stopped).unwrap();
    while !app.event_bus().inspect().streams.is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn a_page_without_the_permission_is_denied() {
    let app = app();
    let widget = Page::open(&app, "widget");
    let Err(Value::String(text)) = widget.tap(1, json!({})) else {
        panic!("not refused");
    };
    assert!(text.contains("not allowed"), "{text}");
}

#[test]
fn taps_of_pages_may_be_off() {
    let app = app_with(Builder::new().page_taps(false));
    let main = Page::open(&app, "main");
    let error = main.tap(1, json!({})).unwrap_err();
    assert_eq!(code(&error), "denied");
    assert!(
        message(&error).contains("Builder::page_taps(true)"),
        "{error}"
    );
}

#[test]
fn a_wrong_filter_of_a_page_is_refused() {
    let app = app();
    let main = Page::open(&app, "main");
    for (filter, expected, text) in [
        (
            json!({ "kinds": ["flood"] }),
            "invalid_argument",
            "\"flood\"",
        ),
        (json!({ "names": ["a**"] }), "invalid_pattern", "a**"),
        (
            json!({ "payloadBytes": 65_537 }),
            "invalid_argument",
            "65537",
        ),
        (json!({ "capacity": 0 }), "invalid_argument", "is 0 records"),
        (
            json!({ "name": "a" }),
            "invalid_argument",
            "unknown field `name`",
        ),
        (
            json!({ "source": "main" }),
            "invalid_argument",
            "filter of a tap",
        ),
    ] {
        let error = main.tap(1, filter).unwrap_err();
        assert_eq!(code(&error), expected, "{error}");
        assert!(message(&error).contains(text), "{error}");
    }
}

#[test]
fn a_page_has_a_few_taps() {
    let app = app();
    let main = Page::open(&app, "main");
    for id in 1..=4 {
        assert_eq!(main.tap(id, json!({})), Ok(json!({})));
    }
    let refused = main.tap(5, json!({})).unwrap_err();
    assert_eq!(code(&refused), "queue_full");
    assert!(message(&refused).contains("4 taps"), "{refused}");
    let arguments = json!({ "session": main.session, "ids": [1] });
    invoke(&main.webview, "cancel_request", arguments)
        .wait()
        .unwrap();
    assert_eq!(main.tap(6, json!({})), Ok(json!({})));
}
