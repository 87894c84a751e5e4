//! Wills: events that the host emits for a page that is gone and not back in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::facts::{Delivered, Emitted};
use crate::oracle::{Oracle, Page};
use crate::world::World;

/// How the payload of a will begins.
pub(crate) const PAYLOAD: &str = "will.";

/// What may pass between something and that the host, or the oracle, learns of it.
const LEEWAY: Duration = Duration::from_secs(2);

/// A page without a word for so long may have lost its session.
const SILENCE: Duration = Duration::from_secs(45);

/// An event that a page has left with the host.
#[derive(Debug)]
struct Will {
    page: u32,
    name: String,
    to: Option<Value>,
    after: Duration,
    /// When the host has accepted it, each time.
    accepted: Vec<Duration>,
    /// Whether its page wants it back.
    is_stopping: bool,
    /// When the host has given it back.
    stopped: Option<Duration>,
    /// The numbers under which it was emitted, and when.
    fired: BTreeMap<u64, Duration>,
}

/// A page has reached the host.
#[derive(Debug)]
struct Contact {
    page: u32,
    at: Duration,
    /// When the host had surely done all that follows from it.
    by: Option<Duration>,
    /// Whether it has pulled in a session that is open, which shows that it is there.
    is_pull: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Wills {
    /// By their payloads.
    all: BTreeMap<String, Will>,
    /// Their payloads, by page and by the number that the page gave.
    by_id: BTreeMap<(u32, u64), String>,
    /// Who has reached the host, by webview.
    contacts: BTreeMap<String, Vec<Contact>>,
    /// The origins of what windows have loaded, and when.
    loads: BTreeMap<String, Vec<(Duration, String)>>,
    /// When windows were closed.
    closed: BTreeMap<String, Vec<Duration>>,
    /// When the host had done all that was due.
    rests: BTreeSet<Duration>,
    /// The grace of pages.
    pub(crate) grace: Duration,
}

impl Wills {
    /// The window loads a page of this origin, or shows it again.
    pub(crate) fn window_loads(&mut self, label: &str, origin: &str, now: Duration) {
        let loads = self.loads.entry(label.into()).or_default();
        loads.push((now, origin.into()));
    }
}

impl World {
    pub(crate) fn make_will(&mut self, page: u32, promise: u64) -> Value {
        // No policy refuses these.
        let name = self.rng.pick(&["d:a", "d:b"]);
        let payload = format!("{PAYLOAD}{promise}");
        let millis = self.rng.pick(&[0, 0, 2_000, 12_000]);
        let to = self.rng.chance(30).then(|| json!({ "kind": "host" }));
        let mut options = json!({ "afterMs": millis });
        if let Some(to) = &to {
            options["to"] = to.clone();
        }
        let will = Will {
            page,
            name: name.into(),
            to,
            after: Duration::from_millis(millis),
            accepted: Vec::new(),
            is_stopping: false,
            stopped: None,
            fired: BTreeMap::new(),
        };
        self.oracle.wills.all.insert(payload.clone(), will);
        json!({ "name": name, "payload": payload, "options": options })
    }
}

impl Oracle {
    /// The host has accepted a will, or gives it back.
    pub(crate) fn will_is_accepted(&mut self, page: u32, entry: &Value, now: Duration) {
        let wills = &mut self.wills;
        let id = (page, entry["will"]["id"].as_u64().unwrap_or_default());
        if entry["will"]["stop"] == true {
            let payload = wills.by_id.get(&id);
            if let Some(will) = payload.and_then(|payload| wills.all.get_mut(payload)) {
                will.stopped.get_or_insert(now);
            }
            return;
        }
        let payload = entry["payload"].as_str().unwrap_or("null");
        let payload: String = serde_json::from_str(payload).unwrap_or_default();
        if let Some(will) = wills.all.get_mut(&payload) {
            will.accepted.push(now);
            wills.by_id.insert(id, payload);
        }
    }

    /// A page wants its will back.
    pub(crate) fn will_is_stopping(&mut self, will: u64) {
        if let Some(will) = self.wills.all.get_mut(&format!("{PAYLOAD}{will}")) {
            will.is_stopping = true;
        }
    }

    /// What is known of an event that the host has emitted for a page.
    pub(crate) fn will_fires(&mut self, seq: u64, event: Emitted, now: Duration) -> Emitted {
        let payload = event.payload.as_str().unwrap_or_default();
        let Some(will) = self.wills.all.get_mut(payload) else {
            return event;
        };
        will.fired.entry(seq).or_insert(now);
        let label = self.pages.get(&will.page).map(|page| page.label.clone());
        Emitted {
            name: will.name.clone(),
            source: label,
            to: will.to.clone(),
            is_complete: true,
            ..event
        }
    }

