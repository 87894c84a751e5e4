use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::hub::ids::SubscriptionId;
use crate::hub::loss::Loss;
use crate::hub::losses::{LossOf, Losses};
use crate::hub::queue::{QueueBound, SupersededLists};
use crate::model::delivery::Addressing;
use crate::model::event::{BusEvent, Gap, GapReason, Mark};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;

/// What is kept for a webview without a live page: from the point where its next page resumes, as far as there is room.
///
/// Each webview has its own, so that no name and no page can crowd out another one's.
#[derive(Debug)]
pub(crate) struct Backlog {
    kept: VecDeque<BacklogEntry>,
    /// What the page before had not acknowledged of names without history. It takes only room that is left.
    transient: VecDeque<BacklogEntry>,
    bytes: usize,
    bound: QueueBound,
    /// No event that has its payload expires before this time.
    next_expiry: Option<Duration>,
    /// Where the next page resumes: before what the page before had not acknowledged.
    resumes_after: u64,
    /// Every event after this sequence number is kept, or was evicted. Of those before, only what the page before had not
    /// acknowledged is here.
    complete_after: u64,
    evicted: Losses,
    /// The part of it that the page that is starting has neither taken nor been told of.
    evicted_untaken: Losses,
    /// What was evicted of what the page before had not acknowledged, by the subscriptions that it was pending for.
    evicted_pending: Vec<(Arc<[SubscriptionId]>, Loss)>,
    /// Gaps that were delivered to the page before and that it has not acknowledged, with their indexes in its session.
    delivered_gaps: Vec<(Arc<[SubscriptionId]>, Loss, u64)>,
    /// What was evicted of all that came after the page before, and of what was for too many lists of subscriptions.
    evicted_since: Losses,
    /// What came after the page before and has no history.
    skipped: Losses,
}

/// How many lists of subscriptions are told apart in what was evicted. Events of one name share a list.
const MAX_LISTS: usize = 64;

/// An event for this webview, and how it is addressed to it.
#[derive(Debug, Clone)]
pub(crate) struct BacklogEntry {
    pub(crate) event: BusEvent,
    pub(crate) addressing: Addressing,
    /// The subscriptions of the page before that had not received it, in order. `None` if it came afterwards.
    pub(crate) pending_for: Option<Arc<[SubscriptionId]>>,
    /// Whether its name has no history, so that only the page before gets it, if that page renews its session.
    pub(crate) is_transient: bool,
    /// What it replaced, by the subscriptions of the page before.
    pub(crate) superseded: SupersededLists,
    /// Whether the page that is starting has it in its outbox, or had it.
    pub(crate) is_taken: bool,
    /// Whether it has expired, and its payload is dropped.
    pub(crate) is_empty: bool,
}

impl BacklogEntry {
    /// What it counts for. There may be many ids, where a page has subscribed to the same again and again.
    fn weight(&self) -> usize {
        let superseded = self.superseded.iter().map(|(ids, _)| ids);
        let ids = self.pending_for.iter().chain(superseded);
        let count: usize = ids.map(|ids| ids.len()).sum();
        self.event.weight() + count * size_of::<SubscriptionId>()
    }

    /// The mark for this subscription of the page before: with what it lost if this event is lost.
    pub(crate) fn mark_of(&self, id: SubscriptionId) -> Mark {
        let lists = self.superseded.iter();
        let own = lists.filter(|(ids, _)| ids.binary_search(&id).is_ok());
        let lost = own.map(|(_, lost)| *lost).reduce(Loss::join);
        Mark {
            superseded: lost.map_or(0, Loss::total),
            superseded_from: lost.map_or(0, Loss::first),
            ..self.event.mark()
        }
    }

    /// What is lost with it.
    fn loss(&self) -> Loss {
        match self.superseded.len() {
            0 => Loss::of(&self.event),
            _ => self.superseded.lost_with(self.event.seq()),
        }
    }

    /// Whether the page before got it only because it is retained. The next page will get it for the same reason.
    pub(crate) fn is_only_retained(&self) -> bool {
        let mark = self.event.mark();
        mark.retained && !mark.replayed
    }
}

