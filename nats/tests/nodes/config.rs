//! What a node takes from `tauri.conf.json`.

use serde_json::{Value, json};
use tauri_plugin_event_bus::Builder;
use tauri_plugin_event_bus_nats::Nats;

use crate::support::{Server, configured_node, link, node, node_with, payload};

#[test]
fn a_node_may_be_configured() {
    let server = Server::start();
    let config = json!({
        "servers": [server.url()], "node": "a", "app": "shop",
        "share": ["order:*"], "send": ["alarm"], "receive": ["price:*"], "presence": false,
    });
    let a = configured_node(Builder::new(), Nats::new(), config).unwrap();
    let a = a.connected();
    let b = link(&server.url(), "b").receive("alarm").send("price:*");
    let b = node_with(Builder::new(), b).connected();
    let (mut at_a, mut at_b) = (a.bus.stream("*").unwrap(), b.bus.stream("*").unwrap());
    a.bus.emit("order:n", 1).unwrap();
    assert_eq!(payload(&mut at_b), 1);
    a.bus.emit("alarm", 2).unwrap();
    assert_eq!(payload(&mut at_b), 2);
    b.bus.emit("price:milk", 3).unwrap();
    for expected in 1..=3 {
        assert_eq!(payload(&mut at_a), expected);
    }
    let status = a.bus.link_status().unwrap();
    assert_eq!((&*status.node, status.nodes), ("a", None));
}

#[test]
fn what_the_code_sets_counts_more() {
    let server = Server::start();
    let config = json!({
        "servers": ["nats://127.0.0.1:1"], "node": "other", "app": "other", "share": ["alarm"],
    });
    let a = link(&server.url(), "a");
    let a = configured_node(Builder::new(), a, config).unwrap();
    let a = a.connected();
    let b = node(&server.url(), "b").connected();
    let mut at_b = b.bus.stream("*").unwrap();
    // Shares of both are joined.
    assert!(a.bus.emit("alarm", 1).unwrap().linked);
    a.bus.emit("order:n", 2).unwrap();
    assert_eq!(payload(&mut at_b), 2);
    assert_eq!(a.bus.link_status().unwrap().node, "a");
}

#[test]
fn a_configuration_has_no_secrets() {
    let error = |config: Value| {
        let link = Nats::new().node("a").share("order:*");
        let refused = configured_node(Builder::new(), link, config).err();
        refused.unwrap().to_string()
    };
    let in_address = error(json!({ "servers": ["nats://app:top-secret@127.0.0.1:1"] }));
    assert!(in_address.contains("Nats::options"), "{in_address}");
    let unknown = error(json!({ "password": "top-secret" }));
    let wrong = error(json!({ "servers": "nats://app:top-secret@127.0.0.1:1" }));
    assert!(wrong.contains("expected a list of addresses"), "{wrong}");
    for text in [in_address, unknown, wrong] {
        assert!(!text.contains("secret"), "{text}");
    }
}
