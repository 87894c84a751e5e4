//! The text of a record: one line of a recording, and one part of a page's tap.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::endpoint::Endpoint;
use crate::model::event::{Tick, unix_millis};
use crate::model::json::Json;
use crate::model::tap::record::{
    TapEntry, TapKind, TapRecord, TapRoute, TappedDelivery, TappedPayload,
};
use crate::model::target::Target;

/// What a recording begins with.
pub(crate) const FORMAT: &str = "tauri-plugin-event-bus";

/// The version of recordings that this writes and reads.
pub(crate) const VERSION: u64 = 1;

/// The first line of a recording.
pub(crate) fn header(started_at: SystemTime) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Header {
        format: &'static str,
        version: u64,
        started_at: f64,
    }
    text_of(&Header {
        format: FORMAT,
        version: VERSION,
        started_at: unix_millis(started_at),
    })
}

impl TapRecord {
    /// The record as a JSON object without a line break, as a line of a recording has it.
    #[must_use]
    pub fn to_json(&self) -> String {
        line_of(self)
    }
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    at: f64,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<&'a Endpoint>,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<To<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    except: Option<&'a Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causes: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tick: Option<TickLine<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    retained: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    at_most: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscriptions: Option<&'a [u32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seqs: Option<&'a [u64]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<Cut<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    redacted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    routes: Option<Vec<RouteLine<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_for: Option<&'a [String]>,
}

/// Whom an event was sent to, or the number of the last event that was lost.
#[derive(Serialize)]
#[serde(untagged)]
enum To<'a> {
    Target(&'a Target),
    Seq(u64),
}

#[derive(Serialize)]
struct Failed<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Cut<'a> {
    bytes: usize,
    start: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TickLine<'a> {
    job: &'a str,
    count: u64,
    scheduled_at: f64,
    missed: u64,
}

#[derive(Serialize)]
struct RouteLine<'a> {
    receiver: &'a Endpoint,
    #[serde(skip_serializing_if = "is_false")]
    stream: bool,
    subscriptions: &'a [u32],
    queued: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl<'a> From<&'a Tick> for TickLine<'a> {
    fn from(tick: &'a Tick) -> Self {
        Self {
            job: &tick.job,
            count: tick.count,
            scheduled_at: unix_millis(tick.scheduled_at),
            missed: tick.missed,
        }
    }
}

impl<'a> From<&'a TapRoute> for RouteLine<'a> {
    fn from(route: &'a TapRoute) -> Self {
        Self {
            receiver: &route.receiver,
            stream: route.is_stream,
            subscriptions: &route.subscriptions,
            queued: route.is_queued,
        }
    }
}

fn some<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

/// Serializing these cannot fail: they have no maps, and no values of the app but checked JSON.
fn text_of(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The bytes of a payload: `[[base64, …path], …]`.
fn bytes_of(json: &Json) -> Option<Box<RawValue>> {
    let attached = json.attached();
    if attached.is_empty() {
        return None;
    }
    let each = attached.iter().map(|one| {
        let comma = if one.path().is_empty() { "" } else { "," };
        format!(
            "[\"{}\"{comma}{}]",
            STANDARD.encode(one.bytes()),
            one.path()
        )
    });
    let text = format!("[{}]", each.collect::<Vec<_>>().join(","));
    RawValue::from_string(text).ok()
}

/// JSON text of the app. A line break in it stands between tokens, since a string has none.
fn on_one_line(json: &str) -> Option<Box<RawValue>> {
    let text = json.replace(['\n', '\r'], " ");
    RawValue::from_string(text).ok()
}

impl<'a> Line<'a> {
    fn with_payload(self, payload: &'a TappedPayload) -> Self {
        let own = Self {
            redacted: payload.is_redacted(),
            ..self
        };
        match payload.shown() {
            Ok(json) => Self {
                payload: on_one_line(json),
                bytes: bytes_of(json),
                ..own
            },
            Err((bytes, start)) => Self {
                cut: Some(Cut { bytes, start }),
                ..own
            },
        }
    }

    fn of_delivery(kind: TapKind, delivery: &'a TappedDelivery) -> Self {
        Self {
            kind: kind.as_str(),
            receiver: Some(&delivery.receiver),
            stream: delivery.is_stream,
            seqs: Some(&delivery.seqs),
            ..Self::default()
        }
    }
}

/// The text of a record, without a line break.
pub(crate) fn line_of(record: &TapRecord) -> String {
    let line = match &record.entry {
        TapEntry::Event(event) => Line {
            kind: TapKind::Event.as_str(),
            seq: Some(event.seq),
            name: Some(&event.name),
            source: Some(&event.source),
            to: event.to.as_ref().map(To::Target),
            except: event.except.as_ref(),
            component: event.component.as_deref(),
            causes: some(&event.causes),
            traceparent: event.traceparent.as_deref(),
            tick: event.tick.as_ref().map(TickLine::from),
            retained: event.is_retained,
            routes: Some(event.routes.iter().map(RouteLine::from).collect()),
            kept_for: some(&event.kept_for),
            ..Line::default()
        }
        .with_payload(&event.payload),
        TapEntry::Delivered(delivery) => Line::of_delivery(TapKind::Delivered, delivery),
        TapEntry::Acknowledged(delivery) => Line::of_delivery(TapKind::Acknowledged, delivery),
        TapEntry::Gap(gap) => Line {
            kind: TapKind::Gap.as_str(),
            receiver: Some(&gap.receiver),
            stream: gap.is_stream,
            from: Some(gap.from),
            to: Some(To::Seq(gap.to)),
            count: Some(gap.count),
            at_most: gap.at_most,
            reason: Some(gap.reason.as_str()),
            subscriptions: Some(&gap.subscriptions),
            ..Line::default()
        },
        TapEntry::Refused(refusal) => Line {
            kind: TapKind::Refused.as_str(),
            action: Some(refusal.action.as_str()),
            name: Some(&refusal.name),
            source: Some(&refusal.source),
            job: refusal.job.as_deref(),
            code: Some(refusal.code.as_str()),
            message: Some(&refusal.message),
            ..Line::default()
        },
        TapEntry::Request(request) => Line {
            kind: TapKind::Request.as_str(),
            request: Some(&request.request),
            name: Some(&request.name),
            source: Some(&request.source),
            receiver: Some(&request.receiver),
            component: request.component.as_deref(),
            causes: some(&request.causes),
            traceparent: request.traceparent.as_deref(),
            stream: request.is_stream,
            ..Line::default()
        }
        .with_payload(&request.payload),
        TapEntry::Response(response) => {
            let line = Line {
                kind: TapKind::Response.as_str(),
                request: Some(&response.request),
                name: Some(&response.name),
                source: Some(&response.source),
                receiver: Some(&response.receiver),
                ..Line::default()
            };
            match &response.result {
                Ok(payload) => line.with_payload(payload),
                Err((code, message)) => Line {
                    error: Some(Failed {
                        code: code.as_str(),
                        message,
                    }),
                    ..line
                },
            }
        }
        TapEntry::Lost(count) => Line {
            kind: LOST,
            count: Some(*count),
            ..Line::default()
        },
    };
    text_of(&Line {
        at: unix_millis(record.at),
        ..line
    })
}

/// The kind of a record that tells of lost records.
pub(crate) const LOST: &str = "lost";
