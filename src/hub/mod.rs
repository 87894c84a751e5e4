//! Bus state: pages, subscriptions and undelivered events. No I/O, no Tauri.
//!
//! Nothing here waits or calls foreign code. The caller holds one lock around a [`Hub`], keeps it short, and applies the
//! [`Effects`] that a method returns after it has released the lock. `W` is what completes a pull or a command.

mod arrival;
mod audience;
pub(crate) mod backlog;
mod batch;
pub(crate) mod calls;
mod catch_up;
pub(crate) mod command_log;
mod compat;
pub(crate) mod consumer;
mod effects;
mod expiring;
mod expiry;
mod fan_out;
mod history;
pub(crate) mod ids;
pub(crate) mod inspect;
mod kept_quota;
pub(crate) mod link;
mod listen;
pub(crate) mod loss;
mod losses;
mod members;
mod messages;
pub(crate) mod outbox;
mod outcomes;
mod page_events;
mod page_waits;
mod pages;
pub(crate) mod presence;
mod publish;
mod pulls;
pub(crate) mod queue;
mod queued;
pub(crate) mod receipts;
mod reception;
pub(crate) mod requests;
pub(crate) mod retained;
mod room;
pub(crate) mod routes;
pub(crate) mod session;
mod sessions;
mod settling;
mod slot;
pub(crate) mod snapshots;
pub(crate) mod streamed;
mod subscribe;
mod subscription;
mod superseded;
pub(crate) mod tap;
#[cfg(test)]
mod tests;
mod tracked;
mod unconsumed;
mod unreported;
mod waiting;
mod webviews;
pub(crate) mod will;
mod wills;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::flood::Flood;
use crate::limits::Limits;
use crate::model::outcome::Outcome;
use crate::model::page::PageEnd;
use crate::model::policies::Policies;
use crate::permissions::WatchScope;
use crate::sync::BusClock;

use consumer::Consumer;
use effects::Freed;
use history::History;
use ids::SubscriberKey;
use page_waits::PageWaits;
use pages::{ClosedPage, PageStanding};
use presence::Presence;
use queue::{QueueBound, QueueEntry};
use receipts::{Receipts, Teller};
use requests::pending::Requests;
use retained::Retained;
use room::{Line, Room};
use routes::Subscriptions;
use session::Session;
use sessions::EndedSession;
use unconsumed::Unconsumed;
use will::{LeftWills, Will};

pub(crate) use audience::{Address, Audience, Receiver};
pub(crate) use effects::{Effects, EmitEffects};
pub(crate) use page_waits::WaitTicket;
pub(crate) use publish::{NewEvent, Refusal};
pub(crate) use pulls::Pull;
pub(crate) use room::Ticket;
pub(crate) use sessions::Command;
pub(crate) use subscription::{Resumption, SubscriptionRequest};
pub(crate) use waiting::{Attempt, QueueOwner};

/// How long a pull is held before it completes with nothing.
pub(crate) const PULL_HOLD: Duration = Duration::from_secs(20);

/// How long a session lives without a call from its page.
pub(crate) const SESSION_LEASE: Duration = Duration::from_secs(60);

/// How long after its first subscription a page still gets what came before its subscriptions.
pub(crate) const START_UP: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct Hub<W> {
    seq: u64,
    /// How many events were refused.
    refused: u64,
    limits: Limits,
    // There are few of each, and every event looks some of them up: an ordered map costs no hash, and has an order.
    webviews: BTreeMap<Arc<str>, Webview<W>>,
    sessions: BTreeMap<SubscriberKey, Session<W>>,
    consumers: BTreeMap<SubscriberKey, Consumer>,
    subscriptions: Subscriptions,
    retained: Retained,
    unconsumed: Unconsumed,
    /// Emits that wait for room in a queue.
    room: Room,
    /// What was removed since effects were last returned.
    freed: Freed,
    requests: Requests<W>,
    /// Those that wait until a page is ready.
    page_waits: PageWaits,
    /// Pages that are gone for good, until that is told.
    closed_pages: Vec<ClosedPage>,
    /// Wills of pages that cannot come back.
    due_wills: Vec<Will>,
    presence: Presence,
    /// Those that wait for what becomes of their events.
    receipts: Receipts,
    next_subscriber: u64,
    newest_webview: u64,
    /// The clock by which events expire. It runs while the machine sleeps, unlike the one of the leases.
    clock: BusClock,
    /// When [`Hub::expire`] is due next, as its caller knows it.
    armed: Option<Instant>,
    exiting: bool,
    /// Compatible mode, if it is on.
    compat: Option<Box<compat::CompatState>>,
    /// What leaves for other nodes, if there is a link.
    link: Option<Box<link::LinkQueue>>,
    /// The taps, if any is on.
    taps: Option<Box<tap::Taps>>,
    newest_tap: u64,
}

