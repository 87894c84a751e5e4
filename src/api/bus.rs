use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;

use crate::api::listener::Listener;
use crate::api::periodic::JobBuilder;
use crate::api::stream::EventStream;
use crate::catalog::Catalog;
use crate::engine::causes;
use crate::hub::{Address, Audience, NewEvent};
use crate::model::delivery::DeliveryFilter;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{BusEvent, Provenance, Receipt};
use crate::model::inspection::Inspection;
use crate::model::job::JobInfo;
use crate::model::name::{EventName, parse_component};
use crate::model::pattern::EventPattern;
use crate::model::selection::Selection;
use crate::model::target::Target;
use crate::periodic::source::Sampler;
use crate::runtime::BusRuntime;

/// The event bus of the app. Cheap to clone, and usable from any thread and any hook.
///
/// Got with [`EventBusExt::event_bus`] from an `App`, an `AppHandle` or a `Window`. Nothing here blocks, calls a
/// listener or evaluates a script.
#[derive(Clone)]
pub struct EventBus {
    runtime: Arc<BusRuntime>,
    source: Endpoint,
    catalog: Catalog,
    component: Option<Arc<str>>,
    /// What its events follow from. Without it, the event of the listener that is running.
    causes: Option<Box<[EventName]>>,
}

impl EventBus {
    pub(crate) fn new(runtime: Arc<BusRuntime>, catalog: Catalog) -> Self {
        Self {
            runtime,
            catalog,
            source: Endpoint::Host,
            component: None,
            causes: None,
        }
    }

    pub(crate) fn runtime(&self) -> &Arc<BusRuntime> {
        &self.runtime
    }

    pub(crate) fn source(&self) -> &Endpoint {
        &self.source
    }

