//! What the concurrent parts are made of: locks, notifications, tasks and time.
//!
//! They come from here and from nowhere else, so that the model checker in `tests/model` can compile the same code with
//! its own in their place (docs/decisions/0007-a-model-checker.md).

use std::time::Instant;

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread::yield_now as yield_thread;
pub(crate) use tauri::async_runtime::spawn;
/// Whoever comes first gets it first.
pub(crate) use tokio::sync::Mutex as FairMutex;
pub(crate) use tokio::sync::Notify;
pub(crate) use tokio::task::yield_now;
/// The time by which tasks sleep. A test may have paused it.
pub(crate) use tokio::time::Instant as TaskInstant;
pub(crate) use tokio::time::sleep_until;

/// The time by which the hub reckons.
pub(crate) fn now() -> Instant {
    Instant::now()
}
