//! From `emit` to the pull of a page.

mod batches;
#[cfg(feature = "unstable")]
mod children;
mod late;
mod refusals;
mod targets;
