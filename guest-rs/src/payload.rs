//! Payloads and errors on their way between Rust and JavaScript.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tauri_plugin_event_bus_types::internal::{
    Attachment, attach, check_numbers, failed_with, read_attached, write_attached,
};
use tauri_plugin_event_bus_types::{Bytes, Endpoint, Error, ErrorCode, Failure, Result};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::js;

/// The value of a payload that was written.
pub(crate) fn value_of((text, attached): (String, Box<[Attachment]>)) -> Result<JsValue> {
    let pieces = Array::new();
    let mut places = String::new();
    for (index, one) in attached.iter().enumerate() {
        let comma = if one.path().is_empty() { "" } else { "," };
        let between = if index == 0 { '[' } else { ',' };
        // Writing to a string cannot fail.
        let _ = write!(places, "{between}[{index}{comma}{}]", one.path());
        pieces.push(&Uint8Array::from(&**one.bytes()));
    }
    if !places.is_empty() {
        places.push(']');
    }
    js::value(&text, &places, &pieces).map_err(|reason| error_of(&reason))
}

/// Writes what has no type of its own: a response, a part, or the payload of a name.
pub(crate) fn write<T: Serialize>(what: impl fmt::Display, value: &T) -> Result<JsValue> {
    check_numbers(value).map_err(|problem| {
        Error::new(ErrorCode::InvalidPayload, format!("{what}: {problem}")).with_source(problem)
    })?;
    value_of(write_attached(what, value)?)
}

/// Reads what JavaScript passes on: text with a mark in the place of each piece of bytes.
pub(crate) fn read<T: DeserializeOwned>(
    what: impl fmt::Display,
    text: String,
    pieces: &Array,
) -> Result<T> {
    let (text, attached) = if pieces.length() == 0 {
        (text, Box::default())
    } else {
        let bytes = pieces.iter().map(|piece| {
            let piece: Uint8Array = piece.unchecked_into();
            Bytes::from(piece.to_vec())
        });
        attach(&text, bytes.collect())
            .map_err(|problem| Error::new(ErrorCode::InvalidPayload, format!("{what} {problem}")))?
    };
    read_attached(&text, &attached).map_err(|mismatch| mismatch.into_error::<T>(what))
}

/// Reads the value that a promise of `bus.js` has resolved to.
pub(crate) fn read_value<T: DeserializeOwned>(
    what: impl fmt::Display,
    value: JsValue,
) -> Result<T> {
    let marked: js::Marked = value.unchecked_into();
    read(what, marked.text(), &marked.pieces())
}

/// Whatever JavaScript has thrown.
pub(crate) fn error_of(reason: &JsValue) -> Error {
    let reason = js::read_error(reason);
    let code = reason.code();
    let known = ErrorCode::ALL.iter().find(|known| known.as_str() == code);
    let error = Error::new(
        known.copied().unwrap_or(ErrorCode::Unavailable),
        reason.message(),
    );
    if let Some(millis) = reason.retry_after_ms() {
        return error.with_retry_after(Duration::from_secs_f64(millis.max(0.0) / 1_000.0));
    }
    match reason.cause() {
        Some(cause) if error.code() == ErrorCode::ResponderFailed => {
            let stack = cause.stack();
            let failure = Failure::new(&cause.name(), &cause.message(), stack.as_deref());
            failed_with(error, failure)
        }
        _ => error,
    }
}

/// An error for JavaScript.
pub(crate) fn thrown(error: &Error) -> JsValue {
    js::bus_error(error.code().as_str(), error.message())
}

pub(crate) fn endpoint_of(endpoint: &js::JsEndpoint) -> Endpoint {
    match (endpoint.label(), endpoint.node()) {
        (Some(label), _) => Endpoint::webview(&label),
        (None, Some(node)) => Endpoint::Node(node.into()),
        (None, None) => Endpoint::Host,
    }
}

/// The names in a list of JavaScript.
pub(crate) fn names_in(list: &Array) -> Vec<String> {
    list.iter().filter_map(|name| name.as_string()).collect()
}

/// A whole number. Numbers of the bus are below 2^53.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "JavaScript has no other numbers"
)]
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}

/// Options for JavaScript.
pub(crate) fn options_text(options: &impl Serialize) -> String {
    // Their types have nothing that JSON could not express.
    serde_json::to_string(options).unwrap_or_else(|_| "{}".to_owned())
}

/// The milliseconds of a time, as the bus counts them.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
