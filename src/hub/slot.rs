//! What a queue keeps of an event, and what newer events replace.

use std::sync::Arc;

use crate::hub::ids::SubscriptionId;
use crate::hub::loss::Loss;
use crate::hub::queued::QueuedEvent;
use crate::hub::superseded::is_same;
use crate::model::event::Mark;
use crate::model::name::EventName;
use crate::model::policy::Overflow;

/// The slots of the events of a name that newer ones replace.
#[derive(Debug)]
pub(super) struct Newest {
    pub(super) last: u64,
    /// Those before it that are also for other subscriptions, in order. There are as many as these differ, at most.
    pub(super) older: Vec<u64>,
}

impl Newest {
    pub(super) fn slots(&self) -> impl Iterator<Item = u64> {
        self.older.iter().copied().chain([self.last])
    }

    /// Forgets a slot. Returns whether another one is left.
    pub(super) fn forget(&mut self, number: u64) -> bool {
        if self.last == number {
            let before = self.older.pop();
            self.last = before.unwrap_or(number);
            return before.is_some();
        }
        self.older.retain(|older| *older != number);
        true
    }

    /// Keeps the newest of these. The others wait as any event does, so that the work of one event has a limit.
    pub(super) fn keep_older(&mut self, mut older: Vec<u64>) {
        older.drain(..older.len().saturating_sub(MAX_LISTS));
        self.older = older;
    }

    pub(super) fn renumber(&mut self, number: u64, new: u64) {
        let slots = self.older.iter_mut().chain([&mut self.last]);
        for own in slots.filter(|own| **own == number) {
            *own = new;
        }
    }
}

/// An event that is to come, with an entry of its own for the subscriptions that want only the newest.
pub(crate) struct Arriving<'a> {
    pub(crate) name: &'a EventName,
    pub(crate) weight: usize,
    /// As how many entries it comes for the others.
    pub(crate) others: usize,
    pub(crate) newest: Option<&'a Arc<[SubscriptionId]>>,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) queued: QueuedEvent,
    pub(super) dropping: Dropping,
}

/// Whether an event may make room for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropping {
    Allowed,
    /// Only where nothing else can. Its policy is to reject, but it was accepted before its subscription began.
    LastResort,
    Never,
}

/// How many slots there are at least before empty ones are removed.
pub(super) const MIN_SLOTS: usize = 64;

/// How many lists of subscriptions are told apart in what one event replaced, or may replace. With more, it replaces no further
/// events.
const MAX_LISTS: usize = 16;

/// Whether an event may make room. `rejected` is for those whose policy is to reject.
pub(super) fn dropping(overflow: Overflow, rejected: Dropping) -> Dropping {
    match overflow {
        Overflow::Reject => rejected,
        _ => Dropping::Allowed,
    }
}

impl Slot {
    /// Those that it waits for, and those that were to get what it has replaced.
    pub(super) fn ids(&self) -> impl Iterator<Item = SubscriptionId> {
        let superseded = self.queued.superseded.iter();
        let superseded = superseded.flat_map(|(ids, _)| ids.iter());
        self.queued.subscriptions.iter().chain(superseded).copied()
    }

    /// Whether every subscription that waits for the old event gets this one, and the loss can be told for each.
    pub(super) fn may_replace(&self, old: &Self) -> bool {
        let others = &old.queued.subscriptions;
        let (own, superseded) = (&self.queued.superseded, &old.queued.superseded);
        let is_known = || superseded.iter().any(|(ids, _)| is_same(ids, others));
        old.is_covered_by(&self.queued.subscriptions)
            && (own.len() + superseded.len() < MAX_LISTS || own.len() == 0 && is_known())
    }

    /// Whether all of its subscriptions are among these.
    pub(super) fn is_covered_by(&self, ids: &Arc<[SubscriptionId]>) -> bool {
        let own = &self.queued.subscriptions;
        Arc::ptr_eq(own, ids) || own.iter().all(|id| ids.contains(id))
    }

    pub(super) fn replace(&mut self, old: Slot) {
        let lost = Loss::of_one(old.queued.event.seq());
        // One that waited for the page before may have replaced others itself.
        let own = std::mem::replace(&mut self.queued.superseded, old.queued.superseded);
        let own = own.into_lists().into_iter();
        for list in own.chain([(old.queued.subscriptions, lost)]) {
            self.queued.superseded.join(list);
        }
        let (superseded_from, superseded) = self.queued.superseded.span();
        let event = &self.queued.event;
        self.queued.event = event.marked(Mark {
            superseded,
            superseded_from,
            ..event.mark()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_older_events_may_be_replaced() {
        let mut newest = Newest {
            last: 100,
            older: Vec::new(),
        };
        newest.keep_older((0..100).collect());
        let kept: Vec<u64> = newest.slots().collect();
        assert_eq!(kept, Vec::from_iter(84..=100));
    }
}
