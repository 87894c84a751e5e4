//! Pages come and go: sessions, their commands, pulls and leases, and what is kept from one page to the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::model::error::{Error, ErrorCode, Result};

use super::backlog::{Backlog, BacklogEntry};
use super::command_log::{CommandAdmission, JsonResult};
use super::outbox::{Batch, BatchBound, Outbox};
use super::queue::QueueEntry;
use super::session::{ParkedPull, Session, SessionId};
use super::subscriptions::{SubscriberKey, SubscriptionId};
use super::{
    ENDED_ANSWER_BYTES, ENDED_SESSIONS, Effects, EndedSession, History, Hub, PULL_HOLD, PageBefore,
    SESSION_LEASE, session_is_over,
};

/// What a page that was left may still do: neither needs its session.
const LATE_COMMANDS: [&str; 2] = ["emit", "emit_to"];

/// A command of a page.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) session: SessionId,
    pub(crate) n: u64,
    /// Where the page is from, as far as its request says.
    pub(crate) origin: Option<String>,
}

/// A page's request for what it is owed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pull {
    pub(crate) session: SessionId,
    /// The index of the last item that the page has handled.
    pub(crate) ack: u64,
    /// Whether it asks for what follows on the answer before, instead of what follows on `ack`.
    pub(crate) is_ahead: bool,
    /// Whether it is answered at once, also with nothing.
    pub(crate) is_prompt: bool,
    pub(crate) bound: BatchBound,
}

