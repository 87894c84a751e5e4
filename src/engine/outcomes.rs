//! Outcomes of events: from those that handle them to those that wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::engine::core::Core;
use crate::hub::ids::SubscriberKey;
use crate::hub::receipts::{Outcomes, ToldOutcome};
use crate::hub::{Audience, NewEvent};
use crate::model::error::Result;
use crate::model::event::{BusEvent, Receipt};
use crate::model::lifetime::ReceiptTicket;
use crate::model::outcome::Outcome;
use crate::model::tap::record::TapAction;

impl Core {
    /// What the listeners of the host have made of an event.
    pub(crate) fn tell_outcome_of_listeners(&self, seq: u64, outcome: Outcome) {
        let now = self.clock().now();
        let effects = self.hub().tell_outcome_of_listeners(seq, outcome, now);
        self.apply_effects(effects);
    }

    /// What a page has made of the items that it was brought. Returns a result for each.
    pub(crate) fn tell_outcomes(
        &self,
        page: SubscriberKey,
        told: Vec<ToldOutcome>,
    ) -> Vec<Result<()>> {
        if told.is_empty() {
            return Vec::new();
        }
        let now = self.clock().now();
        let (results, effects) = self.hub().tell_outcomes(page, told, now);
        self.apply_effects(effects);
        results
    }

    /// Publishes an event, and returns what becomes of it.
    pub(crate) fn publish_tracked(
        self: &Arc<Self>,
        mut event: NewEvent,
        audience: &Audience,
        timeout: Duration,
    ) -> Result<(Receipt, OutcomeWait)> {
        let opened = self.hub().open_receipt(&event.name, timeout);
        let about = (TapAction::Emit, event.name.as_str(), &event.source);
        let ticket = self.note_result(about, opened)?;
        // Dropped with an error, it is forgotten.
        let wait = OutcomeWait {
            core: Arc::clone(self),
            ticket,
        };
        event.lifetime.receipt = Some(ticket);
        let receipt = self.publish(event, audience)?;
        Ok((receipt, wait))
    }

    /// Forgets a receipt whose event was refused.
    pub(crate) fn forget_receipt(&self, ticket: ReceiptTicket) {
        // Bound to a name, so that the waker is dropped after the lock.
        let _waker = self.hub().forget_receipt(ticket);
    }
}

/// Completes when all receivers of an event have told, or when the time is over.
pub(crate) struct OutcomeWait {
    core: Arc<Core>,
    ticket: ReceiptTicket,
}

impl Future for OutcomeWait {
    type Output = Outcomes;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcomes> {
        // Cloned before the lock, since a waker is foreign code.
        let waker = context.waker().clone();
        let (polled, _unneeded) = self.core.hub().poll_outcomes(self.ticket, waker);
        polled
    }
}

impl Drop for OutcomeWait {
    fn drop(&mut self) {
        self.core.forget_receipt(self.ticket);
    }
}

/// Tells the outcome of one event for one async listener of the host: that it was dropped, unless it tells another one.
pub(crate) struct OwedOutcome {
    core: Weak<Core>,
    seq: u64,
    outcome: Outcome,
}

impl OwedOutcome {
    /// `None` if nothing waits for it.
    pub(crate) fn of(event: &BusEvent, core: &Weak<Core>) -> Option<Self> {
        event.mark().is_tracked.then(|| Self {
            core: Weak::clone(core),
            seq: event.seq(),
            outcome: Outcome::Dropped,
        })
    }

    pub(crate) fn tell(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for OwedOutcome {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            let outcome = std::mem::replace(&mut self.outcome, Outcome::Dropped);
            core.tell_outcome_of_listeners(self.seq, outcome);
        }
    }
}
