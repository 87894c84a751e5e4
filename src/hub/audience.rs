//! Whom an event is for, among the webviews that there are.

use std::sync::Arc;

use crate::hub::Hub;
use crate::model::delivery::Addressing;
use crate::model::error::{Error, Result};
use crate::model::selection::{Selection, alternatives, unknown_target};

pub(crate) use crate::model::audience::{Address, Audience};

/// One receiver of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Receiver {
    /// All pages and the host.
    Everyone,
    /// The host, where the event is sent to it by name.
    Host,
    Webview(Arc<str>),
    /// Other nodes.
    Nodes,
}

/// A label that no webview or window has.
pub(super) struct UnknownLabel<'a> {
    pub(super) kind: &'static str,
    label: &'a str,
    known: Option<Vec<Arc<str>>>,
}

impl UnknownLabel<'_> {
    fn known(&self) -> Option<Vec<&str>> {
        let known = self.known.as_ref()?;
        Some(known.iter().map(|label| &**label).collect())
    }

    fn into_error(self) -> Error {
        unknown_target(self.kind, self.label, self.known().as_deref())
    }

    /// What there is instead, to follow on a sentence.
    pub(super) fn alternatives(&self) -> String {
        alternatives(self.kind, self.known().as_deref())
    }
}

impl<W> Hub<W> {
    /// The receivers of an event with this audience, at this moment.
    pub(crate) fn receivers(&self, audience: &Audience) -> Vec<Receiver> {
        let host = match audience.addressing_of_host() {
            Addressing::Broadcast => return vec![Receiver::Everyone],
            Addressing::Sent => Some(Receiver::Host),
            Addressing::Elsewhere => None,
        };
        let webviews = self.webviews.iter().filter(|(label, webview)| {
            let addressing = audience.addressing_of_page(label, &webview.window);
            addressing.is_some()
        });
        let webviews = webviews.map(|(label, _)| Receiver::Webview(Arc::clone(label)));
        webviews.chain(host).collect()
    }

    /// The first literal label that is unknown. A glob may match nothing.
    pub(super) fn unknown_label<'a>(&self, to: &'a Selection) -> Option<UnknownLabel<'a>> {
        let literals = to.webviews.iter().filter_map(|pattern| pattern.literal());
        let webview = literals.into_iter().find(|label| !self.knows(label));
        if let Some(label) = webview {
            let known = self.webviews.keys().filter(|own| to.is_within_scope(own));
            return Some(self.unknown("webview", label, known));
        }
        let windows = || self.webviews.values().map(|webview| &*webview.window);
        let mut literals = to.windows.iter().filter_map(|pattern| pattern.literal());
        let label = literals.find(|label| !windows().any(|window| window == *label))?;
        let known = self.webviews.iter();
        let known = known.filter(|(own, _)| to.is_within_scope(own));
        Some(self.unknown("window", label, known.map(|(_, own)| &own.window)))
    }

    /// The known labels are those that the caller may see.
    fn unknown<'a, 'b>(
        &'b self,
        kind: &'static str,
        label: &'a str,
        known: impl Iterator<Item = &'b Arc<str>>,
    ) -> UnknownLabel<'a> {
        let known: Vec<Arc<str>> = known.map(Arc::clone).collect();
        let is_hidden = known.is_empty() && !self.webviews.is_empty();
        UnknownLabel {
            kind,
            label,
            known: (!is_hidden).then_some(known),
        }
    }

    /// Checks that every literal label is known.
    pub(crate) fn check_targets(&self, to: &Selection) -> Result<()> {
        self.unknown_label(to)
            .map_or(Ok(()), |unknown| Err(unknown.into_error()))
    }
}
