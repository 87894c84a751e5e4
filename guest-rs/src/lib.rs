#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod emit;
mod event;
mod js;
#[cfg(feature = "leptos")]
pub mod leptos;
mod listen;
mod payload;
mod request;
mod stream;

pub use emit::{EmitOptions, Emitted, Receipt, emit, emit_named, emit_to, emit_with};
pub use event::{Gap, GapReason, TypedEvent, TypedItem};
pub use listen::{
    EventStream, ListenOptions, Subscription, listen, listen_named, listen_with, on, on_with,
};
pub use request::{RequestBuilder, RequestContext, Responder, request, respond, respond_with};
pub use stream::{PartSender, PartStream, StreamOptions, request_stream, respond_stream};
pub use tauri_plugin_event_bus_types::{
    self as types, Bytes, Endpoint, Error, ErrorCode, Event, Exact, Failure, HOST, Request, Result,
    StreamRequest, Target, TargetPart, Until,
};

/// Whether this page can use the bus: in the top frame of a webview of Tauri, and with a test bus. Elsewhere, such as in a
/// browser, calls fail with [`ErrorCode::Unavailable`].
#[must_use]
pub fn is_available() -> bool {
    js::is_available()
}
