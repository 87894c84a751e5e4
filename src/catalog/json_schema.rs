use serde_json::{Map, Value, json};

use crate::catalog::Catalog;

impl Catalog {
    /// A JSON Schema (2020-12) of an object with one property per event: the event's payload. Keys are sorted.
    ///
    /// It describes what Rust writes: a field that Rust always writes is required, even if it may be absent on reading.
    #[must_use]
    pub fn json_schema(&self) -> Value {
        let document = self.document();
        let events = document.events.iter();
        let events: Map<String, Value> = events
            .map(|event| (event.name.to_owned(), event.schema.clone()))
            .collect();
        let definitions: Map<String, Value> = document.definitions.into_iter().collect();
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "EventMap",
            "description": "The events of the app, each with its payload.",
            "type": "object",
            "properties": events,
        });
        if !definitions.is_empty() {
            schema["$defs"] = definitions.into();
        }
        // A feature that any crate of the app may enable decides whether maps of serde_json keep their order.
        schema.sort_all_objects();
        schema
    }
}
