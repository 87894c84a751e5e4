//! What every command of a page needs: the caller, the entries of its capabilities, and its place in the session.

use std::sync::Arc;

use serde_json::Value;
use tauri::http::HeaderMap;
use tauri::ipc::{CommandArg, CommandItem, CommandScope, InvokeError, InvokeMessage, Response};
use tauri::{Manager, Runtime};

use crate::api::bus::EventBus;
use crate::engine::core::Core;
use crate::engine::reply::Reply;
use crate::flood::Flood;
use crate::hub::Command;
use crate::hub::command_log::{CommandAdmission, JsonResult};
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, escaped};
use crate::model::json::Json;
use crate::model::tap::record::TapAction;
use crate::permissions::{Scope, ScopeEntry, Subject, WatchScope};
use crate::runtime::BusRuntime;
use crate::shell::reply::ReplyPath;
use crate::sync::oneshot;

use super::body::argument;

/// The entries that Tauri resolved for the command, the window and the origin of a call.
type Entries = CommandScope<ScopeEntry>;

/// The page that calls a command.
pub(super) struct Page {
    label: Arc<str>,
    bus: EventBus,
    entries: Entries,
    origin: Option<String>,
    path: ReplyPath,
}

impl Page {
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::Webview(Arc::clone(&self.label))
    }

    pub(super) fn bus(&self) -> &EventBus {
        &self.bus
    }

    pub(super) fn runtime(&self) -> &Arc<BusRuntime> {
        self.bus.runtime()
    }

    pub(super) fn core(&self) -> &Core {
        &self.runtime().core
    }

    /// The scope of a permission. Logs each malformed entry once.
    pub(super) fn scope(&self, permission: &'static str, subject: Subject) -> Scope {
        let (allow, deny) = (self.entries.allows(), self.entries.denies());
        let scope = Scope::new(permission, subject, allow, deny);
        let faults: Vec<String> = scope.unreported_faults().collect();
        if !faults.is_empty() {
            log::warn!("malformed capability entries: {}", faults.join("; "));
        }
        scope
    }

    /// The name in an entry, if it is told or counted when it is refused.
    pub(super) fn noted_name(&self, entry: &Value, key: &str) -> Option<String> {
        self.noted(entry[key].as_str().unwrap_or_default())
    }

    /// A name, if it is told or counted when it is refused.
    pub(super) fn noted(&self, name: &str) -> Option<String> {
        self.core().notes_refusals().then(|| name.to_owned())
    }

    /// Tells taps what was refused, and hands the result on.
    pub(super) fn note_refused<T>(
        &self,
        action: TapAction,
        name: Option<&str>,
        result: Result<T>,
    ) -> Result<T> {
        match name {
            Some(name) if result.is_err() => {
                let about = (action, name, &self.endpoint());
                self.core().note_result(about, result)
            }
            _ => result,
        }
    }

    /// Of which pages the page may know.
    pub(super) fn watch_scope(&self) -> WatchScope {
        WatchScope::new(self.entries.allows(), self.entries.denies())
    }

    /// The origin of the page. `None` if its IPC fell back to postMessage.
    pub(super) fn origin(&self) -> Option<String> {
        self.origin.clone()
    }

    /// The reply to the page's command.
    pub(super) fn reply(&self, json: impl Into<Json>) -> Response {
        self.path.reply(json.into())
    }

    /// The flood account of the page's webview.
    pub(super) fn flood(&self) -> Result<Arc<Flood>> {
        self.core().flood(&self.label)
    }

    pub(super) fn read<R: Runtime>(command: CommandItem<'_, R>) -> Result<Self> {
        let message = command.message;
        let bus = find_bus(message)?;
        let entries = Entries::from_command(command).map_err(|error| {
            Error::new(
                ErrorCode::Denied,
                format!(
                    "Tauri could not read the scope of this command; check its `allow` and `deny` lists in the capability files: {}",
                    describe(error)
                ),
            )
        })?;
        let webview = message.webview_ref();
        // It may be in another window than before.
        bus.runtime()
            .core
            .note_window(webview.label(), webview.window_ref().label());
        Ok(Self {
            label: webview.label().into(),
            bus,
            entries,
            origin: origin_of(message.headers()),
            path: ReplyPath::of(message.headers()),
        })
    }
}

