//! The commands of the inspector's page. No other page gets as far as one of them.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tauri::http::HeaderValue;
use tauri::ipc::{Invoke, InvokeBody, InvokeMessage, Request, Response};
use tauri::{AppHandle, Manager, Runtime, State};

use crate::api::bus::EventBus;
use crate::api::options::EmitOptions;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::unix_millis;
use crate::model::inspection::Inspection;
use crate::model::inspector::RequestInFlight;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::page::PageInfo;
use crate::model::tap::record::{TapEntry, TapRecord, TappedResponse};
use crate::model::target::Target;
use crate::shell::inspector::state::{Inspector, PAYLOAD_BYTES, TOKEN_HEADER};
use crate::shell::inspector::window::{is_origin, open};
use crate::sync::{now, wall_clock};
use crate::wire::tap::line::line_of;
use crate::wire::tap::read::Recording;

use super::arguments::{
    EndpointEntry, invalid_argument, read, read_payload, read_target, read_timeout,
};
use super::command::find_bus;
use super::names::{COMMANDS, INSPECTOR_COMMANDS};

/// How many retained events, and how many requests in flight, the page gets.
const MAX_LISTED: usize = 1_000;

/// The command that any page may have.
const OPEN: &str = "open_inspector";

/// Whether a command is one of the inspector's. An error if its webview may not have sent it.
pub(super) fn check<R: Runtime>(message: &InvokeMessage<R>) -> Result<bool> {
    let webview = message.webview_ref();
    let inspector = webview.try_state::<Arc<Inspector>>();
    let is_in_it = |inspector: &State<'_, Arc<Inspector>>| inspector.is_in(webview.label());
    let comes_from_it = inspector.as_ref().is_some_and(is_in_it);
    let shows_it = |inspector: &State<'_, Arc<Inspector>>| {
        let token = message.headers().get(TOKEN_HEADER);
        inspector.is_shown_by(webview.label(), token.map(HeaderValue::as_bytes))
    };
    let command = message.command();
    let is_its_own = INSPECTOR_COMMANDS.contains(&command) && command != OPEN;
    let refuse = |why: &str| {
        let text = format!("{command} was refused: {why}");
        Err(Error::new(ErrorCode::Denied, text))
    };
    match (is_its_own, comes_from_it) {
        (false, false) => Ok(command == OPEN),
        (false, true) if COMMANDS.contains(&command) => {
            refuse("the inspector has no page of the bus, and uses its own commands")
        }
        (false, true) => Ok(command == OPEN),
        (true, _) if !inspector.as_ref().is_some_and(shows_it) => {
            refuse("only the window that EventBus::open_inspector has opened may send it")
        }
        (true, _) => {
            let origin = message.headers().get("Origin");
            let origin = origin.map(|origin| origin.to_str().unwrap_or_default());
            match origin {
                Some(origin) if !is_origin(origin) => refuse("its page is not the inspector's"),
                _ => Ok(true),
            }
        }
    }
}

pub(super) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    let handle: Box<dyn Fn(Invoke<R>) -> bool + Send + Sync> = Box::new(tauri::generate_handler![
        open_inspector,
        inspector_records,
        inspector_state,
        inspector_act,
        inspector_export,
    ]);
    handle
}

/// Any text of the app may be in a reply, so it is never one that Tauri may evaluate.
fn reply(text: impl Into<Vec<u8>>) -> Response {
    Response::new(text.into())
}

fn write(value: &impl Serialize) -> Result<Response> {
    let text = serde_json::to_string(value).map_err(|error| invalid_argument(error.to_string()))?;
    Ok(reply(text))
}

/// The bus of the app, which sends by hand.
struct Host(EventBus);

impl<'de, R: Runtime> tauri::ipc::CommandArg<'de, R> for Host {
    fn from_command(
        command: tauri::ipc::CommandItem<'de, R>,
    ) -> std::result::Result<Self, tauri::ipc::InvokeError> {
        Ok(Self(find_bus(command.message)?.by_hand()))
    }
}

#[tauri::command]
async fn open_inspector<R: Runtime>(app: AppHandle<R>) -> Result<()> {
    open(&app)
}

