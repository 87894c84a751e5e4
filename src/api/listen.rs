use std::sync::Arc;

use crate::api::bus::EventBus;
use crate::api::listener::Listener;
use crate::api::stream::EventStream;
use crate::model::delivery::DeliveryFilter;
use crate::model::error::Result;
use crate::model::event::BusEvent;
use crate::model::pattern::EventPattern;

impl EventBus {
    /// Calls a function for every event that matches the pattern and is for everyone or for the host.
    ///
    /// All listeners run one after the other, in the order of the events, on a thread that may block: `block_on` works in
    /// them. A panic is logged, and the listener stays. A slow listener delays the other listeners of the host, but no page.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName): invalid name, or one that a strict catalog
    ///   does not have
    /// - [`ErrorCode::InvalidPattern`](crate::ErrorCode::InvalidPattern): invalid glob
    /// - [`ErrorCode::ReservedEventName`](crate::ErrorCode::ReservedEventName): an event of Tauri itself
    ///
    /// ```
    /// # fn listen(app: &tauri::AppHandle) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// app.event_bus()
    ///     .listen("cart:*", |event| println!("{} {}", event.name(), event.payload_json()))?
    ///     .forget();
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen(
        &self,
        pattern: &str,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.add_listener(pattern, DeliveryFilter::Own, callback)
    }

    /// Calls a function for every event that matches the pattern, whatever its target is.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # fn watch(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// bus.listen_any("document:*", |event| println!("{} from {:?}", event.name(), event.source()))?
    ///     .forget();
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen_any(
        &self,
        pattern: &str,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.add_listener(pattern, DeliveryFilter::Everything, callback)
    }

    fn add_listener(
        &self,
        pattern: &str,
        filter: DeliveryFilter,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        let pattern = self.parse_pattern(pattern)?;
        let listeners = &self.runtime().listeners;
        let id = listeners.add(pattern, filter, callback);
        Ok(Listener::new(Arc::downgrade(listeners), id))
    }

    /// Returns a stream of the events that match the pattern and are for everyone or for the host.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # async fn follow(bus: tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// let mut downloads = bus.stream("download:*")?;
    /// let first = downloads.recv().await;
    /// # let _ = first;
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&self, pattern: &str) -> Result<EventStream> {
        let pattern = self.parse_pattern(pattern)?;
        Ok(EventStream::new(&self.runtime().core, pattern))
    }

    fn parse_pattern(&self, pattern: &str) -> Result<EventPattern> {
        let pattern = EventPattern::parse(pattern)?;
        if let Some(name) = pattern.exact() {
            self.catalog().check_name(name)?;
        }
        Ok(pattern)
    }
}
