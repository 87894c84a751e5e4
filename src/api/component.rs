//! Parts of an app that emit under their own name: namespaces, components, and what components say without being told
//! how: refresh, messages, and the outcome of actions.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::bus::{EmitOptions, EventBus, EventBusExt};
use crate::api::listener::Listener;
use crate::api::periodic::JobBuilder;
use crate::api::stream::EventStream;
use crate::engine::causes;
use crate::model::built_in::{ACTION_COMPLETE, ERROR, MESSAGE, REFRESH};
use crate::model::error::Result;
use crate::model::event::{BusEvent, Receipt};
use crate::model::name::{EventName, check_namespace, parse_component};
use crate::model::target::Target;

/// The event bus with a prefix for every name, which names that have it already do not get again.
///
/// Got with [`EventBus::namespace`]. A namespace has the characters of an event name and no colon at its end, and a pattern gets the prefix, too:
/// `*` is everything in the namespace. One that is none fails wherever it is used, with
/// [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName).
///
/// ```
/// # fn use_it(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// let shop = bus.namespace("shop");
/// shop.listen("cart:*", |event| println!("{}", event.name()))?.forget(); // shop:cart:updated
/// shop.emit("cart:updated", 3)?;
/// shop.emit("shop:cart:updated", 3)?; // the same event
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Namespace {
    bus: EventBus,
    /// Without the colon; empty for none.
    name: Option<Arc<str>>,
}

impl Namespace {
    /// The whole of a name or pattern.
    fn full<'a>(&self, name: &'a str) -> Result<Cow<'a, str>> {
        let Some(own) = &self.name else {
            return Ok(name.into());
        };
        check_namespace(own)?;
        let has_prefix = name
            .strip_prefix(&**own)
            .is_some_and(|rest| rest.starts_with(':'));
        // An empty name stays one, and is refused as such.
        if has_prefix || name.is_empty() {
            return Ok(name.into());
        }
        Ok(format!("{own}:{name}").into())
    }

    /// Emits an event to everyone, as [`EventBus::emit`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`].
    pub fn emit(&self, name: &str, payload: impl Serialize) -> Result<Receipt> {
        self.bus.emit(&self.full(name)?, payload)
    }

    /// Emits an event to a target, as [`EventBus::emit_to`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_to`].
    pub fn emit_to(
        &self,
        target: impl Into<Target>,
        name: &str,
        payload: impl Serialize,
    ) -> Result<Receipt> {
        self.bus.emit_to(target, &self.full(name)?, payload)
    }

    /// Emits an event with options, as [`EventBus::emit_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_with`].
    pub fn emit_with(
        &self,
        name: &str,
        payload: impl Serialize,
        options: EmitOptions,
    ) -> Result<Receipt> {
        self.bus.emit_with(&self.full(name)?, payload, options)
    }

    /// Calls a function for every event that matches, as [`EventBus::listen`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    pub fn listen(
        &self,
        pattern: &str,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.bus.listen(&self.full(pattern)?, callback)
    }

    /// A stream of the events that match, as [`EventBus::stream`] gives it.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::stream`].
    pub fn stream(&self, pattern: &str) -> Result<EventStream> {
        self.bus.stream(&self.full(pattern)?)
    }

    /// Prepares an event that the plugin emits by itself, as [`EventBus::periodic`] does.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName) where the namespace is none.
    pub fn periodic(&self, name: &str) -> Result<JobBuilder> {
        Ok(self.bus.periodic(&self.full(name)?))
    }

    /// A component whose events are in this namespace.
    #[must_use]
    pub fn component(&self, name: impl Into<Arc<str>>) -> Component {
        let name = name.into();
        let namespace = Self {
            bus: self.bus.with_component(&name),
            ..self.clone()
        };
        Component { namespace, name }
    }
}

impl EventBus {
    /// This bus with a prefix for every name: see [`Namespace`].
    #[must_use]
    pub fn namespace(&self, name: impl Into<Arc<str>>) -> Namespace {
        Namespace {
            bus: self.clone(),
            name: Some(name.into()),
        }
    }

