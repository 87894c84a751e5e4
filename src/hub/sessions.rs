//! Sessions of pages: how they open and end, and their commands.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::hub::command_log::{CommandAdmission, CommandLog, JsonResult};
use crate::hub::effects::Effects;
use crate::hub::history::{History, KeptFor, PageBefore, UnpulledSession};
use crate::hub::ids::{SessionId, SubscriberKey, SubscriptionId};
use crate::hub::pages::SHOWN_AFTER;
use crate::hub::requests::caller_log::CallerLog;
use crate::hub::session::Session;
use crate::hub::{Hub, Webview};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::page::PageEnd;
use crate::model::pattern::EventPattern;

/// How many ended sessions a webview remembers, so that a late command of one does not open it again.
const ENDED_SESSIONS: usize = 16;

/// How many bytes the results take that are recorded for a webview's ended sessions.
pub(super) const ENDED_RESULT_BYTES: usize = 1 << 20;

/// A command of a page.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) session: SessionId,
    pub(crate) n: u64,
    /// The origin of the page, as far as its call says.
    pub(crate) origin: Option<String>,
}

/// What is left of a session: enough to tell a late command that it ran.
#[derive(Debug)]
pub(super) struct EndedSession<W> {
    pub(super) key: SubscriberKey,
    id: SessionId,
    pub(super) log: CommandLog<W>,
    /// The requests that it sent, so that a late copy of one is not sent again.
    pub(super) sent_requests: CallerLog,
    /// Whether its page was left. What it sent before may still arrive.
    pub(super) is_left: bool,
    /// The session that it was to continue.
    pub(super) continues: Option<SessionId>,
}

impl<W> Webview<W> {
    /// Who an ended session of this webview was.
    pub(super) fn ended_key(&self, id: SessionId) -> Option<SubscriberKey> {
        let ended = self.ended.iter().find(|ended| ended.id == id)?;
        Some(ended.key)
    }

    /// The webview loads a page of this origin, after one whose session had this origin. A page in a process of its own may
    /// learn that it is left after it was told that its session has ended.
    fn note_load(&mut self, origin: &str, before: Option<String>) {
        let loaded = self.loaded.replace(origin.to_owned());
        let has_changed = loaded.as_deref().is_some_and(|loaded| loaded != origin);
        if has_changed {
            self.left = before.or(loaded);
        }
        // A page of the origin that is loaded now may open one. A load of the same origin again changes nothing.
        self.left.take_if(|left| left == origin);
    }
}

/// The commands that a page that was left may still run, without its session. A will that is set needs that, and so do outcomes
/// that emitters wait for.
const LATE_COMMANDS: [&str; 4] = ["emit", "emit_to", "settle", "clear_retained"];

impl<W> Hub<W> {
    /// Ends the session of a page that was left, for a page of this origin.
    pub(crate) fn leave_page(&mut self, label: &str, origin: Option<String>) -> Effects<W> {
        self.leave_page_as(PageEnd::Navigated, label, origin)
    }

    /// Ends the session of a page whose process has crashed.
    #[allow(dead_code, reason = "only some platforms tell of crashes")]
    pub(crate) fn note_crash(&mut self, label: &str) -> Effects<W> {
        self.leave_page_as(PageEnd::Crashed, label, None)
    }

    fn leave_page_as(&mut self, end: PageEnd, label: &str, origin: Option<String>) -> Effects<W> {
        let mut effects = Effects::default();
        let key = self.webviews.get(label).and_then(|webview| webview.session);
        let before = key.and_then(|key| self.sessions.get(&key)?.origin.clone());
        if let Some(webview) = self.webviews.get_mut(label) {
            webview.loaded_at = self.seq;
            // A crash tells of no origin, and a page without one uses no bus.
            if let Some(origin) = &origin {
                webview.note_load(origin, before);
            }
        }
        self.end_page(label, end, &mut effects);
        if let (Some(origin), Some(webview)) = (&origin, self.webviews.get_mut(label)) {
            if let Some(history) = &mut webview.history {
                history.note_load(origin);
            }
            if webview.standing.note_load(origin) {
                webview.watched = None;
                self.release_wills(label);
                self.presence.give_up(label);
                effects.rearm = true;
            }
        }
        let ended = self
            .webviews
            .get_mut(label)
            .and_then(|webview| webview.ended.back_mut());
        if let Some(ended) = ended.filter(|ended| Some(ended.key) == key) {
            ended.is_left = true;
        }
        self.note_origin(label, origin, &mut effects);
        effects
    }

    fn note_origin(&mut self, label: &str, origin: Option<String>, effects: &mut Effects<W>) {
        let Some(known) = self.webviews.get_key_value(label) else {
            return;
        };
        let label = Arc::clone(known.0);
        let Some(webview) = self.webviews.get_mut(&label) else {
            return;
        };
        if origin.is_none() {
            return;
        }
        if webview.origin.is_some() && webview.origin != origin {
            effects.changed_origin.push(label);
        }
        webview.origin = origin;
    }

