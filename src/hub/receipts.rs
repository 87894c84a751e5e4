//! What becomes of events whose emitters wait for that, receiver by receiver. A state machine that knows no queue.
//!
//! A receipt is opened before its event is published, learns of the receivers while the event is queued, and ends once: when
//! the last of them has an outcome, at its time, or with the emitter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::hub::ids::SubscriberKey;
use crate::limits::Limits;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;
use crate::model::lifetime::ReceiptTicket;
use crate::model::name::EventName;
use crate::model::outcome::{Outcome, OutcomeMessage};
use crate::model::quota::SharedLimit;
use crate::permissions::WatchScope;

/// Of all receipts, one in so many is for code of the host alone.
const HOST_PART: usize = 4;

/// Who waits for outcomes.
#[derive(Debug)]
pub(crate) enum AwaitedBy {
    /// Code of the host, which polls.
    Host,
    Page(Box<EmittingPage>),
}

#[derive(Debug)]
pub(crate) struct EmittingPage {
    pub(crate) key: SubscriberKey,
    pub(crate) label: Arc<str>,
    /// The number that the page gave.
    pub(crate) id: u64,
    /// The pages that it may know of.
    pub(crate) watches: WatchScope,
    /// How many outcomes it was told before and has yet to fetch. They count, too.
    pub(crate) unfetched: usize,
}

/// Who receives an event, as far as outcomes tell receivers apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Page(SubscriberKey, Arc<str>),
    /// All listeners of the host.
    Listeners,
}

/// Who tells an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Teller {
    /// The queue of a page, of what it drops.
    Page(SubscriberKey),
    /// A page, of the item with this index. It may tell the same again, since what it told may have been lost.
    Item(SubscriberKey, u64),
    Listeners,
}

/// What a page tells of an item that it was brought.
#[derive(Debug)]
pub(crate) struct ToldOutcome {
    pub(crate) seq: u64,
    /// The index of the item.
    pub(crate) index: u64,
    pub(crate) outcome: Outcome,
}

impl Place {
    fn is_of(&self, teller: Teller) -> bool {
        match (self, teller) {
            (Self::Page(own, _), Teller::Page(key) | Teller::Item(key, _)) => *own == key,
            (Self::Listeners, Teller::Listeners) => true,
            _ => false,
        }
    }
}

/// The outcomes of an event, in the order of its receivers.
pub(crate) type Outcomes = Vec<(Place, Outcome)>;

#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// How many were opened.
    opened: u64,
    open: BTreeMap<ReceiptTicket, OpenReceipt>,
    /// The tickets of the events that were published.
    tickets: BTreeMap<u64, ReceiptTicket>,
    due: BTreeSet<(Instant, ReceiptTicket)>,
    /// Outcomes that code of the host has yet to fetch.
    ended: BTreeMap<ReceiptTicket, Outcomes>,
    /// The wakers of those that wait in the host.
    wakers: BTreeMap<ReceiptTicket, Waker>,
    /// Those to wake.
    woken: Vec<Waker>,
    /// Outcomes that are to be told to pages.
    told: Vec<(SubscriberKey, Arc<str>)>,
}

#[derive(Debug)]
struct OpenReceipt {
    emitter: AwaitedBy,
    timeout: Duration,
    /// 0 until the event is published.
    seq: u64,
    due: Option<Instant>,
    receivers: Vec<Receiver>,
    /// Whether it may have further receivers.
    is_growing: bool,
}

#[derive(Debug)]
struct Receiver {
    place: Place,
    /// How many entries of queues have yet to tell.
    entries: usize,
    /// The indexes of the items that were told.
    told: Vec<u64>,
    outcome: Option<Outcome>,
}

impl OpenReceipt {
    fn is_complete(&self) -> bool {
        !self.is_growing && self.receivers.iter().all(|receiver| receiver.entries == 0)
    }

    /// Ends what is open with this outcome.
    fn into_outcomes(self, rest: &Outcome) -> (AwaitedBy, Outcomes) {
        let outcomes = self.receivers.into_iter().map(|receiver| {
            let outcome = match receiver.entries {
                0 => receiver.outcome.unwrap_or(Outcome::Handled),
                _ => rest.clone(),
            };
            (receiver.place, outcome)
        });
        (self.emitter, outcomes.collect())
    }
}

