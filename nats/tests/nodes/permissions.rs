//! The users of the guide, at a real server.

use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::{Builder, StreamItem, Target};
use tauri_plugin_event_bus_nats::{ConnectOptions, Nats};

use crate::presence::wait_for;
use crate::support::{Node, Server, next, node_with, payload, wait};

const GUIDE: &str = include_str!("../../../docs/many-machines.md");

const NODES: [&str; 2] = ["till-4", "till-5"];

/// The users in the guide: the first without presence, the second with it.
fn users() -> Vec<&'static str> {
    let blocks = GUIDE.split("```text\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    blocks
        .filter(|block| block.starts_with("{ user: till-4"))
        .collect()
}

/// A server with this user for each node.
fn server(user: &str) -> Server {
    let other = user.replace("till-4", "till-5").replace("TILL_4", "TILL_5");
    let config = format!("authorization {{ users: [\n{user}\n{other}\n] }}\n");
    let passwords = [("TILL_4", "secret-4"), ("TILL_5", "secret-5")];
    Server::configured(&config, &passwords)
}

fn link(server: &Server, user: &str, node: &str) -> Nats {
    let password = user.replace("till", "secret");
    let options = ConnectOptions::new().user_and_password(user.into(), password);
    Nats::connect(server.url())
        .app("com.example.shop")
        .node(node)
        .share("order:*")
        .options(options)
}

/// Events for all and for one, and a request, between two nodes.
fn exchange([a, b]: [&Node; 2]) {
    let mut at_b = b.bus.stream("order:*").unwrap();
    a.bus.emit("order:n", 1).unwrap();
    assert_eq!(payload(&mut at_b), 1);
    a.bus.emit_to(Target::node("till-5"), "order:m", 2).unwrap();
    assert_eq!(payload(&mut at_b), 2);
    let responder = b
        .bus
        .respond("order:double", |n: u32| async move { Ok(2 * n) });
    let _responder = responder.unwrap();
    for n in 0..3 {
        let request = a
            .bus
            .request::<u32>(Target::node("till-5"), "order:double", n);
        assert_eq!(wait(request).unwrap(), 2 * n);
    }
    for node in [a, b] {
        let status = node.bus.link_status().unwrap();
        assert_eq!((status.refused, status.missing), (0, 0));
        let shown = serde_json::to_string(&node.bus.inspect()).unwrap();
        assert!(!shown.contains("secret"), "{shown}");
    }
}

#[test]
fn the_users_of_the_guide_exchange_events() {
    let server = server(users()[0]);
    let nodes = NODES.map(|name| {
        let link = link(&server, name, name).presence(false);
        node_with(Builder::new(), link).connected()
    });
    exchange(nodes.each_ref());
    for node in &nodes {
        assert_eq!(node.bus.link_status().unwrap().reason, None);
    }
}

#[test]
fn the_users_of_the_guide_know_each_other() {
    let server = server(users()[1]);
    let nodes = NODES.map(|name| {
        let link = link(&server, name, name);
        node_with(Builder::new(), link).connected()
    });
    exchange(nodes.each_ref());
    let [a, b] = nodes;
    wait_for(&a, &["till-5"]);
    wait_for(&b, &["till-4"]);
    for node in [&a, &b] {
        assert_eq!(node.bus.link_status().unwrap().reason, None);
    }
    b.exit();
    wait_for(&a, &[]);
}

#[test]
fn a_user_is_bound_to_its_node() {
    let server = server(users()[1]);
    let b = node_with(Builder::new(), link(&server, "till-5", "till-5")).connected();
    // It cannot even begin.
    let mut forged = node_with(Builder::new(), link(&server, "till-4", "till-6"));
    let state = forged.wait_for(false);
    assert!(state["reason"].is_string(), "{state}");
    // Nor can another program speak for a node, or take its key away.
    let mut at_b = b.bus.stream("event-bus:node-*").unwrap();
    let a = node_with(Builder::new(), link(&server, "till-4", "till-4")).connected();
    wait_for(&b, &["till-4"]);
    block_on(async {
        let options = ConnectOptions::new().user_and_password("till-4".into(), "secret-4".into());
        let client = options.connect(server.url()).await.unwrap();
        for subject in [
            "com-example-shop.till-5.event.order.n",
            "com-example-shop.till-6.event.order.n",
            "$KV.com-example-shop-nodes.till-5",
            "_INBOX.com-example-shop.till-5.x",
        ] {
            client.publish(subject, "x".into()).await.unwrap();
        }
        client.flush().await.unwrap();
    });
    a.exit();
    wait_for(&b, &[]);
    assert_eq!(b.bus.link_status().unwrap().refused, 0);
    let changes = [next(&mut at_b), next(&mut at_b)].map(|change| match change {
        StreamItem::Event(event) => event.name().to_owned(),
        StreamItem::Gap(gap) => panic!("{gap:?}"),
    });
    assert_eq!(changes, ["event-bus:node-joined", "event-bus:node-left"]);
}
