//! Jobs of the host and of pages.

mod delayed;
mod lifecycle;
mod options;
mod owners;
mod sources;

use std::time::Duration;

const SHORT: Duration = Duration::from_millis(5);

/// Waits until the condition holds.
fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}
