//! Requests for streams, and responders of streams.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use js_sys::futures::JsFuture;
use js_sys::{Array, Promise};
use serde::Serialize;
use tauri_plugin_event_bus_types::internal::write_stream_request;
use tauri_plugin_event_bus_types::{Error, ErrorCode, Result, StreamRequest, Target};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use crate::js;
use crate::payload::{error_of, millis, options_text, read, read_value, thrown, value_of, write};
use crate::request::{RequestContext, Responder, failed, promise_of};

/// Requests a stream from the page in another webview, or from the host ([`HOST`](crate::HOST)): parts, and then a response.
///
/// The responder sends ahead up to the credit of the stream, and then waits for the loop. Dropping the stream ends it, and its
/// responder.
///
/// ```no_run
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus_guest::{HOST, StreamRequest, request_stream};
///
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct Export { format: String }
/// # impl StreamRequest for Export { const NAME: &'static str = "export"; type Part = u32; type Response = String; }
/// # async fn export() -> tauri_plugin_event_bus_guest::Result<()> {
/// let export = Export { format: "csv".into() };
/// let mut rows = request_stream(HOST, &export, Default::default())?;
/// while let Some(row) = rows.recv().await {
///     println!("{}", row?);
/// }
/// println!("{}", rows.response().await?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ErrorCode::InvalidPayload`] if the request cannot be written. What the host refuses is an item of the stream.
pub fn request_stream<S: StreamRequest>(
    to: impl Into<Target>,
    request: &S,
    options: StreamOptions,
) -> Result<PartStream<S>> {
    let payload = value_of(write_stream_request(request)?)?;
    let (to, options) = (options_text(&to.into()), options_text(&options));
    Ok(PartStream {
        stream: js::request_stream(&to, S::NAME, &payload, &options),
        next: None,
        is_over: false,
        types: PhantomData,
    })
}

/// How a stream is requested.
///
/// ```
/// use std::time::Duration;
/// use tauri_plugin_event_bus_guest::StreamOptions;
///
/// let options = StreamOptions::new().timeout(Duration::from_secs(60)).credit_parts(16);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<f64>,
    credit: Credit,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Credit {
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<usize>,
}

impl StreamOptions {
    /// No timeout, and the credit of the plugin's configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For how long there may be neither a part nor the response. The time does not run while the responder waits for this
    /// page.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = Some(millis(timeout));
        self
    }

    /// How many bytes may be sent and not taken.
    #[must_use]
    pub fn credit_bytes(mut self, bytes: usize) -> Self {
        self.credit.bytes = Some(bytes);
        self
    }

    /// How many parts may be sent and not taken.
    #[must_use]
    pub fn credit_parts(mut self, parts: usize) -> Self {
        self.credit.parts = Some(parts);
        self
    }
}

/// The parts of a stream, and its response; made by [`request_stream`].
#[must_use = "a stream sends nothing unless it is read"]
pub struct PartStream<S> {
    stream: js::Incoming,
    next: Option<JsFuture>,
    is_over: bool,
    types: PhantomData<fn() -> S>,
}

impl<S: StreamRequest> PartStream<S> {
    /// Awaits the next part; `None` behind the last one. An error comes once, behind the parts before it.
    pub async fn recv(&mut self) -> Option<Result<S::Part>> {
        poll_fn(|context| self.poll_part(context)).await
    }

    /// Takes and drops the parts that are left, and awaits the response.
    ///
    /// # Errors
    ///
    /// What ended the stream, or [`ErrorCode::InvalidPayload`] if the response does not match its type.
    pub async fn response(self) -> Result<S::Response> {
        let response = JsFuture::from(self.stream.response()).await;
        let response = response.map_err(|reason| error_of(&reason))?;
        read_value(format_args!("the response to {:?}", S::NAME), response)
    }

