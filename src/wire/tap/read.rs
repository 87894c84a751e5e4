//! Reading recordings. An error names the line, and what was expected there.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tauri_plugin_event_bus_types::Bytes;

use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, escaped, quoted};
use crate::model::event::{GapReason, Tick};
use crate::model::json::Json;
use crate::model::payload::check_json;
use crate::model::tap::record::{
    TapAction, TapEntry, TapKind, TapRecord, TapRoute, TappedDelivery, TappedEvent, TappedGap,
    TappedPayload, TappedRefusal, TappedRequest, TappedResponse,
};
use crate::model::target::Target;
use crate::wire::tap::line::{FORMAT, LOST, VERSION};
use crate::wire::tap::payload::{Placed, with_bytes};

/// A recording, as [`EventBus::record`](crate::EventBus::record) writes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recording {
    /// When it began.
    pub started_at: SystemTime,
    /// What happened, in order.
    pub records: Vec<TapRecord>,
}

impl Recording {
    /// Reads the text of a recording.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`] if it is no recording, has another version, was cut, or has a line that is no record.
    /// The message has the number of the line, and what was expected there.
    ///
    /// ```
    /// use tauri_plugin_event_bus::tap::Recording;
    ///
    /// let error = Recording::parse("{}").unwrap_err();
    /// assert!(error.message().starts_with("line 1: "));
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty());
        let (number, first) = lines.next().unwrap_or((1, ""));
        let started_at = read_header(first).map_err(|problem| at(number, &problem))?;
        let mut records = Vec::new();
        let ends_whole = text.ends_with('\n');
        let mut lines = lines.peekable();
        while let Some((number, line)) = lines.next() {
            let is_last = lines.peek().is_none();
            match read_record(line) {
                Ok(record) => records.push(record),
                Err(Problem::NoJson(_)) if is_last && !ends_whole => {
                    let length = line.len();
                    return Err(at(
                        number,
                        &format!(
                            "the recording is cut: expected a whole record, found the first {length} bytes of one; remove this line to read the rest"
                        ),
                    ));
                }
                Err(Problem::NoJson(problem) | Problem::NoRecord(problem)) => {
                    return Err(at(number, &problem));
                }
            }
        }
        Ok(Self {
            started_at,
            records,
        })
    }
}

fn at(line: usize, problem: &str) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!("line {line}: {problem}"),
    )
}

#[derive(Debug)]
enum Problem {
    NoJson(String),
    NoRecord(String),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::NoRecord(problem)
    }
}

fn read_header(line: &str) -> Result<SystemTime, String> {
    let expected = || {
        format!(
            "expected the first line of a recording, {{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"startedAt\":…}}, found {}",
            shown(line)
        )
    };
    let header: Value = serde_json::from_str(line).map_err(|_| expected())?;
    if header["format"] != FORMAT {
        return Err(expected());
    }
    if header["version"] != VERSION {
        return Err(format!(
            "the recording has version {}, and this reads version {VERSION}; record it again, or read it with the version of the plugin that wrote it",
            escaped(&header["version"])
        ));
    }
    header["startedAt"]
        .as_f64()
        .and_then(time_of)
        .ok_or_else(expected)
}

/// How a line begins.
fn shown(line: &str) -> String {
    const MAX_CHARS: usize = 80;
    match line.chars().nth(MAX_CHARS) {
        None => quoted(line),
        Some(_) => format!(
            "{} …",
            quoted(&line.chars().take(MAX_CHARS).collect::<String>())
        ),
    }
}

