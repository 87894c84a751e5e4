//! The hub against an oracle, over random interleavings of what apps, pages and networks do.
//!
//! Pages here behave as the guest does, but their batches may be lost or late, and they may vanish at any moment. Whatever
//! happens, a subscription gets each of its events once and in order, or a gap that covers it; and between two pages of
//! one webview nothing is lost that is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::session_id;
use crate::hub::command_log::CommandAdmission;
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, BatchBound, Item};
use crate::hub::{
    Address, Audience, Command, Effects, Hub, NewEvent, Pull, Resumption, SubscriptionRequest,
};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{ErrorCode, Result};
use crate::model::event::{Gap, GapReason};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::permissions::{Scope, ScopeEntry, Subject};

const WEBVIEWS: [&str; 2] = ["a", "b"];
/// Each policy has names: the default one `x` and `y`, `latest` has `latest`, and `reject` has `reject`.
const NAMES: [&str; 4] = ["x", "y", "latest", "reject"];
/// The last one is `*` of a page that may receive only `x`.
const PATTERNS: [&str; 6] = ["x", "y", "*", "* in x", "latest", "reject"];
/// The payload of a large event has this many bytes.
const LARGE: usize = 400;
const BATCH: BatchBound = BatchBound {
    events: 3,
    bytes: 1 << 20,
};

#[derive(Debug, Clone)]
enum Step {
    Emit {
        name: usize,
        to: Option<usize>,
        is_large: bool,
    },
    Subscribe {
        page: usize,
        pattern: usize,
    },
    Unsubscribe {
        page: usize,
        which: usize,
    },
    Pull {
        page: usize,
    },
    ReadAhead {
        page: usize,
    },
    /// A batch arrives, not always the oldest, and its listeners run.
    Receive {
        page: usize,
        which: usize,
    },
    /// A batch is lost on the way.
    Lose {
        page: usize,
        which: usize,
    },
    /// The page abandons what is on its way and pulls again.
    PullAgain {
        page: usize,
    },
    Reload {
        page: usize,
        is_announced: bool,
    },
    Close {
        page: usize,
    },
    Wait {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let page = 0..WEBVIEWS.len();
    prop_oneof![
        8 => (0..NAMES.len(), proptest::option::of(page.clone()), proptest::bool::weighted(0.2)).prop_map(|(name, to, is_large)| Step::Emit { name, to, is_large }),
        3 => (page.clone(), 0..PATTERNS.len()).prop_map(|(page, pattern)| Step::Subscribe { page, pattern }),
        1 => (page.clone(), 0..4_usize).prop_map(|(page, which)| Step::Unsubscribe { page, which }),
        5 => page.clone().prop_map(|page| Step::Pull { page }),
        3 => page.clone().prop_map(|page| Step::ReadAhead { page }),
        5 => (page.clone(), 0..3_usize).prop_map(|(page, which)| Step::Receive { page, which: which.saturating_sub(1) }),
        1 => (page.clone(), 0..3_usize).prop_map(|(page, which)| Step::Lose { page, which }),
        1 => page.clone().prop_map(|page| Step::PullAgain { page }),
        1 => (page.clone(), any::<bool>()).prop_map(|(page, is_announced)| Step::Reload { page, is_announced }),
        1 => page.prop_map(|page| Step::Close { page }),
        2 => prop_oneof![4 => 0..4000_u64, 1 => Just(61_000_u64)].prop_map(|millis| Step::Wait { millis }),
    ]
}

/// What a subscription has received.
#[derive(Debug, Default)]
struct Received {
    pattern: String,
    since: u64,
    until: Option<u64>,
    live: Vec<u64>,
    replayed: Vec<u64>,
    gaps: Vec<Gap>,
    /// The events that others replaced: from the first one to the one that tells their number.
    superseded: Vec<(u64, u64)>,
    /// Whether it has resumed in another session.
    is_renewed: bool,
}

impl Received {
    fn last(&self) -> Option<u64> {
        self.live.iter().chain(&self.replayed).max().copied()
    }

    fn has(&self, seq: u64) -> bool {
        self.live.contains(&seq) || self.replayed.contains(&seq)
    }

    fn is_in_gap(&self, seq: u64) -> bool {
        self.gaps
            .iter()
            .any(|gap| (gap.from..=gap.to).contains(&seq))
    }

