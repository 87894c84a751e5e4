//! Sending requests from the host, and waiting for responses.

use std::future::{Future, IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::json::{read_as, to_json};
use crate::api::target::IntoTarget;
use crate::engine::core::Core;
use crate::engine::parts::PartReader;
use crate::engine::reply::Reply;
use crate::hub::Address;
use crate::hub::command_log::JsonResult;
use crate::hub::ids::RequestId;
use crate::hub::requests::window::Credit;
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Provenance;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::tap::record::TapAction;
use crate::model::target::Target;
use crate::model::traceparent::Traceparent;
use crate::sync::oneshot;

pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn check_timeout(timeout: Duration) -> Result<Duration> {
    if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
        return Ok(timeout);
    }
    Err(Error::new(
        ErrorCode::InvalidArgument,
        format!("the timeout is {timeout:?}; it must be at least 1 ms and at most 24 hours"),
    ))
}

/// A request that is sent when this is awaited; made by [`EventBus::request`].
///
/// Dropping the future cancels the request, and the responder's signal aborts. On the main thread, which the response of a
/// page has to pass, the future fails immediately with [`ErrorCode::WouldBlock`].
#[must_use = "a request is sent when it is awaited"]
pub struct RequestBuilder<T> {
    bus: EventBus,
    to: Target,
    name: String,
    payload: Result<Json>,
    timeout: Duration,
    traceparent: Option<String>,
    response: PhantomData<fn() -> T>,
}

/// A request to several pages that is sent when this is awaited; made by [`EventBus::request_all`].
///
/// Dropping the future cancels the requests. On the main thread it fails, as that of a [`RequestBuilder`] does.
#[must_use = "requests are sent when this is awaited"]
#[derive(Debug)]
pub struct RequestAllBuilder<T>(RequestBuilder<T>);

/// The responses of several pages and nodes: the label of each page or the name of each node, and its response or the reason
/// why there is none.
pub type Responses<T> = Vec<(String, Result<T>)>;

impl EventBus {
    /// Sends a request to the page in one webview, to the host itself ([`Target::host`]), or to the host of another node
    /// ([`Target::node`]), and awaits the response.
    ///
    /// A request to a page is delivered in the order of the events, after the events that were emitted before it, and
    /// never reaches a listener. If the page is still starting, the request waits up to three seconds for a responder.
    ///
    /// # Errors
    ///
    /// By awaiting it:
    ///
    /// - [`ErrorCode::NoResponder`]: the page, or the host, has no responder for the name
    /// - [`ErrorCode::PageGone`]: the page was closed, left or reloaded before it responded
    /// - [`ErrorCode::Timeout`]: no response within the timeout, 30 seconds by default
    /// - [`ErrorCode::ResponderFailed`]: the responder threw, failed or panicked
    /// - [`ErrorCode::InvalidPayload`]: the response does not match `T`; the message has the path
    /// - [`ErrorCode::PayloadTooLarge`]: the request or the response is longer than `payloadBytes`
    /// - [`ErrorCode::UnknownTarget`]: there is no such webview
    /// - [`ErrorCode::InvalidArgument`]: the target may be several webviews, or the timeout is out of range
    /// - [`ErrorCode::QueueFull`]: as many requests as `requestsPerPage` wait for responses of the page
    /// - [`ErrorCode::EventLoop`]: the request has more causes than `hops`
    /// - [`ErrorCode::WouldBlock`]: awaited on the main thread
    /// - [`ErrorCode::InvalidEventName`], [`ErrorCode::ReservedEventName`]
    /// - [`ErrorCode::Unavailable`]: the app is exiting
    ///
    /// ```
    /// use std::time::Duration;
    /// use serde_json::json;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn may_delete(bus: EventBus, file: &str) -> Result<bool> {
    ///     let confirm = json!({ "title": "Delete it?", "file": file });
    ///     bus.request("main", "confirm", &confirm).timeout(Duration::from_secs(60)).await
    /// }
    /// # let _ = may_delete;
    /// ```
    pub fn request<T: DeserializeOwned + Send + 'static>(
        &self,
        to: impl IntoTarget,
        name: &str,
        payload: impl Serialize,
    ) -> RequestBuilder<T> {
        let json = to_json(name, &payload);
        RequestBuilder::new(self, to.into_target(), name, json)
    }

    /// Sends a request to every page that a target selects, and to each node that it names, and gathers the responses and failures in the order of the
    /// labels. It takes as long as the slowest page, at most the timeout.
    ///
    /// # Errors
    ///
    /// By awaiting it, those of [`EventBus::request`] that concern all pages: the name, the payload, the timeout, the
    /// target, the main thread. Errors of one page are in the result, with its label.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn unsaved(bus: EventBus) -> Result<Vec<String>> {
    ///     let request = bus.request_all::<bool>("editor-*", "has-changes", ());
    ///     let responses = request.timeout(Duration::from_secs(2)).await?;
    ///     let unsaved = responses.into_iter().filter(|(_, response)| *response == Ok(true));
    ///     Ok(unsaved.map(|(label, _)| label).collect())
    /// }
    /// # let _ = unsaved;
    /// ```
    pub fn request_all<T: DeserializeOwned + Send + 'static>(
        &self,
        to: impl IntoTarget,
        name: &str,
        payload: impl Serialize,
    ) -> RequestAllBuilder<T> {
        RequestAllBuilder::new(self.request(to, name, payload))
    }
}

