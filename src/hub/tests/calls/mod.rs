//! Pages that the host calls: how a session comes to it, what calls carry, and how they end.

mod random;

use std::time::{Duration, Instant};

use super::session_id;
use crate::hub::calls::{CALL_PATIENCE, Call, CallId, CallReply, Farewell, MAX_CALLS};
use crate::hub::ids::SubscriberKey;
use crate::hub::outbox::{Batch, BatchBound, Item};
use crate::hub::{
    Attempt, Audience, Command, Effects, Hub, NewEvent, Pull, SESSION_LEASE, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;

const BOUND: BatchBound = BatchBound {
    events: 2,
    bytes: 1 << 20,
};

/// A hub with a page that can be called and listens to everything.
struct World {
    hub: Hub<char>,
    page: SubscriberKey,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self::with(Hub::new(Limits::default(), Policies::default()))
    }

    fn with(mut hub: Hub<char>) -> Self {
        let now = Instant::now();
        let _ = hub.announce("main", "main");
        hub.note_callable("main", hub.webview_number("main").unwrap());
        let page = open(&mut hub, 1, now).0;
        Self { hub, page, now }
    }

    /// A page that is called.
    fn called() -> Self {
        let mut world = Self::new();
        assert_eq!(world.pull('p', true).calls, [world.page]);
        let trial = world.take().unwrap();
        assert!(trial.batch.is_empty() && trial.session == session_id(1));
        let effects = world.reply(trial.id, 0);
        assert!(matches!(&effects.batches[..], [('p', batch)] if batch.calls_follow));
        assert!(effects.calls.is_empty());
        world
    }

    fn pull(&mut self, waiter: char, can_be_called: bool) -> Effects<char> {
        let pull = Pull {
            session: session_id(1),
            ack: 0,
            is_ahead: false,
            is_prompt: false,
            can_be_called,
            bound: BOUND,
        };
        self.hub.pull("main", pull, waiter, self.now).unwrap()
    }

    fn emit(&mut self) -> Vec<SubscriberKey> {
        let now = self.now;
        let emitted = self.hub.enqueue(event(), &Audience::default(), || now);
        let (_, effects) = emitted.unwrap();
        effects.map_or(Vec::new(), |effects| effects.calls)
    }

    fn take(&mut self) -> Option<Call> {
        self.hub.take_call(self.page, BOUND, self.now).0
    }

    fn reply(&mut self, id: CallId, handled: u64) -> Effects<char> {
        let reply = CallReply::parse(&format!("{}:{handled}", session_id(1)));
        assert!(reply.is_some());
        self.hub.finish_call(id, reply, self.now)
    }

    fn fail(&mut self, id: CallId) -> Effects<char> {
        self.hub.finish_call(id, None, self.now)
    }

    fn pass(&mut self, time: Duration) -> Effects<char> {
        self.now += time;
        self.hub.expire(self.now).0
    }

    fn is_called(&self) -> bool {
        self.hub.sessions[&self.page].calls.is_on()
    }
}

fn event() -> NewEvent {
    NewEvent {
        name: EventName::parse("x").unwrap(),
        payload: "null".into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: None,
        lifetime: Lifetime::default(),
    }
}

fn open(hub: &mut Hub<char>, session: u64, now: Instant) -> (SubscriberKey, Effects<char>) {
    let command = Command {
        name: "subscribe",
        session: session_id(session),
        n: 1,
        origin: Some("app".to_owned()),
    };
    let (_, key, effects) = hub.begin_command("main", command, 'c', now);
    let request = SubscriptionRequest {
        id: 1,
        pattern: EventPattern::parse("*").unwrap(),
        scope: None,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        wants_latest: false,
        watches: None,
        resume: None,
    };
    let key = key.unwrap();
    assert!(hub.subscribe(key, vec![request], now).0[0].is_ok());
    hub.finish_command(key, 1, Ok("".into()));
    (key, effects)
}

/// The index of the first item, and the sequence numbers.
fn seqs(batch: &Batch) -> (u64, Vec<u64>) {
    let seq = |item: &Item| match item {
        Item::Event(queued) => queued.event.seq(),
        _ => 0,
    };
    (batch.first(), batch.items().iter().map(seq).collect())
}

