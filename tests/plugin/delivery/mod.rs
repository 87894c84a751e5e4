//! From `emit` to the pull of a page.

mod batches;
mod late;
mod refusals;
mod targets;
