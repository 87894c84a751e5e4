use serde::Serialize;
use serde::de::IgnoredAny;
use tauri::{App, AppHandle, EventTarget, Manager, Runtime, Webview, WebviewWindow, Window};

use crate::api::bus::EventBusExt;
use crate::api::json::to_json;
use crate::api::options::EmitOptions;
use crate::api::target::IntoTarget;
use crate::hub::{Address, Audience};
use crate::model::compat::CompatKind;
use crate::model::core_target::{CoreSelection, CoreTarget};
use crate::model::error::{Error, ErrorCode, quoted};
use crate::model::name::EventName;
use crate::model::payload::check_json;
use crate::model::selection::Selection;
use crate::model::target::Target;
use crate::shell::convert::{core_target_of, event_target_of};

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
pub trait Emitter<R: Runtime>: Manager<R> {
    /// Emits an event to everyone.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`](crate::EventBus::emit), as the source of a [`tauri::Error::Io`].
    fn emit<S: Serialize + Clone>(&self, event: &str, payload: S) -> tauri::Result<()> {
        match of_bus(event) {
            true => publish(
                self.app_handle(),
                event,
                written(self, event, &payload)?,
                None,
            ),
            false => tauri::Emitter::emit(self.app_handle(), event, payload),
        }
    }

    /// Emits an event whose payload is JSON text.
    ///
    /// # Errors
    ///
    /// Those of [`Emitter::emit`], and [`tauri::Error::Json`] if the text is not JSON.
    fn emit_str(&self, event: &str, payload: String) -> tauri::Result<()> {
        match of_bus(event) {
            true => publish(
                self.app_handle(),
                event,
                checked(self, event, payload)?,
                None,
            ),
            false => tauri::Emitter::emit_str(self.app_handle(), event, payload),
        }
    }

    /// Emits an event to the listeners with this target.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_to`](crate::EventBus::emit_to), as the source of a [`tauri::Error::Io`].
    fn emit_to<I, S>(&self, target: I, event: &str, payload: S) -> tauri::Result<()>
    where
        I: Into<EventTarget>,
        S: Serialize + Clone,
    {
        match of_bus(event) {
            true => {
                let to = address_of(target.into())?;
                publish(
                    self.app_handle(),
                    event,
                    written(self, event, &payload)?,
                    to,
                )
            }
            false => tauri::Emitter::emit_to(self.app_handle(), target, event, payload),
        }
    }

    /// Emits an event whose payload is JSON text to the listeners with this target.
    ///
    /// # Errors
    ///
    /// Those of [`Emitter::emit_to`] and [`Emitter::emit_str`].
    fn emit_str_to<I>(&self, target: I, event: &str, payload: String) -> tauri::Result<()>
    where
        I: Into<EventTarget>,
    {
        match of_bus(event) {
            true => {
                let to = address_of(target.into())?;
                publish(self.app_handle(), event, checked(self, event, payload)?, to)
            }
            false => tauri::Emitter::emit_str_to(self.app_handle(), target, event, payload),
        }
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
        match of_bus(event) {
            true => {
                let to = Some(accepted_by(self.app_handle(), event, filter));
                publish(
                    self.app_handle(),
                    event,
                    written(self, event, &payload)?,
                    to,
                )
            }
            false => tauri::Emitter::emit_filter(self.app_handle(), event, payload, filter),
        }
    }

    /// Emits an event whose payload is JSON text to the listeners whose targets this filter accepts.
    ///
    /// # Errors
    ///
    /// Those of [`Emitter::emit_str`].
    fn emit_str_filter<F>(&self, event: &str, payload: String, filter: F) -> tauri::Result<()>
    where
        F: Fn(&EventTarget) -> bool,
    {
        match of_bus(event) {
            true => {
                let to = Some(accepted_by(self.app_handle(), event, filter));
                publish(self.app_handle(), event, checked(self, event, payload)?, to)
            }
            false => tauri::Emitter::emit_str_filter(self.app_handle(), event, payload, filter),
        }
    }
}

impl<R: Runtime> Emitter<R> for App<R> {}
impl<R: Runtime> Emitter<R> for AppHandle<R> {}
impl<R: Runtime> Emitter<R> for Window<R> {}
impl<R: Runtime> Emitter<R> for Webview<R> {}
impl<R: Runtime> Emitter<R> for WebviewWindow<R> {}

/// Whether the bus takes the name. Any other stays with Tauri.
fn of_bus(name: &str) -> bool {
    EventName::parse_emitted(name).is_ok()
}

