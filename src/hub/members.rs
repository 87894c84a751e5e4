//! The members of one room of presence, and how they are written.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::hub::ids::SubscriberKey;
use crate::model::json::Json;

/// Who a member is: its webview, or `None` for the host, and its key.
pub(super) type MemberId = (Option<Arc<str>>, Arc<str>);

/// The bytes that a member takes beside its key and its state.
const MEMBER_BYTES: usize = 64;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) state: Json,
    /// The session that joined it last.
    pub(super) by: Option<SubscriberKey>,
}

/// The members of one room. There is one at least.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) all: BTreeMap<MemberId, Member>,
    /// What they count for.
    pub(super) bytes: usize,
    /// The number of the newest change. No two changes of any rooms have the same.
    pub(super) changed: u64,
}

/// What a member counts for.
pub(super) fn weight(id: &MemberId, state: &Json) -> usize {
    MEMBER_BYTES + id.1.len() + id.0.as_ref().map_or(0, |label| label.len()) + state.size()
}

/// A copy of the members of a room, which is written after the lock.
#[derive(Debug)]
pub(crate) struct MemberList(Vec<(MemberId, Json)>);

impl MemberList {
    pub(super) fn of(members: Option<&Members>) -> Self {
        let members = members.into_iter().flat_map(|members| &members.all);
        let copied = members.map(|(id, member)| (id.clone(), member.state.clone()));
        Self(copied.collect())
    }

    pub(crate) fn to_json(&self) -> Json {
        let mut list = "[".to_owned();
        write_members(
            &mut list,
            self.0.iter().map(|(id, state)| (id, Some(state))),
        );
        list.push(']');
        list.into()
    }
}

/// Writes members, between the brackets of a list. Those with one label follow each other.
pub(super) fn write_members<'a>(
    list: &mut String,
    members: impl Iterator<Item = (&'a MemberId, Option<&'a Json>)>,
) {
    let mut last: Option<(&Option<Arc<str>>, String)> = None;
    for (index, ((label, key), state)) in members.enumerate() {
        if last.as_ref().is_none_or(|(own, _)| *own != label) {
            last = Some((label, text_of(label.as_deref())));
        }
        let label = last.as_ref().map_or("null", |(_, text)| text.as_str());
        let comma = if index > 0 { "," } else { "" };
        let key = text_of(Some(key));
        list.extend([comma, "{\"label\":", label, ",\"key\":", key.as_str()]);
        if let Some(state) = state {
            list.extend([",\"state\":", &**state]);
        }
        list.push('}');
    }
}

fn text_of(text: Option<&str>) -> String {
    // Text is always written.
    Json::write("text", &text).map_or_else(|_| "null".to_owned(), Json::into_text)
}
