//! Measures the CPU time of 10,000 jobs at one second, with a fixed payload and with one that is made at each tick,
//! beside as many tasks that sleep and emit; and how far from their scheduled time the ticks of 100 jobs at 50 ms are
//! accepted. Fails if a goal is missed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::convert::Infallible;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tauri::test::mock_builder;
use tauri_plugin_event_bus::periodic::{JobBuilder, SourceCall};
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt, Limits};

const JOBS: usize = 10_000;
const SECOND: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(10);
const MAX_ERROR: Duration = Duration::from_millis(2);

fn main() {
    let mut limits = Limits::default();
    limits.jobs = JOBS;
    let builder = Builder::new()
        .limits(limits)
        .job_source("now", |_: &SourceCall| Ok::<_, Infallible>(1))
        .job_source_async("later", async |_: SourceCall| Ok::<_, Infallible>(1));
    let app = mock_builder()
        .plugin(builder.build())
        .build(fixture::context())
        .unwrap();
    let bus = app.event_bus();

    let idle = cpu_share();
    let fixed = cpu_share_of(|| bus.periodic("x"));
    let made = cpu_share_of(|| bus.periodic("x").source("now", ()));
    let made_async = cpu_share_of(|| bus.periodic("x").source("later", ()));
    let tasks: Vec<_> = (0..JOBS).map(|_| tick_alone(bus.clone())).collect();
    let naive = cpu_share();
    for task in tasks {
        task.abort();
    }
    println!("CPU time, as a share of one core, over {MEASURED:?}:");
    for (what, share) in [
        ("idle", idle),
        ("10,000 jobs at 1 s, fixed payload", fixed),
        ("10,000 jobs at 1 s, payload made on a thread", made),
        ("10,000 jobs at 1 s, payload made async", made_async),
        ("10,000 tasks that sleep 1 s and emit", naive),
    ] {
        println!("  {what:<46} {:5.2} %", share * 100.0);
    }

    let mut errors = timing_errors(&bus);
    errors.sort();
    let at = |permille: usize| errors[(errors.len() - 1) * permille / 1000];
    println!(
        "timing error of {} ticks of 100 jobs at 50 ms: p50 {:?}, p99 {:?}, p99.9 {:?}, max {:?}",
        errors.len(),
        at(500),
        at(990),
        at(999),
        at(1000)
    );
    let mut is_met = true;
    for (goal, met) in [
        ("10,000 jobs use at most 5 % of one core", fixed <= 0.05),
        (
            "99 % of ticks arrive within 2 ms of their time",
            at(990) <= MAX_ERROR,
        ),
    ] {
        println!("{}: {goal}", if met { "met" } else { "MISSED" });
        is_met &= met;
    }
    if !is_met {
        std::process::exit(1);
    }
}

fn cpu_share_of(job: impl Fn() -> JobBuilder) -> f64 {
    let jobs: Vec<_> = (0..JOBS)
        .map(|_| job().every(SECOND).start().unwrap())
        .collect();
    let share = cpu_share();
    drop(jobs);
    share
}

fn tick_alone(bus: EventBus) -> tauri::async_runtime::JoinHandle<()> {
    tauri::async_runtime::spawn(async move {
        loop {
            tokio::time::sleep(SECOND).await;
            bus.emit("x", ()).unwrap();
        }
    })
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap()
}

fn cpu_share() -> f64 {
    sleep(2 * SECOND);
    let (start, before) = (Instant::now(), cpu_time());
    sleep(MEASURED);
    (cpu_time() - before).as_secs_f64() / start.elapsed().as_secs_f64()
}

/// How far from its scheduled time each tick was accepted.
fn timing_errors(bus: &EventBus) -> Vec<Duration> {
    let (sender, receiver) = channel();
    let listener = bus.listen("exact", move |event| {
        if let Some(tick) = event.tick() {
            let late = event.timestamp().duration_since(tick.scheduled_at);
            let error = late.unwrap_or_else(|early| early.duration());
            sender.send(error).unwrap_or(());
        }
    });
    let jobs: Vec<_> = (0..100)
        .map(|_| {
            bus.periodic("exact")
                .every(Duration::from_millis(50))
                .start()
                .unwrap()
        })
        .collect();
    sleep(MEASURED);
    drop(jobs);
    drop(listener);
    receiver.into_iter().collect()
}
