//! The hub against an oracle, over random interleavings of what apps, pages and networks do.
//!
//! Pages here behave as the guest does, but their answers may be lost or late, and they may vanish at any moment. Whatever
//! happens, a subscription gets each of its events once and in order, or is told of a gap that covers it; and between
//! two pages of one webview nothing is lost that is kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::command_log::CommandAdmission;
use super::outbox::{Batch, BatchBound, Item};
use super::session::SessionId;
use super::subscriptions::SubscriberKey;
use super::*;
use crate::model::event::{Gap, GapReason};
use crate::model::pattern::EventPattern;
use crate::permissions::{Scope, ScopeEntry, Subject};

const WEBVIEWS: [&str; 2] = ["a", "b"];
const NAMES: [&str; 2] = ["x", "y"];
/// The last one is `*` of a page that may hear `x` alone.
const PATTERNS: [&str; 4] = ["x", "y", "*", "* in x"];
const BATCH: BatchBound = BatchBound {
    events: 3,
    bytes: 1 << 20,
};

#[derive(Debug, Clone)]
enum Step {
    Emit {
        name: usize,
        to: Option<usize>,
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
    /// An answer arrives, not always the oldest, and its handlers run.
    Receive {
        page: usize,
        which: usize,
    },
    /// An answer is lost on the way.
    Lose {
        page: usize,
        which: usize,
    },
    /// The page gives up what is on its way and pulls again.
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
        8 => (0..NAMES.len(), proptest::option::of(page.clone())).prop_map(|(name, to)| Step::Emit { name, to }),
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

/// What a subscription has got.
#[derive(Debug, Default)]
struct Received {
    pattern: String,
    since: u64,
    until: Option<u64>,
    live: Vec<u64>,
    replayed: Vec<u64>,
    gaps: Vec<Gap>,
    /// Whether it has gone on in another session.
    is_renewed: bool,
}

impl Received {
    fn last(&self) -> Option<u64> {
        self.live.iter().chain(&self.replayed).max().copied()
    }

    fn has(&self, seq: u64) -> bool {
        self.live.contains(&seq) || self.replayed.contains(&seq)
    }

    fn is_told_of(&self, seq: u64) -> bool {
        self.gaps
            .iter()
            .any(|gap| (gap.from..=gap.to).contains(&seq))
    }
}

#[derive(Debug)]
struct Page {
    session: SessionId,
    key: Option<SubscriberKey>,
    n: u64,
    handled: u64,
    /// Responses on their way, oldest first.
    mailbox: Vec<Batch>,
    heard: BTreeMap<u32, Received>,
    started: Option<Instant>,
}

struct World {
    hub: Hub<usize>,
    now: Instant,
    pages: Vec<Page>,
    /// Every event: its number, name and target.
    events: Vec<(u64, &'static str, Option<usize>)>,
    newest_session: u64,
    newest_id: u32,
    /// Seqs that a page before has handled, by webview and pattern; and what the page before was subscribed to.
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
    fn new(queue_events: usize, backlog_events: usize) -> Self {
        let limits = Limits {
            queue_events,
            backlog_events,
            ..Limits::default()
        };
        let mut world = Self {
            hub: Hub::new(limits, Policies::default()),
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
            session: SessionId::parse(&format!("{:032x}", self.newest_session)).unwrap(),
            key: None,
            n: 0,
            handled: 0,
            mailbox: Vec::new(),
            heard: BTreeMap::new(),
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
        let (turn, key, effects) = self
            .hub
            .begin_command(WEBVIEWS[page], command, page, self.now);
        assert!(matches!(turn, CommandAdmission::Run(_)), "{turn:?}");
        self.apply_effects(effects);
        let key = key.unwrap();
        self.hub
            .finish_command(key, self.pages[page].n, Ok(String::new()));
        self.pages[page].key = Some(key);
        key
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Emit { name, to } => self.emit(NAMES[name], to),
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

    fn emit(&mut self, name: &'static str, to: Option<usize>) {
        let draft = NewEvent {
            name: EventName::parse(name).unwrap(),
            payload: "null".into(),
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
        let (receipt, effects) = self.hub.enqueue(draft, &audience, || now).unwrap();
        self.events.push((receipt.seq, name, to));
        self.apply_effects(*effects.unwrap_or_default());
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
        let (answers, effects) = self.hub.subscribe(key, vec![request], self.now);
        let heard = Received {
            pattern: pattern.to_owned(),
            since: *answers[0].as_ref().unwrap(),
            ..Received::default()
        };
        self.pages[page].started.get_or_insert(self.now);
        self.pages[page].heard.insert(self.newest_id, heard);
        self.apply_effects(effects);
    }

    fn unsubscribe(&mut self, page: usize, which: usize) {
        let live = |heard: &Received| heard.until.is_none();
        let ids: Vec<u32> = self.pages[page]
            .heard
            .iter()
            .filter(|(_, heard)| live(heard))
            .map(|(id, _)| *id)
            .collect();
        let Some(id) = ids.get(which) else {
            return;
        };
        let key = self.command(page);
        let effects = self.hub.unsubscribe(key, &[*id]);
        let seq = self.hub.seq;
        self.pages[page].heard.get_mut(id).unwrap().until = Some(seq);
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
        // An answer that came before the one that it follows on is passed over, and asked for again.
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
                        let heard = own.heard.get_mut(id).unwrap();
                        let seq = queued.event.seq();
                        assert!(!heard.has(seq), "{seq} came twice");
                        assert!(
                            heard.last().is_none_or(|last| last < seq),
                            "{seq} is out of order: {heard:?}"
                        );
                        if queued.event.mark().replayed {
                            heard.replayed.push(seq);
                        } else {
                            assert!(seq > heard.since);
                            heard.live.push(seq);
                        }
                    }
                }
                Item::Lost(lost) => {
                    for id in &lost.subscriptions {
                        let heard = &own.heard[id];
                        let is_false = heard.is_renewed
                            && lost.gap.reason == GapReason::HistoryFull
                            && heard.last().is_some_and(|last| lost.gap.from <= last);
                        assert!(!is_false, "{:?} tells of what came: {heard:?}", lost.gap);
                        own.heard.get_mut(id).unwrap().gaps.push(lost.gap.clone());
                    }
                }
                Item::RequestMessage(_) | Item::Ended(..) => panic!("nobody asks here"),
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
        // Without the hook, the new page's first command tells.
        self.command(page);
        if fresh.started.is_some() {
            self.before[page] = Some(fresh);
        }
    }

    /// A page whose lease has ended opens a new session and goes on, as the guest does.
    fn renew_what_has_expired(&mut self) {
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
                .heard
                .iter()
                .filter(|(_, heard)| heard.until.is_none())
                .map(|(id, heard)| {
                    (
                        *id,
                        heard.pattern.clone(),
                        heard.last().unwrap_or(heard.since),
                        heard.last().unwrap_or(0),
                    )
                })
                .collect();
            for (id, ..) in &live {
                own.heard.get_mut(id).unwrap().is_renewed = true;
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
            let (answers, effects) = self.hub.subscribe(key, requests, self.now);
            assert!(answers.iter().all(Result::is_ok));
            self.apply_effects(effects);
        }
    }

    fn is_for(&self, page: usize, pattern: &str, event: &(u64, &str, Option<usize>)) -> bool {
        let (_, name, to) = event;
        let pattern = pattern.strip_prefix("* in ").unwrap_or(pattern);
        to.is_none_or(|to| to == page) && (pattern == "*" || pattern == *name)
    }

    /// What is due to a live subscription came, or is covered by a gap.
    fn check_page(&self, page: usize) {
        let own = &self.pages[page];
        if own.mailbox.is_empty() {
            for heard in own.heard.values() {
                for event in &self.events {
                    let seq = event.0;
                    if heard.has(seq) {
                        assert!(
                            self.is_for(page, &heard.pattern, event),
                            "{event:?} is not for {heard:?}"
                        );
                    }
                }
            }
        }
    }

    /// Lets every page catch up, and compares with what it was owed.
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
            for heard in own.heard.values().filter(|heard| heard.until.is_none()) {
                let mut missing = 0;
                for event in &self.events {
                    let is_due = event.0 > heard.since && self.is_for(page, &heard.pattern, event);
                    if is_due && !heard.has(event.0) {
                        assert!(
                            heard.is_told_of(event.0),
                            "{event:?} is lost without a word: {heard:?}"
                        );
                        missing += 1;
                    }
                }
                let live = heard
                    .gaps
                    .iter()
                    .filter(|gap| gap.reason == GapReason::QueueFull);
                let counted: u64 = live.map(|gap| gap.count).sum();
                // What was dropped of a replay counts, too, and is not due above.
                if heard.replayed.is_empty()
                    && heard
                        .gaps
                        .iter()
                        .all(|gap| gap.reason == GapReason::QueueFull)
                    && heard.gaps.iter().all(|gap| gap.from > heard.since)
                {
                    assert_eq!(counted, missing, "{heard:?}");
                }
                let all: u64 = heard.gaps.iter().map(|gap| gap.count).sum();
                assert!(all >= missing, "{heard:?}");
                self.check_seam(page, heard);
            }
        }
    }

    /// What the page before did not handle, and what came while there was none, reached a page that started in time.
    fn check_seam(&self, page: usize, heard: &Received) {
        let Some(before) = &self.before[page] else {
            return;
        };
        let same = before
            .heard
            .values()
            .find(|old| old.pattern == heard.pattern && old.until.is_none());
        let Some(old) = same else {
            return;
        };
        // Only while the new page starts up is the past replayed; the model subscribes at once or later.
        let started = self.pages[page].started;
        if started.is_none() || !heard.is_first_of(&self.pages[page]) {
            return;
        }
        for event in &self.events {
            let is_due = event.0 > old.since
                && event.0 <= heard.since
                && self.is_for(page, &heard.pattern, event);
            if is_due {
                let came = old.has(event.0) || heard.has(event.0);
                let told = old.is_told_of(event.0) || heard.is_told_of(event.0);
                assert!(
                    came || told,
                    "{event:?} fell between two pages: {old:?} {heard:?}"
                );
            }
        }
    }
}

impl Received {
    fn is_first_of(&self, page: &Page) -> bool {
        page.heard
            .values()
            .next()
            .is_some_and(|first| std::ptr::eq(first, self))
    }
}

fn check(queue_events: usize, backlog_events: usize, steps: Vec<Step>) {
    let mut world = World::new(queue_events, backlog_events);
    for step in steps {
        world.renew_what_has_expired();
        world.run(step);
    }
    world.renew_what_has_expired();
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_room_nothing_is_lost(steps in proptest::collection::vec(step(), 1..60)) {
        check(1000, 1000, steps);
    }

    #[test]
    fn without_room_what_is_lost_is_told(steps in proptest::collection::vec(step(), 1..80)) {
        check(3, 4, steps);
    }
}
