//! Questions to pages and to Rust: who asked what, who is to answer it, and how each of them ends.
//!
//! ```text
//! asker ──► open ──► waits for its page (grace) ──► outbox ──► page ──► answer ──► asker
//!             └────────────────────────────────────────────────► Rust ──┘
//! ```
//!
//! A question ends once, whatever comes first: its answer, its time, the end of the page that was asked, or the end of
//! whoever asked. Ending takes it out of every index, so that what comes later finds nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorCode, Result, quoted};
use crate::event::{Source, weight_of};
use crate::json::Json;
use crate::name::EventName;
use crate::target::{LabelPattern, Selection, unknown_target};

use super::order::Answer;
use super::session::SessionId;
use super::subscriptions::SubscriberKey;
use super::{Command, Hub, Outcome};

/// How long a question waits for a page that is still starting.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// How many copies of a page's question wait for its answer. A browser sends one.
const MOST_COPIES: usize = 16;

/// The id of a question: 128 random bits, so that no page can answer what it was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(u128);

impl RequestId {
    const DIGITS: usize = 32;

    pub(crate) fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::new(
                ErrorCode::Unavailable,
                format!("the system gives no random numbers: {error}"),
            )
        })?;
        Ok(Self(u128::from_le_bytes(bytes)))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != Self::DIGITS || !text.bytes().all(is_hex) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A question as its page gets it.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) id: RequestId,
    pub(crate) name: EventName,
    pub(crate) payload: Json,
    pub(crate) source: Source,
}

impl Question {
    /// At least as many bytes as it takes in an answer.
    pub(crate) fn weight(&self) -> usize {
        let source = match &self.source {
            Source::Host => 0,
            Source::Webview(label) => label.len() * 2,
        };
        weight_of(&self.name, &self.payload) + source
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Host,
    /// A page, by its session and the number that it gave the question.
    Page(SubscriberKey, u64),
}

/// Who is to answer.
#[derive(Debug, Clone)]
pub(crate) enum Respondent {
    Host,
    /// The page in this webview.
    Page(Arc<str>),
}

/// Something to be asked.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) question: Question,
    pub(crate) asker: Asker,
    pub(crate) to: Respondent,
    pub(crate) timeout: Duration,
}

/// A question that has no answer yet.
#[derive(Debug)]
struct Open<W> {
    question: Arc<Question>,
    asker: Asker,
    asked: Asked,
    timeout: Duration,
    due: Instant,
    /// Whoever waits for the answer: one, and the copies of a page's command.
    waiters: Vec<W>,
}

#[derive(Debug)]
enum Asked {
    Host,
    /// A page that is still starting.
    Waiting {
        webview: Arc<str>,
        until: Instant,
    },
    Page {
        webview: Arc<str>,
        key: SubscriberKey,
    },
}

impl Asked {
    fn webview(&self) -> Option<&Arc<str>> {
        match self {
            Self::Host => None,
            Self::Waiting { webview, .. } | Self::Page { webview, .. } => Some(webview),
        }
    }
}

impl<W> Open<W> {
    /// When something is to be done about it.
    fn next(&self) -> Instant {
        match &self.asked {
            Asked::Waiting { until, .. } => self.due.min(*until),
            Asked::Host | Asked::Page { .. } => self.due,
        }
    }
}

/// Every question that has no answer yet.
#[derive(Debug)]
pub(crate) struct Requests<W> {
    open: HashMap<RequestId, Open<W>>,
    due: BTreeSet<(Instant, RequestId)>,
    /// What each webview has been asked; Rust has no label.
    asked: HashMap<Option<Arc<str>>, Load>,
}

#[derive(Debug, Default)]
struct Load {
    ids: HashSet<RequestId>,
    bytes: usize,
}

impl<W> Default for Requests<W> {
    fn default() -> Self {
        Self {
            open: HashMap::new(),
            due: BTreeSet::new(),
            asked: HashMap::new(),
        }
    }
}

