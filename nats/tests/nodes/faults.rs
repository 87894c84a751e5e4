//! Servers, nodes and networks that fail.

use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tauri_plugin_event_bus::{Builder, EventBus, EventStream, GapReason, StreamItem};
use tauri_plugin_event_bus_nats::ConnectOptions;

use crate::proxy::{Gate, Proxy};
use crate::support::{
    PATIENCE, Server, example, free_port, link, next, node, node_with, payload, roomy,
};

/// How many events a link takes at once.
const MOST_TAKEN: u64 = 256;

/// What has come of the numbers that a node emits.
#[derive(Default)]
struct Numbers {
    came: u64,
    /// How many gaps tell of.
    lost: u64,
    last: Option<u64>,
}

/// Reads the numbers of a node, in their order, until they are complete. Returns how many came, and how many are lost.
fn read(
    node: &str,
    stream: &mut EventStream,
    is_complete: impl Fn(&Numbers) -> bool,
) -> (u64, u64) {
    let mut numbers = Numbers::default();
    while !is_complete(&numbers) {
        match next(stream) {
            StreamItem::Gap(gap) => {
                assert_eq!(gap.reason, GapReason::LinkLost);
                numbers.lost += gap.count;
            }
            StreamItem::Event(event) if event.source().node() == Some(node) => {
                let number: u64 = event.payload().unwrap();
                let before = numbers.last.replace(number);
                assert!(before < Some(number), "{number} after {before:?}");
                numbers.came += 1;
            }
            StreamItem::Event(_) => {}
        }
    }
    (numbers.came, numbers.lost)
}

fn read_up_to(node: &str, stream: &mut EventStream, last: u64) -> (u64, u64) {
    read(node, stream, |numbers| numbers.last == Some(last))
}

/// Reads until so many have come or are lost.
fn read_all(node: &str, stream: &mut EventStream, total: u64) -> (u64, u64) {
    let (came, lost) = read(node, stream, |all| all.came + all.lost >= total);
    assert_eq!(came + lost, total);
    (came, lost)
}

#[test]
fn an_app_starts_without_a_server() {
    let port = free_port();
    let url = format!("nats://127.0.0.1:{port}");
    let mut alone = node(&url, "a");
    let mut own = alone.bus.stream("order:*").unwrap();
    let receipt = alone.bus.emit("order:created", 1).unwrap();
    assert!(receipt.linked && receipt.listeners == 1);
    assert_eq!(payload(&mut own), 1);
    let state = alone.wait_for(false);
    assert!(state["reason"].is_string(), "{state}");
    let status = alone.bus.link_status().unwrap();
    assert_eq!((status.connected, status.queued), (false, 1));
}

