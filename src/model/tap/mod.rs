//! What a tap tells, and which part of it a reader wants.

pub(crate) mod filter;
pub(crate) mod record;

/// The name of the stream by which a page reads a tap. What belongs to it appears in no tap.
pub(crate) const TAP_NAME: &str = "event-bus:tap";

/// The name of a mark in the queue of the host listeners, by which a test learns that they have handled what came before.
pub(crate) const MARK_NAME: &str = "event-bus:mark";
