//! Events that expire.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::inspect::Inspection;
use tauri_plugin_event_bus::{
    Builder, EmitOptions, ErrorCode, EventBus, EventBusExt, GapReason, Limits, Policy, StreamItem,
};

use crate::support::{Page, app, app_with, code, message};

const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(1);

/// Waits until the bus looks like this.
fn wait_until(bus: &EventBus, is_so: impl Fn(&Inspection) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so(&bus.inspect()) {
        assert!(Instant::now() < end, "{:?}", bus.inspect());
        std::thread::yield_now();
    }
}

fn waiting_of_page(inspection: &Inspection) -> usize {
    let page = inspection.webviews[0].page.as_ref();
    page.map_or(0, |page| page.queue.events)
}

fn emit(page: &mut Page, entry: Value) -> Value {
    let results = page.call("emit", json!({ "events": [entry] }));
    results.unwrap()[0].take()
}

#[test]
fn a_page_gets_a_gap_instead() {
    let app = app();
    let (mut main, mut other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    let id = main.listen("*");
    let brief = json!({ "event": "a", "payload": "1", "expiresMs": 1 });
    let seq = emit(&mut other, brief)["seq"].as_u64().unwrap();
    let lasting = json!({ "event": "b", "payload": "2", "expiresMs": 3_600_000.5 });
    assert!(emit(&mut other, lasting)["seq"].is_u64());
    // The keeper of leases removes it, though no page takes it.
    wait_until(&app.event_bus(), |bus| waiting_of_page(bus) == 1);
    let rows = main.pull().rows();
    let gap = json!({
        "from": seq, "to": seq, "count": 1, "atMost": false, "reason": "expired", "subscriptions": [id], "index": 1
    });
    assert_eq!(rows[0], gap);
    assert_eq!(rows[1][3], json!("b"));
}

#[test]
fn wrong_lengths_of_time_are_refused() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let year = 366_u64 * 24 * 60 * 60 * 1000;
    for wrong in [json!(0), json!(-1), json!(0.5), json!(year)] {
        let error = emit(&mut main, json!({ "event": "a", "expiresMs": wrong }));
        assert_eq!(code(&error), "invalid_argument");
        let text = message(&error);
        assert!(
            text.starts_with("expiresMs is ") && text.contains("at least 1 ms"),
            "{text}"
        );
    }
    // NaN and infinity are null in JSON.
    for wrong in [Value::Null, json!("1")] {
        let error = emit(&mut main, json!({ "event": "a", "expiresMs": wrong }));
        assert_eq!(code(&error), "invalid_argument");
        assert!(message(&error).contains("expiresMs"), "{error}");
    }
    for wrong in [Duration::ZERO, Duration::MAX] {
        let options = EmitOptions::new().expires(wrong);
        let error = app.event_bus().emit_with("a", 1, options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
}

#[test]
fn a_stream_gets_a_gap_by_policy() {
    let app = app_with(Builder::new().policy("brief", Policy::new().expires(MOMENT)));
    let bus = app.event_bus();
    let mut stream = bus.stream("*").unwrap();
    bus.emit("brief", 1).unwrap();
    let lasting = EmitOptions::new().expires(PATIENCE * 100);
    bus.emit_with("brief", 2, lasting).unwrap();
    let waiting = |bus: &Inspection| {
        let mut streams = bus.consumers.iter().filter(|own| own.is_stream);
        streams.next().map_or(0, |own| own.queue.events)
    };
    wait_until(&bus, |bus| waiting(bus) == 1);
    let StreamItem::Gap(gap) = block_on(stream.recv()).unwrap() else {
        panic!("an event has expired");
    };
    assert_eq!(
        (gap.count, gap.at_most, gap.reason),
        (1, false, GapReason::Expired)
    );
    let StreamItem::Event(event) = block_on(stream.recv()).unwrap() else {
        panic!("this one has not");
    };
    assert_eq!(event.payload::<u32>(), Ok(2));
}

#[test]
fn an_emit_waits_for_what_expires() {
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let builder = Builder::new().policy("order", Policy::new().reject());
    let app = app_with(builder.limits(limits));
    let bus = app.event_bus();
    let stream = bus.stream("order").unwrap();
    let brief = EmitOptions::new().expires(Duration::from_millis(50));
    bus.emit_with("order", 1, brief).unwrap();
    // Nobody reads the stream.
    block_on(bus.emit_async("order", 2)).unwrap();
    drop(stream);
}

#[test]
fn what_is_kept_expires() {
    let app = app();
    let bus = app.event_bus();
    let brief = || EmitOptions::new().expires(MOMENT);
    bus.emit_with("theme", 1, brief().retain(true)).unwrap();
    bus.emit_with(
        "link",
        1,
        brief().until(tauri_plugin_event_bus::Until::Consumed),
    )
    .unwrap();
    wait_until(&bus, |bus| bus.retained.events + bus.unconsumed.events == 0);
    let mut main = Page::open(&app, "main");
    main.listen("*");
    bus.emit("end", 1).unwrap();
    assert_eq!(main.receive(), [("end".to_owned(), json!(1))]);
}

#[test]
fn a_starting_page_is_told_what_has_expired() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let brief = || EmitOptions::new().expires(MOMENT);
    bus.emit_with("a", "x".repeat(1000), brief()).unwrap();
    bus.emit_with("a", "x".repeat(1000), brief()).unwrap();
    let backlog = |bus: &Inspection| bus.webviews[0].backlog.map_or(0, |own| own.bytes);
    wait_until(&bus, |bus| backlog(bus) < 1000);
    main.listen("b");
    main.listen("a");
    let rows = main.pull().rows();
    let (count, reason) = (&rows[0]["count"], &rows[0]["reason"]);
    assert_eq!((count, reason), (&json!(2), &json!("expired")), "{rows}");
    assert_eq!(rows[0]["atMost"], json!(false));
    assert_eq!(rows.as_array().unwrap().len(), 1);
}