    /// Whether a later event of its name tells that it was replaced.
    fn is_superseded(&self, event: &Emitted) -> bool {
        let seq = event.0;
        let mut told = self.superseded.iter();
        event.1 == "latest" && told.any(|(from, to)| (*from..*to).contains(&seq))
    }
}

/// An event: its sequence number, name and target.
type Emitted = (u64, &'static str, Option<usize>);

#[derive(Debug)]
struct Page {
    session: SessionId,
    key: Option<SubscriberKey>,
    n: u64,
    handled: u64,
    /// Batches on their way, oldest first.
    mailbox: Vec<Batch>,
    received: BTreeMap<u32, Received>,
    started: Option<Instant>,
}

struct World {
    hub: Hub<usize>,
    now: Instant,
    pages: Vec<Page>,
    /// Every event that was accepted.
    events: Vec<Emitted>,
    newest_session: u64,
    newest_id: u32,
    /// The page before, by webview: what it was subscribed to, and what it had received.
    before: Vec<Option<Page>>,
}

fn parse(pattern: &str) -> (EventPattern, Option<Arc<Scope>>) {
    match pattern.split_once(" in ") {
        None => (EventPattern::parse(pattern).unwrap(), None),
        Some((pattern, allowed)) => {
            let entry = ScopeEntry::read(&serde_json::json!(allowed));
            let scope = Scope::new("", Subject::Event, &[Arc::new(entry)], &[]);
            (EventPattern::parse(pattern).unwrap(), Some(Arc::new(scope)))
        }
    }
}

fn origin() -> Option<String> {
    Some("tauri://localhost".to_owned())
}

impl World {
    fn new(room: Room) -> Self {
        let limits = Limits {
            queue_events: room.queue_events,
            backlog_events: room.backlog_events,
            queue_bytes: room.bytes,
            backlog_bytes: room.bytes,
            ..Limits::default()
        };
        let mut policies = Policies::default();
        for (name, policy) in [
            ("latest", Policy::new().latest()),
            ("reject", Policy::new().reject()),
        ] {
            policies.add(name, policy).unwrap();
        }
        let mut world = Self {
            hub: Hub::new(limits, policies),
            now: Instant::now(),
            pages: Vec::new(),
            events: Vec::new(),
            newest_session: 0,
            newest_id: 0,
            before: vec![None, None],
        };
        for label in WEBVIEWS {
            world.hub.announce(label, label);
            let page = world.new_page();
            world.pages.push(page);
        }
        world
    }

    fn new_page(&mut self) -> Page {
        self.newest_session += 1;
        Page {
            session: session_id(self.newest_session),
            key: None,
            n: 0,
            handled: 0,
            mailbox: Vec::new(),
            received: BTreeMap::new(),
            started: None,
        }
    }

    fn apply_effects(&mut self, effects: Effects<usize>) {
        for (page, batch) in effects.batches {
            if !batch.is_empty() {
                self.pages[page].mailbox.push(batch);
            }
        }
    }

    fn command(&mut self, page: usize) -> SubscriberKey {
        self.pages[page].n += 1;
        let command = Command {
            name: "emit",
            session: self.pages[page].session,
            n: self.pages[page].n,
            origin: origin(),
        };
        let (admission, key, effects) =
            self.hub
                .begin_command(WEBVIEWS[page], command, page, self.now);
        assert!(
            matches!(admission, CommandAdmission::Run(_)),
            "{admission:?}"
        );
        self.apply_effects(effects);
        let key = key.unwrap();
        self.hub.finish_command(key, Ok(String::new()));
        self.pages[page].key = Some(key);
        key
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Emit { name, to, is_large } => self.emit(NAMES[name], to, is_large),
            Step::Subscribe { page, pattern } => self.subscribe(page, PATTERNS[pattern]),
            Step::Unsubscribe { page, which } => self.unsubscribe(page, which),
            Step::Pull { page } => self.pull(page),
            Step::ReadAhead { page } => self.read_ahead(page),
            Step::Receive { page, which } => self.receive(page, which),
            Step::Lose { page, which } => {
                if which < self.pages[page].mailbox.len() {
                    self.pages[page].mailbox.remove(which);
                }
            }
            Step::PullAgain { page } => {
                self.pages[page].mailbox.clear();
                self.pull(page);
            }
            Step::Reload { page, is_announced } => self.reload(page, is_announced),
            Step::Close { page } => {
                let (gone, effects) = self.hub.remove_window(WEBVIEWS[page]);
                assert_eq!(gone.len(), 1);
                self.apply_effects(effects);
                self.hub.announce(WEBVIEWS[page], WEBVIEWS[page]);
                self.before[page] = None;
                let fresh = self.new_page();
                self.check_page(page);
                self.pages[page] = fresh;
            }
            Step::Wait { millis } => {
                self.now += Duration::from_millis(millis);
                let (effects, next) = self.hub.expire(self.now);
                assert!(
                    next.is_none_or(|next| next > self.now),
                    "nothing that is due is left undone"
                );
                self.apply_effects(effects);
            }
        }
    }

    fn emit(&mut self, name: &'static str, to: Option<usize>, is_large: bool) {
        let payload = match is_large {
            true => format!("\"{}\"", "x".repeat(LARGE)),
            false => "null".to_owned(),
        };
        let is_full = self.is_full(name, to);
        let event = NewEvent {
            name: EventName::parse(name).unwrap(),
            payload: payload.into(),
            source: Endpoint::Host,
            tick: None,
            provenance: None,
            retain: None,
        };
        let audience = Audience {
            to: to.map(|page| Address::of(WEBVIEWS[page].into()).unwrap()),
            except: None,
        };
        let now = self.now;
        let (receipt, effects) = match self.hub.enqueue(event, &audience, || now) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                assert_eq!(refusal.error.code(), ErrorCode::QueueFull);
                assert!(is_full, "{refusal:?} though no queue is full");
                return;
            }
        };
        self.events.push((receipt.seq, name, to));
        self.apply_effects(*effects.unwrap_or_default());
    }

    /// Whether an event of this name may be refused: its policy is to reject, and a page that it is for has events that
    /// wait.
    fn is_full(&self, name: &str, to: Option<usize>) -> bool {
        let receives = |page: usize| {
            let own = &self.pages[page];
            let listens = own.received.values().any(|received| {
                received.until.is_none() && self.is_for(page, &received.pattern, &(0, name, to))
            });
            let session = own.key.and_then(|key| self.hub.sessions.get(&key));
            listens && session.is_some_and(|session| session.outbox.usage().0 > 0)
        };
        name == "reject" && (0..WEBVIEWS.len()).any(receives)
    }

    fn subscribe(&mut self, page: usize, pattern: &str) {
        let key = self.command(page);
        self.newest_id += 1;
        let (parsed, scope) = parse(pattern);
        let request = SubscriptionRequest {
            id: self.newest_id,
            pattern: parsed,
            scope,
            target: None,
            wants_replayed: true,
            wants_retained: true,
            resume: None,
        };
        let (results, effects) = self.hub.subscribe(key, vec![request], self.now);
        let received = Received {
            pattern: pattern.to_owned(),
            since: *results[0].as_ref().unwrap(),
            ..Received::default()
        };
        self.pages[page].started.get_or_insert(self.now);
        self.pages[page].received.insert(self.newest_id, received);
        self.apply_effects(effects);
    }

    fn unsubscribe(&mut self, page: usize, which: usize) {
        let live = |received: &Received| received.until.is_none();
        let ids: Vec<u32> = self.pages[page]
            .received
            .iter()
            .filter(|(_, received)| live(received))
            .map(|(id, _)| *id)
            .collect();
        let Some(id) = ids.get(which) else {
            return;
        };
        let key = self.command(page);
        let effects = self.hub.unsubscribe(key, &[*id]);
        let seq = self.hub.seq;
        self.pages[page].received.get_mut(id).unwrap().until = Some(seq);
        self.apply_effects(effects);
    }

    fn pull(&mut self, page: usize) {
        // As the guest: one at a time, and only while it listens.
        let own = &self.pages[page];
        let is_pulling = own
            .key
            .and_then(|key| self.hub.sessions.get(&key))
            .is_some_and(|session| session.parked.is_some());
        if own.key.is_none() || is_pulling || !own.mailbox.is_empty() {
            return;
        }
        self.request(page, false);
    }

    fn read_ahead(&mut self, page: usize) {
        if self.pages[page].key.is_some() && self.pages[page].mailbox.len() < 3 {
            self.request(page, true);
        }
    }

    fn request(&mut self, page: usize, is_ahead: bool) {
        let pull = Pull {
            session: self.pages[page].session,
            ack: self.pages[page].handled,
            is_ahead,
            is_prompt: false,
            bound: BATCH,
        };
        let pulled = self.hub.pull(WEBVIEWS[page], pull, page, self.now);
        self.apply_effects(pulled.unwrap());
    }

    fn receive(&mut self, page: usize, which: usize) {
        let own = &mut self.pages[page];
        if which >= own.mailbox.len() {
            return;
        }
        let batch = own.mailbox.remove(which);
        // A batch that arrived before the one that it follows is ignored, and fetched again.
        if batch.first() > own.handled + 1 {
            return;
        }
        for (index, item) in (batch.first()..).zip(batch.items()) {
            if index <= own.handled {
                continue;
            }
            assert_eq!(index, own.handled + 1, "an index is missing");
            own.handled = index;
            match item {
                Item::Event(queued) => {
                    for id in queued.subscriptions.iter() {
                        let received = own.received.get_mut(id).unwrap();
                        let seq = queued.event.seq();
                        let mark = queued.event.mark();
                        if mark.superseded > 0 {
                            assert_eq!(queued.event.name(), "latest");
                            received.superseded.push((mark.superseded_from, seq));
                        }
                        assert!(!received.has(seq), "{seq} came twice");
                        assert!(
                            received.last().is_none_or(|last| last < seq),
                            "{seq} is out of order: {received:?}"
                        );
                        if queued.event.mark().replayed {
                            received.replayed.push(seq);
                        } else {
                            assert!(seq > received.since);
                            received.live.push(seq);
                        }
                    }
                }
                Item::Lost(lost) => {
                    for id in &lost.subscriptions {
                        let received = &own.received[id];
                        let is_false = received.is_renewed
                            && lost.gap.reason == GapReason::HistoryFull
                            && received.last().is_some_and(|last| lost.gap.from <= last)
                            // One that was replaced may be older than what came, and is lost with the newer one.
                            && !self.events.iter().any(|event| {
                                event.1 == "latest" && event.0 == lost.gap.from
                            });
                        assert!(!is_false, "{:?} covers what came: {received:?}", lost.gap);
                        own.received
                            .get_mut(id)
                            .unwrap()
                            .gaps
                            .push(lost.gap.clone());
                    }
                }
                Item::Request(_) | Item::Ended(..) => panic!("there are no requests here"),
            }
        }
    }

    fn reload(&mut self, page: usize, is_announced: bool) {
        if is_announced {
            let effects = self.hub.leave_page(WEBVIEWS[page], origin());
            self.apply_effects(effects);
        }
        let mut fresh = self.new_page();
        std::mem::swap(&mut fresh, &mut self.pages[page]);
        // Without the hook, the new page's first command opens its session.
        self.command(page);
        if fresh.started.is_some() {
            self.before[page] = Some(fresh);
        }
    }

    /// A page whose lease has ended opens a new session and resumes, as the guest does.
    fn renew_expired_sessions(&mut self) {
        for page in 0..WEBVIEWS.len() {
            let key = self.pages[page].key;
            if key.is_none_or(|key| self.hub.sessions.contains_key(&key)) {
                continue;
            }
            let previous = self.pages[page].session;
            let fresh = self.new_page();
            let own = &mut self.pages[page];
            own.session = fresh.session;
            own.n = 0;
            own.handled = 0;
            own.mailbox.clear();
            let live: Vec<(u32, String, u64, u64)> = own
                .received
                .iter()
                .filter(|(_, received)| received.until.is_none())
                .map(|(id, received)| {
                    (
                        *id,
                        received.pattern.clone(),
                        received.last().unwrap_or(received.since),
                        received.last().unwrap_or(0),
                    )
                })
                .collect();
            for (id, ..) in &live {
                own.received.get_mut(id).unwrap().is_renewed = true;
            }
            let key = self.command(page);
            let requests = live
                .into_iter()
                .map(|(id, pattern, after, handled)| {
                    let (pattern, scope) = parse(&pattern);
                    SubscriptionRequest {
                        id,
                        pattern,
                        scope,
                        target: None,
                        wants_replayed: true,
                        wants_retained: true,
                        resume: Some(Resumption {
                            session: previous,
                            after,
                            handled,
                        }),
                    }
                })
                .collect();
            let (results, effects) = self.hub.subscribe(key, requests, self.now);
            assert!(results.iter().all(Result::is_ok));
            self.apply_effects(effects);
        }
    }

    fn is_for(&self, page: usize, pattern: &str, event: &(u64, &str, Option<usize>)) -> bool {
        let (_, name, to) = event;
        let pattern = pattern.strip_prefix("* in ").unwrap_or(pattern);
        to.is_none_or(|to| to == page) && (pattern == "*" || pattern == *name)
    }

    /// What a subscription has received matches its pattern and its page.
    fn check_page(&self, page: usize) {
        let own = &self.pages[page];
        if own.mailbox.is_empty() {
            for received in own.received.values() {
                for event in &self.events {
                    let seq = event.0;
                    if received.has(seq) {
                        assert!(
                            self.is_for(page, &received.pattern, event),
                            "{event:?} is not for {received:?}"
                        );
                    }
                }
            }
        }
    }

    /// Lets every page catch up. Then what was for a live subscription came, or a gap covers it.
    fn finish(mut self) {
        for page in 0..self.pages.len() {
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
            let own = &self.pages[page];
            for received in own
                .received
                .values()
                .filter(|received| received.until.is_none())
            {
                let (mut missing, mut replaced) = (0, 0);
                for event in &self.events {
                    let is_due =
                        event.0 > received.since && self.is_for(page, &received.pattern, event);
                    if !is_due || received.has(event.0) {
                        continue;
                    }
                    if received.is_superseded(event) {
                        replaced += u64::from(received.is_in_gap(event.0));
                    } else {
                        let is_past = received.is_renewed || received.has_past_gap();
                        let may_drop = event.1 != "reject" || is_past;
                        assert!(may_drop, "{event:?} was never to be dropped: {received:?}");
                        assert!(
                            received.is_in_gap(event.0),
                            "{event:?} is lost without a gap: {received:?}"
                        );
                        missing += 1;
                    }
                }
                let live = received
                    .gaps
                    .iter()
                    .filter(|gap| gap.reason == GapReason::QueueFull);
                let counted: u64 = live.map(|gap| gap.count).sum();
                // What was dropped of a replay counts, too, and is not missing above.
                if received.replayed.is_empty()
                    && received
                        .gaps
                        .iter()
                        .all(|gap| gap.reason == GapReason::QueueFull)
                    && received.gaps.iter().all(|gap| gap.from > received.since)
                {
                    // One that was replaced for another subscription may have been dropped for this one.
                    let exact = missing..=missing + replaced;
                    assert!(
                        exact.contains(&counted),
                        "{missing} {replaced} {received:?}"
                    );
                }
                let all: u64 = received.gaps.iter().map(|gap| gap.count).sum();
                assert!(all >= missing, "{received:?}");
                self.check_seam(page, received);
            }
        }
    }

    /// What the page before did not handle, and what came while there was none, reached a page that started in time.
    fn check_seam(&self, page: usize, received: &Received) {
        let Some(before) = &self.before[page] else {
            return;
        };
        let same = before
            .received
            .values()
            .find(|old| old.pattern == received.pattern && old.until.is_none());
        let Some(old) = same else {
            return;
        };
        // The past is replayed only while the new page starts; the model subscribes at once or later.
        let started = self.pages[page].started;
        if started.is_none() || !received.is_first_of(&self.pages[page]) {
            return;
        }
        for event in &self.events {
            let is_due = event.0 > old.since
                && event.0 <= received.since
                && self.is_for(page, &received.pattern, event);
            if is_due {
                let came = old.has(event.0) || received.has(event.0);
                let came = came || old.is_superseded(event) || received.is_superseded(event);
                let is_covered = old.is_in_gap(event.0) || received.is_in_gap(event.0);
                assert!(
                    came || is_covered,
                    "{event:?} fell between two pages: {old:?} {received:?}"
                );
            }
        }
    }
}

