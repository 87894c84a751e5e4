//! The bus of one webview.

use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;

use crate::api::bus::{EventBus, EventBusExt};
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::event::{BusEvent, Receipt};

/// The event bus of one webview: an [`EventBus`] whose events have the webview as their source.
///
/// Use [`EventBusExt::event_bus`] of a `Webview` or a `WebviewWindow` to get it.
#[derive(Debug, Clone)]
pub struct WebviewBus {
    bus: EventBus,
    label: Arc<str>,
}

impl WebviewBus {
    pub(crate) fn new(bus: EventBus, label: &str) -> Self {
        let label: Arc<str> = label.into();
        Self {
            bus: bus.with_source(Endpoint::Webview(Arc::clone(&label))),
            label,
        }
    }

    /// Emits an event to the page in this webview only.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_to`].
    ///
    /// ```
    /// # fn emit(window: &tauri::WebviewWindow) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// window.event_bus().emit_to_self("greeting", "hello")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_to_self(&self, name: &str, payload: impl Serialize) -> Result<Receipt> {
        self.bus.emit_to(&*self.label, name, payload)
    }

    /// Returns a view of this bus that prefixes every name, as [`EventBus::namespace`] does, for the same webview.
    ///
    /// ```
    /// # fn emit(window: &tauri::WebviewWindow) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// let shop = window.event_bus().namespace("shop");
    /// shop.emit_to_self("cart:updated", 3)?; // shop:cart:updated, to this webview
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn namespace(&self, name: impl Into<Arc<str>>) -> Self {
        self.with_bus(self.bus.namespace(name))
    }

    /// Returns this bus for consequences of an event, as [`EventBus::caused_by`] does.
    #[must_use]
    pub fn caused_by(&self, event: &BusEvent) -> Self {
        self.with_bus(self.bus.caused_by(event))
    }

    /// Returns this bus for events without a cause, as [`EventBus::without_causes`] does.
    #[must_use]
    pub fn without_causes(&self) -> Self {
        self.with_bus(self.bus.without_causes())
    }

    fn with_bus(&self, bus: EventBus) -> Self {
        Self {
            bus,
            label: Arc::clone(&self.label),
        }
    }
}

impl Deref for WebviewBus {
    type Target = EventBus;

    fn deref(&self) -> &EventBus {
        &self.bus
    }
}

impl EventBusExt for WebviewBus {
    type Bus = Self;

    fn event_bus(&self) -> Self {
        self.clone()
    }
}

impl AsRef<EventBus> for WebviewBus {
    fn as_ref(&self) -> &EventBus {
        &self.bus
    }
}
