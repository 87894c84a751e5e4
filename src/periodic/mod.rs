//! Events that the plugin emits by itself, at a fixed rate.

pub(crate) mod agenda;
pub(crate) mod builder;
mod control;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod notice;
pub(crate) mod pace;
pub(crate) mod schedule;
pub(crate) mod source;

pub use builder::{AnyPayload, Periodic, PeriodicBuilder};
pub use control::PeriodicChange;
pub use job::{JobOwner, JobState, PeriodicInfo};
pub use schedule::MissedTicks;
pub use source::SourceCall;
