//! What new subscriptions get of what came before them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::hub::ids::SubscriptionId;
use crate::hub::loss::{Loss, Superseded};
use crate::hub::losses::LossOf;
use crate::hub::queue::{LostEvents, QueuedEvent};
use crate::hub::reception::Reception;
use crate::hub::subscription::{ScopeAnswers, SubscriptionRequest};
use crate::model::delivery::{Addressing, DeliveryFilter};
use crate::model::event::{BusEvent, Gap, GapReason, Mark};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::sync::BusClock;

/// An event that a new subscription gets of what came before it.
pub(super) type Found<'a> = (&'a BusEvent, Addressing, Mark);

/// Leaves out of each mark the events that come again: they were replaced for another page or subscription, and are not
/// lost with the one that replaced them.
pub(super) fn discount_what_comes_again(found: &mut [Found<'_>]) {
    if found.iter().all(|(.., mark)| mark.superseded == 0) {
        return;
    }
    let mut seqs: HashMap<&EventName, Vec<u64>> = HashMap::new();
    for (event, _, mark) in found {
        let older = seqs.entry(event.event_name()).or_default();
        if mark.superseded > 0 {
            let start = older.partition_point(|seq| *seq < mark.superseded_from);
            let again = &older[start..];
            // The first one is lost unless it comes again, whatever the others were.
            let least = u64::from(again.first() != Some(&mark.superseded_from));
            mark.superseded = mark
                .superseded
                .saturating_sub(again.len() as u64)
                .max(least);
            if mark.superseded == 0 {
                mark.superseded_from = 0;
            }
        }
        older.push(event.seq());
    }
}

/// What new subscriptions get of what came before them, by sequence number.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// By sequence number, whether they are replayed or retained, and whether only the newest of a name is to wait.
    pub(super) events: BTreeMap<(u64, bool, bool, bool), CatchUpEntry>,
    gaps: Vec<LostEvents>,
    /// Read for the first event that may have expired.
    clock: BusClock,
    steady: Option<Duration>,
    /// What has expired, by the subscriptions that it was for.
    expired: BTreeMap<SubscriptionId, Loss>,
    /// The numbers of kept events that the page has, since it has handled them in an earlier session or is told of their
    /// loss.
    pub(super) handled: Vec<u64>,
}

#[derive(Debug)]
pub(super) struct CatchUpEntry {
    pub(super) event: BusEvent,
    addressing: Addressing,
    /// Its subscriptions, by how much it replaced for them: from which number on, and how many.
    subscriptions: BTreeMap<(u64, u64), Vec<SubscriptionId>>,
}

impl CatchUpEntry {
    pub(super) fn into_queued(self) -> QueuedEvent {
        let seq = self.event.seq();
        let (mut subscriptions, mut superseded) = (Vec::new(), Vec::new());
        let mut mark = self.event.mark();
        (mark.superseded_from, mark.superseded) = (0, 0);
        for ((from, count), mut ids) in self.subscriptions {
            // Sorted, as everywhere: losses are looked up by subscription.
            ids.sort_unstable();
            subscriptions.extend_from_slice(&ids);
            if count > 0 {
                superseded.push((ids.into(), Loss::of_range(from, seq, count)));
                mark.superseded = mark.superseded.max(count);
                mark.superseded_from = match mark.superseded_from {
                    0 => from,
                    other => other.min(from),
                };
            }
        }
        subscriptions.sort_unstable();
        QueuedEvent {
            event: self.event.marked(mark),
            subscriptions: subscriptions.into(),
            addressing: self.addressing,
            superseded: superseded.into(),
        }
    }
}

impl CatchUp {
    /// For subscriptions that begin now, by the steady clock.
    pub(super) fn new(clock: BusClock) -> Self {
        Self {
            events: BTreeMap::new(),
            gaps: Vec::new(),
            clock,
            steady: None,
            expired: BTreeMap::new(),
            handled: Vec::new(),
        }
    }

    fn has_expired(&mut self, event: &BusEvent) -> bool {
        event
            .expires_at()
            .is_some_and(|end| end <= *self.steady.get_or_insert_with(|| self.clock.steady()))
    }

