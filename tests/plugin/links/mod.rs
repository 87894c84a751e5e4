//! A link to other nodes, in memory: what leaves, what arrives, and what is lost.

mod arrivals;

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
    Builder, EmitOptions, ErrorCode, EventBus, EventBusExt, HOST, Policy, StreamItem, Target,
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

pub(super) fn plan() -> LinkPlan {
    let shares = [Share::both("order:*"), Share::sent("alarm")];
    LinkPlan::new("here", shares.map(Result::unwrap))
}

pub(super) fn linked_with(
    builder: Builder,
    plan: LinkPlan,
) -> (App<MockRuntime>, EventBus, LinkPort) {
    let (sender, ports) = mpsc::channel();
    let app = app_with(builder.link(InMemory { plan, port: sender }));
    let bus = app.event_bus();
    (app, bus, ports.recv().unwrap())
}

pub(super) fn linked() -> (App<MockRuntime>, EventBus, LinkPort) {
    linked_with(Builder::new(), plan())
}

/// What leaves up to an event `order:end`, which this emits.
pub(super) fn departures(
    bus: &EventBus,
    port: &LinkPort,
) -> Vec<(String, String, Vec<LinkStream>)> {
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

pub(super) fn names(left: &[(String, String, Vec<LinkStream>)]) -> Vec<&str> {
    left.iter().map(|(name, _, _)| name.as_str()).collect()
}

pub(super) fn arrival(name: &str, text: &str) -> Arrival {
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
    for n in 0..4 {
        assert!(bus.emit("order:a", n).unwrap().linked);
    }
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

/// What stays here may tick every 10 ms, and what leaves once a minute.
#[test]
fn a_changed_job_of_a_page_leaves_by_its_entry() {
    let (app, bus, port) = linked();
    let mut page = Page::open(&app, "linking");
    let node = |name: &str| json!({ "kind": "Node", "node": name });
    let job = |id: &str, to: Value| json!({ "event": format!("order:far:{id}"), "id": id, "everyMs": 60_000, "payload": "1", "to": to });
    let faster = |page: &mut Page, id: &str| {
        let changes = json!({ "everyMs": 10 });
        page.call("update_job", json!({ "id": id, "changes": changes }))
    };
    let both = json!([node(port.node()), node("there")]);
    page.start_job(job("both", both)).unwrap();
    let refused = faster(&mut page, "both").unwrap_err();
    assert_eq!(code(&refused), "invalid_interval", "{refused}");
    page.start_job(job("all", json!({ "kind": "Any" })))
        .unwrap();
    let mut stream = bus.stream("order:far:all").unwrap();
    faster(&mut page, "all").unwrap();
    for _ in 0..2 {
        block_on(stream.recv()).unwrap();
    }
    assert_eq!(names(&departures(&bus, &port)), [] as [&str; 0]);
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
    // A listener for everything receives the events of the app alone.
    let mut all = bus.stream("*").unwrap();
    bus.emit("cart", 1).unwrap();
    assert!(
        matches!(block_on(all.recv()), Some(StreamItem::Event(event)) if event.name() == "cart")
    );
    assert_eq!(bus.clear_retained("*").unwrap(), 0);
    let inspected = serde_json::to_value(bus.inspect()).unwrap();
    assert_eq!(inspected["link"]["connected"], false);
    assert_eq!(inspected["link"]["reason"], "no server");
    drop(app);
}

#[test]
fn a_link_ends_with_the_app() {
    let (app, bus, port) = linked();
    // Closing the last window exits the app.
    crate::support::open(&app, "main");
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
