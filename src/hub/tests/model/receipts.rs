//! Code of the host that waits until its events are handled.

use std::collections::BTreeSet;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::{Emitted, World};
use crate::hub::ids::SubscriberKey;
use crate::hub::receipts::{Place, ToldOutcome};
use crate::model::event::BusEvent;
use crate::model::lifetime::ReceiptTicket;
use crate::model::name::EventName;
use crate::model::outcome::Outcome;

const TIMEOUT: Duration = Duration::from_secs(20);

/// An event whose emitter waits.
pub(super) struct Awaited {
    ticket: ReceiptTicket,
    seq: u64,
    due: Instant,
    /// The sessions that have told that they have handled it.
    told: BTreeSet<SubscriberKey>,
}

impl World {
    /// Every other event of the host is waited for.
    pub(super) fn open_receipt(&mut self, event: &Emitted) -> Option<ReceiptTicket> {
        let is_awaited = event.by.is_none() && self.hub.seq.is_multiple_of(2);
        let name = EventName::parse(event.name).unwrap();
        is_awaited.then(|| self.hub.open_receipt(&name, TIMEOUT).unwrap())
    }

    pub(super) fn note_published(&mut self, ticket: Option<ReceiptTicket>, seq: u64) {
        self.awaited.extend(ticket.map(|ticket| Awaited {
            ticket,
            seq,
            due: self.now + TIMEOUT,
            told: BTreeSet::new(),
        }));
    }

    /// The page has handled an event, and tells so of most.
    pub(super) fn tell_handled(&mut self, page: usize, event: &BusEvent, index: u64) {
        let seq = event.seq();
        let Some(key) = self.pages[page].key else {
            return;
        };
        if !event.mark().is_tracked || seq.is_multiple_of(5) {
            return;
        }
        if self.hub.sessions.contains_key(&key) {
            let awaited = self.awaited.iter_mut().find(|own| own.seq == seq);
            awaited.map(|own| own.told.insert(key));
        }
        let told = ToldOutcome {
            seq,
            index,
            outcome: Outcome::Handled,
        };
        let (results, effects) = self.hub.tell_outcomes(key, vec![told], self.now);
        assert_eq!(results, [Ok(())], "it was delivered");
        self.apply_effects(effects);
    }

    /// What emitters are told is so, and they are told in time.
    pub(super) fn check_outcomes(&mut self) {
        for awaited in std::mem::take(&mut self.awaited) {
            let polled = (self.hub).poll_outcomes(awaited.ticket, Waker::noop().clone());
            let Poll::Ready(outcomes) = polled.0 else {
                let is_late = self.has_waited && self.now >= awaited.due;
                assert!(!is_late, "{} waits for too long", awaited.seq);
                self.awaited.push(awaited);
                continue;
            };
            for (place, outcome) in outcomes {
                let Place::Page(key, _) = place else {
                    panic!("no listener of the host has {}", awaited.seq);
                };
                let is_so = match outcome {
                    Outcome::Handled => awaited.told.contains(&key),
                    Outcome::Gone => !self.hub.sessions.contains_key(&key),
                    Outcome::Timeout => self.now >= awaited.due,
                    Outcome::Dropped => true,
                    Outcome::Failed { .. } => false,
                };
                assert!(is_so, "{} was {outcome:?} in {key:?}", awaited.seq);
            }
        }
    }
}
