//! Makes records of what the hub has noted.

use std::sync::Arc;

use crate::hub::tap::raw::{RawEntry, RawEvent, RawRecord, RawRequest, RawResponse};
use crate::model::event::Provenance;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::tap::record::{
    TapEntry, TapRecord, TappedEvent, TappedPayload, TappedRequest, TappedResponse,
};
use crate::wire::tap::redaction::{Redactions, Unmatched};

/// How much of a payload that is cut is shown.
const SHOWN: usize = 1024;

/// How payloads are shown.
pub(crate) struct Showing<'a> {
    pub(crate) redactions: &'a Redactions,
    /// How many bytes of a payload a record has.
    pub(crate) payload_bytes: usize,
    /// What to log.
    pub(crate) notes: Vec<Unmatched>,
}

impl Showing<'_> {
    pub(crate) fn payload(&mut self, name: &EventName, json: &Json) -> TappedPayload {
        let redacted = self.redactions.apply(name, json);
        self.notes.extend(redacted.notes);
        let (json, is_redacted) = (redacted.json, redacted.is_redacted);
        let size = json.size();
        if size <= self.payload_bytes {
            return TappedPayload::whole(json, is_redacted);
        }
        let mut end = self.payload_bytes.min(SHOWN).min(json.len());
        while !json.is_char_boundary(end) {
            end -= 1;
        }
        TappedPayload::cut(size, &json[..end], is_redacted)
    }

    /// The record of what was noted. What another tap does not have, too, is not copied.
    pub(crate) fn record(&mut self, raw: Arc<RawRecord>) -> TapRecord {
        match Arc::try_unwrap(raw) {
            Ok(RawRecord {
                at,
                entry: RawEntry::Event(event),
            }) => {
                let event = *event;
                let payload = self.payload(event.event.event_name(), event.event.json());
                let entry = TapEntry::Event(Box::new(event_of(event, payload)));
                TapRecord { at, entry }
            }
            Ok(RawRecord {
                at,
                entry: RawEntry::Done(entry),
            }) => TapRecord {
                at,
                entry: self.done(entry),
            },
            Ok(raw) => self.shared(&raw),
            Err(raw) => self.shared(&raw),
        }
    }

    fn shared(&mut self, raw: &RawRecord) -> TapRecord {
        let entry = match &raw.entry {
            RawEntry::Event(raw) => {
                let payload = self.payload(raw.event.event_name(), raw.event.json());
                let copy = RawEvent::clone(raw);
                TapEntry::Event(Box::new(event_of(copy, payload)))
            }
            RawEntry::Request(request) => TapEntry::Request(Box::new(self.request(request))),
            RawEntry::Response(response) => TapEntry::Response(Box::new(self.response(response))),
            RawEntry::Done(entry) => self.done(entry.clone()),
        };
        TapRecord { at: raw.at, entry }
    }

    fn done(&self, mut entry: TapEntry) -> TapEntry {
        if let TapEntry::Refused(refusal) = &mut entry {
            let name = EventName::parse(&refusal.name).ok();
            let (name, code) = (name.as_ref(), refusal.code);
            refusal.message = self.redactions.message(name, code, &refusal.message);
        }
        entry
    }

    fn request(&mut self, raw: &RawRequest) -> TappedRequest {
        let (component, causes) = origin_of(raw.provenance.as_deref());
        TappedRequest {
            request: raw.id.to_string(),
            name: raw.name.as_str().to_owned(),
            source: raw.source.clone(),
            receiver: raw.receiver.clone(),
            component,
            causes,
            traceparent: trace_of(raw.provenance.as_deref()),
            is_stream: raw.is_stream,
            payload: self.payload(&raw.name, &raw.payload),
        }
    }

    fn response(&mut self, raw: &RawResponse) -> TappedResponse {
        TappedResponse {
            request: raw.id.to_string(),
            name: raw.name.as_str().to_owned(),
            source: raw.source.clone(),
            receiver: raw.receiver.clone(),
            result: match &raw.result {
                Ok(json) => Ok(self.payload(&raw.name, json)),
                Err(error) => {
                    let (name, code) = (Some(&raw.name), error.code());
                    let message = self.redactions.message(name, code, error.message());
                    Err((code, message))
                }
            },
        }
    }
}

fn event_of(raw: RawEvent, payload: TappedPayload) -> TappedEvent {
    let event = &raw.event;
    TappedEvent {
        seq: event.seq(),
        name: event.name().to_owned(),
        source: event.source().clone(),
        component: event.component().map(str::to_owned),
        causes: event.causes().map(str::to_owned).collect(),
        traceparent: event.traceparent().map(str::to_owned),
        tick: event.tick().cloned(),
        to: raw.to,
        except: raw.except,
        is_retained: raw.is_retained,
        payload,
        routes: raw.routes,
        kept_for: raw.kept_for.iter().map(|label| label.to_string()).collect(),
    }
}

fn trace_of(provenance: Option<&Provenance>) -> Option<String> {
    let trace = provenance?.traceparent.as_ref()?;
    Some(trace.as_str().to_owned())
}

fn origin_of(provenance: Option<&Provenance>) -> (Option<String>, Vec<String>) {
    let component = provenance.and_then(|own| own.component.as_deref());
    let causes = provenance.map_or(&[][..], |own| &own.causes);
    let causes = causes.iter().map(|name| name.as_str().to_owned());
    (component.map(str::to_owned), causes.collect())
}
