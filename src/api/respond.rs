//! Responders of the host.

use std::future::Future;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::json::{read_as, to_json};
use crate::engine::causes::run_long;
use crate::engine::diagnostics::Record;
use crate::engine::observe::Handling;
use crate::engine::responders::{
    Cancellation, Handler, IncomingRequest, Responders, ResponseFuture,
};
use crate::hub::command_log::JsonResult;
use crate::hub::requests::ResponderKind;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Failure, Result};
use crate::model::name::EventName;
use crate::model::traceparent::Traceparent;

/// What a responder of the host returns: the response, or an error of any type, whose text the caller gets. `?` converts
/// every error, and also a text.
pub type ResponderResult<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl EventBus {
    /// Responds to requests of this name to the host, from pages (`request(HOST, …)`) or from the host itself.
    ///
    /// The bus awaits what the closure returns. It runs up to `requestsPerPage` futures at the same time, and drops a
    /// future whose caller waits no longer. An error reaches the caller as [`ErrorCode::ResponderFailed`] with its text, and
    /// so does a panic. The request is the cause of what the future emits and requests.
    ///
    /// A closure that uses captured values clones them for each future, which moves them in (`async move`).
    /// [`EventBus::respond_with`] also passes the caller.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::DuplicateResponder`]: the host has a responder for the name; the message says where it was registered
    /// - [`ErrorCode::InvalidEventName`]: invalid name, or one that a strict catalog does not have
    /// - [`ErrorCode::ReservedEventName`]
    ///
    /// ```
    /// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use std::sync::Arc;
    ///
    /// bus.respond("sum", async |numbers: Vec<i64>| Ok(numbers.iter().sum::<i64>()))?.forget();
    ///
    /// let notes: Arc<[&str]> = Arc::from(["milk", "bread"]);
    /// bus.respond("note", move |index: usize| {
    ///     let notes = Arc::clone(&notes);
    ///     async move { Ok(notes.get(index).copied().ok_or("there is no such note")?) }
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn respond<Q, T, F>(
        &self,
        name: &str,
        respond: impl Fn(Q) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned,
        T: Serialize,
        F: Future<Output = ResponderResult<T>> + Send + 'static,
    {
        self.respond_with(name, move |request, _| respond(request))
    }

    /// Responds as [`EventBus::respond`] does, with a closure that also gets the [`RequestContext`], which has the caller.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`].
    ///
    /// ```
    /// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::Endpoint;
    ///
    /// bus.respond_with("who-am-i", async |(), context| match context.caller() {
    ///     Endpoint::Webview(label) => Ok(label.to_string()),
    ///     _ => Err("only pages may send this".into()),
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn respond_with<Q, T, F>(
        &self,
        name: &str,
        respond: impl Fn(Q, RequestContext) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned,
        T: Serialize,
        F: Future<Output = ResponderResult<T>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |incoming| {
            let name = incoming.name.clone();
            let response =
                read_request(incoming).map(|(request, context)| respond(request, context));
            Box::pin(async move { write_response(&name, response?.await) }) as ResponseFuture
        });
        self.add_responder(name, ResponderKind::Single, Location::caller(), handler)
    }

    /// Responds as [`EventBus::respond_with`] does, with a closure that may block: it runs on a thread for blocking work.
    /// [`RequestContext::is_cancelled`] says whether the caller still waits.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`]. A caller gets [`ErrorCode::QueueFull`] if as many calls as `requestsPerPage` are
    /// running, including those whose requests have ended.
    ///
    /// ```
    /// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// bus.respond_blocking("read", |file: String, _| Ok(std::fs::read_to_string(file)?))?.forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn respond_blocking<Q, T>(
        &self,
        name: &str,
        respond: impl Fn(Q, RequestContext) -> ResponderResult<T> + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned + Send + 'static,
        T: Serialize,
    {
        let respond = Arc::new(respond);
        let limit = self.runtime().core.limits().requests_per_page;
        let handler = self.blocking_handler((limit, "requestsPerPage"), move |incoming| {
            let (name, respond) = (incoming.name.clone(), Arc::clone(&respond));
            let (request, context) = read_request::<Q>(incoming)?;
            Ok(move || write_response(&name, respond(request, context)))
        });
        self.add_responder(name, ResponderKind::Single, Location::caller(), handler)
    }

    /// A handler whose calls run on threads for blocking work, at most so many at a time. The limit has its key.
    pub(super) fn blocking_handler<C: FnOnce() -> JsonResult + Send + 'static>(
        &self,
        limit: (usize, &'static str),
        prepare: impl Fn(IncomingRequest) -> Result<C> + Send + Sync + 'static,
    ) -> Handler {
        let prepare = Arc::new(prepare);
        let running = Arc::<AtomicUsize>::default();
        let tasks = self.runtime().core.tasks().clone();
        let diagnostics = Arc::clone(self.runtime().core.diagnostics());
        let traces = Arc::clone(self.runtime().core.traces());
        Arc::new(move |incoming| {
            let (prepare, tasks) = (Arc::clone(&prepare), tasks.clone());
            let diagnostics = Arc::clone(&diagnostics);
            let (name, origin) = (incoming.name.clone(), incoming.origin.clone());
            let (handling, traces) = (Handling::of_request(&incoming), Arc::clone(&traces));
            let cancelled = Arc::clone(&incoming.cancelled);
            let permit = ResponderPermit::take(&running, limit, &name);
            Box::pin(async move {
                let permit = permit?;
                let respond = prepare(incoming)?;
                let own_name = name.clone();
                let own_origin = origin.clone();
                let call = move || {
                    let _permit = permit;
                    if cancelled.is_set() {
                        return Err(Error::new(
                            ErrorCode::Cancelled,
                            format!(
                                "the request {:?} was cancelled before a thread was free",
                                own_name.as_str()
                            ),
                        ));
                    }
                    let run = || traces.run_in(own_origin.traceparent.as_ref(), respond);
                    run_long(&own_origin, || handling.run(run))
                };
                tasks.spawn_blocking(call).await.unwrap_or_else(|error| {
                    let record = Record::ResponderPanicked;
                    diagnostics.tell(record, name.as_str(), origin.causes, || {
                        format!(": {error}")
                    });
                    let failure = Failure::new("panic", &error.to_string(), None);
                    Err(Error::failed(name.as_str(), "the host", failure))
                })
            }) as ResponseFuture
        })
    }

    pub(super) fn add_responder(
        &self,
        name: &str,
        kind: ResponderKind,
        location: &'static Location<'static>,
        handler: Handler,
    ) -> Result<Responder> {
        let name = EventName::parse_emitted(&self.full_name(name)?)?;
        self.catalog().check_request_name(&name)?;
        let id = self
            .runtime()
            .responders
            .add(&name, kind, location, handler)?;
        Ok(Responder {
            responders: Arc::downgrade(&self.runtime().responders),
            name,
            id,
            is_kept: false,
        })
    }
}

