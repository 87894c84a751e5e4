//! Detects an app that registers the plugin twice.
//!
//! Of two plugins with one name, Tauri keeps the later one, drops the earlier one and reports nothing. The typed events
//! and limits of the earlier one would silently be lost.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::error::{Error, ErrorCode, Result};

/// Orders builds and drops, also those of different threads.
static NEXT_STEP: AtomicU64 = AtomicU64::new(1);

fn next_step() -> u64 {
    NEXT_STEP.fetch_add(1, Ordering::Relaxed)
}

thread_local! {
    /// When this thread last dropped a plugin that had not been set up.
    static REPLACED_REGISTRATION: Cell<u64> = const { Cell::new(0) };
}

/// A plugin from its build to its setup.
///
/// Tauri drops the earlier plugin while the later one exists, on the thread that then sets the later one up. A plugin
/// that was dropped before the later one was built was never replaced by it.
pub(super) struct Registration {
    built: u64,
    is_complete: bool,
}

impl Registration {
    pub(super) fn new() -> Self {
        Self {
            built: next_step(),
            is_complete: false,
        }
    }

    /// Ends with the setup. Fails if this plugin replaced another one, or if the app already has one that runs.
    pub(super) fn complete(mut self, is_running: bool) -> Result<()> {
        self.is_complete = true;
        if is_running || REPLACED_REGISTRATION.get() > self.built {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the plugin event-bus was registered twice, and Tauri keeps only one; keep the .plugin(…) that has the Builder and remove the other one, such as .plugin(tauri_plugin_event_bus::init())",
            ));
        }
        Ok(())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if !self.is_complete {
            REPLACED_REGISTRATION.set(next_step());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(registration: Registration) -> bool {
        registration.complete(false).is_err()
    }

    #[test]
    fn a_drop_while_another_exists_replaces_it() {
        let first = Registration::new();
        let second = Registration::new();
        drop(first);
        assert!(is_refused(second));
        assert!(!is_refused(Registration::new()));
    }

    #[test]
    fn a_drop_before_another_is_built_replaces_nothing() {
        drop(Registration::new());
        assert!(!is_refused(Registration::new()));
    }

    #[test]
    fn a_drop_on_another_thread_replaces_nothing() {
        let own = Registration::new();
        std::thread::spawn(|| drop(Registration::new()))
            .join()
            .unwrap();
        assert!(!is_refused(own));
    }

    #[test]
    fn a_plugin_that_runs_refuses_a_second_one() {
        assert!(Registration::new().complete(true).is_err());
        assert!(!is_refused(Registration::new()));
    }
}
