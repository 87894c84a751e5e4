//! Events that are kept until one subscription has handled them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::hub::Hub;
use crate::hub::audience::Audience;
use crate::hub::effects::{Abandoned, Effects};
use crate::hub::expiring::Expiring;
use crate::hub::ids::{SessionId, SubscriberKey, SubscriptionId};
use crate::hub::kept_quota::KeptQuota;
use crate::hub::queue::{QueuedEvent, SupersededLists};
use crate::hub::retained::target_weight;
use crate::limits::Limits;
use crate::model::delivery::DeliveryFilter;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{BusEvent, Mark};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::Overflow;

/// From how many receivers on those that have ended are forgotten.
const MANY_RECEIVERS: usize = 64;

/// The events, by sequence number.
#[derive(Debug, Default)]
pub(super) struct Unconsumed {
    kept: BTreeMap<u64, Kept>,
    quota: KeptQuota,
    /// Those that expire.
    expiring: Expiring,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) event: BusEvent,
    pub(super) audience: Audience,
    max_deliveries: u32,
    /// How often it was delivered. All that received it when it was accepted count once.
    deliveries: u32,
    /// Those that have received it, and may tell whether they have handled it.
    receivers: Vec<SubscriberKey>,
    /// How many futures of the host handle it.
    running: usize,
}

impl Kept {
    fn weight(&self) -> usize {
        self.event.weight() + target_weight(&self.audience)
    }

    fn is_exhausted(&self) -> bool {
        self.deliveries >= self.max_deliveries
    }

    /// The mark for a subscription that begins later.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            replayed: true,
            redelivered: self.deliveries > 0,
            ..self.event.mark()
        }
    }

    fn note_receiver(&mut self, subscriber: SubscriberKey) {
        if !self.receivers.contains(&subscriber) {
            self.receivers.push(subscriber);
        }
    }
}

impl Unconsumed {
    /// Checks that there is room for an event of this weight.
    pub(super) fn check(
        &self,
        name: &EventName,
        source: &Endpoint,
        audience: &Audience,
        weight: usize,
        limits: &Limits,
    ) -> Result<()> {
        let weight = weight + target_weight(audience);
        let checked = self.quota.check("kept", source, weight, None, limits);
        checked.map_err(|what| {
            let name = name.as_str();
            Error::new(
                ErrorCode::QueueFull,
                format!(
                    "{name:?} cannot be kept until it is consumed: {what}; listen to what is kept, or raise the limit"
                ),
            )
        })
    }

    pub(super) fn insert(&mut self, event: BusEvent, audience: Audience, max_deliveries: u32) {
        let kept = Kept {
            event,
            audience,
            max_deliveries,
            deliveries: 0,
            receivers: Vec::new(),
            running: 0,
        };
        self.quota.add(kept.event.source(), kept.weight());
        if let Some(deadline) = kept.event.expires_at() {
            self.expiring.insert(deadline, kept.event.seq(), ());
        }
        self.kept.insert(kept.event.seq(), kept);
    }

    fn remove(&mut self, seq: u64) -> Option<Kept> {
        let kept = self.kept.remove(&seq)?;
        self.quota.remove(kept.event.source(), kept.weight());
        if let Some(deadline) = kept.event.expires_at() {
            self.expiring.remove(deadline, seq);
        }
        Some(kept)
    }

    /// Gives an event up.
    fn abandon(&mut self, seq: u64, has_expired: bool) -> Option<Abandoned> {
        let kept = self.remove(seq)?;
        Some(Abandoned {
            name: kept.event.event_name().clone(),
            deliveries: kept.deliveries,
            has_expired,
        })
    }

    /// Notes a receiver of an event that was just accepted.
    pub(super) fn note_delivery(&mut self, seq: u64, subscriber: SubscriberKey) {
        if let Some(kept) = self.kept.get_mut(&seq) {
            kept.deliveries = 1;
            kept.note_receiver(subscriber);
        }
    }

    /// Notes a receiver that began to listen later.
    pub(super) fn note_redelivery(&mut self, seq: u64, subscriber: SubscriberKey) {
        if let Some(kept) = self.kept.get_mut(&seq) {
            kept.deliveries += 1;
            kept.note_receiver(subscriber);
        }
    }

    /// What is kept of the names that match, in order.
    pub(super) fn matching<'a>(&'a self, pattern: &EventPattern) -> impl Iterator<Item = &'a Kept> {
        let kept = self.kept.values();
        kept.filter(move |kept| !kept.is_exhausted() && pattern.matches(kept.event.event_name()))
    }

    /// When the next event expires.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.expiring.next()
    }

    /// How many have received an event.
    #[cfg(test)]
    pub(super) fn receivers(&self, seq: u64) -> usize {
        self.kept.get(&seq).map_or(0, |kept| kept.receivers.len())
    }

    /// How many events are kept, and their bytes.
    pub(super) fn usage(&self) -> (usize, usize) {
        self.quota.usage()
    }
}

