use std::sync::{Arc, PoisonError, Weak};

use tauri::{
    App, AppHandle, EventId, EventTarget, Manager, Runtime, Webview, WebviewWindow, Window,
};

use super::event::{Event, Received};
use super::registered::{CompatListeners, Ended, Registered, forget};
use crate::api::bus::EventBusExt;
use crate::engine::listeners::Listeners;
use crate::hub::ids::SubscriptionId;
use crate::model::core_target::{CompatListener, CoreTarget, is_name_of_core};
use crate::model::event::BusEvent;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::shell::convert::core_target_of;
use crate::sync::Mutex;

/// What listens: an app, a window or a webview. The methods are those of `tauri::Listener`, on the event bus.
///
/// The listener stays until [`Listener::unlisten`], and one of a window or a webview until that is closed. In compatible
/// mode it is registered in Tauri's own system, too. It runs on the thread of the listeners of the bus. [`Emitter`](crate::compat::Emitter) has an
/// example.
pub trait Listener<R: Runtime>: Manager<R> {
    /// The target of its listeners.
    #[doc(hidden)]
    fn own_target(&self) -> EventTarget;

    /// Listens in Tauri's own system, with this target or with any.
    #[doc(hidden)]
    fn listen_in_core(&self, event: String, target: &EventTarget, handler: CoreHandler) -> EventId;

    /// Listens to events for everyone and for this.
    ///
    /// # Panics
    ///
    /// If neither the bus nor Tauri takes the name, as Tauri does.
    fn listen<F>(&self, event: impl Into<String>, handler: F) -> EventId
    where
        F: Fn(Event) + Send + 'static,
    {
        add(self, event.into(), self.own_target(), false, handler)
    }

    /// Listens to all events of a name, whatever their target.
    ///
    /// # Panics
    ///
    /// As [`Listener::listen`].
    fn listen_any<F>(&self, event: impl Into<String>, handler: F) -> EventId
    where
        F: Fn(Event) + Send + 'static,
    {
        add(self, event.into(), EventTarget::Any, false, handler)
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
        let handler = callable_once(handler);
        add(self, event.into(), self.own_target(), true, handler)
    }

    /// Listens to the next event of a name, whatever its target.
    ///
    /// # Panics
    ///
    /// As [`Listener::listen`].
    fn once_any<F>(&self, event: impl Into<String>, handler: F) -> EventId
    where
        F: FnOnce(Event) + Send + 'static,
    {
        let handler = callable_once(handler);
        add(self, event.into(), EventTarget::Any, true, handler)
    }

    /// Removes a listener. Also takes the id of a listener of `tauri::Listener`.
    fn unlisten(&self, id: EventId) {
        match forget(self.app_handle(), id) {
            Some(registered) => {
                let bus = self.app_handle().event_bus();
                bus.runtime().listeners.remove(registered.bus);
            }
            None => tauri::Listener::unlisten(self.app_handle(), id),
        }
    }
}

/// A handler as Tauri's own system takes it.
type CoreHandler = Box<dyn Fn(tauri::Event) + Send>;

macro_rules! listener_for {
    ($($type:ident => |$this:ident| $target:expr),+ $(,)?) => {
        $(
            impl<R: Runtime> Listener<R> for $type<R> {
                fn own_target(&self) -> EventTarget {
                    let $this = self;
                    $target
                }

                fn listen_in_core(
                    &self,
                    event: String,
                    target: &EventTarget,
                    handler: CoreHandler,
                ) -> EventId {
                    match target {
                        EventTarget::Any => tauri::Listener::listen_any(self, event, handler),
                        _ => tauri::Listener::listen(self, event, handler),
                    }
                }
            }
        )+
    };
}

listener_for! {
    App => |_app| EventTarget::App,
    AppHandle => |_app| EventTarget::App,
    Window => |window| EventTarget::window(window.label()),
    Webview => |webview| EventTarget::webview(webview.label()),
    WebviewWindow => |window| EventTarget::webview_window(window.label()),
}

/// Calls a handler once. The call may come from two systems.
fn callable_once(handler: impl FnOnce(Event) + Send + 'static) -> impl Fn(Event) + Send {
    let handler = Mutex::new(Some(handler));
    move |event| {
        // Bound to a name, so that the lock is released before the handler runs.
        let taken = handler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(handler) = taken {
            handler(event);
        }
    }
}

fn add<R: Runtime, L: Listener<R> + ?Sized>(
    listener: &L,
    name: String,
    target: EventTarget,
    is_once: bool,
    handler: impl Fn(Event) + Send + 'static,
) -> EventId {
    let app = listener.app_handle().clone();
    let pattern = EventName::parse_emitted(&name).and_then(|_| EventPattern::parse(&name));
    let Ok(pattern) = pattern else {
        return add_to_core(listener, name, &target, is_once, handler);
    };
    let bus = app.event_bus();
    let runtime = bus.runtime();
    let parts = runtime.core.compatible();
    let is_in_core = parts.is_some_and(|parts| parts.core) && is_name_of_core(&name);
    let compat = CompatListener {
        // A target of an unknown kind counts as any target.
        target: core_target_of(&target).unwrap_or(CoreTarget::Any),
        takes_others: true,
        takes_broadcasts: true,
        is_in_core,
    };
    let id = app.state::<CompatListeners>().next_id();
    let ended = Ended {
        app: app.clone(),
        id,
    };
    let bus_id = runtime.listeners.add_compatible(pattern, compat, |bus| {
        // Before it is registered, so that the first event finds it.
        let registered = Registered { bus, core: None };
        let listeners = app.state::<CompatListeners>();
        listeners.lock().known.insert(id, registered);
        move |event: BusEvent| {
            if is_once && !ended.end() {
                return;
            }
            let received = Received::of_bus(event);
            handler(Event { id, received });
        }
    });
    if is_in_core {
        let core_id = hand_over(listener, name, &target, bus_id, &runtime.listeners);
        let listeners = app.state::<CompatListeners>();
        let mut ids = listeners.lock();
        if let Some(registered) = ids.known.get_mut(&id) {
            registered.core = Some(core_id);
        } else {
            drop(ids);
            tauri::Listener::unlisten(&app, core_id);
        }
    }
    id
}

/// Listens to a name that only Tauri takes.
fn add_to_core<R: Runtime, L: Listener<R> + ?Sized>(
    listener: &L,
    name: String,
    target: &EventTarget,
    is_once: bool,
    handler: impl Fn(Event) + Send + 'static,
) -> EventId {
    let app = listener.app_handle().clone();
    let handle = move |event: tauri::Event| {
        if is_once {
            tauri::Listener::unlisten(&app, event.id());
        }
        handler(Event::of_core(event));
    };
    listener.listen_in_core(name, target, Box::new(handle))
}

/// Hands what Tauri's own system brings to the thread of the listeners of the bus.
fn hand_over<R: Runtime, L: Listener<R> + ?Sized>(
    listener: &L,
    name: String,
    target: &EventTarget,
    id: SubscriptionId,
    listeners: &Arc<Listeners>,
) -> EventId {
    let listeners: Weak<Listeners> = Arc::downgrade(listeners);
    let own_name = EventName::parse(&name).ok();
    let receive = move |event: tauri::Event| {
        if let (Some(listeners), Some(name)) = (listeners.upgrade(), &own_name) {
            listeners.hand_over(id, name, event.payload());
        }
    };
    listener.listen_in_core(name, target, Box::new(receive))
}
