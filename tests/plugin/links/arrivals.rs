//! What comes from other nodes, and what is lost on the way.

use serde_json::json;
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::link::{Arrival, Departure, LinkPayload};
use tauri_plugin_event_bus::types::EventPattern;
use tauri_plugin_event_bus::{
    Builder, Bytes, CatalogMode, Endpoint, ErrorCode, EventBus, Gap, GapReason, Limits, Policy,
    StreamItem,
};

use super::{arrival, departures, linked, linked_with, names, plan};
use crate::support::{Page, open};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn orders() -> [EventPattern; 1] {
    [EventPattern::parse("order:*").unwrap()]
}

fn gap(bus: &EventBus, pattern: &str, lose: impl FnOnce()) -> Gap {
    let mut stream = bus.stream(pattern).unwrap();
    lose();
    let Some(StreamItem::Gap(gap)) = block_on(stream.recv()) else {
        panic!("no gap for {pattern}");
    };
    gap
}

#[test]
fn what_arrives_is_an_event_of_this_app() {
    let (app, bus, port) = linked();
    let mut main = Page::open(&app, "main");
    main.listen("order:*");
    let mut stream = bus.stream("order:*").unwrap();
    let before = bus.emit("order:own", 1).unwrap().seq;
    let receipt = port.receive(arrival("order:far", "{\"a\":1}")).unwrap();
    assert_eq!(
        (receipt.seq, receipt.pages, receipt.listeners),
        (before + 1, 1, 1)
    );
    assert!(!receipt.linked);
    let rows = main.pull().rows();
    assert_eq!(rows[0][4], json!(0));
    assert_eq!(rows[1][3], "order:far");
    assert_eq!(rows[1][4], json!(["there"]));
    assert_eq!(rows[1][6], json!({ "a": 1 }));
    block_on(stream.recv()).unwrap();
    let Some(StreamItem::Event(event)) = block_on(stream.recv()) else {
        panic!("it is missing");
    };
    assert_eq!(event.source(), &Endpoint::Node("there".into()));
    assert_eq!(event.source().node(), Some("there"));
    // It does not go back.
    assert_eq!(names(&departures(&bus, &port)), ["order:own"]);
    assert_eq!(bus.link_status().unwrap().received, 1);
}

#[test]
fn bytes_and_causes_travel() {
    let (_app, bus, port) = linked();
    let mut stream = bus.stream("order:*").unwrap();
    bus.emit("order:photo", json!(1)).unwrap();
    block_on(stream.recv()).unwrap();
    let photo = (Bytes::from(vec![1, 2, 3]), "x");
    bus.emit("order:photo", &photo).unwrap();
    let mut sent = Vec::new();
    while sent.len() < 2 {
        sent.extend(block_on(port.next()).unwrap());
    }
    let Departure::Event(event) = &sent[1] else {
        panic!("an event leaves");
    };
    let payload = event.payload();
    assert_eq!(payload.text(), "[\u{1},\"x\"]");
    let far = LinkPayload::new(payload.text(), payload.bytes());
    let far = Arrival::new("there", "order:photo", far)
        .causes(vec!["order:asked".to_owned()])
        .component("camera")
        .traceparent(TRACE);
    port.receive(far).unwrap();
    block_on(stream.recv()).unwrap();
    let Some(StreamItem::Event(event)) = block_on(stream.recv()) else {
        panic!("it is missing");
    };
    assert_eq!(event.payload::<(Bytes, String)>().unwrap().0, photo.0);
    assert_eq!(event.causes().collect::<Vec<_>>(), ["order:asked"]);
    assert_eq!(event.component(), Some("camera"));
    assert_eq!(event.traceparent(), Some(TRACE));
}

#[test]
fn a_loop_over_two_nodes_is_an_error() {
    let (_app, bus, port) = linked_with(Builder::new(), plan());
    let causes: Vec<String> = (0..17).map(|n| format!("order:{n}")).collect();
    let error = port.receive(arrival("order:last", "1").causes(causes));
    let error = error.unwrap_err();
    assert_eq!(error.code(), ErrorCode::EventLoop);
    assert!(error.message().contains("order:0 → order:1"), "{error}");
    assert_eq!(bus.link_status().unwrap().refused, 1);
}

#[test]
fn what_is_not_due_here_is_refused() {
    let limits = {
        let mut limits = Limits::default();
        limits.payload_bytes = 64;
        limits
    };
    let (_app, bus, port) = linked_with(Builder::new().limits(limits), plan());
    let long = format!("\"{}\"", "x".repeat(80));
    let refused = [
        (arrival("cart", "1"), ErrorCode::Denied),
        (arrival("alarm", "1"), ErrorCode::Denied),
        (arrival("order:a", "{"), ErrorCode::InvalidPayload),
        (
            arrival("order:a", "{\"a\":1,\"a\":2}"),
            ErrorCode::InvalidPayload,
        ),
        (arrival("order:a", &long), ErrorCode::PayloadTooLarge),
        (arrival("order a", "1"), ErrorCode::InvalidEventName),
        (arrival("event-bus:link", "1"), ErrorCode::ReservedEventName),
        (
            Arrival::new("here", "order:a", LinkPayload::new("1", vec![])),
            ErrorCode::InvalidArgument,
        ),
        (
            Arrival::new("a b", "order:a", LinkPayload::new("1", vec![])),
            ErrorCode::InvalidArgument,
        ),
    ];
    let count = refused.len() as u64;
    for (arrival, expected) in refused {
        let error = port.receive(arrival).unwrap_err();
        assert_eq!(error.code(), expected, "{error}");
    }
    assert_eq!(bus.link_status().unwrap().refused, count);
    assert_eq!(bus.link_status().unwrap().received, 0);
}