    /// Emits an event to everyone: to all pages and all listeners in Rust.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidEventName`], [`ErrorCode::ReservedEventName`], [`ErrorCode::InvalidPayload`],
    /// [`ErrorCode::PayloadTooLarge`], [`ErrorCode::QueueFull`] where a page's queue is full and the policy of the event
    /// is to reject, [`ErrorCode::Unavailable`] while the app exits. An event that fails reaches nobody.
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
        self.runtime
            .core
            .publish(self.draft(name, payload)?, &Audience::default())
    }

    /// Emits an event to one webview, to those that match a glob of labels, or to several: see [`Target`].
    ///
    /// Nobody else gets it: it never enters the memory of another page.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`], [`ErrorCode::UnknownTarget`] where a label names no webview, and
    /// [`ErrorCode::InvalidPattern`] where a glob is none.
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
        target: impl Into<Target>,
        name: &str,
        payload: impl Serialize,
    ) -> Result<Receipt> {
        self.emit_with(name, payload, EmitOptions::new().to(target))
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
        let (draft, audience) = self.prepare(name, payload, options)?;
        self.runtime.core.publish(draft, &audience)
    }

    /// Emits an event as soon as there is room for it, where its policy is to reject.
    ///
    /// Those who wait are served in the order in which they came. An event whose policy is another one never waits.
    /// Dropping the future before it is ready emits nothing. The payload, and what the event follows from, are what they
    /// are when this is called. The future does not borrow the bus, and can be spawned where the payload is a value.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_with`], but for [`ErrorCode::QueueFull`].
    ///
    /// ```
    /// use tauri_plugin_event_bus::{EmitOptions, EventBus, Result};
    ///
    /// async fn import(bus: EventBus, rows: Vec<String>) -> Result<()> {
    ///     for row in rows {
    ///         bus.emit_async("import:row", row, EmitOptions::new()).await?;
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = import;
    /// ```
    pub fn emit_async<P: Serialize>(
        &self,
        name: &str,
        payload: P,
        options: EmitOptions,
    ) -> impl Future<Output = Result<Receipt>> + Send + use<P> {
        let prepared = self.prepare(name, payload, options);
        self.emit_prepared(prepared)
    }

    pub(crate) fn emit_prepared(
        &self,
        prepared: Result<(NewEvent, Audience)>,
    ) -> impl Future<Output = Result<Receipt>> + Send + use<> {
        let core = Arc::clone(&self.runtime.core);
        async move {
            let (draft, audience) = prepared?;
            core.publish_when_room(draft, &audience).await
        }
    }

    /// Forgets the retained events whose name is this, or matches this pattern, and says how many there were.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    ///
    /// ```
    /// # fn forget(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EmitOptions;
    ///
    /// bus.emit_with("user:signed-in", "ada", EmitOptions::new().retain())?;
    /// bus.clear_retained("user:*")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn clear_retained(&self, pattern: &str) -> Result<usize> {
        Ok(self
            .runtime
            .core
            .clear_retained(&EventPattern::parse(pattern)?))
    }

    pub(crate) fn prepare(
        &self,
        name: &str,
        payload: impl Serialize,
        options: EmitOptions,
    ) -> Result<(NewEvent, Audience)> {
        let audience = Audience {
            to: options.to.map(Address::of).transpose()?,
            except: options.except.as_ref().map(Selection::of).transpose()?,
        };
        let draft = NewEvent {
            retain: options.retain,
            ..self.draft(name, payload)?
        };
        Ok((draft, audience))
    }

    fn draft(&self, name: &str, payload: impl Serialize) -> Result<NewEvent> {
        let parsed = EventName::parse_emitted(name)?;
        self.catalog.check_name(&parsed)?;
        Ok(NewEvent {
            name: parsed,
            payload: to_json(name, &payload)?.into(),
            source: self.source.clone(),
            tick: None,
            provenance: self.provenance()?,
            retain: None,
        })
    }

    fn provenance(&self) -> Result<Option<Arc<Provenance>>> {
        let component = self.component.as_deref().map(parse_component).transpose()?;
        Ok(Provenance::of(component, self.causes()))
    }

    /// What caused that which this bus does now.
    pub(crate) fn causes(&self) -> Box<[EventName]> {
        self.causes.clone().unwrap_or_else(causes::causes)
    }

    /// This bus for what follows from an event: what it emits and asks carries the chain of what caused it.
    ///
    /// Within a listener that is so of itself, as long as it emits before it returns and on its own thread, and within a
    /// responder as long as it emits in its own future. This is for what emits later, or is neither: a future, a thread,
    /// the reader of a stream. A chain longer than the limit `hops` is refused with [`ErrorCode::EventLoop`], so that
    /// events which cause each other come to an end.
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
            causes: Some(event.as_cause()),
            ..self.clone()
        }
    }

    /// This bus for what follows from nothing: a chain begins with what it emits, also within a listener.
    #[must_use]
    pub fn without_causes(&self) -> Self {
        Self {
            causes: Some(Box::default()),
            ..self.clone()
        }
    }

    /// This bus with the causes that hold here, for what is emitted later.
    pub(crate) fn with_causes_of_now(&self) -> Self {
        Self {
            causes: Some(self.causes()),
            ..self.clone()
        }
    }

    pub(crate) fn with_component(&self, component: &Arc<str>) -> Self {
        Self {
            component: Some(Arc::clone(component)),
            ..self.clone()
        }
    }

    /// Calls a function for every event that matches and is for everyone or for the host.
    ///
    /// All listeners run on one task, in the order of the events. One that panics is reported to `log` and goes on
    /// listening. A listener that is slow delays the other listeners in Rust, and no page.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidEventName`], [`ErrorCode::InvalidPattern`], [`ErrorCode::ReservedEventName`].
    ///
    /// ```
    /// # fn listen(app: &tauri::AppHandle) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// app.event_bus()
    ///     .listen("cart:*", |event| println!("{} {}", event.name(), event.payload_json()))?
    ///     .forget();
    /// # Ok(())
    /// # }
    /// ```
    pub fn listen(
        &self,
        pattern: &str,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.add_listener(pattern, DeliveryFilter::Own, callback)
    }

    /// Calls a function for every event that matches, whomever it is for.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    pub fn listen_any(
        &self,
        pattern: &str,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.add_listener(pattern, DeliveryFilter::Everything, callback)
    }

    fn add_listener(
        &self,
        pattern: &str,
        filter: DeliveryFilter,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        let pattern = self.read_pattern(pattern)?;
        let listeners = &self.runtime.listeners;
        let id = listeners.add(pattern, filter, callback);
        Ok(Listener::new(Arc::downgrade(listeners), id))
    }

    /// A stream of the events that match and are for everyone or for the host.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    pub fn stream(&self, pattern: &str) -> Result<EventStream> {
        Ok(EventStream::new(
            &self.runtime.core,
            self.read_pattern(pattern)?,
        ))
    }

    fn read_pattern(&self, pattern: &str) -> Result<EventPattern> {
        let pattern = EventPattern::parse(pattern)?;
        if let Some(name) = pattern.exact() {
            self.catalog.check_name(name)?;
        }
        Ok(pattern)
    }

    /// The app's events, as they were registered with [`Builder::event`](crate::Builder::event).
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// How the bus stands: counters, queues, subscriptions and jobs, and no payload.
    ///
    /// For tools and tests. It is put together part by part, so that neither emitting nor delivery waits for the whole.
    ///
    /// ```
    /// # fn inspect(bus: &tauri_plugin_event_bus::EventBus) {
    /// for webview in bus.inspect().webviews {
    ///     if let Some(page) = webview.page {
    ///         println!("{}: {} events wait, {} were dropped", webview.label, page.queue.events, page.dropped);
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn inspect(&self) -> Inspection {
        self.runtime.inspect()
    }

    /// What makes the payloads of a job from a source that the app has registered.
    pub(crate) fn sampler(
        &self,
        name: &EventName,
        source: &str,
        args: Arc<str>,
    ) -> Result<Sampler> {
        let sampler = self.runtime.jobs.sampler(source, args)?;
        if !self.catalog.checks(name) {
            return Ok(sampler);
        }
        let (catalog, name) = (self.catalog.clone(), name.clone());
        Ok(sampler.checked(move |json| catalog.check_payload(&name, json)))
    }

    /// Prepares an event that the plugin emits by itself, at a fixed rate.
    pub fn periodic(&self, name: &str) -> JobBuilder {
        JobBuilder::new(self.clone(), name.to_owned())
    }

    /// Stops a periodic job that Rust has started.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownJob`] if none with that id is running.
    pub fn stop_job(&self, id: &str) -> Result<()> {
        let job = self.runtime.jobs.find(&Endpoint::Host, id)?;
        self.runtime.jobs.stop(&job)
    }

    /// The periodic jobs that Rust has started, in the order of their ids.
    #[must_use]
    pub fn list_jobs(&self) -> Vec<JobInfo> {
        self.runtime.jobs.list(&Endpoint::Host, |_| false)
    }
}

