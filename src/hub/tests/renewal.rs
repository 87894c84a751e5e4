//! What a page that renews its session gets of what it had not received.

use std::time::{Duration, Instant};

use super::session_id;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::outbox::{Batch, BatchBound, Item};
use crate::hub::{
    Audience, Command, Hub, NewEvent, Pull, Resumption, SESSION_LEASE, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::event::GapReason;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;

mod replaced;
mod traced;

/// The reason of a gap, its first and last number, and what it counts.
pub(super) type Lost = (GapReason, u64, u64, u64);

/// A webview whose page opens one session after the other. The events `live` and `note` have no history, and of
/// the events `latest` only the newest waits.
pub(super) struct World {
    pub(super) hub: Hub<char>,
    pub(super) now: Instant,
    sessions: u64,
    /// The index of the last item that the page has handled in its session.
    index: u64,
    /// The origin of the next page.
    pub(super) origin: &'static str,
}

fn request(id: SubscriptionId, pattern: &str, resume: Option<Resumption>) -> SubscriptionRequest {
    SubscriptionRequest {
        id,
        pattern: EventPattern::parse(pattern).unwrap(),
        scope: None,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        wants_latest: false,
        watches: None,
        resume,
    }
}

impl World {
    pub(super) fn new(limits: Limits) -> Self {
        let mut policies = Policies::default();
        for name in ["live", "note"] {
            policies.add(name, Policy::new().history(false)).unwrap();
        }
        policies.add("latest", Policy::new().latest()).unwrap();
        let mut hub = Hub::new(limits, policies);
        let _ = hub.announce("main", "main");
        Self {
            hub,
            now: Instant::now(),
            sessions: 0,
            index: 0,
            origin: "app",
        }
    }

    pub(super) fn emit(&mut self, name: &str, retain: bool) -> u64 {
        let event = NewEvent {
            name: EventName::parse(name).unwrap(),
            payload: "null".into(),
            source: Endpoint::Host,
            tick: None,
            provenance: None,
            retain: Some(retain),
            lifetime: Lifetime::default(),
        };
        let now = self.now;
        let emitted = self.hub.enqueue(event, &Audience::default(), || now);
        emitted.unwrap().0.seq
    }

    /// Opens a session that listens to these patterns, which have the ids 1, 2 and so on. Its page is there, and pulls.
    pub(super) fn open(&mut self, patterns: &[&str], resume: Option<(u64, u64)>) -> SubscriberKey {
        let key = self.begin(patterns, resume);
        self.pull_after(0, 0);
        key
    }

    /// The first command of a page, which may be gone.
    pub(super) fn begin(&mut self, patterns: &[&str], resume: Option<(u64, u64)>) -> SubscriberKey {
        self.begin_after(self.sessions, patterns, resume)
    }

    /// A page opens a session that continues this one.
    pub(super) fn continue_session(&mut self, session: u64, patterns: &[&str], resume: (u64, u64)) {
        self.begin_after(session, patterns, Some(resume));
    }

    /// The newest session listens to this, too.
    pub(super) fn subscribe(&mut self, id: SubscriptionId, pattern: &str) {
        let key = self.hub.webviews["main"].session.unwrap();
        let requests = vec![request(id, pattern, None)];
        let (results, _) = self.hub.subscribe(key, requests, self.now);
        assert!(results[0].is_ok());
    }

    fn begin_after(
        &mut self,
        session: u64,
        patterns: &[&str],
        resume: Option<(u64, u64)>,
    ) -> SubscriberKey {
        let previous = session_id(session);
        self.sessions += 1;
        let command = Command {
            name: "subscribe",
            session: session_id(self.sessions),
            n: 1,
            origin: Some(self.origin.to_owned()),
        };
        let opened = self.hub.begin_command("main", command, 'c', self.now);
        let key = opened.1.unwrap();
        let resume = resume.map(|(after, handled)| Resumption {
            session: previous,
            after,
            handled,
            index: self.index,
        });
        let requests = (1..)
            .zip(patterns)
            .map(|(id, pattern)| request(id, pattern, resume));
        let (results, _) = self.hub.subscribe(key, requests.collect(), self.now);
        assert!(results.iter().all(Result::is_ok));
        self.hub.finish_command(key, 1, Ok("".into()));
        key
    }

    /// The page calls nothing for so long that its session ends.
    pub(super) fn fall_silent(&mut self) {
        self.wait(SESSION_LEASE + Duration::from_secs(1));
        assert!(self.hub.sessions.is_empty());
    }

    /// The webview has loaded another page.
    pub(super) fn leave(&mut self) {
        self.load("app");
    }

    /// The webview has loaded a page of this origin.
    pub(super) fn load(&mut self, origin: &'static str) {
        let _ = self.hub.leave_page("main", Some(origin.to_owned()));
    }

    /// So much time passes.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        let _ = self.hub.expire(self.now);
    }

    /// Pulls so many items at most.
    pub(super) fn pull(&mut self, events: usize) -> Batch {
        self.pull_after(0, events)
    }

    pub(super) fn pull_after(&mut self, ack: u64, events: usize) -> Batch {
        let pull = Pull {
            session: session_id(self.sessions),
            ack,
            is_ahead: false,
            is_prompt: true,
            can_be_called: false,
            bound: BatchBound {
                events,
                bytes: 1 << 20,
            },
        };
        let effects = self.hub.pull("main", pull, 'p', self.now).unwrap();
        let batch = effects.batches.into_iter().next();
        batch.map(|(_, batch)| batch).unwrap_or_default()
    }

    /// The events of a subscription, and its gaps with what they count.
    pub(super) fn received(&mut self, id: u32) -> (Vec<u64>, Vec<Lost>) {
        let batch = self.pull(100);
        let (mut seqs, mut gaps) = (Vec::new(), Vec::new());
        for item in batch.items() {
            match item {
                Item::Event(queued) if queued.subscriptions.contains(&id) => {
                    seqs.push(queued.event.seq());
                }
                Item::Lost(lost) if lost.subscriptions.contains(&id) => {
                    let gap = &lost.gap;
                    gaps.push((gap.reason, gap.from, gap.to, gap.count));
                }
                _ => {}
            }
        }
        (seqs, gaps)
    }
}

