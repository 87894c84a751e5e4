use crate::api::bus::EventBus;
use crate::model::compat::CompatReport;

impl EventBus {
    /// Returns what compatible mode has noted so far: what the bus would have done otherwise without it. Empty while the
    /// mode is off.
    ///
    /// ```
    /// # fn read(bus: &tauri_plugin_event_bus::EventBus) {
    /// for note in bus.compat_report().notes {
    ///     println!("{}: {}", note.event, note.message);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn compat_report(&self) -> CompatReport {
        self.runtime().core.hub().compat_report()
    }
}
