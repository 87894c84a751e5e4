//! The declared events and requests of the app: checks of payloads, and generated documentation.

mod component;
mod declaration;
mod document;
#[cfg(feature = "typed")]
mod export;
#[cfg(feature = "typed")]
mod json_schema;
#[cfg(feature = "typed")]
mod markdown;
mod registry;
#[cfg(feature = "typed")]
mod type_text;
#[cfg(feature = "typed")]
mod typescript;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::catalog::declaration::{Check, RequestKind};
use crate::catalog::registry::Registry;
use crate::model::built_in::is_built_in;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::json::Json;
use crate::model::name::{EventName, OWN_PREFIX};
use crate::model::policies::Policies;

pub use component::{ComponentDescription, DescribedEvent};
pub use declaration::{DeclaredChannel, DeclaredEvent, DeclaredRequest, DeclaredStream};
pub(crate) use declaration::{EventDeclaration, RequestDeclaration};
#[cfg(feature = "typed")]
pub use export::ExportError;

/// The typed events and requests of the app, and its described components. Cheap to clone.
///
/// Use [`EventBus::catalog`](crate::EventBus::catalog) in a running app, and
/// [`Builder::catalog`](crate::Builder::catalog) without one, in a test that writes files.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    events: Registry<EventDeclaration>,
    requests: Registry<RequestDeclaration>,
    components: Arc<[ComponentDescription]>,
    is_strict: bool,
}

