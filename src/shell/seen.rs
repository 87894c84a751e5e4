//! What the app lets others see of its events.

use crate::engine::core::Core;
use crate::model::error::Result;
use crate::wire::tap::redaction::{Redaction, Redactions};

/// What the builder says of taps and tests.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Names, and JSON pointers to what is hidden.
    pub(super) rules: Vec<(String, String)>,
    pub(super) page_taps: Option<bool>,
    /// Whether there is an inspector.
    #[cfg(feature = "inspector")]
    pub(super) inspector: Option<bool>,
    /// Whether no thread is the main thread: a test waits for pages wherever it runs.
    pub(super) is_test: bool,
}

impl Seen {
    pub(super) fn redactions(&self) -> Result<Redactions> {
        let rules = self.rules.iter();
        let rules = rules.map(|(event, pointer)| Redaction::parse(event, pointer));
        Ok(Redactions::new(rules.collect::<Result<_>>()?))
    }

    pub(super) fn apply(&self, core: &Core, redactions: Redactions) {
        core.set_redactions(redactions);
        if let Some(are_on) = self.page_taps {
            core.set_page_taps(are_on);
        }
    }
}
