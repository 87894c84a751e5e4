//! From `emit` to the pull of a page.

mod batches;
mod evaluated;
mod payloads;
mod refusals;
mod targets;
