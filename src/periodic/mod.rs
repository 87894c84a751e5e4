//! Events that the plugin emits by itself, at a fixed rate.

pub(crate) mod builder;
pub(crate) mod job;
pub(crate) mod schedule;

pub use builder::{AnyPayload, Periodic, PeriodicBuilder};
pub use job::{JobOwner, PeriodicInfo};
