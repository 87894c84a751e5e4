//! Puts mixed load on real windows for as long as you like, and checks that nothing is lost and nothing grows.
//!
//! ```text
//! soak (plans rounds, checks every one) ──► soak app (a Tauri app; does one order after the other)
//!    a line a minute, a plot            ◄── what each page, listener and stream received
//! ```
//!
//! All load comes from the first process, in small rounds. While it is stopped, the app is idle.
//! `cargo xtask soak` runs it on a private display.

mod actions;
mod app;
mod closings;
mod driver;
mod growth;
mod hand;
mod ledger;
mod minutes;
mod orders;
mod plot;
mod processes;
mod random;
mod report;
mod reports;
mod rounds;
mod tally;
mod windows;

use anyhow::Result;
use std::{env, process::ExitCode};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["app", carrier] => app::serve(*carrier == "pull"),
        ["closings", plugin] => closings::serve(*plugin == "with"),
        options => driver::run(&driver::Options::parse(options)?),
    }
}
