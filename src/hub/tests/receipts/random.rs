//! Random receipts against an oracle that keeps all that was told.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{TIMEOUT, fetch, name, page, place};
use crate::hub::ids::SubscriberKey;
use crate::hub::receipts::{AwaitedBy, Place, Receipts, Teller};
use crate::limits::Limits;
use crate::model::lifetime::ReceiptTicket;
use crate::model::outcome::Outcome;

#[derive(Debug, Clone)]
enum Step {
    /// An event for these pages, with so many entries each, and perhaps for the listeners.
    Emit(Vec<(u64, usize)>, usize),
    /// A page, or the listeners, tell this of the event with this index. A page may name an item.
    Tell(usize, Option<(u64, Option<u64>)>, u8),
    Leave(u64),
    Forget(usize),
    Pass(u64),
    Fetch(usize),
}

const PAGES: u64 = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let receivers = proptest::collection::btree_map(0..PAGES, 1..3_usize, 0..4);
    let receivers = receivers.prop_map(|entries| entries.into_iter().collect());
    let teller = (0..PAGES, proptest::option::of(1..4_u64));
    let step = prop_oneof![
        3 => (receivers, 0..3_usize).prop_map(|(pages, own)| Step::Emit(pages, own)),
        8 => (0..8_usize, proptest::option::of(teller), 0..4_u8)
            .prop_map(|(event, by, outcome)| Step::Tell(event, by, outcome)),
        1 => (0..PAGES).prop_map(Step::Leave),
        1 => (0..8_usize).prop_map(Step::Forget),
        1 => (0..9_000_u64).prop_map(Step::Pass),
        2 => (0..8_usize).prop_map(Step::Fetch),
    ];
    proptest::collection::vec(step, 1..80)
}

fn outcome_of(number: u8) -> Outcome {
    match number {
        0 | 1 => Outcome::Handled,
        2 => Outcome::Dropped,
        _ => Outcome::failed("Error", "no"),
    }
}

/// All that is known of one event.
struct Known {
    ticket: ReceiptTicket,
    emitted: Instant,
    /// Who receives it, in how many entries, what each of them was told to be, and whether it was gone before.
    receivers: Vec<(Teller, usize, Vec<Outcome>, bool)>,
    is_forgotten: bool,
    has_timed_out: bool,
    is_fetched: bool,
}

impl Known {
    fn is_done(&self) -> bool {
        let mut receivers = self.receivers.iter();
        receivers.all(|(_, entries, told, is_gone)| *is_gone || told.len() == *entries)
    }

    fn is_over(&self) -> bool {
        self.has_timed_out || self.is_done()
    }

    /// What its emitter is to get.
    fn expected(&self) -> Vec<(Place, Outcome)> {
        let outcomes = self
            .receivers
            .iter()
            .map(|(teller, entries, told, is_gone)| {
                let place = match teller {
                    Teller::Page(SubscriberKey(number))
                    | Teller::Item(SubscriberKey(number), _) => place(*number),
                    Teller::Listeners => Place::Listeners,
                };
                let is = |wanted: fn(&Outcome) -> bool| told.iter().find(|outcome| wanted(outcome));
                let outcome = if *is_gone {
                    Outcome::Gone
                } else if told.len() < *entries {
                    Outcome::Timeout
                } else if let Some(failed) = is(|outcome| matches!(outcome, Outcome::Failed { .. }))
                {
                    failed.clone()
                } else if is(|outcome| *outcome == Outcome::Dropped).is_some() {
                    Outcome::Dropped
                } else {
                    Outcome::Handled
                };
                (place, outcome)
            });
        outcomes.collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_emitter_gets_what_was_told(steps in steps()) {
        let (mut receipts, mut now) = (Receipts::default(), Instant::now());
        let mut events: Vec<Known> = Vec::new();
        // The items that were told, of which event and by which page.
        let mut told_items = BTreeSet::new();
        for step in steps {
            match step {
                Step::Emit(pages, own) => {
                    let opened = receipts.open(&name(), AwaitedBy::Host, TIMEOUT, &Limits::default());
                    let ticket = opened.unwrap();
                    let seq = events.len() as u64 + 1;
                    receipts.begin(ticket, seq, now);
                    let mut receivers = Vec::new();
                    for (number, entries) in pages {
                        receipts.add_receiver(seq, place(number), entries);
                        receivers.push((page(number), entries, Vec::new(), false));
                    }
                    // The listeners have several queues, each with an entry of its own.
                    for _ in 0..own {
                        receipts.add_receiver(seq, Place::Listeners, 1);
                    }
                    if own > 0 {
                        receivers.push((Teller::Listeners, own, Vec::new(), false));
                    }
                    receipts.seal(seq);
                    events.push(Known {
                        ticket,
                        emitted: now,
                        receivers,
                        is_forgotten: false,
                        has_timed_out: false,
                        is_fetched: false,
                    });
                }
                Step::Tell(index, by, number) => {
                    let teller = by.map_or(Teller::Listeners, |(by, _)| page(by));
                    let item = by.and_then(|(by, item)| Some((index, by, item?)));
                    let told_by = item.map_or(teller, |(_, by, item)| Teller::Item(SubscriberKey(by), item));
                    receipts.tell(index as u64 + 1, told_by, outcome_of(number));
                    let is_again = item.is_some_and(|item| told_items.contains(&item));
                    if !is_again
                        && let Some(event) = events.get_mut(index)
                        && !event.is_over()
                        && let Some((_, entries, told, is_gone)) =
                            event.receivers.iter_mut().find(|own| own.0 == teller)
                        && told.len() < *entries
                        && !*is_gone
                    {
                        told.push(outcome_of(number));
                        told_items.extend(item);
                    }
                }
                Step::Leave(number) => {
                    receipts.leave(SubscriberKey(number));
                    for event in events.iter_mut().filter(|event| !event.is_over()) {
                        for (teller, entries, told, is_gone) in &mut event.receivers {
                            *is_gone |= *teller == page(number) && told.len() < *entries;
                        }
                    }
                }
                Step::Forget(index) => {
                    if let Some(event) = events.get_mut(index) {
                        receipts.forget(event.ticket);
                        event.is_forgotten = true;
                    }
                }
                Step::Pass(millis) => {
                    now += Duration::from_millis(millis);
                    for event in events.iter_mut().filter(|event| !event.is_over()) {
                        event.has_timed_out = now >= event.emitted + TIMEOUT;
                    }
                    let next = receipts.expire(now);
                    let open = events.iter().filter(|event| !event.is_over() && !event.is_forgotten);
                    prop_assert_eq!(next, open.map(|event| event.emitted + TIMEOUT).min());
                }
                Step::Fetch(index) => {
                    let Some(event) = events.get_mut(index) else {
                        continue;
                    };
                    let fetched = fetch(&mut receipts, event.ticket);
                    let is_due = event.is_over() && !event.is_forgotten && !event.is_fetched;
                    prop_assert_eq!(fetched, is_due.then(|| event.expected()));
                    event.is_fetched |= is_due;
                }
            }
            let open = events.iter().filter(|event| !event.is_over() && !event.is_forgotten);
            let ended = events
                .iter()
                .filter(|event| event.is_over() && !event.is_forgotten && !event.is_fetched);
            prop_assert_eq!(receipts.counts(), (open.count(), ended.count()));
        }
        // By its time, each has ended.
        prop_assert_eq!(receipts.expire(now + TIMEOUT), None);
        prop_assert_eq!(receipts.counts().0, 0);
    }
}