impl<T: DeserializeOwned + Send + 'static> RequestBuilder<T> {
    pub(crate) fn new(bus: &EventBus, to: Target, name: &str, payload: Result<Json>) -> Self {
        Self {
            // The future may be polled on any thread, so the causes are taken now.
            bus: bus.with_current_causes(),
            to,
            name: bus.join_prefix(name).into_owned(),
            payload,
            timeout: DEFAULT_TIMEOUT,
            traceparent: None,
            response: PhantomData,
        }
    }

    /// Sets how long to wait for the response: 1 ms to 24 hours, 30 seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the trace that the request belongs to, as [`EmitOptions::traceparent`](crate::EmitOptions::traceparent) does.
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }

    fn prepare(&self) -> Result<(EventName, Json, Duration)> {
        self.bus.check_prefix()?;
        let name = EventName::parse_emitted(&self.name)?;
        self.bus.catalog().check_request_name(&name)?;
        let payload = self.payload.clone()?;
        self.bus.runtime().core.check_payload(&name, &payload)?;
        Ok((name, payload, check_timeout(self.timeout)?))
    }

    /// The recipient, and what [`RequestBuilder::prepare`] returns.
    fn prepare_for_one(&self) -> Result<(Recipient, EventName, Json, Duration)> {
        let prepare = || {
            let (name, payload, timeout) = self.prepare()?;
            let core = &self.bus.runtime().core;
            let mut selection = Address::of(self.to.clone())?.selection;
            core.resolve_nodes(&name, &mut selection)?;
            let to = core.find_recipient(&selection)?;
            Ok((to, name, payload, timeout))
        };
        self.noted(prepare())
    }

    /// Notes a refusal, and hands it on.
    pub(super) fn noted<R>(&self, result: Result<R>) -> Result<R> {
        self.bus
            .note_refused(TapAction::Request, &self.name, result)
    }

    /// What it follows from.
    fn provenance(&self) -> Result<Option<Arc<Provenance>>> {
        let own = Traceparent::read(self.traceparent.as_deref())?;
        self.bus.provenance(own)
    }

    async fn send(self) -> Result<T> {
        let (to, name, payload, timeout) = self.prepare_for_one()?;
        let origin = (&self.bus, self.noted(self.provenance())?);
        let pending = PendingResponse::start(origin, &name, payload, to, timeout)?;
        pending.receive(&name).await
    }

    /// Requests a stream in place of one response.
    pub(super) async fn send_stream(
        self,
        timeout: Option<Duration>,
        credit: Credit,
    ) -> Result<(EventName, PartReader)> {
        let (to, name, payload, _) = self.prepare_for_one()?;
        let timeout = self.noted(timeout.map(check_timeout).transpose())?;
        let id = RequestId::random()?;
        let origin = (&self.bus, self.noted(self.provenance())?);
        let mut request = new_request(origin, id, &name, payload, to, timeout);
        request.message.stream = Some(credit);
        let reader = self.bus.runtime().responders.request_stream(request)?;
        Ok((name, reader))
    }

    /// The bus that it is sent from, its name and its target.
    pub(super) fn destination(&self) -> (&EventBus, &str, &Target) {
        (&self.bus, &self.name, &self.to)
    }

    /// The pages and nodes that it is for.
    fn find_all(&self, name: &EventName) -> Result<Vec<Recipient>> {
        let core = &self.bus.runtime().core;
        let mut selection = Address::of(self.to.clone())?.selection;
        core.resolve_nodes(name, &mut selection)?;
        if selection.host {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the target of {:?} includes the host; request_all sends requests to pages only, so use request for the host",
                    name.as_str()
                ),
            ));
        }
        core.resolve_unannounced(&selection);
        let hub = core.hub();
        hub.check_targets(&selection)?;
        let pages = hub.find_pages(&selection).into_iter().map(Recipient::Page);
        let nodes = selection.nodes.into_iter().map(Recipient::Node);
        Ok(pages.chain(nodes).collect())
    }

    async fn send_all(self) -> Result<Responses<T>> {
        let (name, payload, timeout) = self.noted(self.prepare())?;
        let recipients = self.noted(self.find_all(&name))?;
        // All requests share one text.
        let payload = payload.shared();
        let provenance = self.noted(self.provenance())?;
        let sent: Vec<(String, Result<PendingResponse>)> = recipients
            .into_iter()
            .map(|to| {
                let label = match &to {
                    Recipient::Page(name) | Recipient::Node(name) => Arc::clone(name),
                    Recipient::Host => "".into(),
                };
                let payload = payload.clone();
                let origin = (&self.bus, provenance.clone());
                let pending = PendingResponse::start(origin, &name, payload, to, timeout);
                (label.to_string(), pending)
            })
            .collect();
        // All requests are sent by now, so the pages work on them at the same time.
        let mut responses = Vec::with_capacity(sent.len());
        for (label, pending) in sent {
            let response = match pending {
                Ok(pending) => pending.receive(&name).await,
                Err(error) => Err(error),
            };
            responses.push((label, response));
        }
        Ok(responses)
    }
}

