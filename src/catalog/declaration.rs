use std::any::TypeId;

use crate::catalog::registry::Declaration;
use crate::model::json::Json;
use crate::model::policy::Policy;

/// Checks a payload, and describes what is wrong with it.
pub(crate) type Check = fn(&Json) -> Result<(), String>;

#[cfg(feature = "typed")]
pub(crate) type SchemaOf = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;

/// One `impl Event`, without its type parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventDeclaration {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) type_id: TypeId,
    pub(crate) policy: Policy,
    pub(crate) emitted_by: &'static [&'static str],
    pub(crate) listened_by: &'static [&'static str],
    /// `None` if the payloads of pages are not checked.
    pub(crate) check: Option<Check>,
    #[cfg(feature = "typed")]
    pub(crate) schema: SchemaOf,
}

/// One `impl Request` or `impl StreamRequest`, without its type parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestDeclaration {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) type_id: TypeId,
    pub(crate) check_request_payload: Check,
    /// `None` if it is not responded to with a stream.
    pub(crate) check_part: Option<Check>,
    pub(crate) check_response: Check,
    #[cfg(feature = "typed")]
    pub(crate) request: SchemaOf,
    #[cfg(feature = "typed")]
    pub(crate) part: Option<SchemaOf>,
    #[cfg(feature = "typed")]
    pub(crate) response: SchemaOf,
}

impl RequestDeclaration {
    pub(super) fn is_stream(&self) -> bool {
        self.check_part.is_some()
    }
}

macro_rules! declarations {
    ($($declaration:ty: $kind:expr),+) => {
        $(impl Declaration for $declaration {
            fn kind(&self) -> &'static str {
                $kind(self)
            }

            fn name(&self) -> &'static str {
                self.name
            }

            fn type_name(&self) -> &'static str {
                self.type_name
            }

            fn type_id(&self) -> TypeId {
                self.type_id
            }
        })+
    };
}

declarations!(
    EventDeclaration: |_| "event",
    RequestDeclaration: |request: &RequestDeclaration| match request.is_stream() {
        true => "stream",
        false => "request",
    }
);

/// A typed event of a [`Catalog`](crate::catalog::Catalog), as [`Catalog::events`](crate::catalog::Catalog::events) lists it.
///
/// ```
/// # fn show(catalog: &tauri_plugin_event_bus::catalog::Catalog) {
/// for event in catalog.events() {
///     println!("{} carries {}", event.name(), event.type_name());
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DeclaredEvent<'a> {
    pub(super) declaration: &'a EventDeclaration,
}

impl<'a> DeclaredEvent<'a> {
    /// The event's name, `Event::NAME`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.declaration.name
    }

    /// The Rust type of the payload, with its path.
    #[must_use]
    pub fn type_name(&self) -> &'a str {
        self.declaration.type_name
    }

    /// How the event is kept and delivered according to its declaration, `Event::POLICY`.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.declaration.policy
    }

    /// Who emits it, for the documentation: `Event::EMITTED_BY`.
    #[must_use]
    pub fn emitted_by(&self) -> &'a [&'a str] {
        self.declaration.emitted_by
    }

    /// Who listens to it, for the documentation: `Event::LISTENED_BY`.
    #[must_use]
    pub fn listened_by(&self) -> &'a [&'a str] {
        self.declaration.listened_by
    }

    /// Whether payloads of pages must match the type, `Event::CHECKED`.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.declaration.check.is_some()
    }
}

/// A typed request of a [`Catalog`](crate::catalog::Catalog), as [`Catalog::requests`](crate::catalog::Catalog::requests)
/// lists it.
///
/// ```
/// # fn show(catalog: &tauri_plugin_event_bus::catalog::Catalog) {
/// for request in catalog.requests() {
///     println!("{} carries {}", request.name(), request.type_name());
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DeclaredRequest<'a> {
    pub(super) declaration: &'a RequestDeclaration,
}

impl<'a> DeclaredRequest<'a> {
    /// The request's name, `Request::NAME`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.declaration.name
    }

    /// The Rust type of the request, with its path.
    #[must_use]
    pub fn type_name(&self) -> &'a str {
        self.declaration.type_name
    }
}

/// A typed stream of a [`Catalog`](crate::catalog::Catalog), as [`Catalog::streams`](crate::catalog::Catalog::streams)
/// lists it.
///
/// ```
/// # fn show(catalog: &tauri_plugin_event_bus::catalog::Catalog) {
/// for stream in catalog.streams() {
///     println!("{} carries {}", stream.name(), stream.type_name());
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DeclaredStream<'a> {
    pub(super) declaration: &'a RequestDeclaration,
}

impl<'a> DeclaredStream<'a> {
    /// The name of the request, `StreamRequest::NAME`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.declaration.name
    }

    /// The Rust type of the request, with its path.
    #[must_use]
    pub fn type_name(&self) -> &'a str {
        self.declaration.type_name
    }
}