fn into_tauri(error: Error) -> tauri::Error {
    tauri::Error::Io(std::io::Error::other(error))
}

/// Writes a payload as Tauri does.
fn written<R: Runtime>(
    manager: &(impl Manager<R> + ?Sized),
    name: &str,
    payload: &impl Serialize,
) -> tauri::Result<String> {
    let json = serde_json::to_string(payload)?;
    match writes_as_tauri(manager) {
        true => note_value(manager, name, to_json(name, payload).map(drop)),
        false => refuse_value(name, &json).map_err(into_tauri)?,
    }
    Ok(json)
}

/// Checks that a payload is JSON, and nothing else, as in Tauri.
fn checked<R: Runtime>(
    manager: &(impl Manager<R> + ?Sized),
    name: &str,
    payload: String,
) -> tauri::Result<String> {
    serde_json::from_str::<IgnoredAny>(&payload)?;
    let refused = refuse_value(name, &payload);
    match writes_as_tauri(manager) {
        true => note_value(manager, name, refused),
        false => refused.map_err(into_tauri)?,
    }
    Ok(payload)
}

/// Whether the values are Tauri's, so that what the bus would refuse is noted only.
fn writes_as_tauri<R: Runtime>(manager: &(impl Manager<R> + ?Sized)) -> bool {
    let bus = manager.app_handle().event_bus();
    let parts = bus.runtime().core.compatible();
    parts.is_some_and(|parts| parts.values)
}

/// What the bus says of JSON that not every reader reads as the same value.
fn refuse_value(name: &str, json: &str) -> Result<(), Error> {
    check_json(json).map_err(|problem| {
        let message = format!("the payload of {} {problem}", quoted(name));
        Error::new(ErrorCode::InvalidPayload, message)
    })
}

fn note_value<R: Runtime>(
    manager: &(impl Manager<R> + ?Sized),
    name: &str,
    refused: Result<(), Error>,
) {
    let bus = manager.app_handle().event_bus();
    if let Err(error) = refused
        && let Ok(name) = EventName::parse(name)
    {
        let message = || error.message().to_owned();
        bus.runtime()
            .core
            .note_difference(CompatKind::Value, &name, message);
    }
}

fn publish<R: Runtime>(
    app: &AppHandle<R>,
    name: &str,
    payload: String,
    to: Option<Address>,
) -> tauri::Result<()> {
    let bus = app.event_bus();
    let prepared = bus.prepare_json(name, Ok(payload.into()), EmitOptions::new());
    let prepared = prepared.map(|(event, _)| {
        let audience = Audience {
            to,
            is_compatible: bus.runtime().core.compatible().is_some(),
            ..Audience::default()
        };
        (event, audience)
    });
    let published = bus.publish_prepared(prepared);
    published.map(drop).map_err(into_tauri)
}

/// Whom an event with a target of Tauri's is for. `None` is everyone.
fn address_of(target: EventTarget) -> tauri::Result<Option<Address>> {
    let core = core_target_of(&target).map_err(into_tauri)?;
    Ok((core != CoreTarget::Any).then(|| Address::of_core(core, target.into_target())))
}

/// Those whose targets a filter accepts.
fn accepted_by<R: Runtime>(
    app: &AppHandle<R>,
    name: &str,
    filter: impl Fn(&EventTarget) -> bool,
) -> Address {
    let bus = app.event_bus();
    let name = EventName::parse(name).ok();
    let mut accepted = name.map_or_else(Vec::new, |name| {
        bus.runtime().core.hub().core_candidates(&name)
    });
    // The filter is the app's, so it runs without the lock.
    accepted.retain(|candidate| filter(&event_target_of(candidate)));
    let mut selection = Selection::default();
    for target in &accepted {
        let own = Selection::of_core(target.clone());
        selection.host |= own.host;
        match target {
            CoreTarget::Window(_) => selection.windows.extend(own.windows),
            CoreTarget::Webview(_) | CoreTarget::WebviewWindow(_) => {
                selection.webviews.extend(own.webviews);
            }
            // A listener with any label receives what its targets say.
            CoreTarget::Any | CoreTarget::App | CoreTarget::AnyLabel(_) => {}
        }
    }
    selection.core = Some(CoreSelection::Accepted(accepted.into()));
    let labels = selection.webviews.iter();
    let labels = labels.map(|label| Target::webview(label.as_str()));
    Address {
        target: Target::join(labels),
        selection,
    }
}