    /// A component whose events are in no namespace: see [`Component`].
    #[must_use]
    pub fn component(&self, name: impl Into<Arc<str>>) -> Component {
        let everything = Namespace {
            bus: self.clone(),
            name: None,
        };
        everything.component(name)
    }
}

/// A part of the app that emits under its own name, which receivers see as [`BusEvent::component`].
///
/// Got with [`EventBus::component`] and [`Namespace::component`]. A name has 1 to 128 bytes, of letters, digits and
/// `-` `_` `.` `:` `/`; another one is refused with [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) where the component emits. Typed
/// events can be emitted on a component as on a bus, under the name that they were declared with.
///
/// ```
/// # fn check_out(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// let cart = bus.namespace("shop").component("ShoppingCart");
/// cart.emit("cart:updated", 3)?; // shop:cart:updated
/// cart.success("Saved")?; // shop:message
/// cart.refresh("ProductList")?; // shop:refresh-productlist
/// cart.action("check-out", || "7".parse::<u32>()).ok(); // shop:action-complete
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Component {
    namespace: Namespace,
    name: Arc<str>,
}

impl Component {
    /// What it calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The event bus, whose events are this component's, and whose names get no prefix.
    #[must_use]
    pub fn bus(&self) -> &EventBus {
        &self.namespace.bus
    }

    /// Emits an event to everyone, as [`EventBus::emit`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`], and [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) for a name that no component can have.
    pub fn emit(&self, name: &str, payload: impl Serialize) -> Result<Receipt> {
        self.namespace.emit(name, payload)
    }

    /// Emits an event to a target, as [`EventBus::emit_to`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Component::emit`] and [`EventBus::emit_to`].
    pub fn emit_to(
        &self,
        target: impl Into<Target>,
        name: &str,
        payload: impl Serialize,
    ) -> Result<Receipt> {
        self.namespace.emit_to(target, name, payload)
    }

    /// Emits an event with options, as [`EventBus::emit_with`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Component::emit`] and [`EventBus::emit_with`].
    pub fn emit_with(
        &self,
        name: &str,
        payload: impl Serialize,
        options: EmitOptions,
    ) -> Result<Receipt> {
        self.namespace.emit_with(name, payload, options)
    }

    /// Asks every component of that name to load again what it shows, with the event `refresh-` and the name in lower
    /// case, without a payload.
    ///
    /// Within a listener, several calls for one component are one event, which is emitted when the listener returns;
    /// what that fails with is reported to `log`. Elsewhere each call is an event, emitted at once.
    ///
    /// # Errors
    ///
    /// Those of [`Component::emit`]; [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument) also where `component` can be none's name.
    pub fn refresh(&self, component: &str) -> Result<()> {
        let name = self.refresh_name(component)?;
        // So that what can be known to be wrong is told to the caller, also where the event comes later.
        parse_component(&self.name)?;
        EventName::parse_emitted(&name)?;
        let bus = self.bus().with_causes_of_now();
        let key = format!("{} {name}", self.name);
        let own = name.clone();
        let last = Box::new(move || {
            if let Err(error) = bus.emit(&own, ()) {
                log::error!("{own:?} could not be emitted at the end of a listener: {error}");
            }
        });
        if causes::defer_to_end(&key, last).is_none() {
            return Ok(());
        }
        self.bus().emit(&name, ()).map(drop)
    }

