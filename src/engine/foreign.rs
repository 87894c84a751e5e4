//! Dropping values of the app, and its panics.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops a value of the app, which may panic.
pub(crate) fn drop_safely<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        log::error!("a captured value panicked while it was dropped");
    }
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
