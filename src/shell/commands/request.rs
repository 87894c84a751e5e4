//! Requests of pages.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tauri::ipc::{CommandArg, CommandItem, Invoke, InvokeBody, InvokeMessage, Response};
use tauri::{Manager, Runtime};

use crate::api::bus::EventBus;
use crate::api::request::{DEFAULT_TIMEOUT, check_timeout};
use crate::engine::core::Core;
use crate::engine::reply::Reply;
use crate::hub::Address;
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestId, RequestMessage};
use crate::hub::session::SessionId;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Result, escaped};
use crate::model::event::Provenance;
use crate::model::name::EventName;
use crate::permissions::{Scope, Subject};
use crate::shell::reply::reply_to;
use crate::sync::now;

use super::arguments::{
    check_entries, check_request_name, invalid_argument, read_json, read_target,
};
use super::call::{Entries, Page, find_bus, origin_of, read_scope};
use super::emit::{locations_for, read_causes};

/// The command that is answered by its responder.
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
    #[serde(default)]
    causes: Vec<String>,
}

/// The arguments of a request, parsed but not yet checked against a scope.
struct ParsedRequest {
    session: SessionId,
    number: u64,
    name: EventName,
    payload: Option<String>,
    to: Address,
    timeout: Duration,
    causes: Vec<String>,
}

impl RequestArguments {
    fn read(body: &InvokeBody) -> Result<ParsedRequest> {
        let InvokeBody::Json(json) = body else {
            return Err(invalid_argument("a request takes its arguments as JSON"));
        };
        let arguments = Self::deserialize(json).map_err(|error| {
            invalid_argument(format!(
                "invalid request: expected session, id, name and to, and optionally payload, timeoutMs and causes: {}",
                escaped(&error)
            ))
        })?;
        let to = read_target(&arguments.to)?;
        Ok(ParsedRequest {
            session: SessionId::parse(&arguments.session)?,
            number: arguments.id,
            name: EventName::parse_emitted(&arguments.name)?,
            payload: arguments.payload,
            to: Address::of(to)?,
            timeout: read_timeout(arguments.timeout_ms)?,
            causes: arguments.causes,
        })
    }
}

fn read_timeout(millis: Option<f64>) -> Result<Duration> {
    let Some(millis) = millis else {
        return Ok(DEFAULT_TIMEOUT);
    };
    let timeout = Duration::try_from_secs_f64(millis / 1000.0).map_err(|_| {
        invalid_argument(format!(
            "timeoutMs is {millis}; it must be at least 1 and at most 86400000"
        ))
    })?;
    check_timeout(timeout)
}

/// Keeps the resolver of a request, so that no task waits for the response, and on Apple's systems a page that is gone is
/// not answered.
pub(super) fn accept<R: Runtime>(invoke: Invoke<R>) {
    let Invoke {
        message,
        resolver,
        acl,
    } = invoke;
    let reply = reply_to(message.webview_ref().app_handle().clone(), resolver);
    let bus = match find_bus(&message) {
        Ok(bus) => bus,
        Err(error) => return reply.answer(Err(error)),
    };
    let item = CommandItem {
        plugin: Some("event-bus"),
        name: COMMAND,
        key: "entries",
        message: &message,
        acl: &acl,
    };
    let scope = match Entries::from_command(item) {
        Ok(entries) => read_scope("event-bus:allow-request", Subject::Request, &entries),
        Err(_) => Scope::default(),
    };
    // Tauri holds its plugins' lock while this runs, and a payload may be long.
    let tasks = bus.runtime().core.tasks().clone();
    tasks.spawn(async move { send(&bus, &message, &scope, reply) });
}

fn send<R: Runtime>(bus: &EventBus, message: &InvokeMessage<R>, scope: &Scope, reply: Reply) {
    let label = message.webview_ref().label();
    let mut parsed = match RequestArguments::read(message.payload()) {
        Ok(parsed) => parsed,
        Err(error) => return reply.answer(Err(error)),
    };
    let (request, to) = match check(bus, scope, label, &mut parsed) {
        Ok(checked) => checked,
        Err(error) => return reply.answer(Err(error)),
    };
    let core = &bus.runtime().core;
    let origin = origin_of(message.headers());
    if let Some((reply, caller)) = open_caller(core, label, &parsed, origin, reply) {
        let request = NewRequest {
            message: request,
            caller,
            to,
            timeout: parsed.timeout,
        };
        bus.runtime().responders.request(request, reply);
    }
}

/// What a page may request, and from whom. Permission comes before shape, and both before existence.
fn check(
    bus: &EventBus,
    scope: &Scope,
    label: &str,
    parsed: &mut ParsedRequest,
) -> Result<(RequestMessage, Recipient)> {
    let core = &bus.runtime().core;
    let flood = core.flood(label)?;
    flood.take_emit(parsed.payload.as_ref().map_or(0, String::len), now())?;
    let selection = &mut parsed.to.selection;
    if !scope.is_unlimited() {
        let locations = locations_for(core, selection);
        selection.within = scope.check_request(&parsed.name, selection, &locations)?;
    }
    let to = core.find_recipient(selection)?;
    let catalog = bus.catalog();
    check_request_name(catalog, &parsed.name)?;
    let payload = read_json(&parsed.name, parsed.payload.take())?;
    core.check_payload(&parsed.name, &payload)?;
    catalog.check_request_payload(&parsed.name, &payload)?;
    let message = RequestMessage {
        id: RequestId::random()?,
        name: parsed.name.clone(),
        payload: payload.into(),
        source: Endpoint::webview(label),
        provenance: Provenance::of(None, read_causes(&parsed.causes, core.limits().hops)?),
    };
    Ok((message, to))
}

/// Opens the session of a page that sends a request, or answers why not.
fn open_caller(
    core: &Core,
    label: &str,
    parsed: &ParsedRequest,
    origin: Option<String>,
    reply: Reply,
) -> Option<(Reply, Caller)> {
    let (session, number) = (parsed.session, parsed.number);
    let (opened, effects) = core
        .hub()
        .open_caller(label, session, number, origin, reply, now());
    core.apply_effects(effects);
    match opened {
        Ok(opened) => Some(opened),
        Err((reply, error)) => {
            reply.answer(Err(error));
            None
        }
    }
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
    Ok(Response::new(Value::Null.to_string()))
}

#[cfg(fuzzing)]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    let parsed = RequestArguments::read(&InvokeBody::Json(entry))?;
    read_json(&parsed.name, parsed.payload)?;
    Ok(())
}
