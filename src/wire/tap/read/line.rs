//! The fields of a line of a recording, as they are written.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::tap::record::TapRoute;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) at: Option<f64>,
    pub(super) kind: Option<String>,
    pub(super) action: Option<String>,
    pub(super) request: Option<String>,
    pub(super) seq: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) source: Option<EndpointLine>,
    pub(super) receiver: Option<EndpointLine>,
    #[serde(default)]
    pub(super) stream: bool,
    pub(super) to: Option<Value>,
    pub(super) except: Option<Value>,
    pub(super) component: Option<String>,
    #[serde(default)]
    pub(super) causes: Vec<String>,
    pub(super) traceparent: Option<String>,
    pub(super) tick: Option<TickLine>,
    #[serde(default)]
    pub(super) retained: bool,
    pub(super) from: Option<u64>,
    pub(super) count: Option<u64>,
    #[serde(default)]
    pub(super) at_most: bool,
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) subscriptions: Vec<u32>,
    pub(super) seqs: Option<Vec<u64>>,
    pub(super) job: Option<String>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) error: Option<Failed>,
    // A `null` is a payload, too.
    #[serde(default, deserialize_with = "some_raw")]
    pub(super) payload: Option<Box<RawValue>>,
    pub(super) bytes: Option<Vec<Vec<Value>>>,
    pub(super) cut: Option<Cut>,
    #[serde(default)]
    pub(super) redacted: bool,
    #[serde(default)]
    pub(super) routes: Vec<RouteLine>,
    #[serde(default)]
    pub(super) kept_for: Vec<String>,
}

fn some_raw<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum EndpointLine {
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
pub(super) struct TickLine {
    pub(super) job: Box<str>,
    pub(super) count: u64,
    pub(super) scheduled_at: f64,
    pub(super) missed: u64,
}

#[derive(Deserialize)]
pub(super) struct Failed {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Deserialize)]
pub(super) struct Cut {
    pub(super) bytes: usize,
    pub(super) start: String,
}

#[derive(Deserialize)]
pub(super) struct RouteLine {
    pub(super) receiver: EndpointLine,
    #[serde(default)]
    pub(super) stream: bool,
    pub(super) subscriptions: Vec<u32>,
    pub(super) queued: bool,
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
