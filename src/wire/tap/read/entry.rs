//! A line as a record.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::endpoint::Endpoint;
use crate::model::error::{Result, escaped, quoted};
use crate::model::tap::record::{
    TapEntry, TapKind, TapRecord, TapRoute, TappedDelivery, TappedEvent, TappedGap, TappedRefusal,
    TappedRequest, TappedResponse,
};
use crate::wire::tap::line::LOST;
use crate::wire::tap::read::line::Line;
use crate::wire::tap::read::value::{
    needed, read_action, read_code, read_reason, read_target, read_tick, read_time,
};

#[derive(Debug)]
pub(super) enum Problem {
    NoJson(String),
    NoRecord(String),
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::NoRecord(problem)
    }
}

/// How a line begins.
pub(super) fn shown(line: &str) -> String {
    const MAX_CHARS: usize = 80;
    match line.chars().nth(MAX_CHARS) {
        None => quoted(line),
        Some(_) => format!(
            "{} …",
            quoted(&line.chars().take(MAX_CHARS).collect::<String>())
        ),
    }
}

pub(super) fn read_record(line: &str) -> Result<TapRecord, Problem> {
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
    let at = read_time("at", needed(&kind, "at", line.at)?)?;
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
