//! Whom a page may ask what.

use std::sync::Arc;

use serde_json::json;

use crate::model::error::{Result, quoted};
use crate::model::name::EventName;
use crate::model::selection::Selection;

use crate::model::label::AllowedLabels;

use super::{Destination, Refused, Scope, WebviewLocation};

impl Scope {
    /// Checks that a page may ask this of its target, and gives whom it may ask. Permission comes before existence.
    pub(crate) fn check_request(
        &self,
        name: &EventName,
        to: &Selection,
        places: &[WebviewLocation],
    ) -> Result<Option<Arc<AllowedLabels>>> {
        if self.is_unlimited() {
            return Ok(None);
        }
        let refused = match self.find_refused(name, Destination::Selected(to, places), None) {
            Ok(labels) => return Ok(labels),
            Err(refused) => refused,
        };
        let text = name.as_str();
        let (whom, entry) = match refused {
            Refused::Label(label) => (quoted(label), json!(label)),
            Refused::Host | Refused::Everyone => ("the host".to_owned(), json!({ "kind": "host" })),
        };
        Err(self.refuse(
            &format!("send the request {} to {whom}", quoted(text)),
            &json!({ "request": text, "to": entry }).to_string(),
            |rule| {
                let denies = |to: &super::rule::AllowedTargets| match refused {
                    Refused::Label(label) => to.labels.iter().any(|own| own.matches(label)),
                    Refused::Host | Refused::Everyone => to.host,
                };
                rule.to.as_ref().is_none_or(denies) && rule.names.matches(name)
            },
        ))
    }
}
