//! The values of a line: times, targets, ticks, payloads and words.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tauri_plugin_event_bus_types::Bytes;

use crate::model::error::{ErrorCode, Result, escaped, quoted};
use crate::model::event::{GapReason, Tick};
use crate::model::json::Json;
use crate::model::payload::check_json;
use crate::model::tap::record::{TapAction, TappedPayload};
use crate::model::target::Target;
use crate::wire::tap::payload::{Placed, with_bytes};
use crate::wire::tap::read::line::{Line, TickLine};

pub(super) fn needed<T>(kind: &str, key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("a record of the kind {} needs `{key}`", quoted(kind)))
}

/// A time in milliseconds since 1970.
pub(super) fn read_time(key: &str, millis: f64) -> Result<SystemTime, String> {
    time_of(millis)
        .ok_or_else(|| format!("`{key}` is {millis}; expected milliseconds since 1970, at least 0"))
}

pub(super) fn time_of(millis: f64) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(millis / 1000.0).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

impl Line {
    pub(super) fn read_payload(&mut self, kind: &str) -> Result<TappedPayload, String> {
        if let Some(cut) = &self.cut {
            return Ok(TappedPayload::cut(cut.bytes, &cut.start, self.redacted));
        }
        let payload = needed(kind, "payload` or `cut", self.payload.take())?;
        let text = payload.get();
        check_json(text).map_err(|problem| format!("the payload {problem}"))?;
        let json = match self.bytes.take() {
            None => Json::from(text),
            Some(bytes) => {
                let placed = bytes.into_iter().map(read_placed);
                let placed = placed.collect::<Result<_, String>>()?;
                let value: Value = serde_json::from_str(text).map_err(|error| escaped(&error))?;
                with_bytes(value, placed)?
            }
        };
        Ok(TappedPayload::whole(json, self.redacted))
    }
}

/// Reads `[base64, …path]`.
fn read_placed(list: Vec<Value>) -> Result<Placed, String> {
    let mut list = list.into_iter();
    let text = list.next();
    let text = text.as_ref().and_then(Value::as_str);
    let text = text.ok_or("`bytes` needs lists that begin with a text in base64")?;
    let bytes = STANDARD.decode(text);
    let bytes = bytes.map_err(|error| format!("`bytes`: {error}"))?;
    Ok((list.collect(), Bytes::from(bytes)))
}

pub(super) fn read_target(value: &Value) -> Result<Target, String> {
    let label = || value["label"].as_str();
    match value {
        Value::String(label) => Ok(Target::webview(label.as_str())),
        Value::Array(parts) => {
            let parts: Vec<Target> = parts.iter().map(read_target).collect::<Result<_, _>>()?;
            Ok(Target::join(parts))
        }
        other => match (other["kind"].as_str(), label()) {
            (Some("Any"), _) => Ok(Target::everyone()),
            (Some("host"), _) => Ok(Target::host()),
            (Some("webview"), Some(label)) => Ok(Target::webview(label)),
            (Some("Window"), Some(label)) => Ok(Target::window(label)),
            (Some("Node"), _) if other["node"].is_string() => {
                Ok(Target::node(other["node"].as_str().unwrap_or_default()))
            }
            _ => Err(format!(
                "expected a target, which is a label, a list or an object with `kind`, found {}",
                quoted(&other.to_string())
            )),
        },
    }
}

pub(super) fn read_tick(tick: TickLine) -> Result<Tick, String> {
    Ok(Tick {
        job: tick.job.into(),
        count: tick.count,
        scheduled_at: read_time("scheduledAt", tick.scheduled_at)?,
        missed: tick.missed,
    })
}

pub(super) fn read_reason(text: &str) -> Result<GapReason, String> {
    word_of("reason", text, &GapReason::ALL, GapReason::as_str)
}

pub(super) fn read_action(text: &str) -> Result<TapAction, String> {
    word_of("action", text, &TapAction::ALL, TapAction::as_str)
}

pub(super) fn read_code(text: &str) -> Result<ErrorCode, String> {
    word_of("error code", text, ErrorCode::ALL, ErrorCode::as_str)
}

/// The value that is spelled so.
fn word_of<T: Copy>(
    what: &str,
    text: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, String> {
    let found = all.iter().copied().find(|one| as_str(*one) == text);
    found.ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|one| as_str(*one)).collect();
        format!(
            "the {what} {} is unknown; expected one of {}",
            quoted(text),
            known.join(", ")
        )
    })
}
