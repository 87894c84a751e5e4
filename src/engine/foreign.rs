//! Dropping values of the app, waking it, and its panics.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Drops a value of the app, which may panic. Returns whether it did not.
pub(crate) fn drop_safely<T>(value: T) -> bool {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(value)));
    // A panic may carry a value that panics in its turn.
    dropped.map_err(std::mem::forget).is_ok()
}

/// Wakes a task of the app, whose executor may panic. Returns the text of that.
pub(crate) fn wake_safely(waker: Waker) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| waker.wake())).map_err(|panic| {
        let message = panic_message(&*panic).to_owned();
        drop_safely(panic);
        message
    })
}

/// The text of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
