//! Which events a page may emit, and to whom.

use std::sync::Arc;

use crate::model::error::{Result, quoted};
use crate::model::label::AllowedLabels;
use crate::model::name::EventName;
use crate::model::selection::Selection;
use crate::model::target::LabelPattern;

use super::rule::Rule;
use super::subject::Refused;
use super::{Destination, PlannedJob, Scope, WebviewLocation};

impl Scope {
    /// Whether what has this name may go to other nodes, or the events of this job if there is one.
    pub(crate) fn allows_link(&self, name: &EventName, job: Option<PlannedJob<'_>>) -> bool {
        let is_allowed = |rule: &Rule| rule.link && rule.names.matches(name);
        !self.denies_everything()
            && !self.denied().any(|rule| rule.covers_broadcast(name))
            && self.allowed(job).any(is_allowed)
    }

    /// Checks that a page may emit this once, or by this job if there is one. Returns the labels that later deliveries
    /// stay within: a target may name webviews that do not exist yet.
    pub(crate) fn check_emitting(
        &self,
        name: &EventName,
        to: Destination<'_>,
        job: Option<PlannedJob<'_>>,
    ) -> Result<Option<Arc<AllowedLabels>>> {
        let node = to.first_node().filter(|_| !self.allows_link(name, job));
        if self.is_unlimited() && node.is_none() {
            return Ok(None);
        }
        let refused = match self.find_allowed(name, to, job) {
            Ok(labels) if node.is_none() => return Ok(labels),
            Ok(_) => Refused::Node(node.unwrap_or_default()),
            Err(refused) => refused,
        };
        if let Some(error) = job.and_then(|job| self.refuse_job(name, to, job)) {
            return Err(error);
        }
        let text = name.as_str();
        let entry = refused.as_entry("event", text);
        let what = match refused {
            Refused::Everyone => format!("emit {} to everyone", quoted(text)),
            _ => format!("send {} to {refused}", quoted(text)),
        };
        Err(self.refuse(&what, &entry.to_string(), |rule| {
            rule.denies_sending(name, refused)
        }))
    }

    /// Finds the labels that this may be sent to, or the first recipient that is not allowed. Everyone has no labels.
    pub(super) fn find_allowed<'a>(
        &self,
        name: &EventName,
        to: Destination<'a>,
        job: Option<PlannedJob<'_>>,
    ) -> Result<Option<Arc<AllowedLabels>>, Refused<'a>> {
        match to {
            Destination::Everyone if self.allows_broadcast(name, job) => Ok(None),
            Destination::Everyone => Err(Refused::Everyone),
            Destination::Selected(selection, locations) => {
                let labels = self.labels(name, job);
                match find_refused(&labels, selection, locations) {
                    Some(refused) => Err(refused),
                    None => Ok(Some(Arc::new(labels))),
                }
            }
        }
    }
}

/// Finds the first recipient that is not allowed.
///
/// Permission comes before existence: a label that does not exist is refused in the same way, and the error names only
/// labels that the page gave.
fn find_refused<'a>(
    labels: &AllowedLabels,
    selection: &'a Selection,
    locations: &[WebviewLocation],
) -> Option<Refused<'a>> {
    if selection.host && !labels.allows_host() {
        return Some(Refused::Host);
    }
    // It selects nothing, but listeners to everything in Tauri's sense receive it.
    if let Some(label) = selection
        .label_of_none()
        .filter(|label| !labels.allows(label))
    {
        return Some(Refused::Label(label));
    }
    let webviews = selection.webviews.iter().map(|pattern| (pattern, false));
    let windows = selection.windows.iter().map(|pattern| (pattern, true));
    let is_refused = |(pattern, is_window): &(&LabelPattern, bool)| {
        let is_selected = |(webview, window): &&WebviewLocation| {
            pattern.matches(if *is_window { window } else { webview })
        };
        let mut selected = locations.iter().filter(is_selected).peekable();
        // A later webview may match, too. A window that is there is judged by its webviews.
        let is_known_window = *is_window && selected.peek().is_some();
        let may_allow = is_known_window || labels.may_allow(pattern);
        !may_allow || selected.any(|(webview, _)| !labels.allows(webview))
    };
    let refused = webviews.chain(windows).find(is_refused);
    refused.map(|(pattern, _)| Refused::Label(pattern.as_str()))
}
