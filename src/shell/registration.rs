//! Detects an app that registers the plugin twice.
//!
//! Of two plugins with one name, Tauri keeps the later one, drops the earlier one and reports nothing. The typed events
//! and limits of the earlier one would silently be lost.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::model::error::{Error, ErrorCode, Result};

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The plugin whose name was read last on this thread.
    static LAST_COMPARED: Cell<u64> = const { Cell::new(0) };
    /// The plugin that last replaced another one on this thread.
    static REPLACEMENT: Cell<u64> = const { Cell::new(0) };
}

/// A plugin from its build to its setup.
///
/// Tauri reads the names of both plugins, the earlier one first. If they are equal, it drops the earlier one at once, on the
/// thread that later sets the other one up. It reads no name of a plugin that the app drops unused.
pub(super) struct Registration {
    number: u64,
    is_compared: AtomicBool,
    is_complete: bool,
}

impl Registration {
    pub(super) fn new() -> Self {
        Self {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            is_compared: AtomicBool::new(false),
            is_complete: false,
        }
    }

    /// Tauri reads the name of this plugin.
    pub(super) fn note_compared(&self) {
        self.is_compared.store(true, Ordering::Relaxed);
        LAST_COMPARED.set(self.number);
    }

    /// Ends with the setup. Fails if this plugin replaced another one, or if the app already has one that runs.
    pub(super) fn complete(&mut self, is_running: bool) -> Result<()> {
        self.is_complete = true;
        if is_running || REPLACEMENT.get() == self.number {
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
        if !self.is_complete && self.is_compared.load(Ordering::Relaxed) {
            REPLACEMENT.set(LAST_COMPARED.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};

    use crate::shell::plugin::{Builder, init};

    type AppBuilder = tauri::Builder<MockRuntime>;

    fn is_refused(builder: AppBuilder) -> bool {
        let built = builder.build(mock_context(noop_assets()));
        built
            .inspect_err(|error| assert!(error.to_string().contains("registered twice"), "{error}"))
            .is_err()
    }

    #[test]
    fn a_second_registration_is_refused() {
        assert!(is_refused(mock_builder().plugin(init()).plugin(init())));
        let (first, second) = (init(), Builder::new().build());
        assert!(is_refused(mock_builder().plugin(first).plugin(second)));
        assert!(!is_refused(mock_builder().plugin(init())));
    }

    #[test]
    fn an_unused_plugin_stops_no_other() {
        let (first, second) = (init::<MockRuntime>(), init());
        drop(first);
        assert!(!is_refused(mock_builder().plugin(second)));
        let (first, second) = (init(), init::<MockRuntime>());
        drop(second);
        assert!(!is_refused(mock_builder().plugin(first)));
        let first = init();
        drop(init::<MockRuntime>());
        assert!(!is_refused(mock_builder().plugin(first)));
    }

    #[test]
    fn a_plugin_of_another_thread_replaces_nothing() {
        let own = init();
        std::thread::spawn(|| drop(mock_builder().plugin(init()).plugin(init())))
            .join()
            .unwrap();
        assert!(!is_refused(mock_builder().plugin(own)));
    }

    #[test]
    fn a_plugin_that_runs_refuses_a_second_one() {
        let app = mock_builder()
            .plugin(init())
            .build(mock_context(noop_assets()))
            .unwrap();
        assert!(app.handle().plugin(init()).is_err());
    }
}
