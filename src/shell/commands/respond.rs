//! The responders of pages, and their responses.

use serde::Deserialize;
use serde_json::{Value, json};
use tauri::ipc::Response;
use tauri_plugin_event_bus_types::Bytes;

use crate::api::bus::EventBus;
use crate::hub::command_log::JsonResult;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::ResponderKind;
use crate::model::error::{Error, ErrorCode, Failure, Result, quoted};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::tap::record::TapAction;
use crate::sync::now;

use super::arguments::{EntryResult, check_entries, check_request_name, read, read_json, write};
use super::body::{Entries, Entry};
use super::command::PageCommand;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetResponderEntry {
    name: String,
    /// `false` removes the responder.
    on: bool,
    /// Whether it responds with streams.
    #[serde(default)]
    stream: bool,
}

#[tauri::command]
pub(super) async fn set_responders(
    command: PageCommand,
    responders: Vec<Value>,
) -> Result<Response> {
    command
        .run_once(|page| {
            check_entries("responders", responders.len())?;
            let core = command.core();
            let flood = command.flood()?;
            let set = |(index, entry): (usize, Value)| {
                let entry: Result<SetResponderEntry> =
                    read(format_args!("responder at index {index}"), entry);
                // Removing a responder costs nothing, as `unsubscribe` does.
                if entry.as_ref().map_or(true, |entry| entry.on) {
                    flood.take_subscribe(now())?;
                }
                let entry = entry?;
                let name = EventName::parse_emitted(&entry.name)?;
                check_request_name(command.bus().catalog(), &name)?;
                core.yield_to_waiters();
                if !entry.on {
                    let effects = core.hub().remove_responder(page, &name);
                    core.apply_effects(effects);
                    return Ok(json!({}));
                }
                let kind = match entry.stream {
                    true => ResponderKind::Stream,
                    false => ResponderKind::Single,
                };
                let (added, effects) =
                    core.hub()
                        .add_responder(page, name, kind, core.clock().now());
                core.apply_effects(effects);
                added.map(|()| json!({}))
            };
            let results: Vec<EntryResult<Value>> = responders
                .into_iter()
                .enumerate()
                .map(|(index, entry)| {
                    let name = command.noted_name(&entry, "name");
                    let set = set((index, entry));
                    EntryResult::of(command.note_refused(TapAction::Respond, name.as_deref(), set))
                })
                .collect();
            write(&results)
        })
        .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseEntry {
    request: String,
    /// The number of a part, from 1. Without it the entry is the response.
    part: Option<u64>,
    /// How many parts came before the response, if it ends a stream.
    after: Option<u64>,
    payload: Option<String>,
    failure: Option<FailureEntry>,
    /// Whether its responder ended before it got the request.
    #[serde(default)]
    declined: bool,
}

/// What a page does with a stream that it receives, or with a channel that it has opened.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallerEntry {
    /// The number that the page gave its request.
    stream: u64,
    /// How many parts it has taken.
    #[serde(default)]
    taken: u64,
    /// Whether it receives the stream no longer.
    #[serde(default)]
    stop: bool,
    /// The number of a part that it sends, from 1.
    part: Option<u64>,
    payload: Option<String>,
    /// Whether it sends no more parts of the channel, after so many.
    #[serde(default)]
    closed: bool,
    #[serde(default)]
    after: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureEntry {
    name: String,
    message: String,
    stack: Option<String>,
}

#[tauri::command]
pub(super) async fn respond(command: PageCommand, responses: Entries) -> Result<Response> {
    command
        .run_once(|page| {
            let Entries(responses) = responses;
            check_entries("responses", responses.len())?;
            let apply = |entry| apply_response(command.bus(), page, command.label(), entry);
            let results: Vec<EntryResult<Value>> = responses
                .into_iter()
                .enumerate()
                .map(|entry| EntryResult::of(apply(entry).map(|()| json!({}))))
                .collect();
            write(&results)
        })
        .await
}

/// Applies an entry of `respond`.
pub(super) fn apply_response(
    bus: &EventBus,
    page: SubscriberKey,
    label: &str,
    (index, mut entry): (usize, Entry),
) -> Result<()> {
    let core = &bus.runtime().core;
    core.yield_to_waiters();
    let bytes = std::mem::take(&mut entry.bytes);
    if entry.value.get("stream").is_some() {
        let entry = entry.read(format_args!("response at index {index}"))?;
        return apply_caller_entry(bus, page, entry, bytes);
    }
    let entry: ResponseEntry = entry.read(format_args!("response at index {index}"))?;
    let id = RequestId::parse(&entry.request).ok_or_else(|| {
        Error::new(
            ErrorCode::UnknownRequest,
            format!(
                "this page received no request with the id {}",
                quoted(&entry.request)
            ),
        )
    })?;
    if entry.declined {
        let effects = core.hub().decline(page, id)?;
        core.apply_effects(effects);
        return Ok(());
    }
    let name = core.hub().pending_request_name(page, id)?;
    if let Some(number) = entry.part {
        let part = read_payload(bus, &name, entry.payload, bytes).and_then(|part| {
            bus.catalog().check_part(&name, &part)?;
            Ok(part)
        });
        let (sent, effects) =
            core.hub()
                .send_part_from_page(page, id, number, part, core.clock().now());
        core.apply_effects(effects);
        return sent;
    }
    if let Some(failure) = entry.failure {
        let failure = Failure::new(&failure.name, &failure.message, failure.stack.as_deref());
        let error = Error::failed(name.as_str(), &quoted(label), failure);
        let effects = core
            .hub()
            .respond_from_page(page, id, Err(error), entry.after)?;
        core.apply_effects(effects);
        return Ok(());
    }
    let response = check_response(bus, &name, entry.payload, bytes);
    let refused = response.as_ref().err().cloned();
    // A refused response ends the request, too. Otherwise the caller would wait until its timeout.
    let effects = core
        .hub()
        .respond_from_page(page, id, response, entry.after)?;
    core.apply_effects(effects);
    refused.map_or(Ok(()), Err)
}

fn apply_caller_entry(
    bus: &EventBus,
    page: SubscriberKey,
    entry: CallerEntry,
    bytes: Vec<Bytes>,
) -> Result<()> {
    let core = &bus.runtime().core;
    if let Some(number) = entry.part {
        let part = read_part_of_caller(bus, page, entry.stream, entry.payload, bytes);
        let (sent, effects) = core
            .hub()
            .send_part_of_caller(page, entry.stream, number, part);
        core.apply_effects(effects);
        return sent;
    }
    if entry.closed {
        let (closed, effects) = core
            .hub()
            .close_half_of_caller(page, entry.stream, entry.after);
        core.apply_effects(effects);
        return closed;
    }
    let (taken, effects) =
        core.hub()
            .take_parts(page, entry.stream, entry.taken, core.clock().now());
    core.apply_effects(effects);
    if entry.stop {
        let effects = core.hub().stop_stream(page, entry.stream);
        core.apply_effects(effects);
    }
    taken
}

/// Reads a part that the page sends of this channel. That of a channel that has ended is dropped.
fn read_part_of_caller(
    bus: &EventBus,
    page: SubscriberKey,
    channel: u64,
    payload: Option<String>,
    bytes: Vec<Bytes>,
) -> JsonResult {
    let name = bus.runtime().core.hub().channel_name(page, channel)?;
    let Some(name) = name else {
        return Ok(Json::from("null"));
    };
    let part = read_payload(bus, &name, payload, bytes)?;
    bus.catalog().check_part(&name, &part)?;
    Ok(part)
}

fn read_payload(
    bus: &EventBus,
    name: &EventName,
    payload: Option<String>,
    bytes: Vec<Bytes>,
) -> JsonResult {
    let payload = read_json(name, payload, bytes)?;
    bus.runtime().core.check_payload(name, &payload)?;
    Ok(payload)
}

fn check_response(
    bus: &EventBus,
    name: &EventName,
    payload: Option<String>,
    bytes: Vec<Bytes>,
) -> JsonResult {
    let payload = read_payload(bus, name, payload, bytes)?;
    bus.catalog().check_response(name, &payload)?;
    Ok(payload)
}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    if entry.get("stream").is_some() {
        let read: Result<CallerEntry> = Entry::of(entry)?.read("response");
        return read.map(drop);
    }
    let entry: ResponseEntry = Entry::of(entry)?.read("response")?;
    let _ = RequestId::parse(&entry.request);
    Ok(())
}