fn time_of(millis: f64) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(millis / 1000.0).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    at: Option<f64>,
    kind: Option<String>,
    action: Option<String>,
    request: Option<String>,
    seq: Option<u64>,
    name: Option<String>,
    source: Option<EndpointLine>,
    receiver: Option<EndpointLine>,
    #[serde(default)]
    stream: bool,
    to: Option<Value>,
    except: Option<Value>,
    component: Option<String>,
    #[serde(default)]
    causes: Vec<String>,
    traceparent: Option<String>,
    tick: Option<TickLine>,
    #[serde(default)]
    retained: bool,
    from: Option<u64>,
    count: Option<u64>,
    #[serde(default)]
    at_most: bool,
    reason: Option<String>,
    #[serde(default)]
    subscriptions: Vec<u32>,
    seqs: Option<Vec<u64>>,
    job: Option<String>,
    code: Option<String>,
    message: Option<String>,
    error: Option<Failed>,
    // A `null` is a payload, too.
    #[serde(default, deserialize_with = "some_raw")]
    payload: Option<Box<RawValue>>,
    bytes: Option<Vec<Vec<Value>>>,
    cut: Option<Cut>,
    #[serde(default)]
    redacted: bool,
    #[serde(default)]
    routes: Vec<RouteLine>,
    #[serde(default)]
    kept_for: Vec<String>,
}

fn some_raw<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum EndpointLine {
    Host,
    Webview { label: Box<str> },
    Node { node: Box<str> },
}

