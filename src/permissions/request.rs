//! Which requests a page may send, and to whom.

use std::sync::Arc;

use crate::model::error::{Result, quoted};
use crate::model::name::EventName;
use crate::model::selection::Selection;

use crate::model::label::AllowedLabels;

use super::subject::Refused;
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
        let to = Destination::Selected(to, locations);
        let node = to.first_node().filter(|_| !self.allows_link(name, None));
        if self.is_unlimited() && node.is_none() {
            return Ok(None);
        }
        let found = match node {
            Some(node) => Err(Refused::Node(node)),
            None => self.find_allowed(name, to, None),
        };
        found.map_err(|refused| {
            let text = name.as_str();
            let entry = refused.as_entry("request", text);
            self.refuse(
                &format!("send the request {} to {refused}", quoted(text)),
                &entry.to_string(),
                |rule| rule.denies_sending(name, refused),
            )
        })
    }
}