/// What has happened since the text with the number `after`.
#[tauri::command]
async fn inspector_records(
    host: Host,
    inspector: State<'_, Arc<Inspector>>,
    tap: String,
    after: u64,
) -> Result<Response> {
    let reader = inspector.reader(&host.0.runtime().core, tap, after)?;
    let (number, records) = match reader {
        Some(reader) => reader.take(after).await?,
        // The page learns that the tap is on, also where nothing happens.
        None => (0, Arc::default()),
    };
    Ok(reply(format!("{{\"number\":{number}}}\n{records}")))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    app: AppFacts,
    /// Milliseconds since the Unix epoch.
    at: f64,
    inspection: Inspection,
    pages: Vec<PageInfo>,
    request_count: usize,
    requests: Vec<RequestInFlight>,
    /// Lines of records, without where they went. Only the view that shows them asks for them.
    retained: Option<Vec<String>>,
    declared: Declared,
}

#[derive(Serialize)]
struct AppFacts {
    name: String,
    version: String,
}

/// The names that the app has declared.
#[derive(Serialize)]
struct Declared {
    events: Vec<String>,
    requests: Vec<String>,
}

#[tauri::command]
async fn inspector_state<R: Runtime>(
    app: AppHandle<R>,
    host: Host,
    retained: bool,
) -> Result<Response> {
    let bus = &host.0;
    let core = &bus.runtime().core;
    let (request_count, requests) = core.hub().requests_in_flight(MAX_LISTED, now());
    let retained = retained.then(|| core.retained_records(MAX_LISTED, PAYLOAD_BYTES));
    let catalog = bus.catalog();
    let package = app.package_info();
    write(&Snapshot {
        app: AppFacts {
            name: package.name.clone(),
            version: package.version.to_string(),
        },
        at: unix_millis(wall_clock()),
        inspection: bus.runtime().inspect(),
        pages: core.hub().pages(),
        request_count,
        requests,
        retained: retained.map(|records| records.iter().map(line_of).collect()),
        declared: Declared {
            events: catalog
                .events()
                .map(|event| event.name().to_owned())
                .collect(),
            requests: catalog
                .requests()
                .map(|request| request.name().to_owned())
                .collect(),
        },
    })
}

/// Something that is done by hand.
#[derive(Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
enum Act {
    Emit {
        event: String,
        /// JSON.
        payload: Option<String>,
        to: Option<Value>,
        #[serde(default)]
        retain: bool,
    },
    Request {
        name: String,
        /// JSON.
        payload: Option<String>,
        /// The host, if it is left out.
        to: Option<Value>,
        timeout_ms: Option<f64>,
    },
    PauseJob {
        owner: EndpointEntry,
        id: String,
    },
    ResumeJob {
        owner: EndpointEntry,
        id: String,
    },
    RunJob {
        owner: EndpointEntry,
        id: String,
    },
    ClearRetained {
        event: String,
    },
}

#[tauri::command]
async fn inspector_act(host: Host, act: Value) -> Result<Response> {
    let bus = host.0;
    let jobs = &bus.runtime().jobs;
    match read::<Act>("act", act)? {
        Act::Emit {
            event,
            payload,
            to,
            retain,
        } => {
            let (_, payload) = read_raw(&bus, &event, payload)?;
            let mut options = EmitOptions::new();
            if let Some(to) = to {
                options = options.to(read_target(&to)?);
            }
            if retain {
                options = options.retain(true);
            }
            write(&bus.emit_with(&event, payload, options)?)
        }
        Act::Request {
            name,
            payload,
            to,
            timeout_ms,
        } => {
            let (parsed, payload) = read_raw(&bus, &name, payload)?;
            let to = to.map_or_else(|| Ok(Target::host()), |to| read_target(&to))?;
            let request = bus.request::<Value>(to, &name, payload);
            let result = request.timeout(read_timeout(timeout_ms)?).await;
            show_response(&bus, &parsed, result)
        }
        Act::PauseJob { owner, id } => {
            jobs.pause(&jobs.find(&owner.into(), &id)?)?;
            Ok(reply("null"))
        }
        Act::ResumeJob { owner, id } => {
            jobs.resume(&jobs.find(&owner.into(), &id)?)?;
            Ok(reply("null"))
        }
        Act::RunJob { owner, id } => {
            let jobs = Arc::clone(jobs);
            // A tick runs the job's source, which may block.
            let ran = bus
                .runtime()
                .core
                .tasks()
                .spawn_blocking(move || jobs.tick_now(&owner.into(), &id));
            ran.await.unwrap_or_else(|_| Err(exiting()))?;
            Ok(reply("null"))
        }
        Act::ClearRetained { event } => write(&bus.clear_retained(&event)?),
    }
}

