//! Events between two nodes over NATS, beside the NATS client alone, in one run, and windows of two nodes beside windows of
//! one.
//!
//! ```text
//! nats-bench ──► nats-server
//!    │   clients, and nodes without windows, in this process
//!    └──► nats-bench window … (a Tauri app; prints how long a round trip takes)
//! ```
//!
//! Each figure of two ends is the median of several rounds, which take turns. `cargo xtask bench nats` runs it on a private display.

mod client;
mod nodes;
mod report;
mod server;
mod windows;

use std::error::Error;
use std::path::Path;

use report::{Latency, Report, Throughput, median};
use server::Server;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 5;
const EVENTS: usize = 204_800;
const ROUND_TRIPS: usize = 2_000;

/// How many events all nodes together emit, for how the cost grows.
const GROWTH_EVENTS: usize = 32_768;

/// How many of them are on their way at a time.
const GROWTH_TURN: usize = 2_048;

const NODES: [usize; 4] = [2, 4, 8, 16];

/// The lengths of the payloads, as text.
const SIZES: [usize; 3] = [16, 256, 1024];

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["window", role, server] => windows::serve(role, server),
        ["--out", _, "--docs", folder] => write(&run()?, Path::new(folder)),
        ["--throughput"] => {
            let rows = tokio::runtime::Runtime::new()?.block_on(measure_throughput())?;
            print!("{}", report::throughput_text(&rows));
            Ok(())
        }
        [] | ["--out", _] => {
            print!("{}", run()?.text());
            Ok(())
        }
        _ => Err("usage: nats-bench [--throughput | --out FOLDER [--docs FOLDER]]".into()),
    }
}

fn write(report: &Report, folder: &Path) -> Outcome {
    let text = report.text();
    print!("{text}");
    std::fs::write(folder.join("nats.md"), text)?;
    Ok(())
}

/// Windows run without this runtime.
fn run() -> Outcome<Report> {
    tokio::runtime::Runtime::new()?.block_on(measure())
}

/// Two clients, and two nodes.
async fn ends(server: &Server) -> Outcome<(client::Pair, nodes::Node, nodes::Node)> {
    Ok((
        client::pair(server).await?,
        nodes::node(server, "a").await?,
        nodes::node(server, "b").await?,
    ))
}

/// Throughput alone, which takes a few seconds.
async fn measure_throughput() -> Outcome<Vec<Throughput>> {
    let server = Server::start()?;
    let (clients, a, b) = ends(&server).await?;
    throughput(&clients, &a, &b).await
}

async fn throughput(
    clients: &client::Pair,
    a: &nodes::Node,
    b: &nodes::Node,
) -> Outcome<Vec<Throughput>> {
    let mut throughput = Vec::new();
    for size in SIZES {
        let payload = "x".repeat(size);
        let (mut alone, mut linked, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let own = client::throughput(clients, &payload).await?;
            let with = nodes::throughput(a, b, &payload).await?;
            ratios.push(with / own);
            alone.push(own);
            linked.push(with);
        }
        throughput.push(Throughput {
            size,
            alone: median(&mut alone),
            linked: median(&mut linked),
            ratio: median(&mut ratios),
        });
    }
    let missing = b.missing();
    if missing > 0 {
        return Err(format!("{missing} events are lost, so the figures do not count").into());
    }
    Ok(throughput)
}

async fn measure() -> Outcome<Report> {
    let server = Server::start()?;
    let (clients, a, b) = ends(&server).await?;
    let throughput = throughput(&clients, &a, &b).await?;
    let (mut alone, mut local, mut linked) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(client::round_trip(&clients).await?);
        local.push(nodes::local_round_trip(&a).await?);
        linked.push(nodes::round_trip(&a, &b).await?);
    }
    drop((a, b));
    let mut growth = Vec::new();
    for count in NODES {
        growth.push(nodes::growth(count).await?);
    }
    let (mut one_node, mut two_nodes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one_node.push(windows::round_trip(None)?);
        two_nodes.push(windows::round_trip(Some(&server))?);
    }
    Ok(Report {
        throughput,
        growth,
        alone: median(&mut alone),
        host: Latency {
            local: median(&mut local),
            linked: median(&mut linked),
        },
        windows: Latency {
            local: median(&mut one_node),
            linked: median(&mut two_nodes),
        },
    })
}
