//! Events between nodes that are well.

use serde_json::json;
use tauri_plugin_event_bus::{Builder, Bytes, EmitOptions, StreamItem, Target};

use crate::support::{Server, link, next, node, node_with, payload};

#[test]
fn each_node_receives_what_others_emit() {
    let server = Server::start();
    let nodes = ["a", "b", "c"].map(|name| node(&server.url(), name).connected());
    let mut streams = nodes
        .each_ref()
        .map(|node| node.bus.stream("order:*").unwrap());
    for n in 0..200 {
        assert!(nodes[0].bus.emit("order:created", n).unwrap().linked);
    }
    assert!(!nodes[0].bus.emit("cart", 1).unwrap().linked);
    nodes[0].bus.emit("order:paid", json!({ "é": 1 })).unwrap();
    for stream in &mut streams {
        for n in 0..200 {
            assert_eq!(payload(stream), n);
        }
        assert_eq!(payload(stream), json!({ "é": 1 }));
    }
    // What came from a node is of that node, and does not go back.
    nodes[1].bus.emit("order:last", 7).unwrap();
    for (index, stream) in streams.iter_mut().enumerate() {
        let StreamItem::Event(event) = next(stream) else {
            panic!("a gap");
        };
        assert_eq!(event.name(), "order:last");
        let expected = (index != 1).then_some("b");
        assert_eq!(event.source().node(), expected);
    }
    assert_eq!(nodes[0].bus.link_status().unwrap().received, 1);
    assert_eq!(nodes[1].bus.link_status().unwrap().sent, 1);
    assert_eq!(nodes[2].bus.link_status().unwrap().missing, 0);
}

#[test]
fn one_node_is_a_target() {
    let server = Server::start();
    let [a, b, c] = ["a", "b", "c"].map(|name| node(&server.url(), name).connected());
    let (mut at_b, mut at_c) = (
        b.bus.stream("order:*").unwrap(),
        c.bus.stream("order:*").unwrap(),
    );
    for n in 0..50 {
        a.bus.emit_to(Target::node("b"), "order:for-b", n).unwrap();
    }
    a.bus.emit("order:for-all", "end").unwrap();
    // Between what is for all and what is for one there is no order.
    let (mut direct, mut event) = (Vec::new(), None);
    while direct.len() < 50 || event.is_none() {
        match next(&mut at_b) {
            StreamItem::Event(one) if one.name() == "order:for-b" => {
                direct.push(one.payload::<u32>().unwrap());
            }
            StreamItem::Event(one) => event = Some(one),
            StreamItem::Gap(gap) => panic!("{gap:?}"),
        }
    }
    assert!(direct.iter().copied().eq(0..50));
    assert_eq!(payload(&mut at_c), "end");
    // The source of an event is a target.
    let event = event.unwrap();
    assert_eq!(event.name(), "order:for-all");
    let mut at_a = a.bus.stream("order:response").unwrap();
    b.bus.emit_to(event.source(), "order:response", 2).unwrap();
    assert_eq!(payload(&mut at_a), 2);
}

#[test]
fn bytes_causes_and_components_travel() {
    let server = Server::start();
    let [a, b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let mut at_b = b.bus.stream("order:*").unwrap();
    let own = a.bus.clone();
    let relay = a.bus.listen("order:asked", move |_| {
        let photo = (1, Bytes::from(vec![0, 255, 10, 1]), "x\u{1}y");
        own.component("camera").emit("order:photo", photo).unwrap();
    });
    a.bus.emit("order:asked", ()).unwrap();
    assert_eq!(payload(&mut at_b), json!(null));
    let StreamItem::Event(event) = next(&mut at_b) else {
        panic!("a gap");
    };
    let (number, bytes, text): (u32, Bytes, String) = event.payload().unwrap();
    assert_eq!(
        (number, &*bytes, &*text),
        (1, &[0, 255, 10, 1][..], "x\u{1}y")
    );
    assert_eq!(event.causes().collect::<Vec<_>>(), ["order:asked"]);
    assert_eq!(event.component(), Some("camera"));
    drop(relay);
}

#[test]
fn a_loop_over_two_nodes_comes_to_an_end() {
    let server = Server::start();
    let refused = std::sync::Arc::new(std::sync::Mutex::new(None));
    let [a, b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let (own, noted) = (a.bus.clone(), std::sync::Arc::clone(&refused));
    let mut ends = a.bus.stream("end").unwrap();
    a.bus
        .listen("order:ping", move |event| {
            if event.source().node().is_some() || event.hops() == 0 {
                let result = own.emit("order:pong", 1);
                if let Err(error) = result {
                    *noted.lock().unwrap() = Some(error);
                    let _ = own.without_causes().emit("end", ());
                }
            }
        })
        .unwrap()
        .forget();
    let own = b.bus.clone();
    b.bus
        .listen("order:pong", move |event| {
            if event.source().node().is_some() {
                let _ = own.emit("order:ping", 1);
            }
        })
        .unwrap()
        .forget();
    a.bus.emit("order:ping", 0).unwrap();
    payload(&mut ends);
    let error = refused.lock().unwrap().take().unwrap();
    assert!(
        error
            .message()
            .contains("order:ping → order:pong → order:ping"),
        "{error}"
    );
}

#[test]
fn shares_have_directions() {
    let server = Server::start();
    let till = link(&server.url(), "till").send("alarm").receive("price:*");
    let desk = link(&server.url(), "desk").receive("alarm").send("price:*");
    let till = node_with(Builder::new(), till).connected();
    let desk = node_with(Builder::new(), desk).connected();
    let mut at_till = till.bus.stream("*").unwrap();
    let mut at_desk = desk.bus.stream("*").unwrap();
    assert!(till.bus.emit("alarm", 1).unwrap().linked);
    assert!(!till.bus.emit("price:milk", 2).unwrap().linked);
    assert!(!desk.bus.emit("alarm", 3).unwrap().linked);
    assert!(desk.bus.emit("price:milk", 4).unwrap().linked);
    // The one of the other node may come before or between the own ones.
    let mut received = [(); 3].map(|()| payload(&mut at_desk).as_u64().unwrap());
    received.sort_unstable();
    assert_eq!(received, [1, 3, 4]);
    for expected in [1, 2, 4] {
        assert_eq!(payload(&mut at_till), expected);
    }
}

#[test]
fn patterns_that_subjects_lack_are_filtered() {
    let server = Server::start();
    let wide = |name: &str| {
        let link = tauri_plugin_event_bus_nats::Nats::connect(server.url());
        let link = link.app("shop").node(name).share("*:created");
        node_with(Builder::new(), link).connected()
    };
    let (a, b) = (wide("a"), wide("b"));
    let c = node(&server.url(), "c").connected();
    let mut at_b = b.bus.stream("*").unwrap();
    // Another share of another node comes through the wide subscription, too.
    c.bus.emit("order:changed", 1).unwrap();
    c.bus.emit("order:created", 2).unwrap();
    assert_eq!(payload(&mut at_b), 2);
    a.bus.emit("cart:changed", 3).unwrap();
    a.bus.emit("cart:created", 4).unwrap();
    assert_eq!(payload(&mut at_b), 4);
    assert_eq!(b.bus.link_status().unwrap().refused, 0);
}

#[test]
fn an_event_expires_on_its_way() {
    let server = Server::start();
    let [a, b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let mut at_b = b.bus.stream("order:*").unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let options = EmitOptions::new().expires(hour);
    a.bus.emit_with("order:offer", 1, options).unwrap();
    assert_eq!(payload(&mut at_b), 1);
}
