//! PendingResponse a page, or Rust, and getting its answer.

use std::future::{Future, IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::{EventBus, to_json};
use crate::engine::causes::run_caused_by;
use crate::engine::core::Core;
use crate::engine::reply::Reply;
use crate::hub::Address;
use crate::hub::command_log::JsonResult;
use crate::hub::ids::RequestId;
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Failure, Result, escaped};
use crate::model::event::Provenance;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::target::Target;
use crate::sync::oneshot;

use crate::engine::responders::{
    Cancellation, Handler, IncomingRequest, Responders, ResponseFuture,
};

/// How long an answer is waited for, unless the caller says otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Refuses a time that nobody can mean.
pub(crate) fn check_timeout(timeout: Duration) -> Result<Duration> {
    if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
        return Ok(timeout);
    }
    Err(Error::new(
        ErrorCode::InvalidArgument,
        format!("the timeout is {timeout:?}; it is at least 1 ms and at most 24 hours"),
    ))
}

/// A question that is incoming when this is awaited; got from [`EventBus::request`].
///
/// Dropping the future gives the question up: the responder's signal aborts. Awaited on the main thread, where the
/// answer of a page could never arrive, it fails at once with [`ErrorCode::WouldBlock`].
#[must_use = "nobody is incoming until it is awaited"]
pub struct RequestBuilder<T> {
    bus: EventBus,
    target: Target,
    name: String,
    payload: Result<String>,
    timeout: Duration,
    answer: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + Send + 'static> RequestBuilder<T> {
    pub(crate) fn new(bus: EventBus, target: Target, name: &str, payload: Result<String>) -> Self {
        Self {
            // It may be awaited anywhere, so what causes it is noted here.
            bus: bus.with_causes_of_now(),
            target,
            name: name.to_owned(),
            payload,
            timeout: DEFAULT_TIMEOUT,
            answer: PhantomData,
        }
    }

    /// How long to wait for the answer: 30 seconds, unless this says otherwise. At least 1 ms and at most 24 hours.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn prepare(&self) -> Result<(EventName, String, Duration)> {
        let name = EventName::parse_emitted(&self.name)?;
        self.bus.catalog().check_request_name(&name)?;
        let payload = self.payload.clone()?;
        self.bus.runtime().core.check_payload(&name, &payload)?;
        Ok((name, payload, check_timeout(self.timeout)?))
    }

    async fn ask(self) -> Result<T> {
        let (name, payload, timeout) = self.prepare()?;
        let selection = Address::of(self.target.clone())?.selection;
        let core = &self.bus.runtime().core;
        let to = core.find_recipient(&selection)?;
        let asking = PendingResponse::start(&self.bus, &name, payload.into(), to, timeout)?;
        asking.answer(&name).await
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for RequestBuilder<T> {
    type Output = Result<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let (bus, name) = (self.bus.clone(), self.name.clone());
        if self.target == Target::host() {
            return Box::pin(self.ask());
        }
        Box::pin(async move { off_the_main_thread(&bus, &name, self.ask()).await })
    }
}

impl<T> std::fmt::Debug for RequestBuilder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("name", &self.name)
            .field("target", &self.target)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A question to several pages that is incoming when this is awaited; got from [`EventBus::request_all`].
///
/// Dropping the future gives the question up, and awaited on the main thread it fails, as that of [`RequestBuilder`].
#[must_use = "nobody is incoming until it is awaited"]
#[derive(Debug)]
pub struct RequestAllBuilder<T>(RequestBuilder<T>);

impl<T: DeserializeOwned + Send + 'static> RequestAllBuilder<T> {
    pub(crate) fn new(each: RequestBuilder<T>) -> Self {
        Self(each)
    }

    /// How long to wait for each of the answers: 30 seconds, unless this says otherwise. At least 1 ms and at most 24 hours.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }
}

impl<T: DeserializeOwned + Send + 'static> IntoFuture for RequestAllBuilder<T> {
    type Output = Result<Responses<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let (bus, name) = (self.0.bus.clone(), self.0.name.clone());
        Box::pin(async move { off_the_main_thread(&bus, &name, self.0.ask_all()).await })
    }
}

