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

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::{Provenance, Source, weight_of};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::target::{LabelPattern, Selection, unknown_target};

use super::order::Answer;
use super::session::SessionId;
use super::subscriptions::SubscriberKey;
use super::{Command, Hub, Outcome, SESSION_LEASE};

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
    /// What it follows from.
    pub(crate) provenance: Option<Arc<Provenance>>,
}

impl Question {
    /// The names of what caused it, oldest first.
    pub(crate) fn causes(&self) -> &[EventName] {
        let provenance = self.provenance.as_deref();
        provenance.map_or(&[], |provenance| &provenance.causes)
    }

    /// The causes of what follows from it.
    pub(crate) fn as_cause(&self) -> Arc<[EventName]> {
        let own = std::iter::once(&self.name);
        self.causes().iter().chain(own).cloned().collect()
    }

    /// At least as many bytes as it takes in an answer.
    pub(crate) fn weight(&self) -> usize {
        let source = match &self.source {
            Source::Host => 0,
            Source::Webview(label) => label.len() * 2,
        };
        weight_of(&self.name, &self.payload, self.provenance.as_deref()) + source
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

/// A page that asks, and who waits for its answer; or who is told why it cannot ask.
type Begun<W> = Result<(W, Asker), (W, Error)>;

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
    /// How many questions have no answer yet.
    #[cfg(test)]
    pub(crate) fn open_requests(&self) -> usize {
        self.requests.open.len()
    }

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
        self.webviews
            .iter()
            .filter(|(label, webview)| selected(label, &webview.window))
            .map(|(label, _)| Arc::clone(label))
            .collect()
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
    ) -> (Begun<W>, Outcome<W>) {
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
        if let Some(provenance) = &ask.question.provenance {
            provenance.check(&ask.question.name, self.limits.hops)?;
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
            session.asked += 1;
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
            self.end(id, Err(no_responder(&label, name)), None, &mut outcome);
        }
        self.end_idle_pull(key, &mut outcome);
        outcome
    }

    /// The page that has this session, if it is live.
    pub(crate) fn page_of(&self, label: &str, session: SessionId) -> Option<SubscriberKey> {
        self.session_key(label, session).ok()
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
        answer: Answer,
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
        self.answer_of_page(key, id, Err(no_responder(&label, &name)))
    }

    /// The answer of a responder in Rust. Says nothing if nobody waits for it any more.
    pub(crate) fn answer_of_host(&mut self, id: RequestId, answer: Answer) -> Outcome<W> {
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
        self.end(id, answer, Some(Ending::Cancelled), &mut outcome);
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

    /// A page is gone, and with it what it asked and what it was asked. In this order: a page that asked itself is not
    /// answered.
    pub(super) fn end_requests_of(
        &mut self,
        key: SubscriberKey,
        label: &str,
        asking: &Asking,
        outcome: &mut Outcome<W>,
    ) {
        self.end_asking(asking.open.values(), outcome);
        for id in self.requests.of_webview(label) {
            let is_its_own = self.requests.open.get(&id).is_some_and(
                |open| matches!(&open.asked, Asked::Page { key: asked, .. } if *asked == key),
            );
            if is_its_own {
                self.end_gone(id, label, outcome);
            }
        }
    }

    /// What the page in this webview asked ends, before those whom it asked.
    pub(super) fn end_asking_of(&mut self, label: &str, outcome: &mut Outcome<W>) {
        let key = self.webviews.get(label).and_then(|webview| webview.session);
        let session = key.and_then(|key| self.sessions.get(&key));
        let asking = session.map(|session| session.asking.open.values().copied());
        let asking: Vec<RequestId> = asking.into_iter().flatten().collect();
        self.end_asking(&asking, outcome);
    }

    fn end_asking<'a>(
        &mut self,
        ids: impl IntoIterator<Item = &'a RequestId>,
        outcome: &mut Outcome<W>,
    ) {
        for id in ids {
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
            self.note_answer(open.asker, outcome);
            answer_all(open.waiters, answer, outcome);
        }
    }

