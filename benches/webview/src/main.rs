//! Compares how events reach pages: Tauri's `emit`, its `Channel`, a WebSocket, the plugin, and the limit ([`limit`]). In
//! WebKitGTK, or in Chromium with the runtime of the journeys.
//!
//! ```text
//! benchmark (plans, repeats, compares) ──► benchmark app (a Tauri app; a new one for each round)
//!    table, results.json, results.svg  ◄── one line of JSON for each measurement
//! ```
//!
//! `cargo xtask bench` runs it on a private display.

mod app;
mod engine;
mod limit;
mod measure;
mod methods;
mod micro;
mod pages;
mod plan;
mod plot;
mod processes;
mod report;
mod results;
mod round_trips;
mod run;
mod streams;
mod taps;
mod websocket;
mod workers;

use anyhow::Result;
use std::env;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["app", engine] => app::serve(plan::engine(engine)?),
        options => run::run(&plan::Options::parse(options)?),
    }
}