impl<W> Hub<W> {
    /// The page of this webview was left, for one of this origin.
    pub(crate) fn leave_page(&mut self, label: &str, origin: Option<String>) -> Effects<W> {
        let mut effects = Effects::default();
        let key = self.webviews.get(label).and_then(|webview| webview.session);
        self.end_page(label, &mut effects);
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
        let Some((label, webview)) = self
            .webviews
            .get_key_value(label)
            .map(|(label, _)| Arc::clone(label))
            .and_then(|label| {
                let webview = self.webviews.get_mut(&label)?;
                Some((label, webview))
            })
        else {
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
    pub(super) fn end_page(&mut self, label: &str, effects: &mut Effects<W>) {
        let Some(webview) = self.webviews.get_mut(label) else {
            return;
        };
        let Some(key) = webview.session.take() else {
            return;
        };
        let Some(session) = self.sessions.remove(&key) else {
            return;
        };
        if webview.ended.len() == ENDED_SESSIONS
            && let Some(mut forgotten) = webview.ended.pop_front()
        {
            let waiting = forgotten.order.end(Err(stale(forgotten.id)));
            effects.give_up_on(waiting, session_is_over);
        }
        webview.ended.push_back(EndedSession {
            key,
            id: session.id,
            order: session.order,
            is_left: false,
        });
        forget_old_answers(&mut webview.ended);
        self.subscriptions.remove_subscriber(key);
        self.end_requests_of(key, label, &session.asking, effects);
        effects.has_room = true;
        effects.give_up_on(session.parked.map(|pull| pull.waiter), session_is_over);
        // A page that never subscribed took nothing over, so what was kept for it is kept for the next one.
        if session.first_subscribed.is_some() {
            let before = PageBefore {
                session: session.id,
                origin: session.origin,
            };
            self.keep_for_next_page(label, session.outbox, before);
        }
    }

    fn keep_for_next_page(&mut self, label: &str, outbox: Outbox, before: PageBefore) {
        let bound = self.backlog_bound();
        let Some(webview) = self.webviews.get_mut(label) else {
            return;
        };
        let mut losses: Vec<(u64, u64, u64, Arc<[SubscriptionId]>)> = Vec::new();
        let mut kept: Vec<BacklogEntry> = Vec::new();
        for entry in outbox.into_unacknowledged() {
            match entry {
                QueueEntry::Lost(lost) => {
                    let ids = lost.subscriptions.into_iter().collect();
                    losses.push((lost.gap.from, lost.gap.to, lost.gap.count, ids));
                }
                QueueEntry::Event(queued)
                    if self.subscriptions.policy(queued.event.event_name()).history =>
                {
                    kept.push(BacklogEntry {
                        event: queued.event,
                        reach: queued.reach,
                        pending_for: Some(queued.subscriptions),
                    });
                }
                QueueEntry::Event(_) => {}
            }
        }
        let is_missed = |kept: &&BacklogEntry| !kept.is_only_retained();
        let first_kept = kept.iter().filter(is_missed).map(|kept| kept.event.seq());
        let first_lost = losses.iter().map(|(from, ..)| *from);
        // The next page resumes before the oldest event that this one has not acknowledged, else now.
        let resumes_after = first_kept
            .chain(first_lost)
            .min()
            .map_or(self.seq, |first| first - 1);
        // What came while this page started up may not have been subscribed to yet.
        if let Some(history) = &webview.history {
            let nobody: Arc<[SubscriptionId]> = [].into();
            let unclaimed = history.backlog.after(resumes_after);
            kept.extend(unclaimed.map(|kept| BacklogEntry {
                pending_for: Some(Arc::clone(&nobody)),
                ..kept.clone()
            }));
            let evicted = history.backlog.evicted_after(resumes_after);
            losses.extend(evicted.map(|(from, to, count)| (from, to, count, nobody)));
        }
        kept.sort_by_key(|kept| kept.event.seq());
        // Its queue had some of that, too, and so stands before; twice it would take the room of another event.
        kept.dedup_by(|next, own| next.is_unclaimed_copy_of(own));
        let mut backlog = Backlog::new(bound, resumes_after, self.seq);
        for (from, to, count, pending_for) in losses {
            backlog.note_loss(from, to, count, Some(&pending_for));
        }
        for kept in kept {
            backlog.keep(kept);
        }
        webview.history = Some(History {
            backlog,
            before: Some(before),
            until: None,
        });
    }

    /// Takes the turn of a command of a session, which the first one opens.
    pub(crate) fn begin_command(
        &mut self,
        label: &str,
        command: Command,
        waiter: W,
        now: Instant,
    ) -> (CommandAdmission<W>, Option<SubscriberKey>, Effects<W>) {
        let mut effects = Effects::default();
        let Command {
            name,
            session: id,
            n,
            ..
        } = command;
        if let Some(ended) = self.ended_session(label, id) {
            // A page that was left may have emitted until then, and what it sent may come after the notice of that.
            let is_late = ended.is_left && LATE_COMMANDS.contains(&name);
            if is_late || ended.order.is_newest(n) {
                let key = ended.key;
                return (ended.order.begin(n, name, waiter), Some(key), effects);
            }
        }
        let key = match self.open(label, command, now, &mut effects) {
            Ok(key) => key,
            Err(error) => return (CommandAdmission::Refuse(waiter, error), None, effects),
        };
        let Some(session) = self.sessions.get_mut(&key) else {
            return (CommandAdmission::Refuse(waiter, stale(id)), None, effects);
        };
        session.last_seen = now;
        (session.order.begin(n, name, waiter), Some(key), effects)
    }

    /// Records a command's answer and gives back those who wait for it, too.
    pub(crate) fn finish_command(
        &mut self,
        key: SubscriberKey,
        n: u64,
        answer: JsonResult,
    ) -> Vec<W> {
        let order = match self.sessions.get_mut(&key) {
            Some(session) => Some(&mut session.order),
            None => self
                .webviews
                .values_mut()
                .flat_map(|webview| &mut webview.ended)
                .find(|ended| ended.key == key)
                .map(|ended| &mut ended.order),
        };
        order.map_or_else(Vec::new, |order| order.finish(n, answer))
    }

    fn ended_session(&mut self, label: &str, id: SessionId) -> Option<&mut EndedSession<W>> {
        let webview = self.webviews.get_mut(label)?;
        webview.ended.iter_mut().find(|ended| ended.id == id)
    }

    pub(super) fn open(
        &mut self,
        label: &str,
        command: Command,
        now: Instant,
        effects: &mut Effects<W>,
    ) -> Result<SubscriberKey> {
        let Command {
            session: id,
            n,
            origin,
            ..
        } = command;
        if self.exiting {
            return Err(Error::new(ErrorCode::Unavailable, "the app is exiting"));
        }
        if let Ok(key) = self.session_key(label, id) {
            return Ok(key);
        }
        let Some((label, webview)) = self.webviews.get_key_value(label) else {
            return Err(stale(id));
        };
        if n != 1 || webview.ended.iter().any(|ended| ended.id == id) {
            return Err(stale(id));
        }
        webview.flood.take_session(now)?;
        let label = Arc::clone(label);
        // Had its page been left, the session would have ended then: this one may still be listening, and is told.
        let mut taken_over = Effects::default();
        self.end_page(&label, &mut taken_over);
        // Its callers get an error, and so does its page for what it has requested itself.
        effects.replies.append(&mut taken_over.replies);
        let gone = taken_over.gone.into_iter();
        effects
            .replies
            .extend(gone.map(|(waiter, error)| (waiter, Err(error))));
        effects.cancelled.append(&mut taken_over.cancelled);
        effects.batches.append(&mut taken_over.batches);
        effects.has_room |= taken_over.has_room;
        self.note_origin(&label, origin, effects);
        let key = self.next_key();
        let bound = self.queue_bound();
        let Some(webview) = self.webviews.get_mut(&label) else {
            return Err(stale(id));
        };
        webview.session = Some(key);
        let session = Session::new(id, label, webview.origin.clone(), bound, now);
        self.sessions.insert(key, session);
        effects.rearm |= self.arm(now + SESSION_LEASE);
        Ok(key)
    }

    /// Whether the session of this page goes on.
    pub(crate) fn is_open(&self, page: SubscriberKey) -> bool {
        self.sessions.contains_key(&page)
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

    /// Ends these subscriptions. With the last one, the page's pull ends.
    pub(crate) fn unsubscribe(&mut self, key: SubscriberKey, ids: &[SubscriptionId]) -> Effects<W> {
        let mut effects = Effects::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return effects;
        };
        // Even while its queue stays full: events that this page does not hear any more do not wait for it.
        effects.has_room = true;
        let ended = self.subscriptions.remove_many(key, ids);
        session.subscriptions -= ended;
        for id in ids {
            session.outbox.forget(*id);
        }
        if session.subscriptions == 0 {
            session.outbox.drop_queued();
        }
        self.end_idle_pull(key, &mut effects);
        effects
    }

    /// Nothing can come for this page any more, so its pull ends.
    pub(super) fn end_idle_pull(&mut self, key: SubscriberKey, effects: &mut Effects<W>) {
        let session = self.sessions.get_mut(&key);
        if let Some(session) = session.filter(|session| session.is_idle())
            && let Some(pull) = session.parked.take()
        {
            effects.batches.push((pull.waiter, Batch::default()));
        }
    }

    /// Responses a pull, or parks it until there is something. One that reads ahead is never parked.
    pub(crate) fn pull(
        &mut self,
        label: &str,
        pull: Pull,
        waiter: W,
        now: Instant,
    ) -> Result<Effects<W>, (W, Error)> {
        let Some(session) = self
            .session_key(label, pull.session)
            .ok()
            .and_then(|key| self.sessions.get_mut(&key))
        else {
            return Err((waiter, stale(pull.session)));
        };
        let mut effects = Effects::default();
        match session.outbox.acknowledge(pull.ack) {
            Ok(None) => {}
            Ok(Some(handled)) => {
                session.acknowledged_at = Some(now);
                effects.acknowledged = handled;
            }
            Err(error) => return Err((waiter, error)),
        }
        session.last_seen = now;
        let after = (!pull.is_ahead).then_some(pull.ack);
        let repeated = session.outbox.repeated(after, pull.bound);
        if repeated > 0
            && let Some(webview) = self.webviews.get(label)
            && let Err(error) = webview.flood.take_repeated(repeated, now)
        {
            effects.replies.push((waiter, Err(error)));
            return Ok(effects);
        }
        if pull.is_ahead {
            let batch = session.outbox.batch_ahead(pull.bound);
            effects.has_room = !batch.is_empty();
            effects.batches.push((waiter, batch));
            return Ok(effects);
        }
        if let Some(superseded) = session.parked.take() {
            effects.batches.push((superseded.waiter, Batch::default()));
        }
        let batch = session.outbox.batch(pull.ack, pull.bound);
        if !batch.is_empty() || session.is_idle() || pull.is_prompt {
            effects.has_room = !batch.is_empty();
            effects.batches.push((waiter, batch));
            return Ok(effects);
        }
        session.parked = Some(ParkedPull {
            waiter,
            bound: pull.bound,
            since: now,
        });
        effects.rearm = self.arm(now + PULL_HOLD);
        Ok(effects)
    }

    /// Responses the pulls that were held long enough, ends the sessions that nobody has heard of, and forgets what was
    /// kept for pages that have started.
    ///
    /// Returns when to call again: by then at the latest, or as soon as an effects says `rearm`.
    pub(crate) fn expire(&mut self, now: Instant) -> (Effects<W>, Option<Instant>) {
        let mut effects = Effects::default();
        let mut abandoned = Vec::new();
        for session in self.sessions.values_mut() {
            if let Some(pull) = session.parked.take_if(|pull| now >= pull.since + PULL_HOLD) {
                session.last_seen = now;
                effects.batches.push((pull.waiter, Batch::default()));
            }
            if std::mem::take(&mut session.has_waited) {
                session.last_seen = now;
            }
            let is_silent = session.parked.is_none() && session.asking.is_empty();
            if is_silent && now >= session.last_seen + SESSION_LEASE {
                abandoned.push(Arc::clone(&session.webview));
            }
        }
        for label in abandoned {
            self.end_page(&label, &mut effects);
        }
        self.expire_requests(now, &mut effects);
        for webview in self.webviews.values_mut() {
            webview
                .history
                .take_if(|history| history.until.is_some_and(|until| now >= until));
        }
        let starts = self
            .webviews
            .values()
            .filter_map(|webview| webview.history.as_ref()?.until);
        self.armed = self
            .sessions
            .values()
            .filter_map(|session| match &session.parked {
                Some(pull) => Some(pull.since + PULL_HOLD),
                // Its questions have an end of their own.
                None if !session.asking.is_empty() => None,
                None => Some(session.last_seen + SESSION_LEASE),
            })
            .chain(starts)
            .chain(self.requests.next_due())
            .min();
        (effects, self.armed)
    }

    pub(super) fn arm(&mut self, due: Instant) -> bool {
        let is_earlier = self.armed.is_none_or(|armed| due < armed);
        if is_earlier {
            self.armed = Some(due);
        }
        is_earlier
    }
}

/// Keeps what the answers take that are recorded for ended sessions within [`ENDED_ANSWER_BYTES`], the newest first.
fn forget_old_answers<W>(ended: &mut VecDeque<EndedSession<W>>) {
    let mut bytes = 0;
    for session in ended.iter_mut().rev() {
        bytes += session.order.recorded();
        if bytes > ENDED_ANSWER_BYTES {
            session.order.forget_answer(stale(session.id));
        }
    }
}

fn stale(id: SessionId) -> Error {
    Error::new(
        ErrorCode::StaleSession,
        format!("the session {id} has ended or is not this webview's; open a new one"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Limits;
    use crate::hub::outbox::Item;
    use crate::hub::{Audience, NewEvent, Resumption, START_UP, SubscriptionRequest};
    use crate::model::name::EventName;
    use crate::model::pattern::EventPattern;
    use crate::model::policy::Policies;

    fn waiters_of(gone: &[(char, Error)]) -> Vec<char> {
        gone.iter().map(|(waiter, _)| *waiter).collect()
    }

    const BATCH: BatchBound = BatchBound {
        events: 9,
        bytes: 1 << 20,
    };

    fn id(n: u128) -> SessionId {
        SessionId::parse(&format!("{n:032x}")).unwrap()
    }

    /// A hub with one webview and a page in it that listens to everything.
    fn hub(now: Instant) -> (Hub<char>, SubscriberKey) {
        let mut hub = Hub::new(Limits::default(), Policies::default());
        hub.announce("main", "main");
        let key = open(&mut hub, id(1), now).0;
        (hub, key)
    }

    fn open(
        hub: &mut Hub<char>,
        session: SessionId,
        now: Instant,
    ) -> (SubscriberKey, Effects<char>) {
        let command = Command {
            name: "subscribe",
            session,
            n: 1,
            origin: Some("app".to_owned()),
        };
        let (_, key, effects) = hub.begin_command("main", command, 'c', now);
        let request = SubscriptionRequest {
            id: 1,
            pattern: EventPattern::parse("*").unwrap(),
            scope: None,
            target: None,
            wants_replayed: true,
            wants_retained: true,
            resume: None,
        };
        let key = key.unwrap();
        assert!(hub.subscribe(key, vec![request], now).0[0].is_ok());
        hub.finish_command(key, 1, Ok(String::new()));
        (key, effects)
    }

    fn pull(
        hub: &mut Hub<char>,
        waiter: char,
        now: Instant,
    ) -> Result<Effects<char>, (char, Error)> {
        let pull = Pull {
            session: id(1),
            ack: 0,
            is_ahead: false,
            is_prompt: false,
            bound: BATCH,
        };
        hub.pull("main", pull, waiter, now)
    }

    fn emit(hub: &mut Hub<char>, now: Instant) -> usize {
        let draft = NewEvent {
            name: EventName::parse("x").unwrap(),
            payload: "null".into(),
            source: crate::model::endpoint::Endpoint::Host,
            tick: None,
            provenance: None,
            retain: None,
        };
        hub.enqueue(draft, &Audience::default(), || now)
            .unwrap()
            .0
            .pages
    }

    #[test]
    fn a_pull_is_held_for_twenty_seconds_and_answered_with_nothing() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        let parked = start + Duration::from_secs(5);
        let effects = pull(&mut hub, 'p', parked).unwrap();
        assert!(
            effects.batches.is_empty() && !effects.rearm,
            "the start-up phase ends earlier"
        );
        let (effects, next) = hub.expire(start + START_UP);
        assert!(effects.batches.is_empty());
        assert_eq!(next, Some(parked + PULL_HOLD));
        let (effects, _) = hub.expire(parked + PULL_HOLD - Duration::from_millis(1));
        assert!(effects.batches.is_empty());
        let (effects, next) = hub.expire(parked + PULL_HOLD);
        assert!(matches!(&effects.batches[..], [('p', batch)] if batch.is_empty()));
        assert_eq!(next, Some(parked + PULL_HOLD + SESSION_LEASE));
        // The renewed pull is due before the lease, and whoever keeps time has to know.
        let effects = pull(&mut hub, 'q', parked + PULL_HOLD).unwrap();
        assert!(effects.rearm);
    }

    #[test]
    fn a_session_ends_sixty_seconds_after_the_last_word_of_its_page() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        assert_eq!(emit(&mut hub, start), 1);
        let (_, next) = hub.expire(start + SESSION_LEASE - Duration::from_millis(1));
        assert_eq!(next, Some(start + SESSION_LEASE));
        assert_eq!(hub.sessions.len(), 1);
        let (effects, next) = hub.expire(start + SESSION_LEASE);
        assert!(hub.sessions.is_empty() && effects.has_room);
        assert_eq!(next, None);
        assert!(pull(&mut hub, 'p', start).is_err());
    }

    #[test]
    fn a_page_that_is_left_gives_its_pull_back() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        assert!(pull(&mut hub, 'p', start).is_ok());
        let effects = hub.leave_page("main", None);
        assert_eq!(waiters_of(&effects.gone), ['p']);
        assert_eq!(emit(&mut hub, start), 0);
    }

    #[test]
    fn a_page_whose_webview_is_taken_over_is_told() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        assert!(pull(&mut hub, 'p', start).is_ok());
        let (_, effects) = open(&mut hub, id(2), start);
        assert!(matches!(effects.replies[..], [('p', Err(_))]));
        assert!(effects.gone.is_empty());
    }

