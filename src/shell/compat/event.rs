use std::sync::Arc;

use tauri::EventId;

use crate::model::event::BusEvent;

/// An event as a listener of [`Listener`](crate::compat::Listener) receives it, with the methods of `tauri::Event`, which only Tauri can make.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) id: EventId,
    pub(super) received: Received,
}

#[derive(Debug, Clone)]
pub(super) enum Received {
    Bus(BusEvent),
    /// The payload of an event with bytes, which Tauri's listeners read as arrays of numbers.
    Numbers(Arc<str>),
    Core(tauri::Event),
}

impl Received {
    pub(super) fn of_bus(event: BusEvent) -> Self {
        match event.json().attached().is_empty() {
            true => Self::Bus(event),
            false => Self::Numbers(event.json().to_numbers().into()),
        }
    }
}

impl Event {
    pub(super) fn of_core(event: tauri::Event) -> Self {
        Self {
            id: event.id(),
            received: Received::Core(event),
        }
    }

    /// The id of the listener, with which [`Listener::unlisten`](crate::compat::Listener::unlisten) removes it.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The payload as JSON text.
    #[must_use]
    pub fn payload(&self) -> &str {
        match &self.received {
            Received::Bus(event) => event.payload_json(),
            Received::Numbers(payload) => payload,
            Received::Core(event) => event.payload(),
        }
    }
}
