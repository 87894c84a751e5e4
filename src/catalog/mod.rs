//! The app's events as they are declared: what a page's payload is checked against, and what is generated from them.

mod described;
#[cfg(feature = "typed")]
mod export;
#[cfg(feature = "typed")]
mod json_schema;
#[cfg(feature = "typed")]
mod markdown;
#[cfg(feature = "typed")]
mod typescript;

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::model::built_in::is_built_in;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::name::{EventName, OWN_PREFIX};
use crate::model::policies::Policies;
use crate::model::policy::Policy;

pub use described::{ComponentDescription, DescribedEvent};
#[cfg(feature = "typed")]
pub use export::ExportError;

/// The app's events, as they were registered with [`Builder::event`](crate::Builder::event). Cheap to clone.
///
/// Got from [`EventBus::catalog`](crate::EventBus::catalog) while the app runs, and from
/// [`Builder::catalog`](crate::Builder::catalog) without one, for a test that writes files.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    events: Arc<BTreeMap<&'static str, Declaration>>,
    requests: Arc<BTreeMap<&'static str, RequestDeclaration>>,
    components: Arc<[ComponentDescription]>,
    is_strict: bool,
}

/// What one `impl Event` says, without its type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declaration {
    pub(crate) name: &'static str,
    /// The Rust type, with its path.
    pub(crate) type_name: &'static str,
    pub(crate) type_id: TypeId,
    pub(crate) policy: Policy,
    pub(crate) emitted_by: &'static [&'static str],
    pub(crate) listened_by: &'static [&'static str],
    /// Absent where what pages emit is not checked.
    pub(crate) check: Option<Check>,
    #[cfg(feature = "typed")]
    pub(crate) schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

/// What one `impl Request` says, without its type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestDeclaration {
    pub(crate) name: &'static str,
    /// The Rust type, with its path.
    pub(crate) type_name: &'static str,
    pub(crate) check_request_payload: Check,
    pub(crate) check_response: Check,
    #[cfg(feature = "typed")]
    pub(crate) request: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
    #[cfg(feature = "typed")]
    pub(crate) response: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

/// Says what is wrong with a payload.
type Check = fn(&str) -> Result<(), String>;

impl Catalog {
    /// Reads declarations, and says which of them cannot stand.
    pub(crate) fn new(
        declarations: &[Declaration],
        declared: &[RequestDeclaration],
        is_strict: bool,
    ) -> Result<Self> {
        let requests = read_requests(declared)?;
        let mut events = BTreeMap::new();
        for declaration in declarations {
            let Declaration {
                name, type_name, ..
            } = declaration;
            EventName::parse_emitted(name).map_err(|error| {
                Error::new(error.code(), format!("the event {type_name}: {error}"))
            })?;
            let before: Option<Declaration> = events.insert(*name, *declaration);
            if let Some(before) = before.filter(|before| before.type_id != declaration.type_id) {
                return Err(Error::new(
                    ErrorCode::InvalidEventName,
                    format!(
                        "{} and {type_name} are both called {name:?}; an event has one type, and a name of its own",
                        before.type_name
                    ),
                ));
            }
        }
        if is_strict && events.is_empty() && requests.is_empty() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the catalog is strict and has no event, so every event would be refused; register them with Builder::event",
            ));
        }
        Ok(Self {
            events: Arc::new(events),
            requests: Arc::new(requests),
            components: Arc::default(),
            is_strict,
        })
    }

    /// Adds what components are said to emit and to listen to, and says which of them cannot stand.
    pub(crate) fn with_components(self, components: &[ComponentDescription]) -> Result<Self> {
        let mut described: Vec<_> = components
            .iter()
            .map(ComponentDescription::checked)
            .collect::<Result<_>>()?;
        described.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        let same = described.windows(2).find(|pair| {
            (&pair[0].namespace, &pair[0].name) == (&pair[1].namespace, &pair[1].name)
        });
        if let Some([first, _]) = same {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("the component {} is described twice", quoted(&first.name)),
            ));
        }
        Ok(Self {
            components: described.into(),
            ..self
        })
    }

    /// The components that are described, in the order of their namespaces and names.
    pub fn components(&self) -> &[ComponentDescription] {
        &self.components
    }

    /// What is registered, in the order of the names.
    pub fn events(&self) -> impl Iterator<Item = DeclaredEvent<'_>> {
        self.events
            .values()
            .map(|declaration| DeclaredEvent { declaration })
    }

    /// Whether names that are not registered are refused.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.is_strict
    }

    pub(crate) fn policies(&self) -> Result<Policies> {
        let mut policies = Policies::default();
        for declaration in self.events.values() {
            policies.add(declaration.name, declaration.policy)?;
        }
        Ok(policies)
    }

    /// Refuses a name that is not registered, where the catalog is strict.
    pub(crate) fn check_name(&self, name: &EventName) -> Result<()> {
        let is_own = name.as_str().starts_with(OWN_PREFIX) || is_built_in(name.as_str());
        if !self.is_strict || is_own || self.events.contains_key(name.as_str()) {
            return Ok(());
        }
        // Not which ones there are: a page may ask for them if it has the permission `allow-catalog`.
        Err(Error::new(
            ErrorCode::InvalidEventName,
            format!(
                "no event is registered as {}, and the catalog is strict; register it with Builder::event, or look for another name in the catalog",
                quoted(name.as_str()),
            ),
        ))
    }

    /// Whether what is emitted under this name is checked.
    pub(crate) fn checks(&self, name: &EventName) -> bool {
        let declared = self.events.get(name.as_str());
        declared.is_some_and(|declaration| declaration.check.is_some())
    }

    /// Refuses the name of a request that is not registered, where the catalog is strict.
    pub(crate) fn check_request_name(&self, name: &EventName) -> Result<()> {
        if !self.is_strict || self.requests.contains_key(name.as_str()) {
            return Ok(());
        }
        let known: Vec<&str> = self.requests.keys().copied().collect();
        Err(Error::new(
            ErrorCode::InvalidEventName,
            format!(
                "no request is registered as {}, and the catalog is strict; registered are {}",
                quoted(name.as_str()),
                quoted(&known.join(", "))
            ),
        ))
    }

    /// Refuses a request that does not have the shape of its type.
    pub(crate) fn check_request_payload(&self, name: &EventName, payload: &str) -> Result<()> {
        self.check_request(name, payload, "request", |declared| {
            declared.check_request_payload
        })
    }

    /// Refuses an response that does not have the shape of the one that is declared.
    pub(crate) fn check_response(&self, name: &EventName, payload: &str) -> Result<()> {
        self.check_request(name, payload, "response to", |declared| {
            declared.check_response
        })
    }

    fn check_request(
        &self,
        name: &EventName,
        payload: &str,
        what: &str,
        check: fn(&RequestDeclaration) -> Check,
    ) -> Result<()> {
        let Some(declared) = self.requests.get(name.as_str()) else {
            return Ok(());
        };
        check(declared)(payload).map_err(|problem| {
            Error::new(
                ErrorCode::InvalidPayload,
                format!(
                    "the {what} {:?} has not the shape that {} declares: {problem}",
                    name.as_str(),
                    declared.type_name
                ),
            )
        })
    }

    /// Refuses a payload that does not have the shape of its event.
    pub(crate) fn check_payload(&self, name: &EventName, payload: &str) -> Result<()> {
        let Some(declaration) = self.events.get(name.as_str()) else {
            return Ok(());
        };
        let Some(check) = declaration.check else {
            return Ok(());
        };
        check(payload).map_err(|problem| {
            Error::new(
                ErrorCode::InvalidPayload,
                format!(
                    "the payload of {:?} is no {}: {problem}",
                    name.as_str(),
                    declaration.type_name
                ),
            )
        })
    }
}

