//! A page that a test plays.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::request::RequestBuilder;
use crate::api::respond::ResponderResult;
use crate::api::target::IntoTarget;
use crate::api::webview::WebviewBus;
use crate::engine::core::Core;
use crate::engine::foreign::panic_message;
use crate::engine::reply::Reply;
use crate::hub::command_log::JsonResult;
use crate::hub::ids::{RequestId, SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, BatchBound, Item};
use crate::hub::receipts::ToldOutcome;
use crate::hub::requests::{RequestMessage, ResponderKind};
use crate::hub::{Command, Pull, SubscriptionRequest};
use crate::model::error::{Error, ErrorCode, Failure, Result, quoted};
use crate::model::event::{BusEvent, Gap, Receipt};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::outcome::Outcome;
use crate::model::pattern::EventPattern;
use crate::runtime::BusRuntime;
use crate::sync::{Mutex, MutexGuard, Notify, oneshot};

/// Makes the response of a page.
type PageResponder = Arc<dyn Fn(&RequestMessage) -> JsonResult + Send + Sync>;

/// A page that the test plays: it listens to everything that is for it, emits, and responds. Made by
/// [`TestBus::page`](crate::test::TestBus::page). Cheap to clone.
#[derive(Clone)]
pub struct TestPage {
    own: Arc<PageState>,
}

struct PageState {
    bus: WebviewBus,
    label: Arc<str>,
    number: u64,
    session: SessionId,
    key: SubscriberKey,
    received: Mutex<Received>,
    responders: Mutex<HashMap<EventName, PageResponder>>,
    /// Notified whenever it pulls.
    pulled: Notify,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Received {
    events: Vec<BusEvent>,
    gaps: Vec<Gap>,
}

fn lock<T>(own: &Mutex<T>) -> MutexGuard<'_, T> {
    own.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TestPage {
    /// Opens a page in a webview of this label.
    pub(super) fn open(bus: &EventBus, label: &str) -> Result<Self> {
        let runtime = bus.runtime();
        let core = &runtime.core;
        let effects = core.hub().announce(label, label);
        core.apply_effects(effects);
        let number = core.hub().webview_number(label).unwrap_or_default();
        let session = SessionId::parse(&RequestId::random()?.to_string())?;
        let command = Command {
            name: "subscribe",
            session,
            n: 1,
            origin: None,
        };
        let (_, key) = core.begin_command(label, command, Reply::new(|_| {}));
        let Some(key) = key else {
            let text = format!("the app has ended, so no page opens in {}", quoted(label));
            return Err(Error::new(ErrorCode::Unavailable, text));
        };
        core.finish_command(key, 1, &Ok("null".into()));
        let everything = SubscriptionRequest {
            id: 1,
            pattern: EventPattern::parse("*")?,
            scope: None,
            target: None,
            wants_replayed: false,
            wants_retained: true,
            wants_latest: false,
            watches: None,
            resume: None,
        };
        for begun in core.subscribe(key, vec![everything], core.clock().now()) {
            begun?;
        }
        let page = Self {
            own: Arc::new(PageState {
                bus: WebviewBus::new(bus.clone(), label),
                label: label.into(),
                number,
                session,
                key,
                received: Mutex::default(),
                responders: Mutex::default(),
                pulled: Notify::default(),
                is_closed: AtomicBool::new(false),
            }),
        };
        let runtime = Arc::downgrade(runtime);
        core.tasks().spawn(drive(Arc::clone(&page.own), runtime));
        Ok(page)
    }

    /// The label of its webview.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.own.label
    }

    /// Emits an event to everyone, as the page.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`](crate::EventBus::emit).
    pub fn emit(&self, name: &str, payload: impl Serialize) -> Result<Receipt> {
        self.own.bus.emit(name, payload)
    }

    /// Emits an event to some receivers, as the page.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit_to`](crate::EventBus::emit_to).
    pub fn emit_to(
        &self,
        to: impl IntoTarget,
        name: &str,
        payload: impl Serialize,
    ) -> Result<Receipt> {
        self.own.bus.emit_to(to, name, payload)
    }

