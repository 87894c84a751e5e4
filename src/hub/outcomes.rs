//! Outcomes of events, from the queues and receivers of the hub to those that wait for them.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::hub::Hub;
use crate::hub::effects::Effects;
use crate::hub::ids::SubscriberKey;
use crate::hub::receipts::{AwaitedBy, EmittingPage, Outcomes, Teller, ToldOutcome};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::lifetime::ReceiptTicket;
use crate::model::name::EventName;
use crate::model::outcome::Outcome;
use crate::permissions::WatchScope;

impl<W> Hub<W> {
    /// Opens a receipt of code of the host, for an event that is to be published.
    pub(crate) fn open_receipt(
        &mut self,
        name: &EventName,
        timeout: Duration,
    ) -> Result<ReceiptTicket> {
        (self.receipts).open(name, AwaitedBy::Host, timeout, &self.limits)
    }

    /// Opens a receipt of a page, under the number that it gave. `None` if the page is gone, and so waits for nothing.
    pub(crate) fn open_receipt_of_page(
        &mut self,
        name: &EventName,
        (key, id): (SubscriberKey, u64),
        watches: WatchScope,
        timeout: Duration,
    ) -> Result<Option<ReceiptTicket>> {
        let Some(session) = self.sessions.get_mut(&key) else {
            return Ok(None);
        };
        let page = EmittingPage {
            key,
            label: Arc::clone(&session.webview),
            id,
            watches,
            unfetched: session.outbox.messages.waiting_outcomes(),
        };
        let emitter = AwaitedBy::Page(Box::new(page));
        let ticket = (self.receipts).open(name, emitter, timeout, &self.limits)?;
        session.keeps_receipts = true;
        Ok(Some(ticket))
    }

    /// Whether an event that was just emitted waits in the queue of a consumer.
    pub(crate) fn waits_in(&self, consumer: SubscriberKey, seq: u64) -> bool {
        let consumer = self.consumers.get(&consumer);
        consumer.is_some_and(|consumer| consumer.queue.has(seq))
    }

    /// The emitter of an event waits no longer, or its event was refused. The caller drops the waker after the lock.
    pub(crate) fn forget_receipt(&mut self, ticket: ReceiptTicket) -> Option<Waker> {
        let page = self.receipts.page_of(ticket);
        let waker = self.receipts.forget(ticket);
        if let Some(key) = page {
            self.note_receipts_of(key);
        }
        waker
    }

    /// Whether a page still waits for outcomes.
    fn note_receipts_of(&mut self, key: SubscriberKey) {
        let is_awaited = self.receipts.is_awaited_by(key);
        if let Some(session) = self.sessions.get_mut(&key) {
            session.keeps_receipts = is_awaited;
        }
    }

    /// Fetches outcomes for code of the host, or keeps its waker.
    pub(crate) fn poll_outcomes(
        &mut self,
        ticket: ReceiptTicket,
        waker: Waker,
    ) -> (Poll<Outcomes>, Option<Waker>) {
        self.receipts.poll(ticket, waker)
    }

    /// What the listeners of the host have made of an event.
    pub(crate) fn tell_outcome_of_listeners(
        &mut self,
        seq: u64,
        outcome: Outcome,
        now: Instant,
    ) -> Effects<W> {
        let mut effects = Effects::default();
        self.receipts.tell(seq, Teller::Listeners, outcome);
        self.pass_outcomes_on(now, &mut effects);
        effects
    }

    /// What a page has made of the items that it was brought. An item that it was not brought is an error. What it has told
    /// before, and what no emitter waits for any more, is ignored.
    pub(crate) fn tell_outcomes(
        &mut self,
        page: SubscriberKey,
        told: Vec<ToldOutcome>,
        now: Instant,
    ) -> (Vec<Result<()>>, Effects<W>) {
        let mut effects = Effects::default();
        let session = self.sessions.get(&page);
        // Once the session has ended, nothing of it counts any more.
        let last = session.map_or(u64::MAX, |session| session.outbox.last_index());
        let told = told.into_iter().map(|told| {
            let ToldOutcome {
                seq,
                index,
                outcome,
            } = told;
            if index == 0 || index > last {
                return Err(unknown_item(index, last));
            }
            self.receipts.tell(seq, Teller::Item(page, index), outcome);
            Ok(())
        });
        let told = told.collect();
        self.pass_outcomes_on(now, &mut effects);
        (told, effects)
    }

    /// Notes what queues have dropped, and passes on what is complete.
    pub(super) fn check_receipts(&mut self, now: Instant, effects: &mut Effects<W>) {
        if self.receipts.is_empty() {
            return;
        }
        for (key, session) in &mut self.sessions {
            for seq in session.outbox.queue.dropped_tracked.take() {
                self.receipts
                    .tell(seq, Teller::Page(*key), Outcome::Dropped);
            }
        }
        for consumer in self.consumers.values_mut().filter(|own| own.is_listener) {
            for seq in consumer.queue.dropped_tracked.take() {
                self.receipts.tell(seq, Teller::Listeners, Outcome::Dropped);
            }
        }
        self.pass_outcomes_on(now, effects);
    }

    /// Passes complete outcomes on to those that wait for them.
    pub(super) fn pass_outcomes_on(&mut self, now: Instant, effects: &mut Effects<W>) {
        effects.wakers.extend(self.receipts.take_woken());
        for (key, outcomes) in self.receipts.take_told() {
            let seq = self.seq;
            self.note_receipts_of(key);
            if let Some(session) = self.sessions.get_mut(&key) {
                session.outbox.messages.push_outcomes(outcomes, seq);
                session.deliver(key, now, &mut self.room, effects);
            }
        }
    }

    /// Ends the receipts whose time is over. Returns when the next one is.
    pub(super) fn expire_receipts(
        &mut self,
        now: Instant,
        effects: &mut Effects<W>,
    ) -> Option<Instant> {
        self.check_receipts(now, effects);
        let next = self.receipts.expire(now);
        self.pass_outcomes_on(now, effects);
        next
    }

    /// How many receipts are open, and how many are not fetched.
    #[cfg(test)]
    pub(crate) fn count_receipts(&self) -> (usize, usize) {
        self.receipts.counts()
    }
}

fn unknown_item(index: u64, last: u64) -> Error {
    let expected = match last {
        0 => "no item was delivered to this page yet".to_owned(),
        _ => format!(
            "expected the index of an item that was delivered to this page, from 1 to {last}"
        ),
    };
    Error::new(
        ErrorCode::InvalidArgument,
        format!("an outcome names the item {index}: {expected}"),
    )
}
