//! Typed events and requests: one declaration gives the name, the types of Rust and TypeScript, the check of what pages
//! send, and the documentation.

mod jobs;
mod request;
mod stream;

use std::any::TypeId;
use std::ops::Deref;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tauri_plugin_event_bus_types::internal as numbers;

use crate::api::bus::{EventBus, EventBusExt};
use crate::api::jobs::builder::JobBuilder;
use crate::api::json::from_json;
use crate::api::listener::Listener;
use crate::api::options::EmitOptions;
use crate::api::target::IntoTarget;
use crate::catalog::EventDeclaration;
use crate::engine::diagnostics::Record;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{BusEvent, Receipt};
use crate::model::policy::Policy;

pub use request::Request;
pub use stream::{TypedItem, TypedStream};

/// An event whose payload is a type of yours.
///
/// The doc comments of the type and of its fields describe the event. Once the type is registered with
/// [`Builder::event`](crate::Builder::event), payloads of pages under its name must match it, and its TypeScript and
/// documentation are generated: see [`Catalog`](crate::Catalog).
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::{Builder, Event, EventBus, Result};
///
/// /// The content of the cart changed.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "camelCase")]
/// struct CartUpdated {
///     /// The number of items in the cart now.
///     item_count: u32,
/// }
///
/// impl Event for CartUpdated {
///     const NAME: &'static str = "cart:updated";
/// }
///
/// fn use_it(bus: &EventBus) -> Result<()> {
///     bus.listen_event::<CartUpdated>(|event| println!("{} items", event.payload.item_count))?
///         .forget();
///     CartUpdated { item_count: 3 }.emit(bus)?;
///     Ok(())
/// }
///
/// let builder = Builder::new().event::<CartUpdated>();
/// # let _ = (use_it, builder);
/// ```
pub trait Event: Serialize + DeserializeOwned + JsonSchema + 'static {
    /// The name of the event: 1 to 255 bytes.
    const NAME: &'static str;

    /// How the event is kept and delivered, unless `tauri.conf.json` or [`Builder::policy`](crate::Builder::policy) says
    /// otherwise.
    const POLICY: Policy = Policy::new();

    /// Whether payloads of pages must match the type. If not, they pass unchecked.
    const CHECKED: bool = true;

    /// Who emits the event, for the documentation: `&["the host", "the window `main`"]`.
    const EMITTED_BY: &'static [&'static str] = &[];

    /// Who listens to the event, for the documentation.
    const LISTENED_BY: &'static [&'static str] = &[];

    /// Emits the event to everyone, as [`EventBus::emit`] does.
    ///
    /// `on` is anything with an event bus: an app, a window, a component, the bus itself, or a webview, which then is the
    /// source.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`], and [`ErrorCode::InvalidPayload`] for a number that a page could not read exactly; the
    /// message has its path. See [`Exact`].
    fn emit(&self, on: &impl EventBusExt) -> Result<Receipt> {
        self.emit_with(on, EmitOptions::new())
    }

    /// Emits the event to a target, as [`EventBus::emit_to`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Event::emit`] and [`EventBus::emit_to`].
    fn emit_to(&self, on: &impl EventBusExt, to: impl IntoTarget) -> Result<Receipt> {
        self.emit_with(on, EmitOptions::new().to(to))
    }

    /// Emits the event with options, as [`EventBus::emit_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Event::emit`] and [`EventBus::emit_to`].
    fn emit_with(&self, on: &impl EventBusExt, options: EmitOptions) -> Result<Receipt> {
        check_numbers(self)?;
        on.event_bus().as_ref().emit_with(Self::NAME, self, options)
    }

    /// Emits the event once every queue has room, as [`EventBus::emit_async`] does. The payload is taken when this is called.
    ///
    /// # Errors
    ///
    /// Those of [`Event::emit`] and [`EventBus::emit_async`].
    fn emit_async<B: EventBusExt>(
        &self,
        on: &B,
        options: EmitOptions,
    ) -> impl Future<Output = Result<Receipt>> + Send + use<Self, B> {
        let bus = on.event_bus().as_ref().clone();
        bus.emit_prepared(check_numbers(self).and_then(|()| bus.prepare(Self::NAME, self, options)))
    }
}