impl<T: DeserializeOwned + Send + 'static> RequestAllBuilder<T> {
    pub(crate) fn new(each: RequestBuilder<T>) -> Self {
        Self(each)
    }

    /// Sets how long to wait for each response: 1 ms to 24 hours, 30 seconds by default.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    /// Sets the trace that the requests belong to, as [`RequestBuilder::traceparent`] does.
    pub fn traceparent(self, traceparent: impl Into<String>) -> Self {
        Self(self.0.traceparent(traceparent))
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for RequestBuilder<T> {
    type Output = Result<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let (bus, name) = (self.bus.clone(), self.name.clone());
        if self.to == Target::host() {
            return Box::pin(self.send());
        }
        Box::pin(async move { off_the_main_thread(&bus, &name, self.send()).await })
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for RequestAllBuilder<T> {
    type Output = Result<Responses<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let (bus, name) = (self.0.bus.clone(), self.0.name.clone());
        Box::pin(async move { off_the_main_thread(&bus, &name, self.0.send_all()).await })
    }
}

impl<T> std::fmt::Debug for RequestBuilder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("name", &self.name)
            .field("to", &self.to)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Fails if the future is polled on the main thread: it waits for something that has to pass that thread.
pub(super) async fn off_the_main_thread<T>(
    bus: &EventBus,
    name: &str,
    response: impl Future<Output = Result<T>>,
) -> Result<T> {
    let what = || {
        format!(
            "the request {name:?} was awaited on the main thread, which the response of a page has to pass"
        )
    };
    refuse_on_the_main_thread(bus, what, response).await
}

/// Fails with this text if the future is polled on the main thread.
pub(super) async fn refuse_on_the_main_thread<T>(
    bus: &EventBus,
    what: impl Fn() -> String,
    response: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut response = std::pin::pin!(response);
    poll_fn(|context| {
        if bus.runtime().core.is_on_main_thread() {
            return Poll::Ready(Err(Error::new(
                ErrorCode::WouldBlock,
                format!("{}; await it in an async command or a task", what()),
            )));
        }
        response.as_mut().poll(context)
    })
    .await
}

fn new_request(
    (bus, provenance): (&EventBus, Option<Arc<Provenance>>),
    id: RequestId,
    name: &EventName,
    payload: Json,
    to: Recipient,
    timeout: Option<Duration>,
) -> NewRequest {
    NewRequest {
        message: RequestMessage {
            id,
            name: name.clone(),
            payload,
            source: bus.source().clone(),
            provenance,
            stream: None,
            is_channel: false,
        },
        caller: Caller::Host,
        to,
        timeout,
    }
}

/// The response to a request on its way. Dropping it before the response arrives cancels the request.
pub(super) struct PendingResponse {
    core: Arc<Core>,
    id: RequestId,
    response: oneshot::Receiver<JsonResult>,
    has_ended: bool,
}

impl PendingResponse {
    pub(super) fn start(
        (bus, provenance): (&EventBus, Option<Arc<Provenance>>),
        name: &EventName,
        payload: Json,
        to: Recipient,
        timeout: Duration,
    ) -> Result<Self> {
        let id = RequestId::random()?;
        let request = new_request((bus, provenance), id, name, payload, to, Some(timeout));
        let (sender, response) = oneshot::channel();
        let reply = Reply::new(move |result| {
            // The caller may have dropped the future.
            let _ = result.map(|response| sender.send(response));
        });
        bus.runtime().responders.request(request, reply);
        Ok(Self {
            core: Arc::clone(&bus.runtime().core),
            id,
            response,
            has_ended: false,
        })
    }

    async fn receive<T: DeserializeOwned>(self, name: &EventName) -> Result<T> {
        let json = self.receive_json().await?;
        read_as(&json, || format!("the response to {:?}", name.as_str()))
    }

    pub(super) async fn receive_json(mut self) -> JsonResult {
        let received =
            poll_fn(|context: &mut Context<'_>| Pin::new(&mut self.response).poll(context)).await;
        self.has_ended = true;
        received.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorCode::Unavailable,
                "the event bus is unavailable: the app is exiting",
            ))
        })
    }
}