/// Fails where a future is polled on the main thread that waits for something to come through that thread.
async fn off_the_main_thread<T>(
    bus: &EventBus,
    name: &str,
    asking: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut asking = std::pin::pin!(asking);
    poll_fn(|context| {
        if bus.runtime().core.is_on_main_thread() {
            return Poll::Ready(Err(Error::new(
                ErrorCode::WouldBlock,
                format!(
                    "{name:?} was awaited on the main thread, and a page's answer comes through that thread; await it in an async command or a task"
                ),
            )));
        }
        asking.as_mut().poll(context)
    })
    .await
}

/// A question on its way. Dropped before its answer is there, it is given up.
struct PendingResponse {
    core: Arc<Core>,
    id: RequestId,
    answer: oneshot::Receiver<JsonResult>,
    is_answered: bool,
}

impl PendingResponse {
    fn start(
        bus: &EventBus,
        name: &EventName,
        payload: Json,
        to: Recipient,
        timeout: Duration,
    ) -> Result<Self> {
        let id = RequestId::random()?;
        let request = NewRequest {
            message: RequestMessage {
                id,
                name: name.clone(),
                payload,
                source: bus.source().clone(),
                provenance: Provenance::of(None, bus.causes()),
            },
            caller: Caller::Host,
            to,
            timeout,
        };
        let (sender, answer) = oneshot::channel();
        let reply = Reply::new(move |answer| {
            // Whoever incoming may have given it up.
            let _ = answer.map(|answer| sender.send(answer));
        });
        bus.runtime().responders.request(request, reply);
        Ok(Self {
            core: Arc::clone(&bus.runtime().core),
            id,
            answer,
            is_answered: false,
        })
    }

    async fn answer<T: DeserializeOwned>(mut self, name: &EventName) -> Result<T> {
        let answer = poll_fn(|context: &mut Context<'_>| Pin::new(&mut self.answer).poll(context));
        let answer = answer.await;
        self.is_answered = true;
        let json = answer.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorCode::Unavailable,
                "the event bus is not there any more",
            ))
        })?;
        read_as(&json, || format!("the answer to {:?}", name.as_str()))
    }
}

impl Drop for PendingResponse {
    fn drop(&mut self) {
        if !self.is_answered {
            let effects = self.core.hub().cancel(self.id);
            self.core.apply_effects(effects);
        }
    }
}

fn read_as<T: DeserializeOwned>(json: &str, what: impl FnOnce() -> String) -> Result<T> {
    read_json(json).map_err(|problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!(
                "{} is no {}: {}",
                what(),
                std::any::type_name::<T>(),
                escaped(&problem)
            ),
        )
    })
}

#[cfg(feature = "typed")]
fn read_json<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    crate::api::typed::read(json)
}

#[cfg(not(feature = "typed"))]
fn read_json<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// Responses of several pages: the label of each, and what it answered or why it did not.
pub type Responses<T> = Vec<(String, Result<T>)>;

