//! The doors for pages: each reads its arguments, and hands them on.

mod arguments;
mod call;
mod emit;
mod inspect;
mod jobs;
pub(crate) mod names;
pub(crate) mod pull;
mod request;
mod subscribe;

use tauri::ipc::{CommandScope, Invoke, Response};
use tauri::{Runtime, State, Webview};

use crate::api::bus::EventBus;
use crate::model::error::Result;
use crate::model::event::Source;
use crate::permissions::{Scope, ScopeEntry};
use crate::shell::commands::pull::{PULL, accept_pull};

use arguments::write;
use request::{REQUEST, accept_request};

pub(crate) use arguments::check_entries;
#[cfg(fuzzing)]
pub(crate) use arguments::{read_json, read_target};
pub(crate) use request::take_replies;

/// The handler of every command. A pull and a question keep their resolvers; the others are answered when they return.
pub(crate) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    let handle: Box<dyn Fn(Invoke<R>) -> bool + Send + Sync> = Box::new(tauri::generate_handler![
        emit::emit,
        emit::emit_to,
        subscribe::subscribe,
        subscribe::unsubscribe,
        jobs::start_periodic,
        jobs::stop_periodic,
        jobs::pause_periodic,
        jobs::resume_periodic,
        jobs::update_periodic,
        jobs::list_periodic,
        request::cancel_request,
        request::respond,
        request::reply,
        catalog,
        inspect::inspect,
    ]);
    move |invoke| {
        if invoke.message.command() == PULL {
            accept_pull(invoke);
            return true;
        }
        if invoke.message.command() == REQUEST {
            accept_request(invoke);
            return true;
        }
        handle(invoke)
    }
}

type Bus<'a> = State<'a, EventBus>;

/// The entries that count for the command, the window and the address of the request, as Tauri has resolved them.
type Entries = CommandScope<ScopeEntry>;

fn scope_of(permission: &'static str, entries: &Entries) -> Scope {
    let scope = Scope::new(permission, entries.allows(), entries.denies());
    let faults: Vec<String> = scope.unreported_faults().collect();
    if !faults.is_empty() {
        let several = if faults.len() == 1 {
            "a malformed entry"
        } else {
            "malformed entries"
        };
        log::warn!(
            "the capabilities of a window have {several}: {}",
            faults.join("; ")
        );
    }
    scope
}

#[tauri::command]
async fn catalog(bus: Bus<'_>) -> Result<Response> {
    write(bus.catalog()).map(Response::new)
}

fn source_of<R: Runtime>(webview: &Webview<R>) -> Source {
    Source::Webview(webview.label().into())
}

/// Reads an entry of one of the commands as far as it goes without a bus, for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) fn read_arguments(kind: u8, entry: serde_json::Value) -> Result<()> {
    let _ = arguments::payload_length(&entry);
    match kind % 5 {
        0 => emit::read_entry(entry),
        1 => subscribe::read_entry(entry),
        2 => request::read_question(entry),
        3 => request::read_reply(entry),
        _ => jobs::read_job(entry),
    }
}
