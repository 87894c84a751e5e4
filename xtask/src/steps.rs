//! `test`, `check` and `codegen`: sequences of named steps.

use crate::{
    cross, docs, features, npm, oldest, packages,
    run::{Outcome, cargo, cargo_with, root, run, succeeds},
    system, tools, wasm,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

type Step = (&'static str, fn() -> Outcome);

const CHECK: &[Step] = &[
    ("Rust tools", rust_tools),
    ("Rust format", || cargo(&["fmt", "--all", "--check"])),
    ("npm packages", npm::install),
    ("system packages", system::for_building),
    (
        "guest package and pages, generated files up to date",
        || {
            fresh("api-iife.js", || {
                fresh("guest-rs/bus.js", || fresh("inspector/page", npm::build))
            })
        },
    ),
    ("Rust lints, permissions up to date", || {
        fresh("permissions", lint)
    }),
    ("TypeScript format, lints and types", npm::check),
];

const TEST: &[Step] = &[
    ("system packages for windows", system::for_windows),
    ("NATS server", system::for_links),
    ("Rust tests", || cargo(&["test", "--workspace"])),
    ("spans, metrics and the debug socket", observing),
    ("concurrent Rust under a model checker", model),
    ("pages and the host under four hundred seeds", simulation),
    ("TypeScript tests", || npm::script("test")),
    ("TypeScript type tests", || npm::script("test:types")),
    ("journeys in real windows", journeys),
    ("journeys of pages that are never called", journeys_by_pull),
    (
        "journeys of several webviews in one window",
        journeys_of_children,
    ),
    ("Chromium", system::for_chromium),
    ("journeys in Chromium", journeys_in_chromium),
    ("types for Windows", cross::one_target),
    ("types with the oldest Tauri", oldest::check),
    ("each feature apart", features::apart),
    ("documentation without warnings and dead links", docs::docs),
    ("npm packages as tools read them", || {
        npm::script("test:packages")
    }),
    ("packages in an app outside the workspace", packages::test),
];

/// What apps turn on to see the bus from outside, built once for both tests.
fn observing() -> Outcome {
    let features = ["--features", "debug-socket,metrics,tracing"];
    let tests = ["--test", "observed", "--test", "socket"];
    cargo(&[&["test"][..], &features, &tests].concat())
}

/// They take minutes, or their tools take minutes to install.
const LONG: &[Step] = &[
    (
        "pages and the host under four thousand seeds",
        long_simulation,
    ),
    (
        "all journeys of pages that are never called",
        all_journeys_by_pull,
    ),
    ("all journeys in Chromium", all_journeys_in_chromium),
    ("Rust frontends", wasm::test),
    ("licenses and sources of dependencies", tools::dependencies),
    ("spelling", tools::spelling),
];

const DOCS: &[Step] = &[
    ("npm packages", npm::install),
    ("system packages", system::for_building),
    ("guest package and pages", npm::build),
    ("documentation without warnings and dead links", docs::docs),
];

/// Needs the network and a browser. The type tests have a short form, without either.
const RUNNERS: &[Step] = &[
    ("system packages for a browser", system::for_chromium),
    ("test runners of apps", || npm::script("test:runners")),
];

const CODEGEN: &[Step] = &[
    ("npm packages", npm::install),
    ("system packages", system::for_building),
    ("api-iife.js, guest-rs/bus.js, inspector/page", || {
        npm::script("build")
    }),
    ("address of the repository", docs::copy_address),
    ("permissions", permissions),
    ("access granted by the permission sets", || {
        let test = ["test", "--test", "plugin", "access"];
        cargo_with(&test, &[("WRITE_SNAPSHOTS", "1")])
    }),
    ("both APIs, from docs/api.toml", || {
        let test = ["test", "--test", "plugin", "house::api"];
        cargo_with(&test, &[("WRITE_SNAPSHOTS", "1")])
    }),
    ("pages of the apps that have typed events", npm::build_pages),
    ("output of typed events", typed_events),
];

/// Checks what is fast: format, lints and types.
pub(crate) fn check() -> ExitCode {
    walk(CHECK.iter())
}

/// Runs everything; with options also what takes long, and the tests in the runners of apps.
pub(crate) fn test(options: &[&str]) -> ExitCode {
    let known = ["--long", "--runners"];
    if let Some(unknown) = options.iter().find(|option| !known.contains(option)) {
        eprintln!(
            "error: `test` has no option `{unknown}`; it takes {}",
            known.join(" and ")
        );
        return ExitCode::FAILURE;
    }
    let chosen = |option: &str, steps| {
        if options.contains(&option) {
            steps
        } else {
            &[][..]
        }
    };
    let more = chosen("--long", LONG)
        .iter()
        .chain(chosen("--runners", RUNNERS));
    walk(CHECK.iter().chain(TEST).chain(more))
}

/// Builds the documentation.
pub(crate) fn docs() -> ExitCode {
    walk(DOCS.iter())
}

/// Regenerates every generated file.
pub(crate) fn codegen() -> ExitCode {
    walk(CODEGEN.iter())
}

/// Runs steps until one fails, then prints the outcome of each. The last line is `N passed, N failed`.
fn walk(steps: impl Iterator<Item = &'static Step>) -> ExitCode {
    let mut report: Vec<(&str, Duration, bool)> = Vec::new();
    for (name, step) in steps {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = step();
        report.push((name, start.elapsed(), outcome.is_ok()));
        if let Err(message) = outcome {
            eprintln!("error: {message}");
            break;
        }
    }
    println!();
    for (name, duration, passed) in &report {
        let verdict = if *passed { "ok" } else { "FAILED" };
        println!("{verdict:<6} {name} ({:.1} s)", duration.as_secs_f64());
    }
    let passed = report.iter().filter(|(_, _, passed)| *passed).count();
    let failed = report.len() - passed;
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

/// Runs a step that regenerates files, and fails if that changes them.
fn fresh(path: &str, step: fn() -> Outcome) -> Outcome {
    let path = root().join(path);
    let before = contents(&path)?;
    step()?;
    if contents(&path)? == before {
        return Ok(());
    }
    Err(format!(
        "{} was stale; this run regenerated it, so review and commit it",
        path.display()
    ))
}

/// The files below a path, with their contents.
fn contents(path: &Path) -> Outcome<BTreeMap<PathBuf, Vec<u8>>> {
    let cannot_read = |error| format!("cannot read {}: {error}", path.display());
    if path.is_file() {
        let content = fs::read(path).map_err(cannot_read)?;
        return Ok([(path.to_owned(), content)].into());
    }
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(path).map_err(cannot_read)? {
        files.extend(contents(&entry.map_err(cannot_read)?.path())?);
    }
    Ok(files)
}

/// Installs what a minimal Rust lacks.
fn rust_tools() -> Outcome {
    for tool in ["fmt", "clippy"] {
        if !succeeds("cargo", &[tool, "--version"]) {
            return run("rustup", &["component", "add", "rustfmt", "clippy"]);
        }
    }
    Ok(())
}

/// Names the journeys and the model, because `--tests` skips them, as `cargo test` does.
fn lint() -> Outcome {
    let targets = [
        "--lib",
        "--bins",
        "--examples",
        "--tests",
        "--benches",
        "--test",
        "journeys",
        "--test",
        "model",
    ];
    cargo(
        &[
            &["clippy", "--workspace"],
            targets.as_slice(),
            &["--", "-D", "warnings"],
        ]
        .concat(),
    )
}

fn journeys() -> Outcome {
    journey_with("", &["rust_frontend::"], &[])
}

/// The shop and the app that moves over are apps for users, so they have only the runtime of users.
const NOT_IN_CHROMIUM: &[&str] = &["shop::", "both_builds::", "rust_frontend::"];

/// What the host decides, what the guest package does in the same way in each engine, and calls, of which Chromium has none.
const SAME_IN_CHROMIUM: &[&str] = &[
    "calls::",
    "components::",
    "moving::",
    "permissions::",
    "typed::",
];

fn journeys_in_chromium() -> Outcome {
    in_chromium(&[NOT_IN_CHROMIUM, SAME_IN_CHROMIUM].concat())
}

fn all_journeys_in_chromium() -> Outcome {
    in_chromium(NOT_IN_CHROMIUM)
}

fn in_chromium(skipped: &[&str]) -> Outcome {
    let mut test = vec!["test", "--workspace", "--test", "journeys", "--"];
    test.push("--test-threads=1");
    test.extend(skipped.iter().flat_map(|skipped| ["--skip", *skipped]));
    cargo_with(&test, &[("JOURNEYS_ENGINE", "chromium")])
}

/// What does not depend on how batches reach a page, and takes long.
const SAME_BY_PULL: &[&str] = &[
    "calls::",
    "moving::",
    "both_builds::",
    "shop::",
    "rust_frontend::",
];

/// On WebKitGTK the host calls pages. Elsewhere they pull, and so do these.
fn journeys_by_pull() -> Outcome {
    journey_with("", SAME_BY_PULL, PULL)
}

fn all_journeys_by_pull() -> Outcome {
    journey_with("", &["rust_frontend::"], PULL)
}

const PULL: &[(&str, &str)] = &[("E2E_CARRIER", "pull")];

/// Runs the journeys whose names contain this. Some of them drive the programs of other packages.
///
/// With `--workspace`, cargo selects the same features as for the other tests, and builds nothing twice.
pub(crate) fn journey(name: &str) -> Outcome {
    journey_with(name, &[], &[])
}

fn journey_with(name: &str, skipped: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let bins = ["shop", "moving_before", "moving_after"].map(|bin| ["--bin", bin]);
    let build = ["build", "--workspace", "--features", "shop/machines"];
    cargo(&[&build[..], bins.as_flattened()].concat())?;
    let mut journeys = vec!["test", "--workspace", "--test", "journeys", name];
    journeys.extend(["--", "--test-threads=1", "--skip", "chromium::"]);
    journeys.extend(skipped.iter().flat_map(|skipped| ["--skip", *skipped]));
    cargo_with(&journeys, environment)
}

/// They need Tauri's feature `unstable`. All other tests run without it, as most apps do.
fn journeys_of_children() -> Outcome {
    let test = ["test", "--workspace", "--features", "e2e/unstable"];
    let journeys = ["--test", "journeys", "children::", "--", "--test-threads=1"];
    for environment in [&[][..], &[("E2E_CARRIER", "pull")]] {
        cargo_with(&[&test[..], &journeys].concat(), environment)?;
    }
    Ok(())
}

/// The tests that compare these files regenerate stale ones and fail. So each of them gets a second try.
fn typed_events() -> Outcome {
    let tests: [&[&str]; 3] = [
        &["test", "--test", "plugin", "typed"],
        &["test", "--package", "playground"],
        &["test", "--package", "shop"],
    ];
    tests
        .iter()
        .try_for_each(|test| cargo(test).or_else(|_| cargo(test)))
}

fn model() -> Outcome {
    cargo(&["test", "--workspace", "--test", "model"])
}

/// More seeds, and others, than the Rust tests run.
fn simulation() -> Outcome {
    seeds("1000", "400")
}

fn long_simulation() -> Outcome {
    seeds("2000", "4000")
}

fn seeds(from: &str, runs: &str) -> Outcome {
    let test = ["test", "--workspace", "--test", "simulation", "seeds"];
    let seeds = [("SIMULATION_FROM", from), ("SIMULATION_RUNS", runs)];
    cargo_with(&test, &seeds)
}

fn permissions() -> Outcome {
    let generated = root().join("permissions/autogenerated");
    if generated.exists() {
        fs::remove_dir_all(&generated)
            .map_err(|error| format!("cannot remove {}: {error}", generated.display()))?;
    }
    cargo(&["build", "--package", "tauri-plugin-event-bus"])
}
