use serde::{Deserialize, Serialize};

/// A member of a room of presence, with what it says of itself.
///
/// As JSON: `{ label, key, state }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PresenceMember<T> {
    /// The label of the webview whose page is the member; `None` for the host. No page can choose it.
    pub label: Option<String>,
    /// The key that the member chose. It tells several members of one page apart.
    pub key: String,
    /// What the member says of itself.
    pub state: T,
}

/// What has happened to a member of a room of presence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceChange<T> {
    /// It is new.
    Join(PresenceMember<T>),
    /// It says something else of itself.
    Update(PresenceMember<T>),
    /// It has left, or its page is gone.
    #[non_exhaustive]
    Leave {
        /// The label of its webview; `None` for the host.
        label: Option<String>,
        /// Its key.
        key: String,
    },
}

/// The payload of an event about the members of a room.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum PresenceNews<T> {
    Joined(Vec<PresenceMember<T>>),
    Updated(Vec<PresenceMember<T>>),
    Left(Vec<LeftMember>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct LeftMember {
    label: Option<String>,
    key: String,
}

impl<T> PresenceNews<T> {
    pub(crate) fn into_changes(self) -> Vec<PresenceChange<T>> {
        match self {
            Self::Joined(members) => members.into_iter().map(PresenceChange::Join).collect(),
            Self::Updated(members) => members.into_iter().map(PresenceChange::Update).collect(),
            Self::Left(members) => {
                let leave = |LeftMember { label, key }| PresenceChange::Leave { label, key };
                members.into_iter().map(leave).collect()
            }
        }
    }
}
