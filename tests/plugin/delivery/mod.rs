//! From `emit` to the pull of a page.

mod batches;
#[cfg(feature = "unstable")]
mod children;
mod evaluated;
mod late;
mod payloads;
mod refusals;
mod targets;
