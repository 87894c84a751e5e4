use std::sync::Arc;

use serde::Serialize;

use crate::api::json::to_json;
use crate::api::options::EmitOptions;
use crate::api::target::IntoTarget;
use crate::catalog::Catalog;
use crate::engine::causes;
use crate::hub::{Audience, NewEvent};
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::event::{BusEvent, Origin, Provenance, Receipt};
use crate::model::json::Json;
use crate::model::lifetime::Lifetime;
use crate::model::name::{EventName, parse_component};
use crate::model::pattern::EventPattern;
use crate::model::tap::record::TapAction;
use crate::model::traceparent::Traceparent;
use crate::runtime::BusRuntime;

/// The event bus of the app. Cheap to clone, and usable from any thread and any hook.
///
/// Use [`EventBusExt::event_bus`] of an `App`, an `AppHandle` or a `Window` to get it. No method blocks, calls a listener
/// or evaluates a script. [`EventBus::namespace`] and [`EventBus::component`] return views of it.
#[derive(Clone)]
pub struct EventBus {
    runtime: Arc<BusRuntime>,
    source: Endpoint,
    catalog: Catalog,
    component: Option<Arc<str>>,
    /// The namespace of a view, without a colon at its end.
    prefix: Option<Arc<str>>,
    /// The origin of its events. `None` stands for that of the running listener or responder.
    origin: Option<Origin>,
    /// Whether the trace of the app was taken before.
    has_trace: bool,
}

/// What the options of an event say about it.
type Given = (Option<bool>, Lifetime, Option<Traceparent>);

impl EventBus {
    pub(crate) fn new(runtime: Arc<BusRuntime>, catalog: Catalog) -> Self {
        Self {
            runtime,
            catalog,
            source: Endpoint::Host,
            component: None,
            prefix: None,
            origin: None,
            has_trace: false,
        }
    }

    pub(crate) fn runtime(&self) -> &Arc<BusRuntime> {
        &self.runtime
    }

    pub(super) fn with_source(self, source: Endpoint) -> Self {
        Self { source, ..self }
    }

    /// This bus for what another endpoint has sent, with the component and the origin that it says.
    pub(super) fn of_another(
        &self,
        source: Endpoint,
        component: Option<Arc<str>>,
        origin: Origin,
    ) -> Self {
        Self {
            component,
            origin: Some(origin),
            has_trace: true,
            ..self.clone().with_source(source)
        }
    }

    pub(crate) fn source(&self) -> &Endpoint {
        &self.source
    }

    /// Emits an event to everyone: to all pages and all host listeners.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName),
    ///   [`ErrorCode::ReservedEventName`](crate::ErrorCode::ReservedEventName)
    /// - [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload): the payload cannot be serialized as JSON
    /// - [`ErrorCode::PayloadTooLarge`](crate::ErrorCode::PayloadTooLarge): its JSON is longer than `payloadBytes`
    /// - [`ErrorCode::QueueFull`](crate::ErrorCode::QueueFull): the queue of a page, a stream or the host listeners
    ///   is full, and the policy of the event is to reject; or no room is left for a retained event
    /// - [`ErrorCode::EventLoop`](crate::ErrorCode::EventLoop): the event has more causes than `hops`
    /// - [`ErrorCode::Unavailable`](crate::ErrorCode::Unavailable): the app is exiting
    ///
    /// A refused event reaches no receiver at all.
    ///
    /// ```
    /// # fn emit(app: &tauri::AppHandle) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// let receipt = app.event_bus().emit("cart:updated", serde_json::json!({ "itemCount": 3 }))?;
    /// println!("event {} is on its way to {} pages", receipt.seq, receipt.pages);
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit(&self, name: &str, payload: impl Serialize) -> Result<Receipt> {
        let name = self.full_name(name)?;
        let event = self.new_event(&name, || to_json(&name, &payload), Given::default());
        let event = self.note_refused(TapAction::Emit, &name, event)?;
        self.runtime.core.publish(event, &Audience::default())
    }

