//! From `emit` to the pull of a page.

mod batches;
mod evaluated;
mod refusals;
mod targets;
