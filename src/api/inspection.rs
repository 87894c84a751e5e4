use crate::api::bus::EventBus;
use crate::model::inspection::Inspection;

impl EventBus {
    /// Takes a snapshot of the bus: counters, queues, subscriptions and jobs, without payloads.
    ///
    /// It is meant for tools and tests. The bus takes it part by part, so that emitting and delivery do not wait for the
    /// whole.
    ///
    /// ```
    /// # fn inspect(bus: &tauri_plugin_event_bus::EventBus) {
    /// for webview in bus.inspect().webviews {
    ///     if let Some(page) = webview.page {
    ///         println!("{}: {} events wait, {} were dropped", webview.label, page.queue.events, page.dropped);
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn inspect(&self) -> Inspection {
        self.runtime().inspect()
    }
}
