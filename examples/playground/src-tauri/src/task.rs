//! Long work that reports its progress: how many primes can be found in four seconds?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tauri::{App, Manager, Runtime, State, Webview};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Error, EventBus, EventBusExt};

use crate::events::{Notice, TaskCancel, TaskProgress, TaskState};

const LENGTH: Duration = Duration::from_secs(4);
/// Work and rest alternate, so that the windows keep their share of the processor.
const WORK: Duration = Duration::from_millis(10);
const REST: Duration = Duration::from_millis(40);

/// The number of the latest run. A run stops once there is a later one.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<AtomicU64>);

impl Runs {
    fn begin(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn is_current(&self, run: u64) -> bool {
        self.0.load(Ordering::Relaxed) == run
    }
}

/// Lets any page cancel the work with an event.
pub(crate) fn start<R: Runtime>(app: &App<R>) -> Result<(), Error> {
    let runs = app.state::<Runs>().inner().clone();
    TaskCancel::listen(app, move |_| {
        runs.begin();
    })?
    .forget();
    Ok(())
}

#[tauri::command]
pub(crate) fn start_task<R: Runtime>(webview: Webview<R>, runs: State<'_, Runs>) {
    let bus = webview.app_handle().event_bus();
    let started_by = webview.label().to_owned();
    let runs = runs.inner().clone();
    let run = runs.begin();
    std::thread::spawn(move || {
        if let Err(error) = work(&bus, &runs, run, &started_by) {
            eprintln!("the task ended early: {error}");
        }
    });
}

fn work(bus: &EventBus, runs: &Runs, run: u64, started_by: &str) -> Result<(), Error> {
    let started = Instant::now();
    let mut found = vec![2];
    let mut candidate = 1;

    let report = |state: TaskState, found: &[u64]| {
        let percent = started.elapsed().as_millis() * 100 / LENGTH.as_millis();
        let progress = TaskProgress {
            percent: u64::try_from(percent).unwrap_or(100).min(100),
            state,
            primes: found.len(),
            largest: found.last().copied().unwrap_or_default(),
            started_by: started_by.to_owned(),
            run,
        };
        progress.emit(bus)
    };

    report(TaskState::Running, &found)?;
    while started.elapsed() < LENGTH {
        let resumed = Instant::now();
        while resumed.elapsed() < WORK {
            candidate += 2;
            if is_prime(candidate, &found) {
                found.push(candidate);
            }
        }
        if !runs.is_current(run) {
            report(TaskState::Cancelled, &found)?;
            return Ok(());
        }
        report(TaskState::Running, &found)?;
        std::thread::sleep(REST);
    }
    report(TaskState::Done, &found)?;
    let text = format!("Started by {started_by}, shown in every window.");
    let notice = Notice {
        title: "Long task done".to_owned(),
        text: Some(text),
    };
    notice.emit(bus)?;
    Ok(())
}

/// Trial division by the primes that were found before.
fn is_prime(candidate: u64, smaller: &[u64]) -> bool {
    smaller
        .iter()
        .take_while(|prime| *prime * *prime <= candidate)
        .all(|prime| !candidate.is_multiple_of(*prime))
}
