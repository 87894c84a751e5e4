//! Whom an event is for.

use std::sync::Arc;

use crate::hub::Hub;
use crate::model::delivery::Addressing;
use crate::model::error::{Error, Result};
use crate::model::selection::{Selection, unknown_target};
use crate::model::target::Target;

/// Whom an event is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience {
    /// Without an address the event is a broadcast.
    pub(crate) to: Option<Address>,
    pub(crate) except: Option<Address>,
}

/// A target as it was given, and what it selects.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) target: Target,
    pub(crate) selection: Selection,
}

impl Address {
    pub(crate) fn of(target: Target) -> Result<Self> {
        Ok(Self {
            selection: Selection::of(&target)?,
            target,
        })
    }
}

/// One receiver of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Receiver {
    /// All pages and the host.
    Everyone,
    /// The host, where the event is sent to it by name.
    Host,
    Webview(Arc<str>),
}

impl Audience {
    /// How the event is addressed to this page; `None` if it is not for the page.
    pub(super) fn addressing_of_page(&self, webview: &str, window: &str) -> Option<Addressing> {
        let is_in = |selection: &Selection| selection.has_webview(webview, window);
        let addressing = match &self.to {
            None => Addressing::Broadcast,
            Some(to) if to.selection.everyone => Addressing::Broadcast,
            Some(to) if is_in(&to.selection) => Addressing::Sent,
            Some(_) => return None,
        };
        let is_left_out = self
            .except
            .as_ref()
            .is_some_and(|except| is_in(&except.selection));
        (!is_left_out).then_some(addressing)
    }

    /// Whether it is for every page, wherever that is.
    pub(super) fn has_all_pages(&self) -> bool {
        self.to.is_none() && self.except.is_none()
    }

    /// The target; `None` is everyone, however that was written.
    pub(super) fn target(&self) -> Option<&Target> {
        let sent = self.to.as_ref().filter(|to| !to.selection.everyone);
        sent.map(|to| &to.target)
    }

    /// How the event is addressed to the host.
    pub(super) fn addressing_of_host(&self) -> Addressing {
        let is_left_out = |except: &Address| except.selection.everyone || except.selection.host;
        match &self.to {
            _ if self.except.as_ref().is_some_and(is_left_out) => Addressing::Elsewhere,
            None => Addressing::Broadcast,
            Some(to) if to.selection.everyone => Addressing::Broadcast,
            Some(to) if to.selection.host => Addressing::Sent,
            Some(_) => Addressing::Elsewhere,
        }
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

    /// The error for an unknown label. The known ones are those that the caller may see.
    fn unknown(&self, kind: &str, label: &str, known: &[&str]) -> Error {
        let is_hidden = known.is_empty() && !self.webviews.is_empty();
        unknown_target(kind, label, (!is_hidden).then_some(known))
    }

    /// Checks that every literal label is known. A glob may match nothing.
    pub(crate) fn check_targets(&self, to: &Selection) -> Result<()> {
        for label in to.webviews.iter().filter_map(|pattern| pattern.literal()) {
            if !self.webviews.contains_key(label) {
                let known = self.webviews.keys().map(|label| &**label);
                let known: Vec<&str> = known.filter(|label| to.is_within_scope(label)).collect();
                return Err(self.unknown("webview", label, &known));
            }
        }
        for label in to.windows.iter().filter_map(|pattern| pattern.literal()) {
            if !self
                .webviews
                .values()
                .any(|webview| &*webview.window == label)
            {
                let known: Vec<&str> = self
                    .webviews
                    .iter()
                    .filter(|(label, _)| to.is_within_scope(label))
                    .map(|(_, webview)| &*webview.window)
                    .collect();
                return Err(self.unknown("window", label, &known));
            }
        }
        Ok(())
    }
}
