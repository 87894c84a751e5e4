use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tauri_plugin_event_bus_types::Bytes;

use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::BusEvent;
use crate::model::json::Json;
use crate::model::link::LinkStream;
use crate::model::name::EventName;
use crate::model::payload::check_json;
use crate::model::traceparent::Traceparent;

/// A payload on its way between nodes: JSON text with a mark in the place of bytes, and the bytes, in their order.
///
/// ```
/// use tauri_plugin_event_bus::link::LinkPayload;
///
/// let payload = LinkPayload::new("[1,2]", Vec::new());
/// assert_eq!(payload.text(), "[1,2]");
/// ```
#[derive(Debug, Clone)]
pub struct LinkPayload(Form);

#[derive(Debug, Clone)]
enum Form {
    /// A payload of this node.
    Own(Json),
    /// What another node has sent, which is not checked yet.
    Foreign { text: String, bytes: Vec<Bytes> },
}

impl LinkPayload {
    /// What another node has sent. The bus checks it when it takes it.
    pub fn new(text: impl Into<String>, bytes: Vec<Bytes>) -> Self {
        Self(Form::Foreign {
            text: text.into(),
            bytes,
        })
    }

    pub(crate) fn own(json: Json) -> Self {
        Self(Form::Own(json))
    }

    /// The JSON, with the character U+0001 in the place of each piece of bytes.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Own(json) => json.to_marked().0,
            Form::Foreign { text, .. } => Cow::Borrowed(text),
        }
    }

    /// The pieces of bytes, in the order of their marks.
    #[must_use]
    pub fn bytes(&self) -> Vec<Bytes> {
        match &self.0 {
            Form::Own(json) => json.to_marked().1,
            Form::Foreign { bytes, .. } => bytes.clone(),
        }
    }

    /// Whether it has bytes beside its text.
    #[must_use]
    pub fn has_bytes(&self) -> bool {
        match &self.0 {
            Form::Own(json) => !json.attached().is_empty(),
            Form::Foreign { bytes, .. } => !bytes.is_empty(),
        }
    }

    /// Checks that it is JSON that every reader can read. `what` names it in an error.
    pub(crate) fn into_json(self, what: impl Fn() -> String) -> Result<Json> {
        let read = match self.0 {
            Form::Own(json) => return Ok(json),
            Form::Foreign { text, bytes } if bytes.is_empty() => Ok(Json::from(text)),
            Form::Foreign { text, bytes } => Json::with_bytes(&text, bytes),
        };
        let json = read.map_err(|problem| invalid(&what(), &problem))?;
        check_received(&json, what)?;
        Ok(json)
    }
}

/// Checks that what another node has sent is JSON that every reader can read. `what` names it in an error.
pub(crate) fn check_received(json: &str, what: impl FnOnce() -> String) -> Result<()> {
    check_json(json).map_err(|problem| invalid(&what(), &problem))
}

fn invalid(what: &str, problem: &str) -> Error {
    Error::new(ErrorCode::InvalidPayload, format!("{what} {problem}"))
}

/// What leaves this node for others.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Departure {
    /// An event.
    Event(DepartingEvent),
    /// Events that were to leave and were dropped, since too many waited or they had expired. The streams counted each of
    /// them, so that their receivers get a gap.
    Dropped {
        /// What counted them.
        streams: Vec<LinkStream>,
        /// How many there are, in each stream.
        count: u64,
    },
}

/// An event that leaves this node.
#[derive(Debug, Clone)]
pub struct DepartingEvent {
    pub(crate) event: BusEvent,
    pub(crate) streams: Arc<[LinkStream]>,
    pub(crate) expires: Option<Duration>,
}

impl DepartingEvent {
    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.event.name()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> LinkPayload {
        LinkPayload::own(self.event.json().clone())
    }

    /// The payload as JSON text, without a copy. It has `null` in the place of bytes.
    #[must_use]
    pub fn payload_json(&self) -> &str {
        self.event.payload_json()
    }

    /// Whether the payload has bytes beside its text.
    #[must_use]
    pub fn has_bytes(&self) -> bool {
        !self.event.json().attached().is_empty()
    }

    /// What counts it, and where it goes: one share, or some nodes.
    #[must_use]
    pub fn streams(&self) -> &[LinkStream] {
        &self.streams
    }

    /// The name of the component that emitted it, if one did.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        self.event.component()
    }

    /// The names of the events that caused it, oldest first.
    pub fn causes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.event.causes()
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.event.traceparent()
    }

    /// How long it still counts, if it expires.
    #[must_use]
    pub fn expires(&self) -> Option<Duration> {
        self.expires
    }
}

/// An event of another node.
///
/// ```
/// use tauri_plugin_event_bus::link::{Arrival, LinkPayload};
///
/// let arrival = Arrival::new("till-4", "order:created", LinkPayload::new("7", Vec::new()));
/// # let _ = arrival;
/// ```
#[derive(Debug, Clone)]
pub struct Arrival {
    pub(crate) node: String,
    pub(crate) name: String,
    pub(crate) payload: LinkPayload,
    pub(crate) component: Option<String>,
    pub(crate) causes: Vec<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) expires: Option<Duration>,
}

impl Arrival {
    /// An event with this name and payload, from this node.
    pub fn new(node: impl Into<String>, name: impl Into<String>, payload: LinkPayload) -> Self {
        Self {
            node: node.into(),
            name: name.into(),
            payload,
            component: None,
            causes: Vec::new(),
            traceparent: None,
            expires: None,
        }
    }

    pub(crate) fn take_payload(&mut self) -> LinkPayload {
        std::mem::replace(&mut self.payload, LinkPayload::new("", Vec::new()))
    }

    /// The component that emitted it.
    #[must_use]
    pub fn component(mut self, component: impl Into<String>) -> Self {
        self.component = Some(component.into());
        self
    }

    /// The names of the events that caused it, oldest first.
    #[must_use]
    pub fn causes(mut self, causes: Vec<String>) -> Self {
        self.causes = causes;
        self
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    #[must_use]
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }

    /// How long it still counts.
    #[must_use]
    pub fn expires(mut self, expires: Duration) -> Self {
        self.expires = Some(expires);
        self
    }
}

/// Parses the trace that another node has sent.
pub(crate) fn parse_trace(traceparent: Option<&str>) -> Result<Option<Traceparent>> {
    Traceparent::read(traceparent)
}

/// Parses causes, at most one more than is allowed.
pub(crate) fn parse_causes(causes: &[String], hops: usize) -> Result<Arc<[EventName]>> {
    let causes = causes.iter().take(hops.saturating_add(1));
    causes.map(|name| EventName::parse(name)).collect()
}