    /// Ends the session of this webview, and keeps what its page had not acknowledged for the next one.
    pub(super) fn end_page(&mut self, label: &str, end: PageEnd, effects: &mut Effects<W>) {
        let since = self.clock.wall();
        let Some(webview) = self.webviews.get_mut(label) else {
            return;
        };
        let Some(key) = webview.session.take() else {
            return;
        };
        let Some(mut session) = self.sessions.remove(&key) else {
            return;
        };
        effects.rearm |= webview.standing.leave(&session, end, since);
        webview.leave_wills(key, std::mem::take(&mut session.wills), effects);
        effects.rearm |= self.presence.leave(key, label);
        if !self.receipts.is_empty() {
            self.receipts.leave(key);
            effects.rearm = true;
        }
        if session.watches.is_some() {
            webview.watched = session.watches.take();
        }
        let (delivered, queued) = session.outbox.take_rest();
        effects.acknowledged.extend(delivered);
        effects.withdrawn.extend(queued);
        if webview.ended.len() == ENDED_SESSIONS
            && let Some(mut forgotten) = webview.ended.pop_front()
        {
            let waiting = forgotten.log.end(Err(stale(forgotten.id)));
            effects.mark_gone(waiting, session_ended);
        }
        let listened = self.subscriptions.of(key, 0);
        let listened = listened.map(|(id, pattern, _)| (id, pattern.clone()));
        let listened: BTreeMap<SubscriptionId, EventPattern> = listened.collect();
        let sent: Vec<_> = session.sent_requests.ids().collect();
        webview.ended.push_back(EndedSession {
            key,
            id: session.id,
            log: session.log,
            sent_requests: session.sent_requests,
            is_left: false,
            continues: session.arrival.continues,
        });
        forget_old_results(&mut webview.ended);
        self.subscriptions.remove_subscriber(key);
        self.end_requests_of_page(key, label, sent, effects);
        self.release_waiting(key, effects);
        effects.mark_gone(session.parked.map(|pull| pull.waiter), session_ended);
        // A page that never subscribed, or never pulled, took nothing over, so what was kept for it is kept for the next one.
        let unpulled = UnpulledSession {
            id: session.id,
            begun: session.begun,
            starts_after: session.starts_after,
        };
        if session.first_subscribed.is_some()
            && (session.has_pulled || !self.take_back(label, unpulled))
        {
            let before = PageBefore {
                session: session.id,
                origin: session.origin,
                replaced_since: None,
            };
            self.keep_for_next_page(label, session.outbox, before, &listened, effects);
        }
    }

    /// Admits a command of a session. The first command opens the session.
    pub(crate) fn begin_command(
        &mut self,
        label: &str,
        command: Command,
        waiter: W,
        now: Instant,
    ) -> (CommandAdmission<W>, Option<SubscriberKey>, Effects<W>) {
        let Command {
            name,
            session: id,
            n,
            origin,
        } = command;
        if let Some(ended) = self.ended_session(label, id) {
            // Tauri may report that a page was left before the page's last commands arrive.
            let is_late = ended.is_left && LATE_COMMANDS.contains(&name);
            if is_late || ended.log.is_newest(n) {
                let (key, admission) = (ended.key, ended.log.begin(n, name, waiter));
                return (admission, Some(key), Effects::default());
            }
        }
        let (found, effects) = match n {
            1 => self.open_session(label, id, origin, now),
            _ => (self.find_session(label, id, now), Effects::default()),
        };
        let key = match found {
            Ok(key) => key,
            Err(error) => return (CommandAdmission::Refuse(waiter, error), None, effects),
        };
        let Some(session) = self.sessions.get_mut(&key) else {
            return (CommandAdmission::Refuse(waiter, stale(id)), None, effects);
        };
        (session.log.begin(n, name, waiter), Some(key), effects)
    }

    /// Records the result of a command and returns those who wait for it, too.
    pub(crate) fn finish_command(
        &mut self,
        key: SubscriberKey,
        n: u64,
        result: JsonResult,
    ) -> Vec<W> {
        let log = match self.sessions.get_mut(&key) {
            Some(session) => Some(&mut session.log),
            None => self
                .webviews
                .values_mut()
                .flat_map(|webview| &mut webview.ended)
                .find(|ended| ended.key == key)
                .map(|ended| &mut ended.log),
        };
        log.map_or_else(Vec::new, |log| log.finish(n, result))
    }

    pub(super) fn ended_session(
        &mut self,
        label: &str,
        id: SessionId,
    ) -> Option<&mut EndedSession<W>> {
        let webview = self.webviews.get_mut(label)?;
        webview.ended.iter_mut().find(|ended| ended.id == id)
    }