    /// Emits an event to one webview, to several, or to those whose labels match a glob: see [`Target`](crate::Target).
    ///
    /// Other pages do not get it: the event never enters their memory.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`], and:
    ///
    /// - [`ErrorCode::UnknownTarget`](crate::ErrorCode::UnknownTarget): there is no webview with the label
    /// - [`ErrorCode::InvalidPattern`](crate::ErrorCode::InvalidPattern): invalid glob of labels
    ///
    /// ```
    /// # fn emit(app: &tauri::AppHandle) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// app.event_bus().emit_to("main", "greeting", "hello")?;
    /// app.event_bus().emit_to(["main", "editor-*"], "document:saved", 7)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_to(
        &self,
        to: impl IntoTarget,
        name: &str,
        payload: impl Serialize,
    ) -> Result<Receipt> {
        self.emit_with(name, payload, EmitOptions::new().to(to))
    }

    /// Emits an event with options.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_to`].
    ///
    /// ```
    /// # fn emit(app: &tauri::AppHandle) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::{EmitOptions, EventBusExt};
    ///
    /// app.event_bus().emit_with("cart:updated", 3, EmitOptions::new().except("settings"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_with(
        &self,
        name: &str,
        payload: impl Serialize,
        options: EmitOptions,
    ) -> Result<Receipt> {
        self.publish_prepared(self.prepare(name, payload, options))
    }

    pub(crate) fn publish_prepared(
        &self,
        prepared: Result<(NewEvent, Audience)>,
    ) -> Result<Receipt> {
        let (event, audience) = prepared?;
        self.runtime.core.publish(event, &audience)
    }

    /// Emits an event, and waits for room first if the policy of the event is to reject.
    ///
    /// It waits only for the queues that the event is for. Those that wait for the same queue are served in the order in
    /// which they came. An event with another policy never waits. Dropping the future before it is ready emits nothing. The payload and the causes are taken when this is called. The future does
    /// not borrow the bus, so it can be spawned.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_with`], except for a full queue of a receiver, and
    /// [`ErrorCode::WouldBlock`](crate::ErrorCode::WouldBlock): it would wait for a page on the main thread, for the
    /// host listeners in one of them, or for a sequential listener in its own future.
    ///
    /// ```
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn import(bus: EventBus, rows: Vec<String>) -> Result<()> {
    ///     for row in rows {
    ///         bus.emit_async("import:row", row).await?;
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = import;
    /// ```
    pub fn emit_async<P: Serialize>(
        &self,
        name: &str,
        payload: P,
    ) -> impl Future<Output = Result<Receipt>> + Send + use<P> {
        self.emit_async_with(name, payload, EmitOptions::new())
    }

    /// Emits an event with options, and waits for room first, as [`EventBus::emit_async`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_async`].
    ///
    /// ```
    /// use tauri_plugin_event_bus::{EmitOptions, EventBus, Result};
    ///
    /// async fn import(bus: EventBus, row: String) -> Result<()> {
    ///     bus.emit_async_with("import:row", row, EmitOptions::new().to("main")).await?;
    ///     Ok(())
    /// }
    /// # let _ = import;
    /// ```
    pub fn emit_async_with<P: Serialize>(
        &self,
        name: &str,
        payload: P,
        options: EmitOptions,
    ) -> impl Future<Output = Result<Receipt>> + Send + use<P> {
        let prepared = self.prepare(name, payload, options);
        self.publish_prepared_when_room(prepared)
    }

    pub(crate) fn publish_prepared_when_room(
        &self,
        prepared: Result<(NewEvent, Audience)>,
    ) -> impl Future<Output = Result<Receipt>> + Send + use<> {
        let core = Arc::clone(&self.runtime.core);
        async move {
            let (event, audience) = prepared?;
            core.publish_when_room(event, &audience).await
        }
    }

    /// Removes the retained events whose name is, or matches, this pattern. Returns how many it removed.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # fn forget(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EmitOptions;
    ///
    /// bus.emit_with("user:signed-in", "ada", EmitOptions::new().retain(true))?;
    /// bus.clear_retained("user:*")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn clear_retained(&self, pattern: &str) -> Result<usize> {
        let pattern = EventPattern::parse(&self.full_name(pattern)?)?;
        Ok(self.runtime.core.clear_retained(&pattern))
    }

    fn prepare(
        &self,
        name: &str,
        payload: impl Serialize,
        options: EmitOptions,
    ) -> Result<(NewEvent, Audience)> {
        let name = self.full_name(name)?;
        self.prepare_json(&name, to_json(&name, &payload), options)
    }

    /// Prepares an event under a name that gets no prefix.
    pub(crate) fn prepare_json(
        &self,
        name: &str,
        json: Result<Json>,
        options: EmitOptions,
    ) -> Result<(NewEvent, Audience)> {
        let prepared = || {
            let (retain, lifetime) = (options.retain, options.lifetime.check()?);
            let traceparent = Traceparent::read(options.traceparent.as_deref())?;
            let mut audience = options.audience()?;
            if let Some(to) = audience
                .to
                .as_mut()
                .filter(|to| !to.selection.nodes.is_empty())
            {
                let name = EventName::parse(name)?;
                self.runtime.core.resolve_nodes(&name, &mut to.selection)?;
            }
            let event = self.new_event(name, || json, (retain, lifetime, traceparent))?;
            Ok((event, audience))
        };
        self.note_refused(TapAction::Emit, name, prepared())
    }

    /// Tells taps what was refused, and hands the result on.
    pub(super) fn note_refused<T>(
        &self,
        action: TapAction,
        name: &str,
        result: Result<T>,
    ) -> Result<T> {
        let about = (action, name, &self.source);
        self.runtime.core.note_result(about, result)
    }

    fn new_event(
        &self,
        name: &str,
        json: impl FnOnce() -> Result<Json>,
        (retain, lifetime, traceparent): Given,
    ) -> Result<NewEvent> {
        let parsed = EventName::parse_emitted(name)?;
        self.catalog.check_name(&parsed)?;
        Ok(NewEvent {
            name: parsed,
            payload: json()?,
            source: self.source.clone(),
            tick: None,
            provenance: self.provenance(traceparent)?,
            retain,
            lifetime,
        })
    }

    /// What this view emits or requests follows from. The trace is this one, or that of the app, or that of the cause.
    pub(super) fn provenance(
        &self,
        traceparent: Option<Traceparent>,
    ) -> Result<Option<Arc<Provenance>>> {
        let origin = self.origin();
        let traceparent = traceparent
            .or_else(|| self.current_trace())
            .or_else(|| origin.as_ref()?.traceparent.clone());
        let component = self.component_name()?;
        // What most events have. An empty list of causes would be shared by all threads.
        if origin.is_none() && traceparent.is_none() && component.is_none() {
            return Ok(None);
        }
        Ok(Provenance::of(
            component,
            origin.unwrap_or_default().causes,
            traceparent,
        ))
    }

    /// The trace that the app is in.
    fn current_trace(&self) -> Option<Traceparent> {
        let core = (!self.has_trace).then_some(&self.runtime.core)?;
        core.traces().current()
    }

    /// The checked name of the component, if this is the view of one.
    pub(super) fn component_name(&self) -> Result<Option<Arc<str>>> {
        self.component.as_deref().map(parse_component).transpose()
    }

    /// What its events follow from, if they do.
    pub(crate) fn origin(&self) -> Option<Origin> {
        self.origin.clone().or_else(causes::origin)
    }

    /// Returns this bus for consequences of an event: its events and requests carry the chain of causes that leads to
    /// `event`.
    ///
    /// The bus does that by itself within a listener that emits on its own thread before it returns, and within the future
    /// of a responder. Use this elsewhere: in other futures, in threads, and for readers of streams. A chain longer than
    /// the limit `hops` is refused with [`ErrorCode::EventLoop`](crate::ErrorCode::EventLoop), so that events which cause
    /// each other come to an end.
    ///
    /// ```
    /// # fn listen(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// let own = bus.clone();
    /// bus.listen("order:created", move |event| {
    ///     let bus = own.caused_by(&event);
    ///     std::thread::spawn(move || bus.emit("payment:requested", 7));
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn caused_by(&self, event: &BusEvent) -> Self {
        Self {
            origin: Some(event.as_origin()),
            has_trace: false,
            ..self.clone()
        }
    }

    /// Returns this bus for events without a cause: they begin a new chain, also within a listener.
    ///
    /// ```
    /// # fn listen(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// let own = bus.clone();
    /// bus.listen("log:full", move |_| drop(own.without_causes().emit("log:rotated", ())))?
    ///     .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn without_causes(&self) -> Self {
        Self {
            origin: Some(Origin::default()),
            has_trace: false,
            ..self.clone()
        }
    }

    /// This bus with the causes and the trace of this moment, for what is emitted later.
    pub(crate) fn with_current_causes(&self) -> Self {
        let mut origin = self.origin().unwrap_or_default();
        origin.traceparent = self.current_trace().or(origin.traceparent);
        Self {
            origin: Some(origin),
            has_trace: true,
            ..self.clone()
        }
    }

    pub(super) fn with_component(&self, component: &Arc<str>) -> Self {
        Self {
            component: Some(Arc::clone(component)),
            ..self.clone()
        }
    }

    pub(super) fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    pub(super) fn with_prefix(&self, prefix: Option<Arc<str>>) -> Self {
        Self {
            prefix,
            ..self.clone()
        }
    }

    /// The typed events and requests of the app, as registered with [`Builder::event`](crate::Builder::event) and
    /// [`Builder::request`](crate::Builder::request).
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

impl std::fmt::Debug for EventBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBus")
            .field("source", &self.source)
            .field("prefix", &self.prefix)
            .field("component", &self.component)
            .finish_non_exhaustive()
    }
}

/// Gives access to the event bus from an app, a window, a webview, a component or a bus itself.
pub trait EventBusExt {
    /// [`WebviewBus`](crate::WebviewBus) for a webview, [`EventBus`] for everything else.
    type Bus: AsRef<EventBus>;

    /// Returns the event bus.
    ///
    /// # Panics
    ///
    /// If the plugin was not added to the app: `.plugin(tauri_plugin_event_bus::init())`.
    fn event_bus(&self) -> Self::Bus;
}

impl EventBusExt for EventBus {
    type Bus = Self;

    fn event_bus(&self) -> Self {
        self.clone()
    }
}

impl AsRef<EventBus> for EventBus {
    fn as_ref(&self) -> &EventBus {
        self
    }
}