impl<W> Requests<W> {
    fn insert(&mut self, id: RequestId, open: Open<W>) {
        let load = self.asked.entry(open.asked.webview().cloned()).or_default();
        load.ids.insert(id);
        load.bytes += open.question.weight();
        self.due.insert((open.next(), id));
        self.open.insert(id, open);
    }

    fn remove(&mut self, id: RequestId) -> Option<Open<W>> {
        let open = self.open.remove(&id)?;
        self.due.remove(&(open.next(), id));
        let asked = open.asked.webview().cloned();
        if let Some(load) = self.asked.get_mut(&asked) {
            load.ids.remove(&id);
            load.bytes -= open.question.weight();
            if load.ids.is_empty() {
                self.asked.remove(&asked);
            }
        }
        Some(open)
    }

    fn of_webview(&self, webview: &str) -> Vec<RequestId> {
        let load = self.asked.get(&Some(Arc::from(webview)));
        load.into_iter()
            .flat_map(|load| &load.ids)
            .copied()
            .collect()
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.due.is_empty() && self.asked.is_empty()
    }
}

/// What a page has asked: what is open, and which numbers it has used.
///
/// Its questions do not wait for each other, so they may overtake each other on the way, and WebKit sends those in
/// flight a second time when the page is left. A window over the newest numbers tells a copy from a late one.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    open: HashMap<u64, RequestId>,
    newest: u64,
    used: Option<Box<[u64; WINDOW as usize / 64]>>,
}

/// How many numbers are told apart. What is older is taken for used.
const WINDOW: u64 = 4096;

impl Asking {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn is_used(&self, number: u64) -> bool {
        if number > self.newest {
            return false;
        }
        self.newest - number >= WINDOW || self.bit(number)
    }

    fn bit(&self, number: u64) -> bool {
        let place = number % WINDOW;
        self.used
            .as_ref()
            .is_some_and(|used| used[place as usize / 64] & (1 << (place % 64)) != 0)
    }

    fn set(&mut self, number: u64, is_used: bool) {
        let place = number % WINDOW;
        let used = self
            .used
            .get_or_insert_with(|| Box::new([0; WINDOW as usize / 64]));
        let word = &mut used[place as usize / 64];
        if is_used {
            *word |= 1 << (place % 64);
        } else {
            *word &= !(1 << (place % 64));
        }
    }

    fn note(&mut self, number: u64) {
        if number > self.newest {
            let passed = (number - self.newest).min(WINDOW);
            for unused in (number - passed + 1)..=number {
                self.set(unused, false);
            }
            self.newest = number;
        }
        self.set(number, true);
    }
}

fn ended(code: ErrorCode, message: String) -> Answer {
    Err(Error::new(code, message))
}

