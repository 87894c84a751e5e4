//! A hub with pages that emit, receive and tell.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::hub::ids::SubscriberKey;
use crate::hub::outbox::{BatchBound, Item};
use crate::hub::queue::QueueEntry;
use crate::hub::receipts::{Place, Teller, ToldOutcome};
use crate::hub::tests::session_id;
use crate::hub::{
    Audience, Command, Effects, Hub, NewEvent, Pull, Resumption, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::delivery::HostSubscription;
use crate::model::endpoint::Endpoint;
use crate::model::error::Error;
use crate::model::lifetime::{Lifetime, ReceiptTicket};
use crate::model::name::EventName;
use crate::model::outcome::Outcome;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::permissions::{ScopeEntry, WatchScope};

pub(super) const ORIGIN: &str = "app://localhost";
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const LABELS: [&str; 3] = ["main", "other", "third"];

pub(super) struct World {
    pub(super) hub: Hub<char>,
    pub(super) now: Instant,
    pub(super) host: SubscriberKey,
    newest_session: u64,
}

/// A page with a session.
pub(super) struct Page {
    pub(super) label: &'static str,
    pub(super) session: u64,
    pub(super) key: SubscriberKey,
    pub(super) ack: u64,
}

/// What a page was brought.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Brought {
    /// The number of an event, and whether its emitter waits.
    Event(u64, bool),
    Gap,
    Outcomes(Value),
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Limits::default(), Policies::default())
    }

    pub(super) fn with(limits: Limits, policies: Policies) -> Self {
        let mut hub = Hub::new(limits, policies);
        for label in LABELS {
            let _ = hub.announce(label, label);
        }
        Self {
            host: hub.add_listeners(),
            hub,
            now: Instant::now(),
            newest_session: 0,
        }
    }

    /// Opens the next page of a webview.
    pub(super) fn open(&mut self, label: &'static str) -> Page {
        self.newest_session += 1;
        let session = self.newest_session;
        let command = Command {
            name: "subscribe",
            session: session_id(session),
            n: 1,
            origin: Some(ORIGIN.into()),
        };
        let (_, key, _) = self.hub.begin_command(label, command, 'c', self.now);
        let key = key.unwrap();
        let _ = self.hub.finish_command(key, 1, Ok("null".into()));
        Page {
            label,
            session,
            key,
            ack: 0,
        }
    }

    /// A page that listens to `e`.
    pub(super) fn listening(&mut self, label: &'static str) -> Page {
        let page = self.open(label);
        self.subscribe(&page, 1, "e", false, None);
        page
    }

    pub(super) fn subscribe(
        &mut self,
        page: &Page,
        id: u32,
        pattern: &str,
        wants_latest: bool,
        resume: Option<Resumption>,
    ) {
        let request = SubscriptionRequest {
            id,
            pattern: EventPattern::parse(pattern).unwrap(),
            scope: None,
            target: None,
            wants_replayed: true,
            wants_retained: true,
            wants_latest,
            watches: None,
            resume,
        };
        let (results, _) = self.hub.subscribe(page.key, vec![request], self.now);
        results[0].as_ref().unwrap();
    }

    pub(super) fn listen(&mut self) {
        let pattern = EventPattern::parse("e").unwrap();
        let _ = (self.hub).listen(self.host, 1, pattern, HostSubscription::default());
    }

    pub(super) fn emit(&mut self, lifetime: Lifetime) -> u64 {
        let event = NewEvent {
            name: EventName::parse("e").unwrap(),
            payload: "1".into(),
            source: Endpoint::Host,
            tick: None,
            provenance: None,
            retain: None,
            lifetime,
        };
        let now = self.now;
        let enqueued = self.hub.enqueue(event, &Audience::default(), || now);
        enqueued.map_err(|refusal| refusal.error).unwrap().0.seq
    }

    /// Emits as the host, and waits.
    pub(super) fn emit_tracked(&mut self) -> (ReceiptTicket, u64) {
        self.emit_tracked_for(None)
    }

    pub(super) fn emit_tracked_for(&mut self, expires: Option<Duration>) -> (ReceiptTicket, u64) {
        let name = EventName::parse("e").unwrap();
        let ticket = self.hub.open_receipt(&name, TIMEOUT).unwrap();
        let seq = self.emit(Lifetime {
            receipt: Some(ticket),
            expires,
            ..Lifetime::default()
        });
        (ticket, seq)
    }

    /// Emits as a page that may know of the pages with these labels, and waits. Returns the number of the event.
    pub(super) fn emit_from(&mut self, page: &Page, id: u64, known: &[&str]) -> u64 {
        let entries: Vec<_> = known
            .iter()
            .map(|label| ScopeEntry::read(&serde_json::json!({ "page": label })))
            .map(Arc::new)
            .collect();
        let name = EventName::parse("e").unwrap();
        let watches = WatchScope::new(&entries, &[]);
        let place = (page.key, id);
        let receipt = (self.hub).open_receipt_of_page(&name, place, watches, TIMEOUT);
        self.emit(Lifetime {
            receipt: receipt.unwrap(),
            ..Lifetime::default()
        })
    }

    /// Parks a pull. Returns whether it waits.
    pub(super) fn park(&mut self, page: &Page) -> bool {
        let pull = pull(page, false);
        let effects = self.hub.pull(page.label, pull, 'p', self.now).unwrap();
        effects.batches.is_empty()
    }

    /// Pulls, and acknowledges with the next pull.
    pub(super) fn pull(&mut self, page: &mut Page) -> Vec<Brought> {
        let effects = self.hub.pull(page.label, pull(page, true), 'p', self.now);
        let brought = brought(&effects.unwrap());
        page.ack += brought.len() as u64;
        brought
    }

    /// A page tells what it has made of an event, whichever item that was.
    pub(super) fn tell(&mut self, page: &Page, seq: u64, outcome: Outcome) {
        let _ = self.tell_and_wake(page, seq, outcome);
    }

    pub(super) fn tell_and_wake(
        &mut self,
        page: &Page,
        seq: u64,
        outcome: Outcome,
    ) -> Effects<char> {
        let mut effects = Effects::default();
        let teller = Teller::Page(page.key);
        self.hub.receipts.tell(seq, teller, outcome);
        self.hub.pass_outcomes_on(self.now, &mut effects);
        effects
    }

    /// A page tells of these items, each by its index and the number of its event. Returns the codes of the refused ones.
    pub(super) fn tell_items(&mut self, page: &Page, items: &[(u64, u64)]) -> Vec<(usize, Error)> {
        let told = items.iter().map(|(index, seq)| ToldOutcome {
            seq: *seq,
            index: *index,
            outcome: Outcome::Handled,
        });
        let (results, _) = self.hub.tell_outcomes(page.key, told.collect(), self.now);
        let results = results.into_iter().enumerate();
        results
            .filter_map(|(place, result)| Some((place, result.err()?)))
            .collect()
    }

    /// What the listeners of the host take, which have handled it.
    pub(super) fn run_listeners(&mut self) -> usize {
        let mut taken = 0;
        loop {
            let waker = Waker::noop().clone();
            match self.hub.poll_consumer(self.host, waker).0 {
                Poll::Ready(Some(QueueEntry::Event(queued))) => {
                    taken += 1;
                    let seq = queued.event.seq();
                    let told = Outcome::Handled;
                    let _ = (self.hub).tell_outcome_of_listeners(seq, told, self.now);
                }
                Poll::Ready(_) => {}
                Poll::Pending => return taken,
            }
        }
    }

    /// What the emitter gets: the label of each page, or `listeners`, and the outcome. `None` while it waits.
    pub(super) fn fetch(&mut self, ticket: ReceiptTicket) -> Option<Vec<(String, &'static str)>> {
        match self.hub.poll_outcomes(ticket, Waker::noop().clone()).0 {
            Poll::Pending => None,
            Poll::Ready(outcomes) => Some(
                outcomes
                    .into_iter()
                    .map(|(place, outcome)| {
                        let place = match place {
                            Place::Page(_, label) => label.to_string(),
                            Place::Listeners => "listeners".to_owned(),
                        };
                        (place, outcome.as_str())
                    })
                    .collect(),
            ),
        }
    }

    #[track_caller]
    pub(super) fn expect(&mut self, ticket: ReceiptTicket, expected: &[(&str, &str)]) {
        let mut fetched = self.fetch(ticket).expect("it waits");
        // The listeners last, since their label is none.
        fetched.sort_by_key(|(place, _)| (place == "listeners", place.clone()));
        let fetched: Vec<(&str, &str)> = fetched
            .iter()
            .map(|(place, outcome)| (&**place, *outcome))
            .collect();
        assert_eq!(fetched, expected);
    }

    pub(super) fn pass(&mut self, time: Duration) -> Option<Instant> {
        self.now += time;
        self.hub.expire(self.now).1
    }
}

fn pull(page: &Page, is_prompt: bool) -> Pull {
    Pull {
        session: session_id(page.session),
        ack: page.ack,
        is_ahead: false,
        is_prompt,
        can_be_called: false,
        bound: BatchBound {
            events: 64,
            bytes: 1 << 20,
        },
    }
}

/// What completed pulls bring.
pub(super) fn brought(effects: &Effects<char>) -> Vec<Brought> {
    let batches = effects.batches.iter();
    let items = batches.flat_map(|(_, batch)| batch.items());
    items
        .map(|item| match item {
            Item::Event(queued) => {
                let event = &queued.event;
                Brought::Event(event.seq(), event.mark().is_tracked)
            }
            Item::Outcomes(text) => Brought::Outcomes(serde_json::from_str(text).unwrap()),
            _ => Brought::Gap,
        })
        .collect()
}
