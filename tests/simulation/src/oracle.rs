//! What the bus promises, checked against a history. It knows nothing of the hub: only what was sent, what the host answered
//! and what listeners noted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::expiry::Batches;
use crate::facts::{Delivered, Emitted, Gap, LATEST, OWN, TICKS, WITHOUT_HISTORY};
use crate::matching::matches;
use crate::presence::Rooms;
use crate::wills::{PAYLOAD, Wills};

/// For how long after its first subscription a page gets a replay.
const START_UP: Duration = Duration::from_secs(3);

/// A listener in a page, a host listener, or a stream.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    /// `None` for the host.
    pub(crate) page: Option<u32>,
    pub(crate) pattern: String,
    /// Whether it gets only what is sent to its page.
    pub(crate) is_narrowed: bool,
    /// Whether it gets what is for anybody.
    pub(crate) is_wiretap: bool,
    pub(crate) wants_replay: bool,
    /// Whether it is told of no gap, as a function in Rust.
    pub(crate) is_untold: bool,
    /// Whether events wait in its page for their turn. They are lost with it.
    pub(crate) is_sequential: bool,
    pub(crate) id: u64,
    /// The last session in which the host accepted it.
    pub(crate) session: String,
    /// The newest event when the host accepted it.
    pub(crate) since: Option<u64>,
    /// The event after which it is to be replayed what it missed.
    pub(crate) replay_after: Option<u64>,
    pub(crate) delivered: Vec<Delivered>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) is_ended: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) label: String,
    pub(crate) origin: String,
    pub(crate) first_accepted: Option<Duration>,
    pub(crate) replay_after: Option<u64>,
    /// The last session in which the host accepted a subscription.
    pub(crate) session: String,
    /// What it has subscribed to without a listener, to wait for an event.
    pub(crate) waits: Vec<String>,
    /// What the page before was to get, and has not got.
    pub(crate) owed: BTreeSet<u64>,
    pub(crate) is_gone: bool,
    /// Whether it has been in the back/forward cache.
    pub(crate) was_left: bool,
    /// When the host learned that it was left, for the first time.
    pub(crate) left: Option<Duration>,
}

#[derive(Debug, Default)]
struct Window {
    left_at: u64,
    /// Whether the last page that subscribed was left while it started.
    is_left_early: bool,
    /// The last page that subscribed and pulled.
    subscribed: Option<u32>,
    /// The origin of the first page that was loaded.
    first_origin: Option<String>,
    /// The page that was loaded last.
    loaded: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Promise {
    pub(crate) page: Option<u32>,
    pub(crate) what: String,
    pub(crate) settled: Option<std::result::Result<Value, String>>,
}

/// What a page or the host was to emit.
#[derive(Debug)]
pub(crate) struct Intended {
    pub(crate) payload: Value,
}

#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) events: BTreeMap<u64, Emitted>,
    /// The number of the event with this payload. Each emit has its own.
    pub(crate) by_payload: BTreeMap<String, u64>,
    pub(crate) listeners: BTreeMap<u64, Listener>,
    pub(crate) pages: BTreeMap<u32, Page>,
    windows: BTreeMap<String, Window>,
    /// The sessions in which a page has pulled.
    pulled: BTreeSet<String>,
    /// The sessions of pages whose subscriptions were accepted when they were gone.
    late: BTreeMap<String, u32>,
    pub(crate) promises: BTreeMap<u64, Promise>,
    pub(crate) emits: BTreeMap<u64, Intended>,
    pub(crate) requests: BTreeMap<u64, Value>,
    /// How often each request was given to a responder.
    responded: BTreeMap<String, usize>,
    /// The targets of jobs, by the name of their ticks.
    pub(crate) jobs: BTreeMap<String, Option<Value>>,
    pub(crate) batches: Batches,
    pub(crate) rooms: Rooms,
    pub(crate) wills: Wills,
    pub(crate) violations: Vec<String>,
}

impl Oracle {
    pub(crate) fn violation(&mut self, text: String) {
        self.violations.push(text);
    }