    /// A webview is gone, and with it what waited for its next page.
    pub(super) fn end_waiting_for(&mut self, label: &str, outcome: &mut Outcome<W>) {
        for id in self.requests.of_webview(label) {
            self.end_gone(id, label, outcome);
        }
    }

    pub(super) fn end_all_requests(&mut self, outcome: &mut Outcome<W>) {
        let (mut of_pages, mut of_host) = (Vec::new(), Vec::new());
        for (id, open) in &self.requests.open {
            match open.asker {
                Asker::Page(..) => of_pages.push(*id),
                Asker::Host => of_host.push(*id),
            }
        }
        self.end_asking(&of_pages, outcome);
        for id in of_host {
            let answer = ended(ErrorCode::Unavailable, "the app is exiting".to_owned());
            self.end(id, answer, Some(Ending::Cancelled), outcome);
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
            self.end(id, answer, Some(Ending::Timeout), outcome);
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
        if let Asked::Page { key, .. } = open.asked
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.asked -= 1;
        }
        Some(open)
    }

    /// A page that waited for an answer was there as long, though nothing was heard of it.
    fn note_answer(&mut self, asker: Asker, outcome: &mut Outcome<W>) {
        let Asker::Page(key, _) = asker else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&key) {
            session.has_waited = true;
            let due = session.last_seen + SESSION_LEASE;
            outcome.rearm |= self.arm(due);
        }
    }

    /// Ends a question with this answer. `ending` is what its responder is told, unless it has answered itself.
    fn end(
        &mut self,
        id: RequestId,
        answer: Answer,
        ending: Option<Ending>,
        outcome: &mut Outcome<W>,
    ) {
        let Some(open) = self.close(id) else {
            return;
        };
        if let Some(ending) = ending {
            self.tell(&open, id, ending, outcome);
        }
        if let Asked::Page { key, .. } = open.asked {
            self.end_idle_pull(key, outcome);
        }
        self.note_answer(open.asker, outcome);
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

fn answer_all<W>(mut waiters: Vec<W>, answer: Answer, outcome: &mut Outcome<W>) {
    // The last one gets the text itself: an answer may be large, and mostly there is one who waits.
    let Some(last) = waiters.pop() else {
        return;
    };
    let others = waiters.into_iter().map(|waiter| (waiter, answer.clone()));
    outcome.answered.extend(others);
    outcome.answered.push((last, answer));
}

/// What a page is told that took the place of the one that asked.
pub(crate) fn asker_is_gone() -> Error {
    Error::new(
        ErrorCode::Unavailable,
        "this page's session ended while it waited for an answer; nobody knows whether the question was answered",
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::hub::Pull;
    use crate::hub::outbox::{BatchBound, Item};
    use crate::model::policy::Policies;

    const BATCH: BatchBound = BatchBound {
        events: 4096,
        bytes: 1 << 20,
    };
    const TIMEOUT: Duration = Duration::from_secs(30);

    struct World {
        hub: Hub<u32>,
        now: Instant,
        newest: u128,
        /// How each question ended, by the number of its waiter.
        ended: HashMap<u32, std::result::Result<String, ErrorCode>>,
        /// Those whose page is gone.
        gone: Vec<u32>,
    }

    fn session(n: u64) -> SessionId {
        SessionId::parse(&format!("{n:032x}")).unwrap()
    }

    fn name(text: &str) -> EventName {
        EventName::parse(text).unwrap()
    }

    impl World {
        fn new() -> Self {
            let mut hub = Hub::new(Limits::default(), Policies::default());
            hub.announce("a", "a");
            hub.announce("b", "b");
            Self {
                hub,
                now: Instant::now(),
                newest: 0,
                ended: HashMap::new(),
                gone: Vec::new(),
            }
        }

        fn settle(&mut self, outcome: Outcome<u32>) {
            for (waiter, answer) in outcome.answered {
                let answer = answer.map_err(|error| error.code());
                let before = self.ended.insert(waiter, answer);
                assert_eq!(before, None, "{waiter} was answered twice");
            }
            self.gone.extend(outcome.askers);
        }

        /// Opens a session with one responder.
        fn open(&mut self, label: &str, id: u64) -> SubscriberKey {
            let key = self.open_without(label, id);
            let (added, outcome) = self.hub.add_responder(key, name("q"), self.now);
            added.unwrap();
            self.settle(outcome);
            key
        }

        fn open_without(&mut self, label: &str, id: u64) -> SubscriberKey {
            let (begun, outcome) = self
                .hub
                .begin_asking(label, session(id), 1, None, 0, self.now);
            self.settle(outcome);
            match begun.unwrap() {
                (_, Asker::Page(key, _)) => key,
                (_, Asker::Host) => panic!("it is a page"),
            }
        }

        fn ask(&mut self, to: &str, asker: Asker, waiter: u32) -> Result<RequestId> {
            self.newest += 1;
            let id = RequestId(self.newest);
            let ask = Ask {
                question: Question {
                    id,
                    name: name("q"),
                    payload: "1".into(),
                    source: Source::Host,
                    provenance: None,
                },
                asker,
                to: match to {
                    "host" => Respondent::Host,
                    label => Respondent::Page(label.into()),
                },
                timeout: TIMEOUT,
            };
            match self.hub.ask(ask, waiter, self.now) {
                Ok((_, outcome)) => {
                    self.settle(outcome);
                    Ok(id)
                }
                Err((_, error)) => Err(error),
            }
        }

        /// What the page of this session is delivered, acknowledging all before.
        fn pull(&mut self, label: &str, id: u64) -> Vec<Item> {
            let ack = self.hub.webviews[label]
                .session
                .map_or(0, |key| self.hub.sessions[&key].outbox.delivered());
            let pull = Pull {
                session: session(id),
                ack,
                is_ahead: true,
                is_prompt: false,
                bound: BATCH,
            };
            let mut outcome = self.hub.pull(label, pull, 0, self.now).unwrap();
            let (_, batch) = outcome.answers.remove(0);
            self.settle(outcome);
            batch.items().to_vec()
        }

        fn expire(&mut self) -> Option<Instant> {
            let (outcome, next) = self.hub.expire(self.now);
            self.settle(outcome);
            next
        }

        fn end(&mut self, waiter: u32) -> std::result::Result<String, ErrorCode> {
            self.ended.remove(&waiter).expect("it has not ended")
        }

        #[track_caller]
        fn check_empty(&self) {
            assert!(self.hub.requests.is_empty(), "{:?}", self.hub.requests);
            for session in self.hub.sessions.values() {
                assert!(session.asking.is_empty() && !session.outbox.has_requests());
                assert_eq!(session.asked, 0);
            }
        }
    }

    #[test]
    fn a_question_ends_once_whatever_comes_first() {
        type Step = fn(&mut World, SubscriberKey, RequestId);
        let steps: [(&str, Step); 5] = [
            ("answer", |world, key, id| {
                let answer = Ok("1".to_owned());
                if let Ok(outcome) = world.hub.answer_of_page(key, id, answer.clone()) {
                    world.settle(outcome);
                }
            }),
            ("timeout", |world, _, _| {
                world.now += TIMEOUT;
                world.expire();
            }),
            ("cancelled", |world, _, id| {
                let outcome = world.hub.give_up(id);
                world.settle(outcome);
            }),
            ("page_gone", |world, _, _| {
                let outcome = world.hub.leave_page("a", None);
                world.settle(outcome);
            }),
            ("no_responder", |world, key, id| {
                if let Ok(outcome) = world.hub.decline(key, id) {
                    world.settle(outcome);
                }
            }),
        ];
        for (first, step) in steps {
            for (_, later) in steps {
                for is_delivered in [false, true] {
                    // A page knows the ids of those alone that it was given.
                    if !is_delivered && matches!(first, "answer" | "no_responder") {
                        continue;
                    }
                    let mut world = World::new();
                    let key = world.open("a", 1);
                    let id = world.ask("a", Asker::Host, 7).unwrap();
                    if is_delivered {
                        assert_eq!(world.pull("a", 1).len(), 1);
                    }
                    step(&mut world, key, id);
                    let ended = world.ended[&7].clone();
                    let ended = ended.map_or_else(ErrorCode::as_str, |_| "answer");
                    assert_eq!(ended, first);
                    later(&mut world, key, id);
                    assert_eq!(world.ended.len(), 1);
                    if !matches!(first, "page_gone")
                        && world.hub.session_key("a", session(1)).is_ok()
                    {
                        let told = world.pull("a", 1);
                        let is_told = is_delivered && matches!(first, "timeout" | "cancelled");
                        assert_eq!(!told.is_empty(), is_told, "{first} {told:?}");
                    }
                    world.check_empty();
                }
            }
        }
    }

    #[test]
    fn a_page_hears_of_the_question_that_it_is_at_after_its_responder_has_ended() {
        let mut world = World::new();
        let key = world.open("a", 1);
        let id = world.ask("a", Asker::Host, 1).unwrap();
        assert_eq!(world.pull("a", 1).len(), 1);
        let outcome = world.hub.remove_responder(key, &name("q"));
        world.settle(outcome);
        world.pull("a", 1);
        assert!(!world.hub.sessions[&key].is_idle());
        let outcome = world.hub.answer_of_page(key, id, Ok("1".into())).unwrap();
        world.settle(outcome);
        assert_eq!(world.end(1), Ok("1".into()));
        assert!(world.hub.sessions[&key].is_idle());
        world.check_empty();
    }

    #[test]
    fn a_page_that_has_waited_for_an_answer_is_there_still() {
        let mut world = World::new();
        let key = world.open_without("b", 2);
        world.open("a", 1);
        let asked_at = world.now;
        let id = world.ask("host", Asker::Page(key, 1), 1).unwrap();
        world.now = asked_at + TIMEOUT - Duration::from_millis(1);
        world.hub.sessions.get_mut(&key).unwrap().last_seen = asked_at - SESSION_LEASE;
        let outcome = world.hub.answer_of_host(id, Ok("1".into()));
        assert!(outcome.rearm, "its lease is to be looked at");
        world.settle(outcome);
        world.expire();
        assert!(world.hub.is_open(key));
        world.now += SESSION_LEASE;
        world.expire();
        assert!(!world.hub.is_open(key));
        world.check_empty();
    }

    #[test]
    fn those_who_are_gone_are_not_answered_and_a_page_that_goes_on_is() {
        // Two webviews of one window ask each other, one asks itself, and the window closes.
        let mut world = World::new();
        world.hub.announce("c", "a");
        let (a, c) = (world.open("a", 1), world.open("c", 3));
        world.ask("c", Asker::Page(a, 1), 1).unwrap();
        world.ask("a", Asker::Page(c, 1), 2).unwrap();
        world.ask("a", Asker::Page(a, 2), 3).unwrap();
        let (_, outcome) = world.hub.remove_window("a");
        world.settle(outcome);
        world.gone.sort_unstable();
        assert_eq!(
            (world.gone.as_slice(), world.ended.len()),
            (&[1, 2, 3][..], 0)
        );
        world.check_empty();

        // The app exits.
        let mut world = World::new();
        let (a, b) = (world.open("a", 1), world.open("b", 2));
        world.ask("b", Asker::Page(a, 1), 1).unwrap();
        world.ask("b", Asker::Host, 2).unwrap();
        let _ = b;
        let outcome = world.hub.shut_down();
        world.settle(outcome);
        assert_eq!(world.gone, [1]);
        assert_eq!(world.end(2), Err(ErrorCode::Unavailable));
        world.check_empty();

        // A page renews its session while it waits: it is there still, and is told.
        let mut world = World::new();
        let a = world.open("a", 1);
        world.ask("host", Asker::Page(a, 1), 1).unwrap();
        world.open("a", 2);
        assert_eq!(world.end(1), Err(ErrorCode::Unavailable));
        assert!(world.gone.is_empty());
        world.check_empty();
    }

    #[test]
    fn a_page_that_starts_is_waited_for_until_it_has_started() {
        let mut world = World::new();
        // Nobody is there yet.
        world.ask("a", Asker::Host, 1).unwrap();
        world.now += GRACE - Duration::from_millis(1);
        let next = world.expire();
        assert_eq!(next, Some(world.now + Duration::from_millis(1)));
        assert!(world.ended.is_empty());
        world.now += Duration::from_millis(1);
        world.expire();
        assert_eq!(world.end(1), Err(ErrorCode::NoResponder));

        // The page is there, and answers something else.
        let opened = world.now;
        let key = world.open_without("a", 1);
        world.now += Duration::from_secs(1);
        world.ask("a", Asker::Host, 2).unwrap();
        world.now = opened + GRACE - Duration::from_millis(1);
        world.expire();
        let (added, outcome) = world.hub.add_responder(key, name("q"), world.now);
        assert_eq!(added, Ok(()));
        world.settle(outcome);
        let items = world.pull("a", 1);
        let Item::Question(question) = &items[0] else {
            panic!("{items:?}");
        };
        let outcome = world.hub.answer_of_page(key, question.id, Ok("2".into()));
        world.settle(outcome.unwrap());
        assert_eq!(world.end(2), Ok("2".into()));

        // Once it has started, nobody waits.
        world.now = opened + GRACE;
        let outcome = world.hub.remove_responder(key, &name("q"));
        world.settle(outcome);
        let error = world.ask("a", Asker::Host, 3).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NoResponder);
        world.check_empty();
    }

    #[test]
    fn what_waits_for_a_page_ends_with_its_webview() {
        let mut world = World::new();
        world.ask("a", Asker::Host, 1).unwrap();
        let (_, outcome) = world.hub.remove_window("a");
        world.settle(outcome);
        assert_eq!(world.end(1), Err(ErrorCode::PageGone));
        world.check_empty();
    }

    #[test]
    fn what_a_page_asked_ends_with_it_and_its_responder_is_told() {
        let mut world = World::new();
        world.open("a", 1);
        let asker = world.open_without("b", 2);
        world.ask("a", Asker::Page(asker, 1), 1).unwrap();
        world.pull("a", 1);
        world.ask("host", Asker::Page(asker, 2), 2).unwrap();
        let outcome = world.hub.leave_page("b", None);
        assert_eq!(outcome.given_up.len(), 1);
        world.settle(outcome);
        world.gone.sort_unstable();
        assert_eq!(world.gone, [1, 2]);
        let told = world.pull("a", 1);
        assert!(matches!(told[..], [Item::Ended(_, Ending::Cancelled)]));
        world.check_empty();
    }

    #[test]
    fn a_page_that_waits_for_an_answer_is_not_given_up() {
        let mut world = World::new();
        world.open("a", 1);
        let asker = world.open_without("b", 2);
        world.ask("host", Asker::Page(asker, 1), 1).unwrap();
        world.hub.sessions.get_mut(&asker).unwrap().last_seen -= Duration::from_secs(600);
        world.expire();
        assert!(world.hub.sessions.contains_key(&asker));
        world.now += TIMEOUT;
        world.expire();
        assert_eq!(world.end(1), Err(ErrorCode::Timeout));
        // It was there while it waited, and has its lease from now on.
        world.expire();
        assert!(world.hub.sessions.contains_key(&asker));
        world.now += SESSION_LEASE;
        world.expire();
        assert!(!world.hub.sessions.contains_key(&asker));
    }

    #[test]
    fn only_the_page_that_was_asked_may_answer() {
        let mut world = World::new();
        world.open("a", 1);
        let thief = world.open("b", 2);
        let id = world.ask("a", Asker::Host, 1).unwrap();
        let hidden = world.ask("host", Asker::Host, 2).unwrap();
        for id in [id, hidden] {
            let stolen = world.hub.answer_of_page(thief, id, Ok("1".into()));
            assert_eq!(stolen.unwrap_err().code(), ErrorCode::NotAsked);
        }
        assert!(world.ended.is_empty());
    }

    #[test]
    fn numbers_are_told_apart_within_their_window() {
        let mut asking = Asking::default();
        for number in [5, 3, 4, 6000] {
            assert!(!asking.is_used(number));
            asking.note(number);
            assert!(asking.is_used(number));
        }
        assert!(!asking.is_used(5999) && !asking.is_used(6001));
        assert!(!asking.is_used(6000 - WINDOW + 1));
        assert!(asking.is_used(6000 - WINDOW), "too old to be told apart");
        asking.note(5999);
        asking.note(u64::MAX);
        assert!(asking.is_used(5999) && asking.is_used(u64::MAX));
        assert!(!asking.is_used(u64::MAX - 1));
    }

    /// Half of them fail, in every way there is.
    #[test]
    fn nothing_is_left_of_a_hundred_thousand_questions() {
        const QUESTIONS: u32 = 100_000;
        const AT_ONCE: usize = 64;
        let mut world = World::new();
        let mut sessions = [1, 2];
        let mut keys = [world.open("a", 1), world.open("b", 2)];
        let mut ends: HashMap<String, u32> = HashMap::new();
        let mut number = 10;
        for round in 0..QUESTIONS / AT_ONCE as u32 + 1 {
            for place in 0..AT_ONCE as u32 {
                number += 1;
                let asker = match place % 3 {
                    0 => Asker::Page(keys[1], u64::from(number)),
                    _ => Asker::Host,
                };
                world.ask("a", asker, number).unwrap();
            }
            let mut questions = Vec::new();
            for item in world.pull("a", sessions[0]) {
                match item {
                    Item::Question(question) => questions.push(question.id),
                    Item::Ended(..) => {}
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(questions.len(), AT_ONCE);
            let failing = questions.split_off(AT_ONCE / 2);
            for id in questions {
                let outcome = world.hub.answer_of_page(keys[0], id, Ok("1".into()));
                world.settle(outcome.unwrap());
            }
            match round % 4 {
                0 => {
                    for id in failing {
                        let outcome = world.hub.give_up(id);
                        world.settle(outcome);
                    }
                }
                1 => {
                    world.now += TIMEOUT;
                    world.expire();
                }
                2 => {
                    // The page is left.
                    let outcome = world.hub.leave_page("a", None);
                    world.settle(outcome);
                    sessions[0] += 2;
                    keys[0] = world.open("a", sessions[0]);
                }
                _ => {
                    for id in failing {
                        let outcome = world.hub.decline(keys[0], id);
                        world.settle(outcome.unwrap());
                    }
                }
            }
            for ended in std::mem::take(&mut world.ended).into_values() {
                let ended = ended.map_or_else(ErrorCode::as_str, |_| "answered");
                *ends.entry(ended.to_owned()).or_default() += 1;
            }
        }
        let total: u32 = ends.values().sum();
        assert!(total >= QUESTIONS, "{ends:?}");
        assert_eq!(ends["answered"], total / 2);
        for failure in ["cancelled", "timeout", "page_gone", "no_responder"] {
            assert!(ends[failure] > QUESTIONS / 10, "{ends:?}");
        }
        world.pull("a", sessions[0]);
        world.check_empty();
        for session in world.hub.sessions.values() {
            let (kept, _) = session.outbox.unacknowledged();
            assert!(kept <= AT_ONCE, "{kept}");
        }
        // The last question's time is over, and the lease keeper has nothing more to do for any of them.
        assert!(world.gone.is_empty());
    }
}
