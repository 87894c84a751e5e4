//! Ids of sessions, subscribers, subscriptions and requests.

use std::fmt;

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::id::Id;

/// Who has subscriptions: a session, a stream, or the host listeners as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubscriberKey(pub(crate) u64);

/// The subscriber's own number for a subscription. A page chooses its own.
pub(crate) type SubscriptionId = u32;

/// The id of a session, which its page has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(Id);

impl SessionId {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Id::parse(text).map(Self).ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "invalid session id {}: expected 32 lower-case hexadecimal digits",
                    quoted(text)
                ),
            )
        })
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a request. It is random, so that no page can respond to a request that it was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(Id);

impl RequestId {
    pub(crate) fn random() -> Result<Self> {
        Id::random().map(Self)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Id::parse(text).map(Self)
    }

    #[cfg(test)]
    pub(crate) fn of(number: u128) -> Self {
        Self(Id::of(number))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ids_have_one_spelling() {
        let text = "00ff5a5a00ff5a5a00ff5a5a00ff5a5a";
        assert_eq!(SessionId::parse(text).unwrap().to_string(), text);
        for wrong in [
            "",
            "00",
            "+0ff5a5a00ff5a5a00ff5a5a00ff5a5a",
            "00FF5a5a00ff5a5a00ff5a5a00ff5a5a",
            "zz",
        ] {
            let error = SessionId::parse(wrong).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument, "{wrong}");
            assert!(error.message().contains("32"));
        }
    }
}
