//! What the builder says of taps and tests.

use crate::shell::plugin::Builder;

impl Builder {
    /// Hides a part of the payloads of a name, or of the names that match a pattern, from every tap and recording: of events,
    /// requests and responses. `pointer` is a JSON pointer, and an empty one is the whole payload. A pointer that a payload
    /// does not have is logged once.
    ///
    /// ```
    /// let builder = tauri_plugin_event_bus::Builder::new()
    ///     .redact("user:*", "/token")
    ///     .redact("payment:*", "");
    /// # let _ = builder;
    /// ```
    pub fn redact(mut self, event: impl Into<String>, pointer: impl Into<String>) -> Self {
        self.seen.rules.push((event.into(), pointer.into()));
        self
    }

    /// Sets whether pages with the permission `event-bus:allow-tap` may have taps. Without it they may in debug builds, and
    /// not in release builds.
    ///
    /// ```
    /// let builder = tauri_plugin_event_bus::Builder::new().page_taps(false);
    /// # let _ = builder;
    /// ```
    pub fn page_taps(mut self, are_on: bool) -> Self {
        self.seen.page_taps = Some(are_on);
        self
    }

    #[cfg(feature = "test")]
    pub(super) fn for_tests(mut self) -> Self {
        self.seen.is_test = true;
        self
    }
}