#[test]
fn a_server_that_is_killed_comes_back() {
    let mut server = Server::start();
    let [mut a, mut b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let mut at_b = b.bus.stream("order:*").unwrap();
    a.bus.emit("order:n", 1).unwrap();
    assert_eq!(payload(&mut at_b), 1);
    server.kill();
    a.wait_for(false);
    b.wait_for(false);
    for n in 2..=1000 {
        a.bus.emit("order:n", n).unwrap();
    }
    let begun = Instant::now();
    // Each of them waits, but for those that were being taken as the connection was lost.
    let queued = loop {
        let status = a.bus.link_status().unwrap();
        if status.sent + status.queued as u64 == 1000 {
            break status.queued as u64;
        }
        assert!(begun.elapsed() < PATIENCE, "{status:?}");
        std::thread::yield_now();
    };
    assert!(queued >= 999 - MOST_TAKEN, "{queued}");
    server.restart();
    a.wait_for(true);
    b.wait_for(true);
    a.bus.emit("order:n", 1001).unwrap();
    // What was sent before the other one was there is a gap.
    let (came, lost) = read_up_to("a", &mut at_b, 1001);
    assert_eq!(came + lost, 1000);
    assert_eq!(b.bus.link_status().unwrap().missing, lost);
}

#[test]
fn what_waits_too_long_is_a_gap_at_the_receivers() {
    let mut server = Server::start();
    let short = link(&server.url(), "a").queue(100, 1 << 20);
    let mut a = node_with(Builder::new(), short).connected();
    let mut b = node(&server.url(), "b").connected();
    let mut at_b = b.bus.stream("order:*").unwrap();
    a.bus.emit("order:n", 0).unwrap();
    assert_eq!(payload(&mut at_b), 0);
    server.kill();
    a.wait_for(false);
    b.wait_for(false);
    for n in 1..=500 {
        a.bus.emit("order:n", n).unwrap();
    }
    server.restart();
    a.wait_for(true);
    b.wait_for(true);
    a.bus.emit("order:n", 501).unwrap();
    let (came, lost) = read_up_to("a", &mut at_b, 501);
    assert_eq!(came + lost, 501);
    assert!(lost >= 400);
    // The last one may have come before the first of those that waited were taken.
    let dropped = a.bus.link_status().unwrap().dropped;
    assert!((400..=401).contains(&dropped), "{dropped}");
}

#[test]
fn the_end_of_a_burst_is_told_if_it_is_lost() {
    let mut server = Server::start();
    let [mut a, mut b] = ["a", "b"].map(|name| node(&server.url(), name).connected());
    let mut at_b = b.bus.stream("order:*").unwrap();
    a.bus.emit("order:n", 0).unwrap();
    assert_eq!(payload(&mut at_b), 0);
    server.kill();
    a.wait_for(false);
    b.wait_for(false);
    drop(a.bus.emit("order:n", 1));
    server.restart();
    a.wait_for(true);
    b.wait_for(true);
    // No event follows: either it comes, or its count does.
    match next(&mut at_b) {
        StreamItem::Event(event) => assert_eq!(event.payload::<u64>().unwrap(), 1),
        StreamItem::Gap(gap) => assert_eq!(gap.count, 1),
    }
}

#[test]
fn a_node_behind_a_stalled_proxy_goes_on() {
    let server = Server::start();
    let proxy = Proxy::to(server.port);
    let a = node(&server.url(), "a").connected();
    let mut b = node(&proxy.url(), "b").connected();
    let c = node(&server.url(), "c").connected();
    let (mut at_b, mut at_c) = (
        b.bus.stream("order:*").unwrap(),
        c.bus.stream("order:*").unwrap(),
    );
    a.bus.emit("order:n", 0).unwrap();
    assert_eq!(payload(&mut at_b), 0);
    proxy.stall();
    for n in 1..=1000 {
        a.bus.emit("order:n", n).unwrap();
        // Nothing of this waits for the network.
        b.bus.emit("order:own", n).unwrap();
    }
    // Others do not wait for it.
    assert_eq!(read_up_to("a", &mut at_c, 1000), (1001, 0));
    // The client finds out that its server is silent.
    b.wait_for(false);
    proxy.go_on();
    b.wait_for(true);
    a.bus.emit("order:n", 1001).unwrap();
    let (came, lost) = read_up_to("a", &mut at_b, 1001);
    assert_eq!(came + lost, 1001);
}

#[test]
fn a_stall_of_a_minute_is_survived() {
    // In shortened time: with forty times as many pings, a minute takes a second and a half.
    let ping = Duration::from_millis(250);
    let server = Server::start();
    let proxy = Proxy::to(server.port);
    let a = node_with(Builder::new().limits(roomy()), link(&server.url(), "a")).connected();
    let options = ConnectOptions::new().connection_timeout(ping);
    let stalled = link(&proxy.url(), "b").ping_interval(ping).options(options);
    let mut b = node_with(Builder::new().limits(roomy()), stalled).connected();
    let (mut at_a, mut at_b) = (
        a.bus.stream("order:n").unwrap(),
        b.bus.stream("order:n").unwrap(),
    );
    let emit = |b: &EventBus, numbers: std::ops::RangeInclusive<u64>| {
        for n in numbers {
            a.bus.emit("order:n", n).unwrap();
            b.emit("order:n", n).unwrap();
        }
    };
    emit(&b.bus, 1..=1);
    assert_eq!(read_up_to("a", &mut at_b, 1), (1, 0));
    assert_eq!(read_up_to("b", &mut at_a, 1), (1, 0));
    proxy.stall();
    emit(&b.bus, 2..=1000);
    b.wait_for(false);
    // Each attempt fails after its timeout.
    proxy.wait_for_attempts(6);
    emit(&b.bus, 1001..=2000);
    let status = b.bus.link_status().unwrap();
    assert!(!status.connected && status.queued >= 1000, "{status:?}");
    proxy.go_on();
    b.wait_for(true);
    emit(&b.bus, 2001..=2001);
    let (came, lost) = read_up_to("a", &mut at_b, 2001);
    assert_eq!(came + lost, 2000);
    let (came, lost) = read_up_to("b", &mut at_a, 2001);
    assert_eq!(came + lost, 2000);
    // What waited was sent after the stall.
    assert!(came >= 1000, "{came}");
}

#[test]
fn a_node_that_is_slow_slows_no_other() {
    const LAST: u64 = 30_000;
    let server = Server::start();
    let gate = Arc::<Gate>::default();
    let own = Arc::clone(&gate);
    let slow = Builder::new().limits(roomy()).before_emit(move |_, _| {
        // It waits on a worker of the runtime that the nodes of this test share.
        tokio::task::block_in_place(|| own.pass());
        Ok(())
    });
    let fast = || Builder::new().limits(roomy());
    let roomy_link = link(&server.url(), "a").queue(LAST as usize, 1 << 30);
    let a = node_with(fast(), roomy_link).connected();
    let b = node_with(fast(), link(&server.url(), "b")).connected();
    let c = node_with(slow, link(&server.url(), "c")).connected();
    let (mut at_b, mut at_c) = (
        b.bus.stream("order:*").unwrap(),
        c.bus.stream("order:*").unwrap(),
    );
    a.bus.emit("order:n", 0).unwrap();
    assert_eq!(read_up_to("a", &mut at_b, 0), (1, 0));
    assert_eq!(read_up_to("a", &mut at_c, 0), (1, 0));
    gate.set(true);
    for n in 1..=LAST {
        // Events of two names do not share a message, so that there are more than a client keeps.
        let name = ["order:n", "order:m"][(n % 2) as usize];
        a.bus.emit(name, n).unwrap();
    }
    let (came, _) = read_all("a", &mut at_b, LAST);
    assert!(came > 0);
    gate.set(false);
    let (came, lost) = read_all("a", &mut at_c, LAST);
    assert!(lost > 0 && came > 0, "{came} came, {lost} are lost");
}

/// A node in a process of its own, which emits numbers from this one on until it is killed.
pub(crate) fn start_node(server: &Server, first: u64) -> Child {
    Command::new(example("node"))
        .args([&server.url(), "a", &first.to_string()])
        .spawn()
        .unwrap()
}

#[test]
fn a_node_that_is_killed_leaves_the_others_whole() {
    const RUN: u64 = 1 << 32;
    let server = Server::start();
    let b = node_with(Builder::new().limits(roomy()), link(&server.url(), "b")).connected();
    let mut at_b = b.bus.stream("order:*").unwrap();
    let mut before = 0;
    for run in 1..=3 {
        let mut child = start_node(&server, run * RUN);
        // All of the run before comes first.
        let mut received = 0;
        while received < 300 {
            match next(&mut at_b) {
                StreamItem::Event(event) => {
                    let number: u64 = event.payload().unwrap();
                    assert!(before < number, "{number} after {before}");
                    received += u64::from(number / RUN == run);
                    before = number;
                }
                StreamItem::Gap(gap) => panic!("{gap:?}"),
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(b.bus.link_status().unwrap().refused, 0);
}
