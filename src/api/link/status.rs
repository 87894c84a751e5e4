use crate::api::bus::EventBus;
use crate::model::link::LinkStatus;

impl EventBus {
    /// Whether this app is connected to other nodes, and what it has sent and received. `None` if it has no link.
    ///
    /// ```
    /// # fn show(bus: &tauri_plugin_event_bus::EventBus) {
    /// if let Some(link) = bus.link_status() {
    ///     println!("{} is connected: {}", link.node, link.connected);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn link_status(&self) -> Option<LinkStatus> {
        self.runtime().core.link_status()
    }
}
