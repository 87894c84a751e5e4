//! What the inspector shows beside a snapshot and a tap.

use std::time::Duration;

use serde::Serialize;

use crate::model::endpoint::Endpoint;

/// A request that has no response yet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestInFlight {
    pub(crate) request: String,
    pub(crate) name: String,
    pub(crate) caller: Endpoint,
    pub(crate) responder: Endpoint,
    pub(crate) age_ms: u64,
    /// When its time is over.
    pub(crate) due_in_ms: Option<u64>,
    pub(crate) is_stream: bool,
    /// Whether its page has yet to start.
    pub(crate) is_waiting: bool,
}

pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