    /// Opens this session, unless it is open. One that has ended stays ended.
    pub(crate) fn open_session(
        &mut self,
        label: &str,
        id: SessionId,
        origin: Option<String>,
        now: Instant,
    ) -> (Result<SubscriberKey>, Effects<W>) {
        let mut effects = Effects::default();
        let opened = match self.find_session(label, id, now) {
            Err(error) if error.code() == ErrorCode::StaleSession => {
                self.try_open_session(label, id, origin, now, &mut effects)
            }
            found => found,
        };
        (opened, effects)
    }

    /// The live session with this id, which is in use now.
    fn find_session(&mut self, label: &str, id: SessionId, now: Instant) -> Result<SubscriberKey> {
        if self.exiting {
            return Err(Error::new(ErrorCode::Unavailable, "the app is exiting"));
        }
        let key = self.session_key(label, id)?;
        if let Some(session) = self.sessions.get_mut(&key) {
            session.last_seen = now;
        }
        Ok(key)
    }

    fn try_open_session(
        &mut self,
        label: &str,
        id: SessionId,
        origin: Option<String>,
        now: Instant,
        effects: &mut Effects<W>,
    ) -> Result<SubscriberKey> {
        let Some((label, webview)) = self.webviews.get_key_value(label) else {
            return Err(stale(id));
        };
        let is_left = origin.is_some() && origin == webview.left;
        if is_left || webview.ended.iter().any(|ended| ended.id == id) {
            return Err(stale(id));
        }
        webview.flood.take_session(now)?;
        let label = Arc::clone(label);
        self.take_over(&label, effects);
        // Commands over postMessage name no origin.
        let has_fetched = origin.is_some();
        self.note_origin(&label, origin, effects);
        let key = self.next_key();
        let bound = self.queue_bound();
        let Some(webview) = self.webviews.get_mut(&label) else {
            return Err(stale(id));
        };
        webview.session = Some(key);
        let mut session = Session::new(id, label, webview.origin.clone(), bound, now);
        session.has_fetched = has_fetched;
        self.sessions.insert(key, session);
        effects.rearm |= self.arm(now + SHOWN_AFTER);
        Ok(key)
    }

    /// Ends the session before. The old page may still exist, since leaving it would have ended the session, so its pull and
    /// its requests end with an error.
    fn take_over(&mut self, label: &str, effects: &mut Effects<W>) {
        let mut taken_over = Effects::default();
        taken_over.farewells.extend(self.farewell_to(label));
        let webview = self.webviews.get(label);
        let is_starting = webview.is_some_and(|webview| webview.history.is_some());
        // The page before may be there yet, and the new session may be its own.
        self.end_page(label, PageEnd::Navigated, &mut taken_over);
        if !is_starting
            && let Some(webview) = self.webviews.get_mut(label)
            && let Some(History {
                kept_for: KeptFor::PageAfter(before),
                ..
            }) = &mut webview.history
        {
            before.replaced_since = Some(webview.loaded_at);
        }
        let gone = std::mem::take(&mut taken_over.gone).into_iter();
        effects.append(taken_over);
        effects
            .replies
            .extend(gone.map(|(waiter, error)| (waiter, Err(error))));
    }

    /// Whether the session of this page is open.
    pub(crate) fn is_open(&self, page: SubscriberKey) -> bool {
        self.sessions.contains_key(&page)
    }

    /// The page that has this session, if it is live.
    pub(crate) fn page_of(&self, label: &str, session: SessionId) -> Option<SubscriberKey> {
        self.session_key(label, session).ok()
    }

    pub(super) fn session_key(&self, label: &str, id: SessionId) -> Result<SubscriberKey> {
        self.webviews
            .get(label)
            .and_then(|webview| webview.session)
            .filter(|key| {
                self.sessions
                    .get(key)
                    .is_some_and(|session| session.id == id)
            })
            .ok_or_else(|| stale(id))
    }
}

/// Keeps the results that are recorded for ended sessions within [`ENDED_RESULT_BYTES`], the newest first.
fn forget_old_results<W>(ended: &mut VecDeque<EndedSession<W>>) {
    let mut bytes = 0;
    for session in ended.iter_mut().rev() {
        bytes += session.log.recorded();
        if bytes > ENDED_RESULT_BYTES {
            session.log.forget_result(stale(session.id));
        }
    }
}

pub(super) fn stale(id: SessionId) -> Error {
    Error::new(
        ErrorCode::StaleSession,
        format!("the session {id} has ended or belongs to another webview; open a new one"),
    )
}

pub(super) fn session_ended() -> Error {
    Error::new(
        ErrorCode::StaleSession,
        "this session has ended: its page was left, or another page has opened a session in its webview",
    )
}

pub(super) fn webview_closed(webview: &str) -> Error {
    Error::new(
        ErrorCode::StaleSession,
        format!("the webview {webview:?} is closed"),
    )
}
