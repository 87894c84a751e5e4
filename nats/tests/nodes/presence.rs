//! Which nodes are there.

use serde_json::json;
use tauri_plugin_event_bus::{Builder, StreamItem};

use crate::faults::start_node;
use crate::support::{Node, Server, link, next, node, node_with};

/// Waits until a node knows these others.
pub(crate) fn wait_for(node: &Node, expected: &[&str]) {
    let mut changes = node.bus.stream("event-bus:node-*").unwrap();
    loop {
        let status = node.bus.link_status().unwrap();
        println!("{status:?}");
        if status.nodes.is_some_and(|nodes| nodes == expected) {
            return;
        }
        next(&mut changes);
    }
}

#[test]
fn nodes_know_each_other() {
    let server = Server::start();
    let a = node(&server.url(), "a").connected();
    let mut joined = a.bus.stream("event-bus:node-joined").unwrap();
    let b = node(&server.url(), "b").connected();
    let StreamItem::Event(event) = next(&mut joined) else {
        panic!("a gap");
    };
    assert_eq!(
        event.payload::<serde_json::Value>().unwrap(),
        json!({ "node": "b" })
    );
    let c = node(&server.url(), "c").connected();
    wait_for(&a, &["b", "c"]);
    wait_for(&b, &["a", "c"]);
    wait_for(&c, &["a", "b"]);
}

#[test]
fn a_node_that_exits_has_left_at_once() {
    let server = Server::start();
    let a = node(&server.url(), "a").connected();
    let b = node(&server.url(), "b").connected();
    wait_for(&a, &["b"]);
    b.exit();
    wait_for(&a, &[]);
}

#[test]
fn without_a_server_nobody_is_there() {
    let mut server = Server::start();
    let [mut a, b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    wait_for(&a, &["b"]);
    server.kill();
    a.wait_for(false);
    wait_for(&a, &[]);
    server.restart();
    wait_for(&a, &["b"]);
    wait_for(&b, &["a"]);
}

#[test]
fn a_node_that_is_killed_has_left_by_its_silence() {
    let server = Server::start();
    let b = node(&server.url(), "b").connected();
    let mut child = start_node(&server, 1);
    wait_for(&b, &["a"]);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for(&b, &[]);
}

#[test]
fn after_a_restart_of_the_server_they_are_found_again() {
    let mut server = Server::start();
    let mut a = node(&server.url(), "a").connected();
    let b = node(&server.url(), "b").connected();
    wait_for(&a, &["b"]);
    server.kill();
    a.wait_for(false);
    server.restart();
    a.wait_for(true);
    let c = node(&server.url(), "c").connected();
    wait_for(&a, &["b", "c"]);
    wait_for(&c, &["a", "b"]);
    wait_for(&b, &["a", "c"]);
}

#[test]
fn without_jetstream_the_link_works_and_says_so() {
    let server = Server::without_jetstream();
    let a = node(&server.url(), "a").connected();
    let mut states = a.bus.stream("event-bus:link").unwrap();
    loop {
        let status = a.bus.link_status().unwrap();
        if let Some(reason) = status.reason {
            assert!(reason.contains("JetStream"), "{reason}");
            assert!(status.connected && status.nodes.is_none());
            break;
        }
        next(&mut states);
    }
    let off = node_with(Builder::new(), link(&server.url(), "b").presence(false)).connected();
    assert_eq!(off.bus.link_status().unwrap().reason, None);
}
