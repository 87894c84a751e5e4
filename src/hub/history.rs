//! What a starting page gets of what came before its subscriptions.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::hub::backlog::{Backlog, BacklogEntry};
use crate::hub::effects::Effects;
use crate::hub::ids::{SessionId, SubscriberKey, SubscriptionId};
use crate::hub::loss::Loss;
use crate::hub::losses::Losses;
use crate::hub::outbox::Outbox;
use crate::hub::queue::{QueueBound, QueueEntry};
use crate::hub::subscription::{Beginning, Resumption, SubscriptionRequest};
use crate::hub::{Hub, START_UP};
use crate::model::event::Gap;
use crate::model::pattern::EventPattern;

#[derive(Debug)]
pub(super) struct History {
    pub(super) backlog: Backlog,
    /// Which page gets what is kept.
    pub(super) kept_for: KeptFor,
    /// The sessions since the page before that ended without a pull.
    unpulled: VecDeque<UnpulledSession>,
    /// The end of the start-up phase, once it has begun.
    until: Option<Instant>,
    /// Whether the page that is starting has pulled, which shows that it is there: its first command may have been sent by
    /// a page that was left.
    is_claimed: bool,
    /// Whether a page has subscribed that may renew its session.
    may_be_renewed: bool,
}

/// Which page gets what is kept.
#[derive(Debug)]
pub(super) enum KeptFor {
    /// The first page of its webview, whose origin is not known yet; or the one that is starting, since no page before it
    /// counts.
    AnyPage,
    /// The first page of its webview, which was loaded from this origin.
    FirstPage(String),
    /// The page after this one, if it is of the same origin.
    PageAfter(PageBefore),
}

#[derive(Debug)]
pub(super) struct PageBefore {
    pub(super) session: SessionId,
    pub(super) origin: Option<String>,
    /// The event after which it may have taken over what was for the next page, since its webview had loaded that already.
    pub(super) replaced_since: Option<u64>,
}

/// A session that ended without a pull. Its page may be there, and continue it.
#[derive(Debug)]
pub(super) struct UnpulledSession {
    pub(super) id: SessionId,
    pub(super) begun: BTreeMap<SubscriptionId, Beginning>,
    pub(super) starts_after: Option<u64>,
}

/// How many sessions without a pull are remembered, one after the other.
const MAX_UNPULLED: usize = 4;

impl History {
    pub(super) fn for_first_page(bound: QueueBound, seq: u64) -> Self {
        Self::new(Backlog::new(bound, seq, seq), KeptFor::AnyPage)
    }

    fn new(backlog: Backlog, kept_for: KeptFor) -> Self {
        Self {
            backlog,
            may_be_renewed: matches!(kept_for, KeptFor::PageAfter(_)),
            kept_for,
            unpulled: VecDeque::new(),
            until: None,
            is_claimed: false,
        }
    }

    /// The webview loads a page of this origin. The first load of all says whose page gets what is kept.
    pub(super) fn note_load(&mut self, origin: &str) {
        if matches!(self.kept_for, KeptFor::AnyPage) {
            self.kept_for = KeptFor::FirstPage(origin.to_owned());
        }
    }

    /// Whether what was kept before is for a page of this origin.
    fn is_for(&self, origin: Option<&String>) -> bool {
        match &self.kept_for {
            KeptFor::AnyPage => true,
            KeptFor::FirstPage(first) => origin == Some(first),
            KeptFor::PageAfter(before) => origin.is_some() && origin == before.origin.as_ref(),
        }
    }

    fn before(&self) -> Option<&PageBefore> {
        match &self.kept_for {
            KeptFor::PageAfter(before) => Some(before),
            KeptFor::AnyPage | KeptFor::FirstPage(_) => None,
        }
    }

    /// Whether a page was there that may renew its session.
    pub(super) fn may_be_renewed(&self) -> bool {
        self.may_be_renewed
    }

    /// Whether subscriptions that begin now get what is kept.
    pub(super) fn is_starting(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// When the page has started, and nothing is kept any longer. `None` while it is not sure to be there.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.until.filter(|_| self.is_claimed)
    }

