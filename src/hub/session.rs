use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::hub::arrival::Arrival;
use crate::hub::calls::Calls;
use crate::hub::command_log::CommandLog;
use crate::hub::effects::Effects;
use crate::hub::ids::{SessionId, SubscriptionId};
use crate::hub::outbox::{Batch, BatchBound, Outbox};
use crate::hub::queue::QueueBound;
use crate::hub::requests::caller_log::CallerLog;
use crate::hub::requests::message::ResponderKind;
use crate::hub::subscription::Beginning;
use crate::hub::will::Wills;
use crate::model::name::EventName;
use crate::permissions::WatchScope;

/// One page's connection: its outbox, its parked pull, its commands and its requests.
#[derive(Debug)]
pub(crate) struct Session<W> {
    pub(crate) id: SessionId,
    pub(crate) webview: Arc<str>,
    pub(crate) outbox: Outbox,
    pub(crate) log: CommandLog<W>,
    pub(crate) subscriptions: usize,
    /// The names of the requests that it has responders for.
    pub(crate) responders: HashMap<EventName, ResponderKind>,
    pub(crate) sent_requests: CallerLog,
    /// How many requests to it have no response yet.
    pub(crate) received_requests: usize,
    /// Whether its last request has just ended. It was there while it waited, so its lease begins now.
    pub(crate) has_waited: bool,
    pub(crate) opened: Instant,
    /// The origin of its page, as far as it is known.
    pub(crate) origin: Option<String>,
    /// When its start-up phase began.
    pub(crate) first_subscribed: Option<Instant>,
    /// The event after which its page may get what is kept, if the page before was of another origin.
    pub(crate) starts_after: Option<u64>,
    /// How its subscriptions began, until it has pulled.
    pub(crate) begun: BTreeMap<SubscriptionId, Beginning>,
    /// Whether something may be kept for its page.
    pub(crate) is_starting: bool,
    /// Whether its page has ever pulled, which only a page does that is there.
    pub(crate) has_pulled: bool,
    /// Whether it continues an earlier session of its page.
    pub(crate) has_resumed: bool,
    /// Whether its page is there and ready.
    pub(super) arrival: Arrival,
    /// What its page may know of other pages, as its newest subscription to that says.
    pub(super) watches: Option<Arc<WatchScope>>,
    /// What is emitted when its page is gone.
    pub(super) wills: Wills,
    /// Whether its pull is held although nothing may come: it shows that the page is there.
    pub(super) keeps_pull: bool,
    /// Whether its page waits for outcomes of events.
    pub(super) keeps_receipts: bool,
    /// Whether its page passes events on as the text that they come as.
    pub(super) passes_text: bool,
    pub(crate) parked: Option<ParkedPull<W>>,
    pub(crate) calls: Calls,
    /// Whether its page fetched the reply to its first command.
    pub(super) has_fetched: bool,
    /// Whether Tauri has evaluated a reply to its page, because its IPC fell back to postMessage.
    pub(super) is_evaluated: bool,
    /// When the page last called, or a pull of it completed. A parked pull proves that it is there.
    pub(crate) last_seen: Instant,
    /// When the page last acknowledged something.
    pub(crate) acknowledged_at: Option<Instant>,
}

/// A pull that waits for something to deliver.
#[derive(Debug)]
pub(crate) struct ParkedPull<W> {
    pub(crate) waiter: W,
    pub(crate) bound: BatchBound,
    pub(crate) since: Instant,
}

impl<W> Session<W> {
    pub(crate) fn new(
        id: SessionId,
        webview: Arc<str>,
        origin: Option<String>,
        bound: QueueBound,
        now: Instant,
    ) -> Self {
        Self {
            id,
            outbox: Outbox::of_page(bound, &webview),
            webview,
            log: CommandLog::new(),
            subscriptions: 0,
            responders: HashMap::new(),
            sent_requests: CallerLog::default(),
            received_requests: 0,
            has_waited: false,
            opened: now,
            origin,
            first_subscribed: None,
            starts_after: None,
            begun: BTreeMap::new(),
            is_starting: false,
            has_pulled: false,
            has_resumed: false,
            arrival: Arrival::default(),
            watches: None,
            wills: Wills::default(),
            keeps_pull: false,
            keeps_receipts: false,
            passes_text: false,
            parked: None,
            calls: Calls::default(),
            has_fetched: false,
            is_evaluated: false,
            last_seen: now,
            acknowledged_at: None,
        }
    }

    /// Whether nothing can come for its page, so that no pull is held.
    pub(crate) fn is_idle(&self) -> bool {
        let responds = !self.responders.is_empty() || self.received_requests > 0;
        let receives = self.subscriptions > 0 || self.sent_requests.streams() > 0;
        let waits = self.keeps_pull || self.keeps_receipts;
        !receives && !responds && !waits && !self.outbox.has_messages()
    }

    /// Whether its page has to be told of what another page may have taken over: it is a new one, of the same origin.
    pub(super) fn is_owed_what_was_taken(&self) -> bool {
        !self.has_resumed && self.starts_after.is_none()
    }

    /// Whether only its lease tells when its page is gone: no pull, call or request shows that it is there.
    pub(super) fn has_lease(&self) -> bool {
        self.parked.is_none() && !self.calls.is_on() && self.sent_requests.is_empty()
    }

    /// Begins its lease if its last request has ended.
    pub(super) fn note_end_of_wait(&mut self, now: Instant) {
        if std::mem::take(&mut self.has_waited) {
            self.last_seen = now;
        }
    }

    /// Notes that its page has pulled. Returns whether it is the first time.
    pub(super) fn note_pull(&mut self) -> bool {
        self.begun.clear();
        !std::mem::replace(&mut self.has_pulled, true)
    }

    /// Completes the parked pull, if there is one and there is something to deliver. Returns whether it did.
    pub(crate) fn complete_parked_pull(&mut self, now: Instant, effects: &mut Effects<W>) -> bool {
        // What calls carry is not repeated unless they fail.
        if self.calls.carries_items() {
            return false;
        }
        let Some(pull) = self.parked.take() else {
            return false;
        };
        let batch = self.outbox.batch_ahead(pull.bound);
        let batch = self.with_cuts(batch);
        if batch.is_empty() {
            self.parked = Some(pull);
            return false;
        }
        self.last_seen = now;
        effects.batches.push((pull.waiter, batch));
        true
    }

    /// A batch that a pull fetches. A script that Tauri evaluates has no room for cuts.
    pub(super) fn with_cuts(&self, mut batch: Batch) -> Batch {
        batch.has_cuts = self.passes_text && !self.is_evaluated;
        batch
    }

    /// The batch that tells a page that calls follow.
    pub(super) fn hand_over(&self) -> Batch {
        Batch::before_calls(self.outbox.has_next())
    }

    /// Whether an event that is queued now has to be delivered, or is taken along by what is on its way.
    pub(crate) fn is_reachable(&self) -> bool {
        self.parked.is_some() || self.calls.has_room()
    }
}
