//! What a page must have received in the end.

use std::collections::BTreeMap;

use super::pages::{Page, Received};
use super::steps::Step;
use super::{Emitted, To, World};

impl World {
    /// The newest event of each name and target that is retained for this page now, of what a pattern matches.
    pub(super) fn retained_for(&self, page: usize, pattern: &str) -> Vec<u64> {
        let mut own: BTreeMap<(&str, To, Option<usize>), &Emitted> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.is_retained) {
            own.insert((event.name, event.to, event.by), event);
        }
        let mut newest: BTreeMap<(&str, To), u64> = BTreeMap::new();
        for ((name, to, _), event) in own {
            if !event.has_expired() && event.is_for(page, pattern) {
                let seq = newest.entry((name, to)).or_default();
                *seq = event.seq.max(*seq);
            }
        }
        newest.into_values().collect()
    }

    /// What a subscription has received matches its pattern and its page.
    pub(super) fn check_page(&self, page: usize) {
        for received in self.pages[page].received.values() {
            for event in self.events.iter().filter(|event| received.has(event.seq)) {
                assert!(
                    event.is_for(page, &received.pattern),
                    "{event:?} is not for {received:?}"
                );
            }
        }
    }

    /// Lets every page catch up. Then what was for a live subscription came, or a gap covers it.
    pub(super) fn finish(mut self) {
        self.run(Step::Wait { millis: 31_000 });
        self.renew_expired_sessions();
        for page in 0..self.pages.len() {
            // What the page had of its calls stays, and the rest comes by pulls.
            self.has_calls = false;
            self.end_calls(page);
            self.renew_expired_sessions();
            loop {
                while !self.pages[page].mailbox.is_empty() {
                    self.receive(page, 0);
                }
                let handled = self.pages[page].handled;
                self.pull(page);
                while !self.pages[page].mailbox.is_empty() {
                    self.receive(page, 0);
                }
                if self.pages[page].handled == handled {
                    break;
                }
            }
            self.check_page(page);
        }
        self.check_requests();
        self.check_nothing_left();
        assert_eq!(self.hub.count_receipts(), (0, 0));
        for page in 0..self.pages.len() {
            let own = &self.pages[page];
            let live = own.received.values();
            for received in live.filter(|received| received.until.is_none()) {
                self.check_live(page, received);
                self.check_retained(page, received);
                if is_first_of(received, own) && !own.has_returned {
                    self.check_seam(page, received);
                    self.check_first_page(page, received);
                }
            }
        }
    }

    fn check_live(&self, page: usize, received: &Received) {
        let (mut missing, mut replaced) = (0, 0);
        for event in &self.events {
            let is_due = event.seq > received.since && event.is_for(page, &received.pattern);
            if !is_due || received.has(event.seq) {
                continue;
            }
            if received.is_superseded(event) {
                replaced += u64::from(received.is_in_gap(event.seq));
            } else {
                // One that was replaced is lost with what had replaced it.
                let may_drop = event.name != "reject"
                    || received.may_replace(event.name)
                    || event.has_expired()
                    || received.is_renewed
                    || received.has_past_gap();
                assert!(may_drop, "{event:?} was never to be dropped: {received:?}");
                assert!(
                    received.is_in_gap(event.seq),
                    "{event:?} is lost without a gap: {received:?}"
                );
                missing += 1;
            }
        }
        let gaps = &received.gaps;
        let all: u64 = gaps.iter().map(|gap| gap.count).sum();
        // What was dropped of a replay counts, too, and is not missing above.
        // After a renewal, a retained event that was lost comes again and may be lost again.
        let mut retained = self.events.iter().filter(|event| event.is_retained);
        let may_count_more =
            received.is_renewed && retained.any(|event| received.is_in_gap(event.seq));
        let is_exact = !may_count_more
            && received.earlier.is_empty()
            && gaps
                .iter()
                .all(|gap| !gap.at_most && gap.from > received.since);
        if is_exact {
            // One that was replaced for another subscription may have been dropped for this one.
            let exact = missing..=missing + replaced;
            assert!(exact.contains(&all), "{missing} {replaced} {received:?}");
        }
        assert!(all >= missing, "{received:?}");
    }

    /// What was retained when the subscription began came, or a newer one of its name and target, or a gap.
    fn check_retained(&self, page: usize, received: &Received) {
        for seq in &received.retained {
            let of = |seq: u64| self.events.iter().find(|event| event.seq == seq);
            let Some(old) = of(*seq) else {
                panic!("{seq} was never emitted");
            };
            let replaces = |new: &&Emitted| {
                new.seq > old.seq && new.is_retained && (new.name, new.to) == (old.name, old.to)
            };
            let mut newer = self.events.iter().filter(replaces);
            let is_replaced = newer.any(|new| {
                // One that is not for this page takes the place of the emitter's own.
                received.came_or_is_in_gap(new.seq)
                    || received.is_superseded(new)
                    || !new.is_for(page, &received.pattern)
            });
            let is_told = received.came_or_is_in_gap(*seq) || received.is_superseded(old);
            // What a session had of it that ended without a pull is not told.
            let is_over = received.is_renewed && old.has_expired();
            assert!(
                is_over || is_replaced || is_told || !received.gaps.is_empty(),
                "{old:?} was retained and never came: {received:?}"
            );
        }
    }

    /// What the page before did not handle, and what came while there was none, reached a page that started in time.
    fn check_seam(&self, page: usize, received: &Received) {
        let Some(before) = &self.before[page] else {
            return;
        };
        let mut olds = before.received.values();
        let same = olds.find(|old| old.pattern == received.pattern && old.until.is_none());
        let Some(old) = same else {
            return;
        };
        for event in self.events.iter().filter(|event| event.name != "live") {
            let is_due = event.seq > old.since
                && event.seq <= received.since
                && event.is_for(page, &received.pattern);
            let is_told =
                |own: &Received| own.came_or_is_in_gap(event.seq) || own.is_superseded(event);
            assert!(
                !is_due || is_told(old) || is_told(received),
                "{event:?} fell between two pages: {old:?} {received:?}"
            );
        }
    }

    /// What was emitted since the hub heard of a webview reached its first page.
    fn check_first_page(&self, page: usize, received: &Received) {
        if self.before[page].is_some() {
            return;
        }
        for event in self.events.iter().filter(|event| event.name != "live") {
            let is_due = event.seq > self.heard_at[page]
                && event.seq <= received.since
                && event.is_for(page, &received.pattern);
            assert!(
                !is_due || received.came_or_is_in_gap(event.seq) || received.is_superseded(event),
                "{event:?} came before the first page and is lost: {received:?}"
            );
        }
    }
}

/// Only the first subscription of a page is sure to begin while the page starts.
fn is_first_of(received: &Received, page: &Page) -> bool {
    let mut all = page.received.values();
    all.next()
        .is_some_and(|first| std::ptr::eq(first, received))
}
