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
