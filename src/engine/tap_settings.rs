use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use crate::wire::tap::redaction::Redactions;

/// What is known of taps without the hub.
#[derive(Debug, Default)]
pub(super) struct TapSettings {
    /// Whether one is on.
    pub(super) are_on: AtomicBool,
    /// What they do not show.
    pub(super) redactions: OnceLock<Redactions>,
    /// Whether pages may have them.
    pub(super) page_taps: OnceLock<bool>,
    /// Held by each recording that is being written.
    pub(super) writers: Arc<()>,
}
