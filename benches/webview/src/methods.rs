//! The methods that carry events from the host to a page.

use crate::{
    limit,
    pages::Host,
    plan::{Body, Method},
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    fmt::Write,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tauri::{
    AppHandle, Emitter as _, Runtime,
    ipc::{Channel, InvokeResponseBody},
};
use tauri_plugin_event_bus::request::PartSender;
use tauri_plugin_event_bus::{Bytes, EventBus, EventBusExt};
use tokio::sync::mpsc::UnboundedSender;
use tokio_tungstenite::tungstenite::Message;

pub(crate) const EVENT: &str = "bench:event";

/// The bytes of a payload with an empty body and a number of five digits.
const FRAME: usize = 43;

/// Microseconds since the Unix epoch, as the pages count them.
pub(crate) fn now_micros() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}

/// The payload of an event.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Payload<'a> {
    pub(crate) i: usize,
    pub(crate) at: u64,
    pub(crate) body: &'a Content,
}

/// The payload of a part of a stream.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    i: usize,
    at: u64,
    body: Content,
}

impl Part {
    fn of(payload: &Payload<'_>) -> Self {
        Self {
            i: payload.i,
            at: payload.at,
            body: payload.body.clone(),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Records(Vec<Record>),
    Bytes(Bytes),
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Record {
    id: usize,
    name: String,
    price: f64,
    tags: [&'static str; 2],
    available: bool,
}

impl Payload<'_> {
    /// The number, the time and the bytes, as an app without the event bus would send them; `None` if the body is JSON.
    fn frame(&self) -> Option<Vec<u8>> {
        let Content::Bytes(bytes) = self.body else {
            return None;
        };
        let head = [self.i as f64, self.at as f64].map(f64::to_le_bytes);
        Some([head.as_flattened(), bytes].concat())
    }

    /// How many bytes it has, as JSON or with bytes.
    pub(crate) fn length(&self) -> Result<usize> {
        match self.frame() {
            Some(frame) => Ok(frame.len()),
            None => Ok(serde_json::to_string(self)?.len()),
        }
    }
}

impl Content {
    pub(crate) fn of(body: Body) -> Self {
        match body {
            Body::Text(bytes) => Self::Text("x".repeat(bytes.saturating_sub(FRAME))),
            Body::Bytes(length) => Self::Bytes(vec![7; length].into()),
            Body::Records(bytes) => {
                let record = |id| Record {
                    id,
                    name: format!("article {id:05}"),
                    price: (id % 10_000) as f64 + 0.25,
                    tags: ["garden", "summer"],
                    available: id % 3 == 0,
                };
                let one = serde_json::to_string(&record(10_000)).map_or(90, |json| json.len() + 1);
                Self::Records((0..bytes / one).map(|i| record(10_000 + i)).collect())
            }
        }
    }

    /// The `length` of the body in JavaScript.
    pub(crate) fn units(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Records(records) => records.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// Emits to some windows with one method.
pub(crate) enum Emitter<R: Runtime> {
    Emit(AppHandle<R>),
    Channel(Vec<Channel<InvokeResponseBody>>),
    WebSocket(Vec<UnboundedSender<Message>>),
    Bus(EventBus),
    Stream(Vec<PartSender<Part>>),
    Limit {
        app: AppHandle<R>,
        host: Arc<Host>,
        windows: Vec<String>,
        batch: String,
        /// When the previous payload was emitted.
        before: u64,
    },
}

impl<R: Runtime> Emitter<R> {
    pub(crate) fn new(
        app: &AppHandle<R>,
        host: &Arc<Host>,
        method: Method,
        windows: &[String],
    ) -> Result<Self> {
        let all = || windows.iter();
        Ok(match method {
            Method::Emit => Self::Emit(app.clone()),
            Method::Channel => Self::Channel(
                all()
                    .map(|label| host.channels.get(label))
                    .collect::<Option<_>>()
                    .context("a window has no channel")?,
            ),
            Method::WebSocket => Self::WebSocket(
                all()
                    .map(|label| host.sockets.get(label))
                    .collect::<Option<_>>()
                    .context("a window has no WebSocket")?,
            ),
            Method::Bus | Method::Pull | Method::Worker | Method::Tapped => {
                Self::Bus(app.event_bus())
            }
            Method::Stream => Self::Stream(
                all()
                    .map(|label| host.stream_of(label))
                    .collect::<Result<_>>()?,
            ),
            Method::Limit => Self::Limit {
                app: app.clone(),
                host: Arc::clone(host),
                windows: windows.to_vec(),
                batch: String::new(),
                before: 0,
            },
        })
    }

    pub(crate) fn emit(&mut self, payload: &Payload<'_>) -> Result<()> {
        match self {
            Self::Emit(app) => app.emit(EVENT, payload)?,
            Self::Channel(channels) => {
                let message = match payload.frame() {
                    Some(frame) => InvokeResponseBody::Raw(frame),
                    None => InvokeResponseBody::Json(serde_json::to_string(payload)?),
                };
                for channel in channels {
                    channel.send(message.clone())?;
                }
            }
            Self::WebSocket(connections) => {
                let message = match payload.frame() {
                    Some(frame) => Message::binary(frame),
                    None => Message::text(serde_json::to_string(payload)?),
                };
                for connection in connections {
                    connection.send(message.clone())?;
                }
            }
            Self::Bus(bus) => {
                bus.emit(EVENT, payload)?;
            }
            Self::Stream(streams) => {
                for stream in streams {
                    stream.blocking_send(Part::of(payload))?;
                }
            }
            // The same text as in the batches of the plugin.
            Self::Limit { batch, before, .. } => {
                if batch.is_empty() {
                    batch.push_str("{\"items\":[[0,1000000");
                }
                let json = serde_json::to_string(payload)?;
                write!(batch, ",{},{json}", payload.at - *before)?;
                *before = payload.at;
            }
        }
        Ok(())
    }

    /// Ends the stream.
    pub(crate) fn finish(&mut self) -> Result<()> {
        if let Self::Limit {
            app,
            host,
            windows,
            batch,
            ..
        } = self
        {
            let _ = write!(
                batch,
                "]],\"heads\":[[\"{EVENT}\",0,1]],\"first\":1,\"more\":false}}"
            );
            for label in windows {
                limit::send(app, host, label, batch.clone())?;
            }
        }
        Ok(())
    }
}
