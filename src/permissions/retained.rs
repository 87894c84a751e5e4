//! Which retained events a page may clear: those that it may emit to everyone, by the entries of a permission of their own.

use serde_json::json;

use crate::model::error::{Result, quoted};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;

use super::{Rule, Scope};

impl Scope {
    /// Whether a page may clear the retained event of this name that is for everyone.
    pub(crate) fn allows_clearing(&self, name: &EventName) -> bool {
        self.allows_broadcast(name, None)
    }

    /// Checks that a page may clear some event that matches this. Each event is then checked by itself.
    pub(crate) fn check_clearing(&self, pattern: &EventPattern) -> Result<()> {
        let is_allowed = match pattern.exact() {
            Some(name) => self.allows_clearing(name),
            None => self.may_match(pattern),
        };
        if is_allowed {
            return Ok(());
        }
        let text = pattern.to_string();
        let denies = |rule: &Rule| {
            let name = pattern.exact();
            name.is_some_and(|name| rule.covers_broadcast(name))
        };
        Err(self.refuse(
            &format!("clear the retained events of {}", quoted(&text)),
            &json!(text).to_string(),
            denies,
        ))
    }
}