#[test]
fn a_webview_that_cannot_be_called_is_pulled_from() {
    let mut world = World::new();
    world.hub.webviews.get_mut("main").unwrap().is_callable = false;
    assert!(world.pull('p', true).calls.is_empty());
    assert!(world.emit().is_empty());
    assert!(!world.is_called());
}

#[test]
fn a_page_that_does_not_offer_it_is_pulled_from() {
    let mut world = World::new();
    assert!(world.pull('p', false).calls.is_empty());
    assert!(world.take().is_none());
}

#[test]
fn events_that_gather_travel_in_one_call() {
    let mut world = World::called();
    assert_eq!(world.emit(), [world.page]);
    assert!(world.emit().is_empty(), "it is scheduled already");
    let call = world.take().unwrap();
    assert_eq!(seqs(&call.batch), (1, vec![1, 2]));
    assert!(world.take().is_none());
    let effects = world.reply(call.id, 2);
    assert_eq!(effects.acknowledged.len(), 1);
    assert!(effects.calls.is_empty());
}

#[test]
fn few_calls_are_in_flight() {
    let mut world = World::called();
    for _ in 0..2 * MAX_CALLS + 2 {
        world.emit();
    }
    let calls: Vec<Call> = std::iter::from_fn(|| world.take()).collect();
    assert_eq!(calls.len(), MAX_CALLS);
    assert!(world.emit().is_empty());
    assert_eq!(world.reply(calls[0].id, 2).calls, [world.page]);
    assert_eq!(
        seqs(&world.take().unwrap().batch).0,
        2 * MAX_CALLS as u64 + 1
    );
}

#[test]
fn a_flood_does_not_keep_a_page_pulling() {
    let mut world = World::new();
    world.emit();
    let effects = world.pull('p', true);
    assert_eq!(effects.batches[0].1.items().len(), 1);
    let trial = world.take().unwrap();
    assert!(world.reply(trial.id, 0).batches.is_empty());
    world.emit();
    // The reply with the first event may be lost, so the next batch begins with it.
    let effects = world.pull('q', true);
    assert!(matches!(&effects.batches[..], [('q', batch)] if batch.calls_follow && batch.more));
    assert_eq!(seqs(&world.take().unwrap().batch), (1, vec![1]));
    assert_eq!(seqs(&world.take().unwrap().batch), (2, vec![2]));
}

#[test]
fn a_failed_call_is_repeated_at_once() {
    let mut world = World::called();
    world.emit();
    let call = world.take().unwrap();
    assert_eq!(world.fail(call.id).calls, [world.page]);
    let again = world.take().unwrap();
    assert_eq!(seqs(&again.batch), (1, vec![1]));
    assert_eq!(world.reply(again.id, 1).acknowledged.len(), 1);
}

#[test]
fn calls_behind_a_failed_one_are_one_failure() {
    let mut world = World::called();
    for _ in 0..8 {
        world.emit();
    }
    let calls: Vec<Call> = std::iter::from_fn(|| world.take()).collect();
    for call in &calls[..3] {
        assert!(world.fail(call.id).calls.is_empty());
        assert!(world.take().is_none(), "others are in flight");
    }
    assert_eq!(world.fail(calls[3].id).calls, [world.page]);
    assert_eq!(seqs(&world.take().unwrap().batch), (1, vec![1, 2]));
}

#[test]
fn what_a_lost_value_told_is_told_again() {
    let mut world = World::called();
    for _ in 0..4 {
        world.emit();
    }
    let (first, second) = (world.take().unwrap(), world.take().unwrap());
    assert!(!first.batch.tells_again && !second.batch.tells_again);
    // The second one acknowledges what both have brought, so that nothing comes again.
    assert!(world.reply(second.id, 4).calls.is_empty());
    assert_eq!(world.fail(first.id).calls, [world.page]);
    let again = world.take().unwrap();
    assert!(again.batch.is_empty() && again.batch.tells_again);
    assert_eq!(again.batch.first(), 5);
    // The page has to be asked once more if that value is lost, too, and not otherwise.
    assert_eq!(world.fail(again.id).calls, []);
    let _ = world.pass(Duration::from_millis(100));
    let probe = world.take().unwrap();
    assert_eq!(world.reply(probe.id, 4).calls, [world.page]);
    let again = world.take().unwrap();
    assert!(again.batch.tells_again);
    assert!(world.reply(again.id, 4).calls.is_empty());
    world.emit();
    assert!(!world.take().unwrap().batch.tells_again);
}