    /// Calls a function whenever somebody asks this component to refresh.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    pub fn on_refresh(&self, callback: impl FnMut(BusEvent) + Send + 'static) -> Result<Listener> {
        self.bus().listen(&self.refresh_name(&self.name)?, callback)
    }

    fn refresh_name(&self, component: &str) -> Result<String> {
        parse_component(component)?;
        let name = format!("{REFRESH}{}", component.to_lowercase());
        Ok(self.namespace.full(&name)?.into_owned())
    }

    /// Tells the user that something has gone well: a message of the level [`MessageLevel::Success`].
    ///
    /// # Errors
    ///
    /// Those of [`Component::emit`].
    pub fn success(&self, text: impl Into<String>) -> Result<Receipt> {
        self.message(MessageLevel::Success, text, MessageOptions::new())
    }

    /// Tells the user something: a message of the level [`MessageLevel::Info`].
    ///
    /// # Errors
    ///
    /// Those of [`Component::emit`].
    pub fn info(&self, text: impl Into<String>) -> Result<Receipt> {
        self.message(MessageLevel::Info, text, MessageOptions::new())
    }

    /// Warns the user: a message of the level [`MessageLevel::Warning`].
    ///
    /// # Errors
    ///
    /// Those of [`Component::emit`].
    pub fn warning(&self, text: impl Into<String>) -> Result<Receipt> {
        self.message(MessageLevel::Warning, text, MessageOptions::new())
    }

    /// Tells the user that something has gone wrong: a message of the level [`MessageLevel::Error`].
    ///
    /// # Errors
    ///
    /// Those of [`Component::emit`].
    pub fn error(&self, text: impl Into<String>) -> Result<Receipt> {
        self.message(MessageLevel::Error, text, MessageOptions::new())
    }

    /// Tells the user something, with the built-in event `message` and a [`Message`] as its payload.
    ///
    /// The message's id is made of the namespace, the component, and the key, or else the level: a message whose id is
    /// shown already takes the place of the one before.
    ///
    /// # Errors
    ///
    /// Those of [`Component::emit`], and of [`EventBus::emit_to`] where it has a target.
    ///
    /// ```
    /// # fn export(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::{MessageLevel, MessageOptions};
    ///
    /// let export = bus.component("Export");
    /// // The second takes the place of the first.
    /// export.message(MessageLevel::Info, "Exporting…", MessageOptions::new().key("export"))?;
    /// export.message(MessageLevel::Success, "Exported", MessageOptions::new().key("export").to("main"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn message(
        &self,
        level: MessageLevel,
        text: impl Into<String>,
        options: MessageOptions,
    ) -> Result<Receipt> {
        let key = options.key.as_deref().unwrap_or(level.as_str());
        let message = Message {
            id: self
                .namespace
                .full(&format!("{}:{key}", self.name))?
                .into_owned(),
            component: self.name.to_string(),
            level,
            text: text.into(),
        };
        self.emit_with(MESSAGE, message, options.emit)
    }

    /// Calls a function for every message of the namespace, whichever component it is from.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::listen`].
    pub fn on_message(
        &self,
        mut callback: impl FnMut(Message, BusEvent) + Send + 'static,
    ) -> Result<Listener> {
        self.namespace
            .listen(MESSAGE, move |event| match event.payload() {
                Ok(message) => callback(message, event),
                Err(error) => log::warn!("a message is none, and nobody is told of it: {error}"),
            })
    }

    /// Runs something, and emits what came of it: the built-in event `action-complete` with an [`ActionComplete`], or
    /// `error` with an [`ActionFailed`].
    ///
    /// Gives back what `run` gave, whatever becomes of the event; what that fails with is reported to `log`.
    ///
    /// ```
    /// # fn save(bus: &tauri_plugin_event_bus::EventBus) -> std::io::Result<()> {
    /// let editor = bus.component("Editor");
    /// editor.action("save", || std::fs::write("note.txt", "text"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `run`.
    pub fn action<T: Serialize, E: Display>(
        &self,
        name: &str,
        run: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.action_with_status(name, |_| None, run)
    }

    /// As [`Component::action`], for errors that have a status: that of an HTTP answer, say.
    ///
    /// # Errors
    ///
    /// Those of `run`.
    pub fn action_with_status<T: Serialize, E: Display>(
        &self,
        name: &str,
        status_of: impl FnOnce(&E) -> Option<u16>,
        run: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = run();
        self.tell(self.bus(), name, &outcome, status_of);
        outcome
    }

    /// Awaits something, and emits what came of it, as [`Component::action`] does. A future that is dropped before it is
    /// ready emits nothing. What the event follows from is what holds where this is called.
    ///
    /// ```
    /// use tauri_plugin_event_bus::{Component, Result};
    ///
    /// async fn load(list: Component) -> Result<u32> {
    ///     list.action_async("load", async { Ok(7) }).await
    /// }
    /// # let _ = load;
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `run`.
    pub fn action_async<T, E, F>(
        &self,
        name: &str,
        run: F,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, F>
    where
        T: Serialize,
        E: Display,
        F: Future<Output = Result<T, E>>,
    {
        self.action_async_with_status(name, |_: &E| None, run)
    }

    /// As [`Component::action_async`], for errors that have a status.
    ///
    /// # Errors
    ///
    /// Those of `run`.
    pub fn action_async_with_status<T, E, S, F>(
        &self,
        name: &str,
        status_of: S,
        run: F,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, S, F>
    where
        T: Serialize,
        E: Display,
        S: FnOnce(&E) -> Option<u16>,
        F: Future<Output = Result<T, E>>,
    {
        // A future may be polled anywhere, so what caused it has to be noted before there is one.
        let bus = self.bus().with_causes_of_now();
        let (component, name) = (self.clone(), name.to_owned());
        async move {
            let outcome = run.await;
            component.tell(&bus, &name, &outcome, status_of);
            outcome
        }
    }

    fn tell<T: Serialize, E: Display>(
        &self,
        bus: &EventBus,
        action: &str,
        outcome: &Result<T, E>,
        status_of: impl FnOnce(&E) -> Option<u16>,
    ) {
        let (component, action) = (&*self.name, action);
        let emitted = match outcome {
            Ok(state) => self.namespace.full(ACTION_COMPLETE).and_then(|name| {
                let complete = ActionComplete {
                    component: component.to_owned(),
                    action: action.to_owned(),
                    state,
                };
                bus.emit(&name, complete)
            }),
            Err(error) => self.namespace.full(ERROR).and_then(|name| {
                let failed = ActionFailed {
                    component: component.to_owned(),
                    action: action.to_owned(),
                    error: error.to_string(),
                    status: status_of(error),
                };
                bus.emit(&name, failed)
            }),
        };
        if let Err(error) = emitted {
            log::warn!("nobody is told what came of {action:?} of {component:?}: {error}");
        }
    }
}

impl AsRef<EventBus> for Component {
    fn as_ref(&self) -> &EventBus {
        self.bus()
    }
}

/// A component stands for its bus, so that typed events can be emitted on it.
impl EventBusExt for Component {
    type Bus = EventBus;

    fn event_bus(&self) -> EventBus {
        self.bus().clone()
    }
}

/// The payload of the built-in event `message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The same for messages that take each other's place.
    pub id: String,
    /// Who says it.
    pub component: String,
    /// What kind of message it is.
    pub level: MessageLevel,
    /// For the user.
    pub text: String,
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageLevel {
    /// Something has gone well.
    Success,
    /// Something is so.
    Info,
    /// Something may go wrong.
    Warning,
    /// Something has gone wrong.
    Error,
}

impl MessageLevel {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Options of [`Component::message`].
#[derive(Debug, Clone, Default)]
pub struct MessageOptions {
    key: Option<String>,
    emit: EmitOptions,
}

impl MessageOptions {
    /// To everyone, and in the place of the component's message of the same level.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// In the place of the component's message of the same key, whatever the level.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Only to this target.
    #[must_use]
    pub fn to(mut self, target: impl Into<Target>) -> Self {
        self.emit = self.emit.to(target);
        self
    }
}

/// The payload of the built-in event `action-complete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionComplete<T> {
    /// Whose action it was.
    pub component: String,
    /// What the action is called.
    pub action: String,
    /// What it gave.
    pub state: T,
}

/// The payload of the built-in event `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionFailed {
    /// Whose action it was.
    pub component: String,
    /// What the action is called.
    pub action: String,
    /// What it failed with, for people.
    pub error: String,
    /// The error's status, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}