/// Refuses an event with a number that a page could not read exactly.
fn check_numbers<E: Event>(event: &E) -> Result<()> {
    numbers::check_numbers(event).map_err(|problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the payload of {:?}: {problem}", E::NAME),
        )
    })
}

impl EventDeclaration {
    pub(crate) fn of<E: Event>() -> Self {
        Self {
            name: E::NAME,
            type_name: std::any::type_name::<E>(),
            type_id: TypeId::of::<E>(),
            policy: E::POLICY,
            emitted_by: E::EMITTED_BY,
            listened_by: E::LISTENED_BY,
            check: E::CHECKED.then_some(|payload| {
                from_json::<E>(payload).and_then(|event| {
                    numbers::check_numbers(&event).map_err(|problem| problem.to_string())
                })
            }),
            schema: |generator| generator.subschema_for::<E>(),
        }
    }
}

/// A typed event as a listener of the host gets it: the payload, and by dereference everything of a [`BusEvent`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TypedEvent<E> {
    /// The payload.
    pub payload: E,
    event: BusEvent,
}

impl<E: Event> TypedEvent<E> {
    fn read(event: BusEvent) -> Result<Self, (BusEvent, Error)> {
        match from_json(event.payload_json()) {
            Ok(payload) => Ok(Self { payload, event }),
            Err(problem) => {
                let text = format!(
                    "the payload of {:?} does not match {}: {problem}",
                    event.name(),
                    std::any::type_name::<E>()
                );
                Err((event, Error::new(ErrorCode::InvalidPayload, text)))
            }
        }
    }
}

impl<E> Deref for TypedEvent<E> {
    type Target = BusEvent;

    fn deref(&self) -> &BusEvent {
        &self.event
    }
}

impl EventBus {
    /// Calls a function for every event of this type that is for everyone or for the host, as [`EventBus::listen`] does.
    ///
    /// A payload that does not match the type is logged and ignored. The bus delivers one if the host emits another type
    /// under the name, or if the event is not registered.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    pub fn listen_event<E: Event>(
        &self,
        mut callback: impl FnMut(TypedEvent<E>) + Send + 'static,
    ) -> Result<Listener> {
        let diagnostics = Arc::clone(self.runtime().core.diagnostics());
        self.listen(E::NAME, move |event| match TypedEvent::read(event) {
            Ok(event) => callback(event),
            Err((event, error)) => {
                diagnostics.tell(Record::PayloadIgnored, E::NAME, event.as_cause(), || {
                    format!(" ({}): {error}", event.seq())
                });
            }
        })
    }

    /// Returns a stream of the events of this type that are for everyone or for the host.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::stream`].
    pub fn stream_of<E: Event>(&self) -> Result<TypedStream<E>> {
        Ok(TypedStream::new(self.stream(E::NAME)?))
    }

    /// Prepares a periodic job that emits this event at a fixed rate, as [`EventBus::periodic`] does.
    ///
    /// ```
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::{Event, EventBus, Result};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// struct CpuLoad {
    ///     percent: f32,
    /// }
    /// # impl Event for CpuLoad {
    /// #     const NAME: &'static str = "cpu:load";
    /// # }
    ///
    /// fn start(bus: &EventBus) -> Result<()> {
    ///     bus.periodic_event::<CpuLoad>()
    ///         .every(Duration::from_secs(1))
    ///         .payload_with(|_| CpuLoad { percent: 12.5 })
    ///         .start()?
    ///         .forget();
    ///     Ok(())
    /// }
    /// # let _ = start;
    /// ```
    pub fn periodic_event<E: Event>(&self) -> JobBuilder<E> {
        jobs::prepare(self)
    }
}
