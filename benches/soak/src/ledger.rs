//! The books of one listener: every event that was due to it came once, in order, or a gap says that it is missing.

use crate::tally::Item;
use std::collections::BTreeMap;

/// How many events of each name have been emitted. Events are numbered from 0.
pub(crate) type Totals = BTreeMap<String, u64>;

/// How many places where events are missing are named.
const MAX_HOLES: usize = 8;

#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// For each name: the number that comes next.
    next: BTreeMap<String, Position>,
    /// What was missing between runs, and what gaps said, since the last settlement.
    missing: u64,
    holes: Vec<String>,
    exact: u64,
    at_most: u64,
    /// Whether something that overflows a queue has happened since the last settlement.
    may_overflow: bool,
    /// Whether the page is new, so that it may get again what the page before it had not acknowledged.
    is_new: bool,
}

#[derive(Debug, Clone, Copy)]
struct Position {
    /// Up to which number everything has been settled. A new page gets nothing from before.
    settled: u64,
    /// The lowest and the highest number that may come next. They differ only before the first event.
    low: u64,
    high: u64,
}

/// What a ledger has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) events: u64,
    /// Events that a new page got a second time.
    pub(crate) repeated: u64,
    pub(crate) gaps: u64,
    pub(crate) lost: u64,
}

impl Ledger {
    /// A listener that began while the totals grew from `before` to `after`.
    pub(crate) fn begun(before: &Totals, after: &Totals) -> Self {
        let next = after.iter().map(|(name, high)| {
            let low = before.get(name).copied().unwrap_or(0);
            let high = *high;
            let settled = low;
            (name.clone(), Position { settled, low, high })
        });
        Self {
            next: next.collect(),
            ..Self::default()
        }
    }

    /// The page was replaced by the next one of its webview.
    pub(crate) fn replaced(&mut self) {
        self.is_new = true;
    }

    /// More is emitted than a queue holds, so gaps are right.
    pub(crate) fn may_overflow(&mut self) {
        self.may_overflow = true;
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.next.remove(name);
    }

    /// Enters what the listener has received.
    pub(crate) fn enter(&mut self, items: &[Item], faults: &mut Vec<String>) -> Count {
        let mut count = Count::default();
        for item in items {
            match item {
                Item::Run {
                    name,
                    first,
                    last,
                    retained,
                } => {
                    let position = self.next.entry(name.clone()).or_insert(Position {
                        settled: 0,
                        low: 0,
                        high: 0,
                    });
                    if last < first {
                        faults.push(format!("{name}: a run from {first} to {last}"));
                        continue;
                    }
                    count.events += last - first + 1;
                    if *retained {
                        // The newest from before the subscription; only what comes later is due.
                        if last + 1 < position.settled {
                            faults.push(format!(
                                "{name}: {last} was retained, although {} is settled",
                                position.settled
                            ));
                        }
                        position.low = position.low.max(last + 1);
                        position.high = position.high.max(last + 1);
                        continue;
                    }
                    if *first > position.high {
                        self.missing += first - position.high;
                        self.holes
                            .push(format!("{name} {} to {first}", position.high));
                    } else if *first < position.low {
                        if self.is_new && *first >= position.settled {
                            count.repeated += position.low.min(last + 1) - first;
                        } else {
                            faults.push(format!(
                                "{name}: {first} came, although {} is next",
                                position.low
                            ));
                        }
                    }
                    let next = (last + 1).max(position.low);
                    (position.low, position.high) = (next, next);
                }
                Item::Gap {
                    count: lost,
                    at_most,
                    reason,
                } => {
                    count.gaps += 1;
                    count.lost += lost;
                    if *at_most {
                        self.at_most += lost;
                    } else {
                        self.exact += lost;
                    }
                    if !self.may_overflow {
                        faults.push(format!("an unexpected gap: {lost} events, {reason}"));
                    }
                }
            }
        }
        count
    }