impl<W> Hub<W> {
    /// Whom a question is for. It goes to one page, or to Rust.
    pub(crate) fn find_respondent(&self, to: &Selection) -> Result<Respondent> {
        let parts = to.webviews.len() + to.windows.len() + usize::from(to.host);
        let is_glob = |pattern: &LabelPattern| pattern.literal().is_none();
        let mut patterns = to.webviews.iter().chain(&to.windows);
        if parts != 1 || to.everyone || patterns.any(is_glob) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "a question goes to one webview, named by its label, or to Rust; request_all asks several",
            ));
        }
        if to.host {
            return Ok(Respondent::Host);
        }
        self.check_targets(to)?;
        let mut labels = self.find_pages(to);
        match (labels.pop(), labels.is_empty()) {
            (Some(label), true) => Ok(Respondent::Page(label)),
            (Some(_), false) => Err(Error::new(
                ErrorCode::InvalidArgument,
                "this window has several webviews, and a question goes to one of them; name the webview by its label",
            )),
            (None, _) => {
                let label = to.webviews.iter().chain(&to.windows).next();
                let label = label.map_or("", LabelPattern::as_str);
                Err(unknown_target("webview", label, &[]))
            }
        }
    }

    /// The webviews that a target selects, in the order of their labels.
    pub(crate) fn find_pages(&self, to: &Selection) -> Vec<Arc<str>> {
        let selected = |webview: &str, window: &str| to.has_webview(webview, window);
        let mut labels: Vec<Arc<str>> = self
            .webviews
            .iter()
            .filter(|(label, webview)| selected(label, &webview.window))
            .map(|(label, _)| Arc::clone(label))
            .collect();
        labels.sort();
        labels
    }

    /// Opens the session of a page that asks, if it has none.
    pub(crate) fn begin_asking(
        &mut self,
        label: &str,
        session: SessionId,
        number: u64,
        origin: Option<String>,
        waiter: W,
        now: Instant,
    ) -> (Result<(W, Asker), (W, Error)>, Outcome<W>) {
        let mut outcome = Outcome::default();
        let command = Command {
            name: "request",
            session,
            n: 1,
            origin,
        };
        let key = match self.open(label, command, now, &mut outcome) {
            Ok(key) => key,
            Err(error) => return (Err((waiter, error)), outcome),
        };
        if let Some(session) = self.sessions.get_mut(&key) {
            session.last_seen = now;
        }
        (Ok((waiter, Asker::Page(key, number))), outcome)
    }

    /// Asks. The question is on its way, waits for its page to start, or is refused at once. Says whether it is a new one,
    /// and not a copy that waits for the same answer.
    pub(crate) fn ask(
        &mut self,
        ask: Ask,
        waiter: W,
        now: Instant,
    ) -> Result<(bool, Outcome<W>), (W, Error)> {
        let waiter = match self.join(ask.asker, waiter) {
            Ok(()) => return Ok((false, Outcome::default())),
            Err(waiter) => waiter,
        };
        let asked = match self.check_ask(&ask, now) {
            Ok(asked) => asked,
            Err(error) => return Err((waiter, error)),
        };
        let mut outcome = Outcome::default();
        let question = Arc::new(ask.question);
        let id = question.id;
        if let Asker::Page(key, number) = ask.asker
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.asking.note(number);
            session.asking.open.insert(number, id);
        }
        let key = match &asked {
            Asked::Page { key, .. } => Some(*key),
            Asked::Host | Asked::Waiting { .. } => None,
        };
        let open = Open {
            question: Arc::clone(&question),
            asker: ask.asker,
            asked,
            timeout: ask.timeout,
            due: now + ask.timeout,
            waiters: vec![waiter],
        };
        let next = open.next();
        self.requests.insert(id, open);
        if let Some(key) = key {
            self.hand_over(key, question, now, &mut outcome);
        }
        outcome.rearm |= self.arm(next);
        Ok((true, outcome))
    }

    /// Lets a copy of a page's question wait for the answer to that, unless too many do.
    fn join(&mut self, asker: Asker, waiter: W) -> Result<(), W> {
        let Asker::Page(key, number) = asker else {
            return Err(waiter);
        };
        let session = self.sessions.get(&key);
        let id = session.and_then(|session| session.asking.open.get(&number));
        match id.and_then(|id| self.requests.open.get_mut(id)) {
            Some(open) if open.waiters.len() < MOST_COPIES => {
                open.waiters.push(waiter);
                Ok(())
            }
            _ => Err(waiter),
        }
    }

    fn check_ask(&self, ask: &Ask, now: Instant) -> Result<Asked> {
        let name = ask.question.name.as_str();
        if self.exiting {
            return Err(Error::new(
                ErrorCode::Unavailable,
                format!("the app is exiting; {name:?} was not asked"),
            ));
        }
        if let Asker::Page(key, number) = ask.asker {
            let Some(session) = self.sessions.get(&key) else {
                return Err(Error::new(
                    ErrorCode::StaleSession,
                    "this session has ended",
                ));
            };
            if session.asking.is_used(number) {
                return Err(used(number));
            }
            let open = session.asking.open.len();
            if open >= self.limits.requests_per_asker {
                return Err(Error::new(
                    ErrorCode::QueueFull,
                    format!(
                        "this page waits for {open} answers, and that is the limit (requestsPerAsker); {name:?} was not asked"
                    ),
                ));
            }
        }
        let asked = match &ask.to {
            Respondent::Host => Asked::Host,
            Respondent::Page(label) => self.find_page(label, &ask.question.name, now)?,
        };
        let load = self.requests.asked.get(&asked.webview().cloned());
        let (count, bytes) = load.map_or((0, 0), |load| (load.ids.len(), load.bytes));
        let weight = ask.question.weight();
        if count >= self.limits.requests_per_page
            || (count > 0 && bytes + weight > self.limits.queue_bytes)
        {
            let whom = match asked.webview() {
                Some(label) => format!("the page in {label:?}"),
                None => "Rust".to_owned(),
            };
            return Err(Error::new(
                ErrorCode::QueueFull,
                format!(
                    "{whom} has {count} questions of {bytes} bytes to answer, and the limits are {} (requestsPerPage) and {} bytes (queueBytes); {name:?} was not asked",
                    self.limits.requests_per_page, self.limits.queue_bytes
                ),
            ));
        }
        Ok(asked)
    }

    /// The page that answers this, or how long it is waited for.
    fn find_page(&self, label: &Arc<str>, name: &EventName, now: Instant) -> Result<Asked> {
        let Some(webview) = self.webviews.get(label) else {
            return Err(unknown_target("webview", label, &[]));
        };
        let session = webview.session.and_then(|key| self.sessions.get(&key));
        if let (Some(key), Some(session)) = (webview.session, session)
            && session.responders.contains(name)
        {
            return Ok(Asked::Page {
                webview: Arc::clone(label),
                key,
            });
        }
        let until = session.map_or(now, |session| session.opened) + GRACE;
        if until <= now {
            return Err(no_responder(label, name));
        }
        Ok(Asked::Waiting {
            webview: Arc::clone(label),
            until,
        })
    }

    fn hand_over(
        &mut self,
        key: SubscriberKey,
        question: Arc<Question>,
        now: Instant,
        outcome: &mut Outcome<W>,
    ) {
        let after = self.seq;
        if let Some(session) = self.sessions.get_mut(&key) {
            session.outbox.push_question(question, after);
            session.answer_parked(now, outcome);
        }
    }

    /// A page answers questions of this name from now on. It gets those that waited for it.
    pub(crate) fn add_responder(
        &mut self,
        key: SubscriberKey,
        name: EventName,
        now: Instant,
    ) -> (Result<()>, Outcome<W>) {
        let mut outcome = Outcome::default();
        let limit = self.limits.responders_per_page;
        let Some(session) = self.sessions.get_mut(&key) else {
            let error = Error::new(ErrorCode::StaleSession, "this session has ended");
            return (Err(error), outcome);
        };
        if session.responders.contains(&name) {
            let error = Error::new(
                ErrorCode::DuplicateResponder,
                format!(
                    "this page answers {:?} already; a name has one responder in a page, so end that one first",
                    name.as_str()
                ),
            );
            return (Err(error), outcome);
        }
        if session.responders.len() >= limit {
            let error = Error::new(
                ErrorCode::QueueFull,
                format!(
                    "this page answers {limit} names, and that is the limit (respondersPerPage); end some before {:?}",
                    name.as_str()
                ),
            );
            return (Err(error), outcome);
        }
        session.responders.insert(name.clone());
        let webview = Arc::clone(&session.webview);
        let mut waiting: Vec<RequestId> = self.requests.of_webview(&webview);
        waiting.retain(|id| {
            self.requests.open.get(id).is_some_and(|open| {
                open.question.name == name && matches!(open.asked, Asked::Waiting { .. })
            })
        });
        // In the order in which they were asked, as far as their grace tells it.
        waiting.sort_by_key(|id| self.requests.open.get(id).map(Open::next));
        for id in waiting {
            let Some(mut open) = self.requests.remove(id) else {
                continue;
            };
            open.asked = Asked::Page {
                webview: Arc::clone(&webview),
                key,
            };
            let question = Arc::clone(&open.question);
            self.requests.insert(id, open);
            self.hand_over(key, question, now, &mut outcome);
        }
        (Ok(()), outcome)
    }

    /// A page answers questions of this name no more. Those that it has not been given end; it still may answer the rest.
    pub(crate) fn remove_responder(&mut self, key: SubscriberKey, name: &EventName) -> Outcome<W> {
        let mut outcome = Outcome::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return outcome;
        };
        if !session.responders.remove(name) {
            return outcome;
        }
        let label = Arc::clone(&session.webview);
        for id in session.outbox.withdraw_all(name) {
            self.end(id, &Err(no_responder(&label, name)), None, &mut outcome);
        }
        self.end_idle_pull(key, &mut outcome);
        outcome
    }

    /// The name of a question that this page was asked and has not answered.
    pub(crate) fn asked_of(&self, key: SubscriberKey, id: RequestId) -> Result<EventName> {
        let open = self.requests.open.get(&id);
        open.filter(
            |open| matches!(&open.asked, Asked::Page { key: asked, .. } if *asked == key),
        )
        .map(|open| open.question.name.clone())
        .ok_or_else(|| {
            Error::new(
                ErrorCode::NotAsked,
                format!(
                    "this page was not asked {id}, or it has answered that already, or whoever asked has given it up"
                ),
            )
        })
    }

    /// The answer of a page to what it was asked.
    pub(crate) fn answer_of_page(
        &mut self,
        key: SubscriberKey,
        id: RequestId,
        answer: &Answer,
    ) -> Result<Outcome<W>> {
        self.asked_of(key, id)?;
        let mut outcome = Outcome::default();
        self.end(id, answer, None, &mut outcome);
        Ok(outcome)
    }

    /// The page has no responder for it any more.
    pub(crate) fn decline(&mut self, key: SubscriberKey, id: RequestId) -> Result<Outcome<W>> {
        let name = self.asked_of(key, id)?;
        let session = self.sessions.get(&key);
        let label = session.map_or_else(|| Arc::from(""), |session| Arc::clone(&session.webview));
        self.answer_of_page(key, id, &Err(no_responder(&label, &name)))
    }

    /// The answer of a responder in Rust. Says nothing if nobody waits for it any more.
    pub(crate) fn answer_of_host(&mut self, id: RequestId, answer: &Answer) -> Outcome<W> {
        let mut outcome = Outcome::default();
        self.end(id, answer, None, &mut outcome);
        outcome
    }

    /// Whoever asked does not want to know any more.
    pub(crate) fn give_up(&mut self, id: RequestId) -> Outcome<W> {
        let mut outcome = Outcome::default();
        let answer = ended(
            ErrorCode::Cancelled,
            "whoever asked has given it up".to_owned(),
        );
        self.end(id, &answer, Some(Ending::Cancelled), &mut outcome);
        outcome
    }

    /// A page does not want to know any more. If its question has not come yet, it is not asked when it does.
    pub(crate) fn give_up_asking(
        &mut self,
        label: &str,
        session: SessionId,
        number: u64,
    ) -> Outcome<W> {
        let key = self.session_key(label, session).ok();
        let Some(session) = key.and_then(|key| self.sessions.get_mut(&key)) else {
            return Outcome::default();
        };
        match session.asking.open.get(&number).copied() {
            Some(id) => self.give_up(id),
            None => {
                session.asking.note(number);
                Outcome::default()
            }
        }
    }

    /// A page is gone, and with it what it was asked and what it asked.
    pub(super) fn end_requests_of(
        &mut self,
        key: SubscriberKey,
        label: &str,
        asking: &Asking,
        outcome: &mut Outcome<W>,
    ) {
        for id in self.requests.of_webview(label) {
            let is_its_own = self.requests.open.get(&id).is_some_and(
                |open| matches!(&open.asked, Asked::Page { key: asked, .. } if *asked == key),
            );
            if is_its_own {
                self.end_gone(id, label, outcome);
            }
        }
        for id in asking.open.values() {
            if let Some(open) = self.close(*id) {
                self.tell(&open, *id, Ending::Cancelled, outcome);
                outcome.askers.extend(open.waiters);
            }
        }
    }

    fn end_gone(&mut self, id: RequestId, label: &str, outcome: &mut Outcome<W>) {
        if let Some(open) = self.close(id) {
            let answer = ended(
                ErrorCode::PageGone,
                format!(
                    "the page in {} was closed, left or reloaded before it answered {:?}",
                    quoted(label),
                    open.question.name.as_str()
                ),
            );
            answer_all(open.waiters, &answer, outcome);
        }
    }

    /// A webview is gone, and with it what waited for its next page.
    pub(super) fn end_waiting_for(&mut self, label: &str, outcome: &mut Outcome<W>) {
        for id in self.requests.of_webview(label) {
            self.end_gone(id, label, outcome);
        }
    }

    pub(super) fn end_all_requests(&mut self, outcome: &mut Outcome<W>) {
        let ids: Vec<RequestId> = self.requests.open.keys().copied().collect();
        for id in ids {
            let answer = ended(ErrorCode::Unavailable, "the app is exiting".to_owned());
            self.end(id, &answer, Some(Ending::Cancelled), outcome);
        }
    }

    /// Ends what is due: questions whose time is over, and those whose page has started without a responder.
    pub(super) fn expire_requests(&mut self, now: Instant, outcome: &mut Outcome<W>) {
        while let Some((_, id)) = self.requests.due.first().filter(|(due, _)| *due <= now) {
            let id = *id;
            let Some(open) = self.requests.open.get(&id) else {
                return;
            };
            let answer = match &open.asked {
                Asked::Waiting { webview, until } if *until <= now => {
                    Err(no_responder(webview, &open.question.name))
                }
                _ => ended(
                    ErrorCode::Timeout,
                    format!(
                        "{:?} was not answered within {:?}",
                        open.question.name.as_str(),
                        open.timeout
                    ),
                ),
            };
            self.end(id, &answer, Some(Ending::Timeout), outcome);
        }
    }

    /// Takes a question out of every index.
    fn close(&mut self, id: RequestId) -> Option<Open<W>> {
        let open = self.requests.remove(id)?;
        if let Asker::Page(key, number) = open.asker
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.asking.open.remove(&number);
        }
        Some(open)
    }

    /// Ends a question with this answer. `ending` is what its responder is told, unless it has answered itself.
    fn end(
        &mut self,
        id: RequestId,
        answer: &Answer,
        ending: Option<Ending>,
        outcome: &mut Outcome<W>,
    ) {
        let Some(open) = self.close(id) else {
            return;
        };
        if let Some(ending) = ending {
            self.tell(&open, id, ending, outcome);
        }
        answer_all(open.waiters, answer, outcome);
    }

    /// Tells the responder that nobody waits any more. What it has not been given it is not given.
    fn tell(&mut self, open: &Open<W>, id: RequestId, ending: Ending, outcome: &mut Outcome<W>) {
        match &open.asked {
            Asked::Host => outcome.given_up.push(id),
            Asked::Waiting { .. } => {}
            Asked::Page { key, .. } => {
                let after = self.seq;
                let Some(session) = self.sessions.get_mut(key) else {
                    return;
                };
                if session.outbox.withdraw(id) {
                    return;
                }
                session.outbox.push_ending(id, ending, after);
                // Its parked pull proves that the page was there then.
                if let Some(since) = session.parked.as_ref().map(|pull| pull.since) {
                    session.answer_parked(since, outcome);
                }
            }
        }
    }
}

/// Why a responder need not answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Timeout,
    Cancelled,
}

impl Ending {
    /// The code that the page's signal has.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::Timeout => ErrorCode::Timeout,
            Self::Cancelled => ErrorCode::Cancelled,
        }
    }
}

fn answer_all<W>(waiters: Vec<W>, answer: &Answer, outcome: &mut Outcome<W>) {
    let answered = waiters.into_iter().map(|waiter| (waiter, answer.clone()));
    outcome.answered.extend(answered);
}

fn used(number: u64) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "the question {number} of this session was asked before, and its answer is not kept; each has a number of its own"
        ),
    )
}

fn no_responder(label: &str, name: &EventName) -> Error {
    Error::new(
        ErrorCode::NoResponder,
        format!(
            "the page in {} has no responder for {:?}; register one with respond(…) while the page starts",
            quoted(label),
            name.as_str()
        ),
    )
}