/// What a responder in Rust gives: the answer, or an error of any type, whose text the caller is told. `?` makes one of every
/// error, and of a text, too.
pub type ResponderResult<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl EventBus {
    /// Asks the page in one webview, or Rust itself ([`Target::host`]), and awaits the answer.
    ///
    /// The question travels as an event does, behind the events that were emitted before it, and never reaches a
    /// listener. A page that is still starting is waited for, for three seconds, until it answers questions of that name.
    ///
    /// # Errors
    ///
    /// By awaiting it: [`ErrorCode::NoResponder`], [`ErrorCode::PageGone`] where the page is closed, left or reloaded
    /// before it answers, [`ErrorCode::Timeout`], [`ErrorCode::ResponderFailed`], [`ErrorCode::InvalidPayload`] with the
    /// path where the answer has another shape, [`ErrorCode::PayloadTooLarge`], [`ErrorCode::UnknownTarget`],
    /// [`ErrorCode::QueueFull`] where the page has too much to answer, [`ErrorCode::WouldBlock`] on the main thread,
    /// [`ErrorCode::EventLoop`] where questions cause each other without end,
    /// [`ErrorCode::InvalidArgument`] for a target that may be several, [`ErrorCode::Unavailable`] while the app exits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use serde_json::json;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn may_delete(bus: EventBus, file: &str) -> Result<bool> {
    ///     let question = json!({ "title": "Delete it?", "file": file });
    ///     bus.request("main", "confirm", &question).timeout(Duration::from_secs(60)).await
    /// }
    /// # let _ = may_delete;
    /// ```
    pub fn request<T: DeserializeOwned + Send + 'static>(
        &self,
        target: impl Into<Target>,
        name: &str,
        question: impl Serialize,
    ) -> RequestBuilder<T> {
        RequestBuilder::new(self.clone(), target.into(), name, to_json(name, &question))
    }

    /// Asks every page that a target selects, and gathers who answered what and who failed, in the order of the labels.
    /// It takes as long as the slowest of them, at most the time of the question.
    ///
    /// # Errors
    ///
    /// By awaiting it, those of [`EventBus::request`] that concern all: the name, the payload, the target, the main thread.
    /// What concerns one page stands beside its label.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn unsaved(bus: EventBus) -> Result<Vec<String>> {
    ///     let incoming = bus.request_all::<bool>("editor-*", "has-changes", ());
    ///     let answers = incoming.timeout(Duration::from_secs(2)).await?;
    ///     let unsaved = answers.into_iter().filter(|(_, answer)| *answer == Ok(true));
    ///     Ok(unsaved.map(|(label, _)| label).collect())
    /// }
    /// # let _ = unsaved;
    /// ```
    pub fn request_all<T: DeserializeOwned + Send + 'static>(
        &self,
        target: impl Into<Target>,
        name: &str,
        question: impl Serialize,
    ) -> RequestAllBuilder<T> {
        RequestAllBuilder::new(self.request(target, name, question))
    }

    /// Responses questions of this name that are incoming of Rust, by pages (`request('host', …)`) or by Rust itself.
    ///
    /// What the closure returns is awaited, and the answers to several questions are worked out at the same time, as many
    /// as `requestsPerPage`. Where nobody waits any more, the future is dropped. An error reaches the caller as
    /// [`ErrorCode::ResponderFailed`] with its text, and so does a panic. What the future emits and asks follows from the
    /// question, as what a listener emits follows from its event.
    ///
    /// A closure that uses what it has captured clones it for each future, which takes it along (`async move`).
    /// [`EventBus::respond_with`] also says who asks.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::DuplicateResponder`] where the name has a responder in Rust; the message says where it was
    /// registered. [`ErrorCode::InvalidEventName`], [`ErrorCode::ReservedEventName`].
    ///
    /// ```
    /// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use std::sync::Arc;
    ///
    /// bus.respond("sum", async |numbers: Vec<i64>| Ok(numbers.iter().sum::<i64>()))?.forget();
    ///
    /// let notes: Arc<[&str]> = Arc::from(["milk", "bread"]);
    /// bus.respond("note", move |permit: usize| {
    ///     let notes = Arc::clone(&notes);
    ///     async move { Ok(notes.get(permit).copied().ok_or("there is no such note")?) }
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn respond<Q, T, F>(
        &self,
        name: &str,
        answer: impl Fn(Q) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned,
        T: Serialize,
        F: Future<Output = ResponderResult<T>> + Send + 'static,
    {
        self.respond_with(name, move |question, _| answer(question))
    }

    /// Responses as [`EventBus::respond`] does, by a closure that also gets the [`RequestContext`]: who asks, for one.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`].
    ///
    /// ```
    /// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::Endpoint;
    ///
    /// bus.respond_with("who-am-i", async |(), context| match context.source() {
    ///     Endpoint::Webview(label) => Ok(label.to_string()),
    ///     _ => Err("only pages ask this".into()),
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn respond_with<Q, T, F>(
        &self,
        name: &str,
        answer: impl Fn(Q, RequestContext) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned,
        T: Serialize,
        F: Future<Output = ResponderResult<T>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |incoming| {
            let name = incoming.name.clone();
            let response = open(incoming).map(|(question, context)| answer(question, context));
            Box::pin(async move { write(&name, response?.await) }) as ResponseFuture
        });
        self.add_responder(name, Location::caller(), handler)
    }

    /// Responses as [`EventBus::respond_with`] does, by a closure that may block: it runs on a thread for that.
    /// [`RequestContext::is_cancelled`] says whether anybody still waits.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`].
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
        answer: impl Fn(Q, RequestContext) -> ResponderResult<T> + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned + Send + 'static,
        T: Serialize,
    {
        let answer = Arc::new(answer);
        let busy = Arc::<AtomicUsize>::default();
        let most = self.runtime().core.limits().requests_per_page;
        let tasks = self.runtime().core.tasks().clone();
        let handler: Handler = Arc::new(move |incoming| {
            let (answer, tasks) = (Arc::clone(&answer), tasks.clone());
            let (name, as_cause) = (incoming.name.clone(), Arc::clone(&incoming.as_cause));
            let cancelled = Arc::clone(&incoming.cancelled);
            let permit = BusyPermit::take(&busy, most, &name);
            Box::pin(async move {
                let permit = permit?;
                let (question, context) = open::<Q>(incoming)?;
                let event = name.clone();
                let response = move || {
                    let _place = permit;
                    if cancelled.is_set() {
                        // It was still waiting for a thread.
                        return Err(Error::new(
                            ErrorCode::Cancelled,
                            format!("{:?} was given up before a thread was free", event.as_str()),
                        ));
                    }
                    run_caused_by(&as_cause, || write(&event, answer(question, context)))
                };
                tasks
                    .spawn_blocking(response)
                    .await
                    .unwrap_or_else(|error| {
                        log::error!("the responder of {:?} panicked: {error}", name.as_str());
                        let failure = Failure::new("panic", &error.to_string(), None);
                        Err(Error::failed(name.as_str(), "Rust", failure))
                    })
            }) as ResponseFuture
        });
        self.add_responder(name, Location::caller(), handler)
    }

    fn add_responder(
        &self,
        name: &str,
        permit: &'static Location<'static>,
        handler: Handler,
    ) -> Result<Responder> {
        let name = EventName::parse_emitted(name)?;
        self.catalog().check_request_name(&name)?;
        let id = self.runtime().responders.add(&name, permit, handler)?;
        Ok(Responder {
            responders: Arc::downgrade(&self.runtime().responders),
            name,
            id,
            is_kept: false,
        })
    }
}