impl std::fmt::Debug for EventBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBus")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The event bus as seen from one webview: an [`EventBus`] whose events have that webview as their source.
#[derive(Debug, Clone)]
pub struct WebviewBus {
    bus: EventBus,
    label: Arc<str>,
}

impl WebviewBus {
    pub(crate) fn new(bus: EventBus, label: &str) -> Self {
        let label: Arc<str> = label.into();
        Self {
            bus: EventBus {
                source: Endpoint::Webview(Arc::clone(&label)),
                ..bus
            },
            label,
        }
    }

    /// Emits an event to the page in this webview, and to nobody else.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_to`].
    ///
    /// ```
    /// # fn emit(window: &tauri::WebviewWindow) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::EventBusExt;
    ///
    /// window.event_bus().emit_to_self("greeting", "hello")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_to_self(&self, name: &str, payload: impl Serialize) -> Result<Receipt> {
        self.bus.emit_to(&*self.label, name, payload)
    }
}

impl Deref for WebviewBus {
    type Target = EventBus;

    fn deref(&self) -> &EventBus {
        &self.bus
    }
}

/// Gives the event bus to what Tauri hands out.
pub trait EventBusExt {
    /// [`EventBus`] for the app and its windows, [`WebviewBus`] for a webview.
    type Bus: AsRef<EventBus>;

    /// The event bus.
    ///
    /// # Panics
    ///
    /// If the plugin was not added to the app: `.plugin(tauri_plugin_event_bus::init())`.
    fn event_bus(&self) -> Self::Bus;
}

/// A bus stands for itself, where something asks for what has one.
impl EventBusExt for EventBus {
    type Bus = Self;

    fn event_bus(&self) -> Self {
        self.clone()
    }
}

impl EventBusExt for WebviewBus {
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

impl AsRef<EventBus> for WebviewBus {
    fn as_ref(&self) -> &EventBus {
        &self.bus
    }
}

/// Options of [`EventBus::emit_with`].
#[derive(Debug, Clone, Default)]
pub struct EmitOptions {
    to: Option<Target>,
    except: Option<Target>,
    retain: Option<bool>,
}

impl EmitOptions {
    /// To everyone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only to this target.
    #[must_use]
    pub fn to(mut self, target: impl Into<Target>) -> Self {
        self.to = Some(target.into());
        self
    }

    /// Keeps the event for whoever subscribes later, until the next one of its name to the same target replaces it.
    #[must_use]
    pub fn retain(mut self) -> Self {
        self.retain = Some(true);
        self
    }

    /// Does not keep the event, whatever the policy of its name says.
    #[must_use]
    pub fn no_retain(mut self) -> Self {
        self.retain = Some(false);
        self
    }

    /// Not to these webviews. They need not exist.
    #[must_use]
    pub fn except(mut self, target: impl Into<Target>) -> Self {
        self.except = Some(target.into());
        self
    }
}

pub(crate) fn to_json(name: &str, payload: &impl Serialize) -> Result<String> {
    serde_json::to_string(payload).map_err(|error| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the payload of {name:?} cannot be written as JSON: {error}"),
        )
    })
}
