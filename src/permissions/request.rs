//! Which requests a page may send, and to whom.

use std::sync::Arc;

use serde_json::json;

use crate::model::error::{Result, quoted};
use crate::model::name::EventName;
use crate::model::selection::Selection;

use crate::model::label::AllowedLabels;

use super::{Destination, Scope, WebviewLocation};

impl Scope {
    /// Checks that a page may send this request to its target, and returns the labels that it may be sent to. Permission
    /// comes before existence.
    pub(crate) fn check_request(
        &self,
        name: &EventName,
        to: &Selection,
        locations: &[WebviewLocation],
    ) -> Result<Option<Arc<AllowedLabels>>> {
        if self.is_unlimited() {
            return Ok(None);
        }
        let to = Destination::Selected(to, locations);
        self.find_allowed(name, to, None).map_err(|refused| {
            let text = name.as_str();
            let entry = json!({ "request": text, "to": refused.as_entry() });
            self.refuse(
                &format!("send the request {} to {refused}", quoted(text)),
                &entry.to_string(),
                |rule| rule.denies_sending(name, refused),
            )
        })
    }
}
