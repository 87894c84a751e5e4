//! What the app lets others see of its events.

use std::sync::Arc;

use tauri::{AppHandle, Runtime};

use crate::catalog::Catalog;
use crate::engine::core::Core;
use crate::engine::traces::TraceContext;
use crate::model::error::Result;
#[cfg(feature = "test")]
use crate::sync::MovableClock;
use crate::sync::Tasks;
use crate::wire::tap::redaction::{Redaction, Redactions};

/// What the builder says of taps, traces and tests.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Names, and JSON pointers to what is hidden.
    pub(super) rules: Vec<(String, String)>,
    pub(super) page_taps: Option<bool>,
    pub(super) trace_context: Option<TraceContext>,
    /// The clock of a test.
    #[cfg(feature = "test")]
    pub(super) clock: Option<&'static MovableClock>,
    /// Whether there is an inspector.
    #[cfg(feature = "inspector")]
    pub(super) inspector: Option<bool>,
}

impl Seen {
    /// Whether no thread is the main thread: a test waits for pages wherever it runs.
    fn is_test(&self) -> bool {
        #[cfg(feature = "test")]
        return self.clock.is_some();
        #[cfg(not(feature = "test"))]
        false
    }

    /// The tasks of the app, with the clock of a test if there is one.
    pub(super) fn with_clock(&self, tasks: Tasks) -> Tasks {
        #[cfg(feature = "test")]
        if let Some(clock) = self.clock {
            return tasks.with_clock(clock);
        }
        tasks
    }

    pub(super) fn redactions(&self) -> Result<Redactions> {
        let rules = self.rules.iter();
        let rules = rules.map(|(event, pointer)| Redaction::parse(event, pointer));
        Ok(Redactions::new(rules.collect::<Result<_>>()?))
    }

    /// Sets up what others see. Tauri sets plugins up on its main thread.
    #[allow(unused_variables, reason = "some features need all of them")]
    pub(super) fn apply<R: Runtime>(
        self,
        app: &AppHandle<R>,
        core: &Arc<Core>,
        redactions: Redactions,
        catalog: &Catalog,
    ) {
        if !self.is_test() {
            core.note_main_thread();
            #[cfg(all(feature = "debug-socket", debug_assertions))]
            crate::shell::socket::open(app, core);
        }
        core.set_redactions(redactions);
        if let Some(context) = self.trace_context {
            core.traces().set(context);
        }
        #[cfg(feature = "metrics")]
        core.counting().declare(catalog.names());
        if let Some(are_on) = self.page_taps {
            core.set_page_taps(are_on);
        }
    }
}