fn exiting() -> Error {
    Error::new(ErrorCode::Unavailable, "the app is exiting")
}

/// Reads a payload that was written by hand. It is checked like one of a page.
fn read_raw(
    bus: &EventBus,
    name: &str,
    payload: Option<String>,
) -> Result<(EventName, Box<RawValue>)> {
    let name = EventName::parse(name)?;
    let json = read_payload(bus.catalog(), &name, payload, Vec::new())?;
    let raw = RawValue::from_string(json.into_text())
        .map_err(|error| invalid_argument(error.to_string()))?;
    Ok((name, raw))
}

/// The response as a record, so that what is redacted in taps is redacted here.
fn show_response(bus: &EventBus, name: &EventName, result: Result<Value>) -> Result<Response> {
    let core = &bus.runtime().core;
    let result = match result {
        Ok(value) => {
            let json = Json::from(value.to_string());
            Ok(core.show_payload(name, &json, PAYLOAD_BYTES))
        }
        Err(error) => Err((error.code(), core.show_error(name, &error))),
    };
    let response = TappedResponse {
        request: String::new(),
        name: name.as_str().to_owned(),
        source: Endpoint::Host,
        receiver: Endpoint::Host,
        result,
    };
    let record = TapRecord {
        at: wall_clock(),
        entry: TapEntry::Response(Box::new(response)),
    };
    Ok(reply(line_of(&record)))
}

#[derive(Serialize)]
struct Exported {
    path: PathBuf,
    records: usize,
}

/// Writes what the page shows into a file of the user's downloads. Only a recording is written, under a name of its own.
#[tauri::command]
async fn inspector_export<R: Runtime>(
    app: AppHandle<R>,
    host: Host,
    request: Request<'_>,
) -> Result<Response> {
    let text = match request.body() {
        InvokeBody::Raw(bytes) => String::from_utf8(bytes.clone()),
        InvokeBody::Json(Value::Array(bytes)) => String::from_utf8(
            bytes
                .iter()
                .map(|byte| {
                    byte.as_u64()
                        .and_then(|byte| u8::try_from(byte).ok())
                        .unwrap_or_default()
                })
                .collect(),
        ),
        InvokeBody::Json(_) => {
            return Err(invalid_argument(
                "an export is the text of a recording, as a raw body",
            ));
        }
    };
    let text = text.map_err(|_| invalid_argument("an export is text in UTF-8"))?;
    let paths = app.path();
    let folder = paths.download_dir().or_else(|_| paths.temp_dir());
    let folder = folder.map_err(|error| Error::new(ErrorCode::Unavailable, error.to_string()))?;
    let name = format!("event-bus-{}.ndjson", unix_millis(wall_clock()).trunc());
    let written = host
        .0
        .runtime()
        .core
        .tasks()
        .spawn_blocking(move || -> Result<Exported> {
            let records = Recording::parse(&text)?.records.len();
            let path = folder.join(name);
            let save = || -> std::io::Result<()> {
                std::fs::create_dir_all(&folder)?;
                // It replaces no file, and only the user may read it: payloads are in it.
                let mut options = std::fs::OpenOptions::new();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(&path)?;
                let written = std::io::Write::write_all(&mut file, text.as_bytes());
                written.inspect_err(|_| {
                    let _ = std::fs::remove_file(&path);
                })
            };
            save().map_err(|error| {
                let text = format!("the export {} cannot be written: {error}", path.display());
                Error::new(ErrorCode::Unavailable, text)
            })?;
            Ok(Exported { path, records })
        });
    write(&written.await.unwrap_or_else(|_| Err(exiting()))?)
}
