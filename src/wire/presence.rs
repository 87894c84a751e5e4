//! What the events of a room of presence say, with states that are not read yet.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::model::presence::PresenceMember;

/// What a member says of itself, as text.
pub(crate) type RawState = Box<RawValue>;

/// The payload of an event about the members of a room.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum PresenceNews {
    Joined(Vec<PresenceMember<RawState>>),
    Updated(Vec<PresenceMember<RawState>>),
    Left(Vec<LeftMember>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct LeftMember {
    pub(crate) label: Option<String>,
    pub(crate) key: String,
}

/// Reads a list of members.
pub(crate) fn read_members(json: &str) -> Vec<PresenceMember<RawState>> {
    serde_json::from_str(json).unwrap_or_default()
}

/// A member with its state as a `T`, or why its state is not a `T`.
pub(crate) fn read_member<T: DeserializeOwned>(
    member: PresenceMember<RawState>,
) -> Result<PresenceMember<T>, String> {
    let PresenceMember { label, key, state } = member;
    match serde_json::from_str(state.get()) {
        Ok(state) => Ok(PresenceMember { label, key, state }),
        Err(error) => Err(error.to_string()),
    }
}