impl Backlog {
    pub(crate) fn new(bound: QueueBound, resumes_after: u64, complete_after: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            transient: VecDeque::new(),
            bytes: 0,
            bound,
            next_expiry: None,
            resumes_after,
            complete_after,
            evicted: Losses::default(),
            evicted_untaken: Losses::default(),
            evicted_pending: Vec::new(),
            delivered_gaps: Vec::new(),
            evicted_since: Losses::default(),
            skipped: Losses::default(),
        }
    }

    pub(crate) fn push(&mut self, kept: BacklogEntry) {
        self.bytes += kept.weight();
        let deadlines = self.next_expiry.into_iter();
        self.next_expiry = deadlines.chain(kept.event.expires_at()).min();
        if kept.is_transient {
            self.transient.push_back(kept);
        } else {
            self.kept.push_back(kept);
        }
        while self.kept.len() + self.transient.len() > self.bound.events
            || self.bytes > self.bound.bytes
        {
            if let Some(oldest) = self.transient.pop_front() {
                self.bytes -= oldest.weight();
                let of = LossOf::Events(oldest.event.event_name().clone(), oldest.addressing);
                let lost = oldest.loss();
                self.note_pending_loss(lost, of, oldest.pending_for.as_ref());
            } else if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.weight();
                let lost = oldest.loss();
                let of = LossOf::Events(oldest.event.event_name().clone(), oldest.addressing);
                // The next page still gets it where another subscription had yet to receive it, too.
                let is_kept = self.kept.front().is_some_and(|next| {
                    next.event.seq() == oldest.event.seq() && !next.is_only_retained()
                });
                if !is_kept {
                    if !oldest.is_taken {
                        self.evicted_untaken.add(of.clone(), lost);
                    }
                    self.evicted.add(of.clone(), lost);
                }
                self.note_pending_loss(lost, of, oldest.pending_for.as_ref());
            } else {
                return;
            }
        }
    }

    /// When the next event expires, at the earliest.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.next_expiry
    }

    /// Drops the payloads of what has expired. The rest of it stays to be counted for those whom it was for.
    pub(crate) fn empty_expired(&mut self, steady: Duration) {
        if self.next_expiry.is_none_or(|next| steady < next) {
            return;
        }
        let mut next_expiry = None;
        for kept in self.kept.iter_mut().chain(&mut self.transient) {
            let Some(deadline) = kept.event.expires_at().filter(|_| !kept.is_empty) else {
                continue;
            };
            if deadline > steady {
                next_expiry =
                    Some(next_expiry.map_or(deadline, |next: Duration| next.min(deadline)));
                continue;
            }
            self.bytes -= kept.weight();
            kept.event = kept.event.without_payload();
            kept.is_empty = true;
            self.bytes += kept.weight();
        }
        self.next_expiry = next_expiry;
    }

    /// Counts an event that came after the page before, and is not kept since its name has no history.
    pub(crate) fn skip(&mut self, seq: u64, name: &EventName, addressing: Addressing) {
        // The name is shared, so a clone costs no allocation.
        let of = LossOf::Events(name.clone(), addressing);
        self.skipped.add(of, Loss::of_one(seq));
    }

    /// Counts events of another node that are lost, of names that these patterns match.
    pub(crate) fn lose(&mut self, lost: Loss, patterns: &Arc<[EventPattern]>) {
        let of = LossOf::Patterns(Arc::clone(patterns));
        self.evicted.add(of.clone(), lost);
        self.evicted_untaken.add(of.clone(), lost);
        self.evicted_since.add(of, lost);
    }

    /// What a subscription may have missed after this sequence number of names that have no history.
    pub(crate) fn skipped_after(
        &self,
        seq: u64,
        concerns: impl Fn(&LossOf) -> bool,
    ) -> Option<Gap> {
        let missed = self.skipped.after(seq, concerns)?;
        // The subscriptions of the next page are not known, so the count is an upper bound.
        Some(missed.gap(GapReason::SessionEnded, true))
    }

    /// Counts what the page before had lost, for which of its subscriptions, what these were to, and under which index that
    /// was delivered. `missing` is the part that is not kept for another one of them.
    pub(crate) fn note_gap(
        &mut self,
        (lost, missing): (Loss, Option<Loss>),
        pending_for: &Arc<[SubscriptionId]>,
        patterns: Arc<[EventPattern]>,
        index: Option<u64>,
    ) {
        let of = LossOf::Patterns(patterns);
        if let Some(missing) = missing {
            self.evicted.add(of.clone(), missing);
            self.evicted_untaken.add(of.clone(), missing);
        }
        match index {
            Some(index) if self.delivered_gaps.len() < MAX_LISTS => {
                self.delivered_gaps
                    .push((Arc::clone(pending_for), lost, index));
            }
            _ => self.note_pending_loss(lost, of, Some(pending_for)),
        }
    }

    /// Counts what was evicted before, and was for subscriptions that the page before had yet to make.
    pub(crate) fn note_untaken(&mut self, evicted: Losses) {
        self.evicted.extend(evicted.clone());
        self.evicted_untaken.extend(evicted);
    }

    /// The page that is starting was told of this part of what was evicted, or has it.
    pub(crate) fn note_told(&mut self, is_told: impl Fn(Option<&LossOf>) -> bool) {
        self.evicted_untaken.forget(is_told);
    }

    /// The page that is starting has this event in its outbox, or has handled it.
    pub(crate) fn note_taken(&mut self, seq: u64) {
        let is_newest = self
            .kept
            .back()
            .is_some_and(|newest| newest.event.seq() == seq);
        let end = match is_newest {
            true => self.kept.len(),
            false => self.kept.partition_point(|kept| kept.event.seq() <= seq),
        };
        // What is retained for the page before may be there beside it.
        for kept in self.kept.range_mut(..end).rev() {
            if kept.event.seq() != seq {
                return;
            }
            kept.is_taken = true;
        }
    }

    /// Forgets what came up to this sequence number, and whom it was for.
    pub(crate) fn forget_until(&mut self, seq: u64) {
        self.transient.clear();
        self.kept.retain(|kept| kept.event.seq() > seq);
        self.bytes = self.kept.iter().map(BacklogEntry::weight).sum();
        (self.resumes_after, self.complete_after) = (seq, seq);
        self.evicted_pending.clear();
        self.delivered_gaps.clear();
        for losses in [
            &mut self.evicted,
            &mut self.evicted_untaken,
            &mut self.evicted_since,
            &mut self.skipped,
        ] {
            losses.forget_until(seq);
        }
    }

    /// The page that was starting was never there.
    pub(crate) fn take_back(&mut self) {
        self.evicted_untaken = self.evicted.clone();
        for kept in &mut self.kept {
            kept.is_taken = false;
        }
    }

    /// What the page that was starting has not taken, and what was evicted of that.
    pub(crate) fn into_untaken(self) -> (Vec<BacklogEntry>, Losses) {
        let untaken = self.kept.into_iter();
        let untaken = untaken.filter(|kept| !kept.is_taken && !kept.is_only_retained());
        let (resumes_after, mut evicted) = (self.resumes_after, self.evicted_untaken);
        let untaken = untaken.filter(|kept| kept.event.seq() > resumes_after);
        evicted.forget_until(resumes_after);
        (untaken.collect(), evicted)
    }

    /// Counts what is lost for the page before, if it renews its session.
    fn note_pending_loss(
        &mut self,
        lost: Loss,
        of: LossOf,
        pending_for: Option<&Arc<[SubscriptionId]>>,
    ) {
        let Some(ids) = pending_for else {
            self.evicted_since.add(of, lost);
            return;
        };
        if ids.is_empty() {
            return;
        }
        let is_same = |(other, _): &&mut (Arc<[SubscriptionId]>, Loss)| Arc::ptr_eq(other, ids);
        if let Some((_, evicted)) = self.evicted_pending.iter_mut().find(is_same) {
            *evicted = evicted.join(lost);
        } else if self.evicted_pending.len() < MAX_LISTS {
            self.evicted_pending.push((Arc::clone(ids), lost));
        } else {
            // Too many to tell apart: it may concern any subscription that the events are for.
            self.evicted_since.add(of, lost);
        }
    }

    /// What came after this sequence number, in order, for a page that was not there.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &BacklogEntry> {
        let start = self.kept.partition_point(|kept| kept.event.seq() <= seq);
        self.kept
            .range(start..)
            .filter(|kept| !kept.is_only_retained())
    }

    /// What this subscription of the page before resumes with: what it had not received, and what came afterwards.
    pub(crate) fn pending_for(&self, id: SubscriptionId) -> impl Iterator<Item = &BacklogEntry> {
        let kept = self.kept.iter().chain(&self.transient);
        kept.filter(move |kept| match &kept.pending_for {
            Some(ids) => ids.binary_search(&id).is_ok(),
            None => kept.event.seq() > self.complete_after,
        })
    }

    /// How many events are kept, and their bytes.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (self.kept.len() + self.transient.len(), self.bytes)
    }

    pub(crate) fn complete_after(&self) -> u64 {
        self.complete_after
    }

    /// What was evicted for a subscription of the page before, and not told yet. It has received all that was for it up to
    /// the event that it has handled last, and every gap up to this index.
    pub(crate) fn eviction_of(
        &self,
        id: SubscriptionId,
        (handled, index): (u64, u64),
        may_concern: impl Fn(&LossOf) -> bool,
    ) -> Option<Loss> {
        let concerns = |ids: &[SubscriptionId]| ids.binary_search(&id).is_ok();
        let pending = self.evicted_pending.iter();
        let pending = pending.filter(|(ids, _)| concerns(ids));
        let untold = self.delivered_gaps.iter();
        let untold = untold.filter(|(ids, _, at)| *at > index && concerns(ids));
        let evicted = pending
            .map(|(_, evicted)| *evicted)
            .chain(untold.map(|(_, lost, _)| *lost));
        let missed = evicted.filter_map(|evicted| evicted.after(handled));
        let missed = missed.chain(self.evicted_since.after(handled, may_concern));
        missed.reduce(Loss::join)
    }

    pub(crate) fn resumes_after(&self) -> u64 {
        self.resumes_after
    }

    /// What was evicted after this sequence number, of what concerns a subscription.
    pub(crate) fn eviction_after(
        &self,
        seq: u64,
        concerns: impl Fn(&LossOf) -> bool,
    ) -> Option<Loss> {
        self.evicted.after(seq, concerns)
    }

    /// What a page may have missed that was away while another page was there: all that is not kept completely.
    pub(crate) fn absence_after(&self, seq: u64) -> Option<Gap> {
        absence(seq, self.complete_after)
    }
}

