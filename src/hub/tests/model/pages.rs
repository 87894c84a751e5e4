//! Pages as the guest acts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::calls::Called;
use super::commands::LastCommand;
use super::steps::Fate;
use super::{BATCH, Emitted, NEWEST, WEBVIEWS, Waiter, World, session_id};
use crate::hub::ids::{RequestId, SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, Item};
use crate::hub::queue::{LostEvents, QueuedEvent};
use crate::hub::{Pull, Resumption, SubscriptionRequest};
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
    /// `None` while the answer to its begin has not arrived.
    pub(super) answered: Option<u64>,
    /// The number in that answer after which the replay begins.
    pub(super) replays_after: Option<u64>,
    last: u64,
    first_live: Option<u64>,
    pub(super) replayed_to: Option<u64>,
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
        self.may_replace(event.name) && told.any(|(from, to)| (*from..*to).contains(&event.seq))
    }

    /// Whether an event of this name may take the place of another one.
    pub(super) fn may_replace(&self, name: &str) -> bool {
        name == "latest" || self.pattern == NEWEST
    }

    /// Whether something is lost of what came before it, or between two sessions: that has limits of its own, whatever the
    /// policy of an event is.
    pub(super) fn has_past_gap(&self) -> bool {
        let mut gaps = self.gaps.iter();
        gaps.any(|gap| !matches!(gap.reason, GapReason::QueueFull | GapReason::Expired))
    }

    pub(super) fn came_or_is_in_gap(&self, seq: u64) -> bool {
        self.has(seq) || self.is_in_gap(seq)
    }
}

#[derive(Debug)]
pub(super) struct Page {
    /// The number of its session.
    pub(super) number: u64,
    pub(super) session: SessionId,
    pub(super) key: Option<SubscriberKey>,
    pub(super) opened: Instant,
    pub(super) n: u64,
    pub(super) last: Option<LastCommand>,
    pub(super) handled: u64,
    /// The newest live event of all subscriptions.
    seen: u64,
    /// Batches on their way, oldest first.
    pub(super) mailbox: Vec<Batch>,
    pub(super) called: Called,
    pub(super) received: BTreeMap<u32, Received>,
    pub(super) started: Option<Instant>,
    /// Whether it has come back out of the cache.
    pub(super) has_returned: bool,
    /// The names that it has responders for.
    pub(super) responders: BTreeSet<&'static str>,
    /// The requests that it has received, and those whose end it was told of.
    pub(super) requests: Vec<RequestId>,
    pub(super) endings: Vec<RequestId>,
    pub(super) newest_request: u64,
    /// The index of the newest item that was ever on its way to it.
    pub(super) delivered: u64,
    /// All live events up to this sequence number came before the last request.
    pub(super) request_after: u64,
}

fn parse(pattern: &str) -> (EventPattern, Option<Arc<Scope>>) {
    let pattern = pattern.trim_start_matches("newest ");
    match pattern.split_once(" in ") {
        None => (EventPattern::parse(pattern).unwrap(), None),
        Some((pattern, allowed)) => {
            let entry = ScopeEntry::read(&serde_json::json!(allowed));
            let scope = Scope::new("", Subject::Event, &[Arc::new(entry)], &[]);
            (EventPattern::parse(pattern).unwrap(), Some(Arc::new(scope)))
        }
    }
}

pub(super) fn origin() -> Option<String> {
    Some("tauri://localhost".to_owned())
}

fn request(id: u32, pattern: &str, resume: Option<Resumption>) -> SubscriptionRequest {
    let wants_latest = pattern.starts_with("newest ");
    let (pattern, scope) = parse(pattern);
    SubscriptionRequest {
        id,
        pattern,
        scope,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        wants_latest,
        watches: None,
        resume,
    }
}

impl Page {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            session: session_id(number),
            key: None,
            opened: Instant::now(),
            n: 0,
            last: None,
            handled: 0,
            seen: 0,
            mailbox: Vec::new(),
            called: Called::default(),
            received: BTreeMap::new(),
            started: None,
            has_returned: false,
            responders: BTreeSet::new(),
            requests: Vec::new(),
            endings: Vec::new(),
            newest_request: 0,
            delivered: 0,
            request_after: 0,
        }
    }
}

impl World {
    /// A page handles a batch of its mailbox.
    pub(super) fn receive(&mut self, page: usize, which: usize) {
        if which >= self.pages[page].mailbox.len() {
            return;
        }
        let batch = self.pages[page].mailbox.remove(which);
        // A batch that arrived before the one that it follows is ignored, and fetched again.
        if batch.first() > self.pages[page].handled + 1 {
            return;
        }
        for (index, item) in (batch.first()..).zip(batch.items()) {
            let own = &mut self.pages[page];
            if index <= own.handled {
                continue;
            }
            assert_eq!(index, own.handled + 1, "an index is missing");
            own.handled = index;
            match item {
                Item::Event(queued) => {
                    own.receive_event(queued);
                    self.tell_handled(page, &queued.event, index);
                }
                Item::Lost(lost) => {
                    own.check_expired_gap(page, lost, &self.events, self.had_newest[page]);
                    own.receive_gap(lost, &self.events);
                }
                Item::Request(message) => self.receive_request(page, message.id),
                Item::Ended(id, ending) => self.receive_ending(page, *id, *ending),
                Item::Part(_) | Item::StreamEnd(_) | Item::Credit(..) | Item::Channel(..) => {
                    panic!("{item:?} without a stream")
                }
                Item::Outcomes(_) => panic!("{item:?} that nobody waits for"),
            }
        }
    }
}

