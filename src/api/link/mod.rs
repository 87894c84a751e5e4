//! Links: what carries events of shared names to other nodes, and brings theirs.

pub(crate) mod exit;
pub(crate) mod messages;
pub(crate) mod port;
pub(crate) mod requests;
pub(crate) mod start;
pub(crate) mod status;
