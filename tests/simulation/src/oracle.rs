//! What the bus promises, checked against a history. It knows nothing of the hub: only what was sent, what the host answered
//! and what listeners noted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::matching::{is_for_host, is_for_page, matches};

/// Names with this prefix are kept for no later page.
pub(crate) const WITHOUT_HISTORY: &str = "h:";
/// Names with this prefix are ticks of jobs.
pub(crate) const TICKS: &str = "t:";
/// How the events begin that the bus itself emits.
const OWN: &str = "event-bus:";
/// For how long after its first subscription a page gets a replay.
const START_UP: Duration = Duration::from_secs(3);

/// An event that the host has accepted.
#[derive(Debug, Clone)]
pub(crate) struct Emitted {
    pub(crate) name: String,
    /// As JSON.
    pub(crate) payload: Value,
    /// The label of the page; `None` for the host.
    pub(crate) source: Option<String>,
    /// `None` for everyone.
    pub(crate) to: Option<Value>,
    pub(crate) except: Option<Value>,
    /// Whether the target is known. What only a listener of the host has noted has none.
    pub(crate) is_complete: bool,
}

/// An event as a listener noted it.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    pub(crate) seq: u64,
    pub(crate) name: String,
    pub(crate) payload: Value,
    pub(crate) source: Option<String>,
    pub(crate) is_replayed: bool,
    pub(crate) is_retained: bool,
    pub(crate) superseded: u64,
}

#[derive(Debug, Clone)]
struct Gap {
    from: u64,
    to: u64,
    count: u64,
    at_most: bool,
}

/// A listener in a page, a listener of the host, or a stream.
#[derive(Debug, Default)]
struct Listener {
    /// `None` for the host.
    page: Option<u32>,
    pattern: String,
    /// Whether it gets only what is sent to its page.
    is_narrowed: bool,
    /// Whether it gets what is for anybody.
    is_wiretap: bool,
    wants_replay: bool,
    id: u64,
    /// The newest event when the host accepted it.
    since: Option<u64>,
    /// The event after which it is to be replayed what it missed.
    replay_after: Option<u64>,
    delivered: Vec<Delivered>,
    gaps: Vec<Gap>,
    is_ended: bool,
}

#[derive(Debug, Default)]
struct Page {
    label: String,
    origin: String,
    first_accepted: Option<Duration>,
    replay_after: Option<u64>,
    is_gone: bool,
    /// Whether it has been in the back/forward cache.
    was_left: bool,
}

#[derive(Debug, Default)]
struct Window {
    left_at: u64,
    /// The origin of the last page that subscribed.
    subscribed: Option<String>,
}

#[derive(Debug)]
struct Promise {
    page: Option<u32>,
    what: String,
    settled: Option<std::result::Result<Value, String>>,
}

/// What a page or the host was to emit.
#[derive(Debug)]
struct Intended {
    payload: Value,
}

