//! What every command of a page needs, read once: who calls, what the capabilities list, and its place in the session.

use std::sync::Arc;

use tauri::http::HeaderMap;
use tauri::ipc::{CommandArg, CommandItem, CommandScope, InvokeError, InvokeMessage, Response};
use tauri::{Manager, Runtime};
use tokio::sync::oneshot;

use crate::api::bus::EventBus;
use crate::engine::core::Core;
use crate::engine::reply::Reply;
use crate::flood::Flood;
use crate::hub::Command;
use crate::hub::command_log::{CommandAdmission, JsonResult};
use crate::hub::session::SessionId;
use crate::hub::subscriptions::SubscriberKey;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::permissions::{Scope, ScopeEntry, Subject};
use crate::runtime::BusRuntime;

/// The entries that count for the command, the window and the origin of the request, as Tauri has resolved them.
pub(super) type Entries = CommandScope<ScopeEntry>;

/// The page that calls.
pub(super) struct Page {
    label: Arc<str>,
    bus: EventBus,
    entries: Entries,
    origin: Option<String>,
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

    pub(super) fn scope(&self, permission: &'static str, subject: Subject) -> Scope {
        read_scope(permission, subject, &self.entries)
    }

    /// The flood account of the page's webview.
    pub(super) fn flood(&self) -> Result<Arc<Flood>> {
        self.core().hub().flood(&self.label)
    }
}

impl<'de, R: Runtime> CommandArg<'de, R> for Page {
    fn from_command(command: CommandItem<'de, R>) -> std::result::Result<Self, InvokeError> {
        let message = command.message;
        Ok(Self {
            label: message.webview_ref().label().into(),
            bus: find_bus(message)?,
            origin: origin_of(message.headers()),
            entries: Entries::from_command(command)?,
        })
    }
}

/// The bus of the app that a message is for.
pub(super) fn find_bus<R: Runtime>(message: &InvokeMessage<R>) -> Result<EventBus> {
    let bus = message.webview_ref().try_state::<EventBus>();
    let bus = bus.map(|bus| bus.inner().clone());
    bus.ok_or_else(|| Error::new(ErrorCode::Unavailable, "the event bus has not started"))
}

/// Where a page is from. Tauri, too, reads this header, which is absent where the IPC fell back to postMessage.
pub(super) fn origin_of(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("Origin")?.to_str().ok()?.to_owned())
}

/// The scope of a permission. Malformed entries are logged once.
pub(super) fn read_scope(permission: &'static str, subject: Subject, entries: &Entries) -> Scope {
    let scope = Scope::new(permission, subject, entries.allows(), entries.denies());
    let faults: Vec<String> = scope.unreported_faults().collect();
    if !faults.is_empty() {
        log::warn!("malformed capability entries: {}", faults.join("; "));
    }
    scope
}

/// A command that changes state. It runs in its turn, and once, however often it arrives.
pub(super) struct PageCall {
    page: Page,
    name: &'static str,
    session: String,
    n: u64,
}

impl std::ops::Deref for PageCall {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl<'de, R: Runtime> CommandArg<'de, R> for PageCall {
    fn from_command(command: CommandItem<'de, R>) -> std::result::Result<Self, InvokeError> {
        let item = |key| CommandItem {
            plugin: command.plugin,
            name: command.name,
            key,
            message: command.message,
            acl: command.acl,
        };
        // The guest relies on a bare string where one of these is missing: the command never reached the plugin.
        Ok(Self {
            name: command.name,
            session: String::from_command(item("session"))?,
            n: u64::from_command(item("n"))?,
            page: Page::from_command(command)?,
        })
    }
}

impl PageCall {
    /// Runs the command, unless it ran already. A copy gets the recorded result.
    pub(super) async fn run_once(
        &self,
        run: impl FnOnce(SubscriberKey) -> JsonResult,
    ) -> Result<Response> {
        let core = self.core();
        let command = Command {
            name: self.name,
            session: SessionId::parse(&self.session)?,
            n: self.n,
            origin: self.origin.clone(),
        };
        let (sender, receiver) = oneshot::channel();
        let reply = Reply::new(move |result| {
            // A command whose page is gone has no receiver.
            let _ = result.map(|result| sender.send(result));
        });
        let (admission, page) = core.begin_command(self.label(), command, reply);
        let result = match (admission, page) {
            (CommandAdmission::Run(_), Some(page)) => {
                let running = RunningCommand {
                    core,
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
        result.map(Response::new)
    }
}

/// A command that runs. If it panics it is finished all the same, so that the page's next one can run.
struct RunningCommand<'a> {
    core: &'a Core,
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
            "the command panicked; see the app's log",
        );
        self.core.finish_command(self.page, self.n, &Err(error));
    }
}
