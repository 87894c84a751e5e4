use std::any::TypeId;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tauri_plugin_event_bus_types::Event;
use tauri_plugin_event_bus_types::internal::{check_numbers, write_event};

use crate::api::bus::{EventBus, EventBusExt};
use crate::api::jobs::builder::JobBuilder;
use crate::api::jobs::delayed::{DelayedEmit, When};
use crate::api::listener::Listener;
use crate::api::options::{EmitOptions, ListenOptions};
use crate::api::outcomes::EmitHandled;
use crate::api::target::IntoTarget;
use crate::api::wait::WaitFor;
use crate::catalog::EventDeclaration;
use crate::engine::diagnostics::{Diagnostics, Record};
use crate::model::error::Result;
use crate::model::event::{BusEvent, Receipt};
use crate::model::json::Json;

use super::jobs;
use super::received::TypedEvent;
use super::stream::TypedStream;

/// What an [`Event`] can do on a bus. Every type that implements [`Event`] has it.
///
/// `on` is anything with an event bus: an app, a window, a component, the bus itself, or a webview, which then is the
/// source. The event has the name that it declares, also on a view with a namespace.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::typed::*;
/// use tauri_plugin_event_bus::{Builder, EventBus, Result};
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
///     CartUpdated::listen(bus, |event| println!("{} items", event.payload.item_count))?.forget();
///     CartUpdated { item_count: 3 }.emit(bus)?;
///     Ok(())
/// }
///
/// let builder = Builder::new().event::<CartUpdated>();
/// # let _ = (use_it, builder);
/// ```
pub trait EventExt: Event {
    /// Emits the event to everyone, as [`EventBus::emit`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`], and [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload) for a number that a
    /// page could not read exactly; the message has its path. See [`Exact`](crate::typed::Exact).
    fn emit(&self, on: &impl EventBusExt) -> Result<Receipt> {
        self.emit_with(on, EmitOptions::new())
    }

    /// Emits the event to a target, as [`EventBus::emit_to`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventExt::emit`] and [`EventBus::emit_to`].
    fn emit_to(&self, on: &impl EventBusExt, to: impl IntoTarget) -> Result<Receipt> {
        self.emit_with(on, EmitOptions::new().to(to))
    }

    /// Emits the event, and waits until it is handled, as [`EventBus::emit_handled`] does.
    fn emit_handled(&self, on: &impl EventBusExt) -> EmitHandled {
        let payload = write_event(self).map(Json::from);
        EmitHandled::of_json(&plain_bus(on), Self::NAME, payload)
    }

    /// Prepares the event to be emitted once, after a delay, as [`EventBus::emit_after`] does.
    fn emit_after(&self, on: &impl EventBusExt, delay: Duration) -> DelayedEmit {
        let payload = write_event(self).map(Json::from);
        DelayedEmit::of_json(plain_bus(on), Self::NAME, When::After(delay), payload)
    }

    /// Prepares the event to be emitted once, at a time of day, as [`EventBus::emit_at`] does.
    fn emit_at(&self, on: &impl EventBusExt, time: SystemTime) -> DelayedEmit {
        let payload = write_event(self).map(Json::from);
        DelayedEmit::of_json(plain_bus(on), Self::NAME, When::at(time), payload)
    }

    /// Emits the event with options, as [`EventBus::emit_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventExt::emit`] and [`EventBus::emit_to`].
    fn emit_with(&self, on: &impl EventBusExt, options: EmitOptions) -> Result<Receipt> {
        let bus = on.event_bus();
        let bus = bus.as_ref();
        bus.publish_prepared(bus.prepare_json(
            Self::NAME,
            write_event(self).map(Json::from),
            options,
        ))
    }

    /// Emits the event once every queue has room, as [`EventBus::emit_async`] does. The payload is taken when this is called.
    ///
    /// # Errors
    ///
    /// Those of [`EventExt::emit`] and [`EventBus::emit_async`].
    fn emit_async<B: EventBusExt>(
        &self,
        on: &B,
    ) -> impl Future<Output = Result<Receipt>> + Send + use<Self, B> {
        self.emit_async_with(on, EmitOptions::new())
    }