impl<W> Hub<W> {
    /// A subscriber has handled an event, or failed to. The first success ends it, and so does the failure of its last
    /// delivery.
    pub(crate) fn settle(
        &mut self,
        subscriber: SubscriberKey,
        seq: u64,
        is_handled: bool,
    ) -> Effects<W> {
        let mut effects = Effects::default();
        let Some(kept) = self.unconsumed.kept.get(&seq) else {
            return effects;
        };
        // The page was never sent this event, so it must not settle it.
        if !kept.receivers.contains(&subscriber) {
            return effects;
        }
        if is_handled {
            self.unconsumed.remove(seq);
        } else if kept.is_exhausted() && kept.running == 0 {
            self.abandon(seq, &mut effects);
        }
        effects
    }

    /// A future of the host begins to handle an event.
    pub(crate) fn begin_handling(&mut self, seq: u64) {
        if let Some(kept) = self.unconsumed.kept.get_mut(&seq) {
            kept.running += 1;
        }
    }

    /// It handles it no longer, and tells of it under the same lock: nobody may give the event up in between.
    pub(crate) fn end_handling(
        &mut self,
        subscriber: SubscriberKey,
        seq: u64,
        is_handled: bool,
    ) -> Effects<W> {
        if let Some(kept) = self.unconsumed.kept.get_mut(&seq) {
            kept.running = kept.running.saturating_sub(1);
        }
        self.settle(subscriber, seq, is_handled)
    }

    /// Delivers to a new subscription of the host what no other one has handled.
    pub(super) fn deliver_unconsumed(
        &mut self,
        key: SubscriberKey,
        id: SubscriptionId,
        pattern: &EventPattern,
        filter: DeliveryFilter,
        effects: &mut Effects<W>,
    ) {
        self.abandon_exhausted(effects);
        self.expire_unconsumed();
        self.tell_freed(effects);
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return;
        };
        let mut delivered = Vec::new();
        for kept in self.unconsumed.matching(pattern) {
            let addressing = kept.audience.addressing_of_host();
            if !filter.covers(addressing) {
                continue;
            }
            let queued = QueuedEvent {
                event: kept.event.marked(kept.mark()),
                subscriptions: Arc::new([id]),
                addressing,
                superseded: SupersededLists::default(),
            };
            consumer.queue.push_past(queued, Overflow::DropOldest);
            delivered.push(kept.event.seq());
        }
        for seq in delivered {
            self.unconsumed.note_redelivery(seq, key);
            effects.wakers.extend(consumer.take_waker());
        }
    }

    /// Gives up what was delivered as often as it may be, to pages that are all gone.
    pub(super) fn abandon_exhausted(&mut self, effects: &mut Effects<W>) {
        let is_there = |key: &SubscriberKey| {
            self.sessions.contains_key(key) || self.consumers.contains_key(key)
        };
        let kept = self.unconsumed.kept.iter();
        let exhausted = kept.filter(|(_, kept)| kept.is_exhausted() && kept.running == 0);
        let gone = exhausted.filter(|(_, kept)| !kept.receivers.iter().any(is_there));
        let gone: Vec<u64> = gone.map(|(seq, _)| *seq).collect();
        for seq in gone {
            self.abandon(seq, effects);
        }
    }

    /// Gives up what has expired, also while a handler of it runs.
    pub(super) fn expire_unconsumed(&mut self) {
        if self.unconsumed.expiring.is_empty() {
            return;
        }
        let steady = self.clock.steady();
        while let Some((seq, ())) = self.unconsumed.expiring.take_expired(steady) {
            let abandoned = self.unconsumed.abandon(seq, true);
            self.freed.abandoned.extend(abandoned);
        }
    }

    fn abandon(&mut self, seq: u64, effects: &mut Effects<W>) {
        effects
            .abandoned
            .extend(self.unconsumed.abandon(seq, false));
    }

    /// A page that renews its session may still tell of what it has received in the one before.
    pub(super) fn keep_receiver(
        &mut self,
        subscriber: SubscriberKey,
        webview: &str,
        before: SessionId,
        up_to: u64,
    ) {
        let Some(own) = self.webviews.get(webview) else {
            return;
        };
        let Some(before) = own.ended_key(before) else {
            return;
        };
        for (_, kept) in self.unconsumed.kept.range_mut(..=up_to) {
            if !kept.receivers.contains(&before) {
                continue;
            }
            kept.note_receiver(subscriber);
            if kept.receivers.len() > MANY_RECEIVERS {
                // Those that are left neither tell of it nor are continued.
                kept.receivers.retain(|key| {
                    self.sessions.contains_key(key)
                        || self.consumers.contains_key(key)
                        || own.ended.iter().any(|ended| ended.key == *key)
                });
            }
        }
    }
}