#[test]
fn a_page_that_fails_again_is_probed_later() {
    let mut world = World::called();
    world.emit();
    for _ in 0..2 {
        let call = world.take().unwrap();
        let _ = world.fail(call.id);
    }
    let mut waits = Vec::new();
    for millis in [100, 1_000, 5_000, 15_000, 15_000] {
        assert!(world.take().is_none());
        assert!(
            world
                .pass(Duration::from_millis(millis - 1))
                .calls
                .is_empty()
        );
        assert_eq!(world.pass(Duration::from_millis(1)).calls, [world.page]);
        let probe = world.take().unwrap();
        assert!(probe.batch.is_empty());
        waits.push(probe.id);
        let _ = world.fail(probe.id);
    }
    assert_eq!(waits.len(), 5);
    let _ = world.pass(Duration::from_secs(15));
    let probe = world.take().unwrap();
    assert_eq!(world.reply(probe.id, 0).calls, [world.page]);
    assert_eq!(seqs(&world.take().unwrap().batch), (1, vec![1]));
}

#[test]
fn a_page_that_cannot_be_called_may_pull_again() {
    let mut world = World::called();
    world.emit();
    for _ in 0..2 {
        let call = world.take().unwrap();
        let _ = world.fail(call.id);
    }
    let effects = world.pull('q', true);
    assert_eq!(seqs(&effects.batches[0].1), (1, vec![1]));
    assert!(!world.is_called());
    // A trial that works later leads back.
    let _ = world.pass(Duration::from_millis(100));
    let trial = world.take().unwrap();
    let _ = world.reply(trial.id, 1);
    assert!(world.pull('r', true).batches[0].1.calls_follow);
}

#[test]
fn forged_replies_are_failures() {
    let own = session_id(1);
    let other = session_id(2);
    for text in [
        String::new(),
        "1".to_owned(),
        format!("{own}"),
        format!("{own}:"),
        format!("{own}:-1"),
        format!("{own}:+1"),
        format!("{own}:1.0"),
        format!("{own}:18446744073709551616"),
        format!("{own}:1:"),
        format!("{own} :1"),
    ] {
        assert_eq!(CallReply::parse(&text), None, "{text:?}");
    }
    for text in [format!("{other}:1"), format!("{own}:2")] {
        let mut world = World::called();
        world.emit();
        let call = world.take().unwrap();
        world.emit();
        let reply = CallReply::parse(&text);
        assert!(reply.is_some());
        let effects = world.hub.finish_call(call.id, reply, world.now);
        assert!(effects.acknowledged.is_empty(), "{text}");
        assert_eq!(seqs(&world.take().unwrap().batch).0, 1, "{text}");
    }
}

#[test]
fn a_reply_counts_once() {
    let mut world = World::called();
    world.emit();
    let call = world.take().unwrap();
    let _ = world.reply(call.id, 1);
    world.emit();
    world.take().unwrap();
    assert!(world.reply(call.id, 1).acknowledged.is_empty());
    assert_eq!(world.hub.sessions[&world.page].outbox.unacknowledged().0, 1);
}

#[test]
fn a_late_reply_of_an_ended_session_does_nothing() {
    let mut world = World::called();
    world.emit();
    let call = world.take().unwrap();
    let _ = world.hub.leave_page("main", None);
    assert!(world.reply(call.id, 1).acknowledged.is_empty());
    let (next, _) = open(&mut world.hub, 2, world.now);
    // The next page gets what the page before had not acknowledged.
    assert_eq!(world.hub.sessions[&next].outbox.usage().0, 1);
}

#[test]
fn a_page_that_is_called_has_no_lease() {
    let mut world = World::called();
    let _ = world.pass(Duration::from_secs(3));
    let (effects, next) = world.hub.expire(world.now + 100 * SESSION_LEASE);
    assert!(effects.silent.is_empty());
    assert_eq!(next, None);
    assert!(world.is_called());
}