    /// Emits the event with options once every queue has room, as [`EventBus::emit_async_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventExt::emit_async`].
    fn emit_async_with<B: EventBusExt>(
        &self,
        on: &B,
        options: EmitOptions,
    ) -> impl Future<Output = Result<Receipt>> + Send + use<Self, B> {
        let bus = on.event_bus();
        let bus = bus.as_ref();
        bus.publish_prepared_when_room(bus.prepare_json(
            Self::NAME,
            write_event(self).map(Json::from),
            options,
        ))
    }

    /// Calls a function for every event of this type that is for everyone or for the host, as [`EventBus::listen`] does.
    ///
    /// A payload that does not match the type is logged and ignored. The bus delivers one if the host emits another type
    /// under the name, or if the event is not registered.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    fn listen(
        on: &impl EventBusExt,
        callback: impl FnMut(TypedEvent<Self>) + Send + 'static,
    ) -> Result<Listener> {
        Self::listen_with(on, ListenOptions::new(), callback)
    }

    /// Calls a function for every event of this type, with options, as [`EventBus::listen_with`] does. Payloads are read as
    /// [`EventExt::listen`] reads them.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    fn listen_with(
        on: &impl EventBusExt,
        options: ListenOptions,
        mut callback: impl FnMut(TypedEvent<Self>) + Send + 'static,
    ) -> Result<Listener> {
        let bus = plain_bus(on);
        let diagnostics = Arc::clone(bus.runtime().core.diagnostics());
        bus.listen_with(Self::NAME, options, move |event| {
            if let Some(event) = read_or_log(event, &diagnostics) {
                callback(event);
            }
        })
    }

    /// Calls a function for the first event of this type, as [`EventBus::once`] does. A payload that does not match is
    /// logged, and does not count.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    fn once(
        on: &impl EventBusExt,
        callback: impl FnOnce(TypedEvent<Self>) + Send + 'static,
    ) -> Result<Listener> {
        plain_bus(on).once_read(Self::NAME, read_or_log, callback)
    }

    /// Returns a stream of the events of this type that are for everyone or for the host.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::stream`].
    fn stream(on: &impl EventBusExt) -> Result<TypedStream<Self>> {
        Ok(TypedStream::new(plain_bus(on).stream(Self::NAME)?))
    }

    /// Waits for an event of this type, as [`EventBus::wait_for`] does. A payload that does not match is logged, and does
    /// not count.
    ///
    /// ```
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// use tauri_plugin_event_bus::typed::*;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// struct ImportDone {
    ///     id: u32,
    /// }
    /// # impl Event for ImportDone {
    /// #     const NAME: &'static str = "import:done";
    /// # }
    ///
    /// async fn finish(bus: EventBus, id: u32) -> Result<()> {
    ///     ImportDone::wait_for(&bus).filter(move |event| event.payload.id == id).await?;
    ///     Ok(())
    /// }
    /// # let _ = finish;
    /// ```
    fn wait_for(on: &impl EventBusExt) -> WaitFor<TypedEvent<Self>> {
        WaitFor::new(plain_bus(on).wait_parts(Self::NAME), read_or_log)
    }

    /// Prepares a job that emits this event at a fixed rate, as [`EventBus::periodic`] does.
    ///
    /// ```
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::typed::*;
    /// use tauri_plugin_event_bus::{EventBus, Result};
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
    ///     CpuLoad::periodic(bus)
    ///         .every(Duration::from_secs(1))
    ///         .payload_with(|_| CpuLoad { percent: 12.5 })
    ///         .start()?
    ///         .forget();
    ///     Ok(())
    /// }
    /// # let _ = start;
    /// ```
    fn periodic(on: &impl EventBusExt) -> JobBuilder<Self> {
        jobs::prepare(plain_bus(on))
    }
}

impl<E: Event> EventExt for E {}

/// The bus without the prefix of a view: types declare whole names.
pub(super) fn plain_bus(on: &impl EventBusExt) -> EventBus {
    on.event_bus().as_ref().without_prefix()
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
                let event: E = payload.read().map_err(|mismatch| mismatch.to_string())?;
                check_numbers(&event).map_err(|problem| problem.to_string())
            }),
            schema: |generator| generator.subschema_for::<E>(),
        }
    }
}

fn read_or_log<E: Event>(event: BusEvent, diagnostics: &Diagnostics) -> Option<TypedEvent<E>> {
    TypedEvent::read(event)
        .inspect_err(|(event, error)| {
            diagnostics.tell(Record::PayloadIgnored, E::NAME, event.as_cause(), || {
                format!(" ({}): {error}", event.seq())
            });
        })
        .ok()
}
