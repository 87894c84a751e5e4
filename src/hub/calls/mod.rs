//! Calls: how the host brings batches to a page that it can call.
//!
//! A page says with its pulls whether it can be called. The host then makes a trial, a call without items. Once one has
//! returned, the next pull is completed with the news that calls follow, and from then on the page pulls no more. What a call
//! brings stays in the outbox until the page has acknowledged it, as with pulls.

mod delivery;
mod state;

#[cfg(test)]
pub(super) use state::{CALL_PATIENCE, MAX_CALLS};
pub(crate) use state::{Call, CallId, CallReply, Calls, Farewell};
