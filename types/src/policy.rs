use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

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
#[serde(rename_all = "camelCase")]
pub struct Policy {
    overflow: Option<Overflow>,
    retain: Option<bool>,
    history: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Until>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_deliveries: Option<u32>,
    #[serde(
        rename = "expiresMs",
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_millis"
    )]
    expires: Option<Duration>,
}

fn write_millis<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let millis = duration.map(|duration| duration.as_secs_f64() * 1000.0);
    millis.serialize(serializer)
}

/// How long an event is kept for later subscriptions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Until {
    /// Until the pages have started up. The default.
    #[default]
    StartUp,
    /// Until one subscription has handled it. Live subscriptions all receive it, and without a success the next one
    /// does, as often as [`Policy::max_deliveries`] says.
    Consumed,
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
            until: None,
            max_deliveries: None,
            expires: None,
        }
    }

    /// What it sets: overflow, retain and history.
    #[must_use]
    pub const fn settings(self) -> (Option<Overflow>, Option<bool>, Option<bool>) {
        (self.overflow, self.retain, self.history)
    }

    /// What it sets of how long events are kept, and how often one is delivered at most.
    #[must_use]
    pub const fn consumption(self) -> (Option<Until>, Option<u32>) {
        (self.until, self.max_deliveries)
    }

    /// How long events count, if it sets that.
    #[must_use]
    pub const fn expiry(self) -> Option<Duration> {
        self.expires
    }

    /// How long an event counts, unless `emit` says otherwise: 1 ms to 365 days. What is older is not delivered any more, and
    /// leaves every queue and all that is kept. A subscription that it was due to gets a gap.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus_types::Policy;
    ///
    /// const DOOR: Policy = Policy::new().expires(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub const fn expires(self, after: Duration) -> Self {
        Self {
            expires: Some(after),
            ..self
        }
    }

    /// How long an event is kept for later subscriptions, unless `emit` says otherwise. With [`Until::Consumed`] events of
    /// the name cannot be retained.
    ///
    /// ```
    /// use tauri_plugin_event_bus_types::{Policy, Until};
    ///
    /// const DEEP_LINK: Policy = Policy::new().until(Until::Consumed).max_deliveries(3);
    /// ```
    #[must_use]
    pub const fn until(self, until: Until) -> Self {
        Self {
            until: Some(until),
            ..self
        }
    }

    /// How often an event that is kept until it is consumed is delivered at most: 5 by default, and at least 1.
    #[must_use]
    pub const fn max_deliveries(self, deliveries: u32) -> Self {
        Self {
            max_deliveries: Some(deliveries),
            ..self
        }
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