#[test]
fn a_living_page_gets_what_has_no_history() {
    let mut world = World::new(Limits::default());
    world.open(&["*", "note"], None);
    let pending = world.emit("live", false);
    world.fall_silent();
    world.open(&["*", "note"], Some((0, 0)));
    assert_eq!(world.received(1), (vec![pending], vec![]));
    assert_eq!(world.received(2), (vec![], vec![]));
}

#[test]
fn what_came_without_a_session_is_a_gap() {
    let mut world = World::new(Limits::default());
    world.open(&["*", "note"], None);
    world.fall_silent();
    let first = world.emit("live", false);
    let kept = world.emit("kept", false);
    let last = world.emit("live", false);
    world.open(&["*", "note"], Some((0, 0)));
    let gap = (GapReason::SessionEnded, first, last, 2);
    assert_eq!(world.received(1), (vec![kept], vec![gap]));
    // Nothing that it listens to was emitted.
    assert_eq!(world.received(2), (vec![], vec![]));
}

#[test]
fn more_names_than_are_told_apart_are_a_gap() {
    let mut world = World::new(Limits::default());
    world.hub.subscriptions = crate::hub::routes::Subscriptions::new({
        let mut policies = Policies::default();
        policies.add("n*", Policy::new().history(false)).unwrap();
        policies
    });
    world.open(&["n99", "other"], None);
    world.fall_silent();
    for n in 0..100 {
        world.emit(&format!("n{n}"), false);
    }
    world.open(&["n99", "other"], Some((0, 0)));
    let (events, gaps) = world.received(1);
    assert!(events.is_empty());
    let covers = |seq: u64| {
        gaps.iter()
            .any(|(_, from, to, _)| (*from..=*to).contains(&seq))
    };
    assert!(covers(100), "{gaps:?}");
}

#[test]
fn a_new_page_gets_nothing_without_history() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    world.emit("live", false);
    let kept = world.emit("kept", false);
    world.fall_silent();
    world.emit("live", false);
    world.open(&["*"], None);
    assert_eq!(world.received(1), (vec![kept], vec![]));
}

#[test]
fn what_has_no_history_takes_no_room_of_others() {
    let limits = Limits {
        backlog_events: 3,
        ..Limits::default()
    };
    for is_renewed in [false, true] {
        let mut world = World::new(limits.clone());
        world.open(&["*"], None);
        let kept = [world.emit("kept", false), world.emit("kept", false)];
        let live: Vec<u64> = (0..3).map(|_| world.emit("live", false)).collect();
        world.fall_silent();
        let (events, gaps) = if is_renewed {
            world.open(&["*"], Some((0, 0)));
            let lost = (GapReason::HistoryFull, live[0], live[1], 2);
            (vec![kept[0], kept[1], live[2]], vec![lost])
        } else {
            world.open(&["*"], None);
            (kept.to_vec(), vec![])
        };
        assert_eq!(world.received(1), (events, gaps));
    }
}

#[test]
fn a_retained_event_comes_again() {
    let mut world = World::new(Limits::default());
    let retained = world.emit("note", true);
    world.emit("other", false);
    world.open(&["note"], None);
    world.fall_silent();
    world.open(&["note"], Some((2, 0)));
    assert_eq!(world.received(1), (vec![retained], vec![]));
    // Once it has come, it does not come again.
    world.fall_silent();
    world.open(&["note"], Some((2, retained)));
    let (events, _) = world.received(1);
    assert_eq!(events, [retained], "its acknowledgment has not arrived");
}