impl Drop for PendingResponse {
    fn drop(&mut self) {
        if !self.has_ended {
            let effects = self.core.hub().cancel(self.id);
            self.core.apply_effects(effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::catalog::Catalog;
    use crate::engine::core::Platform;
    use crate::limits::Limits;
    use crate::model::policies::Policies;
    use crate::periodic::source::Sources;
    use crate::runtime::BusRuntime;
    use crate::sync::{Tasks, yield_thread};

    struct NoWebviews;

    impl Platform for NoWebviews {
        fn window_of(&self, _: &str) -> Option<String> {
            None
        }

        fn is_closed(&self, _: &str) -> bool {
            false
        }
    }

    /// A quarter of the requests gets a response, a quarter fails, a quarter is cancelled, and a quarter has no responder.
    #[test]
    fn a_hundred_thousand_requests_leave_nothing() {
        const ROUNDS: usize = 100_000 / 64;
        let tasks = Tasks::for_tests();
        let runtime = BusRuntime::new(
            Limits::default(),
            Policies::default(),
            Sources::default(),
            Box::new(NoWebviews),
            tasks.clone(),
        );
        let bus = EventBus::new(Arc::clone(&runtime), Catalog::default());
        let held = Arc::new(());
        let captured = Arc::clone(&held);
        let respond = move |number: usize| {
            let held = Arc::clone(&captured);
            async move {
                match number % 4 {
                    0 => Ok(number),
                    1 => Err("no".into()),
                    _ => std::future::pending().await,
                }
                .inspect(|_| drop(held))
            }
        };
        let responder = bus.respond("number", respond).unwrap();
        let mut codes = HashMap::new();
        Tasks::block_on_for_tests(async {
            for _ in 0..ROUNDS {
                let mut waiting = Vec::new();
                for number in 0..64 {
                    let name = if number % 4 == 3 { "unknown" } else { "number" };
                    let request = bus.request::<usize>(Target::host(), name, number);
                    let mut request = request.into_future();
                    // Sent once it is polled.
                    let polled =
                        poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
                    match polled {
                        Poll::Pending if number % 4 == 2 => drop(request),
                        Poll::Pending => waiting.push(tokio::spawn(request)),
                        Poll::Ready(response) => waiting.push(tokio::spawn(async { response })),
                    }
                }
                for response in waiting {
                    let response = response.await.unwrap().map_err(|error| error.code());
                    *codes.entry(response.err()).or_insert(0) += 1;
                }
            }
        });
        for ended in [
            None,
            Some(ErrorCode::ResponderFailed),
            Some(ErrorCode::NoResponder),
        ] {
            assert_eq!(codes[&ended], ROUNDS * 16, "{codes:?}");
        }
        assert_eq!(runtime.responders.counts(), (1, 0));
        assert_eq!(runtime.core.hub().open_requests(), 0);
        // The tasks of cancelled requests end by themselves, and drop what they hold.
        while Arc::strong_count(&held) > 2 {
            yield_thread();
        }
        responder.stop();
        // The last of these tasks may still hold the responder.
        while Arc::strong_count(&held) > 1 {
            yield_thread();
        }
        assert_eq!(runtime.responders.counts(), (0, 0));
    }
}
