//! What a tap of the host tells.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use serde_json::{Value, json};
use tauri::async_runtime::{block_on, spawn};
use tauri_plugin_event_bus::tap::{TapFilter, TapKind};
use tauri_plugin_event_bus::{
    Builder, EmitOptions, Endpoint, ErrorCode, EventBusExt, Limits, Policy, StreamItem, Target,
};

use super::{json_of, of_kind, records};
use crate::support::{Page, app, app_with};

#[test]
fn an_event_tells_its_way() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let id = main.listen("cart:*");
    let mut stream = bus.stream("cart:*").unwrap();
    let mut tap = bus.tap(TapFilter::new()).unwrap();
    let component = bus.component("Cart");
    component
        .emit_with(
            "cart:total",
            json!({ "sum": 4 }),
            EmitOptions::new().retain(true),
        )
        .unwrap();
    let record = &records(&mut tap)[0];
    assert_eq!(record["kind"], "event");
    assert_eq!(record["name"], "cart:total");
    assert_eq!(record["source"], json!({ "kind": "host" }));
    assert_eq!(record["component"], "Cart");
    assert_eq!(record["retained"], true);
    assert_eq!(record["payload"], json!({ "sum": 4 }));
    let page = json!({ "kind": "webview", "label": "main" });
    let seq = &record["seq"];
    assert_eq!(
        record["routes"],
        json!([
            { "receiver": page, "subscriptions": [id], "queued": true },
            { "receiver": { "kind": "host" }, "stream": true, "subscriptions": [0], "queued": true },
        ])
    );

    main.receive();
    let delivered = records(&mut tap);
    assert_eq!(of_kind(&delivered, "delivered")[0]["receiver"], page);
    assert_eq!(of_kind(&delivered, "delivered")[0]["seqs"], json!([seq]));
    assert!(of_kind(&delivered, "acknowledged").is_empty());
    let _parked = main.pull();
    let handled = records(&mut tap);
    assert_eq!(of_kind(&handled, "acknowledged")[0]["seqs"], json!([seq]));

    let item = block_on(stream.recv());
    assert!(matches!(item, Some(StreamItem::Event(_))));
    let taken = records(&mut tap);
    assert_eq!(taken[0]["kind"], "delivered");
    assert_eq!(taken[0]["receiver"], json!({ "kind": "host" }));
    assert_eq!(taken[0]["stream"], true);
}

#[test]
fn an_event_without_a_listener_is_told_too() {
    let app = app();
    let mut tap = app.event_bus().tap(TapFilter::new()).unwrap();
    app.event_bus().emit("alone", 1).unwrap();
    let record = &records(&mut tap)[0];
    assert_eq!(
        (&record["name"], &record["routes"]),
        (&json!("alone"), &json!([]))
    );
}

#[test]
fn a_target_is_told_and_who_gets_it_later() {
    let app = app();
    let bus = app.event_bus();
    let _late = Page::open(&app, "other");
    let mut tap = bus.tap(TapFilter::new()).unwrap();
    let options = EmitOptions::new()
        .to(["other", "editor-*"])
        .except(Target::window("main"));
    bus.emit_with("note", 1, options).unwrap();
    let record = &records(&mut tap)[0];
    assert_eq!(record["to"], json!(["other", "editor-*"]));
    assert_eq!(
        record["except"],
        json!({ "kind": "Window", "label": "main" })
    );
    assert_eq!(record["keptFor"], json!(["other"]));
}

#[test]
fn events_of_pages_have_their_source() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut tap = app.event_bus().tap(TapFilter::new()).unwrap();
    main.emit("click", "7");
    let record = &records(&mut tap)[0];
    assert_eq!(
        record["source"],
        json!({ "kind": "webview", "label": "main" })
    );
    assert_eq!(record["payload"], 7);
}

#[test]
fn a_lost_event_and_its_gap_are_told() {
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let builder = Builder::new()
        .limits(limits)
        .policy("kept", Policy::new().reject());
    let app = app_with(builder);
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let mut tap = bus.tap(TapFilter::new()).unwrap();
    bus.emit("kept", 1).unwrap();
    bus.emit("noise", 2).unwrap();
    let told = records(&mut tap);
    assert_eq!(told[1]["routes"][0]["queued"], false);
    main.pull().rows();
    let told = records(&mut tap);
    let gap = &of_kind(&told, "gap")[0];
    assert_eq!(
        (&gap["count"], &gap["reason"]),
        (&json!(1), &json!("queue_full"))
    );
    assert_eq!(gap["receiver"]["label"], "main");
}

#[test]
fn requests_and_responses_are_told() {
    let app = app();
    let bus = app.event_bus();
    bus.respond("double", async |n: u32| Ok(n * 2))
        .unwrap()
        .forget();
    let mut tap = bus.tap(TapFilter::new()).unwrap();
    let request = bus.request::<u32>(Target::host(), "double", 4);
    assert_eq!(block_on(request.into_future()).unwrap(), 8);
    let told = records(&mut tap);
    let (request, response) = (
        &of_kind(&told, "request")[0],
        &of_kind(&told, "response")[0],
    );
    assert_eq!(
        (&request["name"], &request["payload"]),
        (&json!("double"), &json!(4))
    );
    assert_eq!(request["receiver"], json!({ "kind": "host" }));
    assert_eq!(response["payload"], 8);
    assert_eq!(response["request"], request["request"]);
}