impl Catalog {
    pub(crate) fn new(
        events: &[EventDeclaration],
        requests: &[RequestDeclaration],
        is_strict: bool,
    ) -> Result<Self> {
        let requests = Registry::new(requests)?;
        let events = Registry::new(events)?;
        if is_strict && events.is_empty() && requests.is_empty() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the catalog is strict and empty, so it would refuse every event; register events with Builder::event",
            ));
        }
        Ok(Self {
            events,
            requests,
            components: Arc::default(),
            is_strict,
        })
    }

    pub(crate) fn with_components(self, components: &[ComponentDescription]) -> Result<Self> {
        let mut checked: Vec<_> = components
            .iter()
            .map(ComponentDescription::checked)
            .collect::<Result<_>>()?;
        checked.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        let same = checked.windows(2).find(|pair| {
            (&pair[0].namespace, &pair[0].name) == (&pair[1].namespace, &pair[1].name)
        });
        if let Some([first, _]) = same {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the component {} is described twice; describe each component once",
                    quoted(&first.name)
                ),
            ));
        }
        Ok(Self {
            components: checked.into(),
            ..self
        })
    }

    /// The described components, in the order of their namespaces and names.
    pub fn components(&self) -> &[ComponentDescription] {
        &self.components
    }

    /// The typed events, in the order of their names.
    pub fn events(&self) -> impl Iterator<Item = DeclaredEvent<'_>> {
        self.events
            .iter()
            .map(|declaration| DeclaredEvent { declaration })
    }

    /// The typed requests, in the order of their names.
    pub fn requests(&self) -> impl Iterator<Item = DeclaredRequest<'_>> {
        let requests = self.requests.iter();
        requests
            .filter(|request| request.kind() == RequestKind::Request)
            .map(|declaration| DeclaredRequest { declaration })
    }

    /// The typed streams, in the order of their names.
    pub fn streams(&self) -> impl Iterator<Item = DeclaredStream<'_>> {
        let streams = self.requests.iter();
        streams
            .filter(|request| request.kind() == RequestKind::Stream)
            .map(|declaration| DeclaredStream { declaration })
    }

    /// The typed channels, in the order of their names.
    pub fn channels(&self) -> impl Iterator<Item = DeclaredChannel<'_>> {
        let channels = self.requests.iter();
        channels
            .filter(|request| request.kind() == RequestKind::Channel)
            .map(|declaration| DeclaredChannel { declaration })
    }

    /// The names of everything that is declared.
    #[cfg(feature = "metrics")]
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let events = self.events.iter().map(|event| event.name);
        events.chain(self.requests.iter().map(|request| request.name))
    }

    /// Whether names that are not registered are refused: see [`CatalogMode`](crate::CatalogMode).
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// The policies that the events declare.
    pub(crate) fn policies(&self) -> Result<Policies> {
        let mut policies = Policies::default();
        for declaration in self.events.iter() {
            policies.add(declaration.name, declaration.policy)?;
        }
        Ok(policies)
    }

    /// Refuses the name of an event that is not registered, if the catalog is strict.
    pub(crate) fn check_name(&self, name: &EventName) -> Result<()> {
        // First what every emit passes at no cost.
        if !self.is_strict
            || self.events.contains(name)
            || name.as_str().starts_with(OWN_PREFIX)
            || is_built_in(name.as_str())
        {
            return Ok(());
        }
        // The registered names stay unsaid: a page may read them with the permission `allow-catalog` only.
        Err(Error::new(
            ErrorCode::InvalidEventName,
            format!(
                "the event {} is not registered, and the catalog is strict; register it with Builder::event, or use a name of the catalog",
                quoted(name.as_str()),
            ),
        ))
    }

    /// Whether payloads under this name are checked.
    pub(crate) fn checks(&self, name: &EventName) -> bool {
        let declaration = self.events.find(name);
        declaration.is_some_and(|declaration| declaration.check.is_some())
    }

    /// Refuses the name of a request that is not registered, if the catalog is strict.
    pub(crate) fn check_request_name(&self, name: &EventName) -> Result<()> {
        if !self.is_strict || self.requests.contains(name) {
            return Ok(());
        }
        let registered = self.requests.iter().map(|request| request.name);
        Err(Error::new(
            ErrorCode::InvalidEventName,
            format!(
                "the request {} is not registered, and the catalog is strict; {}",
                quoted(name.as_str()),
                list_nearest(name.as_str(), registered.collect())
            ),
        ))
    }

    /// Refuses a payload that does not match the type of its event.
    pub(crate) fn check_payload(&self, name: &EventName, payload: &Json) -> Result<()> {
        let Some(declaration) = self.events.find(name) else {
            return Ok(());
        };
        let Some(check) = declaration.check else {
            return Ok(());
        };
        check_against(check, payload, declaration.type_name, || {
            format!("the payload of {:?}", name.as_str())
        })
    }

    /// Refuses a request whose payload does not match its type.
    pub(crate) fn check_request_payload(&self, name: &EventName, payload: &Json) -> Result<()> {
        let Some(declaration) = self.requests.find(name) else {
            return Ok(());
        };
        let check = declaration.check_request_payload;
        check_against(check, payload, declaration.type_name, || {
            format!("the request {:?}", name.as_str())
        })
    }

    /// Refuses a part of a page that does not match the type that its stream or channel declares.
    pub(crate) fn check_part(&self, name: &EventName, part: &Json) -> Result<()> {
        let Some(declaration) = self.requests.find(name) else {
            return Ok(());
        };
        let Some(check) = declaration.check_part else {
            return Ok(());
        };
        let declared = format!("the part type of {}", declaration.type_name);
        check_against(check, part, &declared, || {
            format!("a part of {:?}", name.as_str())
        })
    }

    /// Refuses a response that does not match the type that its request declares.
    pub(crate) fn check_response(&self, name: &EventName, payload: &Json) -> Result<()> {
        let Some(declaration) = self.requests.find(name) else {
            return Ok(());
        };
        let declared = format!("the response type of {}", declaration.type_name);
        check_against(declaration.check_response, payload, &declared, || {
            format!("the response to {:?}", name.as_str())
        })
    }
}

