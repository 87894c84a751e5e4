use std::collections::VecDeque;
use std::sync::Arc;

use crate::hub::queue::QueueBound;
use crate::hub::subscriptions::SubscriptionId;
use crate::model::delivery::Addressing;
use crate::model::event::{BusEvent, Gap, GapReason};

/// What a webview without a live page would have got: from the point where its next page resumes, as far as it is kept.
///
/// Each webview has its own, so that no name and no page can crowd out another one's.
#[derive(Debug)]
pub(crate) struct Backlog {
    kept: VecDeque<BacklogEntry>,
    bytes: usize,
    bound: QueueBound,
    /// Where the next page resumes: before what the page before had not acknowledged.
    resumes_after: u64,
    /// Every event after this sequence number is kept, or was evicted. Of those before, only what was owed is here.
    complete_after: u64,
    evicted: Option<Evicted>,
    /// What the page before will not get again of what it was owed, by the subscriptions that it was owed to.
    evicted_owed: Vec<(Arc<[SubscriptionId]>, Evicted)>,
    /// What was evicted of all that came after the page before, whoever may have listened.
    evicted_since: Option<Evicted>,
}

/// How many lists of subscriptions are told apart in what was evicted. Events of one name share theirs.
const MAX_LISTS: usize = 64;

/// An event that this webview may get, and how it is for it.
#[derive(Debug, Clone)]
pub(crate) struct BacklogEntry {
    pub(crate) event: BusEvent,
    pub(crate) reach: Addressing,
    /// The subscriptions of the page before that had not got it, in order. None, if it came afterwards.
    pub(crate) pending_for: Option<Arc<[SubscriptionId]>>,
}

impl BacklogEntry {
    /// What it counts for. Ids may be many, where a page has subscribed to the same again and again.
    fn weight(&self) -> usize {
        let ids = self.pending_for.as_ref().map_or(0, |ids| ids.len());
        self.event.weight() + ids * size_of::<SubscriptionId>()
    }

    /// Whether it was only given to the page before because it is retained, as it will be given to the next one.
    pub(crate) fn is_only_retained(&self) -> bool {
        let mark = self.event.mark();
        mark.retained && !mark.replayed
    }

    /// Whether it is kept for nobody of the page before, and the other one is the same event for somebody.
    pub(crate) fn is_unclaimed_copy_of(&self, own: &Self) -> bool {
        self.event.seq() == own.event.seq()
            && self.pending_for.as_ref().is_some_and(|ids| ids.is_empty())
            && !own.is_only_retained()
    }
}

#[derive(Debug, Clone, Copy)]
struct Evicted {
    from: u64,
    to: u64,
    count: u64,
}

impl Evicted {
    fn join(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            count: self.count + other.count,
        }
    }

    /// The part of it after this sequence number.
    fn after(self, seq: u64) -> Option<Self> {
        let from = self.from.max(seq + 1);
        (self.to > seq).then(|| Self {
            from,
            to: self.to,
            count: self.count.min(self.to + 1 - from),
        })
    }

    /// As a gap. Its count is an upper bound, since nobody knows who would have listened to what.
    fn gap(self) -> Gap {
        Gap {
            from: self.from,
            to: self.to,
            count: self.count,
            at_most: true,
            reason: GapReason::HistoryFull,
        }
    }
}

