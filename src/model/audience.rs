use std::sync::Arc;

use crate::model::core_target::{CompatListener, CoreTarget};
use crate::model::delivery::Addressing;
use crate::model::error::Result;
use crate::model::selection::Selection;
use crate::model::target::Target;

/// Whom an event is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience {
    /// Without an address the event is a broadcast.
    pub(crate) to: Option<Address>,
    pub(crate) except: Option<Address>,
    /// Whether it comes from code that was written for Tauri's events, in compatible mode.
    pub(crate) is_compatible: bool,
    /// Whether listeners in compatible mode receive it through Tauri's own system, too.
    pub(crate) is_bridged: bool,
    /// Whether it stays on this node, whatever is shared with others.
    pub(crate) is_local: bool,
}

/// A target as it was given, and what it selects.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) target: Target,
    pub(crate) selection: Selection,
}

impl Address {
    /// What a target of Tauri's addresses.
    pub(crate) fn of_core(core: CoreTarget, target: Target) -> Self {
        Self {
            target,
            selection: Selection::of_core(core),
        }
    }

    pub(crate) fn of(target: Target) -> Result<Self> {
        Ok(Self {
            selection: Selection::of(&target)?,
            target,
        })
    }

    /// The webviews with these labels, however many they are, and the host if it `has_host`.
    pub(crate) fn of_labels(labels: &[Arc<str>], has_host: bool) -> Self {
        let webviews = labels
            .iter()
            .map(|label| Target::webview(label.to_string()));
        let host = has_host.then(Target::host);
        Self {
            selection: Selection::of_labels(labels, has_host),
            target: Target::join(webviews.chain(host)),
        }
    }
}

impl Audience {
    /// Whether a listener that was written for Tauri's events receives this. `page` is the webview and the window of one in a
    /// page.
    pub(crate) fn reaches_compatible(
        &self,
        listener: &CompatListener,
        addressing: Addressing,
        page: Option<(&str, &str)>,
    ) -> bool {
        let is_left_out = |except: &Address| match page {
            Some((webview, window)) => except.selection.has_webview(webview, window),
            None => except.selection.everyone || except.selection.host,
        };
        if (self.is_bridged && listener.is_in_core) || self.except.as_ref().is_some_and(is_left_out)
        {
            return false;
        }
        let sent = self.to.as_ref().filter(|to| !to.selection.everyone);
        let is_sent = addressing == Addressing::Sent;
        match sent {
            None => listener.takes_broadcasts || listener.target == CoreTarget::Any,
            Some(_) if !listener.takes_others => is_sent,
            Some(to) => to
                .selection
                .reaches(&listener.target, is_sent, page.is_some()),
        }
    }

    /// Whether it is for those that listen with this target in Tauri's own system.
    pub(crate) fn reaches_core(&self, target: &CoreTarget) -> bool {
        let is_left_out = |except: &Address| match target.label() {
            Some(label) => except.selection.has_webview(label, label),
            None => except.selection.everyone || except.selection.host,
        };
        let to = self.to.as_ref();
        to.is_none_or(|to| to.selection.reaches(target, false, false))
            && !self.except.as_ref().is_some_and(is_left_out)
    }

    /// Whether it is for everyone and comes from no other system.
    pub(crate) fn is_plain(&self) -> bool {
        self.has_all_pages() && !self.is_bridged
    }

    /// How the event is addressed to this page; `None` if it is not for the page.
    pub(crate) fn addressing_of_page(&self, webview: &str, window: &str) -> Option<Addressing> {
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
    pub(crate) fn has_all_pages(&self) -> bool {
        self.to.is_none() && self.except.is_none()
    }

    /// The target; `None` is everyone, however that was written.
    pub(crate) fn target(&self) -> Option<&Target> {
        let sent = self.to.as_ref().filter(|to| !to.selection.everyone);
        sent.map(|to| &to.target)
    }

    /// How the event is addressed to the host.
    pub(crate) fn addressing_of_host(&self) -> Addressing {
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
