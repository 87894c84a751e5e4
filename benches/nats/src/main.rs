//! Events between two nodes over NATS, beside the NATS client alone, in one run: `cargo run --release -p nats-bench`.
//!
//! Each figure is the median of several rounds, which take turns.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures_util::StreamExt;
use tauri::App;
use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt, EventStream, Limits, StreamItem};
use tauri_plugin_event_bus_nats::Nats;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 5;
const EVENTS: usize = 200_000;
const PINGS: usize = 2_000;

/// A server that ends with this.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Outcome<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let mut child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port.to_string()])
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child.stderr.take().ok_or("the server has no log")?;
        let (sender, ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if line.contains("Server is ready") {
                    let _ = sender.send(());
                }
            }
        });
        ready.recv_timeout(Duration::from_secs(20))?;
        Ok(Self { child, port })
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An app that is a node.
struct Node {
    bus: EventBus,
    _app: App<MockRuntime>,
}

async fn node(server: &Server, name: &str) -> Outcome<Node> {
    let mut limits = Limits::default();
    limits.queue_events = 2 * EVENTS;
    limits.queue_bytes = 1 << 30;
    let link = Nats::connect(server.url())
        .app("bench")
        .node(name)
        .share("bench:*")
        .queue(2 * EVENTS, 1 << 30)
        .presence(false);
    let app = mock_builder()
        .plugin(Builder::new().limits(limits).link(link).build())
        .build(mock_context(noop_assets()))?;
    let bus = app.event_bus();
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

/// Events a second from one client to another.
async fn client_alone(from: &Client, to: &Client, payload: &str) -> Outcome<f64> {
    let mut received = to.subscribe("alone").await?;
    from.flush().await?;
    to.flush().await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    let own = from.clone();
    let payload = payload.to_owned();
    let sender = tokio::spawn(async move {
        for _ in 0..EVENTS {
            own.publish("alone", payload.clone().into()).await?;
        }
        own.flush().await?;
        Outcome::Ok(())
    });
    for _ in 0..EVENTS {
        received.next().await.ok_or("the subscription ended")?;
    }
    let took = start.elapsed();
    sender.await??;
    Ok(EVENTS as f64 / took.as_secs_f64())
}

/// Events a second from one node to another.
async fn nodes(from: &Node, to: &Node, payload: &str) -> Outcome<f64> {
    let mut received = to.bus.stream("bench:event")?;
    let start = Instant::now();
    let own = from.bus.clone();
    let payload = payload.to_owned();
    let sender = tokio::spawn(async move {
        for n in 0..EVENTS {
            own.emit("bench:event", &payload)?;
            if n % 256 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Outcome::Ok(())
    });
    for _ in 0..EVENTS {
        next(&mut received).await?;
    }
    let took = start.elapsed();
    sender.await??;
    Ok(EVENTS as f64 / took.as_secs_f64())
}

/// Microseconds from one client to another, and back, halved.
async fn client_latency(from: &Client, to: &Client) -> Outcome<f64> {
    let mut pings = to.subscribe("ping").await?;
    let mut pongs = from.subscribe("pong").await?;
    from.flush().await?;
    to.flush().await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let own = to.clone();
    let echo = tokio::spawn(async move {
        for _ in 0..PINGS {
            pings.next().await;
            own.publish("pong", "1".into()).await?;
        }
        Outcome::Ok(())
    });
    let start = Instant::now();
    for _ in 0..PINGS {
        from.publish("ping", "1".into()).await?;
        pongs.next().await.ok_or("the subscription ended")?;
    }
    let took = start.elapsed();
    echo.await??;
    Ok(took.as_secs_f64() * 1e6 / PINGS as f64)
}

/// Microseconds for an event to a node, and one back.
async fn node_latency(from: &EventBus, to: &EventBus) -> Outcome<f64> {
    let mut pings = to.stream("bench:ping")?;
    let mut pongs = from.stream("bench:pong")?;
    let own = to.clone();
    let echo = tokio::spawn(async move {
        for _ in 0..PINGS {
            next(&mut pings).await?;
            own.emit("bench:pong", 1)?;
        }
        Outcome::Ok(())
    });
    let start = Instant::now();
    for _ in 0..PINGS {
        from.emit("bench:ping", 1)?;
        next(&mut pongs).await?;
    }
    let took = start.elapsed();
    echo.await??;
    Ok(took.as_secs_f64() * 1e6 / PINGS as f64)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

async fn measure() -> Outcome {
    let server = Server::start()?;
    let from = async_nats::connect(server.url()).await?;
    let options = async_nats::ConnectOptions::new().subscription_capacity(2 * EVENTS);
    let to = options.connect(server.url()).await?;
    let (a, b) = (node(&server, "a").await?, node(&server, "b").await?);
    println!("| payload | client alone, events/s | nodes, events/s | ratio |");
    println!("|---|---|---|---|");
    for size in [16, 256, 1024] {
        let payload = "x".repeat(size);
        let json = format!("{payload:?}");
        let (mut alone, mut linked, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let own = client_alone(&from, &to, &json).await?;
            let with = nodes(&a, &b, &payload).await?;
            ratios.push(with / own);
            alone.push(own);
            linked.push(with);
        }
        println!(
            "| {size} bytes | {:.0} | {:.0} | {:.2} |",
            median(&mut alone),
            median(&mut linked),
            median(&mut ratios)
        );
    }
    let missing = b.bus.link_status().map(|link| link.missing);
    println!("lost on the way: {missing:?}");
    let (mut alone, mut local, mut linked) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(client_latency(&from, &to).await?);
        local.push(node_latency(&a.bus, &a.bus).await?);
        linked.push(node_latency(&a.bus, &b.bus).await?);
    }
    println!(
        "there and back: client alone {:.0} µs, within one app {:.0} µs, between two nodes {:.0} µs",
        median(&mut alone),
        median(&mut local),
        median(&mut linked)
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome {
    measure().await
}