impl Receipts {
    /// Whether nothing waits and nothing is to be told.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.woken.is_empty() && self.told.is_empty()
    }

    /// Opens a receipt for an event that is to be published.
    pub(super) fn open(
        &mut self,
        name: &EventName,
        emitter: AwaitedBy,
        timeout: Duration,
        limits: &Limits,
    ) -> Result<ReceiptTicket> {
        self.check_room(name, &emitter, limits)?;
        let ticket = ReceiptTicket::MIN.saturating_add(self.opened);
        self.opened += 1;
        let receipt = OpenReceipt {
            emitter,
            timeout,
            seq: 0,
            due: None,
            receivers: Vec::new(),
            is_growing: true,
        };
        self.open.insert(ticket, receipt);
        Ok(ticket)
    }

    fn check_room(&self, name: &EventName, emitter: &AwaitedBy, limits: &Limits) -> Result<()> {
        let own = match emitter {
            AwaitedBy::Page(page) => Some((self.count_of(page.key), page.unfetched)),
            AwaitedBy::Host => None,
        };
        let (all, most) = (self.open.len(), limits.receipts_per_page);
        let whose = if own.is_some_and(|(open, unfetched)| open + unfetched >= most) {
            format!(
                "too many events of this page wait for outcomes, and {most} is the limit (receiptsPerPage)"
            )
        } else if all >= limits.receipts {
            format!(
                "too many events of all pages and of Rust wait for outcomes, and {all} is the limit (receipts)"
            )
        } else if let Some((open, _)) = own
            && let Err(unfair) = self.check_share(open, limits)
        {
            format!("its outcome cannot be waited for: {unfair}")
        } else {
            return Ok(());
        };
        let name = name.as_str();
        Err(Error::new(
            ErrorCode::QueueFull,
            format!(
                "{name:?} was not emitted: {whose}; await some of them first, or shorten their timeouts"
            ),
        ))
    }

    /// Checks that a page leaves room for others, and all pages for the host, whose part they never take.
    fn check_share(&self, own: usize, limits: &Limits) -> Result<(), String> {
        let of_pages = self.open.values();
        let of_pages = of_pages.filter(|receipt| matches!(receipt.emitter, AwaitedBy::Page(_)));
        let all = of_pages.count() + 1;
        let shared = SharedLimit {
            limit: limits.receipts - limits.receipts / HOST_PART,
            unit: "events that wait for outcomes",
            key: "receipts",
        };
        if all > shared.limit {
            return Err(format!(
                "{} events of all pages wait, and the rest of them is for Rust (receipts)",
                shared.limit
            ));
        }
        shared.check_share(own.max(1), own + 1, all)
    }

    fn count_of(&self, key: SubscriberKey) -> usize {
        let open = self.open.values();
        open.filter(|receipt| receipt.is_of(key)).count()
    }

    /// The event of a receipt is published with this number. Its receivers follow. Returns when its time is over; `None` if its
    /// emitter is gone.
    pub(super) fn begin(
        &mut self,
        ticket: ReceiptTicket,
        seq: u64,
        now: Instant,
    ) -> Option<Instant> {
        let receipt = self.open.get_mut(&ticket)?;
        let due = now + receipt.timeout;
        (receipt.seq, receipt.due) = (seq, Some(due));
        self.due.insert((due, ticket));
        self.tickets.insert(seq, ticket);
        Some(due)
    }

    /// The event has this receiver, for which it has so many entries more. None of them is told yet.
    pub(super) fn add_receiver(&mut self, seq: u64, place: Place, entries: usize) {
        let Some(receipt) = self.receipt_of(seq) else {
            return;
        };
        let mut receivers = receipt.receivers.iter_mut();
        match receivers.find(|receiver| receiver.place == place) {
            Some(receiver) => receiver.entries += entries,
            None => receipt.receivers.push(Receiver {
                place,
                entries,
                told: Vec::new(),
                outcome: None,
            }),
        }
    }

    /// All receivers of the event are known.
    pub(super) fn seal(&mut self, seq: u64) {
        if let Some(receipt) = self.receipt_of(seq) {
            receipt.is_growing = false;
            self.end_if_complete(seq);
        }
    }

    /// An entry of the event has this outcome. What was not queued for the one that tells it changes nothing, and neither does
    /// what is told again.
    pub(super) fn tell(&mut self, seq: u64, teller: Teller, outcome: Outcome) {
        let Some(receipt) = self.receipt_of(seq) else {
            return;
        };
        let mut receivers = receipt.receivers.iter_mut();
        let receiver = receivers.find(|own| own.place.is_of(teller) && own.entries > 0);
        let Some(receiver) = receiver else {
            return;
        };
        if let Teller::Item(_, index) = teller {
            if receiver.told.contains(&index) {
                return;
            }
            receiver.told.push(index);
        }
        receiver.entries -= 1;
        receiver.outcome = Some(match receiver.outcome.take() {
            Some(before) => before.join(outcome),
            None => outcome,
        });
        self.end_if_complete(seq);
    }

    /// The session of a page has ended: it tells nothing more, and waits for nothing.
    pub(super) fn leave(&mut self, key: SubscriberKey) {
        self.open.retain(|ticket, receipt| {
            let is_own = receipt.is_of(key);
            if is_own {
                self.tickets.remove(&receipt.seq);
                if let Some(due) = receipt.due {
                    self.due.remove(&(due, *ticket));
                }
            }
            !is_own
        });
        self.told.retain(|(page, _)| *page != key);
        let mut left = Vec::new();
        for receipt in self.open.values_mut() {
            let mut receivers = receipt.receivers.iter_mut();
            let is_there =
                |own: &&mut Receiver| own.place.is_of(Teller::Page(key)) && own.entries > 0;
            if let Some(receiver) = receivers.find(is_there) {
                receiver.entries = 0;
                receiver.outcome = Some(Outcome::Gone);
                left.push(receipt.seq);
            }
        }
        for seq in left {
            self.end_if_complete(seq);
        }
    }

    /// Ends all receipts: the app exits.
    pub(super) fn end_all(&mut self) {
        while let Some((ticket, _)) = self.open.first_key_value() {
            self.end(*ticket, &Outcome::Gone);
        }
    }

    /// Ends the receipts whose time is over. Returns when the next one is.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        while let Some((due, ticket)) = self.due.first().copied() {
            if due > now {
                return Some(due);
            }
            self.end(ticket, &Outcome::Timeout);
        }
        None
    }

    /// Fetches the outcomes for code of the host, or keeps its waker in place of the last one. The caller drops the waker that
    /// comes back after the lock.
    pub(super) fn poll(
        &mut self,
        ticket: ReceiptTicket,
        waker: Waker,
    ) -> (Poll<Outcomes>, Option<Waker>) {
        if let Some(outcomes) = self.ended.remove(&ticket) {
            return (Poll::Ready(outcomes), Some(waker));
        }
        (Poll::Pending, self.wakers.insert(ticket, waker))
    }

    /// The emitter waits no longer, or its event was refused. The caller drops what comes back after the lock.
    pub(super) fn forget(&mut self, ticket: ReceiptTicket) -> Option<Waker> {
        self.remove(ticket);
        self.ended.remove(&ticket);
        self.wakers.remove(&ticket)
    }

    /// The wakers of those whose outcomes are there.
    pub(super) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }

    /// The outcomes for pages, as JSON.
    pub(super) fn take_told(&mut self) -> Vec<(SubscriberKey, Arc<str>)> {
        std::mem::take(&mut self.told)
    }

    /// The page whose receipt this is.
    pub(super) fn page_of(&self, ticket: ReceiptTicket) -> Option<SubscriberKey> {
        match &self.open.get(&ticket)?.emitter {
            AwaitedBy::Page(page) => Some(page.key),
            AwaitedBy::Host => None,
        }
    }

    /// Whether a page waits for outcomes.
    pub(super) fn is_awaited_by(&self, key: SubscriberKey) -> bool {
        self.count_of(key) > 0
    }

    fn receipt_of(&mut self, seq: u64) -> Option<&mut OpenReceipt> {
        let ticket = self.tickets.get(&seq)?;
        self.open.get_mut(ticket)
    }

    fn end_if_complete(&mut self, seq: u64) {
        if let Some(ticket) = self.tickets.get(&seq).copied()
            && let Some(receipt) = self.open.get(&ticket)
            && receipt.is_complete()
        {
            self.end(ticket, &Outcome::Gone);
        }
    }

    /// The one end of a receipt that was not forgotten.
    fn end(&mut self, ticket: ReceiptTicket, rest: &Outcome) {
        let Some(receipt) = self.remove(ticket) else {
            return;
        };
        match receipt.into_outcomes(rest) {
            (AwaitedBy::Host, outcomes) => {
                self.ended.insert(ticket, outcomes);
                self.woken.extend(self.wakers.remove(&ticket));
            }
            (AwaitedBy::Page(page), outcomes) => {
                let text = message(&page, &outcomes);
                self.told.extend(text.map(|text| (page.key, text)));
            }
        }
    }

    fn remove(&mut self, ticket: ReceiptTicket) -> Option<OpenReceipt> {
        let receipt = self.open.remove(&ticket)?;
        self.tickets.remove(&receipt.seq);
        if let Some(due) = receipt.due {
            self.due.remove(&(due, ticket));
        }
        Some(receipt)
    }

    /// How many receipts are open.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// How many receipts are open, and how many are not fetched.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.open.len(), self.ended.len())
    }
}

impl OpenReceipt {
    fn is_of(&self, key: SubscriberKey) -> bool {
        matches!(&self.emitter, AwaitedBy::Page(page) if page.key == key)
    }
}

/// The outcomes as JSON, for the page that waits for them.
fn message(page: &EmittingPage, outcomes: &Outcomes) -> Option<Arc<str>> {
    let mut message = OutcomeMessage::new(page.id);
    for (place, outcome) in outcomes {
        match place {
            Place::Listeners => message.set_listeners(outcome),
            Place::Page(_, label) => {
                let is_known = label == &page.label || page.watches.allows_page(label);
                message.add_page(is_known.then_some(&**label), outcome);
            }
        }
    }
    let json = Json::write("outcomes", &message.sorted()).ok()?;
    Some((&*json).into())
}