#[test]
fn a_call_without_a_reply_ends_the_session() {
    let mut world = World::called();
    world.emit();
    world.take().unwrap();
    let effects = world.pass(CALL_PATIENCE - Duration::from_millis(1));
    assert!(effects.silent.is_empty());
    let effects = world.pass(Duration::from_millis(1));
    assert_eq!(effects.silent.len(), 1);
    let webview = world.hub.webview_number("main").unwrap();
    let farewell = Farewell {
        session: session_id(1),
        webview,
    };
    assert_eq!(effects.farewells, [farewell]);
    assert!(world.hub.sessions.is_empty());
}

#[test]
fn a_trial_without_a_reply_ends_nothing() {
    let mut world = World::new();
    let _ = world.pull('p', true);
    world.take().unwrap();
    let _ = world.pass(Duration::from_secs(20));
    let _ = world.pull('q', true);
    let _ = world.pass(Duration::from_secs(20));
    let _ = world.pull('r', true);
    assert!(world.pass(Duration::from_secs(20)).silent.is_empty());
    assert_eq!(world.hub.sessions.len(), 1);
    let _ = world.pull('s', true);
    assert_eq!(world.pass(Duration::from_millis(100)).calls, [world.page]);
}

#[test]
fn a_page_whose_session_is_taken_over_is_told() {
    let mut world = World::called();
    let (_, effects) = open(&mut world.hub, 2, world.now);
    assert_eq!(effects.farewells.len(), 1);
    assert_eq!(effects.farewells[0].session, session_id(1));
}

#[test]
fn a_pull_waits_for_the_calls_before_it() {
    let mut world = World::called();
    for _ in 0..4 {
        world.emit();
    }
    let first = world.take().unwrap();
    let second = world.take().unwrap();
    assert!(world.pull('q', false).batches.is_empty());
    assert!(world.emit().is_empty());
    assert!(world.reply(first.id, 2).batches.is_empty());
    assert!(world.take().is_none());
    let effects = world.fail(second.id);
    assert_eq!(seqs(&effects.batches[0].1), (3, vec![3, 4]));
}

#[test]
fn a_slow_page_is_called_for_its_progress() {
    let mut world = World::called();
    world.emit();
    world.emit();
    let call = world.take().unwrap();
    assert_eq!(world.reply(call.id, 1).calls, [world.page]);
    let progress = world.take().unwrap();
    assert!(progress.batch.is_empty());
    assert_eq!(progress.batch.first(), 3);
    assert!(world.reply(progress.id, 2).calls.is_empty());
}

/// A page that is called, with a queue that takes one event.
fn called_with_one_place() -> World {
    let limits = Limits {
        queue_events: 1,
        ..Limits::default()
    };
    let mut policies = Policies::default();
    policies.add("*", Policy::new().reject()).unwrap();
    let mut world = World::with(Hub::new(limits, policies));
    let _ = world.pull('p', true);
    let trial = world.take().unwrap();
    let _ = world.reply(trial.id, 0);
    world
}

fn wait_for_room(world: &mut World) {
    let (now, waker) = (world.now, std::task::Waker::noop().clone());
    let everyone = Audience::default();
    let hub = &mut world.hub;
    let (attempt, _) = hub.enqueue_or_wait(event(), &everyone, None, waker, || now);
    assert!(matches!(attempt, Attempt::Waits(_)));
}

#[test]
fn a_call_wakes_an_emit_that_waits() {
    let mut world = called_with_one_place();
    world.emit();
    wait_for_room(&mut world);
    let (call, effects) = world.hub.take_call(world.page, BOUND, world.now);
    assert!(call.is_some());
    assert_eq!(effects.wakers.len(), 1);
}

#[test]
fn a_pull_behind_calls_wakes_an_emit_that_waits() {
    let mut world = called_with_one_place();
    world.emit();
    let call = world.take().unwrap();
    world.emit();
    assert!(world.pull('q', false).batches.is_empty());
    wait_for_room(&mut world);
    let effects = world.reply(call.id, 1);
    assert_eq!(seqs(&effects.batches[0].1), (2, vec![2]));
    assert_eq!(effects.wakers.len(), 1);
}
