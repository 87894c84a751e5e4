//! A page that loses calls and their outcomes, whose replies come late and in any order, and that changes the carrier.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::super::session_id;
use super::{BOUND, World, event};
use crate::hub::calls::{Call, CallId};
use crate::hub::outbox::{Batch, Item};
use crate::hub::{Audience, Effects, Pull};

#[derive(Debug, Clone, Copy)]
enum Step {
    Emit,
    Take,
    /// The page gets the oldest call that is on its way, and handles it.
    Handle,
    /// A call on its way fails before the page gets it.
    Lose(usize),
    /// The outcome of a call that was handled arrives.
    Settle(usize),
    /// The outcome of a call that was handled is lost.
    Forget(usize),
    /// The page acts for its user.
    Hold,
    Pull,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Emit),
        4 => Just(Step::Take),
        4 => Just(Step::Handle),
        1 => (0..4_usize).prop_map(Step::Lose),
        3 => (0..4_usize).prop_map(Step::Settle),
        1 => (0..4_usize).prop_map(Step::Forget),
        1 => Just(Step::Hold),
        2 => Just(Step::Pull),
        1 => (0..200_u64).prop_map(Step::Pass),
    ]
}

/// A page as the guest package is one.
#[derive(Default)]
struct Page {
    handled: u64,
    received: Vec<u64>,
    /// Whether the page expects calls.
    is_called: bool,
    /// The pull that the page waits for.
    pull: Option<char>,
    coming: Vec<Call>,
    outcomes: Vec<Outcome>,
    /// What it has taken of a stream up to the last part that was due.
    taken: u64,
    /// In how many more outcomes it tells that.
    tells: usize,
    /// The indexes of which it has yet to tell, as of events whose emitters wait.
    untold: Vec<u64>,
    /// Those of which values have told.
    kept: Vec<u64>,
}

/// What a call returns.
struct Value {
    handled: u64,
    /// What was taken, if it tells that.
    taken: Option<u64>,
    /// The indexes of which it tells.
    told: Vec<u64>,
}

/// What a call has come to.
type Outcome = (CallId, Option<Value>);

/// In so many outcomes a page tells what it has taken, as the guest package does.
const TELLS: usize = 4;

/// Each of so many items is due.
const DUE: u64 = 3;

impl Page {
    fn handle(&mut self, batch: &Batch) -> bool {
        if batch.first() > self.handled + 1 {
            return false;
        }
        if batch.tells_again {
            let kept = std::mem::take(&mut self.kept);
            self.untold.splice(..0, kept);
        }
        for (index, item) in (batch.first()..).zip(batch.items()) {
            // What comes again is told again.
            if index <= self.handled {
                self.tells = TELLS;
            } else {
                self.handled = index;
                if index % DUE == 0 {
                    self.taken = index;
                    self.tells = TELLS;
                }
                self.untold.push(index);
                if let Item::Event(queued) = item {
                    self.received.push(queued.event.seq());
                }
            }
        }
        true
    }
}

struct Simulation {
    world: World,
    page: Page,
    emitted: u64,
    pulls: u32,
    /// What the host was told of what was taken.
    told: u64,
    /// The indexes of which it was told.
    told_indexes: BTreeSet<u64>,
}

impl Simulation {
    fn apply(&mut self, effects: Effects<char>) {
        for (waiter, batch) in effects.batches {
            if self.page.pull == Some(waiter) {
                self.page.pull = None;
                self.page.is_called = batch.calls_follow;
                if !batch.is_empty() {
                    self.page.handle(&batch);
                }
            }
        }
    }