    /// Everything that was due by now has been entered: what is missing is what gaps have said.
    pub(crate) fn settle(&mut self, due: &Totals, faults: &mut Vec<String>) {
        let mut missing = self.missing;
        let mut holes = std::mem::take(&mut self.holes);
        for (name, total) in due {
            let position = self.next.entry(name.clone()).or_insert(Position {
                settled: 0,
                low: 0,
                high: 0,
            });
            if *total > position.high {
                missing += total - position.high;
                holes.push(format!("{name} {} to {total}, the end", position.high));
            } else if *total < position.low {
                faults.push(format!(
                    "{name}: {} came, although only {total} were emitted",
                    position.low
                ));
            }
            *position = Position {
                settled: *total,
                low: *total,
                high: *total,
            };
        }
        if missing < self.exact || missing > self.exact + self.at_most {
            holes.truncate(MAX_HOLES);
            faults.push(format!(
                "{missing} events are missing, and gaps say {} and at most {}: {}",
                self.exact,
                self.at_most,
                holes.join(", ")
            ));
        }
        (self.missing, self.exact, self.at_most) = (0, 0, 0);
        (self.may_overflow, self.is_new) = (false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u64, last: u64) -> Item {
        Item::Run {
            name: "a".into(),
            first,
            last,
            retained: false,
        }
    }

    fn retained(number: u64) -> Item {
        Item::Run {
            name: "a".into(),
            first: number,
            last: number,
            retained: true,
        }
    }

    fn gap(count: u64, at_most: bool) -> Item {
        Item::Gap {
            count,
            at_most,
            reason: "queue_full".into(),
        }
    }

    fn totals(total: u64) -> Totals {
        [("a".to_owned(), total)].into()
    }

    /// A ledger that is settled at 10.
    fn settled() -> Ledger {
        let mut ledger = Ledger::default();
        let mut faults = Vec::new();
        ledger.enter(&[run(0, 9)], &mut faults);
        ledger.settle(&totals(10), &mut faults);
        assert_eq!(faults, [""; 0]);
        ledger
    }

    /// The faults of these items, with 20 events due.
    fn faults(mut ledger: Ledger, items: &[Item]) -> String {
        let mut faults = Vec::new();
        ledger.enter(items, &mut faults);
        ledger.settle(&totals(20), &mut faults);
        faults.join("; ")
    }

    fn overflowing() -> Ledger {
        let mut ledger = settled();
        ledger.may_overflow();
        ledger
    }

    fn replaced() -> Ledger {
        let mut ledger = settled();
        ledger.replaced();
        ledger
    }

    #[test]
    fn all_of_them_once_are_right() {
        assert_eq!(faults(settled(), &[run(10, 19)]), "");
        assert_eq!(faults(settled(), &[run(10, 12), run(13, 19)]), "");
    }

    #[test]
    fn a_lost_event_is_a_fault() {
        let lost = "1 events are missing";
        assert!(faults(settled(), &[run(11, 19)]).contains(lost));
        assert!(faults(settled(), &[run(10, 14), run(16, 19)]).contains(lost));
        assert!(faults(settled(), &[run(10, 18)]).contains(lost));
        assert!(faults(settled(), &[]).contains("10 events are missing"));
    }

    #[test]
    fn an_event_twice_is_a_fault() {
        let twice = faults(settled(), &[run(10, 14), run(14, 19)]);
        assert!(twice.contains("14 came, although 15 is next"), "{twice}");
        assert!(faults(settled(), &[run(9, 19)]).contains("9 came"));
    }

    #[test]
    fn the_wrong_order_is_a_fault() {
        let swapped = faults(
            settled(),
            &[run(10, 10), run(12, 12), run(11, 11), run(13, 19)],
        );
        assert!(
            swapped.contains("11 came, although 13 is next"),
            "{swapped}"
        );
    }

    #[test]
    fn too_many_events_are_a_fault() {
        let more = faults(settled(), &[run(10, 20)]);
        assert!(more.contains("only 20 were emitted"), "{more}");
    }

    #[test]
    fn a_gap_says_exactly_what_is_missing() {
        assert_eq!(faults(overflowing(), &[gap(4, false), run(14, 19)]), "");
        // The gap may come after the last event.
        assert_eq!(faults(overflowing(), &[run(10, 15), gap(4, false)]), "");
        for wrong in [3, 5] {
            let wrong = faults(overflowing(), &[gap(wrong, false), run(14, 19)]);
            assert!(wrong.contains("4 events are missing"), "{wrong}");
        }
        let nothing_is_missing = faults(overflowing(), &[gap(1, false), run(10, 19)]);
        assert!(nothing_is_missing.contains("0 events are missing"));
    }

    #[test]
    fn an_upper_bound_may_be_too_high() {
        for enough in [4, 5] {
            assert_eq!(faults(overflowing(), &[gap(enough, true), run(14, 19)]), "");
        }
        assert!(faults(overflowing(), &[gap(3, true), run(14, 19)]).contains("4 events"));
    }

    #[test]
    fn a_gap_without_a_cause_is_a_fault() {
        let gap = faults(settled(), &[gap(4, false), run(14, 19)]);
        assert!(
            gap.contains("unexpected gap: 4 events, queue_full"),
            "{gap}"
        );
    }

    #[test]
    fn a_cause_lasts_until_the_next_settlement() {
        let mut ledger = overflowing();
        ledger.enter(&[run(10, 19)], &mut Vec::new());
        ledger.settle(&totals(20), &mut Vec::new());
        let mut faults = Vec::new();
        ledger.enter(&[gap(1, false)], &mut faults);
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn a_new_page_gets_again_what_is_not_settled() {
        let mut ledger = settled();
        ledger.enter(&[run(10, 14)], &mut Vec::new());
        ledger.replaced();
        assert_eq!(faults(ledger.clone(), &[run(15, 19)]), "");
        assert_eq!(faults(ledger.clone(), &[run(12, 19)]), "");
        let count = ledger.clone().enter(&[run(12, 19)], &mut Vec::new());
        assert_eq!((count.events, count.repeated), (8, 3));
        assert!(faults(ledger.clone(), &[run(16, 19)]).contains("1 events are missing"));
        assert!(faults(ledger, &[run(9, 19)]).contains("9 came"));
        assert!(faults(replaced(), &[run(9, 19)]).contains("9 came"));
    }

    #[test]
    fn a_listener_may_begin_between_two_events() {
        let begun = || Ledger::begun(&totals(5), &totals(10));
        assert_eq!(faults(begun(), &[run(5, 19)]), "");
        assert_eq!(faults(begun(), &[run(10, 19)]), "");
        assert!(faults(begun(), &[run(4, 19)]).contains("4 came"));
        assert!(faults(begun(), &[run(11, 19)]).contains("1 events are missing"));
        assert!(faults(begun(), &[]).contains("10 events are missing"));
    }

    #[test]
    fn a_retained_event_is_the_newest() {
        let begun = || Ledger::begun(&totals(10), &totals(12));
        assert_eq!(faults(begun(), &[retained(9), run(10, 19)]), "");
        assert_eq!(faults(begun(), &[retained(11), run(12, 19)]), "");
        assert!(faults(begun(), &[retained(8), run(10, 19)]).contains("8 was retained"));
        assert!(faults(begun(), &[retained(11), run(13, 19)]).contains("1 events are missing"));
    }
}
