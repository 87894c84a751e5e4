//! From `emit` to the pull of a page.

mod batches;
mod refusals;
mod targets;
