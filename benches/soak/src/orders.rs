//! What the driver tells the app to do, one line of JSON each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An order and the number under which its reply comes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) id: u64,
    pub(crate) order: Order,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) id: u64,
    pub(crate) outcome: Result<Value, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Order {
    /// The host emits events whose payloads are numbered.
    Emit(Emission),
    /// Every receiver reports what it has received so far.
    Barrier {
        number: u64,
    },
    /// Sends an order to a page.
    Tell {
        label: String,
        order: Value,
    },
    /// Waits for a report of a page, of the host listeners or of a stream.
    Report {
        label: String,
        kind: String,
    },
    /// The host sends a request. Its reply is the response, or the code of the error.
    Request {
        to: String,
        name: String,
        payload: Value,
        timeout_ms: u64,
    },
    Open {
        label: String,
    },
    /// Asks a window to close, or destroys it.
    Close {
        label: String,
        by_force: bool,
    },
    Load {
        label: String,
        page: String,
    },
    /// Notes which new process runs the page of a window.
    Identify {
        label: String,
    },
    /// Kills that process.
    Kill {
        label: String,
    },
    OpenStream {
        label: String,
    },
    CloseStream {
        label: String,
    },
    /// Starts a job that ticks for a window until the app ends.
    StartJob {
        label: String,
    },
    ClearRetained {
        pattern: String,
    },
    Inspect,
    Memory,
    Exit,
}

/// A run of numbered events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Emission {
    pub(crate) name: String,
    /// A label; everyone without one.
    pub(crate) to: Option<String>,
    pub(crate) from: u64,
    pub(crate) count: u64,
    pub(crate) retain: bool,
    /// Waits for room.
    pub(crate) waits: bool,
}
