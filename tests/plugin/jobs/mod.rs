//! Job events, from Rust and from pages.

mod lifecycle;
mod options;
mod owners;
mod sources;

use std::time::Duration;

const SHORT: Duration = Duration::from_millis(5);

/// Waits until something is so.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}
