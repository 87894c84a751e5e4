//! Events that expire, in queues and while there is no page.

use std::time::Duration;

use super::pages::Page;
use super::steps::{Fate, Step};
use super::{Emitted, NEWEST, PATTERNS, Room, To, World, check, steady};
use crate::hub::outbox::{Batch, Item};
use crate::hub::queue::LostEvents;
use crate::model::event::GapReason;

impl Emitted {
    pub(super) fn has_expired(&self) -> bool {
        self.expires_at.is_some_and(|end| end <= steady())
    }
}

impl World {
    /// What is on its way for the first time has not expired.
    pub(super) fn check_expiry(&mut self, page: usize, batch: &Batch) {
        for (index, item) in (batch.first()..).zip(batch.items()) {
            let own = &mut self.pages[page];
            if index <= own.delivered {
                continue;
            }
            own.delivered = index;
            if let Item::Event(queued) = item {
                let seq = queued.event.seq();
                let mut events = self.events.iter().filter(|event| event.seq == seq);
                assert!(
                    events.all(|event| !event.has_expired()),
                    "{seq} has expired, and is delivered"
                );
            }
        }
    }
}

impl Page {
    /// A gap of expired events counts events that were for each of its subscriptions and have expired, and those that they
    /// had replaced, perhaps for a subscription of the page before.
    pub(super) fn check_expired_gap(
        &self,
        page: usize,
        lost: &LostEvents,
        events: &[Emitted],
        had_newest: bool,
    ) {
        let gap = &lost.gap;
        if gap.reason != GapReason::Expired {
            return;
        }
        for id in &lost.subscriptions {
            let received = &self.received[id];
            let is_due = |event: &&Emitted| {
                (gap.from..=gap.to).contains(&event.seq)
                    && event.is_for(page, &received.pattern)
                    && (event.has_expired() || had_newest || received.may_replace(event.name))
            };
            let due = events.iter().filter(is_due).count() as u64;
            assert!(
                !gap.at_most && (1..=due).contains(&gap.count),
                "{due} events of {gap:?} were for {received:?}"
            );
        }
    }
}

#[test]
fn what_the_page_before_had_replaced_expires_with_it() {
    let emit = |expires| {
        Step::Emit(Emitted {
            seq: 0,
            name: "y",
            by: None,
            to: To::Everyone,
            except: None,
            is_retained: false,
            is_large: false,
            expires,
            expires_at: None,
        })
    };
    let subscribe = |pattern: &str| Step::Subscribe {
        page: 2,
        pattern: PATTERNS.iter().position(|own| *own == pattern).unwrap(),
        fate: Fate::IsAnswered,
    };
    let steps = vec![
        subscribe(NEWEST),
        emit(None),
        emit(Some(Duration::from_millis(300))),
        Step::ReadAhead { page: 2 },
        Step::Wait { millis: 61_000 },
        subscribe("y"),
    ];
    let room = Room {
        queue_events: 3,
        backlog_events: 4,
        bytes: 1 << 20,
        has_calls: false,
    };
    check(room, steps);
}

#[test]
fn what_is_replaced_for_two_counts_once() {
    let emit = |to, is_retained, expires| {
        Step::Emit(Emitted {
            seq: 0,
            name: "latest",
            by: None,
            to,
            except: None,
            is_retained,
            is_large: false,
            expires,
            expires_at: None,
        })
    };
    let subscribe = || Step::Subscribe {
        page: 0,
        pattern: 3,
        fate: Fate::IsAnswered,
    };
    let steps = vec![
        emit(To::Everyone, true, None),
        subscribe(),
        Step::Pull { page: 0 },
        emit(To::Everyone, false, None),
        subscribe(),
        emit(To::Window("w"), false, Some(Duration::from_millis(300))),
        Step::Reload {
            page: 0,
            is_announced: false,
        },
        subscribe(),
    ];
    let room = Room {
        queue_events: 1000,
        backlog_events: 1000,
        bytes: 1500,
        has_calls: false,
    };
    check(room, steps);
}
