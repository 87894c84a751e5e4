//! A link to other nodes, in memory: what leaves, what arrives, and what is lost.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::App;
use tauri::async_runtime::block_on;
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::link::{
    Arrival, Departure, Link, LinkPayload, LinkPlan, LinkPort, LinkStarter, LinkStream, Share,
};
use tauri_plugin_event_bus::{
    Builder, Bytes, CatalogMode, EmitOptions, Endpoint, ErrorCode, EventBus, EventBusExt, Gap,
    GapReason, HOST, Limits, Policy, StreamItem, Target,
};

use crate::support::{Page, app_with, code, message};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A link that hands its port to the test.
struct InMemory {
    plan: LinkPlan,
    port: mpsc::Sender<LinkPort>,
}

impl Link for InMemory {
    fn start(self: Box<Self>, starter: LinkStarter) -> Result<(), Failed> {
        assert_eq!(starter.config::<Value>()?, None);
        self.port.send(starter.join(self.plan)?)?;
        Ok(())
    }
}

fn plan() -> LinkPlan {
    let shares = [Share::both("order:*"), Share::sent("alarm")];
    LinkPlan::new("here", shares.map(Result::unwrap))
}

fn linked_with(builder: Builder, plan: LinkPlan) -> (App<MockRuntime>, EventBus, LinkPort) {
    let (sender, ports) = mpsc::channel();
    let app = app_with(builder.link(InMemory { plan, port: sender }));
    let bus = app.event_bus();
    (app, bus, ports.recv().unwrap())
}

fn linked() -> (App<MockRuntime>, EventBus, LinkPort) {
    linked_with(Builder::new(), plan())
}

/// What leaves up to an event `order:end`, which this emits.
fn departures(bus: &EventBus, port: &LinkPort) -> Vec<(String, String, Vec<LinkStream>)> {
    bus.emit("order:end", ()).unwrap();
    let mut left = Vec::new();
    loop {
        for departure in block_on(port.next()).unwrap() {
            let (name, payload, streams) = match departure {
                Departure::Event(event) if event.name() == "order:end" => return left,
                Departure::Event(event) => (
                    event.name().to_owned(),
                    event.payload_json().to_owned(),
                    event.streams().to_vec(),
                ),
                Departure::Dropped { streams, count } => {
                    ("dropped".to_owned(), count.to_string(), streams)
                }
                other => panic!("{other:?}"),
            };
            left.push((name, payload, streams));
        }
    }
}

fn names(left: &[(String, String, Vec<LinkStream>)]) -> Vec<&str> {
    left.iter().map(|(name, _, _)| name.as_str()).collect()
}

fn arrival(name: &str, text: &str) -> Arrival {
    Arrival::new("there", name, LinkPayload::new(text, Vec::new()))
}

#[test]
fn what_is_shared_leaves_in_order() {
    let (_app, bus, port) = linked();
    assert!(bus.emit("order:created", 1).unwrap().linked);
    assert!(!bus.emit("cart", 2).unwrap().linked);
    assert!(bus.emit("alarm", 3).unwrap().linked);
    assert!(!bus.emit_to(HOST, "order:created", 4).unwrap().linked);
    let options = EmitOptions::new().except("main");
    assert!(bus.emit_with("order:paid", 5, options).unwrap().linked);
    let everyone = bus.emit_to(Target::everyone(), "order:paid", 6);
    assert!(everyone.unwrap().linked);
    let expected = [
        ("order:created", "1", 0),
        ("alarm", "3", 1),
        ("order:paid", "5", 0),
        ("order:paid", "6", 0),
    ];
    let expected = expected.map(|(name, payload, share)| {
        let streams = vec![LinkStream::Share(share)];
        (name.to_owned(), payload.to_owned(), streams)
    });
    assert_eq!(departures(&bus, &port), expected);
    let status = bus.link_status().unwrap();
    assert_eq!((status.node.as_str(), status.sent), ("here", 5));
}

#[test]
fn events_for_nodes_leave_for_them_alone() {
    let (_app, bus, port) = linked();
    let mut here = bus.stream("order:*").unwrap();
    let receipt = bus.emit_to(Target::node("there"), "order:a", 1).unwrap();
    assert!(receipt.linked && receipt.listeners == 0);
    let both = Target::join([Target::node("there"), Target::node("here")]);
    let receipt = bus.emit_to(both, "order:b", 2).unwrap();
    assert!(receipt.linked && receipt.listeners == 1);
    let receipt = bus.emit_to(Target::node("here"), "cart", 3).unwrap();
    assert!(!receipt.linked);
    let mixed = Target::join([Target::node("there"), Target::host()]);
    let receipt = bus.emit_to(mixed, "order:c", 4).unwrap();
    assert!(receipt.linked && receipt.listeners == 1);
    let there = vec![LinkStream::Node("there".into())];
    let left = departures(&bus, &port);
    assert_eq!(names(&left), ["order:a", "order:b", "order:c"]);
    assert!(left.iter().all(|(_, _, streams)| *streams == there));
    for expected in ["order:b", "order:c"] {
        let Some(StreamItem::Event(event)) = block_on(here.recv()) else {
            panic!("an event is missing");
        };
        assert_eq!(event.name(), expected);
    }
}

