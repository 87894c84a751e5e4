//! What the bus knows of other nodes.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::unix_millis;
use crate::model::name::{EventName, OWN_PREFIX};
use crate::model::pattern::EventPattern;

/// Names that this node shares with others, and in which direction.
///
/// ```
/// use tauri_plugin_event_bus::link::Share;
///
/// let orders = Share::both("order:*")?;
/// let alarms = Share::sent("alarm:*")?;
/// # let _ = (orders, alarms);
/// # Ok::<(), tauri_plugin_event_bus::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pattern: EventPattern,
    is_sent: bool,
    is_received: bool,
}

impl Share {
    /// These names are sent to other nodes, and received from them.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPattern`](crate::ErrorCode::InvalidPattern), and
    /// [`ErrorCode::ReservedEventName`](crate::ErrorCode::ReservedEventName) for names of the bus itself.
    pub fn both(names: &str) -> Result<Self> {
        Self::new(names, true, true)
    }

    /// These names are sent to other nodes only.
    ///
    /// # Errors
    ///
    /// Those of [`Share::both`].
    pub fn sent(names: &str) -> Result<Self> {
        Self::new(names, true, false)
    }

    /// These names are received from other nodes only.
    ///
    /// # Errors
    ///
    /// Those of [`Share::both`].
    pub fn received(names: &str) -> Result<Self> {
        Self::new(names, false, true)
    }

    fn new(names: &str, is_sent: bool, is_received: bool) -> Result<Self> {
        if names.starts_with(OWN_PREFIX) {
            return Err(Error::new(
                ErrorCode::ReservedEventName,
                format!(
                    "the names {} are the bus's own, and stay in this app; share other names",
                    quoted(names)
                ),
            ));
        }
        Ok(Self {
            pattern: EventPattern::parse(names)?,
            is_sent,
            is_received,
        })
    }

    /// The name or pattern.
    #[must_use]
    pub fn pattern(&self) -> &EventPattern {
        &self.pattern
    }

    /// Whether these names are sent to other nodes.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.is_sent
    }

    /// Whether these names are received from other nodes.
    #[must_use]
    pub fn is_received(&self) -> bool {
        self.is_received
    }
}

/// What a link counts by itself: the events of one share, or those to one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LinkStream {
    /// Events for every node, of the share with this index in the plan.
    Share(usize),
    /// Events for the node with this name.
    Node(Arc<str>),
}

/// The shares of a node, by what an event or a request needs of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shares(pub(crate) Vec<Share>);

impl Shares {
    pub(crate) fn sends(&self, name: &EventName) -> bool {
        let mut shares = self.0.iter();
        shares.any(|share| share.is_sent && share.pattern.matches(name))
    }

    pub(crate) fn receives(&self, name: &EventName) -> bool {
        let mut shares = self.0.iter();
        shares.any(|share| share.is_received && share.pattern.matches(name))
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, share) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", quoted(&share.pattern.to_string()))?;
        }
        Ok(())
    }
}

/// Whether this node is connected to others, and what it has sent and received; from
/// [`EventBus::link_status`](crate::EventBus::link_status).
///
/// As JSON: `{ node, connected, since, reason, queued, sent, received, dropped, missing, refused, nodes }`, with `since` in
/// milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LinkStatus {
    /// The name of this node.
    pub node: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Since when it is, or is not.
    #[serde(serialize_with = "write_time")]
    pub since: SystemTime,
    /// Why it is not connected, or what works less than it should.
    pub reason: Option<String>,
    /// How many events wait to be sent.
    pub queued: usize,
    /// How many events were handed to the network.
    pub sent: u64,
    /// How many events of other nodes were accepted.
    pub received: u64,
    /// How many events were not sent, since too many waited or one was too large. Each is part of a gap at its receivers.
    pub dropped: u64,
    /// How many events of other nodes were lost on their way. Each is part of a gap here.
    pub missing: u64,
    /// How many messages of other nodes were refused.
    pub refused: u64,
    /// The other nodes that are there, in order. `None` if the link does not know.
    pub nodes: Option<Vec<String>>,
}

fn write_time<S: Serializer>(
    time: &SystemTime,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_f64(unix_millis(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_bus_are_not_shared() {
        for names in ["event-bus:*", "event-bus:link"] {
            let error = Share::both(names).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ReservedEventName);
        }
        assert!(Share::both("order:*").is_ok());
        let error = Share::sent("a b").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEventName);
    }
}