#[test]
fn a_retained_event_comes_after_another_page() {
    let mut world = World::new(Limits::default());
    let retained = world.emit("note", true);
    world.emit("other", false);
    world.open(&["note"], None);
    let first = session_id(world.sessions);
    world.leave();
    // Another page was there, and the first one returns out of the cache.
    world.open(&["other"], None);
    world.now += Duration::from_secs(10);
    let _ = world.hub.expire(world.now);
    world.leave();
    for (handled, expected) in [(0, vec![retained]), (retained, vec![])] {
        world.sessions += 1;
        let command = Command {
            name: "subscribe",
            session: session_id(world.sessions),
            n: 1,
            origin: Some("app".to_owned()),
        };
        let key = world.hub.begin_command("main", command, 'c', world.now).1;
        let resume = Resumption {
            session: first,
            after: 2,
            handled,
            index: 0,
        };
        let requests = vec![request(1, "note", Some(resume))];
        let _ = world.hub.subscribe(key.unwrap(), requests, world.now);
        assert_eq!(world.received(1).0, expected);
        world.leave();
    }
}

#[test]
fn what_a_lost_event_replaced_is_lost_with_it() {
    let limits = Limits {
        queue_events: 3,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    world.open(&["*"], None);
    let replaced = world.emit("latest", false);
    world.emit("x", false);
    let handled = world.emit("x", false);
    let dropped = world.emit("latest", false);
    // The page gets the two that came in between.
    assert_eq!(world.pull(2).items().len(), 2);
    let waiting: Vec<u64> = (0..3).map(|_| world.emit("x", false)).collect();
    // The gap stays until it is acknowledged.
    for _ in 0..2 {
        world.fall_silent();
        world.open(&["*"], Some((handled, handled)));
    }
    let gap = (GapReason::HistoryFull, replaced, dropped, 2);
    assert_eq!(world.received(1), (waiting, vec![gap]));
}

#[test]
fn a_gap_that_was_handled_is_not_told_again() {
    for handled in [0, 1, 2] {
        let limits = Limits {
            queue_events: 1,
            ..Limits::default()
        };
        let mut world = World::new(limits);
        world.open(&["*"], None);
        let dropped = world.emit("x", false);
        let waiting = world.emit("x", false);
        assert_eq!(world.pull(9).items().len(), 2, "a gap and an event");
        world.index = handled;
        world.fall_silent();
        world.open(&["*"], Some((0, if handled == 2 { waiting } else { 0 })));
        let gap = (GapReason::HistoryFull, dropped, dropped, 1);
        let gaps = if handled == 0 { vec![gap] } else { vec![] };
        let events = if handled == 2 { vec![] } else { vec![waiting] };
        assert_eq!(world.received(1), (events, gaps), "{handled}");
    }
}

#[test]
fn one_loss_is_told_as_one_gap() {
    let limits = Limits {
        backlog_events: 1,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    world.open(&["x"], None);
    let lost = world.emit("x", false);
    world.fall_silent();
    // The session that the page had in between never pulled.
    world.begin(&["x"], Some((0, 0)));
    let also_lost = world.emit("x", false);
    let last = world.emit("x", false);
    world.fall_silent();
    world.open(&["x"], Some((0, 0)));
    let gap = (GapReason::HistoryFull, lost, also_lost, 2);
    assert_eq!(world.received(1), (vec![last], vec![gap]));
}

#[test]
fn sessions_without_a_pull_cost_nothing() {
    let mut world = World::new(Limits::default());
    world.open(&["*"], None);
    let pending = [world.emit("live", false), world.emit("x", false)];
    world.fall_silent();
    for _ in 0..3 {
        world.begin(&["*"], Some((0, 0)));
        world.fall_silent();
    }
    world.open(&["*"], Some((0, 0)));
    assert_eq!(world.received(1), (pending.to_vec(), vec![]));
}

#[test]
fn a_handled_gap_is_traced_back() {
    let limits = Limits {
        queue_events: 1,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    world.open(&["*"], None);
    world.emit("x", false);
    let waiting = world.emit("x", false);
    assert_eq!(world.pull(9).items().len(), 2, "a gap and an event");
    world.index = 1;
    world.fall_silent();
    world.begin(&["*"], Some((0, 0)));
    world.fall_silent();
    // Its page has handled nothing of the session without a pull.
    world.index = 0;
    world.open(&["*"], Some((0, 0)));
    assert_eq!(world.received(1), (vec![waiting], vec![]));
}