#[derive(Debug)]
struct Webview<W> {
    /// Tells it from an earlier and a later one of its label.
    number: u64,
    /// Whether the platform's hook has told of it.
    is_ready: bool,
    /// Whether the platform can call its pages.
    is_callable: bool,
    window: Arc<str>,
    /// What its pages may still send.
    flood: Arc<Flood>,
    session: Option<SubscriberKey>,
    ended: VecDeque<EndedSession<W>>,
    /// The origin of the last page, as far as it is known.
    origin: Option<String>,
    /// The origin of the newest load that the platform has told of.
    loaded: Option<String>,
    /// The newest event at that load, or when the webview was added.
    loaded_at: u64,
    /// The origin of the page before that load, if it was another one. It opens no session any more.
    left: Option<String>,
    /// Whether its page is there.
    standing: PageStanding,
    /// The wills of the page before.
    left_wills: LeftWills,
    /// What the page before may know of others, which may come back.
    watched: Option<Arc<WatchScope>>,
    /// What is kept for the next page, or for the one that is starting. `None` while a page that has started is live.
    history: Option<History>,
}

/// What to do with wakers after the lock: see [`Hub::poll_consumer`].
#[derive(Debug, Default)]
pub(crate) struct PolledWakers {
    /// To be dropped.
    unneeded: Option<Waker>,
    /// Those of emits that may find room.
    has_room: Vec<Waker>,
}

impl PolledWakers {
    /// One to drop, and those to wake. Wakers are foreign code, down to their drop.
    pub(crate) fn into_parts(self) -> (Option<Waker>, Vec<Waker>) {
        (self.unneeded, self.has_room)
    }

