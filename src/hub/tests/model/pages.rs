//! Pages as the guest acts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::{BATCH, Emitted, WEBVIEWS, World};
use crate::hub::command_log::CommandAdmission;
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, Item};
use crate::hub::{Command, Pull, Resumption, SubscriptionRequest};
use crate::model::error::Result;
use crate::model::event::{Gap, GapReason};
use crate::model::pattern::EventPattern;
use crate::permissions::{Scope, ScopeEntry, Subject};

/// What a subscription has received.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) pattern: String,
    /// The answered sequence number of its begin.
    pub(super) since: u64,
    pub(super) until: Option<u64>,
    pub(super) live: Vec<u64>,
    /// What was replayed or retained.
    pub(super) earlier: Vec<u64>,
    pub(super) gaps: Vec<Gap>,
    /// The events that others replaced: from the first one to the one that tells their number.
    superseded: Vec<(u64, u64)>,
    /// Whether it has resumed in another session.
    pub(super) is_renewed: bool,
    /// What was retained for it at its begin.
    pub(super) retained: Vec<u64>,
    // What the guest knows of it.
    session: SessionId,
    answered: u64,
    last: u64,
    first_live: Option<u64>,
    replayed_to: Option<u64>,
}

impl Received {
    pub(super) fn has(&self, seq: u64) -> bool {
        self.live.contains(&seq) || self.earlier.contains(&seq)
    }

    pub(super) fn is_in_gap(&self, seq: u64) -> bool {
        self.gaps
            .iter()
            .any(|gap| (gap.from..=gap.to).contains(&seq))
    }

    /// Whether a later event of its name tells that it was replaced.
    pub(super) fn is_superseded(&self, event: &Emitted) -> bool {
        let mut told = self.superseded.iter();
        event.name == "latest" && told.any(|(from, to)| (*from..*to).contains(&event.seq))
    }

    /// Whether something is lost of what came before it, or between two sessions: that has limits of its own, whatever the
    /// policy of an event is.
    pub(super) fn has_past_gap(&self) -> bool {
        let mut gaps = self.gaps.iter();
        gaps.any(|gap| gap.reason != GapReason::QueueFull)
    }

    pub(super) fn came_or_is_in_gap(&self, seq: u64) -> bool {
        self.has(seq) || self.is_in_gap(seq)
    }
}

#[derive(Debug)]
pub(super) struct Page {
    pub(super) session: SessionId,
    pub(super) key: Option<SubscriberKey>,
    n: u64,
    pub(super) handled: u64,
    /// The newest live event of all subscriptions.
    seen: u64,
    /// Batches on their way, oldest first.
    pub(super) mailbox: Vec<Batch>,
    pub(super) received: BTreeMap<u32, Received>,
    pub(super) started: Option<Instant>,
    /// Whether it has come back out of the cache.
    pub(super) has_returned: bool,
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

fn request(id: u32, pattern: &str, resume: Option<Resumption>) -> SubscriptionRequest {
    let (pattern, scope) = parse(pattern);
    SubscriptionRequest {
        id,
        pattern,
        scope,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        resume,
    }
}

impl Page {
    pub(super) fn new(session: SessionId) -> Self {
        Self {
            session,
            key: None,
            n: 0,
            handled: 0,
            seen: 0,
            mailbox: Vec::new(),
            received: BTreeMap::new(),
            started: None,
            has_returned: false,
        }
    }

    /// Handles a batch of the mailbox. `events` are those that were ever accepted.
    pub(super) fn receive(&mut self, which: usize, events: &[Emitted]) {
        if which >= self.mailbox.len() {
            return;
        }
        let batch = self.mailbox.remove(which);
        // A batch that arrived before the one that it follows is ignored, and fetched again.
        if batch.first() > self.handled + 1 {
            return;
        }
        for (index, item) in (batch.first()..).zip(batch.items()) {
            if index <= self.handled {
                continue;
            }
            assert_eq!(index, self.handled + 1, "an index is missing");
            self.handled = index;
            match item {
                Item::Event(queued) => {
                    let mark = queued.event.mark();
                    let seq = queued.event.seq();
                    let is_live = !mark.replayed && !mark.retained;
                    if is_live {
                        self.seen = self.seen.max(seq);
                    }
                    for id in queued.subscriptions.iter() {
                        let received = self.received.get_mut(id).unwrap();
                        if received.until.is_some() {
                            continue;
                        }
                        received.session = self.session;
                        if mark.replayed {
                            received.replayed_to = received.replayed_to.max(Some(seq));
                        }
                        let is_older = received.first_live.is_none_or(|live| seq < live);
                        let is_late = mark.retained && !mark.replayed && is_older;
                        if seq <= received.last && (received.has(seq) || !is_late) {
                            assert!(received.has(seq), "{seq} is out of order: {received:?}");
                            assert!(received.is_renewed, "{seq} came twice: {received:?}");
                            continue;
                        }
                        if mark.superseded > 0 {
                            assert_eq!(queued.event.name(), "latest");
                            received.superseded.push((mark.superseded_from, seq));
                        }
                        received.last = received.last.max(seq);
                        if is_live {
                            assert!(seq > received.since);
                            received.first_live.get_or_insert(seq);
                            received.live.push(seq);
                        } else {
                            received.earlier.push(seq);
                        }
                    }
                }
                Item::Lost(lost) => {
                    if lost.gap.reason == GapReason::QueueFull {
                        self.seen = self.seen.max(lost.gap.to);
                    }
                    for id in &lost.subscriptions {
                        let received = self.received.get_mut(id).unwrap();
                        let is_false = received.is_renewed
                            && lost.gap.reason == GapReason::HistoryFull
                            && !self.has_returned
                            && lost.gap.from <= received.last
                            // One that was replaced may be older than what came, and is lost with the newer one.
                            && !events.iter().any(|event| {
                                event.name == "latest" && event.seq == lost.gap.from
                            });
                        assert!(!is_false, "{:?} covers what came: {received:?}", lost.gap);
                        received.session = self.session;
                        received.gaps.push(lost.gap.clone());
                    }
                }
                Item::Request(_) | Item::Ended(..) => panic!("there are no requests here"),
            }
        }
    }
}

impl World {
    pub(super) fn command(&mut self, page: usize) -> SubscriberKey {
        self.hear(page, false);
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
        let n = self.pages[page].n;
        self.hub.finish_command(key, n, Ok(String::new()));
        self.pages[page].key = Some(key);
        key
    }