#[derive(Default)]
pub(crate) struct Oracle {
    events: BTreeMap<u64, Emitted>,
    /// The number of the event with this payload. Each emit has its own.
    by_payload: BTreeMap<String, u64>,
    listeners: BTreeMap<u64, Listener>,
    pages: BTreeMap<u32, Page>,
    windows: BTreeMap<String, Window>,
    promises: BTreeMap<u64, Promise>,
    emits: BTreeMap<u64, Intended>,
    requests: BTreeMap<u64, Value>,
    /// How often each request was given to a responder.
    responded: BTreeMap<String, usize>,
    /// The targets of jobs, by the name of their ticks.
    jobs: BTreeMap<String, Option<Value>>,
    violations: Vec<String>,
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
            subscribed: None,
        };
        self.windows.insert(label.into(), window);
    }

    pub(crate) fn page_is_left(&mut self, label: &str, seq: u64) {
        if let Some(window) = self.windows.get_mut(label) {
            window.left_at = seq;
        }
    }

    pub(crate) fn page_loads(&mut self, page: u32, label: &str, origin: &str) {
        let new = Page {
            label: label.into(),
            origin: origin.into(),
            ..Page::default()
        };
        self.pages.insert(page, new);
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
        if !is_own && !event.payload.is_null() {
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
            ..Listener::default()
        };
        self.listeners.insert(listener, new);
    }

    /// A listener of the host, which is accepted at once.
    pub(crate) fn host_listens(&mut self, listener: u64, pattern: &str, wiretap: bool, seq: u64) {
        self.listener_opens(listener, None, pattern, &Value::Null);
        if let Some(listener) = self.listeners.get_mut(&listener) {
            listener.is_wiretap = wiretap;
            listener.since = Some(seq);
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
    pub(crate) fn subscribed(&mut self, page: u32, id: u64, seq: u64, now: Duration) {
        let Some(own) = self.pages.get_mut(&page) else {
            return;
        };
        if own.first_accepted.is_none() {
            own.first_accepted = Some(now);
            if let Some(window) = self.windows.get_mut(&own.label) {
                let is_same = window
                    .subscribed
                    .as_ref()
                    .is_none_or(|old| *old == own.origin);
                own.replay_after = is_same.then_some(window.left_at);
                window.subscribed = Some(own.origin.clone());
            }
        }
        let first = own.first_accepted.unwrap_or(now);
        let replay_after = own
            .replay_after
            .filter(|_| now < first + START_UP && !own.was_left);
        let mut listeners = self.listeners.values_mut();
        let listener = listeners.find(|listener| listener.page == Some(page) && listener.id == id);
        if let Some(listener) = listener {
            listener.since = Some(seq);
            listener.replay_after = replay_after.filter(|_| listener.wants_replay);
        }
    }

    /// A page that was away has subscribed again.
    pub(crate) fn renewed(&mut self, page: u32) {
        if let Some(own) = self.pages.get(&page)
            && let Some(window) = self.windows.get_mut(&own.label)
        {
            window.subscribed = Some(own.origin.clone());
        }
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

    pub(crate) fn gap(&mut self, listener: u64, from: u64, to: u64, count: u64, at_most: bool) {
        if from > to || count == 0 {
            self.violation(format!(
                "listener {listener} got a gap of {count} events from {from} to {to}"
            ));
        }
        if let Some(own) = self.listeners.get_mut(&listener) {
            own.gaps.push(Gap {
                from,
                to,
                count,
                at_most,
            });
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

    /// What is wrong, once nothing can come any more. `dropped`: whether the listeners of the host were too slow for events.
    pub(crate) fn finish(mut self, dropped: bool) -> Vec<String> {
        let mut found = std::mem::take(&mut self.violations);
        self.check_promises(&mut found);
        for (number, listener) in &self.listeners {
            self.check_deliveries(*number, listener, &mut found);
            if self.is_to_be_complete(listener, dropped) {
                self.check_completeness(*number, listener, &mut found);
            }
        }
        found
    }

    fn is_to_be_complete(&self, listener: &Listener, dropped: bool) -> bool {
        !listener.is_ended
            && match listener.page {
                Some(page) => !self.is_gone(page),
                None => !dropped,
            }
    }

    fn check_promises(&self, found: &mut Vec<String>) {
        let mut newest: BTreeMap<u32, u64> = BTreeMap::new();
        for (number, promise) in &self.promises {
            let own = format!("promise {number} ({})", promise.what);
            let Some(settled) = &promise.settled else {
                if promise.page.is_none_or(|page| !self.is_gone(page)) {
                    found.push(format!("{own} never settled"));
                }
                continue;
            };
            if let Some(intended) = self.emits.get(number) {
                let accepted = self.by_payload.get(&intended.payload.to_string()).copied();
                match settled {
                    Ok(receipt) => {
                        let seq = receipt["seq"].as_u64();
                        if seq.is_none() || seq != accepted {
                            found.push(format!(
                                "{own} has the receipt {receipt}, and the host accepted {accepted:?}"
                            ));
                        }
                        let left =
                            |page: u32| self.pages.get(&page).is_some_and(|page| page.was_left);
                        if let (Some(page), Some(seq)) = (promise.page, seq)
                            && !left(page)
                            && newest.insert(page, seq).is_some_and(|last| last > seq)
                        {
                            found.push(format!("{own} overtook an earlier emit of its page"));
                        }
                    }
                    Err(code) if code != "unavailable" => {
                        if let Some(seq) = accepted {
                            found.push(format!(
                                "{own} was rejected with {code} and accepted as {seq}"
                            ));
                        }
                    }
                    Err(_) => {}
                }
            }
            if let (Some(request), Ok(response)) = (self.requests.get(number), settled)
                && response["echo"] != *request
            {
                found.push(format!("{own} of {request} got the response {response}"));
            }
            if let Err(code) = settled
                && code.contains(": ")
            {
                found.push(format!("{own} was rejected with {code}"));
            }
        }
    }

    /// Whether this event is for this listener. `None` if nobody knows.
    fn is_for(&self, listener: &Listener, event: &Emitted) -> Option<bool> {
        if !matches(&listener.pattern, &event.name) {
            return Some(false);
        }
        if listener.is_wiretap {
            return Some(true);
        }
        let to = match (event.is_complete, self.jobs.get(&event.name)) {
            (true, _) => &event.to,
            (false, Some(to)) => to,
            (false, None) => return None,
        };
        Some(match listener.page {
            None => is_for_host(to.as_ref(), event.except.as_ref()),
            Some(page) => {
                let label = self.pages.get(&page).map_or("", |page| &page.label);
                is_for_page(to.as_ref(), event.except.as_ref(), label)
                    && (to.is_some() || !listener.is_narrowed)
            }
        })
    }

    fn check_deliveries(&self, number: u64, listener: &Listener, found: &mut Vec<String>) {
        for got in &listener.delivered {
            let seq = got.seq;
            let Some(event) = self.events.get(&seq) else {
                if !got.name.starts_with(TICKS) && !got.name.starts_with(OWN) {
                    found.push(format!(
                        "listener {number} got {seq}, which nobody emitted: {got:?}"
                    ));
                }
                continue;
            };
            if event.name != got.name || event.payload != got.payload || event.source != got.source
            {
                found.push(format!("listener {number} got {got:?} for {event:?}"));
            }
            if self.is_for(listener, event) == Some(false) {
                found.push(format!(
                    "listener {number} ({}) got {seq}, which is not for it: {event:?}",
                    listener.pattern
                ));
            }
        }
    }

    fn check_completeness(&self, number: u64, listener: &Listener, found: &mut Vec<String>) {
        let Some(since) = listener.since else {
            return;
        };
        let delivered: BTreeSet<u64> = listener.delivered.iter().map(|got| got.seq).collect();
        let from = listener.replay_after.unwrap_or(since).min(since);
        let mut missing = Vec::new();
        for (seq, event) in self.events.range(from + 1..) {
            let is_kept = *seq > since || !event.name.starts_with(WITHOUT_HISTORY);
            if self.is_for(listener, event) == Some(true) && is_kept && !delivered.contains(seq) {
                missing.push((*seq, event));
            }
        }
        let in_gap = |seq: u64| {
            let mut gaps = listener.gaps.iter();
            gaps.any(|gap| (gap.from..=gap.to).contains(&seq))
        };
        let is_superseded = |seq: u64, name: &str| {
            let later = listener.delivered.iter();
            let mut later = later.filter(|got| got.seq > seq && got.name == name);
            later.any(|got| got.superseded > 0)
                || missing
                    .iter()
                    .any(|(other, event)| *other > seq && event.name == name && in_gap(*other))
        };
        for (seq, event) in &missing {
            let is_latest = event.name.starts_with("l:");
            if !in_gap(*seq) && !(is_latest && is_superseded(*seq, &event.name)) {
                found.push(format!(
                    "listener {number} ({}) lost {seq} without a gap: {event:?}",
                    listener.pattern
                ));
            }
        }
        // How many are lost, where they count exactly.
        let lost = missing.iter().filter(|(seq, _)| *seq > since).count() as u64;
        let superseded: u64 = listener.delivered.iter().map(|got| got.superseded).sum();
        let told = |at_most: bool| -> u64 {
            let gaps = listener.gaps.iter().filter(|gap| gap.to > since);
            gaps.filter(|gap| gap.at_most == at_most)
                .map(|gap| gap.count)
                .sum()
        };
        let began = listener
            .gaps
            .iter()
            .filter(|gap| gap.from > since && !gap.at_most);
        let exact: u64 = began.map(|gap| gap.count).sum();
        let newest = self.events.keys().next_back().copied().unwrap_or(0);
        let unknown = newest - self.events.len() as u64
            + self
                .events
                .values()
                .filter(|event| self.is_for(listener, event).is_none())
                .count() as u64;
        if lost > superseded + told(false) + told(true) {
            found.push(format!(
                "listener {number} ({}) lost {lost} events, and its gaps count {} and at most {}, beside {superseded} superseded",
                listener.pattern, told(false), told(true)
            ));
        }
        if exact > lost + unknown {
            found.push(format!(
                "listener {number} ({}) lost {lost} events, and its exact gaps count {exact}",
                listener.pattern
            ));
        }
    }
}
