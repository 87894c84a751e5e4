//! Requests that pages send.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tauri::ipc::{CommandItem, Invoke, InvokeMessage, Response};
use tauri::{Manager, Runtime};
use tauri_plugin_event_bus_types::Bytes;

use crate::api::streams::request::check_credit;
use crate::engine::reply::Reply;
use crate::hub::Address;
use crate::hub::ids::{RequestId, SessionId};
use crate::hub::requests::window::Credit;
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage};
use crate::model::error::{Result, quoted};
use crate::model::event::Provenance;
use crate::model::json::Json;
use crate::model::name::{EventName, parse_component};
use crate::model::tap::record::TapAction;
use crate::model::traceparent::Traceparent;
use crate::permissions::Subject;
use crate::shell::reply::{ReplyPath, reply_to};
use crate::sync::now;

use super::arguments::{
    check_entries, check_request_name, invalid_argument, read_json, read_target, read_timeout,
};
use super::body::{Entry, read_body};
use super::command::Page;
use super::emit::{locations_for, read_causes, without_own_node};

/// The command that the responder resolves.
pub(super) const COMMAND: &str = "request";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestArguments {
    session: String,
    id: u64,
    name: String,
    payload: Option<String>,
    to: Value,
    timeout_ms: Option<f64>,
    component: Option<String>,
    #[serde(default)]
    causes: Vec<String>,
    traceparent: Option<String>,
    /// Present in a request for a stream or a channel.
    stream: Option<StreamArguments>,
    /// Whether the page sends parts, too.
    #[serde(default)]
    channel: bool,
}

/// How much of a stream may be on its way. Without a value, what the limits say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamArguments {
    bytes: Option<usize>,
    parts: Option<usize>,
}

/// The arguments of a request, parsed but not checked against a scope.
struct ParsedRequest {
    session: SessionId,
    number: u64,
    name: EventName,
    payload: Option<String>,
    bytes: Vec<Bytes>,
    to: Address,
    timeout: Option<Duration>,
    component: Option<Arc<str>>,
    causes: Vec<String>,
    traceparent: Option<Traceparent>,
    stream: Option<StreamArguments>,
    is_channel: bool,
}

impl ParsedRequest {
    /// The length of the payload with the bytes in it.
    fn payload_length(&self) -> usize {
        let text = self.payload.as_ref().map_or(0, String::len);
        text + self.bytes.iter().map(|bytes| bytes.len()).sum::<usize>()
    }
}

impl RequestArguments {
    fn read(mut entry: Entry) -> Result<ParsedRequest> {
        let bytes = std::mem::take(&mut entry.bytes);
        let arguments: Self = entry.read(
            "request: expected session, id, name and to, and optionally payload, timeoutMs, component, causes, traceparent, stream ({ bytes, parts }) and channel",
        )?;
        arguments.check_channel()?;
        let to = read_target(&arguments.to)?;
        Ok(ParsedRequest {
            session: SessionId::parse(&arguments.session)?,
            number: arguments.id,
            name: EventName::parse_emitted(&arguments.name)?,
            payload: arguments.payload,
            bytes,
            to: Address::of(to)?,
            timeout: match (&arguments.stream, arguments.timeout_ms) {
                // A stream may be silent for good.
                (Some(_), None) => None,
                (_, millis) => Some(read_timeout(millis)?),
            },
            component: arguments
                .component
                .as_deref()
                .map(parse_component)
                .transpose()?,
            causes: arguments.causes,
            traceparent: Traceparent::read(arguments.traceparent.as_deref())?,
            is_channel: arguments.channel,
            stream: arguments.stream,
        })
    }

    fn check_channel(&self) -> Result<()> {
        let problem = match (self.channel, &self.stream, self.timeout_ms) {
            (false, _, _) | (true, Some(_), None) => return Ok(()),
            (true, None, _) => "has no credit; send stream ({ bytes, parts }) with it".to_owned(),
            (true, Some(_), Some(millis)) => {
                format!("has timeoutMs {millis}; a channel may be silent for good, so leave it out")
            }
        };
        Err(invalid_argument(format!(
            "the request {} for a channel {problem}",
            quoted(&self.name)
        )))
    }
}

