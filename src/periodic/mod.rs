//! Periodic jobs: events that the plugin emits by itself, at a fixed rate.

pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod notices;
pub(crate) mod queue;
pub(crate) mod rate;
pub(crate) mod sampling;
pub(crate) mod schedule;
pub(crate) mod scheduler;
pub(crate) mod source;
pub(crate) mod start;
pub(crate) mod tick;