/// The text of Tauri's error.
fn describe(InvokeError(error): InvokeError) -> String {
    match error {
        serde_json::Value::String(text) => escaped(&text),
        other => escaped(&other),
    }
}

impl<'de, R: Runtime> CommandArg<'de, R> for Page {
    fn from_command(command: CommandItem<'de, R>) -> std::result::Result<Self, InvokeError> {
        Ok(Self::read(command)?)
    }
}

/// The bus of the app that a message is for.
pub(super) fn find_bus<R: Runtime>(message: &InvokeMessage<R>) -> Result<EventBus> {
    let bus = message.webview_ref().try_state::<EventBus>();
    let bus = bus.map(|bus| bus.inner().clone());
    bus.ok_or_else(|| Error::new(
            ErrorCode::Unavailable,
            "the event bus has not started; register the plugin before windows are created, or call this after the setup",
        ))
}

/// Tauri reads this header, too. It is absent if the IPC fell back to postMessage.
fn origin_of(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("Origin")?.to_str().ok()?.to_owned())
}

/// A command that changes state. It runs in the order of the session, and once, even if it arrives several times.
pub(super) struct PageCommand {
    page: Page,
    name: &'static str,
    session: String,
    n: u64,
}

impl std::ops::Deref for PageCommand {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl<'de, R: Runtime> CommandArg<'de, R> for PageCommand {
    fn from_command(command: CommandItem<'de, R>) -> std::result::Result<Self, InvokeError> {
        let item = |key| CommandItem {
            plugin: command.plugin,
            name: command.name,
            key,
            message: command.message,
            acl: command.acl,
        };
        // If one of these is missing, Tauri rejects with a bare string. The guest then knows that the command never reached
        // the plugin.
        Ok(Self {
            name: command.name,
            session: argument(item("session"))?,
            n: argument(item("n"))?,
            page: Page::from_command(command)?,
        })
    }
}

impl PageCommand {
    /// Runs the command once, as [`PageCommand::run_once`] does, and tells taps if it is refused.
    pub(super) async fn run_noted(
        &self,
        (action, name): (TapAction, Option<String>),
        run: impl FnOnce(SubscriberKey) -> JsonResult,
    ) -> Result<Response> {
        self.run_once(|page| self.note_refused(action, name.as_deref(), run(page)))
            .await
    }

    /// Runs the command, unless it ran before. A repeated command gets the recorded result.
    pub(super) async fn run_once(
        &self,
        run: impl FnOnce(SubscriberKey) -> JsonResult,
    ) -> Result<Response> {
        let core = self.core();
        let command = Command {
            name: self.name,
            session: SessionId::parse(&self.session)?,
            n: self.n,
            origin: self.origin(),
        };
        let (sender, receiver) = oneshot::channel();
        let reply = Reply::new(move |result| {
            // The receiver is gone if Tauri dropped the command.
            let _ = result.map(|result| sender.send(result));
        });
        let (admission, page) = core.begin_command(self.label(), command, reply);
        let result = match (admission, page) {
            (CommandAdmission::Run(_), Some(page)) => {
                let running = RunningCommand {
                    core,
                    name: self.name,
                    page,
                    n: self.n,
                };
                let result = run(page);
                running.finish(&result);
                result
            }
            (CommandAdmission::Repeat(_, result), _) => result,
            (CommandAdmission::Refuse(_, error), _) => Err(error),
            (CommandAdmission::Wait | CommandAdmission::Run(_), _) => {
                receiver.await.unwrap_or_else(|_| {
                    Err(Error::new(
                        ErrorCode::StaleSession,
                        "this session has ended",
                    ))
                })
            }
        };
        result.map(|json| self.reply(json))
    }
}

/// A command that runs. It also finishes if it panics, so that the next one of the page can run.
struct RunningCommand<'a> {
    core: &'a Core,
    name: &'static str,
    page: SubscriberKey,
    n: u64,
}

impl RunningCommand<'_> {
    fn finish(self, result: &JsonResult) {
        self.core.finish_command(self.page, self.n, result);
        std::mem::forget(self);
    }
}

impl Drop for RunningCommand<'_> {
    fn drop(&mut self) {
        let error = Error::new(
            ErrorCode::Unavailable,
            format!("the command {} panicked; see the app's log", self.name),
        );
        self.core.finish_command(self.page, self.n, &Err(error));
    }
}
