//! Periodic jobs: events that the plugin emits by itself, at a fixed rate.

pub(crate) mod job;
pub(crate) mod jobs;
mod ledger;
pub(crate) mod notices;
pub(crate) mod queue;
pub(crate) mod rate;
mod sampling;
pub(crate) mod schedule;
mod scheduler;
pub(crate) mod source;
mod start;
mod tick;
