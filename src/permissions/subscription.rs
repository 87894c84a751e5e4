//! Which events a page may listen to.

use std::sync::Arc;

use serde_json::json;

use crate::model::error::{Result, quoted};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;

use super::{Rule, Scope};

impl Scope {
    /// Whether a page may listen to events of this name, both those for everyone and those for its own webview.
    pub(crate) fn allows_listening(&self, name: &EventName) -> bool {
        self.allows_broadcast(name, None)
    }

    /// Checks that a page may subscribe to this. Returns the scope that each delivery must be checked against, or `None`
    /// if this check was enough, as for an exact name.
    pub(crate) fn check_listening(
        self: &Arc<Self>,
        pattern: &EventPattern,
    ) -> Result<Option<Arc<Self>>> {
        if self.is_unlimited() {
            return Ok(None);
        }
        match pattern.exact() {
            Some(name) if self.allows_listening(name) => Ok(None),
            None if self.may_match(pattern) => Ok(Some(Arc::clone(self))),
            _ => {
                let text = pattern.to_string();
                let denies = |rule: &Rule| {
                    let name = pattern.exact();
                    name.is_some_and(|name| rule.covers_broadcast(name))
                };
                Err(self.refuse(
                    &format!("listen to {}", quoted(&text)),
                    &json!(text).to_string(),
                    denies,
                ))
            }
        }
    }

    /// Whether an event that matches this pattern could be allowed.
    pub(super) fn may_match(&self, pattern: &EventPattern) -> bool {
        let overlaps = |rule: &Rule| rule.to.is_none() && rule.names.may_overlap(pattern);
        !self.denies_everything() && (self.is_open || self.allowed(None).any(overlaps))
    }
}