impl Page {
    fn receive_event(&mut self, queued: &QueuedEvent) {
        let mark = queued.event.mark();
        let seq = queued.event.seq();
        let is_live = !mark.replayed && !mark.retained;
        if is_live {
            assert!(seq > self.request_after, "{seq} came after a request");
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
            let may_replace = received.may_replace(queued.event.name());
            // What was replaced for the page before, or for another subscription, may come to this one in its place.
            assert!(
                mark.superseded == 0 || may_replace || !is_live,
                "{seq} replaced others"
            );
            if mark.superseded > 0 && may_replace {
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

    /// `events` are those that were ever accepted.
    fn receive_gap(&mut self, lost: &LostEvents, events: &[Emitted]) {
        // It is no position: events whose policy is to reject may be older than its end, and follow it.
        for id in &lost.subscriptions {
            let received = self.received.get_mut(id).unwrap();
            // One that was replaced may be older than what came, and is lost with the newer one.
            let mut replaced = events
                .iter()
                .filter(|event| received.may_replace(event.name) && event.seq == lost.gap.from);
            let is_false = received.is_renewed
                && lost.gap.reason == GapReason::HistoryFull
                && !self.has_returned
                && lost.gap.from <= received.last
                && replaced.next().is_none();
            assert!(!is_false, "{:?} covers what came: {received:?}", lost.gap);
            received.session = self.session;
            // What has expired for one subscription may be an upper bound for another one, beside the exact number.
            let key = |gap: &Gap| (gap.from, gap.to, gap.reason == GapReason::Expired);
            let is_same = |told: &Gap| key(told) == key(&lost.gap);
            // What is retained comes again in the next session, and may be lost again.
            let mut retained = events.iter().filter(|event| event.is_retained);
            let is_told_again = received.gaps.iter().any(is_same)
                && !retained.any(|event| (lost.gap.from..=lost.gap.to).contains(&event.seq));
            assert!(!is_told_again, "{:?} comes again: {received:?}", lost.gap);
            received.gaps.push(lost.gap.clone());
        }
    }
}

impl World {
    pub(super) fn subscribe(&mut self, page: usize, pattern: &str, fate: Fate) {
        let key = self.begin(page, "subscribe");
        self.newest_id += 1;
        self.had_newest[page] |= pattern == NEWEST;
        let requests = vec![request(self.newest_id, pattern, None)];
        let (results, effects) = self.hub.subscribe(key, requests, self.now);
        let since = *results[0].as_ref().unwrap();
        let replays_after = self.hub.replays_after(key, self.now);
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
            answered: None,
            replays_after,
            last: 0,
            first_live: None,
            replayed_to: None,
        };
        self.pages[page].started.get_or_insert(self.now);
        self.pages[page].received.insert(self.newest_id, received);
        self.apply_effects(effects);
        self.finish_command(page, fate, since.to_string());
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
        if own.called.is_on {
            return self.make_call(page);
        }
        if own.key.is_none() || is_pulling || !own.mailbox.is_empty() {
            return self.make_call(page);
        }
        let can_be_called = self.offer_calls(page);
        self.fetch(page, false, can_be_called);
    }

    pub(super) fn read_ahead(&mut self, page: usize) {
        self.learn_outcome(page);
        if self.pages[page].key.is_some() && self.pages[page].mailbox.len() < 3 {
            self.fetch(page, true, false);
        }
    }

    pub(super) fn fetch(&mut self, page: usize, is_ahead: bool, can_be_called: bool) {
        let pull = Pull {
            session: self.pages[page].session,
            ack: self.pages[page].handled,
            is_ahead,
            is_prompt: false,
            can_be_called,
            bound: BATCH,
        };
        let waiter = Waiter::Pull(page);
        let pulled = self.hub.pull(WEBVIEWS[page], pull, waiter, self.now);
        self.apply_effects(pulled.unwrap());
    }

    pub(super) fn reload(&mut self, page: usize, is_announced: bool) {
        if is_announced {
            let effects = self.hub.leave_page(WEBVIEWS[page], origin());
            self.apply_effects(effects);
        }
        self.is_taken_over = !is_announced;
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
        before.called = Called::default();
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
            self.send_again(page);
            let fresh = self.new_page();
            let own = &mut self.pages[page];
            (own.number, own.session) = (fresh.number, fresh.session);
            let index = std::mem::take(&mut own.handled);
            own.delivered = 0;
            (own.n, own.last) = (0, None);
            own.mailbox.clear();
            own.called = Called::default();
            own.requests.clear();
            own.endings.clear();
            let mut requests = Vec::new();
            for (id, received) in &mut own.received {
                if received.until.is_some() {
                    continue;
                }
                let answered = received.answered.unwrap();
                let after = if own.seen > answered {
                    own.seen
                } else {
                    received.replayed_to.unwrap_or(answered)
                };
                let resume = Resumption {
                    session: received.session,
                    after,
                    handled: received.last,
                    index,
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
                received.answered = Some(result.unwrap());
                received.session = own.session;
            }
            self.apply_effects(effects);
            for name in self.pages[page].responders.clone() {
                assert_eq!(self.add_responder(page, key, name), Ok(()));
            }
        }
    }
}