    pub(super) fn subscribe(&mut self, page: usize, pattern: &str) {
        let key = self.command(page);
        self.newest_id += 1;
        let requests = vec![request(self.newest_id, pattern, None)];
        let (results, effects) = self.hub.subscribe(key, requests, self.now);
        let since = *results[0].as_ref().unwrap();
        let received = Received {
            pattern: pattern.to_owned(),
            since,
            until: None,
            live: Vec::new(),
            earlier: Vec::new(),
            gaps: Vec::new(),
            superseded: Vec::new(),
            is_renewed: false,
            retained: self.retained_for(page, pattern),
            session: self.pages[page].session,
            answered: since,
            last: 0,
            first_live: None,
            replayed_to: None,
        };
        self.pages[page].started.get_or_insert(self.now);
        self.pages[page].received.insert(self.newest_id, received);
        self.apply_effects(effects);
    }

    pub(super) fn unsubscribe(&mut self, page: usize, which: usize) {
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

    pub(super) fn pull(&mut self, page: usize) {
        // As the guest: one at a time, and only while it listens.
        let own = &self.pages[page];
        let is_pulling = own
            .key
            .and_then(|key| self.hub.sessions.get(&key))
            .is_some_and(|session| session.parked.is_some());
        if own.key.is_none() || is_pulling || !own.mailbox.is_empty() {
            return;
        }
        self.fetch(page, false);
    }

    pub(super) fn read_ahead(&mut self, page: usize) {
        if self.pages[page].key.is_some() && self.pages[page].mailbox.len() < 3 {
            self.fetch(page, true);
        }
    }

    fn fetch(&mut self, page: usize, is_ahead: bool) {
        let pull = Pull {
            session: self.pages[page].session,
            ack: self.pages[page].handled,
            is_ahead,
            is_prompt: false,
            can_be_called: false,
            bound: BATCH,
        };
        let pulled = self.hub.pull(WEBVIEWS[page], pull, page, self.now);
        self.apply_effects(pulled.unwrap());
    }

    pub(super) fn reload(&mut self, page: usize, is_announced: bool) {
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

    /// The page before is there again, as it was, and the other one is left.
    pub(super) fn return_to_page_before(&mut self, page: usize) {
        let Some(mut before) = self.before[page].take() else {
            return;
        };
        let effects = self.hub.leave_page(WEBVIEWS[page], origin());
        self.apply_effects(effects);
        before.mailbox.clear();
        before.has_returned = true;
        self.pages[page] = before;
    }

    /// A page whose session has ended opens a new one and resumes, each subscription from its own position.
    pub(super) fn renew_expired_sessions(&mut self) {
        for page in 0..WEBVIEWS.len() {
            let key = self.pages[page].key;
            if key.is_none_or(|key| self.hub.sessions.contains_key(&key)) {
                continue;
            }
            let fresh = self.new_page();
            let own = &mut self.pages[page];
            (own.session, own.n, own.handled) = (fresh.session, 0, 0);
            own.mailbox.clear();
            let mut requests = Vec::new();
            for (id, received) in &mut own.received {
                if received.until.is_some() {
                    continue;
                }
                let after = if own.seen > received.answered {
                    own.seen
                } else {
                    received.replayed_to.unwrap_or(received.answered)
                };
                let resume = Resumption {
                    session: received.session,
                    after,
                    handled: received.last,
                };
                received.is_renewed = true;
                received.replayed_to = Some(after);
                requests.push(request(*id, &received.pattern, Some(resume)));
            }
            let ids: Vec<u32> = requests.iter().map(|request| request.id).collect();
            let key = self.command(page);
            let (results, effects) = self.hub.subscribe(key, requests, self.now);
            assert!(results.iter().all(Result::is_ok));
            let own = &mut self.pages[page];
            for (id, result) in ids.iter().zip(results) {
                let received = own.received.get_mut(id).unwrap();
                received.answered = result.unwrap();
                received.session = own.session;
            }
            self.apply_effects(effects);
        }
    }
}
