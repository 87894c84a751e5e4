//! How tasks end, once and for everybody.

use std::future::IntoFuture;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tauri::async_runtime::{self, block_on};
use tauri_plugin_event_bus::EventBusExt;
use tauri_plugin_event_bus::task::TaskContext;

use super::tasks::gated;
use crate::support::app;

/// An executor whose wakers panic.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("no executor");
    }
}

#[test]
fn a_waker_that_panics_holds_up_no_task() {
    let app = app();
    let bus = app.event_bus();
    let (gate, registration) = gated(&bus, "export");
    registration.concurrency(1).forget();
    let start = |key: &str| block_on(bus.start_task::<u32>("export", 1).key(key).into_future());
    let first = start("a").unwrap();
    let next = start("b").unwrap();
    let mut result = Box::pin(first.result());
    let waker = Waker::from(Arc::new(Panics));
    assert!(
        result
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    block_on(gate.send(())).unwrap();
    assert_eq!(block_on(result), Ok(1));
    block_on(gate.send(())).unwrap();
    assert_eq!(block_on(next.result()), Ok(1));
}

#[test]
fn a_forgotten_end_leaves_no_task_behind() {
    const RUNS: usize = 4_000;
    let app = app();
    let bus = app.event_bus();
    let run = |(): (), _: TaskContext| async { Ok(1) };
    let registration = bus.register_task("quick", run).unwrap();
    registration.keep(Duration::from_secs(3_600)).forget();
    for _ in 0..RUNS {
        let start = bus.start_task::<u32>("quick", ()).key("k");
        let task = block_on(start.into_future()).unwrap();
        assert_eq!(block_on(task.result()), Ok(1));
    }
    // Other tests have tasks of their own in this runtime.
    let metrics = async_runtime::handle().inner().metrics();
    while metrics.num_alive_tasks() > RUNS / 2 {
        std::thread::yield_now();
    }
}
