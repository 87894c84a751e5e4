//! Of which pages a page may know, and which rooms of presence it may use.

use std::sync::Arc;

use serde_json::json;

use crate::model::built_in::PRESENCE_PREFIX;
use crate::model::error::{Error, ErrorCode, Result, escaped, quoted};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;

use super::ScopeEntry;
use super::rule::Watch;

const PERMISSION: &str = "event-bus:pages";

/// The entries of a command of one page that name pages and rooms. Without any it allows nothing.
#[derive(Debug, Default)]
pub(crate) struct WatchScope {
    allow: Vec<Arc<ScopeEntry>>,
    deny: Vec<Arc<ScopeEntry>>,
}

impl WatchScope {
    pub(crate) fn new(allow: &[Arc<ScopeEntry>], deny: &[Arc<ScopeEntry>]) -> Self {
        let allow = allow.iter().filter(|entry| entry.is_watch());
        // A malformed deny entry may have meant a page.
        let deny = deny.iter();
        let deny = deny.filter(|entry| entry.is_watch() || entry.malformation().is_some());
        Self {
            allow: allow.cloned().collect(),
            deny: deny.cloned().collect(),
        }
    }

    /// Whether it allows nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.allow.is_empty()
    }

    /// Whether the page may know of the page with this label.
    pub(crate) fn allows_page(&self, label: &str) -> bool {
        self.allows(|watch| matches!(watch, Watch::Page(pages) if pages.matches(label)))
    }

    /// Whether the page may join this room and watch it.
    pub(crate) fn allows_room(&self, room: &EventName) -> bool {
        self.allows(|watch| matches!(watch, Watch::Presence(rooms) if rooms.matches(room)))
    }

    fn allows(&self, is_named: impl Fn(&Watch) -> bool) -> bool {
        let names = |entries: &[Arc<ScopeEntry>]| {
            entries
                .iter()
                .any(|entry| entry.watch().is_some_and(&is_named))
        };
        let is_malformed = |entry: &Arc<ScopeEntry>| entry.malformation().is_some();
        names(&self.allow) && !names(&self.deny) && !self.deny.iter().any(is_malformed)
    }

    /// Checks that a page may subscribe to this pattern of events about pages or members. Which of them it receives is
    /// checked for each.
    pub(crate) fn check_watching(&self, pattern: &EventPattern) -> Result<()> {
        let text = pattern.to_string();
        let room = text.strip_prefix(PRESENCE_PREFIX);
        if let Some(room) = room.and_then(|room| room.strip_prefix(':'))
            && let Ok(room) = EventName::parse(room)
        {
            return self.check_room(&room);
        }
        let is_one = |entry: &Arc<ScopeEntry>| match entry.watch() {
            Some(Watch::Page(_)) => room.is_none(),
            Some(Watch::Presence(_)) => room.is_some(),
            None => false,
        };
        if self.allow.iter().any(is_one) {
            return Ok(());
        }
        let entry = match room {
            Some(_) => json!({ "presence": "*" }),
            None => json!({ "page": "*" }),
        };
        Err(self.refuse(
            &format!("listen to {}", quoted(&text)),
            &entry.to_string(),
            |_| false,
        ))
    }

    pub(crate) fn check_page(&self, label: &str) -> Result<()> {
        if self.allows_page(label) {
            return Ok(());
        }
        Err(self.refuse(
            &format!("know of the page {}", quoted(label)),
            &json!({ "page": label }).to_string(),
            |watch| matches!(watch, Watch::Page(pages) if pages.matches(label)),
        ))
    }

    pub(crate) fn check_room(&self, room: &EventName) -> Result<()> {
        if self.allows_room(room) {
            return Ok(());
        }
        let name = room.as_str();
        let entry = json!({ "presence": name }).to_string();
        Err(self.refuse(
            &format!("use the room of presence {}", quoted(name)),
            &entry,
            |watch| matches!(watch, Watch::Presence(rooms) if rooms.matches(room)),
        ))
    }

    fn refuse(&self, what: &str, entry: &str, is_denied_by: impl Fn(&Watch) -> bool) -> Error {
        let mut denying = self.deny.iter().filter(|entry| {
            entry.malformation().is_some() || entry.watch().is_some_and(&is_denied_by)
        });
        let reason = match denying.next() {
            Some(denying) => match denying.malformation() {
                Some(fault) => format!(
                    "the deny entry {} is malformed and denies everything until it is corrected: {fault}",
                    escaped(&denying.text())
                ),
                None => format!(
                    "the deny entry {} of {PERMISSION} matches it, and deny wins",
                    escaped(&denying.text())
                ),
            },
            None => format!(
                "no allow entry of {PERMISSION} matches it. To allow it, add {{ \"identifier\": \"{PERMISSION}\", \"allow\": [{entry}] }} to a capability of this window"
            ),
        };
        Error::new(
            ErrorCode::Denied,
            format!("the page in this window may not {what}: {reason}"),
        )
    }
}
