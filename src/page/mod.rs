//! The pages' side of the plugin: what answers them, how a batch is written, and who keeps time for them.

pub(crate) mod batch;
pub(crate) mod crash;
pub(crate) mod lease;
pub(crate) mod pull;
pub(crate) mod reply;