/// Keeps the resolver of a request, so that no task waits for the response, and so that on Apple's systems a page that is
/// gone gets no reply.
pub(super) fn accept<R: Runtime>(invoke: Invoke<R>) {
    let Invoke {
        message,
        resolver,
        acl,
    } = invoke;
    let path = ReplyPath::of(message.headers());
    let reply = reply_to(message.webview_ref().app_handle().clone(), resolver, path);
    let item = CommandItem {
        plugin: Some("event-bus"),
        name: COMMAND,
        key: "entries",
        message: &message,
        acl: &acl,
    };
    let page = match Page::read(item) {
        Ok(page) => page,
        Err(error) => return reply.send(Err(error)),
    };
    // Tauri holds the lock of its plugins while this runs, and a payload may be long.
    let tasks = page.core().tasks().clone();
    tasks.spawn(async move { send(&page, &message, reply) });
}

fn send<R: Runtime>(page: &Page, message: &InvokeMessage<R>, reply: Reply) {
    let entry = match read_body(message.payload()) {
        Ok(entry) => entry,
        Err(error) => return reply.send(Err(error)),
    };
    // Before it is read, which may fail for another reason.
    let name = page.noted_name(&entry.value, "name");
    let noted = |error| page.note_refused::<()>(TapAction::Request, name.as_deref(), Err(error));
    let refuse = |reply: Reply, error| reply.send(noted(error).map(|()| Json::from("null")));
    let checked = RequestArguments::read(entry).and_then(|mut parsed| {
        let (message, to) = check(page, &mut parsed)?;
        Ok((parsed, message, to))
    });
    let (parsed, message, to) = match checked {
        Ok(checked) => checked,
        Err(error) => return refuse(reply, error),
    };
    let core = page.core();
    let (session, number) = (parsed.session, parsed.number);
    let (opened, effects) = core.hub().open_for_request(
        page.label(),
        session,
        number,
        page.origin(),
        core.clock().now(),
    );
    core.apply_effects(effects);
    let caller = match opened {
        Ok(key) => Caller::Page(key, number),
        Err(error) => return refuse(reply, error),
    };
    let request = NewRequest {
        message,
        caller,
        to,
        timeout: parsed.timeout,
    };
    page.runtime().responders.request(request, reply);
}

/// Checks a request and finds its recipient. Permission comes before existence, and both come before the payload.
fn check(page: &Page, parsed: &mut ParsedRequest) -> Result<(RequestMessage, Recipient)> {
    let core = page.core();
    let flood = page.flood()?;
    flood.take_emit(parsed.payload_length(), now())?;
    let scope = page.scope("event-bus:allow-request", Subject::Request);
    let selection = &mut parsed.to.selection;
    if !scope.is_unlimited() || !selection.nodes.is_empty() {
        let (mut others, names_own_node) = without_own_node(core, selection);
        // The host responds to a request to its node.
        others.host |= names_own_node;
        let locations = locations_for(core, &others);
        selection.within = scope.check_request(&parsed.name, &others, &locations)?;
    }
    core.resolve_nodes(&parsed.name, selection)?;
    let to = core.find_recipient(selection)?;
    let catalog = page.bus().catalog();
    check_request_name(catalog, &parsed.name)?;
    let payload = read_json(
        &parsed.name,
        parsed.payload.take(),
        std::mem::take(&mut parsed.bytes),
    )?;
    core.check_payload(&parsed.name, &payload)?;
    catalog.check_request_payload(&parsed.name, &payload)?;
    let limits = core.limits();
    let (bytes, parts) = limits.stream_credit();
    let stream = parsed.stream.take().map(|stream| Credit {
        bytes: stream.bytes.unwrap_or(bytes),
        parts: stream.parts.unwrap_or(parts),
    });
    let stream = stream
        .map(|credit| check_credit(credit, limits))
        .transpose()?;
    let message = RequestMessage {
        id: RequestId::random()?,
        name: parsed.name.clone(),
        payload,
        source: page.endpoint(),
        provenance: Provenance::of(
            parsed.component.take(),
            read_causes(&parsed.causes, core.limits().hops)?,
            parsed.traceparent.take(),
        ),
        stream,
        is_channel: parsed.is_channel,
    };
    Ok((message, to))
}

#[tauri::command]
pub(super) async fn cancel_request(page: Page, session: String, ids: Vec<u64>) -> Result<Response> {
    check_entries("ids", ids.len())?;
    let session = SessionId::parse(&session)?;
    let core = page.core();
    for id in ids {
        let effects = core.hub().cancel_from_page(page.label(), session, id);
        core.apply_effects(effects);
        core.yield_to_waiters();
    }
    Ok(page.reply(Value::Null.to_string()))
}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    let parsed = RequestArguments::read(read_body(&tauri::ipc::InvokeBody::Json(entry))?)?;
    read_json(&parsed.name, parsed.payload, parsed.bytes)?;
    Ok(())
}
