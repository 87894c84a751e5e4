use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::api::bus::EventBus;
use crate::api::jobs::builder::JobBuilder;
use crate::api::listener::Listener;
use crate::api::options::EmitOptions;
use crate::api::stream::EventStream;
use crate::api::target::IntoTarget;
use crate::model::error::Result;
use crate::model::event::{BusEvent, Receipt};
use crate::model::name::check_namespace;

/// The event bus with a prefix for every name; made by [`EventBus::namespace`].
///
/// A name that has the prefix does not get it again. Patterns get it, too: `*` matches everything in the namespace. A
/// namespace has the characters of an event name, and no colon at its end. An invalid namespace fails where it is used,
/// with [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName).
///
/// ```
/// # fn use_it(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// let shop = bus.namespace("shop");
/// shop.listen("cart:*", |event| println!("{}", event.name()))?.forget(); // shop:cart:updated
/// shop.emit("cart:updated", 3)?;
/// shop.emit("shop:cart:updated", 3)?; // the same event
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Namespace {
    bus: EventBus,
    /// Without the colon. `None` adds no prefix.
    name: Option<Arc<str>>,
}

impl Namespace {
    pub(super) fn none(bus: EventBus) -> Self {
        Self { bus, name: None }
    }

    pub(super) fn with_component(&self, component: &Arc<str>) -> Self {
        Self {
            bus: self.bus.with_component(component),
            ..self.clone()
        }
    }

    pub(super) fn bus(&self) -> &EventBus {
        &self.bus
    }

    /// The name or pattern with the prefix.
    pub(super) fn prefixed<'a>(&self, name: &'a str) -> Result<Cow<'a, str>> {
        let Some(own) = &self.name else {
            return Ok(name.into());
        };
        check_namespace(own)?;
        let has_prefix = name
            .strip_prefix(&**own)
            .is_some_and(|rest| rest.starts_with(':'));
        // An empty name stays empty, and is refused as such.
        if has_prefix || name.is_empty() {
            return Ok(name.into());
        }
        Ok(format!("{own}:{name}").into())
    }

    /// Emits an event to everyone, as [`EventBus::emit`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`].
    pub fn emit(&self, name: &str, payload: impl Serialize) -> Result<Receipt> {
        self.bus.emit(&self.prefixed(name)?, payload)
    }

    /// Emits an event to a target, as [`EventBus::emit_to`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_to`].
    pub fn emit_to(
        &self,
        to: impl IntoTarget,
        name: &str,
        payload: impl Serialize,
    ) -> Result<Receipt> {
        self.bus.emit_to(to, &self.prefixed(name)?, payload)
    }

    /// Emits an event with options, as [`EventBus::emit_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_with`].
    pub fn emit_with(
        &self,
        name: &str,
        payload: impl Serialize,
        options: EmitOptions,
    ) -> Result<Receipt> {
        self.bus.emit_with(&self.prefixed(name)?, payload, options)
    }

    /// Calls a function for every event that matches, as [`EventBus::listen`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    pub fn listen(
        &self,
        pattern: &str,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.bus.listen(&self.prefixed(pattern)?, callback)
    }

    /// Returns a stream of the events that match, as [`EventBus::stream`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::stream`].
    pub fn stream(&self, pattern: &str) -> Result<EventStream> {
        self.bus.stream(&self.prefixed(pattern)?)
    }

    /// Prepares a periodic job, as [`EventBus::periodic`] does.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName) if the namespace is invalid.
    pub fn periodic(&self, name: &str) -> Result<JobBuilder> {
        Ok(self.bus.periodic(&self.prefixed(name)?))
    }
}

impl EventBus {
    /// Returns this bus with a prefix for every name: see [`Namespace`].
    #[must_use]
    pub fn namespace(&self, name: impl Into<Arc<str>>) -> Namespace {
        Namespace {
            bus: self.clone(),
            name: Some(name.into()),
        }
    }
}