    #[cfg(test)]
    pub(crate) fn wake(self) {
        self.has_room.into_iter().for_each(Waker::wake);
    }
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
            unconsumed: Unconsumed::default(),
            room: Room::default(),
            freed: Freed::default(),
            requests: Requests::default(),
            page_waits: PageWaits::default(),
            closed_pages: Vec::new(),
            due_wills: Vec::new(),
            presence: Presence::default(),
            receipts: Receipts::default(),
            next_subscriber: 0,
            newest_webview: 0,
            clock: BusClock::default(),
            armed: None,
            exiting: false,
            compat: None,
            link: None,
            taps: None,
            newest_tap: 0,
        }
    }

    /// Sets the clock, before the first event.
    pub(crate) fn set_clock(&mut self, clock: BusClock) {
        self.clock = clock;
    }

    /// Ends every page and every stream, and refuses everything from now on: the app exits.
    pub(crate) fn shut_down(&mut self) -> Effects<W> {
        self.exiting = true;
        let mut effects = Effects::default();
        let labels: Vec<Arc<str>> = self.webviews.keys().cloned().collect();
        self.end_all_requests(&mut effects);
        for label in labels {
            self.end_page(&label, PageEnd::Closed, &mut effects);
        }
        let consumers = self.consumers.values_mut();
        effects
            .wakers
            .extend(consumers.filter_map(Consumer::take_waker));
        let link = self.link.as_mut();
        effects
            .wakers
            .extend(link.and_then(|link| link.take_waker()));
        self.room.wake_all(&mut effects.wakers);
        effects.wakers.extend(self.tap_wakers());
        self.end_all_waits(&mut effects);
        self.receipts.end_all();
        effects.wakers.extend(self.receipts.take_woken());
        effects
    }

    // Subscribers in the host

    /// Adds a stream.
    pub(crate) fn add_stream(&mut self) -> SubscriberKey {
        let consumer = Consumer::new(self.queue_bound(), true);
        self.add_consumer(consumer)
    }

    /// Adds the stream of an async listener.
    pub(crate) fn add_async_listener(&mut self) -> SubscriberKey {
        let consumer = Consumer::of_listener(self.queue_bound());
        self.add_consumer(consumer)
    }

    /// Adds the queue that all listeners share.
    pub(crate) fn add_listeners(&mut self) -> SubscriberKey {
        let consumer = Consumer::new(self.queue_bound(), false);
        self.add_consumer(consumer)
    }

    fn add_consumer(&mut self, consumer: Consumer) -> SubscriberKey {
        let key = self.next_key();
        self.consumers.insert(key, consumer);
        key
    }

    /// Removes a consumer, which the caller drops after the lock.
    pub(crate) fn remove_consumer(&mut self, key: SubscriberKey) -> (Option<Consumer>, Effects<W>) {
        let mut effects = Effects::default();
        self.subscriptions.remove_subscriber(key);
        let mut removed = self.consumers.remove(&key);
        if let Some(consumer) = removed.as_mut().filter(|own| own.is_listener) {
            for seq in consumer.queue.take_tracked() {
                self.receipts.tell(seq, Teller::Listeners, Outcome::Dropped);
            }
            effects.rearm |= !self.receipts.is_empty();
        }
        self.release_waiting(key, &mut effects);
        (removed, effects)
    }

    /// What a consumer reads next. `None` once the app exits and its queue is empty.
    pub(crate) fn poll_consumer(
        &mut self,
        key: SubscriberKey,
        waker: Waker,
    ) -> (Poll<Option<QueueEntry>>, PolledWakers) {
        let mut wakers = PolledWakers::default();
        let Some(consumer) = self.consumers.get_mut(&key) else {
            wakers.unneeded = Some(waker);
            return (Poll::Ready(None), wakers);
        };
        consumer.queue.drop_expired(self.clock);
        let (mut polled, unneeded) = consumer.poll(waker);
        wakers.unneeded = unneeded;
        // A reader of a stream tells of nothing more, and a listener tells once its handler has returned.
        if consumer.is_stream
            && !consumer.is_listener
            && let Poll::Ready(Some(QueueEntry::Event(queued))) = &polled
            && queued.event.mark().until_consumed
        {
            let seq = queued.event.seq();
            drop(self.settle(key, seq, true));
        }
        if polled.is_pending() && self.exiting {
            polled = Poll::Ready(None);
        }
        if polled.is_ready() {
            self.room.wake_first(Line::Queue(key), &mut wakers.has_room);
        }
        (polled, wakers)
    }

    /// What a stream reads next, and what it reads behind that if many events wait.
    pub(crate) fn poll_stream(
        &mut self,
        key: SubscriberKey,
        waker: Waker,
        ahead: &mut VecDeque<QueueEntry>,
    ) -> (Poll<Option<QueueEntry>>, PolledWakers) {
        let (polled, wakers) = self.poll_consumer(key, waker);
        if matches!(polled, Poll::Ready(Some(_)))
            && let Some(consumer) = self.consumers.get_mut(&key)
            && !consumer.is_listener
        {
            consumer.take_ahead(ahead);
        }
        (polled, wakers)
    }

    /// Takes a few entries that wait for a consumer, and adds them to these, so that it locks the hub once for all.
    pub(crate) fn take_waiting(
        &mut self,
        key: SubscriberKey,
        entries: &mut Vec<QueueEntry>,
    ) -> PolledWakers {
        let mut wakers = PolledWakers::default();
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return wakers;
        };
        consumer.queue.drop_expired(self.clock);
        if consumer.queue.pop_few(entries) > 0 {
            self.room.wake_first(Line::Queue(key), &mut wakers.has_room);
        }
        wakers
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
