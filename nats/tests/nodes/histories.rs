//! Many events from three nodes, while a server dies: each comes once, in order, or a gap counts it.
//!
//! `NATS_EVENTS=1000000` runs the long form.

use std::collections::HashMap;
use std::thread;

use tauri_plugin_event_bus::{Builder, EventBus, EventStream, StreamItem};

use crate::support::{Server, link, next, node_with, roomy};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// What one node has seen of the others.
#[derive(Default)]
struct History {
    /// The last number and how many came, by node.
    came: HashMap<String, (u64, u64)>,
    lost: u64,
}

/// Reads until the last number of each other node has come, or is lost. The last numbers are emitted until they come.
fn record(stream: &mut EventStream, others: usize, last: u64) -> History {
    let mut history = History::default();
    let mut ended = 0;
    while ended < others {
        match next(stream) {
            StreamItem::Gap(gap) => {
                assert!(!gap.at_most, "{gap:?}");
                history.lost += gap.count;
            }
            StreamItem::Event(event) => {
                let Some(node) = event.source().node() else {
                    continue;
                };
                let number: u64 = event.payload().unwrap();
                let own = history.came.entry(node.to_owned()).or_default();
                assert!(own.0 < number, "{node}: {number} after {}", own.0);
                *own = (number, own.1 + 1);
                ended += usize::from(number == last);
            }
        }
    }
    history
}

fn emit(bus: &EventBus, from: u64, to: u64) {
    for number in from..=to {
        bus.emit("order:n", number).unwrap();
    }
}

#[test]
fn histories_are_whole_or_say_what_they_lack() {
    let events: u64 = match std::env::var("NATS_EVENTS") {
        Ok(events) => events.parse().expect("NATS_EVENTS is a number"),
        Err(_) => 30_000,
    };
    let each = events / NAMES.len() as u64;
    let mut server = Server::start();
    let nodes = NAMES.map(|name| {
        let builder = Builder::new().limits(roomy());
        let link = link(&server.url(), name).queue(each as usize, 1 << 30);
        node_with(builder, link).connected()
    });
    let mut streams = nodes
        .each_ref()
        .map(|node| node.bus.stream("order:*").unwrap());
    // A count of each has come, so that what is lost from here on is owed.
    for node in &nodes {
        emit(&node.bus, 1, 1);
    }
    for stream in &mut streams {
        assert_eq!(record(stream, 2, 1).lost, 0);
    }
    let mut nodes = nodes;
    thread::scope(|scope| {
        let readers = streams.each_mut().map(|stream| {
            // The numbers go on from 1.
            scope.spawn(move || record(stream, 2, each))
        });
        let half = each / 2;
        thread::scope(|scope| {
            for node in &nodes {
                let bus = node.bus.clone();
                scope.spawn(move || emit(&bus, 2, half));
            }
        });
        server.kill();
        for node in &mut nodes {
            node.wait_for(false);
        }
        thread::scope(|scope| {
            for node in &nodes {
                let bus = node.bus.clone();
                scope.spawn(move || emit(&bus, half + 1, each - 1));
            }
        });
        server.restart();
        for node in &mut nodes {
            node.wait_for(true);
        }
        // All are there by now, so the last one comes.
        for node in &nodes {
            emit(&node.bus, each, each);
        }
        for reader in readers {
            let history = reader.join().unwrap();
            let came: u64 = history.came.values().map(|(_, came)| came).sum();
            assert_eq!(came + history.lost, 2 * (each - 1));
        }
    });
    let missing = nodes
        .each_ref()
        .map(|node| node.bus.link_status().unwrap().missing);
    println!("{events} events; missing by node: {missing:?}");
}