#[test]
fn a_request_of_a_page_that_is_gone_has_its_end() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let other = Page::open(&app, "other");
    let filter = TapFilter::new().kinds([TapKind::Request, TapKind::Response]);
    let mut tap = app.event_bus().tap(filter).unwrap();
    let sent = |page: &Page, id| page.request_with(json!({ "id": id, "to": "main", "name": "q" }));
    let _first = sent(&other, 1);
    let _second = sent(&other, 2);
    let mut told = Vec::new();
    while of_kind(&told, "request").len() < 2 {
        told.extend(block_on(tap.recv()).map(|record| json_of(&record)));
    }
    Page::load(other.webview.clone()).listen("x");
    while of_kind(&told, "response").len() < 2 {
        told.extend(block_on(tap.recv()).map(|record| json_of(&record)));
    }
    // Their callers do not wait for each other, so they have no order.
    let ids = |kind| -> BTreeSet<String> {
        let records = of_kind(&told, kind);
        records
            .iter()
            .map(|record| record["request"].to_string())
            .collect()
    };
    assert_eq!(ids("response"), ids("request"));
    assert_eq!(ids("request").len(), 2);
    for response in of_kind(&told, "response") {
        assert_eq!(response["error"]["code"], "unavailable");
        assert_eq!(response["receiver"]["label"], "other");
    }
}

#[test]
fn requests_end_in_the_tap_when_the_app_exits() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let other = Page::open(&app, "other");
    let filter = TapFilter::new().kinds([TapKind::Request, TapKind::Response]);
    let mut tap = app.event_bus().tap(filter).unwrap();
    let _sent = other.request_with(json!({ "id": 1, "to": "main", "name": "q" }));
    let request = json_of(&block_on(tap.recv()).unwrap());
    assert_eq!(request["kind"], "request");
    let ended = spawn(async move { tap.recv().await });
    crate::support::exit(app);
    let response = json_of(&block_on(ended).unwrap().unwrap());
    assert_eq!(response["request"], request["request"]);
    assert_eq!(response["error"]["code"], "unavailable");
}

#[test]
fn a_filter_chooses_names_kinds_and_a_source() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let of_main = TapFilter::new().source(Endpoint::webview("main"));
    let mut of_main = bus.tap(of_main).unwrap();
    let carts = TapFilter::new().names(["cart:*"]).kinds([TapKind::Event]);
    let mut carts = bus.tap(carts).unwrap();
    main.emit("cart:a", "1");
    main.emit("door", "1");
    bus.emit("cart:b", 1).unwrap();
    let names = |records: Vec<Value>| -> Vec<String> {
        let names = records
            .iter()
            .map(|own| own["name"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(names(records(&mut of_main)), ["cart:a", "door"]);
    assert_eq!(names(records(&mut carts)), ["cart:a", "cart:b"]);
    let error = bus.tap(TapFilter::new().names(["a**"])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPattern);
}

#[test]
fn a_slow_tap_loses_records_and_counts_them() {
    let app = app();
    let bus = app.event_bus();
    let mut tap = bus.tap(TapFilter::new().capacity(2)).unwrap();
    for n in 0..5 {
        bus.emit("n", n).unwrap();
    }
    let told = records(&mut tap);
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(
        (&told[2]["kind"], &told[2]["count"]),
        (&json!("lost"), &json!(3))
    );
    bus.emit("n", 5).unwrap();
    assert_eq!(records(&mut tap)[0]["payload"], 5);
}

#[test]
fn a_long_payload_is_cut() {
    let app = app();
    let bus = app.event_bus();
    let mut tap = bus.tap(TapFilter::new().payload_bytes(8)).unwrap();
    bus.emit("long", "é".repeat(50)).unwrap();
    let told = records(&mut tap);
    assert!(told[0]["payload"].is_null());
    assert_eq!(told[0]["cut"], json!({ "bytes": 102, "start": "\"ééé" }));
}

#[test]
fn a_dropped_tap_is_off() {
    let app = app();
    let bus = app.event_bus();
    let tap = bus.tap(TapFilter::new()).unwrap();
    drop(tap);
    bus.emit("quiet", 1).unwrap();
    let mut next = bus.tap(TapFilter::new()).unwrap();
    assert!(records(&mut next).is_empty());
    bus.emit("loud", 1).unwrap();
    assert_eq!(records(&mut next).len(), 1);
}

#[test]
fn a_tap_ends_with_the_app() {
    let app = app();
    let _main = Page::open(&app, "main");
    let bus = app.event_bus();
    let mut tap = bus.tap(TapFilter::new()).unwrap();
    let ended = spawn(async move {
        let mut last = None;
        while let Some(record) = tap.recv().await {
            last = Some(record);
        }
        last
    });
    bus.emit("last", 1).unwrap();
    crate::support::exit(app);
    assert!(block_on(ended).unwrap().is_some());
}

#[test]
fn a_flood_wakes_a_reader_now_and_then() {
    const EVENTS: usize = 20_000;
    struct Woken {
        thread: Thread,
        times: AtomicUsize,
    }
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.times.fetch_add(1, Ordering::Relaxed);
            self.thread.unpark();
        }
    }
    let app = app();
    let bus = app.event_bus();
    let mut tap = bus.tap(TapFilter::new()).unwrap();
    let start = Instant::now();
    // A thread without a runtime of Tokio.
    let reader = thread::spawn(move || {
        let woken = Arc::new(Woken {
            thread: thread::current(),
            times: AtomicUsize::new(0),
        });
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        for _ in 0..EVENTS {
            let mut record = pin!(tap.recv());
            while record.as_mut().poll(&mut context).is_pending() {
                thread::park();
            }
        }
        woken.times.load(Ordering::Relaxed)
    });
    for number in 0..EVENTS {
        bus.emit("flood", number).unwrap();
    }
    let times = reader.join().unwrap();
    // It rests for at least a millisecond each time, and a record and the end of the rest wake it.
    let rests = start.elapsed().as_millis() as usize + 1;
    assert!(times <= 2 * rests + 2, "{times} times in {rests} ms");
}