fn read_requests(
    declarations: &[RequestDeclaration],
) -> Result<BTreeMap<&'static str, RequestDeclaration>> {
    let mut requests = BTreeMap::new();
    for declared in declarations {
        let RequestDeclaration {
            name, type_name, ..
        } = declared;
        EventName::parse_emitted(name).map_err(|error| {
            Error::new(error.code(), format!("the request {type_name}: {error}"))
        })?;
        let before: Option<RequestDeclaration> = requests.insert(*name, *declared);
        if let Some(before) = before.filter(|before| before.type_name != *type_name) {
            return Err(Error::new(
                ErrorCode::InvalidEventName,
                format!(
                    "{} and {type_name} are both called {name:?}; a request has one type, and a name of its own",
                    before.type_name
                ),
            ));
        }
    }
    Ok(requests)
}

/// An event of a [`Catalog`].
#[derive(Debug, Clone, Copy)]
pub struct DeclaredEvent<'a> {
    declaration: &'a Declaration,
}

impl<'a> DeclaredEvent<'a> {
    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.declaration.name
    }

    /// The Rust type of its payload, with its path.
    #[must_use]
    pub fn type_name(&self) -> &'a str {
        self.declaration.type_name
    }

    /// How it is kept and delivered, as far as its declaration says so.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.declaration.policy
    }

    /// Who emits it, for people.
    #[must_use]
    pub fn emitted_by(&self) -> &'a [&'a str] {
        self.declaration.emitted_by
    }

    /// Who listens to it, for people.
    #[must_use]
    pub fn listened_by(&self) -> &'a [&'a str] {
        self.declaration.listened_by
    }

    /// Whether what pages emit must have its shape.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.declaration.check.is_some()
    }
}

/// A catalog as pages and tools read it.
#[derive(Serialize)]
struct Document<'a> {
    strict: bool,
    events: Vec<EventDocument<'a>>,
    requests: Vec<RequestDocument<'a>>,
    components: &'a [ComponentDescription],
    /// The types that the schemas of the events refer to.
    #[serde(rename = "$defs")]
    definitions: BTreeMap<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventDocument<'a> {
    name: &'a str,
    description: Option<String>,
    policy: Policy,
    emitted_by: &'a [&'a str],
    listened_by: &'a [&'a str],
    checked: bool,
    /// The JSON Schema of the payload.
    schema: Value,
}

