//! Pulls: a page fetches what it has not received yet.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tauri::ipc::{Invoke, InvokeBody};
use tauri::{Manager, Runtime};

use crate::api::bus::EventBus;
use crate::engine::reply::Reply;
use crate::hub::Pull;
use crate::hub::ids::SessionId;
use crate::hub::outbox::BatchBound;
use crate::model::error::{Result, escaped, quoted};
use crate::shell::reply::{ReplyPath, reply_to};

use super::arguments::{check_entries, invalid_argument};
use super::carried::apply_carried;
use super::command::find_bus;

/// The command that resolves when there is something to deliver.
pub(super) const COMMAND: &str = "pull";

/// The longest batch, in bytes, of an IPC that fell back to postMessage. Tauri evaluates such a reply as a script, and
/// WebKit keeps the source of scripts from 8 KiB on. Written as a string, it may become twice as long.
const MAX_EVALUATED_BYTES: usize = (8 * 1024 - 6) / 2;

/// On Android, Tauri evaluates only replies below 8 KiB. The page fetches longer ones.
const FETCHES_LONG_REPLIES: bool = cfg!(target_os = "android");

#[derive(Deserialize)]
struct PullArguments {
    session: String,
    ack: u64,
    #[serde(default)]
    ahead: bool,
    #[serde(default)]
    call: bool,
    #[serde(default)]
    carried: Vec<Value>,
}

/// Keeps the resolver of a pull, so that no task waits for it. A pull has no scope, so it needs only the bus of its page.
pub(super) fn accept<R: Runtime>(invoke: Invoke<R>) {
    let Invoke {
        message, resolver, ..
    } = invoke;
    let webview = message.webview_ref();
    let app = webview.app_handle().clone();
    let label = webview.label().to_owned();
    // It may be in another window than before.
    let window = webview.window_ref().label().to_owned();
    let path = ReplyPath::of(message.headers());
    let reply = reply_to(app, resolver, path);
    let bus = match find_bus(&message) {
        Ok(bus) => bus,
        Err(error) => return reply.send(Err(error)),
    };
    let core = Arc::clone(&bus.runtime().core);
    let limits = core.limits();
    let bound = BatchBound {
        events: limits.batch_events,
        bytes: longest_batch(path, limits.batch_bytes, FETCHES_LONG_REPLIES),
    };
    let read = read_arguments(message.payload(), bound);
    if let Ok((pull, _)) = &read
        && path == ReplyPath::Evaluated
        && core.hub().note_evaluated(&label, pull.session)
    {
        log::info!(
            "the IPC of the page in {} fell back to postMessage, which is slower, until the page is loaded again; docs/delivery.md says why",
            quoted(&label)
        );
    }
    match read {
        Ok((pull, carried)) if carried.is_empty() => core.pull((&label, &window), pull, reply),
        // Tauri holds the lock of its plugins while this runs. Responses may be long, and their checks run code of the app.
        Ok((pull, carried)) => {
            let tasks = core.tasks().clone();
            tasks.spawn(async move {
                let (pull, reply) = apply_pulled(&bus, &label, pull, carried, reply);
                core.pull((&label, &window), pull, reply);
            });
        }
        Err(error) => reply.send(Err(error)),
    }
}

fn longest_batch(path: ReplyPath, limit: usize, fetches_long_replies: bool) -> usize {
    match path {
        ReplyPath::Evaluated if !fetches_long_replies => limit.min(MAX_EVALUATED_BYTES),
        _ => limit,
    }
}

/// Applies what came with a pull. The errors of what was refused go back with a prompt reply.
fn apply_pulled(
    bus: &EventBus,
    label: &str,
    pull: Pull,
    carried: Vec<Value>,
    reply: Reply,
) -> (Pull, Reply) {
    let refused = apply_carried(bus, label, pull.session, carried);
    if refused.is_empty() {
        return (pull, reply);
    }
    let reply = Reply::new(move |result| match result {
        Some(Ok(json)) => reply.send(Ok(json.with_text(|text| {
            let rest = text.strip_prefix('{').unwrap_or(text);
            format!("{{\"refused\":{},{rest}", json!(refused))
        }))),
        Some(Err(error)) => reply.send(Err(error)),
        None => drop(reply),
    });
    let pull = Pull {
        is_prompt: true,
        ..pull
    };
    (pull, reply)
}

fn read_arguments(body: &InvokeBody, bound: BatchBound) -> Result<(Pull, Vec<Value>)> {
    let InvokeBody::Json(json) = body else {
        return Err(invalid_argument(
            "a pull got a raw body; send its arguments as a JSON object",
        ));
    };
    let arguments = PullArguments::deserialize(json).map_err(|error| {
        invalid_argument(format!(
            "invalid pull: expected session and ack (the index of the last handled item), and optionally ahead, call and carried: {}",
            escaped(&error)
        ))
    })?;
    let pull = Pull {
        session: SessionId::parse(&arguments.session)?,
        ack: arguments.ack,
        is_ahead: arguments.ahead,
        is_prompt: false,
        can_be_called: arguments.call,
        bound,
    };
    check_entries("carried entries", arguments.carried.len())?;
    Ok((pull, arguments.carried))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_evaluated_is_cut() {
        use ReplyPath::{Evaluated, Fetched};
        for (path, limit, fetches_long, expected) in [
            (Fetched, 1 << 20, false, 1 << 20),
            (Evaluated, 1 << 20, false, MAX_EVALUATED_BYTES),
            (Evaluated, 100, false, 100),
            (Evaluated, 1 << 20, true, 1 << 20),
        ] {
            assert_eq!(longest_batch(path, limit, fetches_long), expected);
        }
    }
}
