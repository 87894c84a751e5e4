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

/// One `impl Request`, `impl StreamRequest` or `impl ChannelRequest`, without its type parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestDeclaration {
    pub(crate) name: &'static str,
    pub(crate) type_name: &'static str,
    pub(crate) type_id: TypeId,
    pub(crate) check_request_payload: Check,
    /// The check of what a page sends as a part: of its stream, or of a channel. `None` if there are no parts.
    pub(crate) check_part: Option<Check>,
    pub(crate) check_response: Check,
    pub(crate) is_channel: bool,
    #[cfg(feature = "typed")]
    pub(crate) request: SchemaOf,
    #[cfg(feature = "typed")]
    pub(crate) part: Option<SchemaOf>,
    /// That of what the host sends, if it is a channel.
    #[cfg(feature = "typed")]
    pub(crate) response: SchemaOf,
}

/// What a declaration of a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    Request,
    Stream,
    Channel,
}

impl RequestDeclaration {
    pub(super) fn kind(&self) -> RequestKind {
        match self.check_part {
            None => RequestKind::Request,
            Some(_) if self.is_channel => RequestKind::Channel,
            Some(_) => RequestKind::Stream,
        }
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
    RequestDeclaration: |request: &RequestDeclaration| match request.kind() {
        RequestKind::Request => "request",
        RequestKind::Stream => "stream",
        RequestKind::Channel => "channel",
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

/// A typed channel of a [`Catalog`](crate::catalog::Catalog), as [`Catalog::channels`](crate::catalog::Catalog::channels)
/// lists it.
///
/// ```
/// # fn show(catalog: &tauri_plugin_event_bus::catalog::Catalog) {
/// for channel in catalog.channels() {
///     println!("{} is opened with {}", channel.name(), channel.type_name());
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DeclaredChannel<'a> {
    pub(super) declaration: &'a RequestDeclaration,
}

impl<'a> DeclaredChannel<'a> {
    /// The name of the channel, `ChannelRequest::NAME`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.declaration.name
    }

    /// The Rust type of the payload with which it is opened, with its path.
    #[must_use]
    pub fn type_name(&self) -> &'a str {
        self.declaration.type_name
    }
}