    /// Ends the stream, as dropping it does.
    pub fn stop(self) {}

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<S::Part>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let stream = &self.stream;
        let next = self.next.get_or_insert_with(|| stream.next().into());
        let settled = ready!(Pin::new(next).poll(context));
        self.next = None;
        Poll::Ready(match settled {
            Ok(part) if part.is_undefined() => {
                self.is_over = true;
                None
            }
            Ok(part) => Some(read_value(format_args!("a part of {:?}", S::NAME), part)),
            Err(reason) => {
                self.is_over = true;
                Some(Err(error_of(&reason)))
            }
        })
    }
}

impl<S: StreamRequest> Stream for PartStream<S> {
    type Item = Result<S::Part>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_part(context)
    }
}

impl<S> Drop for PartStream<S> {
    fn drop(&mut self) {
        self.stream.stop();
    }
}

impl<S> fmt::Debug for PartStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartStream").finish_non_exhaustive()
    }
}

/// Responds to requests of a type with streams, until the returned handle is dropped.
///
/// What the future returns is the response, which comes behind the parts. When the caller leaves its loop, the future is
/// dropped. A name has one responder in a page, of either kind.
///
/// ```no_run
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus_guest::{Error, PartSender, StreamRequest, respond_stream};
///
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct Count { to: u32 }
/// # impl StreamRequest for Count { const NAME: &'static str = "count"; type Part = u32; type Response = String; }
/// respond_stream(async |count: Count, parts: PartSender<u32>| {
///     for number in 1..=count.to {
///         parts.send(&number).await?;
///     }
///     Ok::<_, Error>("done".to_owned())
/// })
/// .forget();
/// ```
pub fn respond_stream<S, E, F>(
    responder: impl Fn(S, PartSender<S::Part>) -> F + 'static,
) -> Responder
where
    S: StreamRequest,
    E: fmt::Display,
    F: Future<Output = Result<S::Response, E>> + 'static,
{
    let run = move |text: String, pieces: Array, context: js::JsContext, parts: js::Parts| {
        let context = RequestContext::new(context);
        let sender = PartSender {
            name: S::NAME,
            parts,
            context: context.clone(),
            types: PhantomData,
        };
        let response = read::<S>(format_args!("the request {:?}", S::NAME), text, &pieces)
            .map(|request| responder(request, sender));
        promise_of(context, async move {
            let response = response.map_err(|error| thrown(&error))?.await;
            let response = response.map_err(|error| failed(&error))?;
            let what = format_args!("the response to {:?}", S::NAME);
            write(what, &response).map_err(|error| thrown(&error))
        })
    };
    let run: Closure<Run> = Closure::wrap_assert_unwind_safe(Box::new(run));
    let subscription = js::respond_stream(S::NAME, run.as_js_value());
    Responder::new(subscription, Box::new(run))
}

type Run = dyn Fn(String, Array, js::JsContext, js::Parts) -> Promise;

/// Sends the parts of a stream: see [`respond_stream`]. A clone sends parts of the same stream.
pub struct PartSender<P> {
    name: &'static str,
    parts: js::Parts,
    context: RequestContext,
    types: PhantomData<fn(P)>,
}

impl<P> PartSender<P> {
    /// Who requested the stream.
    #[must_use]
    pub fn context(&self) -> &RequestContext {
        &self.context
    }
}

impl<P: Serialize> PartSender<P> {
    /// Sends a part, and waits until the caller has taken enough of what came before.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Cancelled`] if the stream has ended, and [`ErrorCode::InvalidPayload`] if the part cannot be written; then
    /// the stream goes on.
    pub async fn send(&self, part: &P) -> Result<()> {
        let part: JsValue = write(format_args!("a part of {:?}", self.name), part)?;
        let taken = JsFuture::from(self.parts.send(&part)).await;
        let taken = taken.map_err(|reason| error_of(&reason))?;
        if taken.is_truthy() {
            return Ok(());
        }
        let text = format!("the stream of {:?} has ended", self.name);
        Err(Error::new(ErrorCode::Cancelled, text))
    }
}

impl<P> Clone for PartSender<P> {
    fn clone(&self) -> Self {
        Self {
            parts: self.parts.clone(),
            context: self.context.clone(),
            ..*self
        }
    }
}

impl<P> fmt::Debug for PartSender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartSender")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
