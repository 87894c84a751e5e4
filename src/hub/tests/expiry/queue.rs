//! A queue against a plain list.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::hub::ids::SubscriptionId;
use crate::hub::queue::{Queue, QueueBound, QueueEntry, QueuedEvent, SupersededLists};
use crate::hub::tests::{set_steady, steady};
use crate::model::delivery::Addressing;
use crate::model::endpoint::Endpoint;
use crate::model::event::{Accepted, BusEvent, GapReason, Rare};
use crate::model::name::EventName;
use crate::model::policy::Overflow;
use crate::sync::BusClock;

const BOUND: usize = 4;

#[derive(Debug, Clone)]
enum Step {
    Push {
        overflow: Overflow,
        name: &'static str,
        ids: &'static [SubscriptionId],
        expires: Option<u64>,
    },
    Pass(u64),
    Purge,
    Pop,
}

#[derive(Debug, Clone)]
struct Waiting {
    seq: u64,
    name: &'static str,
    ids: &'static [SubscriptionId],
    overflow: Overflow,
    deadline: Option<Duration>,
    /// The subscriptions of each event that it has replaced.
    replaced: Vec<&'static [SubscriptionId]>,
}

/// How many events are lost, by subscription and reason.
type Lost = BTreeMap<(SubscriptionId, &'static str), u64>;

#[derive(Debug, Default)]
struct Plain {
    waiting: Vec<Waiting>,
    lost: Lost,
}

impl Plain {
    fn lose(&mut self, index: usize, reason: GapReason) {
        let gone = self.waiting.remove(index);
        for ids in gone.replaced.iter().chain([&gone.ids]) {
            for id in *ids {
                *self.lost.entry((*id, reason.as_str())).or_default() += 1;
            }
        }
    }

    fn purge(&mut self) {
        let has_expired = |own: &Waiting| own.deadline.is_some_and(|end| end <= steady());
        while let Some(index) = self.waiting.iter().position(has_expired) {
            self.lose(index, GapReason::Expired);
        }
    }

    fn push(&mut self, mut new: Waiting) {
        if self.waiting.len() >= BOUND {
            self.purge();
        }
        if new.overflow == Overflow::Latest {
            let is_replaced = |own: &mut Waiting| {
                own.overflow == Overflow::Latest
                    && own.name == new.name
                    && own.ids.iter().all(|id| new.ids.contains(id))
            };
            let replaced: Vec<Waiting> = self.waiting.extract_if(.., is_replaced).collect();
            for old in replaced {
                new.replaced.extend(old.replaced);
                new.replaced.push(old.ids);
            }
        }
        self.waiting.push(new);
        while self.waiting.len() > BOUND {
            let may_go = |own: &Waiting| own.overflow != Overflow::Reject;
            let Some(index) = self.waiting.iter().position(may_go) else {
                return;
            };
            self.lose(index, GapReason::QueueFull);
        }
    }
}

fn queued(new: &Waiting) -> QueuedEvent {
    let event = BusEvent::new(Accepted {
        seq: new.seq,
        name: EventName::parse(new.name).unwrap(),
        payload: "1".into(),
        accepted_at: std::time::SystemTime::UNIX_EPOCH,
        source: Endpoint::Host,
        provenance: None,
        rare: Rare::of(None, None, new.deadline),
    });
    QueuedEvent {
        event,
        subscriptions: new.ids.into(),
        addressing: Addressing::Broadcast,
        superseded: SupersededLists::default(),
    }
}

/// Pops the gaps that come first, and the next event.
fn pop(queue: &mut Queue) -> (Lost, Option<u64>) {
    let mut lost = Lost::new();
    loop {
        match queue.pop() {
            Some(QueueEntry::Lost(entry)) => {
                assert!(!entry.gap.at_most);
                for id in &entry.subscriptions {
                    let count = lost.entry((*id, entry.gap.reason.as_str())).or_default();
                    assert_eq!(*count, 0, "one gap for each reason");
                    *count = entry.gap.count;
                }
            }
            Some(QueueEntry::Event(queued)) => return (lost, Some(queued.event.seq())),
            None => return (lost, None),
        }
    }
}

fn check(steps: Vec<Step>) {
    set_steady(Duration::ZERO);
    let mut queue = Queue::new(QueueBound {
        events: BOUND,
        bytes: usize::MAX,
    });
    let mut plain = Plain::default();
    let mut seq = 0;
    let drain = std::iter::repeat_n(Step::Pop, BOUND * 64);
    for step in steps.into_iter().chain(drain) {
        match step {
            Step::Push {
                overflow,
                name,
                ids,
                expires,
            } => {
                // As the hub does: an event whose policy is to reject is not accepted then.
                queue.free_room(|| 1, BusClock::of_steady(steady));
                if overflow == Overflow::Reject && !queue.has_room(1) {
                    plain.purge();
                    assert!(plain.waiting.len() >= BOUND);
                    continue;
                }
                seq += 1;
                let new = Waiting {
                    seq,
                    name,
                    ids,
                    overflow,
                    deadline: expires.map(|millis| steady() + Duration::from_millis(millis)),
                    replaced: Vec::new(),
                };
                queue.push(queued(&new), overflow);
                plain.push(new);
            }
            Step::Pass(millis) => set_steady(steady() + Duration::from_millis(millis)),
            Step::Purge => {
                let before = plain.waiting.len();
                plain.purge();
                assert_eq!(
                    queue.drop_expired(BusClock::of_steady(steady)),
                    plain.waiting.len() < before
                );
            }
            Step::Pop => {
                queue.drop_expired(BusClock::of_steady(steady));
                plain.purge();
                let next = (!plain.waiting.is_empty()).then(|| plain.waiting.remove(0).seq);
                assert_eq!(pop(&mut queue), (std::mem::take(&mut plain.lost), next));
            }
        }
        assert_eq!(queue.usage().0, plain.waiting.len());
        let first = plain.waiting.iter().filter_map(|own| own.deadline).min();
        assert_eq!(queue.next_expiry(), first);
    }
    assert!(plain.waiting.is_empty());
}

fn step() -> impl Strategy<Value = Step> {
    let overflow = prop_oneof![
        Just(Overflow::DropOldest),
        Just(Overflow::Latest),
        Just(Overflow::Reject)
    ];
    let ids: [&'static [SubscriptionId]; 3] = [&[1], &[2], &[1, 2]];
    let push = (
        overflow,
        prop_oneof![Just("a"), Just("b")],
        proptest::sample::select(ids.to_vec()),
        proptest::option::of(1..100_u64),
    );
    prop_oneof![
        8 => push.prop_map(|(overflow, name, ids, expires)| Step::Push { overflow, name, ids, expires }),
        3 => (1..60_u64).prop_map(Step::Pass),
        1 => Just(Step::Purge),
        2 => Just(Step::Pop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_with_deadlines_is_a_plain_list(steps in proptest::collection::vec(step(), 1..120)) {
        check(steps);
    }
}
