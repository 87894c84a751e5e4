//! Which tasks a page may start, follow, cancel and list.

use serde_json::json;

use crate::model::error::{Result, quoted};
use crate::model::name::EventName;

use super::Scope;

impl Scope {
    /// Whether a page may use the tasks of this name.
    pub(crate) fn allows_task(&self, name: &EventName) -> bool {
        !self.denies_everything()
            && !self.denied().any(|rule| rule.names.matches(name))
            && (self.is_open || self.allowed(None).any(|rule| rule.names.matches(name)))
    }

    /// Checks that a page may do this with the tasks of this name. Permission comes before existence.
    pub(crate) fn check_task(&self, what: &str, name: &EventName) -> Result<()> {
        if self.allows_task(name) {
            return Ok(());
        }
        Err(self.refuse(
            &format!("{what} the task {}", quoted(name.as_str())),
            &json!({ "task": name.as_str() }).to_string(),
            |rule| rule.names.matches(name),
        ))
    }
}