    pub(super) fn add(
        &mut self,
        event: &BusEvent,
        addressing: Addressing,
        mark: Mark,
        (id, is_newest): (SubscriptionId, bool),
    ) {
        if self.has_expired(event) {
            let lost = Loss::of(&event.marked(mark));
            let own = self.expired.entry(id);
            own.and_modify(|own| *own = own.join(lost)).or_insert(lost);
            self.handled.push(event.seq());
            return;
        }
        self.events
            .entry((event.seq(), mark.replayed, mark.retained, is_newest))
            .or_insert_with(|| CatchUpEntry {
                event: event.marked(mark),
                addressing,
                subscriptions: BTreeMap::new(),
            })
            .subscriptions
            .entry((mark.superseded_from, mark.superseded))
            .or_default()
            .push(id);
    }

    /// The gaps, which come before the events.
    pub(super) fn take_gaps(&mut self) -> Vec<LostEvents> {
        for (id, lost) in std::mem::take(&mut self.expired) {
            let gap = lost.gap(GapReason::Expired, false);
            self.add_lost(gap, lost.superseded(), id);
        }
        std::mem::take(&mut self.gaps)
    }

    /// Adds what was evicted. The count is an upper bound, since it may concern other subscriptions.
    pub(super) fn add_eviction(&mut self, evicted: Loss, id: SubscriptionId) {
        let gap = evicted.gap(GapReason::HistoryFull, true);
        self.add_lost(gap, evicted.superseded(), id);
    }

    /// Adds what the page before had taken, and what was evicted behind it: two bounds of one range do not add up.
    pub(super) fn add_taken_over(
        &mut self,
        taken_over: Option<Gap>,
        evicted: Option<Loss>,
        id: SubscriptionId,
    ) {
        let beyond = |evicted: Loss| match &taken_over {
            Some(gap) => evicted.beyond(gap),
            None => Some(evicted),
        };
        let evicted = evicted.and_then(beyond);
        if let Some(gap) = taken_over {
            self.add_gap(gap, id);
        }
        if let Some(evicted) = evicted {
            self.add_eviction(evicted, id);
        }
    }

    pub(super) fn add_gap(&mut self, gap: Gap, id: SubscriptionId) {
        self.add_lost(gap, None, id);
    }

    /// Adds a gap, and what its events had replaced.
    pub(super) fn add_gap_with(
        &mut self,
        gap: Gap,
        replaced: Option<Superseded>,
        id: SubscriptionId,
    ) {
        let gap = match replaced {
            Some(replaced) => replaced.joined_to(gap),
            None => gap,
        };
        self.add_lost(gap, replaced, id);
    }

    pub(super) fn add_lost(
        &mut self,
        gap: Gap,
        superseded: Option<Superseded>,
        id: SubscriptionId,
    ) {
        let is_same = |lost: &&mut LostEvents| lost.gap == gap && lost.superseded == superseded;
        match self.gaps.iter_mut().find(is_same) {
            Some(lost) => {
                lost.subscriptions.insert(id);
            }
            None => self.gaps.push(LostEvents {
                gap,
                superseded,
                subscriptions: [id].into(),
                cause: None,
            }),
        }
    }
}

/// Whether a loss may concern a subscription.
pub(super) fn may_concern(
    of: &LossOf,
    request: &SubscriptionRequest,
    by: Reception<'_>,
    answers: &ScopeAnswers,
) -> bool {
    match of {
        LossOf::Events(name, addressing) => {
            by.may_receive(*addressing) && request.matches(name, answers)
        }
        LossOf::Patterns(patterns) => {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| pattern.may_overlap(&request.pattern))
        }
    }
}

/// Whether all of a loss concerns a subscription, which may not be the only one. `None` is a loss of any events.
pub(super) fn is_covered(
    of: Option<&LossOf>,
    request: &SubscriptionRequest,
    by: Reception<'_>,
    answers: &ScopeAnswers,
) -> bool {
    let takes_all = request.pattern.to_string() == "*" && request.scope.is_none();
    match of {
        None => takes_all && by.filter == DeliveryFilter::Own,
        Some(of @ LossOf::Events(..)) => may_concern(of, request, by, answers),
        Some(LossOf::Patterns(patterns)) => {
            let is_own = |pattern: &EventPattern| takes_all || *pattern == request.pattern;
            patterns.iter().all(is_own)
        }
    }
}
