use tauri::EventId;

use crate::model::event::BusEvent;

/// An event as a listener of [`Listener`] receives it, with the methods of `tauri::Event`, which only Tauri can make.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) id: EventId,
    pub(super) received: Received,
}

#[derive(Debug, Clone)]
pub(super) enum Received {
    Bus(BusEvent),
    Core(tauri::Event),
}

impl Event {
    pub(super) fn of_core(event: tauri::Event) -> Self {
        Self {
            id: event.id(),
            received: Received::Core(event),
        }
    }

    /// The id of the listener, with which [`Listener::unlisten`] removes it.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The payload as JSON text.
    #[must_use]
    pub fn payload(&self) -> &str {
        match &self.received {
            Received::Bus(event) => event.payload_json(),
            Received::Core(event) => event.payload(),
        }
    }
}
