//! What the oracle is told of: events, deliveries and gaps.

use std::time::Duration;

use serde_json::Value;

/// Names with this prefix are kept for no later page.
pub(crate) const WITHOUT_HISTORY: &str = "h:";
/// Of names with this prefix, the newest event replaces those that wait.
pub(crate) const LATEST: &str = "l:";
/// Of names with this prefix, the newest event is retained.
pub(crate) const RETAINED: &str = "k:";
/// Names with this prefix are ticks of jobs.
pub(crate) const TICKS: &str = "t:";
/// How the events begin that the bus itself emits.
pub(crate) const OWN: &str = "event-bus:";

/// An event that the host has accepted.
#[derive(Debug, Clone)]
pub(crate) struct Emitted {
    pub(crate) name: String,
    /// As JSON.
    pub(crate) payload: Value,
    /// The label of the page; `None` for the host.
    pub(crate) source: Option<String>,
    /// `None` for everyone.
    pub(crate) to: Option<Value>,
    pub(crate) except: Option<Value>,
    pub(crate) is_retained: bool,
    /// When it counts no more, by the clock that runs while the machine sleeps.
    pub(crate) expires_at: Option<Duration>,
    /// Whether the target is known. What only a host listener has noted has none.
    pub(crate) is_complete: bool,
}

/// Whether an event is retained, as it was emitted or as the policy of its name says.
pub(crate) fn is_retained(name: &str, retain: Option<bool>) -> bool {
    retain.unwrap_or_else(|| name.starts_with(RETAINED))
}

/// An event as a listener noted it.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) seq: u64,
    pub(crate) name: String,
    pub(crate) payload: Value,
    pub(crate) source: Option<String>,
    pub(crate) is_replayed: bool,
    pub(crate) is_retained: bool,
    pub(crate) superseded: u64,
    /// When the host took it from its queue, where a listener of the host got it.
    pub(crate) taken_at: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) count: u64,
    pub(crate) at_most: bool,
    pub(crate) reason: String,
}

impl Gap {
    pub(crate) fn covers(&self, seq: u64) -> bool {
        (self.from..=self.to).contains(&seq)
    }
}