    pub(crate) fn has_violations(&self) -> bool {
        !self.violations.is_empty()
    }

    pub(crate) fn window_opens(&mut self, label: &str, seq: u64) {
        let window = Window {
            left_at: seq,
            is_left_early: false,
            ..Window::default()
        };
        self.windows.insert(label.into(), window);
    }

    /// The page that a window shows is there no more.
    pub(crate) fn note_end_of_page(&mut self, label: &str, now: Duration) {
        let loaded = self.windows.get(label).and_then(|window| window.loaded);
        if let Some(page) = loaded.and_then(|page| self.pages.get_mut(&page)) {
            page.left.get_or_insert(now);
        }
    }

    pub(crate) fn page_is_left(
        &mut self,
        label: &str,
        origin: Option<&str>,
        seq: u64,
        now: Duration,
    ) {
        self.note_end_of_page(label, now);
        if let Some(origin) = origin {
            self.wills.window_loads(label, origin, now);
        }
        if let Some(window) = self.windows.get_mut(label) {
            let last = window.subscribed.and_then(|page| self.pages.get(&page));
            let started = last.and_then(|page| page.first_accepted);
            window.left_at = seq;
            window.is_left_early = started.is_some_and(|started| now < started + START_UP);
        }
    }

    pub(crate) fn page_loads(&mut self, page: u32, label: &str, origin: &str) {
        let new = Page {
            label: label.into(),
            origin: origin.into(),
            ..Page::default()
        };
        self.pages.insert(page, new);
        if let Some(window) = self.windows.get_mut(label) {
            let first = &mut window.first_origin;
            first.get_or_insert_with(|| origin.into());
            window.loaded = Some(page);
        }
    }

