use serde::{Deserialize, Serialize};

use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;

/// How many arrays and objects of a state may lie in each other: events about a room wrap it in three.
const MAX_STATE_DEPTH: usize = 124;

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

/// Checks what a member says of itself. It is JSON already.
pub(crate) fn check_state(room: &str, state: &Json) -> Result<()> {
    let refuse = |problem: String| {
        let text = format!("the state of a member of {room:?} {problem}");
        Err(Error::new(ErrorCode::InvalidPayload, text))
    };
    if !state.attached().is_empty() {
        return refuse("has bytes; send them as an event, or as text".to_owned());
    }
    let depth = depth_of(state);
    if depth > MAX_STATE_DEPTH {
        return refuse(format!(
            "nests arrays and objects {depth} deep; the limit is {MAX_STATE_DEPTH}"
        ));
    }
    Ok(())
}

fn depth_of(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// What has happened to a member of a room of presence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceChange<T> {
    /// It is new.
    Join(PresenceMember<T>),
    /// It says something else of itself.
    Update(PresenceMember<T>),
    /// It has left, or its page is gone; or its state is of another type now.
    #[non_exhaustive]
    Leave {
        /// The label of its webview; `None` for the host.
        label: Option<String>,
        /// Its key.
        key: String,
    },
}

#[cfg(test)]
mod tests {
    use tauri_plugin_event_bus_types::internal::check_json;

    use super::*;

    #[test]
    fn states_nest_as_deep_as_their_events_can_be_read() {
        let nested =
            |depth: usize| Json::from(format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        check_state("doc", &nested(124)).unwrap();
        let wrapped = format!("{{\"joined\":[{{\"state\":{}}}]}}", &*nested(124));
        check_json(&wrapped).unwrap();
        let error = check_state("doc", &nested(125)).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (
                ErrorCode::InvalidPayload,
                "the state of a member of \"doc\" nests arrays and objects 125 deep; the limit is 124"
            )
        );
        let text = Json::from(format!("\"\\\"{}\"", "[".repeat(200)));
        check_state("doc", &text).unwrap();
    }
}