impl From<EndpointLine> for Endpoint {
    fn from(endpoint: EndpointLine) -> Self {
        match endpoint {
            EndpointLine::Host => Self::Host,
            EndpointLine::Webview { label } => Self::Webview(label.into()),
            EndpointLine::Node { node } => Self::Node(node.into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TickLine {
    job: Box<str>,
    count: u64,
    scheduled_at: f64,
    missed: u64,
}

#[derive(Deserialize)]
struct Failed {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct Cut {
    bytes: usize,
    start: String,
}

#[derive(Deserialize)]
struct RouteLine {
    receiver: EndpointLine,
    #[serde(default)]
    stream: bool,
    subscriptions: Vec<u32>,
    queued: bool,
}

fn needed<T>(kind: &str, key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("a record of the kind {} needs `{key}`", quoted(kind)))
}

fn read_record(line: &str) -> Result<TapRecord, Problem> {
    if let Err(error) = serde_json::from_str::<&RawValue>(line) {
        return Err(Problem::NoJson(format!(
            "expected a record, which is a JSON object, found {}: {}",
            shown(line),
            escaped(&error)
        )));
    }
    let mut line: Line = serde_json::from_str(line).map_err(|error| {
        format!(
            "expected a record, found {}: {}",
            shown(line),
            escaped(&error)
        )
    })?;
    let kind = line.kind.take();
    let kind = kind.ok_or_else(|| format!("expected a record with `kind`, one of {}", kinds()))?;
    let millis = needed(&kind, "at", line.at)?;
    let at = time_of(millis).ok_or_else(|| format!("`at` is {millis}; expected milliseconds"))?;
    let entry = read_entry(&kind, line)?;
    Ok(TapRecord { at, entry })
}

fn kinds() -> String {
    let kinds = TapKind::ALL.iter().map(|kind| kind.as_str());
    kinds.chain([LOST]).collect::<Vec<_>>().join(", ")
}

fn read_entry(kind: &str, mut line: Line) -> Result<TapEntry, String> {
    if kind == LOST {
        return Ok(TapEntry::Lost(needed(kind, "count", line.count)?));
    }
    let parsed = TapKind::parse(kind).ok_or_else(|| {
        format!(
            "the kind {} is unknown; expected one of {}",
            quoted(kind),
            kinds()
        )
    })?;
    let payload = line.read_payload(kind);
    let receiver = needed(kind, "receiver", line.receiver.take().map(Endpoint::from));
    let source = needed(kind, "source", line.source.take().map(Endpoint::from));
    let name = needed(kind, "name", line.name.take());
    let request = needed(kind, "request", line.request.take());
    Ok(match parsed {
        TapKind::Event => TapEntry::Event(Box::new(TappedEvent {
            seq: needed(kind, "seq", line.seq)?,
            name: name?,
            source: source?,
            to: line.to.as_ref().map(read_target).transpose()?,
            except: line.except.as_ref().map(read_target).transpose()?,
            component: line.component,
            causes: line.causes,
            traceparent: line.traceparent,
            tick: line.tick.map(read_tick).transpose()?,
            is_retained: line.retained,
            payload: payload?,
            routes: line.routes.into_iter().map(TapRoute::from).collect(),
            kept_for: line.kept_for,
        })),
        TapKind::Delivered | TapKind::Acknowledged => {
            let delivery = TappedDelivery {
                receiver: receiver?,
                is_stream: line.stream,
                seqs: needed(kind, "seqs", line.seqs)?,
            };
            match parsed {
                TapKind::Acknowledged => TapEntry::Acknowledged(delivery),
                _ => TapEntry::Delivered(delivery),
            }
        }
        TapKind::Gap => TapEntry::Gap(TappedGap {
            receiver: receiver?,
            is_stream: line.stream,
            from: needed(kind, "from", line.from)?,
            to: needed(kind, "to", line.to.as_ref().and_then(Value::as_u64))?,
            count: needed(kind, "count", line.count)?,
            at_most: line.at_most,
            reason: read_reason(&needed(kind, "reason", line.reason)?)?,
            subscriptions: line.subscriptions,
        }),
        TapKind::Refused => TapEntry::Refused(TappedRefusal {
            action: read_action(&needed(kind, "action", line.action)?)?,
            name: name?,
            source: source?,
            job: line.job,
            code: read_code(&needed(kind, "code", line.code)?)?,
            message: needed(kind, "message", line.message)?,
        }),
        TapKind::Request => TapEntry::Request(Box::new(TappedRequest {
            request: request?,
            name: name?,
            source: source?,
            receiver: receiver?,
            component: line.component,
            causes: line.causes,
            traceparent: line.traceparent,
            is_stream: line.stream,
            payload: payload?,
        })),
        TapKind::Response => TapEntry::Response(Box::new(TappedResponse {
            request: request?,
            name: name?,
            source: source?,
            receiver: receiver?,
            result: match line.error {
                Some(error) => Err((read_code(&error.code)?, error.message)),
                None => Ok(payload?),
            },
        })),
    })
}

impl Line {
    fn read_payload(&mut self, kind: &str) -> Result<TappedPayload, String> {
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

fn read_target(value: &Value) -> Result<Target, String> {
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

fn read_tick(tick: TickLine) -> Result<Tick, String> {
    let at = tick.scheduled_at;
    Ok(Tick {
        job: tick.job.into(),
        count: tick.count,
        scheduled_at: time_of(at)
            .ok_or_else(|| format!("`scheduledAt` is {at}; expected milliseconds"))?,
        missed: tick.missed,
    })
}

impl From<RouteLine> for TapRoute {
    fn from(route: RouteLine) -> Self {
        Self {
            receiver: route.receiver.into(),
            is_stream: route.stream,
            subscriptions: route.subscriptions,
            is_queued: route.queued,
        }
    }
}

fn read_reason(text: &str) -> Result<GapReason, String> {
    let known = [
        GapReason::QueueFull,
        GapReason::HistoryFull,
        GapReason::SessionEnded,
        GapReason::Expired,
    ];
    let found = known.into_iter().find(|reason| reason.as_str() == text);
    found.ok_or_else(|| {
        let known = known.map(GapReason::as_str).join(", ");
        format!(
            "the reason {} is unknown; expected one of {known}",
            quoted(text)
        )
    })
}

fn read_action(text: &str) -> Result<TapAction, String> {
    TapAction::parse(text).ok_or_else(|| {
        let text = quoted(text);
        format!(
            "the action {text} is unknown; expected one of emit, listen, request, respond, tick"
        )
    })
}

fn read_code(text: &str) -> Result<ErrorCode, String> {
    let found = ErrorCode::ALL.iter().find(|code| code.as_str() == text);
    let found = found.copied();
    found.ok_or_else(|| format!("the error code {} is unknown", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"format":"tauri-plugin-event-bus","version":1,"startedAt":1000.5}"#;

    /// A record of each kind, as it is written.
    const LINES: &[&str] = &[
        r#"{"at":1.5,"kind":"event","seq":7,"name":"cart","source":{"kind":"webview","label":"main"},"to":["a","b*",{"kind":"host"},{"kind":"Window","label":"w"}],"except":["c",{"kind":"Node","node":"shop"}],"component":"Cart","causes":["click"],"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tick":{"job":"j","count":2,"scheduledAt":1.0,"missed":1},"retained":true,"payload":{"b":1.50,"a":[1E2]},"routes":[{"receiver":{"kind":"webview","label":"a"},"subscriptions":[1,2],"queued":true},{"receiver":{"kind":"host"},"stream":true,"subscriptions":[0],"queued":false}],"keptFor":["late"]}"#,
        r#"{"at":2.0,"kind":"event","seq":8,"name":"photo","source":{"kind":"host"},"payload":{"a":null},"bytes":[["AP8=","a"]],"routes":[]}"#,
        r#"{"at":2.0,"kind":"event","seq":9,"name":"long","source":{"kind":"host"},"cut":{"bytes":90,"start":"[1,"},"redacted":true,"routes":[]}"#,
        r#"{"at":3.0,"kind":"event","seq":10,"name":"far","source":{"kind":"node","node":"shop"},"payload":1,"routes":[]}"#,
        r#"{"at":3.0,"kind":"delivered","receiver":{"kind":"webview","label":"a"},"seqs":[7,8]}"#,
        r#"{"at":3.0,"kind":"acknowledged","receiver":{"kind":"webview","label":"a"},"seqs":[7]}"#,
        r#"{"at":4.0,"kind":"gap","receiver":{"kind":"host"},"stream":true,"to":9,"from":3,"count":4,"atMost":true,"reason":"expired","subscriptions":[1]}"#,
        r#"{"at":5.0,"kind":"refused","action":"emit","name":"a b","source":{"kind":"host"},"job":"j","code":"invalid_event_name","message":"no"}"#,
        r#"{"at":6.0,"kind":"request","request":"1","name":"sum","source":{"kind":"host"},"receiver":{"kind":"webview","label":"a"},"stream":true,"payload":null}"#,
        r#"{"at":7.0,"kind":"response","request":"1","name":"sum","source":{"kind":"webview","label":"a"},"receiver":{"kind":"host"},"payload":3}"#,
        r#"{"at":7.0,"kind":"response","request":"2","name":"sum","source":{"kind":"webview","label":"a"},"receiver":{"kind":"host"},"error":{"code":"timeout","message":"late"}}"#,
        r#"{"at":8.0,"kind":"lost","count":5}"#,
    ];

    fn recording(lines: &[&str]) -> String {
        let all = std::iter::once(&HEAD).chain(lines);
        all.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_record_of_each_kind_is_read_as_it_was_written() {
        let recording = Recording::parse(&recording(LINES)).unwrap();
        let started = SystemTime::UNIX_EPOCH + Duration::from_micros(1_000_500);
        assert_eq!(recording.started_at, started);
        let lines = recording.records.iter().map(TapRecord::to_json);
        for (own, expected) in lines.zip(LINES) {
            let value = |text: &str| serde_json::from_str::<Value>(text);
            assert_eq!(value(&own).unwrap(), value(expected).unwrap(), "{own}");
        }
        assert_eq!(recording.records.len(), LINES.len());
        let TapEntry::Event(first) = &recording.records[0].entry else {
            panic!("{:?}", recording.records[0]);
        };
        // A payload is kept byte for byte.
        let json = r#"{"b":1.50,"a":[1E2]}"#;
        assert_eq!(first.payload.json(), Some(json));
        let TapEntry::Event(photo) = &recording.records[1].entry else {
            panic!("{:?}", recording.records[1]);
        };
        #[derive(Deserialize)]
        struct Photo {
            a: Bytes,
        }
        assert_eq!(&photo.payload.read::<Photo>().unwrap().a[..], [0, 255]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let without = |key: &str| {
            let mut line: Value = serde_json::from_str(LINES[4]).unwrap();
            line.as_object_mut().unwrap().remove(key);
            line.to_string()
        };
        for (line, problem) in [
            ("[1]", "line 3: expected a record"),
            (
                "tail -f",
                "line 3: expected a record, which is a JSON object, found \"tail -f\"",
            ),
            (
                "{}",
                "line 3: expected a record with `kind`, one of event, ",
            ),
            (
                r#"{"at":1,"kind":"flood"}"#,
                "line 3: the kind \"flood\" is unknown",
            ),
            (r#"{"kind":"lost"}"#, "needs `at`"),
            (r#"{"at":-1,"kind":"lost"}"#, "`at` is -1"),
            (r#"{"at":1,"kind":"lost"}"#, "needs `count`"),
            (&*without("seqs"), "\"delivered\" needs `seqs`"),
            (&*without("receiver"), "needs `receiver`"),
            (
                r#"{"at":1,"kind":"refused","action":"x","name":"a","source":{"kind":"host"},"code":"denied","message":""}"#,
                "the action \"x\"",
            ),
            (
                r#"{"at":1,"kind":"refused","action":"emit","name":"a","source":{"kind":"host"},"code":"x","message":""}"#,
                "error code \"x\"",
            ),
            (
                r#"{"at":1,"kind":"event","seq":1,"name":"a","source":{"kind":"host"},"to":{"kind":"x"},"payload":1}"#,
                "expected a target",
            ),
            (
                r#"{"at":1,"kind":"event","seq":1,"name":"a","source":{"kind":"host"}}"#,
                "`payload` or `cut`",
            ),
            (
                r#"{"at":1,"kind":"event","seq":1,"name":"a","source":{"kind":"host"},"payload":1,"bytes":[["?"]]}"#,
                "`bytes`",
            ),
            (
                r#"{"at":1,"kind":"event","seq":1,"name":"a","source":{"kind":"host"},"payload":1,"bytes":[["AA==","a"]]}"#,
                "nothing at [\"a\"]",
            ),
        ] {
            let error = Recording::parse(&recording(&[LINES[11], line, LINES[11]])).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            let message = error.message();
            assert!(
                message.starts_with("line 3: ") && message.contains(problem),
                "{line}: {error}"
            );
        }
    }

    #[test]
    fn another_format_or_version_is_refused() {
        for (text, problem) in [
            ("", "line 1: expected the first line of a recording"),
            (LINES[3], "line 1: expected the first line of a recording"),
            ("<html>", "found \"<html>\""),
            (
                r#"{"format":"other","version":1,"startedAt":1}"#,
                "expected the first line",
            ),
            (
                r#"{"format":"tauri-plugin-event-bus","version":2,"startedAt":1}"#,
                "line 1: the recording has version 2, and this reads version 1",
            ),
            (
                r#"{"format":"tauri-plugin-event-bus","version":1}"#,
                "startedAt",
            ),
        ] {
            let error = Recording::parse(text).unwrap_err();
            assert!(error.message().contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn a_recording_that_is_cut_says_where() {
        let whole = recording(LINES);
        let last = whole.trim_end().rfind('\n').unwrap() + 1;
        let cut = &whole[..last + 12];
        let error = Recording::parse(cut).unwrap_err();
        let expected =
            "line 13: the recording is cut: expected a whole record, found the first 12 bytes";
        assert!(error.message().starts_with(expected), "{error}");
        assert!(Recording::parse(&whole[..last]).is_ok());
        // A last line without its break is whole.
        assert!(Recording::parse(whole.trim_end()).is_ok());
    }

    #[test]
    fn other_line_ends_and_unknown_fields_are_read() {
        let text = recording(LINES)
            .replace('\n', "\r\n")
            .replace("\"at\"", "\"new\":{},\"at\"");
        assert_eq!(Recording::parse(&text).unwrap().records.len(), LINES.len());
    }

    #[test]
    fn a_payload_with_line_breaks_takes_one_line() {
        let payload = TappedPayload::whole(Json::from("{\n \"a\":\r\n 1 }"), false);
        let record = TapRecord {
            at: SystemTime::UNIX_EPOCH,
            entry: TapEntry::Response(Box::new(TappedResponse {
                request: String::new(),
                name: "a".into(),
                source: Endpoint::Host,
                receiver: Endpoint::Host,
                result: Ok(payload),
            })),
        };
        let line = record.to_json();
        assert!(!line.contains(['\n', '\r']), "{line}");
        assert_eq!(
            Recording::parse(&recording(&[&line]))
                .unwrap()
                .records
                .len(),
            1
        );
    }
}