    pub(crate) fn page_is_cached(&mut self, page: u32) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.was_left = true;
        }
    }

    pub(crate) fn page_is_gone(&mut self, page: u32) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.is_gone = true;
        }
    }

    pub(crate) fn is_gone(&self, page: u32) -> bool {
        self.pages.get(&page).is_none_or(|page| page.is_gone)
    }

    pub(crate) fn will_emit(&mut self, promise: u64, payload: Value) {
        self.emits.insert(promise, Intended { payload });
    }

    pub(crate) fn will_request(&mut self, promise: u64, payload: Value) {
        self.requests.insert(promise, payload);
    }

    pub(crate) fn job_starts(&mut self, name: &str, to: Option<Value>) {
        self.jobs.insert(name.into(), to);
    }

    pub(crate) fn accepted(&mut self, seq: u64, event: Emitted) {
        if let Some(known) = self.events.get(&seq) {
            let (is_complete, is_other) = (
                known.is_complete,
                known.name != event.name || known.payload != event.payload,
            );
            if is_other {
                self.violation(format!("two events have the number {seq}"));
            }
            if is_complete {
                return;
            }
        }
        let is_own = event.name.starts_with(TICKS) || event.name.starts_with(OWN);
        // That of a will may be emitted for each session of its page.
        let is_will = event
            .payload
            .as_str()
            .is_some_and(|text| text.starts_with(PAYLOAD));
        if !is_own && !is_will && !event.payload.is_null() {
            let payload = event.payload.to_string();
            if let Some(first) = self.by_payload.insert(payload, seq)
                && first != seq
            {
                self.violation(format!(
                    "{} was emitted once and accepted twice, as {first} and {seq}",
                    event.payload
                ));
            }
        }
        self.events.insert(seq, event);
    }

    pub(crate) fn listener_opens(
        &mut self,
        listener: u64,
        page: Option<u32>,
        pattern: &str,
        options: &Value,
    ) {
        let new = Listener {
            page,
            pattern: pattern.into(),
            is_narrowed: options.get("target").is_some(),
            wants_replay: options["replay"] != Value::Bool(false),
            is_sequential: options["sequential"] == Value::Bool(true),
            ..Listener::default()
        };
        self.listeners.insert(listener, new);
    }

    /// A host listener, which is accepted at once.
    pub(crate) fn host_listens(&mut self, listener: u64, pattern: &str, wiretap: bool, seq: u64) {
        self.listener_opens(listener, None, pattern, &Value::Null);
        if let Some(listener) = self.listeners.get_mut(&listener) {
            listener.is_wiretap = wiretap;
            listener.since = Some(seq);
        }
    }

    pub(crate) fn is_told_of_no_gap(&mut self, listener: u64) {
        if let Some(listener) = self.listeners.get_mut(&listener) {
            listener.is_untold = true;
        }
    }

    pub(crate) fn listener_has_id(&mut self, listener: u64, id: u64) {
        if let Some(listener) = self.listeners.get_mut(&listener) {
            listener.id = id;
        }
    }

    pub(crate) fn listener_ends(&mut self, listener: u64) {
        if let Some(listener) = self.listeners.get_mut(&listener) {
            listener.is_ended = true;
        }
    }

    /// The host has accepted a subscription of a page for the first time.
    pub(crate) fn accepted_subscription(&mut self, page: u32, id: u64, pattern: &str, seq: u64) {
        if let Some(listener) = self.listener_of(page, id) {
            listener.since = Some(seq);
        } else if let Some(own) = self.pages.get_mut(&page) {
            own.waits.push(pattern.into());
        }
    }

    /// The host has accepted a subscription of a page that is there: for the first time after this event, or again.
    pub(crate) fn registered(
        &mut self,
        page: u32,
        id: u64,
        new: Option<u64>,
        session: String,
        now: Duration,
    ) {
        if let Some(listener) = self.listener_of(page, id) {
            listener.session = session.clone();
        }
        if let Some(own) = self.pages.get_mut(&page) {
            own.session = session;
        }
        if let Some(seq) = new {
            self.note_first_subscription(page, seq, now);
        }
        let Some(own) = self.pages.get(&page) else {
            return;
        };
        let first = own.first_accepted.unwrap_or(now);
        let replay_after = own
            .replay_after
            .filter(|_| now < first + START_UP && !own.was_left);
        if self.pulled.contains(&own.session) {
            self.takes_over(page);
        }
        if new.is_some()
            && let Some(listener) = self.listener_of(page, id)
        {
            listener.replay_after = replay_after.filter(|_| listener.wants_replay);
        }
    }

    /// The host has accepted a subscription of a page that is gone.
    pub(crate) fn registered_late(&mut self, page: u32, session: String) {
        self.late.insert(session.clone(), page);
        if self.pulled.contains(&session) {
            self.takes_over(page);
        }
    }

    /// A page pulls in this session, which is open. With that it takes over what is kept for it. The host cannot know that a
    /// page is gone whose first command and pull arrive after its end.
    pub(crate) fn pulls(&mut self, page: u32, session: String) {
        let own = self.pages.get(&page);
        if own.is_some_and(|own| own.session == session) || self.late.contains_key(&session) {
            self.takes_over(page);
        }
        self.pulled.insert(session);
    }

    fn takes_over(&mut self, page: u32) {
        if let Some(own) = self.pages.get(&page)
            && let Some(window) = self.windows.get_mut(&own.label)
        {
            window.subscribed = Some(page);
        }
    }

    fn listener_of(&mut self, page: u32, id: u64) -> Option<&mut Listener> {
        let mut listeners = self.listeners.values_mut();
        listeners.find(|own| own.page == Some(page) && own.id == id)
    }

    /// A page takes over what was kept for it with its first subscription.
    fn note_first_subscription(&mut self, page: u32, seq: u64, now: Duration) {
        let Some(own) = self
            .pages
            .get(&page)
            .filter(|own| own.first_accepted.is_none())
        else {
            return;
        };
        let Some(window) = self.windows.get(&own.label) else {
            return;
        };
        let before = window.subscribed.and_then(|before| self.pages.get(&before));
        // What is kept for a first page is for pages of its origin, although it has never subscribed.
        let before = before.map(|before| &before.origin);
        let before = before.or(window.first_origin.as_ref());
        let is_same = before.is_none_or(|origin| *origin == own.origin);
        let mut owed = BTreeSet::new();
        if let Some(before) = window.subscribed.filter(|_| is_same) {
            owed = self.owed_to(before);
            if window.is_left_early {
                owed.append(&mut self.untaken_by(before, window.left_at));
            }
        }
        let after = Some(if is_same { window.left_at } else { seq });
        if let Some(own) = self.pages.get_mut(&page) {
            own.first_accepted = Some(now);
            own.replay_after = after;
            own.owed = owed;
        }
    }

    /// The events that were for a listener of this page, have history, and came neither as an event nor in a gap.
    fn owed_to(&self, page: u32) -> BTreeSet<u64> {
        let mut owed = BTreeSet::new();
        let listeners = self.listeners.values();
        let session = self.pages.get(&page).map_or("", |page| &page.session);
        // What a rate limit keeps from its last session is not there to get anything.
        let own = listeners.filter(|own| own.page == Some(page) && own.session == session);
        for listener in own.filter(|own| !own.is_ended && !own.is_sequential) {
            let Some(since) = listener.since else {
                continue;
            };
            for (seq, event) in self.events.range(since + 1..) {
                let is_kept =
                    !event.name.starts_with(WITHOUT_HISTORY) && !event.name.starts_with(LATEST);
                let has_come = listener.delivered.iter().any(|got| got.seq == *seq)
                    || listener.gaps.iter().any(|gap| gap.covers(*seq));
                if is_kept && !has_come && self.is_for(listener, event) == Some(true) {
                    owed.insert(*seq);
                }
            }
        }
        owed
    }

    /// The events up to this one that no listener of this page was for, and that listeners of it would have got that began
    /// later.
    fn untaken_by(&self, page: u32, until: u64) -> BTreeSet<u64> {
        let own = self.pages.get(&page).filter(|own| !own.was_left);
        let after = own.and_then(|own| own.replay_after);
        let Some(after) = after.filter(|after| *after < until) else {
            return BTreeSet::new();
        };
        let waits = own.map_or(&[][..], |own| &own.waits);
        let is_taken = |event: &Emitted| {
            let mut own = self.listeners.values();
            own.any(|own| own.page == Some(page) && self.is_for(own, event) != Some(false))
                || waits.iter().any(|pattern| matches(pattern, &event.name))
        };
        let emitted = self.events.range(after + 1..=until);
        let untaken = emitted
            .filter(|(_, event)| !event.name.starts_with(WITHOUT_HISTORY) && !is_taken(event));
        untaken.map(|(seq, _)| *seq).collect()
    }

    pub(crate) fn event(&mut self, listener: u64, event: Delivered) {
        let Some(own) = self.listeners.get_mut(&listener) else {
            return self.violation(format!("an event came to the unknown listener {listener}"));
        };
        let seq = event.seq;
        let is_only_retained = event.is_retained && !event.is_replayed;
        let problem = if own.is_ended {
            Some("after its end")
        } else if own.delivered.iter().any(|old| old.seq == seq) {
            Some("twice")
        } else if !is_only_retained && own.delivered.iter().any(|old| old.seq > seq) {
            Some("out of order")
        } else {
            None
        };
        own.delivered.push(event);
        if let Some(problem) = problem {
            self.violation(format!("listener {listener} got event {seq} {problem}"));
        }
    }

    pub(crate) fn promised(&mut self, promise: u64, page: Option<u32>, what: &str) {
        let new = Promise {
            page,
            what: what.into(),
            settled: None,
        };
        self.promises.insert(promise, new);
    }

    pub(crate) fn settled(&mut self, promise: u64, result: std::result::Result<Value, String>) {
        let twice = self
            .promises
            .get_mut(&promise)
            .is_some_and(|own| own.settled.replace(result).is_some());
        if twice {
            self.violation(format!("promise {promise} settled twice"));
        }
    }

    pub(crate) fn responding(&mut self, request: &Value) {
        let times = self.responded.entry(request.to_string()).or_default();
        *times += 1;
        if *times > 1 {
            self.violation(format!(
                "the request {request} was given to responders twice"
            ));
        }
    }
}
