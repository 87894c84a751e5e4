//! Whom a page may ask what.

use serde_json::json;

use crate::error::{Result, quoted};
use crate::name::EventName;
use crate::target::Selection;

use super::{Place, Recipients, Refused, Scope};

impl Scope {
    /// Checks that a page may ask this of its target. Permission comes before existence.
    pub(crate) fn check_asking(
        &self,
        name: &EventName,
        to: &Selection,
        places: &[Place],
    ) -> Result<()> {
        if self.is_unlimited() {
            return Ok(());
        }
        let refused = match self.find_refused(name, Recipients::Selected(to, places), None) {
            Ok(_) => return Ok(()),
            Err(refused) => refused,
        };
        let text = name.as_str();
        let (whom, entry) = match refused {
            Refused::Label(label) => (quoted(label), json!(label)),
            Refused::Host | Refused::Everyone => ("Rust".to_owned(), json!({ "kind": "App" })),
        };
        Err(self.refuse(
            &format!("ask {whom} for {}", quoted(text)),
            &json!({ "event": text, "to": entry }).to_string(),
            |rule| {
                let denies = |to: &super::rule::Recipients| match refused {
                    Refused::Label(label) => to.labels.iter().any(|own| own.matches(label)),
                    Refused::Host | Refused::Everyone => to.host,
                };
                rule.to.as_ref().is_none_or(denies) && rule.events.matches(name)
            },
        ))
    }
}