#[derive(Serialize)]
struct RequestDocument<'a> {
    name: &'a str,
    description: Option<String>,
    /// The JSON Schema of what is asked.
    request: Value,
    /// The JSON Schema of what is answered.
    response: Value,
}

/// The schemas of a catalog, in the order of the names, and what they refer to.
#[derive(Default)]
struct Schemas {
    events: Vec<Value>,
    requests: Vec<(Value, Value)>,
    definitions: BTreeMap<String, Value>,
}

impl Catalog {
    fn document(&self) -> Document<'_> {
        let Schemas {
            events: schemas,
            requests,
            definitions,
        } = self.schemas();
        let described = |schema: &Value| {
            let schema = match schema["$ref"].as_str() {
                Some(reference) => definitions.get(reference.trim_start_matches("#/$defs/"))?,
                None => schema,
            };
            schema["description"].as_str().map(str::to_owned)
        };
        let events = self.events.values().zip(schemas);
        let events = events.map(|(declaration, schema)| EventDocument {
            name: declaration.name,
            description: described(&schema),
            policy: declaration.policy,
            emitted_by: declaration.emitted_by,
            listened_by: declaration.listened_by,
            checked: declaration.check.is_some(),
            schema,
        });
        let declared = self.requests.values().zip(requests);
        let declared = declared.map(|(declared, (request, response))| RequestDocument {
            name: declared.name,
            description: described(&request),
            request,
            response,
        });
        let declared = declared.collect();
        Document {
            requests: declared,
            strict: self.is_strict,
            events: events.collect(),
            components: &self.components,
            definitions,
        }
    }

    /// The schema of each event and request, and what they refer to. They say what Rust writes.
    #[cfg(feature = "typed")]
    fn schemas(&self) -> Schemas {
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let mut generator = settings.into_generator();
        let events = self.events.values();
        let events = events.map(|declaration| (declaration.schema)(&mut generator).to_value());
        let events = events.collect();
        let requests = self.requests.values();
        let requests = requests.map(|declared| {
            let request = (declared.request)(&mut generator).to_value();
            (request, (declared.response)(&mut generator).to_value())
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
/// requests: [{ name, description, request, response }], components: [{ name, namespace, description, emits, listens }],
/// $defs }`, where the schemas are JSON Schema and refer to `$defs`.
impl Serialize for Catalog {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &'static str, type_name: &'static str) -> Declaration {
        Declaration {
            name,
            type_name,
            // By their names here; two versions of a crate have types of one name.
            type_id: match type_name {
                "app::One" => TypeId::of::<u8>(),
                _ => TypeId::of::<u16>(),
            },
            policy: Policy::new(),
            emitted_by: &[],
            listened_by: &[],
            check: Some(|payload| match payload {
                "1" => Ok(()),
                _ => Err("at `a.b`: expected 1".to_owned()),
            }),
            #[cfg(feature = "typed")]
            schema: |_| schemars::Schema::default(),
        }
    }

    fn name(name: &str) -> EventName {
        EventName::parse_emitted(name).unwrap()
    }

    #[test]
    fn one_name_has_one_type() {
        let error = Catalog::new(
            &[declared("a", "app::One"), declared("a", "app::Two")],
            &[],
            false,
        )
        .unwrap_err();
        for part in ["app::One", "app::Two", "\"a\""] {
            assert!(error.message().contains(part), "{error}");
        }
        let twice = Catalog::new(
            &[declared("a", "app::One"), declared("a", "app::One")],
            &[],
            false,
        );
        assert_eq!(twice.unwrap().events().count(), 1);
        let error = Catalog::new(&[declared("a b", "app::One")], &[], false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEventName);
        assert!(error.message().contains("app::One"), "{error}");
        let error = Catalog::new(&[], &[], true).unwrap_err();
        assert!(error.message().contains("Builder::event"), "{error}");
    }

    #[test]
    fn names_that_are_not_registered_go_through_unless_it_is_strict() {
        let declarations = [declared("a", "app::One")];
        let open = Catalog::new(&declarations, &[], false).unwrap();
        assert_eq!(open.check_name(&name("b")), Ok(()));
        let strict = Catalog::new(&declarations, &[], true).unwrap();
        let error = strict.check_name(&name("b")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEventName);
        for part in ["\"b\"", "strict"] {
            assert!(error.message().contains(part), "{error}");
        }
        assert!(!error.message().contains("\"a\""), "{error}");
        assert_eq!(strict.check_name(&name("a")), Ok(()));
    }

    #[test]
    fn a_payload_of_another_shape_is_refused_with_its_path() {
        let catalog = Catalog::new(&[declared("a", "app::One")], &[], false).unwrap();
        let error = catalog.check_payload(&name("a"), "2").unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPayload);
        for part in ["\"a\"", "app::One", "`a.b`"] {
            assert!(error.message().contains(part), "{error}");
        }
        let unchecked = Declaration {
            check: None,
            ..declared("a", "app::One")
        };
        let catalog = Catalog::new(&[unchecked], &[], false).unwrap();
        assert_eq!(catalog.check_payload(&name("a"), "2"), Ok(()));
    }
}
