//! The state of the bus: who there is, who listens to what, and what everybody is still owed.
//!
//! Nothing here knows Tauri or Tokio, waits, or calls foreign code. The caller holds one lock around a [`Hub`], keeps it
//! short, and does what a method returns (answer pulls, wake tasks) after letting go of it. `W` is whatever answers a
//! pull or a command.

pub(crate) mod backlog;
pub(crate) mod command_log;
pub(crate) mod consumer;
mod emission;
pub(crate) mod inspecting;
#[cfg(test)]
mod model;
pub(crate) mod outbox;
mod pages;
pub(crate) mod queue;
pub(crate) mod requests;
pub(crate) mod retained;
pub(crate) mod session;
mod subscribing;
pub(crate) mod subscriptions;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::config::Limits;
use crate::flood::Flood;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{Provenance, Tick};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::policy::Policies;
use crate::model::target::{Selection, Target};
use crate::permissions::WebviewLocation;

use crate::model::delivery::Addressing;
use backlog::Backlog;
use command_log::{CommandLog, JsonResult};
use consumer::Consumer;
use outbox::{Answered, Batch};
use queue::{QueueBound, QueueEntry};
use requests::{RequestId, Requests};
use retained::Retained;
use session::{Session, SessionId};
use subscriptions::{SubscriberKey, Subscriptions};

pub(crate) use pages::{Command, Pull};
pub(crate) use subscribing::{Resumption, SubscriptionRequest};

/// How long a pull is held before it is answered with nothing. Android gives up after 30 seconds.
pub(crate) const PULL_HOLD: Duration = Duration::from_secs(20);

/// How long a session lives without a word from its page.
pub(crate) const SESSION_LEASE: Duration = Duration::from_secs(60);

/// How long after its first subscription a page gets what came before its subscriptions, too.
pub(crate) const START_UP: Duration = Duration::from_secs(3);

/// How many ended sessions a webview remembers, so that a late command of one does not open it again.
const ENDED_SESSIONS: usize = 16;

/// How many bytes the answers take that are recorded for a webview's ended sessions.
const ENDED_ANSWER_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Hub<W> {
    seq: u64,
    /// How many events were not accepted.
    refused: u64,
    limits: Limits,
    // There are few of each, and every event looks some of them up: an ordered map costs no hash, and has an order.
    webviews: BTreeMap<Arc<str>, Webview<W>>,
    sessions: BTreeMap<SubscriberKey, Session<W>>,
    consumers: BTreeMap<SubscriberKey, Consumer>,
    subscriptions: Subscriptions,
    retained: Retained,
    requests: Requests<W>,
    next_subscriber: u64,
    /// When [`Hub::expire`] is due next, as its caller knows it.
    armed: Option<Instant>,
    exiting: bool,
}

#[derive(Debug)]
struct Webview<W> {
    window: Arc<str>,
    /// What its pages may still send.
    flood: Arc<Flood>,
    session: Option<SubscriberKey>,
    ended: VecDeque<EndedSession<W>>,
    /// The origin of the page that was there last, as far as it is known.
    origin: Option<String>,
    /// What is kept for the next page, or for the one that is starting. `None` while a page that has started is live.
    history: Option<History>,
}

/// What a starting page gets of what came before its subscriptions.
#[derive(Debug)]
struct History {
    backlog: Backlog,
    /// The page before, which must be of the same origin. `None` if there was none.
    before: Option<PageBefore>,
    /// The end of the start-up phase, once it has begun.
    until: Option<Instant>,
}

impl History {
    /// Whether nobody has subscribed since this session ended.
    fn is_after(&self, session: SessionId) -> bool {
        self.before
            .as_ref()
            .is_some_and(|before| before.session == session)
    }
}

#[derive(Debug)]
struct PageBefore {
    session: SessionId,
    origin: Option<String>,
}

/// What is left of a session: enough to tell a late command that it ran.
#[derive(Debug)]
struct EndedSession<W> {
    key: SubscriberKey,
    id: SessionId,
    order: CommandLog<W>,
    /// Whether its page was left, and may have sent more meanwhile.
    is_left: bool,
}

/// What somebody wants to emit.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    pub(crate) name: EventName,
    pub(crate) payload: Json,
    pub(crate) source: Endpoint,
    pub(crate) tick: Option<Tick>,
    pub(crate) provenance: Option<Arc<Provenance>>,
    /// Whether it is kept for later subscribers. The policy of its name says, if this does not.
    pub(crate) retain: Option<bool>,
}

/// An event that was refused, with the reason.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) event: NewEvent,
    pub(crate) error: Error,
}

