//! Nodes without windows.

use std::sync::Arc;
use std::time::Instant;

use tauri::App;
use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt, EventStream, StreamItem};
use tauri_plugin_event_bus_nats::Nats;

use tokio::sync::Semaphore;

use crate::report::Growth;
use crate::server::Server;
use crate::{EVENTS, GROWTH_EVENTS, GROWTH_TURN, Outcome, ROUND_TRIPS};

/// How many events are on their way at a time: what the queues have room for by default.
const ON_THE_WAY: usize = 8 * 1024;

/// How many events are emitted at a time.
const TURN: usize = 256;

/// An app that is a node.
pub(crate) struct Node {
    bus: EventBus,
    _app: App<MockRuntime>,
}

impl Node {
    /// How many events were lost on their way to this node.
    pub(crate) fn missing(&self) -> u64 {
        self.bus.link_status().map_or(0, |link| link.missing)
    }
}

pub(crate) async fn node(server: &Server, name: &str) -> Outcome<Node> {
    let link = Nats::connect(server.url())
        .app("bench")
        .node(name)
        .share("bench:*")
        .presence(false);
    let app = mock_builder()
        .plugin(Builder::new().link(link).build())
        .build(mock_context(noop_assets()))?;
    let bus = app.event_bus().clone();
    let mut states = bus.stream("event-bus:link")?;
    while !bus.link_status().is_some_and(|link| link.connected) {
        states.recv().await;
    }
    Ok(Node { bus, _app: app })
}

async fn next(stream: &mut EventStream) -> Outcome {
    match stream.recv().await {
        Some(StreamItem::Event(_)) => Ok(()),
        other => Err(format!("no event: {other:?}").into()),
    }
}

/// Events a second.
pub(crate) async fn throughput(from: &Node, to: &Node, payload: &str) -> Outcome<f64> {
    let mut received = to.bus.stream("bench:event")?;
    let start = Instant::now();
    let (own, payload) = (from.bus.clone(), payload.to_owned());
    // `emit` does not wait, and what no queue has room for would be dropped.
    let room = Arc::new(Semaphore::new(ON_THE_WAY));
    let taken = Arc::clone(&room);
    let sender = tokio::spawn(async move {
        for _ in 0..EVENTS / TURN {
            taken.acquire_many(TURN as u32).await?.forget();
            for _ in 0..TURN {
                own.emit("bench:event", &payload)?;
            }
            tokio::task::yield_now().await;
        }
        Outcome::Ok(())
    });
    for _ in 0..EVENTS / TURN {
        for _ in 0..TURN {
            next(&mut received).await?;
        }
        room.add_permits(TURN);
    }
    let took = start.elapsed();
    sender.await??;
    Ok(EVENTS as f64 / took.as_secs_f64())
}

/// So many nodes share what each of them emits. Returns deliveries a second, and the time of the server for each.
pub(crate) async fn growth(count: usize) -> Outcome<Growth> {
    // One of their own, since the nodes of the last measurement have the same names and end with this process.
    let server = Server::start()?;
    let mut nodes = Vec::new();
    for number in 0..count {
        nodes.push(node(&server, &format!("node-{number}")).await?);
    }
    let mut streams = Vec::new();
    for node in &nodes {
        streams.push(node.bus.stream("bench:grow:*")?);
    }
    let (turns, each) = (GROWTH_EVENTS / GROWTH_TURN, GROWTH_TURN / count);
    let (start, cpu) = (Instant::now(), server.cpu_time()?);
    // All nodes share these cores, so a client would drop what it has no time to read.
    for _ in 0..turns {
        for node in &nodes {
            for n in 0..each {
                // Two names, so that each event is a message.
                node.bus.emit(["bench:grow:a", "bench:grow:b"][n % 2], n)?;
            }
        }
        for stream in &mut streams {
            for _ in 0..count * each {
                next(stream).await?;
            }
        }
    }
    let took = start.elapsed();
    let deliveries = (turns * count * (count - 1) * each) as f64;
    Ok(Growth {
        nodes: count,
        deliveries: deliveries / took.as_secs_f64(),
        server: (server.cpu_time()? - cpu) / deliveries,
    })
}

/// Microseconds for an event to a node, and one back.
pub(crate) async fn round_trip(from: &Node, to: &Node) -> Outcome<f64> {
    round_trip_of(["bench:ping", "bench:pong"], from, to).await
}

/// The same within one node. No link shares these names: what it would send would still be on its way in the next
/// measurement.
pub(crate) async fn local_round_trip(node: &Node) -> Outcome<f64> {
    round_trip_of(["local:ping", "local:pong"], node, node).await
}

async fn round_trip_of([ping, pong]: [&'static str; 2], from: &Node, to: &Node) -> Outcome<f64> {
    let mut pings = to.bus.stream(ping)?;
    let mut pongs = from.bus.stream(pong)?;
    let own = to.bus.clone();
    let echo = tokio::spawn(async move {
        for _ in 0..ROUND_TRIPS {
            next(&mut pings).await?;
            own.emit(pong, 1)?;
        }
        Outcome::Ok(())
    });
    let start = Instant::now();
    for _ in 0..ROUND_TRIPS {
        from.bus.emit(ping, 1)?;
        next(&mut pongs).await?;
    }
    let took = start.elapsed();
    echo.await??;
    Ok(took.as_secs_f64() * 1e6 / ROUND_TRIPS as f64)
}
