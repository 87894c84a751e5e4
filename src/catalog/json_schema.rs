use serde_json::{Map, Value, json};

use super::Catalog;

impl Catalog {
    /// A JSON Schema (2020-12) of an object with one property for each event: its payload. Keys are sorted.
    ///
    /// It says what Rust writes: a field that may be absent when it is read is still required here.
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
        // Whether a map keeps its order or sorts its keys depends on a feature that any crate of the app may switch on.
        schema.sort_all_objects();
        schema
    }
}
