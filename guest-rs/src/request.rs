//! Requests and responders.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use js_sys::futures::{JsFuture, future_to_promise};
use js_sys::{Array, Promise};
use serde::Serialize;
use tauri_plugin_event_bus_types::internal::write_request;
use tauri_plugin_event_bus_types::{Endpoint, ErrorCode, Event, Request, Result, Target};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::emit::{EmitOptions, Emitted, emit_caused};
use crate::js;
use crate::listen::accepted;
use crate::payload::{
    endpoint_of, error_of, millis, names_in, options_text, read, read_value, thrown, value_of,
    write,
};

/// Sends a request to the page in another webview, or to the host ([`HOST`](crate::HOST)), and awaits the response.
///
/// It is sent when it is awaited. Dropping the future cancels it.
///
/// # Errors
///
/// By awaiting it: those of `request` in TypeScript, and [`ErrorCode::InvalidPayload`] if the response does not match its
/// type.
///
/// ```no_run
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// use std::time::Duration;
/// use tauri_plugin_event_bus_guest::{HOST, Request, request};
///
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct Sum { numbers: Vec<f64> }
/// # impl Request for Sum { const NAME: &'static str = "sum"; type Response = f64; }
/// # async fn ask() -> tauri_plugin_event_bus_guest::Result<()> {
/// let sum = Sum { numbers: vec![1.0, 2.0] };
/// let total = request(HOST, &sum).timeout(Duration::from_secs(1)).await?;
/// println!("{total}");
/// # Ok(())
/// # }
/// ```
pub fn request<R: Request>(to: impl Into<Target>, request: &R) -> RequestBuilder<'_, R> {
    RequestBuilder {
        to: to.into(),
        request,
        options: Options { timeout_ms: None },
    }
}

/// A request that is to be sent: await it. Made by [`request`].
#[derive(Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct RequestBuilder<'a, R> {
    to: Target,
    request: &'a R,
    options: Options,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<f64>,
}

impl<R> RequestBuilder<'_, R> {
    /// How long to wait for the response: 30 seconds by default, at least 1 ms and at most 24 hours.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout_ms = Some(millis(timeout));
        self
    }
}

impl<'a, R: Request> IntoFuture for RequestBuilder<'a, R> {
    type Output = Result<R::Response>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let payload = value_of(write_request(self.request)?)?;
            let (to, options) = (options_text(&self.to), options_text(&self.options));
            let sent = Pending(js::request(&to, R::NAME, &payload, &options));
            let response = JsFuture::from(sent.0.response()).await;
            let response = response.map_err(|reason| error_of(&reason))?;
            read_value(response_of::<R>(), response)
        })
    }
}

fn response_of<R: Request>() -> impl fmt::Display {
    format!("the response to {:?}", R::NAME)
}