impl Refusal {
    pub(crate) fn of(event: NewEvent, error: Error) -> Box<Self> {
        Box::new(Self { event, error })
    }
}

impl From<Box<Refusal>> for Error {
    fn from(refusal: Box<Refusal>) -> Self {
        refusal.error
    }
}

/// Whom an event is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience {
    /// Everyone, if there is none.
    pub(crate) to: Option<Address>,
    pub(crate) except: Option<Selection>,
}

/// A target, as it was given and as it was understood.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) target: Target,
    pub(crate) selection: Selection,
}

impl Address {
    pub(crate) fn of(target: Target) -> Result<Self> {
        Ok(Self {
            selection: target.select()?,
            target,
        })
    }
}

/// One of those that an event is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Receiver {
    /// All there are.
    Everyone,
    /// Rust, where the event is sent to it.
    Host,
    Webview(Arc<str>),
}

impl Audience {
    /// How the event is for this page; `None` if it is not.
    fn reach_page(&self, webview: &str, window: &str) -> Option<Addressing> {
        let is_in = |selection: &Selection| selection.has_webview(webview, window);
        let reach = match &self.to {
            None => Addressing::Broadcast,
            Some(to) if to.selection.everyone => Addressing::Broadcast,
            Some(to) if is_in(&to.selection) => Addressing::Sent,
            Some(_) => return None,
        };
        (!self.except.as_ref().is_some_and(is_in)).then_some(reach)
    }

    /// To whom it is sent; `None` is everyone, however that was written.
    fn target(&self) -> Option<&Target> {
        let sent = self.to.as_ref().filter(|to| !to.selection.everyone);
        sent.map(|to| &to.target)
    }

    fn reach_host(&self) -> Addressing {
        match &self.to {
            None => Addressing::Broadcast,
            Some(to) if to.selection.everyone => Addressing::Broadcast,
            Some(to) if to.selection.host => Addressing::Sent,
            Some(_) => Addressing::Elsewhere,
        }
    }
}

/// What to do once the lock is released.
#[derive(Debug)]
#[must_use]
pub(crate) struct Effects<W> {
    /// Pulls to answer with these batches.
    pub(crate) batches: Vec<(W, Batch)>,
    /// Commands, requests and pulls to answer with these results.
    pub(crate) replies: Vec<(W, JsonResult)>,
    /// Those whose page is gone, with the error for a page that is there after all.
    pub(crate) gone: Vec<(W, Error)>,
    /// Requests to responders of the host whose caller waits no longer.
    pub(crate) cancelled: Vec<RequestId>,
    /// Tasks to wake, which read a queue of the host.
    pub(crate) wakers: Vec<Waker>,
    /// Whether [`Hub::expire`] is due earlier than its caller knows.
    pub(crate) rearm: bool,
    /// Whether a queue may have room again.
    pub(crate) has_room: bool,
    /// Whether somebody listens to something new.
    pub(crate) has_new_listeners: bool,
    /// Webviews that show a page of another origin, so the jobs of the page before end.
    pub(crate) changed_origin: Vec<Arc<str>>,
    /// Items that a page has acknowledged. Dropping them may take a while, so it happens after the lock.
    pub(crate) acknowledged: Vec<Arc<Answered>>,
}

/// The effects of an event: usually none, since its page has yet to fetch what came before.
pub(crate) type EmitEffects<W> = Option<Box<Effects<W>>>;

impl<W> Default for Effects<W> {
    fn default() -> Self {
        Self {
            batches: Vec::new(),
            replies: Vec::new(),
            gone: Vec::new(),
            cancelled: Vec::new(),
            wakers: Vec::new(),
            rearm: false,
            has_room: false,
            has_new_listeners: false,
            changed_origin: Vec::new(),
            acknowledged: Vec::new(),
        }
    }
}

impl<W> Effects<W> {
    /// Parks these for a page that is gone.
    fn give_up_on(&mut self, waiters: impl IntoIterator<Item = W>, error: impl Fn() -> Error) {
        let waiters = waiters.into_iter();
        self.gone.extend(waiters.map(|waiter| (waiter, error())));
    }
}

fn session_is_over() -> Error {
    Error::new(
        ErrorCode::StaleSession,
        "this session is over: its page was left, or another page has opened a session in its webview",
    )
}

fn closed(webview: &str) -> Error {
    Error::new(
        ErrorCode::StaleSession,
        format!("the webview {webview:?} is closed"),
    )
}