    /// Whether the page has started.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.ends_at().is_some_and(|end| now >= end)
    }

    /// The page that is starting has pulled. What came up to this event is for nobody, if the page before was of another
    /// origin. Returns when the page has started.
    pub(super) fn claim(&mut self, starts_after: Option<u64>) -> Option<Instant> {
        if self.until.is_some() && !self.is_claimed {
            self.is_claimed = true;
            if let Some(starts_after) = starts_after {
                self.backlog.forget_until(starts_after);
                self.kept_for = KeptFor::AnyPage;
            }
        }
        self.until
    }

    /// The page that was starting never pulled, so all that it would have got is for the next one.
    fn take_back(&mut self, ended: UnpulledSession) {
        self.until = None;
        self.is_claimed = false;
        self.backlog.take_back();
        if self.unpulled.len() == MAX_UNPULLED {
            self.unpulled.pop_front();
        }
        self.unpulled.push_back(ended);
    }

    fn unpulled(&self, id: SessionId) -> Option<&UnpulledSession> {
        self.unpulled.iter().find(|ended| ended.id == id)
    }

    /// How a subscription began that resumes, with the position that its page names: where the session that it names ended
    /// without a pull, its page has got nothing there, and the position is that of the session before.
    pub(super) fn trace(&self, id: SubscriptionId, named: Resumption) -> Beginning {
        let ended = self.unpulled(named.session);
        match ended.and_then(|ended| ended.begun.get(&id)) {
            Some(new @ Beginning::New { .. }) => new.clone(),
            Some(Beginning::Resumed(before)) => Beginning::Resumed(Resumption {
                session: before.session,
                index: before.index,
                ..named
            }),
            None => Beginning::Resumed(named),
        }
    }

    /// What a new page may have missed because another one took over what was kept for it.
    pub(super) fn taken_over(&self) -> Option<Gap> {
        let after = self.before()?.replaced_since?;
        self.backlog.absence_after(after)
    }

    /// Whether no page has subscribed and pulled since this session ended.
    pub(super) fn is_after(&self, session: SessionId) -> bool {
        self.before()
            .is_some_and(|before| before.session == session)
    }
}

impl<W> Hub<W> {
    /// Keeps what a page had not acknowledged for the next one. `listened` is what it listened to.
    pub(super) fn keep_for_next_page(
        &mut self,
        label: &str,
        outbox: Outbox,
        before: PageBefore,
        listened: &BTreeMap<SubscriptionId, EventPattern>,
        effects: &mut Effects<W>,
    ) {
        let bound = self.backlog_bound();
        let Some(webview) = self.webviews.get_mut(label) else {
            return;
        };
        let mut losses: Vec<(Loss, bool, BTreeSet<SubscriptionId>, Option<u64>)> = Vec::new();
        let mut kept: Vec<BacklogEntry> = Vec::new();
        for (index, entry) in outbox.into_unacknowledged() {
            match entry {
                QueueEntry::Lost(lost) => {
                    let loss = Loss::of_gap(&lost.gap, lost.superseded);
                    losses.push((loss, lost.gap.at_most, lost.subscriptions, index));
                }
                // Its own store has it for the next page, and for this one if it comes back.
                QueueEntry::Event(queued) if queued.event.mark().until_consumed => {}
                QueueEntry::Event(queued) => {
                    let policy = self.subscriptions.policy(queued.event.event_name());
                    kept.push(BacklogEntry {
                        // The page that was to tell is gone.
                        event: queued.event.tracked(false),
                        addressing: queued.addressing,
                        pending_for: Some(queued.subscriptions),
                        is_transient: !policy.history,
                        superseded: queued.superseded,
                        is_taken: false,
                        is_empty: false,
                    });
                }
            }
        }
        let is_missed = |kept: &&BacklogEntry| !kept.is_only_retained() && !kept.is_transient;
        let first_kept = kept.iter().filter(is_missed).map(|kept| kept.event.seq());
        let first_lost = losses.iter().map(|(loss, ..)| loss.first());
        let first = first_kept.chain(first_lost).min();
        let mut first_untaken = None;
        let mut untaken_losses = Losses::default();
        // This page was still starting: what it has not taken is for subscriptions that it had yet to make.
        if let Some(history) = webview.history.take() {
            let no_subscriptions: Arc<[SubscriptionId]> = [].into();
            let (untaken, evicted) = history.backlog.into_untaken();
            let seqs = untaken.iter().map(|kept| kept.event.seq());
            first_untaken = seqs.chain(evicted.total().map(Loss::first)).min();
            kept.extend(untaken.into_iter().map(|kept| BacklogEntry {
                pending_for: Some(Arc::clone(&no_subscriptions)),
                ..kept
            }));
            untaken_losses = evicted;
        }
        // The next page resumes before the oldest event that this one has not acknowledged or taken, else now.
        let first = first.into_iter().chain(first_untaken).min();
        let resumes_after = first.map_or(self.seq, |first| first - 1);
        kept.sort_by_key(|kept| kept.event.seq());
        let mut backlog = Backlog::new(bound, resumes_after, self.seq);
        let mut kept_seqs: Vec<u64> = Vec::new();
        if !losses.is_empty() {
            kept_seqs.extend(kept.iter().filter(is_missed).map(|kept| kept.event.seq()));
            kept_seqs.dedup();
        }
        for (loss, is_bound, ids, index) in losses {
            let patterns: HashSet<&EventPattern> =
                ids.iter().filter_map(|id| listened.get(id)).collect();
            let mut patterns: Vec<EventPattern> = patterns.into_iter().cloned().collect();
            patterns.sort_by_cached_key(ToString::to_string);
            let ids = ids.into_iter().collect();
            // Of a bound it is unknown which events it stands for.
            let missing = match is_bound {
                true => Some(loss),
                false => loss.without(&kept_seqs),
            };
            backlog.note_gap((loss, missing), &ids, patterns.into(), index);
        }
        backlog.note_untaken(untaken_losses);
        for kept in kept {
            backlog.push(kept);
        }
        // Nothing else may have told of what expires here.
        effects.rearm |= backlog.next_expiry().is_some();
        webview.history = Some(History::new(backlog, KeptFor::PageAfter(before)));
    }

