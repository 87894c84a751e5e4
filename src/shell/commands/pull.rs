use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tauri::ipc::{Invoke, InvokeBody};
use tauri::{Manager, Runtime};

use crate::api::bus::EventBus;
use crate::engine::reply::Reply;
use crate::hub::Pull;
use crate::hub::outbox::BatchBound;
use crate::hub::session::SessionId;
use crate::model::error::{Error, ErrorCode, Result, escaped};
use crate::shell::commands::{check_entries, take_replies};
use crate::sync::spawn;

/// The name of the command that is answered later, by whoever has something to deliver.
pub(crate) const PULL: &str = "pull";

/// What Tauri evaluates as an answer, where its IPC fell back to postMessage, stays below this: WebKit keeps the source
/// of larger scripts.
const LARGEST_EVALUATED_ANSWER: usize = 8 * 1024 - 2;

/// A header that Tauri's own script sets on every IPC request, and that postMessage does not carry.
const IPC_REQUEST_HEADER: &str = "Tauri-Callback";

#[derive(Deserialize)]
struct PullArguments {
    session: String,
    ack: u64,
    #[serde(default)]
    ahead: bool,
    #[serde(default)]
    replies: Vec<Value>,
}

/// Takes a pull as it comes from Tauri and keeps its resolver, so that no task waits for it.
pub(crate) fn accept_pull<R: Runtime>(invoke: Invoke<R>) {
    let Invoke {
        message, resolver, ..
    } = invoke;
    let webview = message.webview_ref();
    let app = webview.app_handle().clone();
    let label = webview.label().to_owned();
    let bus = app.try_state::<EventBus>().map(|bus| bus.inner().clone());
    let reply = Reply::to_resolver(app, resolver);
    let Some(bus) = bus else {
        reply.answer(Err(Error::new(
            ErrorCode::Unavailable,
            "the event bus has not started",
        )));
        return;
    };
    let engine = Arc::clone(bus.engine());
    let limits = engine.limits();
    let is_evaluated = !message.headers().contains_key(IPC_REQUEST_HEADER);
    let bound = BatchBound {
        events: limits.batch_events,
        bytes: if is_evaluated {
            limits.batch_bytes.min(LARGEST_EVALUATED_ANSWER)
        } else {
            limits.batch_bytes
        },
    };
    match read_arguments(message.payload(), bound) {
        Ok((pull, replies)) if replies.is_empty() => engine.pull(&label, pull, reply),
        // Tauri holds its plugins while this runs, and answers may be long, or of the app's own types.
        Ok((pull, replies)) => drop(spawn(async move {
            let (pull, reply) = settle_replies(&bus, &label, pull, replies, reply);
            bus.engine().pull(&label, pull, reply);
        })),
        Err(error) => reply.answer(Err(error)),
    }
}

/// Takes the answers that came with a pull. What is refused of them goes back with a prompt answer.
fn settle_replies(
    bus: &EventBus,
    label: &str,
    pull: Pull,
    replies: Vec<Value>,
    reply: Reply,
) -> (Pull, Reply) {
    let refused = take_replies(bus, label, pull.session, replies);
    if refused.is_empty() {
        return (pull, reply);
    }
    let reply = Reply::new(move |answer| match answer {
        Some(Ok(json)) => {
            let rest = json.strip_prefix('{').unwrap_or(&json);
            reply.answer(Ok(format!("{{\"refused\":{},{rest}", json!(refused))));
        }
        Some(Err(error)) => reply.answer(Err(error)),
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
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "a pull takes the arguments session and ack as JSON",
        ));
    };
    let arguments = PullArguments::deserialize(json).map_err(|error| {
        Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "a pull takes a session id and the index of the last handled item: {}",
                escaped(&error)
            ),
        )
    })?;
    let pull = Pull {
        session: SessionId::parse(&arguments.session)?,
        ack: arguments.ack,
        is_ahead: arguments.ahead,
        is_prompt: false,
        bound,
    };
    check_entries("replies", arguments.replies.len())?;
    Ok((pull, arguments.replies))
}