impl<W> Hub<W> {
    pub(crate) fn new(limits: Limits, policies: Policies) -> Self {
        Self {
            seq: 0,
            refused: 0,
            limits,
            webviews: BTreeMap::new(),
            sessions: BTreeMap::new(),
            consumers: BTreeMap::new(),
            subscriptions: Subscriptions::new(policies),
            retained: Retained::default(),
            requests: Requests::default(),
            next_subscriber: 0,
            armed: None,
            exiting: false,
        }
    }

    /// A webview is there. Says nothing new if it was known.
    pub(crate) fn announce(&mut self, label: &str, window: &str) {
        match self.webviews.get_mut(label) {
            Some(webview) if &*webview.window == window => {}
            Some(webview) => webview.window = window.into(),
            None => {
                let history = History {
                    backlog: Backlog::new(self.backlog_bound(), self.seq, self.seq),
                    before: None,
                    until: None,
                };
                self.webviews.insert(
                    label.into(),
                    Webview {
                        window: window.into(),
                        flood: Arc::new(Flood::new(&self.limits)),
                        session: None,
                        ended: VecDeque::new(),
                        origin: None,
                        history: Some(history),
                    },
                );
            }
        }
    }

    pub(crate) fn knows(&self, webview: &str) -> bool {
        self.webviews.contains_key(webview)
    }

    /// Every webview and its window.
    pub(crate) fn locations(&self) -> Vec<WebviewLocation> {
        let webviews = self.webviews.iter();
        webviews
            .map(|(label, webview)| (Arc::clone(label), Arc::clone(&webview.window)))
            .collect()
    }

    /// How fast the pages of this webview may send.
    pub(crate) fn flood(&self, webview: &str) -> Result<Arc<Flood>> {
        let known = self.webviews.get(webview);
        known
            .map(|known| Arc::clone(&known.flood))
            .ok_or_else(|| closed(webview))
    }

    /// A window is gone, and with it its webviews, whose labels come back.
    pub(crate) fn remove_window(&mut self, window: &str) -> (Vec<Arc<str>>, Effects<W>) {
        let gone: Vec<Arc<str>> = self
            .webviews
            .iter()
            .filter(|(_, webview)| &*webview.window == window)
            .map(|(label, _)| Arc::clone(label))
            .collect();
        let mut effects = Effects::default();
        for label in &gone {
            self.end_requests_from(label, &mut effects);
        }
        for label in &gone {
            self.end_page(label, &mut effects);
            self.end_waiting_for(label, &mut effects);
            if let Some(webview) = self.webviews.remove(label) {
                let ended = webview.ended.into_iter();
                let waiting = ended.flat_map(|mut ended| ended.order.end(Err(closed(label))));
                effects.give_up_on(waiting, session_is_over);
            }
        }
        (gone, effects)
    }

    /// The app exits: every page and every stream ends, and nothing is accepted from now on.
    pub(crate) fn shut_down(&mut self) -> Effects<W> {
        self.exiting = true;
        let mut effects = Effects::default();
        let labels: Vec<Arc<str>> = self.webviews.keys().cloned().collect();
        self.end_all_requests(&mut effects);
        for label in labels {
            self.end_page(&label, &mut effects);
        }
        let consumers = self.consumers.values_mut();
        effects
            .wakers
            .extend(consumers.filter_map(Consumer::take_waker));
        effects.has_room = true;
        effects
    }

    // Listeners in the app

    pub(crate) fn add_consumer(&mut self) -> SubscriberKey {
        let key = self.next_key();
        self.consumers
            .insert(key, Consumer::new(self.queue_bound()));
        key
    }

    pub(crate) fn remove_consumer(&mut self, key: SubscriberKey) -> Option<Consumer> {
        self.subscriptions.remove_subscriber(key);
        self.consumers.remove(&key)
    }

    /// What a consumer gets next. `None` once the app exits and all has been read.
    pub(crate) fn poll_consumer(
        &mut self,
        key: SubscriberKey,
        waker: Waker,
    ) -> (Poll<Option<QueueEntry>>, Option<Waker>) {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return (Poll::Ready(None), Some(waker));
        };
        match consumer.poll(waker) {
            (Poll::Pending, unneeded) if self.exiting => (Poll::Ready(None), unneeded),
            polled => polled,
        }
    }

    fn next_key(&mut self) -> SubscriberKey {
        self.next_subscriber += 1;
        SubscriberKey(self.next_subscriber)
    }

    fn queue_bound(&self) -> QueueBound {
        QueueBound {
            events: self.limits.queue_events,
            bytes: self.limits.queue_bytes,
        }
    }

    fn backlog_bound(&self) -> QueueBound {
        QueueBound {
            events: self.limits.backlog_events,
            bytes: self.limits.backlog_bytes,
        }
    }
}