impl<T: DeserializeOwned + Send + 'static> RequestBuilder<T> {
    async fn ask_all(self) -> Result<Responses<T>> {
        let (name, payload, timeout) = self.prepare()?;
        let selection = Address::of(self.target.clone())?.selection;
        if selection.host {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "request_all asks pages; ask Rust with request",
            ));
        }
        let core = &self.bus.runtime().core;
        core.resolve_unannounced(&selection);
        let labels = {
            let hub = core.hub();
            hub.check_targets(&selection)?;
            hub.find_pages(&selection)
        };
        // All share one text.
        let payload: Arc<str> = payload.into();
        let incoming: Vec<(String, Result<PendingResponse>)> = labels
            .into_iter()
            .map(|label| {
                let to = Recipient::Page(Arc::clone(&label));
                let payload = Arc::clone(&payload).into();
                let asking = PendingResponse::start(&self.bus, &name, payload, to, timeout);
                (label.to_string(), asking)
            })
            .collect();
        // All have been incoming, so the one waits while the others answer.
        let mut answers = Vec::with_capacity(incoming.len());
        for (label, asking) in incoming {
            let answer = match asking {
                Ok(asking) => asking.answer(&name).await,
                Err(error) => Err(error),
            };
            answers.push((label, answer));
        }
        Ok(answers)
    }
}

