use serde::Serialize;

/// How an event is addressed, as one subscriber sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Addressing {
    /// To everyone.
    Broadcast,
    /// To this subscriber by name.
    Sent,
    /// To others by name.
    Elsewhere,
}

/// Which of the events that match its name or pattern a subscription receives.
///
/// As JSON: `"own"`, `"sent"`, `"everything"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeliveryFilter {
    /// Broadcasts, and events that are sent to the subscriber.
    Own,
    /// Only events that are sent to the subscriber.
    Sent,
    /// All events, whomever they are sent to. Only for the host.
    Everything,
}

impl DeliveryFilter {
    pub(crate) fn covers(self, addressing: Addressing) -> bool {
        match self {
            Self::Own => addressing != Addressing::Elsewhere,
            Self::Sent => addressing == Addressing::Sent,
            Self::Everything => true,
        }
    }
}

/// What a subscription of the host receives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostSubscription {
    pub(crate) filter: DeliveryFilter,
    pub(crate) wants_retained: bool,
    /// Whether only the newest event of a name waits for it.
    pub(crate) wants_latest: bool,
}

impl Default for HostSubscription {
    fn default() -> Self {
        Self {
            filter: DeliveryFilter::Own,
            wants_retained: true,
            wants_latest: false,
        }
    }
}
