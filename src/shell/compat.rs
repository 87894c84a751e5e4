//! `Emitter` and `Listener` with the methods of Tauri's traits of these names, on the event bus.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, Weak};

use serde::Serialize;
use tauri::{
    App, AppHandle, EventId, EventTarget, Manager, Runtime, Webview, WebviewWindow, Window,
};

use crate::api::bus::{EventBus, EventBusExt};
use crate::api::options::EmitOptions;
use crate::api::target::IntoTarget;
use crate::engine::listeners::Listeners;
use crate::hub::ids::SubscriptionId;
use crate::hub::{Address, Audience};
use crate::model::compat::CompatKind;
use crate::model::core_target::{CompatListener, CoreSelection, CoreTarget};
use crate::model::error::Error;
use crate::model::event::BusEvent;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::selection::Selection;
use crate::model::target::Target;
use crate::runtime::BusRuntime;
use crate::shell::convert::{core_target_of, event_target_of};
use crate::sync::{Mutex, MutexGuard};

/// Ids of Tauri's own listeners count from 0, and these from here.
const FIRST_ID: EventId = 1 << 31;

/// An event as a listener of [`Listener`] receives it, with the methods of `tauri::Event`, which only Tauri can make.
#[derive(Debug, Clone)]
pub struct Event {
    id: EventId,
    event: BusEvent,
}

impl Event {
    /// The id of the listener, with which [`Listener::unlisten`] removes it.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The payload as JSON text.
    #[must_use]
    pub fn payload(&self) -> &str {
        self.event.payload_json()
    }
}

/// What was registered under an id.
struct Registered {
    bus: SubscriptionId,
    core: Option<EventId>,
}

/// The listeners of [`Listener`], by the ids that the app has.
#[derive(Default)]
pub(super) struct CompatListeners(Mutex<Ids>);

#[derive(Default)]
struct Ids {
    count: EventId,
    known: HashMap<EventId, Registered>,
}

impl CompatListeners {
    fn lock(&self) -> MutexGuard<'_, Ids> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_id(&self) -> EventId {
        let mut ids = self.lock();
        ids.count += 1;
        FIRST_ID + ids.count
    }
}

/// What emits: an app, a window or a webview. The methods are those of `tauri::Emitter`, on the event bus.
///
/// Names that the bus does not take, such as `tauri://…`, go through Tauri's own system. While compatible mode is on, a
/// label that names no webview is no error, and neither is a limit.
///
/// ```
/// use tauri_plugin_event_bus::compat::{Emitter, Listener};
///
/// fn start<R: tauri::Runtime>(app: &tauri::AppHandle<R>) -> tauri::Result<()> {
///     app.listen("ready", |event| println!("{}", event.payload()));
///     app.emit("greeting", "hello")?;
///     app.emit_to("main", "greeting", "hello")
/// }
/// # let _ = start::<tauri::Wry>;
/// ```
pub trait Emitter<R: Runtime>: Manager<R> + tauri::Emitter<R> {
    /// Emits an event to everyone.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`], as the source of a [`tauri::Error::Io`].
    fn emit<S: Serialize + Clone>(&self, event: &str, payload: S) -> tauri::Result<()> {
        Emitter::emit_str(self, event, serde_json::to_string(&payload)?)
    }

    /// Emits an event whose payload is JSON text.
    ///
    /// # Errors
    ///
    /// Those of [`Emitter::emit`].
    fn emit_str(&self, event: &str, payload: String) -> tauri::Result<()> {
        if EventName::parse_emitted(event).is_err() {
            return tauri::Emitter::emit_str(self, event, payload);
        }
        publish(&find_bus(self), event, payload, None)
    }

    /// Emits an event to the listeners with this target.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_to`], as the source of a [`tauri::Error::Io`].
    fn emit_to<I, S>(&self, target: I, event: &str, payload: S) -> tauri::Result<()>
    where
        I: Into<EventTarget>,
        S: Serialize + Clone,
    {
        Emitter::emit_str_to(self, target, event, serde_json::to_string(&payload)?)
    }

    /// Emits an event whose payload is JSON text to the listeners with this target.
    ///
    /// # Errors
    ///
    /// Those of [`Emitter::emit_to`].
    fn emit_str_to<I>(&self, target: I, event: &str, payload: String) -> tauri::Result<()>
    where
        I: Into<EventTarget>,
    {
        let target = target.into();
        if EventName::parse_emitted(event).is_err() {
            return tauri::Emitter::emit_str_to(self, target, event, payload);
        }
        let core = core_target_of(&target).map_err(into_tauri)?;
        let to = (core != CoreTarget::Any).then(|| Address::of_core(core, target.into_target()));
        publish(&find_bus(self), event, payload, to)
    }

