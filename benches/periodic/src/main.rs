//! What 10,000 periodic jobs at one second cost, beside as many tasks that sleep and emit, as CPU time of the whole process;
//! and how late the ticks of 100 jobs at 50 ms are accepted.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tauri::test::mock_builder;
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt, Limits};

const JOBS: usize = 10_000;
const SECOND: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(10);

fn main() {
    let mut limits = Limits::default();
    limits.periodic_jobs = JOBS;
    let app = mock_builder()
        .plugin(Builder::new().limits(limits).build())
        .build(fixture::context())
        .unwrap();
    let bus = app.event_bus();

    let idle = cpu_share();
    let jobs: Vec<_> = (0..JOBS)
        .map(|_| bus.periodic("x").every(SECOND).start().unwrap())
        .collect();
    let scheduled = cpu_share();
    drop(jobs);
    let tasks: Vec<_> = (0..JOBS).map(|_| tick_alone(bus.clone())).collect();
    let naive = cpu_share();
    for task in tasks {
        task.abort();
    }
    println!("CPU time, as a part of one core, over {MEASURED:?}:");
    for (what, share) in [
        ("idle", idle),
        ("10,000 jobs at 1 s", scheduled),
        ("10,000 tasks that sleep 1 s and emit", naive),
    ] {
        println!("  {what:<40} {:5.2} %", share * 100.0);
    }

    let mut late = lateness(&bus);
    late.sort();
    let at = |part: usize| late[(late.len() - 1) * part / 1000];
    println!(
        "lateness of {} ticks of 100 jobs at 50 ms: p50 {:?}, p99 {:?}, p99.9 {:?}, most {:?}",
        late.len(),
        at(500),
        at(990),
        at(999),
        at(1000)
    );
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

/// How much later than scheduled each tick was accepted.
fn lateness(bus: &EventBus) -> Vec<Duration> {
    let (sender, heard) = channel();
    let listener = bus.listen("exact", move |event| {
        if let Some(tick) = event.tick() {
            let late = event.timestamp().duration_since(tick.scheduled_at);
            sender.send(late.unwrap_or_default()).unwrap_or(());
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
    heard.into_iter().collect()
}
