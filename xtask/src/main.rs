//! The commands of this repository. `cargo xtask` lists them.

mod bench;
mod cross;
mod demo;
mod docs;
mod features;
mod links;
mod npm;
mod oldest;
mod packages;
mod release;
mod run;
mod simulate;
mod steps;
mod system;
mod tools;
mod wasm;

use run::Outcome;
use std::{env, process::ExitCode};

const HELP: &str = "\
Commands of this repository. Each one works in a fresh clone.

  cargo xtask demo      build the playground and open it, with the inspector
      --headless        drive it on a private display, print what each window
                        received and save a picture; the default without a
                        display
      --chromium        drive it in Chromium, with the runtime of the journeys
      --light, --dark   set the colors of the windows
      --picture <file>  save the picture there, instead of
                        target/demo/playground.png
  cargo xtask demo shop build the shop and open it, with the inspector; takes
                        only --headless, and saves the picture to target/demo/shop.png
  cargo xtask test      run everything: the check, Rust tests, the model of the
                        concurrent code, the simulation, TypeScript tests, type
                        tests, journeys in real windows of WebKit and of
                        Chromium, each feature apart, documentation,
                        packages
      --long            also run more seeds and all journeys in both engines,
                        test Rust frontends, and check the licenses and sources of all dependencies,
                        and spelling
      --runners         also run the test bus in every test runner that apps
                        use, each installed from npm, and in Chromium
  cargo xtask check     check format, lints and types
  cargo xtask docs      build the documentation with warnings as errors, and
                        fail on a dead link
  cargo xtask cross     check the types of the plugin with each feature, of the
                        examples and of the benchmark for Windows, macOS, iOS
                        and Android; a warning is an error
      --quick           check only the plugin, with its default features and
                        for Windows; `cargo xtask test` does this, too
      --target <target> check this target; may be given several times
  cargo xtask oldest    run all Rust tests of the plugin with the oldest release
                        of Tauri that it takes; `cargo xtask test` only checks
                        their types
  cargo xtask wasm      test the crate for Rust frontends in WebAssembly, measure what it
                        adds to a page, and run the example in Leptos in real
                        windows; `cargo xtask test --long` does this, too
  cargo xtask bench     compare with Tauri's own events, channels and a WebSocket
                        in one run: a table, and target/bench/results.json, .svg
      --quick           run fewer rounds, about two minutes
      --engine <name>   webkit, the default, or chromium with the runtime of the
                        journeys: ratios instead of targets, without memory and
                        idle
      --long            send two million small events instead of 500,000
      --only <scenario> run one of flood, eight-windows, page-to-page, latency,
                        payloads, round-trips, streams, small-memory,
                        large-memory, idle, micro; may be given several times
      --rounds <number> set how often each alternative is measured
      --write-docs      copy the result to docs/benchmarks/
  cargo xtask bench nats
                        compare events between two nodes over NATS with the NATS
                        client alone, and windows of two nodes with those of one
      --write-docs      copy the result to docs/benchmarks/nats.md
  cargo xtask simulate  run pages and the host under other seeds, for ten minutes
      --minutes <number> run for so long
      --seeds <a>..<b>  run these seeds
      --seed <number>   replay one seed and print its history
  cargo xtask soak      put mixed load on real windows, and fail if an event is
                        lost or comes twice, or if anything grows: a line a
                        minute, and target/soak/soak.svg
      --minutes <n>     run that long; 120 by default
      --seed <number>   draw another sequence of actions
      --only <kind>     repeat only this kind of load, such as reloads or kills;
                        may be given several times
      --write-docs      copy the plot and the figures to docs/benchmarks/
  cargo xtask codegen   regenerate every generated file
  cargo xtask release --dry-run
                        pack the crates and the npm packages, run an app that
                        installs them, compare versions and changelog, and list
                        what a release still lacks
      --complete        fail if it lacks anything
  cargo xtask help      print this text

Each command first installs what it needs: npm packages and, on Debian and
Ubuntu, system packages. On a terminal it asks before it installs those.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["demo", options @ ..] => conclude(demo::demo(options)),
        ["bench", options @ ..] => conclude(bench::bench(options)),
        ["simulate", options @ ..] => conclude(simulate::simulate(options)),
        ["cross", options @ ..] => conclude(cross::cross(options)),
        ["soak", options @ ..] => conclude(bench::soak(options)),
        ["oldest"] => conclude(oldest::test()),
        ["wasm"] => conclude(wasm::wasm()),
        ["test", options @ ..] => steps::test(options),
        ["docs"] => steps::docs(),
        ["release", options @ ..] => conclude(release::release(options)),
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
