//! Emitting.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use js_sys::Promise;
use js_sys::futures::JsFuture;
use serde::Serialize;
use tauri_plugin_event_bus_types::internal::write_event;
use tauri_plugin_event_bus_types::{Error, Event, Result, Target, Until};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::js;
use crate::payload::{error_of, millis, options_text, thrown, value_of, whole, write};

/// Emits an event to every page and to the host.
///
/// It is emitted by this call, not by the first poll of the future. So the future need not be awaited: an error that is not
/// awaited is an unhandled rejection on the console.
///
/// # Errors
///
/// By awaiting it: those of `emit` in TypeScript.
///
/// ```no_run
/// # use serde::{Deserialize, Serialize};
/// # use schemars::JsonSchema;
/// # use tauri_plugin_event_bus_guest::{Event, Result};
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct CartUpdated { item_count: u32 }
/// # impl Event for CartUpdated { const NAME: &'static str = "cart:updated"; }
/// # async fn update() -> Result<()> {
/// let receipt = tauri_plugin_event_bus_guest::emit(&CartUpdated { item_count: 3 }).await?;
/// println!("it went to {} pages", receipt.pages);
/// # Ok(())
/// # }
/// ```
pub fn emit<E: Event>(event: &E) -> Emitted {
    emit_with(event, EmitOptions::new())
}

/// Emits an event to some receivers only: the label of a webview, a glob of labels, a list of these, or the host
/// ([`HOST`](crate::HOST)).
///
/// # Errors
///
/// Those of [`emit`], and [`ErrorCode::UnknownTarget`](crate::ErrorCode::UnknownTarget).
pub fn emit_to<E: Event>(to: impl Into<Target>, event: &E) -> Emitted {
    emit_with(event, EmitOptions::new().to(to))
}

/// Emits an event with options.
///
/// # Errors
///
/// Those of [`emit`].
pub fn emit_with<E: Event>(event: &E, options: EmitOptions) -> Emitted {
    emit_caused(event, options, &JsValue::UNDEFINED)
}

/// Emits an event by its name, for names without a type that is an [`Event`].
///
/// # Errors
///
/// Those of [`emit`].
pub fn emit_named<P: Serialize>(name: &str, payload: &P, options: EmitOptions) -> Emitted {
    let written = write(format_args!("the payload of {name:?}"), payload);
    Emitted::new(name, written, &options, &JsValue::UNDEFINED)
}

pub(crate) fn emit_caused<E: Event>(event: &E, options: EmitOptions, cause: &JsValue) -> Emitted {
    let written = write_event(event).and_then(value_of);
    Emitted::new(E::NAME, written, &options, cause)
}

/// An event that was emitted: a future of its receipt.
#[derive(Debug)]
pub struct Emitted {
    promise: Promise,
    /// Made by the first poll. Before that, the promise has no handler, so that the console shows a rejection.
    future: Option<JsFuture>,
}

impl Emitted {
    fn new(name: &str, written: Result<JsValue>, options: &EmitOptions, cause: &JsValue) -> Self {
        let promise = match written {
            Ok(payload) => js::emit(name, &payload, &options_text(options), cause),
            Err(error) => Promise::reject(&thrown(&error)),
        };
        Self {
            promise,
            future: None,
        }
    }
}

impl Future for Emitted {
    type Output = Result<Receipt>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let promise = self.promise.clone();
        let future = self.future.get_or_insert_with(|| promise.into());
        let settled = Pin::new(future).poll(context);
        settled.map(|outcome| {
            let receipt: js::JsReceipt = outcome
                .map_err(|reason| -> Error { error_of(&reason) })?
                .unchecked_into();
            Ok(Receipt {
                seq: whole(receipt.seq()),
                pages: whole(receipt.pages()),
                listeners: whole(receipt.listeners()),
                linked: receipt.linked().unwrap_or(false),
            })
        })
    }
}

/// What the host did with an event that it accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The event's number in the order of the whole app, from 1.
    pub seq: u64,
    /// How many pages it was queued for.
    pub pages: u64,
    /// How many listeners and streams of the host it was queued for.
    pub listeners: u64,
    /// Whether it is on its way to other nodes, too.
    pub linked: bool,
}

/// How an event is emitted. The policy of its name decides what is not set here.
///
/// ```
/// use tauri_plugin_event_bus_guest::EmitOptions;
///
/// let options = EmitOptions::new().to("editor-*").except("editor-7").retain(true);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmitOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    except: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retain: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Until>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_deliveries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

impl EmitOptions {
    /// Emits to everyone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Emits to this target only.
    #[must_use]
    pub fn to(mut self, target: impl Into<Target>) -> Self {
        self.to = Some(target.into());
        self
    }

    /// Leaves these webviews out, or the host ([`HOST`](crate::HOST)).
    #[must_use]
    pub fn except(mut self, target: impl Into<Target>) -> Self {
        self.except = Some(target.into());
        self
    }

    /// Whether the host keeps it for later listeners, instead of the one of its name before.
    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = Some(retain);
        self
    }

    /// How long the host keeps it for later listeners: until pages have started up, or until one listener has handled it.
    #[must_use]
    pub fn until(mut self, until: Until) -> Self {
        self.until = Some(until);
        self
    }

    /// How often it is delivered at most, if it is kept until it is consumed: at least 1.
    #[must_use]
    pub fn max_deliveries(mut self, deliveries: u32) -> Self {
        self.max_deliveries = Some(deliveries);
        self
    }

    /// How long it counts. What is older is not delivered any more.
    #[must_use]
    pub fn expires(mut self, after: Duration) -> Self {
        self.expires_ms = Some(millis(after));
        self
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it. Without it, that of the event or request
    /// whose handler emits it.
    #[must_use]
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }
}