/// What a page may have missed that was away after one event until another.
pub(crate) fn absence(after: u64, until: u64) -> Option<Gap> {
    (after < until).then(|| Gap {
        from: after + 1,
        to: until,
        count: until - after,
        at_most: true,
        reason: GapReason::SessionEnded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::tests::event;

    fn backlog(events: usize, seqs: &[u64]) -> Backlog {
        let bound = QueueBound {
            events,
            bytes: 1 << 20,
        };
        let mut backlog = Backlog::new(bound, seqs[0] - 1, seqs[0] - 1);
        for seq in seqs {
            backlog.push(BacklogEntry {
                event: event(*seq, "null"),
                addressing: Addressing::Broadcast,
                pending_for: None,
                is_transient: false,
                superseded: SupersededLists::default(),
                is_taken: false,
                is_empty: false,
            });
        }
        backlog
    }

    fn after(backlog: &Backlog, seq: u64) -> Vec<u64> {
        backlog.after(seq).map(|kept| kept.event.seq()).collect()
    }

    #[test]
    fn returns_what_came_after_a_number() {
        let backlog = backlog(9, &[3, 5, 8]);
        assert_eq!(after(&backlog, 0), [3, 5, 8]);
        assert_eq!(after(&backlog, 3), [5, 8]);
        assert_eq!(after(&backlog, 4), [5, 8]);
        assert_eq!(after(&backlog, 8), [] as [u64; 0]);
        assert_eq!(backlog.eviction_after(2, |_| true), None);
    }

    #[test]
    fn an_eviction_is_told_as_far_as_it_was_missed() {
        let backlog = backlog(2, &[3, 5, 8, 9]);
        assert_eq!(after(&backlog, 2), [8, 9]);
        assert_eq!(
            backlog.eviction_after(2, |_| true),
            Some(Loss::of_range(3, 5, 2))
        );
        assert_eq!(backlog.eviction_after(4, |_| true), Some(Loss::of_one(5)));
        assert_eq!(backlog.eviction_after(5, |_| true), None);
    }

    #[test]
    fn an_absence_is_a_gap_up_to_what_is_complete() {
        let backlog = backlog(9, &[10, 11]);
        let gap = backlog.absence_after(6).unwrap();
        assert_eq!((gap.from, gap.to, gap.count, gap.at_most), (7, 9, 3, true));
        assert_eq!(gap.reason, GapReason::SessionEnded);
        assert_eq!(backlog.absence_after(9), None);
    }

    #[test]
    fn a_loss_concerns_the_subscriptions_it_was_for() {
        let mut backlog = Backlog::new(
            QueueBound {
                events: 1,
                bytes: 1 << 20,
            },
            0,
            0,
        );
        let missed =
            |backlog: &Backlog, id, handled| backlog.eviction_of(id, (handled, 0), |_| true);
        let one = |seq| (Loss::of_one(seq), Some(Loss::of_one(seq)));
        for n in 1..=MAX_LISTS as u64 {
            let ids: Arc<[SubscriptionId]> = [n as SubscriptionId].into();
            backlog.note_gap(one(n), &ids, [].into(), None);
            backlog.note_gap(one(n + 100), &ids, [].into(), None);
        }
        assert_eq!(missed(&backlog, 1, 0), Some(Loss::of_range(1, 101, 2)));
        assert_eq!(missed(&backlog, 64, 70), Some(Loss::of_range(71, 164, 2)));
        assert_eq!(missed(&backlog, 65, 0), None);
        backlog.note_gap(one(300), &[].into(), [].into(), None);
        assert_eq!(missed(&backlog, 65, 0), None);
        // One list more may concern any subscription.
        backlog.note_gap(one(301), &[66].into(), [].into(), None);
        assert_eq!(missed(&backlog, 65, 0), Some(Loss::of_range(301, 301, 1)));
        assert_eq!(missed(&backlog, 65, 301), None);
    }

    #[test]
    fn ids_count_as_bytes() {
        let bound = QueueBound {
            events: 1000,
            bytes: 100_000,
        };
        let mut backlog = Backlog::new(bound, 0, 0);
        for seq in 1..=10 {
            backlog.push(BacklogEntry {
                event: event(seq, "null"),
                addressing: Addressing::Broadcast,
                pending_for: Some((0..4096).collect()),
                is_transient: false,
                superseded: SupersededLists::default(),
                is_taken: false,
                is_empty: false,
            });
        }
        assert_eq!(after(&backlog, 0).len(), 6);
    }

    #[test]
    fn an_event_larger_than_the_bound_is_evicted() {
        let mut backlog = Backlog::new(
            QueueBound {
                events: 9,
                bytes: 10,
            },
            0,
            0,
        );
        backlog.push(BacklogEntry {
            event: event(1, "\"a long payload\""),
            addressing: Addressing::Broadcast,
            pending_for: None,
            is_transient: false,
            superseded: SupersededLists::default(),
            is_taken: false,
            is_empty: false,
        });
        assert_eq!(after(&backlog, 0), [] as [u64; 0]);
        assert_eq!(backlog.eviction_after(0, |_| true), Some(Loss::of_one(1)));
        assert_eq!(backlog.bytes, 0);
    }
}