#[test]
fn a_strict_catalog_refuses_unknown_arrivals() {
    let builder = Builder::new()
        .event::<declared_events::CartUpdated>()
        .catalog_mode(CatalogMode::Strict);
    let (_app, _bus, port) = linked_with(builder, plan());
    let error = port.receive(arrival("order:a", "1")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidEventName, "{error}");
}

#[test]
fn a_loss_is_a_gap_for_whom_it_may_concern() {
    let (app, bus, port) = linked();
    let mut main = Page::open(&app, "main");
    main.listen("order:created");
    main.listen("cart");
    let all = gap(&bus, "order:*", || port.lost(&orders(), 5).unwrap());
    assert_eq!((all.count, all.at_most), (5, false));
    assert_eq!(all.reason, GapReason::LinkLost);
    assert_eq!(all.to - all.from, 4);
    let some = gap(&bus, "order:created", || port.lost(&orders(), 2).unwrap());
    assert_eq!((some.count, some.at_most), (2, true));
    let rows = main.pull().rows();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows[0]["reason"], "link_lost");
    assert_eq!(rows[0]["count"], 7);
    assert_eq!(rows[0]["atMost"], true);
    assert_eq!(rows[0]["subscriptions"], json!([1]));
    let seq = bus.emit("cart", 1).unwrap().seq;
    assert!(seq > some.to);
    assert_eq!(bus.link_status().unwrap().missing, 7);
    let error = port.lost(&orders(), (1 << 32) + 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_page_that_starts_learns_what_was_lost() {
    let (app, _bus, port) = linked();
    let window = open(&app, "main");
    port.lost(&orders(), 3).unwrap();
    let mut main = Page::load(window);
    main.listen("order:*");
    let rows = main.pull().rows();
    assert_eq!(rows[0]["count"], 3, "{rows}");
    assert_eq!(rows[0]["atMost"], true);
}

#[test]
fn a_large_hole_takes_few_numbers() {
    const COUNT: u64 = 1 << 32;
    let (app, bus, port) = linked();
    let window = open(&app, "main");
    let before = bus.emit("cart", 1).unwrap().seq;
    let gap = gap(&bus, "order:*", || port.lost(&orders(), COUNT).unwrap());
    assert_eq!(gap.count, COUNT);
    // JavaScript counts up to 2^53, and a node may tell of many holes.
    assert_eq!((gap.from, gap.to), (before + 1, before + (1 << 20)));
    let mut main = Page::load(window);
    main.listen("order:*");
    let rows = main.pull().rows();
    assert_eq!(rows[0]["count"], COUNT, "{rows}");
}

#[test]
fn a_full_queue_that_rejects_is_a_gap() {
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let builder = Builder::new()
        .limits(limits)
        .policy("order:*", Policy::new().reject());
    let (_app, bus, port) = linked_with(builder, plan());
    let mut stream = bus.stream("order:a").unwrap();
    port.receive(arrival("order:a", "1")).unwrap();
    let error = port.receive(arrival("order:a", "2")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    let Some(StreamItem::Gap(gap)) = block_on(stream.recv()) else {
        panic!("no gap");
    };
    assert_eq!((gap.count, gap.at_most), (1, false));
}

#[test]
fn what_is_refused_among_others_is_a_gap() {
    let mut limits = Limits::default();
    limits.queue_events = 2;
    let builder = Builder::new()
        .limits(limits)
        .policy("order:*", Policy::new().reject());
    let (_app, bus, port) = linked_with(builder, plan());
    let mut stream = bus.stream("order:a").unwrap();
    assert_eq!(
        port.receive_all(arrival("order:a", "1"), ["2", "3", "4"]),
        2
    );
    let Some(StreamItem::Gap(gap)) = block_on(stream.recv()) else {
        panic!("no gap");
    };
    assert_eq!(gap.count, 2);
    for expected in 1..=2 {
        let Some(StreamItem::Event(event)) = block_on(stream.recv()) else {
            panic!("no event");
        };
        assert_eq!(event.payload::<u32>().unwrap(), expected);
    }
    let status = bus.link_status().unwrap();
    assert_eq!((status.received, status.refused, status.missing), (2, 2, 2));
}

#[test]
fn several_arrive_together_in_order() {
    let (_app, bus, port) = linked();
    let mut stream = bus.stream("order:*").unwrap();
    let more = ["2", "[", "3"];
    let first = arrival("order:created", "1").causes(vec!["order:scanned".to_owned()]);
    assert_eq!(port.receive_all(first, more), 3);
    for expected in 1..=3 {
        let Some(StreamItem::Event(event)) = block_on(stream.recv()) else {
            panic!("an event is missing");
        };
        assert_eq!(event.payload::<u32>().unwrap(), expected);
        assert!(event.causes().eq(["order:scanned"]));
    }
    let status = bus.link_status().unwrap();
    assert_eq!((status.received, status.refused), (3, 1));
    assert_eq!(port.receive_all(arrival("cart", "0"), ["1", "2"]), 0);
    assert_eq!(bus.link_status().unwrap().refused, 4);
}

#[test]
fn an_arrival_expires_within_the_limits() {
    let (_app, bus, port) = linked();
    for expires in [std::time::Duration::ZERO, std::time::Duration::MAX] {
        let error = port.receive(arrival("order:far", "1").expires(expires));
        let error = error.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    }
    port.receive(arrival("order:far", "1")).unwrap();
    assert_eq!(bus.link_status().unwrap().received, 1);
}
