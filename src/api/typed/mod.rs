//! Typed events: one declaration gives the name, the payload's type in Rust and TypeScript, the check of what pages
//! emit, and the documentation.

mod periodic;
mod request;
mod stream;

use std::any::TypeId;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tauri_plugin_event_bus_types::internal as numbers;

use crate::api::bus::{EmitOptions, EventBus, EventBusExt};
use crate::api::listener::Listener;
use crate::api::periodic::JobBuilder;
use crate::catalog::Declaration;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{BusEvent, Receipt};
use crate::model::policy::Policy;
use crate::model::target::Target;

pub use request::Request;
pub use stream::{TypedItem, TypedStream};

/// An event whose payload is a type of yours.
///
/// The doc comment of the type is the description of the event, those of its fields are theirs. Registered with
/// [`Builder::event`](crate::Builder::event), what pages emit under its name must have its shape, and its TypeScript
/// and its documentation are generated: see [`Catalog`](crate::Catalog).
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::{Builder, Event, EventBus, Result};
///
/// /// What is in the cart has changed.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "camelCase")]
/// struct CartUpdated {
///     /// How many items are in it now.
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
    /// The event's name.
    const NAME: &'static str;

    /// How it is kept and delivered, unless `tauri.conf.json` or [`Builder::policy`](crate::Builder::policy) says
    /// otherwise.
    const POLICY: Policy = Policy::new();

    /// Whether what pages emit under its name must have its shape. Otherwise it goes through as it is.
    const CHECKED: bool = true;

    /// Who emits it, for the documentation: `&["Rust", "the window `main`"]`.
    const EMITTED_BY: &'static [&'static str] = &[];

    /// Who listens to it, for the documentation.
    const LISTENED_BY: &'static [&'static str] = &[];

    /// Emits it to everyone, as [`EventBus::emit`] does.
    ///
    /// `on` is what has an event bus: an app, a window, a webview, which is then the source, or the bus itself.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`]; [`ErrorCode::InvalidPayload`] also for a number that a page could not read
    /// exactly, with its path: see [`Exact`].
    fn emit(&self, on: &impl EventBusExt) -> Result<Receipt> {
        self.emit_with(on, EmitOptions::new())
    }

    /// Emits it to a target, as [`EventBus::emit_to`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Event::emit`] and [`EventBus::emit_to`].
    fn emit_to(&self, on: &impl EventBusExt, target: impl Into<Target>) -> Result<Receipt> {
        self.emit_with(on, EmitOptions::new().to(target))
    }

    /// Emits it with options, as [`EventBus::emit_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Event::emit`] and [`EventBus::emit_to`].
    fn emit_with(&self, on: &impl EventBusExt, options: EmitOptions) -> Result<Receipt> {
        check_numbers(self)?;
        on.event_bus().as_ref().emit_with(Self::NAME, self, options)
    }

    /// Emits it as soon as every queue has room, as [`EventBus::emit_async`] does. The payload is what the event is now,
    /// not when there is room.
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

/// Says which number of an event a page could not read.
fn check_numbers<E: Event>(event: &E) -> Result<()> {
    numbers::check_numbers(event).map_err(|problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the payload of {:?}: {problem}", E::NAME),
        )
    })
}

impl Declaration {
    pub(crate) fn of<E: Event>() -> Self {
        Self {
            name: E::NAME,
            type_name: std::any::type_name::<E>(),
            type_id: TypeId::of::<E>(),
            policy: E::POLICY,
            emitted_by: E::EMITTED_BY,
            listened_by: E::LISTENED_BY,
            check: E::CHECKED.then_some(|payload| {
                read::<E>(payload).and_then(|event| {
                    numbers::check_numbers(&event).map_err(|problem| problem.to_string())
                })
            }),
            schema: |generator| generator.subschema_for::<E>(),
        }
    }
}

/// Reads a payload, or says where it is wrong.
pub(crate) fn read<E: DeserializeOwned>(payload: &str) -> Result<E, String> {
    let mut json = serde_json::Deserializer::from_str(payload);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // serde_path_to_error writes a dot where it is the payload as a whole.
        if path == "." {
            error.inner().to_string()
        } else {
            format!("at `{path}`: {}", error.inner())
        }
    })
}

/// An event of one type as a listener in Rust gets it: its payload, and by dereference all that a [`BusEvent`] has.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TypedEvent<E> {
    /// The payload.
    pub payload: E,
    event: BusEvent,
}

impl<E: Event> TypedEvent<E> {
    fn read(event: BusEvent) -> Result<Self, (BusEvent, Error)> {
        match read(event.payload_json()) {
            Ok(payload) => Ok(Self { payload, event }),
            Err(problem) => {
                let text = format!(
                    "the payload of {:?} is no {}: {problem}",
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
    /// Calls a function for every event of this type that is for everyone or for the host, as [`EventBus::listen`]
    /// does.
    ///
    /// A payload that does not have the type's shape is reported to `log` and passed over: Rust may have emitted
    /// something else under its name, or the event is not registered.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    pub fn listen_event<E: Event>(
        &self,
        mut callback: impl FnMut(TypedEvent<E>) + Send + 'static,
    ) -> Result<Listener> {
        self.listen(E::NAME, move |event| match TypedEvent::read(event) {
            Ok(event) => callback(event),
            Err((event, error)) => {
                log::warn!("event {} is passed over: {error}", event.seq());
            }
        })
    }

    /// A stream of the events of this type that are for everyone or for the host.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::stream`].
    pub fn stream_of<E: Event>(&self) -> Result<TypedStream<E>> {
        Ok(TypedStream::new(self.stream(E::NAME)?))
    }

    /// Prepares an event of this type that the plugin emits by itself, at a fixed rate, as [`EventBus::periodic`] does.
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
        periodic::prepare(self)
    }
}