    /// Sends a request to the host or to another page, as the page. It is sent when it is awaited.
    pub fn request<T: DeserializeOwned + Send + 'static>(
        &self,
        to: impl IntoTarget,
        name: &str,
        payload: impl Serialize,
    ) -> RequestBuilder<T> {
        self.own.bus.request(to, name, payload)
    }

    /// Responds to requests of this name to the page.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::DuplicateResponder`](crate::ErrorCode::DuplicateResponder): the page has a responder for the name.
    ///
    /// ```
    /// # fn main() -> tauri_plugin_event_bus::Result<()> {
    /// let bus = tauri_plugin_event_bus::test::TestBus::new();
    /// bus.page("main").respond("confirm", |title: String| Ok(title == "Delete it?"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn respond<Q: DeserializeOwned, T: Serialize>(
        &self,
        name: &str,
        respond: impl Fn(Q) -> ResponderResult<T> + Send + Sync + 'static,
    ) -> Result<()> {
        let label = Arc::clone(&self.own.label);
        self.respond_as(name, move |message| {
            let failed = |name: &str, text: &str| {
                let failure = Failure::new(name, text, None);
                Error::failed(message.name.as_str(), &quoted(&label), failure)
            };
            let request = message.payload.read::<Q>();
            let request = request.map_err(|mismatch| {
                let what = format!("the request {:?}", message.name.as_str());
                mismatch.into_error::<Q>(what)
            })?;
            match catch_unwind(AssertUnwindSafe(|| respond(request))) {
                Ok(Ok(response)) => Json::write("the response", &response),
                Ok(Err(error)) => Err(failed("error", &error.to_string())),
                Err(panic) => Err(failed("panic", panic_message(&*panic))),
            }
        })
    }

    pub(super) fn respond_as(
        &self,
        name: &str,
        respond: impl Fn(&RequestMessage) -> JsonResult + Send + Sync + 'static,
    ) -> Result<()> {
        let name = EventName::parse_emitted(name)?;
        let core = self.core();
        let added = core.hub().add_responder(
            self.own.key,
            name.clone(),
            ResponderKind::Single,
            core.clock().now(),
        );
        let (added, effects) = added;
        // Before a request that has waited for it comes.
        if added.is_ok() {
            lock(&self.own.responders).insert(name, Arc::new(respond));
        }
        core.apply_effects(effects);
        added
    }

    /// Ends a responder of the page.
    pub fn stop_responding(&self, name: &str) {
        if let Ok(name) = EventName::parse(name) {
            let core = self.core();
            let effects = core.hub().remove_responder(self.own.key, &name);
            core.apply_effects(effects);
            let removed = lock(&self.own.responders).remove(&name);
            drop(removed);
        }
    }

    /// The events that came to the page, of this name, or whose names match this pattern. They are for everyone or for it.
    /// [`TestBus::settle`](crate::test::TestBus::settle) waits until they have come.
    ///
    /// # Panics
    ///
    /// If it is no pattern.
    #[must_use]
    pub fn received(&self, pattern: &str) -> Vec<BusEvent> {
        let pattern = parse_pattern(pattern);
        let received = lock(&self.own.received);
        let matching = received.events.iter();
        let matching = matching.filter(|event| pattern.receives(event.event_name()));
        matching.cloned().collect()
    }

    /// The gaps that the page was told of.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        lock(&self.own.received).gaps.clone()
    }

    /// Closes the page and its webview. Requests that it received end with `page_gone`.
    pub fn close(&self) {
        self.own.is_closed.store(true, Ordering::Release);
        let (label, number) = (&self.own.label, self.own.number);
        self.own.bus.runtime().remove_webview(label, number);
        self.own.pulled.notify_waiters();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.own.is_closed.load(Ordering::Acquire)
    }

    fn core(&self) -> &Arc<Core> {
        &self.own.bus.runtime().core
    }

    /// Waits until the page has handled all that is for it.
    pub(super) async fn settled(&self) {
        loop {
            let pulled = self.own.pulled.notified();
            if self.is_closed() || self.core().hub().is_settled(self.own.key) {
                return;
            }
            pulled.await;
        }
    }
}

impl std::fmt::Debug for TestPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TestPage").field(&self.own.label).finish()
    }
}

/// Reads a pattern of a test.
pub(super) fn parse_pattern(pattern: &str) -> EventPattern {
    match EventPattern::parse(pattern) {
        Ok(pattern) => pattern,
        Err(error) => panic!("{error}"),
    }
}

/// Pulls and handles what comes, until the page or the app is gone.
async fn drive(page: Arc<PageState>, runtime: std::sync::Weak<BusRuntime>) {
    let mut ack = 0;
    loop {
        let (sender, receiver) = oneshot::channel();
        {
            let Some(runtime) = runtime.upgrade() else {
                return;
            };
            let limits = runtime.core.limits();
            let pull = Pull {
                session: page.session,
                ack,
                is_ahead: false,
                is_prompt: false,
                can_be_called: false,
                bound: BatchBound {
                    events: limits.batch_events,
                    bytes: limits.batch_bytes,
                },
            };
            let reply = Reply::of_batch(move |batch| drop(sender.send(batch)));
            runtime.core.pull((&page.label, &page.label), pull, reply);
            page.pulled.notify_waiters();
        }
        let Ok(Some(batch)) = receiver.await else {
            page.is_closed.store(true, Ordering::Release);
            page.pulled.notify_waiters();
            return;
        };
        let Some(runtime) = runtime.upgrade() else {
            return;
        };
        handle(&page, &runtime.core, &batch);
        if !batch.is_empty() {
            ack = batch.first() + batch.items().len() as u64 - 1;
        }
    }
}

fn handle(page: &PageState, core: &Core, batch: &Batch) {
    for (index, item) in (batch.first()..).zip(batch.items()) {
        match item {
            Item::Event(queued) => {
                lock(&page.received).events.push(queued.event.clone());
                note_handled(page, core, &queued.event, index);
            }
            Item::Lost(lost) => lock(&page.received).gaps.push(lost.gap.clone()),
            Item::Request(message) => respond(page, core, message),
            Item::Ended(..)
            | Item::Part(_)
            | Item::StreamEnd(_)
            | Item::Credit(..)
            | Item::Channel(..)
            | Item::Outcomes(_) => {}
        }
    }
}

/// A page of a test has handled what it has received.
fn note_handled(page: &PageState, core: &Core, event: &BusEvent, index: u64) {
    let mark = event.mark();
    if mark.until_consumed {
        core.settle(page.key, event.seq(), true);
    }
    if mark.is_tracked {
        let told = ToldOutcome {
            seq: event.seq(),
            index,
            outcome: Outcome::Handled,
        };
        core.tell_outcomes(page.key, vec![told]);
    }
}

fn respond(page: &PageState, core: &Core, message: &RequestMessage) {
    let responder = lock(&page.responders).get(&message.name).cloned();
    let Some(responder) = responder else {
        let declined = core.hub().decline(page.key, message.id);
        if let Ok(effects) = declined {
            core.apply_effects(effects);
        }
        return;
    };
    let response = responder(message);
    let responded = core
        .hub()
        .respond_from_page(page.key, message.id, response, None);
    // The caller may have gone.
    if let Ok(effects) = responded {
        core.apply_effects(effects);
    }
}