/// Lists the registered names that are most like this one, and the number of the others.
fn list_nearest(name: &str, mut registered: Vec<&str>) -> String {
    const MAX_LISTED: usize = 5;
    if registered.is_empty() {
        return "no request is registered; register it with Builder::request, Builder::stream_request or Builder::channel_request".to_owned();
    }
    registered.sort_by_key(|other| (edits(name, other), *other));
    let listed = registered.iter().take(MAX_LISTED);
    let listed: Vec<String> = listed.map(|name| quoted(name)).collect();
    let others = registered.len() - listed.len();
    let listed = listed.join(", ");
    match others {
        0 => format!("the registered requests are {listed}"),
        _ => format!("the nearest registered requests are {listed}; there are {others} more"),
    }
}

/// How many characters have to be added, removed or replaced to make one text of the other.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

fn check_against(
    check: Check,
    payload: &Json,
    declared: &str,
    what: impl FnOnce() -> String,
) -> Result<()> {
    // The check runs code of the app. A panic in it would end the task that has the payload.
    let checked = catch_unwind(AssertUnwindSafe(|| check(payload)));
    let checked = checked.unwrap_or_else(|panic| Err(text_of(panic)));
    checked.map_err(|problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("{} does not match {declared}: {problem}", what()),
        )
    })
}

fn text_of(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast::<String>().map(|text| *text);
    let text = text.or_else(|panic| panic.downcast::<&str>().map(|text| (*text).to_owned()));
    // What it carries otherwise may panic when it is dropped.
    let text = text.map_err(std::mem::forget);
    let text = text.unwrap_or_else(|()| "no message".to_owned());
    format!("reading it panicked: {text}")
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;

    use super::*;
    use crate::model::policy::Policy;

    fn declared(name: &'static str, type_name: &'static str) -> EventDeclaration {
        EventDeclaration {
            name,
            type_name,
            type_id: match type_name {
                "app::One" => TypeId::of::<u8>(),
                _ => TypeId::of::<u16>(),
            },
            policy: Policy::new(),
            emitted_by: &[],
            listened_by: &[],
            check: Some(|payload| match &**payload {
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
    fn a_check_that_panics_refuses_the_payload() {
        for (check, text) in [
            ((|_| panic!("no {}", 7)) as Check, "no 7"),
            (|_| panic!("constant"), "constant"),
            (|_| std::panic::panic_any(7), "no message"),
        ] {
            let error = check_against(check, &"1".into(), "`app::One`", || "it".to_owned());
            let error = error.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidPayload);
            assert!(
                error
                    .message()
                    .ends_with(&format!("reading it panicked: {text}")),
                "{error}"
            );
        }
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
    fn the_nearest_names_come_first() {
        let all = vec!["sum", "confirm", "zoom", "a", "bb", "ccc", "dddd"];
        assert_eq!(
            list_nearest("confrim", all),
            r#"the nearest registered requests are "confirm", "zoom", "ccc", "sum", "a"; there are 2 more"#
        );
        assert_eq!(
            list_nearest("x", vec!["b", "a"]),
            r#"the registered requests are "a", "b""#
        );
        assert!(list_nearest("x", Vec::new()).contains("Builder::request"));
        for (one, other, expected) in [("", "ab", 2), ("größe", "grosse", 3), ("ab", "ab", 0)] {
            assert_eq!((edits(one, other), edits(other, one)), (expected, expected));
        }
    }

    #[test]
    fn only_a_strict_catalog_refuses_unregistered_names() {
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
    fn a_payload_that_does_not_match_is_refused() {
        let catalog = Catalog::new(&[declared("a", "app::One")], &[], false).unwrap();
        let error = catalog.check_payload(&name("a"), &"2".into()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPayload);
        for part in ["\"a\"", "app::One", "`a.b`"] {
            assert!(error.message().contains(part), "{error}");
        }
        let unchecked = EventDeclaration {
            check: None,
            ..declared("a", "app::One")
        };
        let catalog = Catalog::new(&[unchecked], &[], false).unwrap();
        assert_eq!(catalog.check_payload(&name("a"), &"2".into()), Ok(()));
    }
}