    /// Emits an event to the listeners whose targets this filter accepts, and to those that listen to everything.
    ///
    /// # Errors
    ///
    /// Those of [`Emitter::emit`].
    fn emit_filter<S, F>(&self, event: &str, payload: S, filter: F) -> tauri::Result<()>
    where
        S: Serialize + Clone,
        F: Fn(&EventTarget) -> bool,
    {
        Emitter::emit_str_filter(self, event, serde_json::to_string(&payload)?, filter)
    }

    /// Emits an event whose payload is JSON text to the listeners whose targets this filter accepts.
    ///
    /// # Errors
    ///
    /// Those of [`Emitter::emit`].
    fn emit_str_filter<F>(&self, event: &str, payload: String, filter: F) -> tauri::Result<()>
    where
        F: Fn(&EventTarget) -> bool,
    {
        let Ok(name) = EventName::parse_emitted(event) else {
            return tauri::Emitter::emit_str_filter(self, event, payload, filter);
        };
        let bus = find_bus(self);
        let mut accepted = bus.runtime().core.hub().core_candidates(&name);
        // The filter is the app's, so it runs without the lock.
        accepted.retain(|candidate| filter(&event_target_of(candidate)));
        publish(&bus, event, payload, Some(address_of(accepted)))
    }
}

/// What listens: an app, a window or a webview. The methods are those of `tauri::Listener`, on the event bus.
///
/// The listener stays until [`Listener::unlisten`]. In compatible mode it is registered in Tauri's own system, too. It runs on
/// the thread of the listeners of the bus. [`Emitter`] has an example.
pub trait Listener<R: Runtime>: Manager<R> + tauri::Listener<R> {
    /// The target of its listeners.
    #[doc(hidden)]
    fn own_target(&self) -> EventTarget;

    /// Listens to events for everyone and for this.
    ///
    /// # Panics
    ///
    /// If neither the bus nor Tauri takes the name, as Tauri does.
    fn listen<F>(&self, event: impl Into<String>, handler: F) -> EventId
    where
        F: Fn(Event) + Send + 'static,
    {
        add(self, &event.into(), self.own_target(), false, handler)
    }

    /// Listens to events for whomever.
    ///
    /// # Panics
    ///
    /// As [`Listener::listen`].
    fn listen_any<F>(&self, event: impl Into<String>, handler: F) -> EventId
    where
        F: Fn(Event) + Send + 'static,
    {
        add(self, &event.into(), EventTarget::Any, false, handler)
    }

    /// Listens to the next event for everyone or for this.
    ///
    /// # Panics
    ///
    /// As [`Listener::listen`].
    fn once<F>(&self, event: impl Into<String>, handler: F) -> EventId
    where
        F: FnOnce(Event) + Send + 'static,
    {
        add(
            self,
            &event.into(),
            self.own_target(),
            true,
            callable_once(handler),
        )
    }

    /// Listens to the next event, whomever it is for.
    ///
    /// # Panics
    ///
    /// As [`Listener::listen`].
    fn once_any<F>(&self, event: impl Into<String>, handler: F) -> EventId
    where
        F: FnOnce(Event) + Send + 'static,
    {
        add(
            self,
            &event.into(),
            EventTarget::Any,
            true,
            callable_once(handler),
        )
    }

    /// Removes a listener. Also takes the id of a listener of `tauri::Listener`.
    fn unlisten(&self, id: EventId) {
        let removed = self.state::<CompatListeners>().lock().known.remove(&id);
        match removed {
            Some(registered) => end(self, &registered),
            None => tauri::Listener::unlisten(self, id),
        }
    }
}

macro_rules! compat_for {
    ($($type:ident => |$this:ident| $target:expr),+ $(,)?) => {
        $(
            impl<R: Runtime> Emitter<R> for $type<R> {}

            impl<R: Runtime> Listener<R> for $type<R> {
                fn own_target(&self) -> EventTarget {
                    let $this = self;
                    $target
                }
            }
        )+
    };
}

compat_for! {
    App => |_app| EventTarget::App,
    AppHandle => |_app| EventTarget::App,
    Window => |window| EventTarget::window(window.label()),
    Webview => |webview| EventTarget::webview(webview.label()),
    WebviewWindow => |window| EventTarget::webview_window(window.label()),
}

fn find_bus<R: Runtime>(manager: &(impl Manager<R> + ?Sized)) -> EventBus {
    manager.app_handle().event_bus()
}

fn into_tauri(error: Error) -> tauri::Error {
    tauri::Error::Io(std::io::Error::other(error))
}

fn publish(bus: &EventBus, name: &str, payload: String, to: Option<Address>) -> tauri::Result<()> {
    let prepared = bus.prepare_json(name, Ok(payload), EmitOptions::new());
    let prepared = prepared.map(|(event, _)| {
        let audience = Audience {
            to,
            is_compatible: bus.runtime().core.compatible().is_some(),
            ..Audience::default()
        };
        (event, audience)
    });
    let published = bus.publish_prepared(prepared);
    published.map(|_| ()).map_err(into_tauri)
}

