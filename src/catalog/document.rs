//! A catalog as pages and tools read it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::catalog::component::ComponentDescription;
#[cfg(feature = "typed")]
use crate::catalog::declaration::SchemaOf;
use crate::model::policy::Policy;

#[derive(Serialize)]
pub(super) struct Document<'a> {
    pub(super) strict: bool,
    pub(super) events: Vec<EventDocument<'a>>,
    pub(super) requests: Vec<RequestDocument<'a>>,
    pub(super) streams: Vec<StreamDocument<'a>>,
    pub(super) channels: Vec<ChannelDocument<'a>>,
    pub(super) components: &'a [ComponentDescription],
    /// The types that the schemas refer to.
    #[serde(rename = "$defs")]
    pub(super) definitions: BTreeMap<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventDocument<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<String>,
    pub(super) policy: Policy,
    pub(super) emitted_by: &'a [&'a str],
    pub(super) listened_by: &'a [&'a str],
    pub(super) checked: bool,
    /// The JSON Schema of the payload.
    pub(super) schema: Value,
}

#[derive(Serialize)]
pub(super) struct RequestDocument<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<String>,
    /// The JSON Schema of the request's payload.
    pub(super) request: Value,
    /// The JSON Schema of the response.
    pub(super) response: Value,
}

#[derive(Serialize)]
pub(super) struct StreamDocument<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<String>,
    /// The JSON Schema of the request's payload.
    pub(super) request: Value,
    /// The JSON Schema of a part.
    pub(super) part: Value,
    /// The JSON Schema of the response.
    pub(super) response: Value,
}

/// A channel as a page sees it.
#[derive(Serialize)]
pub(super) struct ChannelDocument<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<String>,
    /// The JSON Schema of the payload with which it is opened.
    pub(super) request: Value,
    /// The JSON Schema of what a page gets.
    pub(super) incoming: Value,
    /// The JSON Schema of what a page sends.
    pub(super) outgoing: Value,
}

/// The schemas of a request, and of the parts if it is for a stream or a channel.
struct RequestSchemas {
    request: Value,
    part: Option<Value>,
    response: Value,
}

/// The schemas of a catalog in the order of the names, and the types that they refer to.
#[derive(Default)]
struct Schemas {
    events: Vec<Value>,
    requests: Vec<RequestSchemas>,
    definitions: BTreeMap<String, Value>,
}

impl Catalog {
    pub(super) fn document(&self) -> Document<'_> {
        let schemas = self.schemas();
        let definitions = schemas.definitions;
        let description_of = |schema: &Value| {
            let schema = match schema["$ref"].as_str() {
                Some(reference) => definitions.get(reference.trim_start_matches("#/$defs/"))?,
                None => schema,
            };
            schema["description"].as_str().map(str::to_owned)
        };
        let events = self.events.iter().zip(schemas.events);
        let events = events.map(|(declaration, schema)| EventDocument {
            name: declaration.name,
            description: description_of(&schema),
            policy: declaration.policy,
            emitted_by: declaration.emitted_by,
            listened_by: declaration.listened_by,
            checked: declaration.check.is_some(),
            schema,
        });
        let events = events.collect();
        let (mut requests, mut streams, mut channels) = (Vec::new(), Vec::new(), Vec::new());
        for (declaration, schemas) in self.requests.iter().zip(schemas.requests) {
            let name = declaration.name;
            let description = description_of(&schemas.request);
            let (request, response) = (schemas.request, schemas.response);
            match schemas.part {
                None => requests.push(RequestDocument {
                    name,
                    description,
                    request,
                    response,
                }),
                Some(part) if declaration.is_channel => channels.push(ChannelDocument {
                    name,
                    description,
                    request,
                    incoming: response,
                    outgoing: part,
                }),
                Some(part) => streams.push(StreamDocument {
                    name,
                    description,
                    request,
                    part,
                    response,
                }),
            }
        }
        Document {
            strict: self.is_strict,
            events,
            requests,
            streams,
            channels,
            components: &self.components,
            definitions,
        }
    }

    /// The schemas describe what Rust writes.
    #[cfg(feature = "typed")]
    fn schemas(&self) -> Schemas {
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let mut generator = settings.into_generator();
        let events = self.events.iter();
        let events = events.map(|event| (event.schema)(&mut generator).to_value());
        let events = events.collect();
        let requests = self.requests.iter();
        let requests = requests.map(|request| {
            let mut write = |schema: SchemaOf| schema(&mut generator).to_value();
            RequestSchemas {
                request: write(request.request),
                part: request.part.map(&mut write),
                response: write(request.response),
            }
        });
        let requests = requests.collect();
        Schemas {
            events,
            requests,
            definitions: generator.take_definitions(true).into_iter().collect(),
        }
    }

    #[cfg(not(feature = "typed"))]
    fn schemas(&self) -> Schemas {
        Schemas::default()
    }
}

/// As JSON: `{ strict, events: [{ name, description, policy, emittedBy, listenedBy, checked, schema }],
/// requests: [{ name, description, request, response }], streams: [{ name, description, request, part, response }],
/// channels: [{ name, description, request, incoming, outgoing }], components: [{ name, namespace, description, emits, listens }],
/// $defs }`. The schemas are JSON Schema 2020-12 and refer to `$defs`.
impl Serialize for Catalog {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document().serialize(serializer)
    }
}