#[test]
fn a_node_target_needs_a_link_and_a_share() {
    let (_app, bus, _port) = linked();
    let error = bus.emit_to(Target::node("there"), "cart", 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    for part in ["\"there\"", "\"cart\"", "\"order:*\", \"alarm\""] {
        assert!(error.message().contains(part), "{error}");
    }
    let error = bus.emit_to(Target::node("a.b"), "order:a", 1).unwrap_err();
    assert!(error.message().contains("'.'"), "{error}");
    let alone = app_with(Builder::new()).event_bus();
    let error = alone.emit_to(Target::node("there"), "order:a", 1);
    let error = error.unwrap_err();
    assert!(error.message().contains("Builder::link"), "{error}");
    assert!(alone.link_status().is_none());
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
        .component("camera");
    port.receive(far).unwrap();
    block_on(stream.recv()).unwrap();
    let Some(StreamItem::Event(event)) = block_on(stream.recv()) else {
        panic!("it is missing");
    };
    assert_eq!(event.payload::<(Bytes, String)>().unwrap().0, photo.0);
    assert_eq!(event.causes().collect::<Vec<_>>(), ["order:asked"]);
    assert_eq!(event.component(), Some("camera"));
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
fn what_the_queue_drops_is_counted() {
    let mut plan = plan();
    plan.queue_events = 4;
    let (_app, bus, port) = linked_with(Builder::new(), plan);
    for n in 0..10 {
        bus.emit("order:a", n).unwrap();
    }
    let left = departures(&bus, &port);
    let share = vec![LinkStream::Share(0)];
    assert_eq!(left[0], ("dropped".to_owned(), "7".to_owned(), share));
    assert_eq!(names(&left[1..]), ["order:a"; 3]);
    assert_eq!(left[1].1, "7");
    assert_eq!(bus.link_status().unwrap().dropped, 7);
}

#[test]
fn emitting_never_waits_for_the_link() {
    let mut plan = plan();
    plan.queue_events = 2;
    let builder = Builder::new().policy("order:*", Policy::new().reject());
    let (_app, bus, port) = linked_with(builder, plan);
    let results: Vec<bool> = (0..4)
        .map(|n| bus.emit("order:a", n).unwrap().linked)
        .collect();
    assert_eq!(results, [true, true, false, false]);
    let taken = block_on(port.next()).unwrap();
    assert!(matches!(&taken[0], Departure::Dropped { count: 2, .. }));
    assert_eq!(taken.len(), 3);
}

#[test]
fn the_newest_of_a_name_leaves_with_its_policy() {
    let builder = Builder::new().policy("order:*", Policy::new().latest());
    let (_app, bus, port) = linked_with(builder, plan());
    for n in 0..5 {
        bus.emit("order:cursor", n).unwrap();
    }
    let left = departures(&bus, &port);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].1, "4");
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
fn a_loss_is_a_gap_for_whom_it_may_concern() {
    let (app, bus, port) = linked();
    let mut main = Page::open(&app, "main");
    main.listen("order:created");
    main.listen("cart");
    let all = gap(&bus, "order:*", || port.lost("order:*", 5).unwrap());
    assert_eq!((all.count, all.at_most), (5, false));
    assert_eq!(all.reason, GapReason::LinkLost);
    assert_eq!(all.to - all.from, 4);
    let some = gap(&bus, "order:created", || port.lost("order:*", 2).unwrap());
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
    let error = port.lost("order:*", (1 << 32) + 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_page_that_starts_learns_what_was_lost() {
    let (app, _bus, port) = linked();
    let window = crate::support::open(&app, "main");
    port.lost("order:*", 3).unwrap();
    let mut main = Page::load(window);
    main.listen("order:*");
    let rows = main.pull().rows();
    assert_eq!(rows[0]["count"], 3, "{rows}");
    assert_eq!(rows[0]["atMost"], true);
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
fn pages_reach_other_nodes_by_permission_only() {
    let (app, bus, port) = linked();
    let mut page = Page::open(&app, "linking");
    let stays = page.emit("order:secret", "1");
    assert!(
        stays["seq"].is_u64() && stays.get("linked").is_none(),
        "{stays}"
    );
    let leaves = page.emit("order:open:1", "2");
    assert_eq!(leaves["linked"], true, "{leaves}");
    let node = json!({ "kind": "Node", "node": "there" });
    let denied = page.emit_to(node.clone(), "order:secret", "3");
    assert_eq!(code(&denied), "denied");
    let entry = r#"{"event":"order:secret","link":true}"#;
    assert!(message(&denied).contains(entry), "{denied}");
    let sent = page.emit_to(node, "order:open:2", "4");
    assert_eq!(sent["linked"], true, "{sent}");
    let source = json!({ "kind": "node", "node": "there" });
    let sent = page.emit_to(source, "order:open:3", "5");
    assert_eq!(sent["linked"], true, "{sent}");
    let left = departures(&bus, &port);
    assert_eq!(
        names(&left),
        ["order:open:1", "order:open:2", "order:open:3"]
    );
    // The default sets say nothing of links.
    let mut main = Page::open(&app, "main");
    assert_eq!(main.emit("order:open:1", "1").get("linked"), None);
    assert!(bus.emit("order:own", 1).unwrap().linked);
}

#[test]
fn jobs_of_pages_follow_the_same_rule() {
    let (app, bus, port) = linked();
    let mut page = Page::open(&app, "linking");
    let mut stream = bus.stream("order:tick").unwrap();
    let job = json!({ "event": "order:tick", "everyMs": 10, "payload": "1" });
    page.start_job(job).unwrap();
    assert!(matches!(
        block_on(stream.recv()),
        Some(StreamItem::Event(_))
    ));
    let job = bus.periodic("order:own").every(Duration::from_millis(10));
    let job = job.payload(1).start().unwrap();
    let mut own = bus.stream("order:own").unwrap();
    block_on(own.recv()).unwrap();
    job.stop();
    let left = departures(&bus, &port);
    assert!(!left.is_empty() && names(&left).iter().all(|name| *name == "order:own"));
}

#[test]
fn the_state_of_the_link_is_told() {
    let (app, bus, port) = linked();
    let mut stream = bus.stream("event-bus:*").unwrap();
    let mut next = || match block_on(stream.recv()) {
        Some(StreamItem::Event(event)) => {
            (event.name().to_owned(), event.payload::<Value>().unwrap())
        }
        other => panic!("{other:?}"),
    };
    port.set_connected(true, None);
    port.set_connected(true, None);
    let connected = json!({ "node": "here", "connected": true });
    assert_eq!(next(), ("event-bus:link".to_owned(), connected));
    assert_eq!(bus.link_status().unwrap().nodes, None);
    port.know_nodes();
    port.node_joined("there");
    port.node_joined("there");
    assert_eq!(next().0, "event-bus:node-joined");
    assert_eq!(
        bus.link_status().unwrap().nodes,
        Some(vec!["there".to_owned()])
    );
    port.node_left("there");
    port.node_left("there");
    assert_eq!(
        next(),
        ("event-bus:node-left".to_owned(), json!({ "node": "there" }))
    );
    port.set_connected(false, Some("no server"));
    let lost = json!({ "node": "here", "connected": false, "reason": "no server" });
    assert_eq!(next().1, lost);
    // It is retained.
    let mut late = bus.stream("event-bus:link").unwrap();
    assert!(matches!(block_on(late.recv()), Some(StreamItem::Event(event)) if event.is_retained()));
    let inspected = serde_json::to_value(bus.inspect()).unwrap();
    assert_eq!(inspected["link"]["connected"], false);
    assert_eq!(inspected["link"]["reason"], "no server");
    drop(app);
}

#[test]
fn a_link_ends_with_the_app() {
    let (app, bus, port) = linked();
    bus.emit("order:last", 1).unwrap();
    crate::support::exit(app);
    assert_eq!(block_on(port.next()).unwrap().len(), 1);
    assert!(block_on(port.next()).is_none());
}

/// A link that cannot start.
struct Broken;

impl Link for Broken {
    fn start(self: Box<Self>, starter: LinkStarter) -> Result<(), Failed> {
        starter.join(LinkPlan::new("here", []))?;
        Ok(())
    }
}

#[test]
fn a_link_that_cannot_start_stops_the_app() {
    let built = tauri::test::mock_builder()
        .plugin(Builder::new().link(Broken).build())
        .build(fixture::context());
    let error = built.err().unwrap().to_string();
    assert!(error.contains("the link shares nothing"), "{error}");
}