    /// Whether a page has left this event with the host.
    pub(crate) fn is_accepted_will(&self, got: &Delivered) -> bool {
        let payload = got.payload.as_str().unwrap_or_default();
        self.wills.all.get(payload).is_some_and(|will| {
            let page = self.pages.get(&will.page);
            let label = page.map(|page| &page.label);
            !will.accepted.is_empty() && will.name == got.name && label == got.source.as_ref()
        })
    }

    /// A message of a page has reached the host.
    pub(crate) fn page_is_heard_of(&mut self, page: u32, is_pull: bool, now: Duration) {
        let Some(label) = self.pages.get(&page).map(|page| page.label.clone()) else {
            return;
        };
        let contact = Contact {
            page,
            at: now,
            by: None,
            is_pull,
        };
        self.wills.contacts.entry(label).or_default().push(contact);
    }

    /// The host has done all that was due.
    pub(crate) fn host_rests(&mut self, now: Duration) {
        self.wills.rests.insert(now);
        for contacts in self.wills.contacts.values_mut() {
            for contact in contacts.iter_mut().rev() {
                if contact.by.is_some() {
                    break;
                }
                contact.by = Some(now);
            }
        }
    }

    pub(crate) fn window_closes(&mut self, label: &str, now: Duration) {
        let closed = self.wills.closed.entry(label.into()).or_default();
        closed.push(now);
        self.note_end_of_page(label, now);
    }

    /// What became of wills. `dropped`: the host may have missed that one was emitted.
    pub(crate) fn check_wills(&self, now: Duration, dropped: bool, found: &mut Vec<String>) {
        for (payload, will) in &self.wills.all {
            let (fired, accepted) = (will.fired.len(), will.accepted.len());
            if fired > accepted {
                found.push(format!(
                    "{payload} was accepted {accepted} times and emitted {fired} times: {will:?}"
                ));
            }
            let page = self.pages.get(&will.page);
            if let Some(page) = page.filter(|page| self.is_plain(will, page, now))
                && let Some(problem) = self.problem_of(will, page, dropped)
            {
                found.push(format!("{payload} {problem}: {will:?} of {page:?}"));
            }
        }
    }

    /// Whether all is known of a page: it was there from when its will was accepted, in one session, until it was left.
    fn is_plain(&self, will: &Will, page: &Page, now: Duration) -> bool {
        let [accepted] = will.accepted[..] else {
            return false;
        };
        let end = page.left.unwrap_or(now);
        let contacts = self.wills.contacts.get(&page.label);
        let contacts = contacts.map_or(&[][..], Vec::as_slice);
        let meanwhile = contacts
            .iter()
            .filter(|contact| (accepted..=end).contains(&contact.at));
        let mut last = accepted;
        for contact in meanwhile {
            if contact.page != will.page || contact.at - last > SILENCE {
                return false;
            }
            last = contact.at;
        }
        accepted < end && end - last <= SILENCE && !page.was_left
    }

    fn problem_of(&self, will: &Will, page: &Page, dropped: bool) -> Option<&'static str> {
        let first = will.fired.values().next().copied();
        let Some(left) = page.left else {
            return first.map(|_| "was emitted although its page is there");
        };
        if first.is_some_and(|at| at < left) {
            return Some("was emitted before its page was left");
        }
        if will.stopped.is_some_and(|at| at < left) {
            return first.map(|_| "was emitted although it was stopped");
        }
        if will.is_stopping {
            return None;
        }
        let due = left + will.after.max(self.wills.grace);
        let contacts = self.wills.contacts.get(&page.label);
        let contacts = contacts.into_iter().flatten();
        let mut others = contacts.filter(|contact| contact.page != will.page && contact.at >= left);
        let closed = self.wills.closed.get(&page.label);
        let is_closed = |by: Duration| {
            let mut closed = closed.into_iter().flatten();
            closed.any(|at| (left..=by).contains(at))
        };
        let loads = self.wills.loads.get(&page.label);
        let is_same = |back: &Contact| {
            let mut loads = loads.into_iter().flatten();
            let was_of_another =
                loads.any(|(at, origin)| (left..=back.at).contains(at) && *origin != page.origin);
            back.page >= will.page && !was_of_another
        };
        if let Some(back) = others
            .clone()
            .find(|contact| contact.is_pull)
            .filter(|back| back.by.is_some_and(|by| by + LEEWAY < due))
            && is_same(back)
            && !is_closed(back.at)
        {
            return first.map(|_| "was emitted although a page was back in time");
        }
        // By then it was emitted, unless a page was back.
        let by = *self.wills.rests.range(due + LEEWAY..).next()?;
        let may_be_back = others.any(|contact| contact.at <= by);
        (first.is_none() && !may_be_back && !dropped).then_some("was never emitted")
    }
}
