//! The repository's own commands. `cargo xtask` lists them.

mod bench;
mod demo;
mod npm;
mod packages;
mod run;
mod steps;
mod system;

use run::Outcome;
use std::{env, process::ExitCode};

const HELP: &str = "\
Commands of this repository, from a fresh clone:

  cargo xtask demo      build the playground and open it
      --headless        drive it on a private display, print what each window
                        received and save a picture (also without a display)
      --light, --dark   the colours of the windows
      --picture <file>  where the picture goes (target/demo/playground.png)
  cargo xtask demo shop the same with the shop; of the options, --headless alone,
                        and the picture is target/demo/shop.png
  cargo xtask test      everything: check, Rust tests, TypeScript tests, type
                        tests, journeys in real windows, packages
  cargo xtask check     format, lints and types
  cargo xtask bench     compare with Tauri's own events, channels and a WebSocket
                        in one run: a table, and target/bench/results.json, .svg
      --quick           fewer rounds, about two minutes
      --long            two million small events instead of 500,000
      --only <scenario> one of flood, eight-windows, page-to-page, latency,
                        payloads, round-trips, small-memory, large-memory, idle,
                        micro; may be given several times
      --rounds <number> how often each way is measured
      --write-docs      copies the result into docs/benchmarks/
  cargo xtask codegen   write every generated file anew
  cargo xtask help      this text

Each command first installs what it needs: Debian packages (named before they
are installed) and npm packages.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["demo", options @ ..] => conclude(demo::demo(options)),
        ["bench", options @ ..] => conclude(bench::bench(options)),
        ["test"] => steps::test(),
        ["check"] => steps::check(),
        ["codegen"] => steps::codegen(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        unknown => conclude(Err(format!(
            "unknown command `{}`\n\n{HELP}",
            unknown.join(" ")
        ))),
    }
}

fn conclude(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
