//! Taps of pages.

use serde::Deserialize;
use serde_json::Value;
use tauri::ipc::Response;

use crate::api::tap::page::send_records;
use crate::hub::ids::{RequestId, SessionId};
use crate::hub::requests::window::Credit;
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage};
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::tap::TAP_NAME;
use crate::model::tap::filter::{RecordFilter, TapFilter};
use crate::model::tap::record::TapKind;
use crate::sync::now;

use super::arguments::{EndpointEntry, invalid_argument, read};
use super::command::Page;

/// How many bytes of a payload a page gets at most.
const MAX_PAYLOAD_BYTES: usize = 64 << 10;

/// How many parts may be on their way. Each has many records.
const PARTS: usize = 4;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct FilterEntry {
    names: Vec<String>,
    kinds: Vec<String>,
    source: Option<EndpointEntry>,
    payload_bytes: Option<usize>,
    capacity: Option<usize>,
}

impl FilterEntry {
    fn check(self) -> Result<RecordFilter> {
        let kinds = self.kinds.iter().map(|kind| {
            TapKind::parse(kind).ok_or_else(|| {
                let known = TapKind::ALL.map(TapKind::as_str).join(", ");
                invalid_argument(format!(
                    "a tap has no records of the kind {}; expected {known}",
                    quoted(kind)
                ))
            })
        });
        let kinds = kinds.collect::<Result<Vec<_>>>()?;
        let mut filter = TapFilter::new().names(self.names).kinds(kinds);
        if let Some(source) = self.source {
            filter = filter.source(source.into());
        }
        if let Some(bytes) = self.payload_bytes {
            if bytes > MAX_PAYLOAD_BYTES {
                return Err(invalid_argument(format!(
                    "payloadBytes is {bytes}; this tap has at most {MAX_PAYLOAD_BYTES} bytes of a payload, and a recording has all of it"
                )));
            }
            filter = filter.payload_bytes(bytes);
        }
        if let Some(capacity) = self.capacity {
            filter = filter.capacity(capacity);
        }
        filter.check()
    }
}

/// Reads what a tap tells, as pages and tools write it.
pub(crate) fn read_filter(filter: Option<Value>) -> Result<RecordFilter> {
    let filter = filter.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    read::<FilterEntry>("filter of a tap", filter)?.check()
}

/// Sends a page what happens in the whole bus, as a stream that it has requested under this number.
#[tauri::command]
pub(super) async fn tap(
    page: Page,
    session: String,
    id: u64,
    filter: Option<Value>,
) -> Result<Response> {
    let core = page.core();
    if !core.has_page_taps() {
        return Err(Error::new(
            ErrorCode::Denied,
            "taps of pages are off in this build of the app; turn them on with Builder::page_taps(true)",
        ));
    }
    page.flood()?.take_emit(0, now())?;
    let session = SessionId::parse(&session)?;
    let filter = read_filter(filter)?;
    let (opened, effects) =
        core.hub()
            .open_for_request(page.label(), session, id, page.origin(), core.clock().now());
    core.apply_effects(effects);
    let opened = opened?;
    let checked = core.hub().check_page_taps(opened);
    checked?;
    let request = NewRequest {
        message: RequestMessage {
            id: RequestId::random()?,
            name: EventName::parse(TAP_NAME)?,
            payload: Json::from("null"),
            source: page.endpoint(),
            provenance: None,
            is_channel: false,
            stream: Some(Credit {
                bytes: core.limits().stream_credit().0,
                parts: PARTS.min(core.limits().queue_events),
            }),
        },
        caller: Caller::Page(opened, id),
        to: Recipient::Host,
        timeout: None,
    };
    let runtime = page.runtime();
    let handler = send_records(&runtime.core, filter);
    runtime.responders.respond_with(handler, request)?;
    Ok(page.reply("{}"))
}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    read_filter(Some(entry)).map(drop)
}
