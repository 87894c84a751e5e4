//! Jobs: events that the plugin emits by itself, at a fixed rate.

pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod notices;
pub(crate) mod sampling;
pub(crate) mod scheduler;
pub(crate) mod source;
pub(crate) mod start;
pub(crate) mod tick;
pub(crate) mod timing;
