//! Runs the scenarios, round by round, and collects the measurements of the app.

use crate::{
    measure::Sample,
    plan::{Engine, Method, Options, Scenario, Task},
    report,
    results::{Measurement, Results},
};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

/// How many apps a list of tasks may need. WebKit may end an app; the remaining tasks then run in another one.
const MAX_APPS: usize = 3;

/// No renderer is ready in advance, so that each one ends with its windows. The first feature is that of the runtime, since
/// Chromium reads only the last such argument.
const ONLY_RENDERERS_WITH_PAGES: &str =
    "--disable-features=IsolateSandboxedIframes,SpareRendererForSitePerProcess";

/// One line of the app.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Sample(Box<Sample>),
    Error(String),
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    let mut results = Results::default();
    let engine = options.engine;
    let [idle, micro] = [Scenario::Idle, Scenario::Micro];
    let of_memory = [Scenario::SmallMemory, Scenario::LargeMemory];
    let alone = [idle, micro, of_memory[0], of_memory[1]];
    let side_by_side = Scenario::ALL
        .into_iter()
        .filter(|scenario| !alone.contains(scenario) && options.includes(*scenario));
    let side_by_side: Vec<_> = side_by_side.collect();

    for round in 0..options.rounds {
        for scenario in &side_by_side {
            eprintln!(
                "{:>5.0} s  {}, round {} of {}",
                start.elapsed().as_secs_f64(),
                scenario.key(),
                round + 1,
                options.rounds
            );
            let mut tasks = options.tasks(*scenario);
            // Each round begins with another method.
            let by = round % tasks.len();
            tasks.rotate_left(by);
            results.add(round, measure(engine, tasks)?);
        }
    }
    for scenario in of_memory {
        for task in options
            .includes(scenario)
            .then(|| options.tasks(scenario))
            .into_iter()
            .flatten()
        {
            announce(start, &format!("{}, {}", scenario.key(), task.1.title()));
            results.add(0, measure(engine, vec![task])?);
        }
    }
    if options.includes(idle) {
        announce(start, idle.key());
        for measurements in at_once(engine, options.tasks(idle))? {
            results.add(0, measurements);
        }
    }
    if options.includes(micro) {
        announce(start, micro.key());
        results.add(0, measure(engine, options.tasks(micro))?);
    }
    announce(start, "done");
    report::write(&results, options)
}

fn announce(start: Instant, what: &str) {
    eprintln!("{:>5.0} s  {what}", start.elapsed().as_secs_f64());
}

type Planned = (String, Method, Task);

/// Measures in apps that run at the same time. Only for idle apps.
fn at_once(engine: Engine, tasks: Vec<Planned>) -> Result<Vec<Vec<Measurement>>> {
    thread::scope(|scope| {
        let running: Vec<_> = tasks
            .into_iter()
            .map(|task| scope.spawn(move || measure(engine, vec![task])))
            .collect();
        running
            .into_iter()
            .map(|one| match one.join() {
                Ok(measured) => measured,
                Err(_) => bail!("a thread panicked"),
            })
            .collect()
    })
}

/// Measures one task after the other in one app. If the app ends early, another one continues.
fn measure(engine: Engine, tasks: Vec<Planned>) -> Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    let mut left = tasks.as_slice();
    for _ in 0..MAX_APPS {
        let done = measure_some(engine, left, &mut measurements)?;
        left = left.get(done..).unwrap_or_default();
        if left.is_empty() {
            return Ok(measurements);
        }
        eprintln!(
            "error: the app ended during {}, {}",
            left[0].0,
            left[0].1.title()
        );
    }
    bail!("the app ended {MAX_APPS} times")
}

/// Measures until all tasks are done or the app ends. Returns the number of finished tasks.
fn measure_some(
    engine: Engine,
    tasks: &[Planned],
    measurements: &mut Vec<Measurement>,
) -> Result<usize> {
    let mut app = App(Command::new(env::current_exe()?)
        .env("CHROMIUM_ARGUMENTS", ONLY_RENDERERS_WITH_PAGES)
        .args(["app", engine.key()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the app does not start")?);
    let plan: Vec<&Task> = tasks.iter().map(|(_, _, task)| task).collect();
    let mut stdin = app.0.stdin.take().context("no standard input")?;
    stdin.write_all(serde_json::to_string(&plan)?.as_bytes())?;
    drop(stdin);
    let stdout = app.0.stdout.take().context("no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    for (done, (title, method, _)) in tasks.iter().enumerate() {
        let Some(line) = lines.next().transpose()? else {
            return Ok(done);
        };
        match serde_json::from_str(&line)? {
            Line::Sample(sample) => measurements.push(Measurement {
                scenario: title.clone(),
                method: *method,
                round: 0,
                sample: *sample,
            }),
            // The other results are still useful.
            Line::Error(error) => eprintln!("error: {title}, {}: {error}", method.title()),
        }
    }
    app.0.wait()?;
    Ok(tasks.len())
}

/// An app that ends with its owner.
struct App(Child);

impl Drop for App {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
