//! Dropping values of the app, and its panics.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops a value of the app, which may panic. Returns whether it did not.
pub(crate) fn drop_safely<T>(value: T) -> bool {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(value)));
    // A panic may carry a value that panics in its turn.
    dropped.map_err(std::mem::forget).is_ok()
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