    fn pull(&mut self, can_be_called: bool) {
        self.pulls += 1;
        self.told = self.page.taken;
        // A pull arrives, or its page sends what it carries again.
        let page = &mut self.page;
        self.told_indexes
            .extend(page.kept.drain(..).chain(page.untold.drain(..)));
        let waiter = char::from_u32(0x1000 + self.pulls).unwrap();
        self.page.pull = Some(waiter);
        let pull = Pull {
            session: session_id(1),
            ack: self.page.handled,
            is_ahead: false,
            is_prompt: false,
            can_be_called,
            bound: BOUND,
        };
        let now = self.world.now;
        let effects = self.world.hub.pull("main", pull, waiter, now).unwrap();
        self.apply(effects);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Emit => {
                self.emitted += 1;
                let now = self.world.now;
                let hub = &mut self.world.hub;
                let (_, effects) = hub.enqueue(event(), &Audience::default(), || now).unwrap();
                self.apply(effects.map_or_else(Effects::default, |effects| *effects));
            }
            Step::Take => self.page.coming.extend(self.world.take()),
            Step::Handle if !self.page.coming.is_empty() => {
                let call = self.page.coming.remove(0);
                let is_accepted = self.page.handle(&call.batch);
                let page = &mut self.page;
                let outcome = is_accepted.then(|| {
                    let tells = page.tells;
                    page.tells = tells.saturating_sub(1);
                    // After the page has gone back to pulls, its values carry nothing.
                    let told = match page.is_called {
                        true => std::mem::take(&mut page.untold),
                        false => Vec::new(),
                    };
                    page.kept.extend(&told);
                    Value {
                        handled: page.handled,
                        taken: (tells > 0).then_some(page.taken),
                        told,
                    }
                });
                page.outcomes.push((call.id, outcome));
            }
            Step::Lose(index) if index < self.page.coming.len() => {
                let call = self.page.coming.remove(index);
                self.page.outcomes.push((call.id, None));
            }
            Step::Settle(index) if index < self.page.outcomes.len() => {
                let (id, outcome) = self.page.outcomes.remove(index);
                let effects = match outcome {
                    Some(value) => {
                        self.told = self.told.max(value.taken.unwrap_or(0));
                        self.told_indexes.extend(value.told);
                        self.world.reply(id, value.handled)
                    }
                    None => self.world.fail(id),
                };
                self.apply(effects);
            }
            Step::Forget(index) if index < self.page.outcomes.len() => {
                let (id, _) = self.page.outcomes.remove(index);
                let effects = self.world.fail(id);
                self.apply(effects);
            }
            Step::Hold if self.page.is_called => {
                self.page.is_called = false;
                self.pull(false);
            }
            Step::Pull if !self.page.is_called && self.page.pull.is_none() => self.pull(true),
            Step::Pass(millis) => {
                let effects = self.world.pass(Duration::from_millis(millis));
                self.apply(effects);
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn every_event_comes_once_and_in_order(steps in proptest::collection::vec(step(), 1..200)) {
        let world = World::new();
        let mut simulation = Simulation {
            world,
            page: Page::default(),
            emitted: 0,
            pulls: 0,
            told: 0,
            told_indexes: BTreeSet::new(),
        };
        for step in steps {
            simulation.run(step);
        }
        // From now on nothing fails, and everything that is due is done.
        for _ in 0..400 {
            for step in [Step::Pull, Step::Take, Step::Handle, Step::Settle(0), Step::Pass(100)] {
                simulation.run(step);
            }
        }
        prop_assert_eq!(simulation.world.hub.sessions.len(), 1);
        let expected: Vec<u64> = (1..=simulation.emitted).collect();
        prop_assert_eq!(&simulation.page.received, &expected);
        prop_assert_eq!(simulation.told, simulation.page.taken, "it knows what was taken");
        // A command takes what nothing has carried.
        simulation.told_indexes.extend(simulation.page.untold.drain(..));
        prop_assert!(simulation.told_indexes.into_iter().eq(1..=simulation.page.handled), "it knows what was handled");
        let session = &simulation.world.hub.sessions[&simulation.world.page];
        prop_assert_eq!(session.outbox.unacknowledged().0, 0);
        prop_assert!(session.calls.is_on(), "{:?} {:?}", session.calls, session.parked);
    }
}
