use serde::{Deserialize, Serialize};

/// How events of some names are kept and delivered. What it does not set has its default.
///
/// Set by pattern with `Builder::policy`, or in `tauri.conf.json`. Where several patterns match
/// a name, the later one counts.
///
/// ```
/// use tauri_plugin_event_bus_types::Policy;
///
/// const CURSOR: Policy = Policy::new().latest().history(false);
/// const SETTINGS: Policy = Policy::new().retain(true);
/// const ORDER: Policy = Policy::new().reject();
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Policy {
    overflow: Option<Overflow>,
    retain: Option<bool>,
    history: Option<bool>,
}

/// What happens when events come faster than a page, a stream or the host listeners take them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest event of a full queue that may be dropped is dropped, and its subscriptions get a gap. The default.
    #[default]
    DropOldest,
    /// An event that still waits is replaced by the next one of its name, which counts how many it supersedes. Otherwise as
    /// [`Overflow::DropOldest`].
    Latest,
    /// A full queue makes `emit` fail with `queue_full`, and the event is not delivered. Once an event is accepted,
    /// later events do not push it out.
    Reject,
}

impl Policy {
    /// Sets nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(None, None, None)
    }

    /// Sets what is given.
    #[must_use]
    pub const fn of(
        overflow: Option<Overflow>,
        retain: Option<bool>,
        history: Option<bool>,
    ) -> Self {
        Self {
            overflow,
            retain,
            history,
        }
    }

    /// What it sets: overflow, retain and history.
    #[must_use]
    pub const fn settings(self) -> (Option<Overflow>, Option<bool>, Option<bool>) {
        (self.overflow, self.retain, self.history)
    }

    /// The oldest event of a full queue is dropped: [`Overflow::DropOldest`].
    #[must_use]
    pub const fn drop_oldest(self) -> Self {
        self.overflow(Overflow::DropOldest)
    }

    /// Only the latest waiting event of a name is delivered: [`Overflow::Latest`].
    #[must_use]
    pub const fn latest(self) -> Self {
        self.overflow(Overflow::Latest)
    }

    /// A full queue makes `emit` fail: [`Overflow::Reject`].
    #[must_use]
    pub const fn reject(self) -> Self {
        self.overflow(Overflow::Reject)
    }

    const fn overflow(self, overflow: Overflow) -> Self {
        Self {
            overflow: Some(overflow),
            ..self
        }
    }

    /// Whether the newest event of a name is kept for later subscribers, unless `emit` says otherwise.
    #[must_use]
    pub const fn retain(self, retain: bool) -> Self {
        Self {
            retain: Some(retain),
            ..self
        }
    }

    /// Whether events are kept for a page that has not subscribed yet or is reloading. The default is that they are.
    #[must_use]
    pub const fn history(self, history: bool) -> Self {
        Self {
            history: Some(history),
            ..self
        }
    }
}