    #[test]
    fn what_is_kept_for_a_starting_page_is_let_go_when_it_has_started() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        assert!(hub.webviews["main"].history.is_some());
        let (_, next) = hub.expire(start + START_UP);
        assert!(hub.webviews["main"].history.is_none());
        assert_eq!(next, Some(start + SESSION_LEASE));
    }

    #[test]
    fn the_past_is_what_is_kept_and_retained() {
        let start = Instant::now();
        let mut hub: Hub<char> = Hub::new(Limits::default(), Policies::default());
        hub.announce("main", "main");
        emit(&mut hub, start);
        let key = open(&mut hub, id(1), start).0;
        assert_eq!(hub.past_of(key), 1);
        let draft = NewEvent {
            name: EventName::parse("kept").unwrap(),
            payload: "null".into(),
            source: crate::model::endpoint::Endpoint::Host,
            tick: None,
            retain: Some(true),
            provenance: None,
        };
        assert!(hub.enqueue(draft, &Audience::default(), || start).is_ok());
        assert_eq!(hub.past_of(key), 3);
        let _ = hub.expire(start + START_UP);
        assert_eq!(hub.past_of(key), 1);
        assert_eq!(hub.past_of(SubscriberKey(99)), 1);
    }

    #[test]
    fn losses_of_subscriptions_that_have_ended_do_not_pile_up() {
        let start = Instant::now();
        let limits = Limits {
            queue_events: 2,
            ..Limits::default()
        };
        let mut hub = Hub::new(limits, Policies::default());
        hub.announce("main", "main");
        let key = open(&mut hub, id(1), start).0;
        for n in 2..5000 {
            let request = SubscriptionRequest {
                id: n,
                pattern: EventPattern::parse("x").unwrap(),
                scope: None,
                target: None,
                wants_replayed: false,
                wants_retained: false,
                resume: None,
            };
            assert!(hub.subscribe(key, vec![request], start).0[0].is_ok());
            emit(&mut hub, start);
            let _ = hub.unsubscribe(key, &[n]);
        }
        let outbox = &hub.sessions[&key].outbox;
        assert!(
            outbox.unreported_gaps() < 1100,
            "{}",
            outbox.unreported_gaps()
        );
        // The one that is still there is told of all that it has lost.
        let effects = pull(&mut hub, 'p', start).unwrap();
        let told = effects.batches[0]
            .1
            .items()
            .iter()
            .find_map(|item| match item {
                Item::Lost(lost) if lost.subscriptions.contains(&1) => Some(lost.gap.count),
                _ => None,
            });
        assert_eq!(told, Some(4996));
    }

    #[test]
    fn recorded_answers_of_ended_sessions_are_kept_within_their_bytes() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        let half = "x".repeat(ENDED_ANSWER_BYTES / 2);
        for n in 1..=3 {
            let (key, _) = if n == 1 {
                (hub.webviews["main"].session.unwrap(), Effects::default())
            } else {
                open(&mut hub, id(n), start)
            };
            let command = Command {
                name: "emit",
                session: id(n),
                n: 2,
                origin: None,
            };
            let _ = hub.begin_command("main", command, 'c', start);
            hub.finish_command(key, 2, Ok(half.clone()));
        }
        let _ = open(&mut hub, id(4), start);
        let mut repeat = |n| {
            let command = Command {
                name: "emit",
                session: id(n),
                n: 2,
                origin: None,
            };
            match hub.begin_command("main", command, 'c', start).0 {
                CommandAdmission::Repeat(_, answer) => answer.is_ok(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([repeat(1), repeat(2), repeat(3)], [false, true, true]);
    }

    fn admit(hub: &mut Hub<char>, name: &'static str, session: u128, n: u64) -> &'static str {
        let command = Command {
            name,
            session: id(session),
            n,
            origin: None,
        };
        match hub.begin_command("main", command, 'c', Instant::now()) {
            (CommandAdmission::Run(_), Some(key), _) => {
                hub.finish_command(key, n, Ok(String::new()));
                "run"
            }
            (CommandAdmission::Repeat(..), ..) => "repeat",
            (CommandAdmission::Refuse(_, error), ..) => error.code().as_str(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_page_emitted_before_it_was_left_may_come_late() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        let _ = hub.leave_page("main", None);
        assert_eq!(admit(&mut hub, "emit", 1, 3), "run");
        assert_eq!(admit(&mut hub, "emit", 1, 3), "repeat");
        // It was overtaken.
        assert_eq!(admit(&mut hub, "emit_to", 1, 2), "run");
        assert_eq!(admit(&mut hub, "emit_to", 1, 2), "invalid_argument");
        // Others need the session.
        assert_eq!(admit(&mut hub, "subscribe", 1, 4), "stale_session");
        assert_eq!(admit(&mut hub, "start_job", 1, 4), "stale_session");

        // The next page keeps its webview.
        let next = open(&mut hub, id(2), start).0;
        assert_eq!(admit(&mut hub, "emit", 1, 4), "run");
        assert_eq!(hub.webviews["main"].session, Some(next));
    }

    #[test]
    fn a_page_that_is_still_there_learns_that_its_session_is_over() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        let _ = open(&mut hub, id(2), start);
        assert_eq!(admit(&mut hub, "emit", 1, 2), "stale_session");
        // Leaving a page says nothing of the one before it.
        let _ = hub.leave_page("main", None);
        assert_eq!(admit(&mut hub, "emit", 1, 2), "stale_session");
        assert_eq!(admit(&mut hub, "emit", 2, 2), "run");
        let _ = hub.leave_page("main", None);
        assert_eq!(admit(&mut hub, "emit", 1, 2), "stale_session");
    }

    /// A page that was given ten events of which it has acknowledged none, and has lost its session; four are kept. It
    /// goes on with the subscription to all of them, having handled so many, and one to something else.
    fn renewed_after(handled: u64) -> (Vec<u64>, Vec<(u64, u64, u64)>, usize) {
        let start = Instant::now();
        let limits = Limits {
            backlog_events: 4,
            ..Limits::default()
        };
        let mut hub = Hub::new(limits, Policies::default());
        hub.announce("main", "main");
        let request = |id, pattern: &str, resume| SubscriptionRequest {
            id,
            pattern: EventPattern::parse(pattern).unwrap(),
            scope: None,
            target: None,
            wants_replayed: true,
            wants_retained: true,
            resume,
        };
        let key = open(&mut hub, id(1), start).0;
        assert!(hub.subscribe(key, vec![request(2, "y", None)], start).0[0].is_ok());
        for _ in 0..10 {
            emit(&mut hub, start);
        }
        let given = &pull(&mut hub, 'p', start).unwrap().batches[0].1;
        assert_eq!(given.items().len(), BATCH.events);
        let _ = hub.leave_page("main", None);

        let command = Command {
            name: "subscribe",
            session: id(2),
            n: 1,
            origin: Some("app".to_owned()),
        };
        let key = hub.begin_command("main", command, 'c', start).1.unwrap();
        let resume = |handled| {
            Some(Resumption {
                session: id(1),
                after: handled,
                handled,
            })
        };
        let again = vec![request(1, "*", resume(handled)), request(2, "y", resume(0))];
        assert!(hub.subscribe(key, again, start).0.iter().all(Result::is_ok));
        let next = Pull {
            session: id(2),
            ack: 0,
            is_ahead: false,
            is_prompt: false,
            bound: BATCH,
        };
        let effects = hub.pull("main", next, 'q', start).unwrap();
        let items = effects
            .batches
            .first()
            .map_or(&[][..], |(_, batch)| batch.items());
        let (mut seqs, mut gaps, mut to_the_other) = (Vec::new(), Vec::new(), 0);
        for item in items {
            match item {
                Item::Event(queued) => seqs.push(queued.event.seq()),
                Item::Lost(lost) => {
                    if lost.subscriptions.contains(&1) {
                        gaps.push((lost.gap.from, lost.gap.to, lost.gap.count));
                    }
                    to_the_other += usize::from(lost.subscriptions.contains(&2));
                }
                Item::RequestMessage(_) | Item::Ended(..) => {}
            }
        }
        (seqs, gaps, to_the_other)
    }

    #[test]
    fn what_was_handled_before_a_renewal_is_no_gap_after_it() {
        assert_eq!(renewed_after(10), (vec![], vec![], 0));
        assert_eq!(renewed_after(8), (vec![9, 10], vec![], 0));
        assert_eq!(renewed_after(6), (vec![7, 8, 9, 10], vec![], 0));
        assert_eq!(renewed_after(3), (vec![7, 8, 9, 10], vec![(4, 6, 3)], 0));
        assert_eq!(renewed_after(0), (vec![7, 8, 9, 10], vec![(1, 6, 6)], 0));
    }

    #[test]
    fn a_closed_window_lets_go_of_everything() {
        let start = Instant::now();
        let (mut hub, _) = hub(start);
        assert!(pull(&mut hub, 'p', start).is_ok());
        let (gone, effects) = hub.remove_window("main");
        assert_eq!((gone.len(), waiters_of(&effects.gone)), (1, vec!['p']));
        assert!(hub.sessions.is_empty() && hub.webviews.is_empty());
        assert_eq!(hub.expire(start).1, None);
    }
}
