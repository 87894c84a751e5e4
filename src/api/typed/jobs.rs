use tauri_plugin_event_bus_types::Event;
use tauri_plugin_event_bus_types::internal::{read_json, write_event};

use crate::api::bus::EventBus;
use crate::api::jobs::builder::JobBuilder;
use crate::model::error::{Error, ErrorCode};
use crate::model::event::Tick;
use crate::model::json::Json;
use crate::periodic::job::Payload;
use crate::periodic::source::Sampler;

pub(super) fn prepare<E: Event>(bus: EventBus) -> JobBuilder<E> {
    let builder = JobBuilder::new(bus, E::NAME);
    // An event without a payload needs no call of the builder; for others, its absence is an error at the start.
    match read_json::<E>("null") {
        Ok(_) => builder,
        Err(_) => builder.with_payload(Err(Error::new(
            ErrorCode::InvalidPayload,
            format!(
                "the job of {:?} has no payload; call .payload(…), .payload_with(…) or .source(…)",
                E::NAME
            ),
        ))),
    }
}

impl<E: Event> JobBuilder<E> {
    /// Sets the payload of every tick.
    pub fn payload(self, payload: E) -> Self {
        self.with_payload(
            write_event(&payload).map(|json| Payload::Fixed(Json::from(json).shared())),
        )
    }

    /// Makes the payload of each tick when it is due, on a thread that may block.
    ///
    /// A tick fails if the function panics. The job goes on.
    pub fn payload_with(self, mut sample: impl FnMut(&Tick) -> E + Send + 'static) -> Self {
        self.with_payload(Ok(Payload::Sampled(Sampler::Blocking(Box::new(
            move |tick| write_event(&sample(tick)).map(Json::from),
        )))))
    }
}
