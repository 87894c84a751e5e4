//! Questions to pages and to Rust: who asked what, who is to answer it, and how each of them ends.
//!
//! ```text
//! caller ──► open ──► waits for its page (grace) ──► outbox ──► page ──► answer ──► caller
//!             └────────────────────────────────────────────────► Rust ──┘
//! ```
//!
//! A question ends once, whatever comes first: its answer, its time, the end of the page that was asked, or the end of
//! whoever asked. Ending takes it out of every index, so that what comes later finds nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::{Provenance, weight_of};
use crate::model::id::Id;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::selection::{Selection, unknown_target};
use crate::model::target::LabelPattern;

use super::command_log::JsonResult;
use super::session::SessionId;
use super::subscriptions::SubscriberKey;
use super::{Command, Effects, Hub, SESSION_LEASE};

/// How long a question waits for a page that is still starting.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// How many copies of a page's question wait for its answer. A browser sends one.
const MAX_COPIES: usize = 16;

/// The id of a request. It is random, so that no page can respond to a request that it was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(Id);

impl RequestId {
    pub(crate) fn random() -> Result<Self> {
        Id::random().map(Self)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Id::parse(text).map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A question as its page gets it.
#[derive(Debug)]
pub(crate) struct RequestMessage {
    pub(crate) id: RequestId,
    pub(crate) name: EventName,
    pub(crate) payload: Json,
    pub(crate) source: Endpoint,
    /// What it follows from.
    pub(crate) provenance: Option<Arc<Provenance>>,
}

impl RequestMessage {
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
        let source = self.source.label().map_or(0, |label| label.len() * 2);
        weight_of(&self.name, &self.payload, self.provenance.as_deref()) + source
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Host,
    /// A page, by its session and the number that it gave the question.
    Page(SubscriberKey, u64),
}

/// Who is to answer.
#[derive(Debug, Clone)]
pub(crate) enum Recipient {
    Host,
    /// The page in this webview.
    Page(Arc<str>),
}

/// Something to be asked.
#[derive(Debug)]
pub(crate) struct NewRequest {
    pub(crate) message: RequestMessage,
    pub(crate) caller: Caller,
    pub(crate) to: Recipient,
    pub(crate) timeout: Duration,
}

/// A question that has no answer yet.
#[derive(Debug)]
struct PendingRequest<W> {
    question: Arc<RequestMessage>,
    caller: Caller,
    asked: RequestState,
    timeout: Duration,
    due: Instant,
    /// Whoever waits for the answer: one, and the copies of a page's command.
    waiters: Vec<W>,
}

#[derive(Debug)]
enum RequestState {
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

impl RequestState {
    fn webview(&self) -> Option<&Arc<str>> {
        match self {
            Self::Host => None,
            Self::Waiting { webview, .. } | Self::Page { webview, .. } => Some(webview),
        }
    }
}

impl<W> PendingRequest<W> {
    /// When something is to be done about it.
    fn next(&self) -> Instant {
        match &self.asked {
            RequestState::Waiting { until, .. } => self.due.min(*until),
            RequestState::Host | RequestState::Page { .. } => self.due,
        }
    }
}

/// A page that asks, and who waits for its answer; or who is told why it cannot ask.
type OpenedCaller<W> = Result<(W, Caller), (W, Error)>;

/// Every question that has no answer yet.
#[derive(Debug)]
pub(crate) struct Requests<W> {
    open: HashMap<RequestId, PendingRequest<W>>,
    due: BTreeSet<(Instant, RequestId)>,
    /// What each webview has been asked; Rust has no label.
    asked: HashMap<Option<Arc<str>>, Outstanding>,
}

#[derive(Debug, Default)]
struct Outstanding {
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
    fn insert(&mut self, id: RequestId, open: PendingRequest<W>) {
        let load = self.asked.entry(open.asked.webview().cloned()).or_default();
        load.ids.insert(id);
        load.bytes += open.question.weight();
        self.due.insert((open.next(), id));
        self.open.insert(id, open);
    }

    fn remove(&mut self, id: RequestId) -> Option<PendingRequest<W>> {
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
pub(crate) struct CallerLog {
    open: HashMap<u64, RequestId>,
    newest: u64,
    used: Option<Box<[u64; WINDOW as usize / 64]>>,
}

/// How many numbers are told apart. What is older is taken for used.
const WINDOW: u64 = 4096;

impl CallerLog {
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

fn ended(code: ErrorCode, message: String) -> JsonResult {
    Err(Error::new(code, message))
}

impl<W> Hub<W> {
    /// How many questions have no answer yet.
    #[cfg(test)]
    pub(crate) fn open_requests(&self) -> usize {
        self.requests.open.len()
    }

    /// Whom a question is for. It goes to one page, or to Rust.
    pub(crate) fn find_recipient(&self, to: &Selection) -> Result<Recipient> {
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
            return Ok(Recipient::Host);
        }
        self.check_targets(to)?;
        let mut labels = self.find_pages(to);
        match (labels.pop(), labels.is_empty()) {
            (Some(label), true) => Ok(Recipient::Page(label)),
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
    pub(crate) fn open_caller(
        &mut self,
        label: &str,
        session: SessionId,
        number: u64,
        origin: Option<String>,
        waiter: W,
        now: Instant,
    ) -> (OpenedCaller<W>, Effects<W>) {
        let mut effects = Effects::default();
        let command = Command {
            name: "request",
            session,
            n: 1,
            origin,
        };
        let key = match self.open(label, command, now, &mut effects) {
            Ok(key) => key,
            Err(error) => return (Err((waiter, error)), effects),
        };
        if let Some(session) = self.sessions.get_mut(&key) {
            session.last_seen = now;
        }
        (Ok((waiter, Caller::Page(key, number))), effects)
    }

    /// Asks. The question is on its way, waits for its page to start, or is refused at once. Says whether it is a new one,
    /// and not a copy that waits for the same answer.
    pub(crate) fn request(
        &mut self,
        request: NewRequest,
        waiter: W,
        now: Instant,
    ) -> Result<(bool, Effects<W>), (W, Error)> {
        let waiter = match self.join(request.caller, waiter) {
            Ok(()) => return Ok((false, Effects::default())),
            Err(waiter) => waiter,
        };
        let asked = match self.check_ask(&request, now) {
            Ok(asked) => asked,
            Err(error) => return Err((waiter, error)),
        };
        let mut effects = Effects::default();
        let question = Arc::new(request.message);
        let id = question.id;
        if let Caller::Page(key, number) = request.caller
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.asking.note(number);
            session.asking.open.insert(number, id);
        }
        let key = match &asked {
            RequestState::Page { key, .. } => Some(*key),
            RequestState::Host | RequestState::Waiting { .. } => None,
        };
        let open = PendingRequest {
            question: Arc::clone(&question),
            caller: request.caller,
            asked,
            timeout: request.timeout,
            due: now + request.timeout,
            waiters: vec![waiter],
        };
        let next = open.next();
        self.requests.insert(id, open);
        if let Some(key) = key {
            self.hand_over(key, question, now, &mut effects);
        }
        effects.rearm |= self.arm(next);
        Ok((true, effects))
    }

    /// Lets a copy of a page's question wait for the answer to that, unless too many do.
    fn join(&mut self, caller: Caller, waiter: W) -> Result<(), W> {
        let Caller::Page(key, number) = caller else {
            return Err(waiter);
        };
        let session = self.sessions.get(&key);
        let id = session.and_then(|session| session.asking.open.get(&number));
        match id.and_then(|id| self.requests.open.get_mut(id)) {
            Some(open) if open.waiters.len() < MAX_COPIES => {
                open.waiters.push(waiter);
                Ok(())
            }
            _ => Err(waiter),
        }
    }

    fn check_ask(&self, request: &NewRequest, now: Instant) -> Result<RequestState> {
        let name = request.message.name.as_str();
        if self.exiting {
            return Err(Error::new(
                ErrorCode::Unavailable,
                format!("the app is exiting; {name:?} was not asked"),
            ));
        }
        if let Caller::Page(key, number) = request.caller {
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
            if open >= self.limits.requests_per_caller {
                return Err(Error::new(
                    ErrorCode::QueueFull,
                    format!(
                        "this page waits for {open} answers, and that is the limit (requestsPerCaller); {name:?} was not asked"
                    ),
                ));
            }
        }
        if let Some(provenance) = &request.message.provenance {
            provenance.check(&request.message.name, self.limits.hops)?;
        }
        let asked = match &request.to {
            Recipient::Host => RequestState::Host,
            Recipient::Page(label) => self.find_page(label, &request.message.name, now)?,
        };
        let load = self.requests.asked.get(&asked.webview().cloned());
        let (count, bytes) = load.map_or((0, 0), |load| (load.ids.len(), load.bytes));
        let weight = request.message.weight();
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
    fn find_page(&self, label: &Arc<str>, name: &EventName, now: Instant) -> Result<RequestState> {
        let Some(webview) = self.webviews.get(label) else {
            return Err(unknown_target("webview", label, &[]));
        };
        let session = webview.session.and_then(|key| self.sessions.get(&key));
        if let (Some(key), Some(session)) = (webview.session, session)
            && session.responders.contains(name)
        {
            return Ok(RequestState::Page {
                webview: Arc::clone(label),
                key,
            });
        }
        let until = session.map_or(now, |session| session.opened) + GRACE;
        if until <= now {
            return Err(no_responder(label, name));
        }
        Ok(RequestState::Waiting {
            webview: Arc::clone(label),
            until,
        })
    }

    fn hand_over(
        &mut self,
        key: SubscriberKey,
        question: Arc<RequestMessage>,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let after = self.seq;
        if let Some(session) = self.sessions.get_mut(&key) {
            session.asked += 1;
            session.outbox.push_question(question, after);
            session.answer_parked(now, effects);
        }
    }

    /// A page answers questions of this name from now on. It gets those that waited for it.
    pub(crate) fn add_responder(
        &mut self,
        key: SubscriberKey,
        name: EventName,
        now: Instant,
    ) -> (Result<()>, Effects<W>) {
        let mut effects = Effects::default();
        let limit = self.limits.responders_per_page;
        let Some(session) = self.sessions.get_mut(&key) else {
            let error = Error::new(ErrorCode::StaleSession, "this session has ended");
            return (Err(error), effects);
        };
        if session.responders.contains(&name) {
            let error = Error::new(
                ErrorCode::DuplicateResponder,
                format!(
                    "this page answers {:?} already; a name has one responder in a page, so end that one first",
                    name.as_str()
                ),
            );
            return (Err(error), effects);
        }
        if session.responders.len() >= limit {
            let error = Error::new(
                ErrorCode::QueueFull,
                format!(
                    "this page answers {limit} names, and that is the limit (respondersPerPage); end some before {:?}",
                    name.as_str()
                ),
            );
            return (Err(error), effects);
        }
        session.responders.insert(name.clone());
        let webview = Arc::clone(&session.webview);
        let mut waiting: Vec<RequestId> = self.requests.of_webview(&webview);
        waiting.retain(|id| {
            self.requests.open.get(id).is_some_and(|open| {
                open.question.name == name && matches!(open.asked, RequestState::Waiting { .. })
            })
        });
        // In the order in which they were asked, as far as their grace tells it.
        waiting.sort_by_key(|id| self.requests.open.get(id).map(PendingRequest::next));
        for id in waiting {
            let Some(mut open) = self.requests.remove(id) else {
                continue;
            };
            open.asked = RequestState::Page {
                webview: Arc::clone(&webview),
                key,
            };
            let question = Arc::clone(&open.question);
            self.requests.insert(id, open);
            self.hand_over(key, question, now, &mut effects);
        }
        (Ok(()), effects)
    }

    /// A page answers questions of this name no more. Those that it has not been given end; it still may answer the rest.
    pub(crate) fn remove_responder(&mut self, key: SubscriberKey, name: &EventName) -> Effects<W> {
        let mut effects = Effects::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return effects;
        };
        if !session.responders.remove(name) {
            return effects;
        }
        let label = Arc::clone(&session.webview);
        for id in session.outbox.withdraw_all(name) {
            self.end(id, Err(no_responder(&label, name)), None, &mut effects);
        }
        self.end_idle_pull(key, &mut effects);
        effects
    }

    /// The page that has this session, if it is live.
    pub(crate) fn page_of(&self, label: &str, session: SessionId) -> Option<SubscriberKey> {
        self.session_key(label, session).ok()
    }

    /// The name of a question that this page was asked and has not answered.
    pub(crate) fn request_to(&self, key: SubscriberKey, id: RequestId) -> Result<EventName> {
        let open = self.requests.open.get(&id);
        open.filter(
            |open| matches!(&open.asked, RequestState::Page { key: asked, .. } if *asked == key),
        )
        .map(|open| open.question.name.clone())
        .ok_or_else(|| {
            Error::new(
                ErrorCode::UnknownRequest,
                format!(
                    "this page was not asked {id}, or it has answered that already, or whoever asked has given it up"
                ),
            )
        })
    }

    /// The answer of a page to what it was asked.
    pub(crate) fn respond_from_page(
        &mut self,
        key: SubscriberKey,
        id: RequestId,
        answer: JsonResult,
    ) -> Result<Effects<W>> {
        self.request_to(key, id)?;
        let mut effects = Effects::default();
        self.end(id, answer, None, &mut effects);
        Ok(effects)
    }

    /// The page has no responder for it any more.
    pub(crate) fn decline(&mut self, key: SubscriberKey, id: RequestId) -> Result<Effects<W>> {
        let name = self.request_to(key, id)?;
        let session = self.sessions.get(&key);
        let label = session.map_or_else(|| Arc::from(""), |session| Arc::clone(&session.webview));
        self.respond_from_page(key, id, Err(no_responder(&label, &name)))
    }

    /// The answer of a responder in Rust. Says nothing if nobody waits for it any more.
    pub(crate) fn respond_from_host(&mut self, id: RequestId, answer: JsonResult) -> Effects<W> {
        let mut effects = Effects::default();
        self.end(id, answer, None, &mut effects);
        effects
    }

    /// Whoever asked does not want to know any more.
    pub(crate) fn cancel(&mut self, id: RequestId) -> Effects<W> {
        let mut effects = Effects::default();
        let answer = ended(
            ErrorCode::Cancelled,
            "whoever asked has given it up".to_owned(),
        );
        self.end(id, answer, Some(Ending::Cancelled), &mut effects);
        effects
    }

    /// A page does not want to know any more. If its question has not come yet, it is not asked when it does.
    pub(crate) fn cancel_from_page(
        &mut self,
        label: &str,
        session: SessionId,
        number: u64,
    ) -> Effects<W> {
        let key = self.session_key(label, session).ok();
        let Some(session) = key.and_then(|key| self.sessions.get_mut(&key)) else {
            return Effects::default();
        };
        match session.asking.open.get(&number).copied() {
            Some(id) => self.cancel(id),
            None => {
                session.asking.note(number);
                Effects::default()
            }
        }
    }

    /// A page is gone, and with it what it asked and what it was asked. In this order: a page that asked itself is not
    /// answered.
    pub(super) fn end_requests_of(
        &mut self,
        key: SubscriberKey,
        label: &str,
        asking: &CallerLog,
        effects: &mut Effects<W>,
    ) {
        self.end_asking(asking.open.values(), effects);
        for id in self.requests.of_webview(label) {
            let is_its_own = self.requests.open.get(&id).is_some_and(
                |open| matches!(&open.asked, RequestState::Page { key: asked, .. } if *asked == key),
            );
            if is_its_own {
                self.end_gone(id, label, effects);
            }
        }
    }

    /// What the page in this webview asked ends, before those whom it asked.
    pub(super) fn end_requests_from(&mut self, label: &str, effects: &mut Effects<W>) {
        let key = self.webviews.get(label).and_then(|webview| webview.session);
        let session = key.and_then(|key| self.sessions.get(&key));
        let asking = session.map(|session| session.asking.open.values().copied());
        let asking: Vec<RequestId> = asking.into_iter().flatten().collect();
        self.end_asking(&asking, effects);
    }

    fn end_asking<'a>(
        &mut self,
        ids: impl IntoIterator<Item = &'a RequestId>,
        effects: &mut Effects<W>,
    ) {
        for id in ids {
            if let Some(open) = self.close(*id) {
                self.tell(&open, *id, Ending::Cancelled, effects);
                effects.give_up_on(open.waiters, caller_is_gone);
            }
        }
    }

    fn end_gone(&mut self, id: RequestId, label: &str, effects: &mut Effects<W>) {
        if let Some(open) = self.close(id) {
            let answer = ended(
                ErrorCode::PageGone,
                format!(
                    "the page in {} was closed, left or reloaded before it answered {:?}",
                    quoted(label),
                    open.question.name.as_str()
                ),
            );
            self.note_answer(open.caller, effects);
            answer_all(open.waiters, answer, effects);
        }
    }

    /// A webview is gone, and with it what waited for its next page.
    pub(super) fn end_waiting_for(&mut self, label: &str, effects: &mut Effects<W>) {
        for id in self.requests.of_webview(label) {
            self.end_gone(id, label, effects);
        }
    }

    pub(super) fn end_all_requests(&mut self, effects: &mut Effects<W>) {
        let (mut of_pages, mut of_host) = (Vec::new(), Vec::new());
        for (id, open) in &self.requests.open {
            match open.caller {
                Caller::Page(..) => of_pages.push(*id),
                Caller::Host => of_host.push(*id),
            }
        }
        self.end_asking(&of_pages, effects);
        for id in of_host {
            let answer = ended(ErrorCode::Unavailable, "the app is exiting".to_owned());
            self.end(id, answer, Some(Ending::Cancelled), effects);
        }
    }

    /// Ends what is due: questions whose time is over, and those whose page has started without a responder.
    pub(super) fn expire_requests(&mut self, now: Instant, effects: &mut Effects<W>) {
        while let Some((_, id)) = self.requests.due.first().filter(|(due, _)| *due <= now) {
            let id = *id;
            let Some(open) = self.requests.open.get(&id) else {
                return;
            };
            let answer = match &open.asked {
                RequestState::Waiting { webview, until } if *until <= now => {
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
            self.end(id, answer, Some(Ending::Timeout), effects);
        }
    }

    /// Takes a question out of every index.
    fn close(&mut self, id: RequestId) -> Option<PendingRequest<W>> {
        let open = self.requests.remove(id)?;
        if let Caller::Page(key, number) = open.caller
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.asking.open.remove(&number);
        }
        if let RequestState::Page { key, .. } = open.asked
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.asked -= 1;
        }
        Some(open)
    }

    /// A page that waited for an answer was there as long, though nothing was heard of it.
    fn note_answer(&mut self, caller: Caller, effects: &mut Effects<W>) {
        let Caller::Page(key, _) = caller else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&key) {
            session.has_waited = true;
            let due = session.last_seen + SESSION_LEASE;
            effects.rearm |= self.arm(due);
        }
    }

    /// Ends a question with this answer. `ending` is what its responder is told, unless it has answered itself.
    fn end(
        &mut self,
        id: RequestId,
        answer: JsonResult,
        ending: Option<Ending>,
        effects: &mut Effects<W>,
    ) {
        let Some(open) = self.close(id) else {
            return;
        };
        if let Some(ending) = ending {
            self.tell(&open, id, ending, effects);
        }
        if let RequestState::Page { key, .. } = open.asked {
            self.end_idle_pull(key, effects);
        }
        self.note_answer(open.caller, effects);
        answer_all(open.waiters, answer, effects);
    }

    /// Tells the responder that nobody waits any more. What it has not been given it is not given.
    fn tell(
        &mut self,
        open: &PendingRequest<W>,
        id: RequestId,
        ending: Ending,
        effects: &mut Effects<W>,
    ) {
        match &open.asked {
            RequestState::Host => effects.cancelled.push(id),
            RequestState::Waiting { .. } => {}
            RequestState::Page { key, .. } => {
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
                    session.answer_parked(since, effects);
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

fn answer_all<W>(mut waiters: Vec<W>, answer: JsonResult, effects: &mut Effects<W>) {
    // The last one gets the text itself: an answer may be large, and mostly there is one who waits.
    let Some(last) = waiters.pop() else {
        return;
    };
    let others = waiters.into_iter().map(|waiter| (waiter, answer.clone()));
    effects.replies.extend(others);
    effects.replies.push((last, answer));
}

/// What a page is told that took the place of the one that asked.
fn caller_is_gone() -> Error {
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
    use crate::model::policies::Policies;

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

        fn apply_effects(&mut self, effects: Effects<u32>) {
            for (waiter, answer) in effects.replies {
                let answer = answer.map_err(|error| error.code());
                let before = self.ended.insert(waiter, answer);
                assert_eq!(before, None, "{waiter} was answered twice");
            }
            self.gone
                .extend(effects.gone.into_iter().map(|(waiter, _)| waiter));
        }

        /// Opens a session with one responder.
        fn open(&mut self, label: &str, id: u64) -> SubscriberKey {
            let key = self.open_without(label, id);
            let (added, effects) = self.hub.add_responder(key, name("q"), self.now);
            added.unwrap();
            self.apply_effects(effects);
            key
        }

        fn open_without(&mut self, label: &str, id: u64) -> SubscriberKey {
            let (begun, effects) = self
                .hub
                .open_caller(label, session(id), 1, None, 0, self.now);
            self.apply_effects(effects);
            match begun.unwrap() {
                (_, Caller::Page(key, _)) => key,
                (_, Caller::Host) => panic!("it is a page"),
            }
        }

        fn ask(&mut self, to: &str, caller: Caller, waiter: u32) -> Result<RequestId> {
            self.newest += 1;
            let id = RequestId(Id::of(self.newest));
            let request = NewRequest {
                message: RequestMessage {
                    id,
                    name: name("q"),
                    payload: "1".into(),
                    source: Endpoint::Host,
                    provenance: None,
                },
                caller,
                to: match to {
                    "host" => Recipient::Host,
                    label => Recipient::Page(label.into()),
                },
                timeout: TIMEOUT,
            };
            match self.hub.request(request, waiter, self.now) {
                Ok((_, effects)) => {
                    self.apply_effects(effects);
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
            let mut effects = self.hub.pull(label, pull, 0, self.now).unwrap();
            let (_, batch) = effects.batches.remove(0);
            self.apply_effects(effects);
            batch.items().to_vec()
        }

        fn expire(&mut self) -> Option<Instant> {
            let (effects, next) = self.hub.expire(self.now);
            self.apply_effects(effects);
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
                if let Ok(effects) = world.hub.respond_from_page(key, id, answer.clone()) {
                    world.apply_effects(effects);
                }
            }),
            ("timeout", |world, _, _| {
                world.now += TIMEOUT;
                world.expire();
            }),
            ("cancelled", |world, _, id| {
                let effects = world.hub.cancel(id);
                world.apply_effects(effects);
            }),
            ("page_gone", |world, _, _| {
                let effects = world.hub.leave_page("a", None);
                world.apply_effects(effects);
            }),
            ("no_responder", |world, key, id| {
                if let Ok(effects) = world.hub.decline(key, id) {
                    world.apply_effects(effects);
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
                    let id = world.ask("a", Caller::Host, 7).unwrap();
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
        let id = world.ask("a", Caller::Host, 1).unwrap();
        assert_eq!(world.pull("a", 1).len(), 1);
        let effects = world.hub.remove_responder(key, &name("q"));
        world.apply_effects(effects);
        world.pull("a", 1);
        assert!(!world.hub.sessions[&key].is_idle());
        let effects = world
            .hub
            .respond_from_page(key, id, Ok("1".into()))
            .unwrap();
        world.apply_effects(effects);
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
        let id = world.ask("host", Caller::Page(key, 1), 1).unwrap();
        world.now = asked_at + TIMEOUT - Duration::from_millis(1);
        world.hub.sessions.get_mut(&key).unwrap().last_seen = asked_at - SESSION_LEASE;
        let effects = world.hub.respond_from_host(id, Ok("1".into()));
        assert!(effects.rearm, "its lease is to be looked at");
        world.apply_effects(effects);
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
        world.ask("c", Caller::Page(a, 1), 1).unwrap();
        world.ask("a", Caller::Page(c, 1), 2).unwrap();
        world.ask("a", Caller::Page(a, 2), 3).unwrap();
        let (_, effects) = world.hub.remove_window("a");
        world.apply_effects(effects);
        world.gone.sort_unstable();
        assert_eq!(
            (world.gone.as_slice(), world.ended.len()),
            (&[1, 2, 3][..], 0)
        );
        world.check_empty();

        // The app exits.
        let mut world = World::new();
        let (a, b) = (world.open("a", 1), world.open("b", 2));
        world.ask("b", Caller::Page(a, 1), 1).unwrap();
        world.ask("b", Caller::Host, 2).unwrap();
        let _ = b;
        let effects = world.hub.shut_down();
        world.apply_effects(effects);
        assert_eq!(world.gone, [1]);
        assert_eq!(world.end(2), Err(ErrorCode::Unavailable));
        world.check_empty();

        // A page renews its session while it waits: it is there still, and is told.
        let mut world = World::new();
        let a = world.open("a", 1);
        world.ask("host", Caller::Page(a, 1), 1).unwrap();
        world.open("a", 2);
        assert_eq!(world.end(1), Err(ErrorCode::Unavailable));
        assert!(world.gone.is_empty());
        world.check_empty();
    }

    #[test]
    fn a_page_that_starts_is_waited_for_until_it_has_started() {
        let mut world = World::new();
        // Nobody is there yet.
        world.ask("a", Caller::Host, 1).unwrap();
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
        world.ask("a", Caller::Host, 2).unwrap();
        world.now = opened + GRACE - Duration::from_millis(1);
        world.expire();
        let (added, effects) = world.hub.add_responder(key, name("q"), world.now);
        assert_eq!(added, Ok(()));
        world.apply_effects(effects);
        let items = world.pull("a", 1);
        let Item::RequestMessage(question) = &items[0] else {
            panic!("{items:?}");
        };
        let effects = world
            .hub
            .respond_from_page(key, question.id, Ok("2".into()));
        world.apply_effects(effects.unwrap());
        assert_eq!(world.end(2), Ok("2".into()));

        // Once it has started, nobody waits.
        world.now = opened + GRACE;
        let effects = world.hub.remove_responder(key, &name("q"));
        world.apply_effects(effects);
        let error = world.ask("a", Caller::Host, 3).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NoResponder);
        world.check_empty();
    }

    #[test]
    fn what_waits_for_a_page_ends_with_its_webview() {
        let mut world = World::new();
        world.ask("a", Caller::Host, 1).unwrap();
        let (_, effects) = world.hub.remove_window("a");
        world.apply_effects(effects);
        assert_eq!(world.end(1), Err(ErrorCode::PageGone));
        world.check_empty();
    }

    #[test]
    fn what_a_page_asked_ends_with_it_and_its_responder_is_told() {
        let mut world = World::new();
        world.open("a", 1);
        let caller = world.open_without("b", 2);
        world.ask("a", Caller::Page(caller, 1), 1).unwrap();
        world.pull("a", 1);
        world.ask("host", Caller::Page(caller, 2), 2).unwrap();
        let effects = world.hub.leave_page("b", None);
        assert_eq!(effects.cancelled.len(), 1);
        world.apply_effects(effects);
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
        let caller = world.open_without("b", 2);
        world.ask("host", Caller::Page(caller, 1), 1).unwrap();
        world.hub.sessions.get_mut(&caller).unwrap().last_seen -= Duration::from_secs(600);
        world.expire();
        assert!(world.hub.sessions.contains_key(&caller));
        world.now += TIMEOUT;
        world.expire();
        assert_eq!(world.end(1), Err(ErrorCode::Timeout));
        // It was there while it waited, and has its lease from now on.
        world.expire();
        assert!(world.hub.sessions.contains_key(&caller));
        world.now += SESSION_LEASE;
        world.expire();
        assert!(!world.hub.sessions.contains_key(&caller));
    }

    #[test]
    fn only_the_page_that_was_asked_may_answer() {
        let mut world = World::new();
        world.open("a", 1);
        let thief = world.open("b", 2);
        let id = world.ask("a", Caller::Host, 1).unwrap();
        let hidden = world.ask("host", Caller::Host, 2).unwrap();
        for id in [id, hidden] {
            let stolen = world.hub.respond_from_page(thief, id, Ok("1".into()));
            assert_eq!(stolen.unwrap_err().code(), ErrorCode::UnknownRequest);
        }
        assert!(world.ended.is_empty());
    }

    #[test]
    fn numbers_are_told_apart_within_their_window() {
        let mut asking = CallerLog::default();
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
                let caller = match place % 3 {
                    0 => Caller::Page(keys[1], u64::from(number)),
                    _ => Caller::Host,
                };
                world.ask("a", caller, number).unwrap();
            }
            let mut questions = Vec::new();
            for item in world.pull("a", sessions[0]) {
                match item {
                    Item::RequestMessage(question) => questions.push(question.id),
                    Item::Ended(..) => {}
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(questions.len(), AT_ONCE);
            let failing = questions.split_off(AT_ONCE / 2);
            for id in questions {
                let effects = world.hub.respond_from_page(keys[0], id, Ok("1".into()));
                world.apply_effects(effects.unwrap());
            }
            match round % 4 {
                0 => {
                    for id in failing {
                        let effects = world.hub.cancel(id);
                        world.apply_effects(effects);
                    }
                }
                1 => {
                    world.now += TIMEOUT;
                    world.expire();
                }
                2 => {
                    // The page is left.
                    let effects = world.hub.leave_page("a", None);
                    world.apply_effects(effects);
                    sessions[0] += 2;
                    keys[0] = world.open("a", sessions[0]);
                }
                _ => {
                    for id in failing {
                        let effects = world.hub.decline(keys[0], id);
                        world.apply_effects(effects.unwrap());
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