pub(super) fn read_request<Q: DeserializeOwned>(
    incoming: IncomingRequest,
) -> Result<(Q, RequestContext)> {
    let IncomingRequest {
        id: _,
        name,
        payload,
        source,
        component,
        origin,
        cancelled,
    } = incoming;
    let request = read_as(&payload, || format!("the request {:?}", name.as_str()));
    // Without the source: the error is kept until a page has it, and the text of the source has no limit.
    let request = request.map_err(|error| Error::new(error.code(), error.message()))?;
    let context = RequestContext {
        name,
        caller: source,
        component,
        traceparent: origin.traceparent,
        cancelled,
    };
    Ok((request, context))
}

pub(super) fn write_response<T: Serialize>(
    name: &EventName,
    result: ResponderResult<T>,
) -> JsonResult {
    match result {
        Ok(response) => to_json(name.as_str(), &response),
        Err(error) => {
            let failure = Failure::new("Error", &error.to_string(), None);
            Err(Error::failed(name.as_str(), "the host", failure))
        }
    }
}

/// What a responder learns about a request besides its payload.
#[derive(Debug, Clone)]
pub struct RequestContext {
    name: EventName,
    caller: Endpoint,
    component: Option<Arc<str>>,
    traceparent: Option<Traceparent>,
    cancelled: Arc<Cancellation>,
}

impl RequestContext {
    /// The name of the request.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Who sent the request. The host sets it; a page cannot forge it.
    #[must_use]
    pub fn caller(&self) -> &Endpoint {
        &self.caller
    }

    /// The name of the component that sent the request, if one did: see [`Component`](crate::component::Component).
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        self.component.as_deref()
    }

    /// The trace that the request belongs to, as `traceparent` of W3C Trace Context spells it: see
    /// [`Builder::trace_context`](crate::Builder::trace_context).
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_ref().map(Traceparent::as_str)
    }

    /// Whether the caller waits no longer: the request timed out, or the caller cancelled it or is gone.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
    }
}

/// A running call of a blocking responder.
///
/// It counts until the closure returns, even if the request has ended before. Otherwise callers with short timeouts could
/// occupy every thread.
struct ResponderPermit {
    running: Arc<AtomicUsize>,
}

impl ResponderPermit {
    fn take(
        running: &Arc<AtomicUsize>,
        (limit, key): (usize, &str),
        name: &EventName,
    ) -> Result<Self> {
        let others = running.fetch_add(1, Ordering::Relaxed);
        let permit = Self {
            running: Arc::clone(running),
        };
        if others < limit {
            return Ok(permit);
        }
        Err(Error::new(
            ErrorCode::QueueFull,
            format!(
                "{others} calls of the responder of {:?} are running, and the limit is {limit} ({key}); calls whose requests have ended count until they return",
                name.as_str()
            ),
        ))
    }
}

impl Drop for ResponderPermit {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps a responder of the host. It is removed on drop; [`Responder::forget`] keeps it for good. Responses that it has
/// begun are still sent.
///
/// ```
/// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// let responder = bus.respond("version", async |()| Ok("1.0"))?;
/// responder.stop(); // gets no further requests
/// # Ok(())
/// # }
/// ```
#[must_use = "a responder is removed when it is dropped; call .forget() to keep it"]
pub struct Responder {
    responders: Weak<Responders>,
    name: EventName,
    id: u64,
    is_kept: bool,
}

impl Responder {
    /// Keeps the responder until the app exits.
    pub fn forget(mut self) {
        self.is_kept = true;
    }

    /// Removes the responder, as dropping it does. Responses that it has begun are still sent.
    pub fn stop(self) {}
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(responders) = self.responders.upgrade().filter(|_| !self.is_kept) {
            responders.remove(&self.name, self.id);
        }
    }
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Responder")
            .field(&self.name.as_str())
            .finish()
    }
}