    /// With its first subscription a page begins to take over what is kept for it, unless it is of another origin than the
    /// page before. `continued` are the sessions that its subscriptions continue: a page may have renewed some of them alone.
    /// Returns whether [`Hub::expire`] is due earlier.
    pub(super) fn begin_start_up(
        &mut self,
        key: SubscriberKey,
        continued: &[SessionId],
        now: Instant,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(&key) else {
            return false;
        };
        if session.first_subscribed.is_some() {
            return false;
        }
        session.first_subscribed = Some(now);
        let until = now + START_UP;
        let Some(webview) = self.webviews.get_mut(&session.webview) else {
            return false;
        };
        let Some(history) = &mut webview.history else {
            return false;
        };
        if !history.is_for(session.origin.as_ref()) {
            // Where its page has begun already, it goes on from there.
            let mut continued = continued.iter();
            let begun = continued.find_map(|id| history.unpulled(*id)?.starts_after);
            session.starts_after = Some(begun.unwrap_or(self.seq));
        }
        session.is_starting = true;
        history.until = Some(until);
        history.may_be_renewed = true;
        session.has_pulled && {
            history.claim(session.starts_after);
            self.arm(until)
        }
    }

    /// Notes how a subscription begins, as long as its session has not pulled.
    pub(super) fn note_beginning(&mut self, key: SubscriberKey, request: &SubscriptionRequest) {
        let (id, since) = (request.id, self.seq);
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        if session.has_pulled {
            return;
        }
        let webview = self.webviews.get(&session.webview);
        let Some(history) = webview.and_then(|webview| webview.history.as_ref()) else {
            return;
        };
        let begun = match request.resume {
            Some(resume) => history.trace(id, resume),
            None => Beginning::New {
                since,
                taken_over: (history.taken_over())
                    .filter(|_| request.wants_replayed && session.is_owed_what_was_taken()),
            },
        };
        session.begun.insert(id, begun);
    }

    /// A session has ended without a pull. What is kept is for the next page, as before that session. Returns whether
    /// something is.
    pub(super) fn take_back(&mut self, label: &str, ended: UnpulledSession) -> bool {
        let webview = self.webviews.get_mut(label);
        let history = webview.and_then(|webview| webview.history.as_mut());
        history.map(|history| history.take_back(ended)).is_some()
    }
}
