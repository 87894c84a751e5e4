//! The doors for pages: each reads its arguments, and hands them on.

mod arguments;
mod asking;
mod emitting;
mod inspecting;
mod listening;
mod order;
mod periodic;

use tauri::ipc::{CommandScope, Invoke, Response};
use tauri::{Runtime, State, Webview};

use crate::bus::EventBus;
use crate::error::Result;
use crate::event::Source;
use crate::page::pull::{PULL, accept_pull};
use crate::scope::{Scope, ScopeEntry};

use arguments::write;
use asking::{REQUEST, accept_request};

pub(crate) use arguments::check_entries;
#[cfg(fuzzing)]
pub(crate) use arguments::{read_json, read_target};
pub(crate) use asking::take_replies;

/// The handler of every command. A pull and a question keep their resolvers; the others are answered when they return.
pub(crate) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    let handle: Box<dyn Fn(Invoke<R>) -> bool + Send + Sync> = Box::new(tauri::generate_handler![
        emitting::emit,
        emitting::emit_to,
        listening::subscribe,
        listening::unsubscribe,
        periodic::start_periodic,
        periodic::stop_periodic,
        periodic::pause_periodic,
        periodic::resume_periodic,
        periodic::update_periodic,
        periodic::list_periodic,
        asking::cancel_request,
        asking::respond,
        asking::reply,
        catalog,
        inspecting::inspect,
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
        0 => emitting::read_entry(entry),
        1 => listening::read_entry(entry),
        2 => asking::read_question(entry),
        3 => asking::read_reply(entry),
        _ => periodic::read_job(entry),
    }
}