/// Reads a question.
fn open<Q: DeserializeOwned>(incoming: IncomingRequest) -> Result<(Q, RequestContext)> {
    let IncomingRequest {
        name,
        payload,
        source,
        as_cause: _,
        cancelled,
    } = incoming;
    let question = read_as(&payload, || format!("the question {:?}", name.as_str()))?;
    Ok((
        question,
        RequestContext {
            name,
            source,
            cancelled,
        },
    ))
}

/// Writes an answer.
fn write<T: Serialize>(name: &EventName, answer: ResponderResult<T>) -> JsonResult {
    match answer {
        Ok(answer) => to_json(name.as_str(), &answer),
        Err(error) => {
            let failure = Failure::new("Error", &error.to_string(), None);
            Err(Error::failed(name.as_str(), "Rust", failure))
        }
    }
}

/// What a responder learns of a question beside the question itself.
#[derive(Debug, Clone)]
pub struct RequestContext {
    name: EventName,
    source: Endpoint,
    cancelled: Arc<Cancellation>,
}

impl RequestContext {
    /// The name of the question.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Who asks. The host sets it; a page cannot forge it.
    #[must_use]
    pub fn source(&self) -> &Endpoint {
        &self.source
    }

    /// Whether nobody waits for the answer any more: its time is over, or whoever incoming has given it up or is gone.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
    }
}

/// A call of a responder that blocks. It counts until its function has returned, though its question may have ended
/// before, so that whoever asks in a hurry does not take every thread.
struct BusyPermit {
    busy: Arc<AtomicUsize>,
}

impl BusyPermit {
    fn take(busy: &Arc<AtomicUsize>, most: usize, name: &EventName) -> Result<Self> {
        let others = busy.fetch_add(1, Ordering::Relaxed);
        let permit = Self {
            busy: Arc::clone(busy),
        };
        if others < most {
            return Ok(permit);
        }
        Err(Error::new(
            ErrorCode::QueueFull,
            format!(
                "the responder of {:?} is at work {others} times, also for questions that have ended, and that is the limit (requestsPerPage)",
                name.as_str()
            ),
        ))
    }
}

impl Drop for BusyPermit {
    fn drop(&mut self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps a responder in Rust. It ends when this is dropped; [`Responder::forget`] keeps it for good. What it has begun to
/// answer it still answers.
///
/// ```
/// # fn respond(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// let responder = bus.respond("version", async |()| Ok("1.0"))?;
/// drop(responder); // answers nothing from now on
/// # Ok(())
/// # }
/// ```
#[must_use = "a responder ends when it is dropped; call .forget() to keep it"]
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::catalog::Catalog;
    use crate::config::Limits;
    use crate::engine::core::Platform;
    use crate::model::policies::Policies;
    use crate::periodic::source::Sources;
    use crate::runtime::BusRuntime;
    use crate::sync::{Tasks, yield_thread};

    struct Nobody;

    impl Platform for Nobody {
        fn window_of(&self, _: &str) -> Option<String> {
            None
        }
    }

    /// A quarter gets a response, a quarter of them fail, a quarter finds no responder, and a quarter is cancelled.
    #[test]
    fn a_hundred_thousand_requests_leave_nothing() {
        const ROUNDS: usize = 100_000 / 64;
        let tasks = Tasks::for_tests();
        let runtime = BusRuntime::new(
            Limits::default(),
            Policies::default(),
            Sources::default(),
            Box::new(Nobody),
            tasks.clone(),
        );
        let bus = EventBus::new(Arc::clone(&runtime), Catalog::default());
        let held = Arc::new(());
        let own = Arc::clone(&held);
        let respond = move |number: usize| {
            let own = Arc::clone(&own);
            async move {
                match number % 4 {
                    0 => Ok(number),
                    1 => Err("no".into()),
                    _ => std::future::pending().await,
                }
                .inspect(|_| drop(own))
            }
        };
        let responder = bus.respond("q", respond).unwrap();
        let mut codes = HashMap::new();
        Tasks::block_on_for_tests(async {
            for _ in 0..ROUNDS {
                let mut waiting = Vec::new();
                for number in 0..64 {
                    let name = if number % 4 == 3 { "nobody" } else { "q" };
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
        drop(responder);
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(runtime.responders.counts(), (0, 0));
    }
}