impl Backlog {
    pub(crate) fn new(bound: QueueBound, resumes_after: u64, complete_after: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            bound,
            resumes_after,
            complete_after,
            evicted: None,
            evicted_owed: Vec::new(),
            evicted_since: None,
        }
    }

    pub(crate) fn keep(&mut self, kept: BacklogEntry) {
        self.bytes += kept.weight();
        self.kept.push_back(kept);
        while self.kept.len() > self.bound.events || self.bytes > self.bound.bytes {
            let Some(oldest) = self.kept.pop_front() else {
                return;
            };
            self.bytes -= oldest.weight();
            let seq = oldest.event.seq();
            self.note_loss(seq, seq, 1, oldest.pending_for.as_ref());
        }
    }

    /// Counts what is lost for the next page, here or before, and for these subscriptions of the page before.
    pub(crate) fn note_loss(
        &mut self,
        from: u64,
        to: u64,
        count: u64,
        pending_for: Option<&Arc<[SubscriptionId]>>,
    ) {
        let lost = Evicted { from, to, count };
        let join = |evicted: Option<Evicted>| Some(evicted.map_or(lost, |own| own.join(lost)));
        self.evicted = join(self.evicted);
        let Some(ids) = pending_for else {
            self.evicted_since = join(self.evicted_since);
            return;
        };
        if ids.is_empty() {
            return;
        }
        let is_same = |(other, _): &&mut (Arc<[SubscriptionId]>, Evicted)| Arc::ptr_eq(other, ids);
        if let Some((_, evicted)) = self.evicted_owed.iter_mut().find(is_same) {
            *evicted = evicted.join(lost);
        } else if self.evicted_owed.len() < MAX_LISTS {
            self.evicted_owed.push((Arc::clone(ids), lost));
        } else {
            // Too many to tell apart: it may have been anybody's.
            self.evicted_since = join(self.evicted_since);
        }
    }

    /// What came after this sequence number, in order, for a page that was not there.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &BacklogEntry> {
        let start = self.kept.partition_point(|kept| kept.event.seq() <= seq);
        self.kept
            .range(start..)
            .filter(|kept| !kept.is_only_retained())
    }

    /// What the page before goes on with: what this subscription of it had not got, and what came afterwards.
    pub(crate) fn pending_for(&self, id: SubscriptionId) -> impl Iterator<Item = &BacklogEntry> {
        self.kept
            .iter()
            .filter(move |kept| match &kept.pending_for {
                Some(ids) => ids.binary_search(&id).is_ok(),
                None => kept.event.seq() > self.complete_after,
            })
    }

    /// How many events are kept, and their bytes.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.kept.len(), self.bytes)
    }

    pub(crate) fn complete_after(&self) -> u64 {
        self.complete_after
    }

    /// What was evicted after this sequence number.
    pub(crate) fn evicted_after(&self, seq: u64) -> Option<(u64, u64, u64)> {
        let evicted = self.evicted?.after(seq)?;
        Some((evicted.from, evicted.to, evicted.count))
    }

    /// What a subscription of the page before will not get again, as a gap. It has had all that it was owed up to the
    /// event that it has handled last.
    pub(crate) fn eviction_of(&self, id: SubscriptionId, handled: u64) -> Option<Gap> {
        let owed = self.evicted_owed.iter();
        let owed = owed.filter(|(ids, _)| ids.binary_search(&id).is_ok());
        let evicted = owed.map(|(_, evicted)| *evicted).chain(self.evicted_since);
        let missed = evicted.filter_map(|evicted| evicted.after(handled));
        missed.reduce(Evicted::join).map(Evicted::gap)
    }

    pub(crate) fn resumes_after(&self) -> u64 {
        self.resumes_after
    }

    /// What was evicted after this sequence number, as a gap.
    pub(crate) fn eviction_after(&self, seq: u64) -> Option<Gap> {
        self.evicted?.after(seq).map(Evicted::gap)
    }

    /// What a page that was away while another one was there may have missed: all that is not kept completely.
    pub(crate) fn absence_after(&self, seq: u64) -> Option<Gap> {
        (seq < self.complete_after).then(|| Gap {
            from: seq + 1,
            to: self.complete_after,
            count: self.complete_after - seq,
            at_most: true,
            reason: GapReason::SessionEnded,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::queue::tests::event;

    fn backlog(events: usize, seqs: &[u64]) -> Backlog {
        let bound = QueueBound {
            events,
            bytes: 1 << 20,
        };
        let mut backlog = Backlog::new(bound, seqs[0] - 1, seqs[0] - 1);
        for seq in seqs {
            backlog.keep(BacklogEntry {
                event: event(*seq, "null"),
                reach: Addressing::Broadcast,
                pending_for: None,
            });
        }
        backlog
    }

    fn after(backlog: &Backlog, seq: u64) -> Vec<u64> {
        backlog.after(seq).map(|kept| kept.event.seq()).collect()
    }

    #[test]
    fn gives_what_came_after_a_number() {
        let backlog = backlog(9, &[3, 5, 8]);
        assert_eq!(after(&backlog, 0), [3, 5, 8]);
        assert_eq!(after(&backlog, 3), [5, 8]);
        assert_eq!(after(&backlog, 4), [5, 8]);
        assert_eq!(after(&backlog, 8), [] as [u64; 0]);
        assert_eq!(backlog.eviction_after(2), None);
    }

    #[test]
    fn what_was_evicted_is_a_gap_with_an_upper_bound() {
        let backlog = backlog(2, &[3, 5, 8, 9]);
        assert_eq!(after(&backlog, 2), [8, 9]);
        let gap = backlog.eviction_after(2).unwrap();
        assert_eq!((gap.from, gap.to, gap.count, gap.at_most), (3, 5, 2, true));
        assert_eq!(gap.reason, GapReason::HistoryFull);
        let gap = backlog.eviction_after(4).unwrap();
        assert_eq!((gap.from, gap.to, gap.count), (5, 5, 1));
        assert_eq!(backlog.eviction_after(5), None);
    }

    #[test]
    fn a_page_that_was_away_misses_what_is_not_complete() {
        let backlog = backlog(9, &[10, 11]);
        let gap = backlog.absence_after(6).unwrap();
        assert_eq!((gap.from, gap.to, gap.count, gap.at_most), (7, 9, 3, true));
        assert_eq!(gap.reason, GapReason::SessionEnded);
        assert_eq!(backlog.absence_after(9), None);
    }

    #[test]
    fn a_loss_concerns_those_it_was_owed_to_as_far_as_lists_are_told_apart() {
        let mut backlog = Backlog::new(
            QueueBound {
                events: 1,
                bytes: 1 << 20,
            },
            0,
            0,
        );
        let missed = |backlog: &Backlog, id, handled| {
            let gap = backlog.eviction_of(id, handled)?;
            Some((gap.from, gap.to, gap.count))
        };
        for n in 1..=MAX_LISTS as u64 {
            let ids: Arc<[SubscriptionId]> = [n as SubscriptionId].into();
            backlog.note_loss(n, n, 1, Some(&ids));
            backlog.note_loss(n + 100, n + 100, 1, Some(&ids));
        }
        assert_eq!(missed(&backlog, 1, 0), Some((1, 101, 2)));
        assert_eq!(missed(&backlog, 64, 70), Some((71, 164, 2)));
        assert_eq!(missed(&backlog, 65, 0), None);
        backlog.note_loss(300, 300, 1, Some(&[].into()));
        assert_eq!(missed(&backlog, 65, 0), None);
        // One list more may be anybody's.
        backlog.note_loss(301, 301, 1, Some(&[66].into()));
        assert_eq!(missed(&backlog, 65, 0), Some((301, 301, 1)));
        assert_eq!(missed(&backlog, 65, 301), None);
    }

    #[test]
    fn ids_weigh_too() {
        let bound = QueueBound {
            events: 1000,
            bytes: 100_000,
        };
        let mut backlog = Backlog::new(bound, 0, 0);
        for seq in 1..=10 {
            backlog.keep(BacklogEntry {
                event: event(seq, "null"),
                reach: Addressing::Broadcast,
                pending_for: Some((0..4096).collect()),
            });
        }
        assert_eq!(after(&backlog, 0).len(), 6);
    }

    #[test]
    fn a_single_event_larger_than_the_bound_is_evicted_and_counted() {
        let mut backlog = Backlog::new(
            QueueBound {
                events: 9,
                bytes: 10,
            },
            0,
            0,
        );
        backlog.keep(BacklogEntry {
            event: event(1, "\"a long payload\""),
            reach: Addressing::Broadcast,
            pending_for: None,
        });
        assert_eq!(after(&backlog, 0), [] as [u64; 0]);
        assert_eq!(backlog.eviction_after(0).unwrap().count, 1);
        assert_eq!(backlog.bytes, 0);
    }
}