impl Received {
    /// Whether something is lost of what came before it, or between two sessions: that has limits of its own, whatever the
    /// policy of an event is.
    fn has_past_gap(&self) -> bool {
        let mut gaps = self.gaps.iter();
        gaps.any(|gap| gap.reason != GapReason::QueueFull)
    }

    fn is_first_of(&self, page: &Page) -> bool {
        page.received
            .values()
            .next()
            .is_some_and(|first| std::ptr::eq(first, self))
    }
}

/// The limits of a run.
struct Room {
    queue_events: usize,
    backlog_events: usize,
    bytes: usize,
}

fn check(room: Room, steps: Vec<Step>) {
    let mut world = World::new(room);
    for step in steps {
        world.renew_expired_sessions();
        world.run(step);
    }
    world.renew_expired_sessions();
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_room_nothing_is_lost(steps in proptest::collection::vec(step(), 1..60)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1 << 20 }, steps);
    }

    #[test]
    fn without_room_every_loss_is_a_gap(steps in proptest::collection::vec(step(), 1..80)) {
        check(Room { queue_events: 3, backlog_events: 4, bytes: 1 << 20 }, steps);
    }

    /// Some events are larger than others, and a queue takes two of the large ones.
    #[test]
    fn without_bytes_every_loss_is_a_gap(steps in proptest::collection::vec(step(), 1..80)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1500 }, steps);
    }
}
