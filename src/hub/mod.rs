//! The state of the bus: who there is, who listens to what, and what everybody is still owed.
//!
//! Nothing here knows Tauri or Tokio, waits, or calls foreign code. The caller holds one lock around a [`Hub`], keeps it
//! short, and does what a method returns (answer pulls, wake tasks) after letting go of it. `W` is whatever answers a
//! pull or a command.

pub(crate) mod consumer;
pub(crate) mod order;
pub(crate) mod outbox;
pub(crate) mod queue;
pub(crate) mod session;
pub(crate) mod subscriptions;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use crate::config::Limits;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Accepted, Event, Source, Tick};
use crate::name::EventName;
use crate::pattern::EventPattern;
use crate::target::{Selection, unknown_target};

use consumer::Consumer;
use order::{Answer, CommandOrder, Turn};
use outbox::{BatchBound, Delivery};
use queue::{Entry, QueueBound, QueuedEvent};
use session::{ParkedPull, Session, SessionId};
use subscriptions::{Hearing, Reach, SubscriberKey, SubscriptionId, Subscriptions};

/// How long a pull is held before it is answered with nothing. Android gives up after 30 seconds.
pub(crate) const PULL_HOLD: Duration = Duration::from_secs(20);

/// How long a session lives without a word from its page.
pub(crate) const SESSION_LEASE: Duration = Duration::from_secs(60);

/// How many ended sessions a webview remembers, so that a late command of one does not open it again.
const ENDED_SESSIONS: usize = 16;

#[derive(Debug)]
pub(crate) struct Hub<W> {
    seq: u64,
    limits: Limits,
    webviews: HashMap<Arc<str>, Webview<W>>,
    sessions: HashMap<SubscriberKey, Session<W>>,
    consumers: HashMap<SubscriberKey, Consumer>,
    subscriptions: Subscriptions,
    next_subscriber: u64,
    /// When [`Hub::expire`] is due next, as its caller knows it.
    armed: Option<Instant>,
    exiting: bool,
}

#[derive(Debug)]
struct Webview<W> {
    window: Arc<str>,
    session: Option<SubscriberKey>,
    ended: VecDeque<EndedSession<W>>,
}

/// What is left of a session: enough to tell a late command that it ran.
#[derive(Debug)]
struct EndedSession<W> {
    key: SubscriberKey,
    id: SessionId,
    order: CommandOrder<W>,
}

/// What somebody wants to emit.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: EventName,
    pub(crate) payload: String,
    pub(crate) source: Source,
    pub(crate) tick: Option<Tick>,
}

/// Whom it is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience {
    /// Everyone, if there is none.
    pub(crate) to: Option<Selection>,
    pub(crate) except: Option<Selection>,
}

/// What became of an accepted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acceptance {
    pub(crate) seq: u64,
    pub(crate) pages: usize,
    pub(crate) listeners: usize,
}

/// What is to be done once the lock is released.
#[derive(Debug)]
#[must_use]
pub(crate) struct Outcome<W> {
    /// Pulls to be answered with these batches.
    pub(crate) answers: Vec<(W, Vec<Delivery>)>,
    /// Pulls of pages that are gone: to be dropped without an answer.
    pub(crate) orphans: Vec<W>,
    pub(crate) wakers: Vec<Waker>,
    /// Whether [`Hub::expire`] is due earlier than its caller knows.
    pub(crate) rearm: bool,
}

impl<W> Default for Outcome<W> {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            orphans: Vec::new(),
            wakers: Vec::new(),
            rearm: false,
        }
    }
}

/// One subscription that a page asks for.
#[derive(Debug)]
pub(crate) struct SubscriptionRequest {
    pub(crate) id: SubscriptionId,
    pub(crate) pattern: EventPattern,
    /// Only what is sent to this, which must be the page's own webview or window.
    pub(crate) target: Option<Selection>,
}

