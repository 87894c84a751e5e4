use std::ops::Deref;

use tauri_plugin_event_bus_types::Event;
use tauri_plugin_event_bus_types::internal::read_event;

use crate::model::error::Error;
use crate::model::event::BusEvent;

/// A typed event as a host listener gets it: the payload, and by dereference everything of a [`BusEvent`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TypedEvent<E> {
    /// The payload.
    pub payload: E,
    event: BusEvent,
}

impl<E: Event> TypedEvent<E> {
    pub(super) fn read(event: BusEvent) -> Result<Self, (BusEvent, Error)> {
        match read_event(event.payload_json(), event.json().attached()) {
            Ok(payload) => Ok(Self { payload, event }),
            Err(error) => Err((event, error)),
        }
    }
}

impl<E> Deref for TypedEvent<E> {
    type Target = BusEvent;

    fn deref(&self) -> &BusEvent {
        &self.event
    }
}
