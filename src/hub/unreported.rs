use std::collections::BTreeMap;

use crate::hub::ids::SubscriptionId;
use crate::hub::loss::Loss;
use crate::hub::queued::{LostEvents, QueuedEvent};
use crate::model::event::{BusEvent, GapReason};

/// With how many others a loss is compared.
pub(super) const MAX_COMPARED: usize = 64;

/// What a queue has lost for one reason and has not reported yet, for each subscription.
#[derive(Debug, Default)]
pub(super) struct Unreported {
    lost: BTreeMap<SubscriptionId, Loss>,
    /// The last event that was lost, if reports need a cause.
    last: Option<BusEvent>,
}

impl Unreported {
    pub(super) fn is_empty(&self) -> bool {
        self.lost.is_empty()
    }

    /// For how many subscriptions something is lost.
    pub(super) fn len(&self) -> usize {
        self.lost.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = SubscriptionId> {
        self.lost.keys().copied()
    }

    /// Notes that an event is lost, with those that it had replaced.
    pub(super) fn note_lost(&mut self, queued: QueuedEvent, needs_cause: bool) {
        let seq = queued.event.seq();
        for (ids, superseded) in queued.superseded.iter() {
            self.note(ids, superseded.superseded_by(seq));
        }
        self.note(&queued.subscriptions, Loss::of_one(seq));
        if needs_cause {
            self.last = Some(queued.event);
        }
    }

    fn note(&mut self, ids: &[SubscriptionId], lost: Loss) {
        for id in ids {
            let own = self.lost.entry(*id);
            own.and_modify(|own| *own = own.join(lost)).or_insert(lost);
        }
    }

    /// One gap for subscriptions that have lost the same, as far as they are among the first ones.
    pub(super) fn next(&self, reason: GapReason) -> Option<LostEvents> {
        let lost = self.lost.values().next()?;
        let alike = self.lost.iter().take(MAX_COMPARED);
        let alike = alike.filter(|(_, other)| *other == lost);
        Some(LostEvents {
            gap: lost.gap(reason, false),
            superseded: lost.superseded(),
            subscriptions: alike.map(|(id, _)| *id).collect(),
            cause: self.last.clone(),
        })
    }

    /// Takes the next gap.
    pub(super) fn take(&mut self, reason: GapReason) -> Option<LostEvents> {
        let gap = self.next(reason)?;
        for id in &gap.subscriptions {
            self.lost.remove(id);
        }
        if self.lost.is_empty() {
            self.last = None;
        }
        Some(gap)
    }

    /// Forgets the gaps of all but the live subscriptions.
    pub(super) fn forget_all_but(&mut self, is_live: impl Fn(SubscriptionId) -> bool) {
        self.lost.retain(|id, _| is_live(*id));
    }

    /// Forgets the gap of a subscription.
    pub(super) fn forget(&mut self, id: SubscriptionId) {
        self.lost.remove(&id);
    }
}
