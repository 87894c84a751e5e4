use std::ops::Deref;
use std::sync::Arc;

use crate::api::bus::{EventBus, EventBusExt};
use crate::api::listener::Listener;
use crate::engine::causes;
use crate::engine::diagnostics::Record;
use crate::model::built_in::REFRESH;
use crate::model::error::Result;
use crate::model::event::BusEvent;
use crate::model::name::{EventName, parse_component};

/// A part of the app that emits under its own name, which receivers get as [`BusEvent::component`].
///
/// [`EventBus::component`] makes one. It is a view of the bus, which it dereferences to: everything that the bus can do,
/// the component can, and what it emits has its name. It adds messages, refreshes and actions.
///
/// A name has 1 to 128 bytes: letters, digits and `-` `_` `.` `:` `/`. An invalid name is refused with
/// [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) where the component emits. Typed events can be emitted
/// on a component as on a bus; their names get no prefix.
///
/// ```
/// # fn check_out(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// let cart = bus.namespace("shop").component("ShoppingCart");
/// cart.emit("cart:updated", 3)?; // shop:cart:updated
/// cart.success("Saved")?; // shop:message
/// cart.refresh("ProductList")?; // shop:refresh-productlist
/// cart.action("check-out", || "7".parse::<u32>()).ok(); // shop:action-complete
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Component {
    pub(super) bus: EventBus,
    pub(super) name: Arc<str>,
}

impl EventBus {
    /// Returns a component whose events are in the namespace of this view, if it has one: see
    /// [`Component`](crate::component::Component).
    #[must_use]
    pub fn component(&self, name: impl Into<Arc<str>>) -> Component {
        let name = name.into();
        Component {
            bus: self.with_component(&name),
            name,
        }
    }
}

impl Component {
    /// The component's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Requests a refresh from every component with that name: emits the event `refresh-` plus the name in lower case,
    /// without a payload.
    ///
    /// Within a listener, several calls for one component emit one event, when the listener returns, or when its async
    /// function or responder awaits; an error of it is logged. Elsewhere, and in a responder that may block, each call emits an
    /// event immediately.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`], and [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) if `component`
    /// is not a valid name of a component.
    pub fn refresh(&self, component: &str) -> Result<()> {
        let name = self.refresh_name(component)?;
        // Invalid names are the caller's error, also if the event is emitted later.
        parse_component(&self.name)?;
        EventName::parse_emitted(&name)?;
        let bus = self.bus.with_current_causes();
        let key = format!("{} {name}", self.name);
        let own = name.clone();
        let emit = Box::new(move || {
            if let Err(error) = bus.emit(&own, ()) {
                let diagnostics = bus.runtime().core.diagnostics();
                diagnostics.tell(
                    Record::NotEmitted,
                    &own,
                    bus.origin().unwrap_or_default().causes,
                    || format!(" at the end of a listener: {error}"),
                );
            }
        });
        if causes::defer_to_end(&key, emit).is_none() {
            return Ok(());
        }
        self.bus.emit(&name, ()).map(drop)
    }

    /// Calls a function for every refresh that is requested from this component.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`], and [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) if the name of
    /// the component is invalid.
    pub fn on_refresh(&self, callback: impl FnMut(BusEvent) + Send + 'static) -> Result<Listener> {
        self.bus.listen(&self.refresh_name(&self.name)?, callback)
    }

    fn refresh_name(&self, component: &str) -> Result<String> {
        parse_component(component)?;
        let name = format!("{REFRESH}{}", component.to_lowercase());
        Ok(self.bus.full_name(&name)?.into_owned())
    }
}

impl Deref for Component {
    type Target = EventBus;

    fn deref(&self) -> &EventBus {
        &self.bus
    }
}

impl AsRef<EventBus> for Component {
    fn as_ref(&self) -> &EventBus {
        &self.bus
    }
}

/// Lets typed events be emitted on a component.
impl EventBusExt for Component {
    type Bus = EventBus;

    fn event_bus(&self) -> EventBus {
        self.bus.clone()
    }
}