impl<W> Hub<W> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            seq: 0,
            limits,
            webviews: HashMap::new(),
            sessions: HashMap::new(),
            consumers: HashMap::new(),
            subscriptions: Subscriptions::default(),
            next_subscriber: 0,
            armed: None,
            exiting: false,
        }
    }

    // Webviews

    /// A webview is there. Says nothing new if it was known.
    pub(crate) fn announce(&mut self, label: &str, window: &str) {
        match self.webviews.get_mut(label) {
            Some(webview) if &*webview.window == window => {}
            Some(webview) => webview.window = window.into(),
            None => {
                self.webviews.insert(
                    label.into(),
                    Webview {
                        window: window.into(),
                        session: None,
                        ended: VecDeque::new(),
                    },
                );
            }
        }
    }

    pub(crate) fn knows(&self, webview: &str) -> bool {
        self.webviews.contains_key(webview)
    }

    /// A window is gone, and with it its webviews, whose labels come back.
    pub(crate) fn remove_window(&mut self, window: &str) -> (Vec<Arc<str>>, Outcome<W>) {
        let gone: Vec<Arc<str>> = self
            .webviews
            .iter()
            .filter(|(_, webview)| &*webview.window == window)
            .map(|(label, _)| Arc::clone(label))
            .collect();
        let mut outcome = Outcome::default();
        for label in &gone {
            self.end_page(label, &mut outcome);
            self.webviews.remove(label);
        }
        (gone, outcome)
    }

    /// The page of this webview was left.
    pub(crate) fn leave_page(&mut self, label: &str) -> Outcome<W> {
        let mut outcome = Outcome::default();
        self.end_page(label, &mut outcome);
        outcome
    }

    /// The app exits: every page and every stream ends, and nothing is accepted from now on.
    pub(crate) fn shut_down(&mut self) -> Outcome<W> {
        self.exiting = true;
        let mut outcome = Outcome::default();
        let labels: Vec<Arc<str>> = self.webviews.keys().cloned().collect();
        for label in labels {
            self.end_page(&label, &mut outcome);
        }
        let consumers = self.consumers.values_mut();
        outcome
            .wakers
            .extend(consumers.filter_map(Consumer::take_waker));
        outcome
    }

    fn end_page(&mut self, label: &str, outcome: &mut Outcome<W>) {
        let Some(webview) = self.webviews.get_mut(label) else {
            return;
        };
        let Some(key) = webview.session.take() else {
            return;
        };
        let Some(session) = self.sessions.remove(&key) else {
            return;
        };
        if webview.ended.len() == ENDED_SESSIONS {
            webview.ended.pop_front();
        }
        webview.ended.push_back(EndedSession {
            key,
            id: session.id,
            order: session.order,
        });
        self.subscriptions.remove_subscriber(key);
        outcome
            .orphans
            .extend(session.parked.map(|pull| pull.waiter));
    }

    // Emitting

    pub(crate) fn emit(
        &mut self,
        draft: Draft,
        audience: &Audience,
        now: Instant,
    ) -> Result<(Acceptance, Outcome<W>)> {
        if self.exiting {
            return Err(Error::new(
                ErrorCode::Unavailable,
                format!(
                    "the app is exiting; {:?} was not emitted",
                    draft.name.as_str()
                ),
            ));
        }
        if let Some(to) = &audience.to {
            self.check_targets(to)?;
        }
        self.seq += 1;
        let route = self.subscriptions.route(&draft.name);
        let mut acceptance = Acceptance {
            seq: self.seq,
            pages: 0,
            listeners: 0,
        };
        let mut outcome = Outcome::default();
        if route.is_empty() {
            return Ok((acceptance, outcome));
        }
        let event = Event::new(Accepted {
            seq: self.seq,
            name: draft.name,
            payload: draft.payload,
            accepted_at: SystemTime::now(),
            source: draft.source,
            tick: draft.tick,
        });
        for entry in route.iter() {
            if let Some(session) = self.sessions.get_mut(&entry.subscriber) {
                let Some(webview) = self.webviews.get(&session.webview) else {
                    continue;
                };
                let is_in = |selection: &Selection| {
                    selection.has_webview(&session.webview, &webview.window)
                };
                let reach = match &audience.to {
                    None => Reach::Broadcast,
                    Some(to) if to.everyone => Reach::Broadcast,
                    Some(to) if is_in(to) => Reach::Sent,
                    Some(_) => continue,
                };
                if audience.except.as_ref().is_some_and(is_in) {
                    continue;
                }
                let Some(subscriptions) = entry.hearing(reach) else {
                    continue;
                };
                acceptance.pages += 1;
                session.outbox.push(QueuedEvent {
                    event: event.clone(),
                    subscriptions: Arc::clone(subscriptions),
                });
                if let Some(pull) = session.parked.take() {
                    session.last_seen = now;
                    let batch = session.outbox.batch(pull.bound);
                    outcome.answers.push((pull.waiter, batch));
                }
            } else if let Some(consumer) = self.consumers.get_mut(&entry.subscriber) {
                let reach = match &audience.to {
                    None => Reach::Broadcast,
                    Some(to) if to.everyone => Reach::Broadcast,
                    Some(to) if to.host => Reach::Sent,
                    Some(_) => Reach::Elsewhere,
                };
                let Some(subscriptions) = entry.hearing(reach) else {
                    continue;
                };
                acceptance.listeners += subscriptions.len();
                consumer.queue.push(QueuedEvent {
                    event: event.clone(),
                    subscriptions: Arc::clone(subscriptions),
                });
                outcome.wakers.extend(consumer.take_waker());
            }
        }
        Ok((acceptance, outcome))
    }

    /// Every literal label must be there; a glob may match nothing.
    pub(crate) fn check_targets(&self, to: &Selection) -> Result<()> {
        for label in to.webviews.iter().filter_map(|pattern| pattern.literal()) {
            if !self.webviews.contains_key(label) {
                let known: Vec<&str> = self.webviews.keys().map(|label| &**label).collect();
                return Err(unknown_target("webview", label, &known));
            }
        }
        for label in to.windows.iter().filter_map(|pattern| pattern.literal()) {
            if !self
                .webviews
                .values()
                .any(|webview| &*webview.window == label)
            {
                let known: Vec<&str> = self
                    .webviews
                    .values()
                    .map(|webview| &*webview.window)
                    .collect();
                return Err(unknown_target("window", label, &known));
            }
        }
        Ok(())
    }

    // Pages

    /// Takes the turn of a command of this session, which the first one opens.
    pub(crate) fn begin_command(
        &mut self,
        label: &str,
        id: SessionId,
        n: u64,
        waiter: W,
        now: Instant,
    ) -> (Turn<W>, Option<SubscriberKey>, Outcome<W>) {
        let mut outcome = Outcome::default();
        if let Some(ended) = self
            .ended_session(label, id)
            .filter(|ended| ended.order.is_newest(n))
        {
            return (ended.order.begin(n, waiter), None, outcome);
        }
        let key = match self.open(label, id, n, now, &mut outcome) {
            Ok(key) => key,
            Err(error) => return (Turn::Refuse(waiter, error), None, outcome),
        };
        let Some(session) = self.sessions.get_mut(&key) else {
            return (Turn::Refuse(waiter, stale(id)), None, outcome);
        };
        session.last_seen = now;
        (session.order.begin(n, waiter), Some(key), outcome)
    }

    /// Records a command's answer and gives back those who wait for it, too.
    pub(crate) fn finish_command(&mut self, key: SubscriberKey, answer: Answer) -> Vec<W> {
        let order = match self.sessions.get_mut(&key) {
            Some(session) => Some(&mut session.order),
            None => self
                .webviews
                .values_mut()
                .flat_map(|webview| &mut webview.ended)
                .find(|ended| ended.key == key)
                .map(|ended| &mut ended.order),
        };
        order.map_or_else(Vec::new, |order| order.finish(answer))
    }

    fn ended_session(&mut self, label: &str, id: SessionId) -> Option<&mut EndedSession<W>> {
        let webview = self.webviews.get_mut(label)?;
        webview.ended.iter_mut().find(|ended| ended.id == id)
    }

    fn open(
        &mut self,
        label: &str,
        id: SessionId,
        n: u64,
        now: Instant,
        outcome: &mut Outcome<W>,
    ) -> Result<SubscriberKey> {
        if self.exiting {
            return Err(Error::new(ErrorCode::Unavailable, "the app is exiting"));
        }
        if let Ok(key) = self.session_key(label, id) {
            return Ok(key);
        }
        let Some(webview) = self.webviews.get(label) else {
            return Err(stale(id));
        };
        if n != 1 || webview.ended.iter().any(|ended| ended.id == id) {
            return Err(stale(id));
        }
        self.end_page(label, outcome);
        let key = self.next_key();
        let Some((label, webview)) = self
            .webviews
            .get_key_value(label)
            .map(|(label, _)| Arc::clone(label))
            .and_then(|label| Some((Arc::clone(&label), self.webviews.get_mut(&label)?)))
        else {
            return Err(stale(id));
        };
        webview.session = Some(key);
        self.sessions
            .insert(key, Session::new(id, label, self.queue_bound(), now));
        outcome.rearm |= self.arm(now + SESSION_LEASE);
        Ok(key)
    }

    fn session_key(&self, label: &str, id: SessionId) -> Result<SubscriberKey> {
        self.webviews
            .get(label)
            .and_then(|webview| webview.session)
            .filter(|key| {
                self.sessions
                    .get(key)
                    .is_some_and(|session| session.id == id)
            })
            .ok_or_else(|| stale(id))
    }

    /// Begins a subscription and answers the sequence number that it begins after.
    pub(crate) fn subscribe(
        &mut self,
        key: SubscriberKey,
        request: SubscriptionRequest,
    ) -> Result<u64> {
        let Some(session) = self.sessions.get_mut(&key) else {
            return Err(Error::new(
                ErrorCode::StaleSession,
                "this session has ended",
            ));
        };
        let hearing = match &request.target {
            None => Hearing::Own,
            Some(target) if target.everyone => Hearing::Own,
            Some(target) => {
                let window = self
                    .webviews
                    .get(&session.webview)
                    .map(|webview| &*webview.window);
                if !target.has_webview(&session.webview, window.unwrap_or_default()) {
                    return Err(Error::new(
                        ErrorCode::Denied,
                        format!(
                            "a page hears only what is sent to itself; this one is in the webview {:?}",
                            session.webview
                        ),
                    ));
                }
                Hearing::SentOnly
            }
        };
        if self.subscriptions.contains(key, request.id) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the subscription id {} is in use; each has its own",
                    request.id
                ),
            ));
        }
        if session.subscriptions >= self.limits.subscriptions_per_page {
            return Err(Error::new(
                ErrorCode::TooManySubscriptions,
                format!(
                    "this page has {} subscriptions, and that is the limit; end some before {:?}",
                    session.subscriptions,
                    request.pattern.to_string()
                ),
            ));
        }
        session.subscriptions += 1;
        self.subscriptions
            .insert(key, request.id, request.pattern, hearing);
        Ok(self.seq)
    }

    /// Ends these subscriptions. With the last one, the page's pull ends.
    pub(crate) fn unsubscribe(&mut self, key: SubscriberKey, ids: &[SubscriptionId]) -> Outcome<W> {
        let mut outcome = Outcome::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return outcome;
        };
        for id in ids {
            if self.subscriptions.remove(key, *id) {
                session.subscriptions -= 1;
            }
        }
        if session.subscriptions == 0 {
            session.outbox.clear();
            if let Some(pull) = session.parked.take() {
                outcome.answers.push((pull.waiter, Vec::new()));
            }
        }
        outcome
    }

    /// Answers a pull, or parks it until there is something.
    pub(crate) fn pull(
        &mut self,
        label: &str,
        id: SessionId,
        ack: u64,
        bound: BatchBound,
        waiter: W,
        now: Instant,
    ) -> Result<Outcome<W>, (W, Error)> {
        let Some(session) = self
            .session_key(label, id)
            .ok()
            .and_then(|key| self.sessions.get_mut(&key))
        else {
            return Err((waiter, stale(id)));
        };
        if let Err(error) = session.outbox.acknowledge(ack) {
            return Err((waiter, error));
        }
        let mut outcome = Outcome::default();
        session.last_seen = now;
        if let Some(superseded) = session.parked.take() {
            outcome.answers.push((superseded.waiter, Vec::new()));
        }
        let batch = session.outbox.batch(bound);
        if !batch.is_empty() || session.subscriptions == 0 {
            outcome.answers.push((waiter, batch));
            return Ok(outcome);
        }
        session.parked = Some(ParkedPull {
            waiter,
            bound,
            since: now,
        });
        outcome.rearm = self.arm(now + PULL_HOLD);
        Ok(outcome)
    }

    /// Answers the pulls that were held long enough and ends the sessions that nobody has heard of.
    ///
    /// Returns when to call again: by then at the latest, or as soon as an outcome says `rearm`.
    pub(crate) fn expire(&mut self, now: Instant) -> (Outcome<W>, Option<Instant>) {
        let mut outcome = Outcome::default();
        let mut abandoned = Vec::new();
        for session in self.sessions.values_mut() {
            if let Some(pull) = session.parked.take_if(|pull| now >= pull.since + PULL_HOLD) {
                session.last_seen = now;
                outcome.answers.push((pull.waiter, Vec::new()));
            }
            if session.parked.is_none() && now >= session.last_seen + SESSION_LEASE {
                abandoned.push(Arc::clone(&session.webview));
            }
        }
        for label in abandoned {
            self.end_page(&label, &mut outcome);
        }
        self.armed = self
            .sessions
            .values()
            .map(|session| match &session.parked {
                Some(pull) => pull.since + PULL_HOLD,
                None => session.last_seen + SESSION_LEASE,
            })
            .min();
        (outcome, self.armed)
    }

    fn arm(&mut self, due: Instant) -> bool {
        let is_earlier = self.armed.is_none_or(|armed| due < armed);
        if is_earlier {
            self.armed = Some(due);
        }
        is_earlier
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

    pub(crate) fn listen(
        &mut self,
        key: SubscriberKey,
        id: SubscriptionId,
        pattern: EventPattern,
        hearing: Hearing,
    ) {
        self.subscriptions.insert(key, id, pattern, hearing);
    }

    pub(crate) fn unlisten(&mut self, key: SubscriberKey, id: SubscriptionId) {
        self.subscriptions.remove(key, id);
    }

    /// What a consumer gets next. `None` once the app exits and all has been read.
    pub(crate) fn poll_consumer(
        &mut self,
        key: SubscriberKey,
        context: &mut Context<'_>,
    ) -> Poll<Option<Entry>> {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return Poll::Ready(None);
        };
        match consumer.poll(context) {
            Poll::Pending if self.exiting => Poll::Ready(None),
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
}

fn stale(id: SessionId) -> Error {
    Error::new(
        ErrorCode::StaleSession,
        format!("the session {id} has ended or is not this webview's; open a new one"),
    )
}
