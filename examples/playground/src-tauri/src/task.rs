//! Long work that tells its progress: how many primes can be found in four seconds?
//!
//! It is a task of the app: a window that reloads finds it again, and any window may follow or cancel it.

use std::time::{Duration, Instant};

use serde::Serialize;
use tauri::async_runtime::spawn_blocking;
use tauri_plugin_event_bus::request::ResponderResult;
use tauri_plugin_event_bus::task::TaskContext;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Endpoint, Error, EventBus};

use crate::events::{Notice, TaskStarted};

const LENGTH: Duration = Duration::from_secs(4);
/// Work and rest alternate, so that the windows keep their share of the processor.
const WORK: Duration = Duration::from_millis(10);
const REST: Duration = Duration::from_millis(40);

/// What it has found: its progress, and its result.
#[derive(Serialize)]
struct Found {
    primes: usize,
    /// The largest of them.
    largest: u64,
}

/// Lets any window start it.
pub(crate) fn register(bus: &EventBus) -> Result<(), Error> {
    let own = bus.clone();
    let primes = move |(): (), task: TaskContext| {
        let bus = own.clone();
        async move {
            let key = task.key().to_owned();
            TaskStarted { key }.emit(&bus)?;
            // It keeps a thread busy, so it looks whether it is cancelled.
            spawn_blocking(move || search(&bus, &task)).await?
        }
    };
    bus.register_task("primes", primes)?.forget();
    Ok(())
}

fn search(bus: &EventBus, task: &TaskContext) -> ResponderResult<Found> {
    let started = Instant::now();
    let mut primes = vec![2];
    let mut candidate = 1;
    let found = |primes: &[u64]| Found {
        primes: primes.len(),
        largest: primes.last().copied().unwrap_or_default(),
    };
    while started.elapsed() < LENGTH {
        let resumed = Instant::now();
        while resumed.elapsed() < WORK {
            candidate += 2;
            if is_prime(candidate, &primes) {
                primes.push(candidate);
            }
        }
        let fraction = started.elapsed().as_secs_f64() / LENGTH.as_secs_f64();
        task.progress(fraction.min(1.0), found(&primes))?;
        if task.is_cancelled() {
            return Err("it was cancelled".into());
        }
        std::thread::sleep(REST);
    }
    let starter = match task.started_by() {
        Endpoint::Webview(label) => label,
        _ => "Rust",
    };
    let notice = Notice {
        title: "Long task done".to_owned(),
        text: Some(format!("Started by {starter}, shown in every window.")),
    };
    notice.emit(bus)?;
    Ok(found(&primes))
}

/// Trial division by the primes that were found before.
fn is_prime(candidate: u64, smaller: &[u64]) -> bool {
    smaller
        .iter()
        .take_while(|prime| *prime * *prime <= candidate)
        .all(|prime| !candidate.is_multiple_of(*prime))
}