/// Those whose targets a filter has accepted.
fn address_of(accepted: Vec<CoreTarget>) -> Address {
    let mut selection = Selection::default();
    for target in &accepted {
        let own = Selection::of_core(target.clone());
        selection.host |= own.host;
        if matches!(
            target,
            CoreTarget::Webview(_) | CoreTarget::WebviewWindow(_)
        ) {
            selection.webviews.extend(own.webviews);
        }
    }
    selection.core = Some(CoreSelection::Accepted(accepted.into()));
    let labels = selection
        .webviews
        .iter()
        .map(|label| Target::webview(label.as_str()));
    Address {
        target: Target::join(labels),
        selection,
    }
}

fn callable_once<F: FnOnce(Event) + Send + 'static>(handler: F) -> impl FnMut(Event) + Send {
    let mut handler = Some(handler);
    move |event| {
        if let Some(handler) = handler.take() {
            handler(event);
        }
    }
}

fn add<R: Runtime, M: Manager<R> + tauri::Listener<R> + ?Sized>(
    manager: &M,
    name: &str,
    target: EventTarget,
    is_once: bool,
    mut handler: impl FnMut(Event) + Send + 'static,
) -> EventId {
    let app = manager.app_handle().clone();
    let runtime = Arc::clone(find_bus(manager).runtime());
    let id = app.state::<CompatListeners>().next_id();
    let parsed = EventName::parse_emitted(name);
    let core_takes_it = is_name_of_core(name);
    let is_in_core = match &parsed {
        Ok(_) => core_takes_it && runtime.core.compatible().is_some_and(|parts| parts.core),
        Err(_) => true,
    };
    let listener = CompatListener {
        target: core_target_of(&target).unwrap_or(CoreTarget::Any),
        is_in_core,
    };
    // Events of a name that the bus does not take come through Tauri only, under a name that nothing emits.
    let own_name = parsed.or_else(|_| EventName::parse(&format!("event-bus:core-{id}")));
    let pattern = own_name.and_then(|own| Ok((EventPattern::parse(own.as_str())?, own)));
    let Ok((pattern, own_name)) = pattern else {
        return id;
    };
    let handle = app.clone();
    let bus_id = runtime.listeners.add_compatible(pattern, listener, |bus| {
        // Before it is registered, so that the first event finds it.
        let registered = Registered { bus, core: None };
        app.state::<CompatListeners>()
            .lock()
            .known
            .insert(id, registered);
        move |event: BusEvent| {
            if is_once {
                let removed = handle.state::<CompatListeners>().lock().known.remove(&id);
                match removed {
                    Some(registered) => end(&handle, &registered),
                    // It has received the one event already.
                    None => return,
                }
            }
            handler(Event { id, event });
        }
    });
    if is_in_core {
        let core_id = listen_in_core(manager, name, &target, &runtime, bus_id, own_name);
        let listeners = app.state::<CompatListeners>();
        let mut ids = listeners.lock();
        match ids.known.get_mut(&id) {
            Some(registered) => registered.core = Some(core_id),
            None => {
                drop(ids);
                tauri::Listener::unlisten(&app, core_id);
            }
        }
    }
    id
}

/// Hands what Tauri's own system brings to the thread of the listeners.
fn listen_in_core<R: Runtime, M: tauri::Listener<R> + ?Sized>(
    manager: &M,
    name: &str,
    target: &EventTarget,
    runtime: &Arc<BusRuntime>,
    id: SubscriptionId,
    own_name: EventName,
) -> EventId {
    let listeners: Weak<Listeners> = Arc::downgrade(&runtime.listeners);
    let core = Arc::downgrade(&runtime.core);
    let is_of_tauri = EventName::parse_emitted(name).is_err();
    let receive = move |event: tauri::Event| {
        if let (Some(listeners), Some(core)) = (listeners.upgrade(), core.upgrade()) {
            if !is_of_tauri {
                core.note_difference(CompatKind::Core, &own_name, || {
                    format!(
                        "{:?} was emitted through Tauri's own events, and a listener in Rust received it",
                        own_name.as_str()
                    )
                });
            }
            listeners.hand_over(id, &own_name, event.payload());
        }
    };
    match target {
        EventTarget::Any => tauri::Listener::listen_any(manager, name, receive),
        _ => tauri::Listener::listen(manager, name, receive),
    }
}

fn end<R: Runtime, M: Manager<R> + tauri::Listener<R> + ?Sized>(
    manager: &M,
    registered: &Registered,
) {
    find_bus(manager).runtime().listeners.remove(registered.bus);
    if let Some(core) = registered.core {
        tauri::Listener::unlisten(manager, core);
    }
}

/// Whether Tauri takes the name. It panics at a listener of any other.
fn is_name_of_core(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '/' | ':' | '_'))
}
