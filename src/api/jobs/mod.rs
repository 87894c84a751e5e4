//! Jobs: events that the plugin emits by itself, at a fixed rate.

pub(crate) mod builder;
pub(crate) mod changes;
pub(crate) mod delayed;
pub(crate) mod job;
pub(crate) mod view;