/// Cancels a request when its future is dropped. One that has ended cannot be cancelled.
struct Pending(js::Sent);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Responds to requests of a type to this page, until the returned handle is dropped.
///
/// An error reaches the caller as [`ErrorCode::ResponderFailed`] with its text. When the caller no longer waits, the future is
/// dropped. A name has one responder in a page.
///
/// ```no_run
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus_guest::{Request, respond};
///
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct Half { of: u32 }
/// # impl Request for Half { const NAME: &'static str = "half"; type Response = u32; }
/// respond(async |half: Half| {
///     if half.of % 2 == 0 { Ok(half.of / 2) } else { Err("it is odd") }
/// })
/// .forget();
/// ```
pub fn respond<R, E, F>(responder: impl Fn(R) -> F + 'static) -> Responder
where
    R: Request,
    E: fmt::Display,
    F: Future<Output = Result<R::Response, E>> + 'static,
{
    respond_with(move |request, _| responder(request))
}

/// Responds with a function that also gets the [`RequestContext`]. Otherwise as [`respond`].
pub fn respond_with<R, E, F>(responder: impl Fn(R, RequestContext) -> F + 'static) -> Responder
where
    R: Request,
    E: fmt::Display,
    F: Future<Output = Result<R::Response, E>> + 'static,
{
    let run = move |text: String, pieces: Array, context: js::JsContext| -> Promise {
        let context = RequestContext(context);
        let response = read::<R>(format_args!("the request {:?}", R::NAME), text, &pieces)
            .map(|request| responder(request, context.clone()));
        promise_of(context, async move {
            let response = response.map_err(|error| thrown(&error))?.await;
            let response = response.map_err(|error| failed(&error))?;
            write(response_of::<R>(), &response).map_err(|error| thrown(&error))
        })
    };
    let run: Closure<Run> = Closure::wrap_assert_unwind_safe(Box::new(run));
    Responder::new(js::respond(R::NAME, run.as_js_value()), Box::new(run))
}

type Run = dyn Fn(String, Array, js::JsContext) -> Promise;

/// What a responder has returned, as JavaScript throws it.
pub(crate) fn failed(error: &impl fmt::Display) -> JsValue {
    js::failure("Error", &error.to_string())
}

/// Runs a future until it is done, or until the caller no longer waits.
pub(crate) fn promise_of(
    context: RequestContext,
    response: impl Future<Output = Result<JsValue, JsValue>> + 'static,
) -> Promise {
    future_to_promise(AssertUnwindSafe(WhileWanted {
        stop: Stop::of(&context),
        context,
        response: Some(Box::pin(response)),
    }))
}

/// Tells that the caller of a request no longer waits.
struct Stop {
    is_stopped: Rc<Cell<bool>>,
    waker: Rc<RefCell<Option<Waker>>>,
    _stop: Closure<dyn FnMut()>,
}

impl Stop {
    fn of(context: &RequestContext) -> Self {
        let is_stopped = Rc::new(Cell::new(false));
        let waker = Rc::new(RefCell::new(None::<Waker>));
        let (stopped, waiting) = (Rc::clone(&is_stopped), Rc::clone(&waker));
        let stop: Closure<dyn FnMut()> = Closure::wrap_assert_unwind_safe(Box::new(move || {
            stopped.set(true);
            let waker = waiting.borrow_mut().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }));
        js::when_stopped(&context.0, stop.as_js_value());
        Self {
            is_stopped,
            waker,
            _stop: stop,
        }
    }
}

type Response = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

struct WhileWanted {
    stop: Stop,
    context: RequestContext,
    response: Option<Response>,
}

impl Future for WhileWanted {
    type Output = Result<JsValue, JsValue>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.stop.is_stopped.get() {
            let waker = context.waker().clone();
            self.stop.waker.borrow_mut().replace(waker);
            if let Some(response) = &mut self.response
                && let Poll::Ready(response) = response.as_mut().poll(context)
            {
                return Poll::Ready(response);
            }
            // It may have stopped while the future ran.
            if !self.stop.is_stopped.get() {
                return Poll::Pending;
            }
        }
        self.response = None;
        let code = ErrorCode::Cancelled.as_str();
        Poll::Ready(Err(js::bus_error(code, "the caller no longer waits")))
    }
}

impl Drop for WhileWanted {
    fn drop(&mut self) {
        // The function that was to be called goes.
        js::when_stopped(&self.context.0, &JsValue::NULL);
    }
}

/// What a responder learns of a request beside its payload.
#[derive(Clone)]
pub struct RequestContext(js::JsContext);

impl RequestContext {
    pub(crate) fn new(context: js::JsContext) -> Self {
        Self(context)
    }

    /// The name of the request.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Who sent the request. It is a target, too.
    #[must_use]
    pub fn caller(&self) -> Endpoint {
        endpoint_of(&self.0.caller())
    }

    /// The name of the component that sent it.
    #[must_use]
    pub fn component(&self) -> Option<String> {
        self.0.component()
    }

    /// The names of the events and requests that caused it, oldest first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        names_in(&self.0.causes())
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.0.traceparent()
    }

    /// Emits an event that the request causes.
    pub fn emit<E: Event>(&self, caused: &E) -> Emitted {
        self.emit_with(caused, EmitOptions::new())
    }

    /// Emits an event that the request causes, with options.
    pub fn emit_with<E: Event>(&self, caused: &E, options: EmitOptions) -> Emitted {
        emit_caused(caused, options, self.0.unchecked_ref())
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("name", &self.name())
            .field("caller", &self.caller())
            .finish_non_exhaustive()
    }
}

/// A responder. It ends when this is dropped.
#[must_use = "the responder ends when this is dropped; keep it, or call `forget`"]
pub struct Responder {
    subscription: js::Subscription,
    // JavaScript calls it until the responder has ended.
    _run: Box<dyn std::any::Any>,
}

impl Responder {
    pub(crate) fn new(subscription: js::Subscription, run: Box<dyn std::any::Any>) -> Self {
        Self {
            subscription,
            _run: run,
        }
    }

    /// Resolves once the host has accepted it.
    ///
    /// # Errors
    ///
    /// Those of `respond` in TypeScript.
    pub async fn accepted(&self) -> Result<()> {
        accepted(&self.subscription).await
    }

    /// Keeps it for as long as the page lives.
    pub fn forget(self) {
        std::mem::forget(self);
    }

    /// Ends it, as dropping it does.
    pub fn stop(self) {}
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.subscription.stop();
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").finish_non_exhaustive()
    }
}
