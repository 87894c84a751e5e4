//! What a starting page gets of what came before its subscriptions.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::backlog::{Backlog, BacklogEntry};
use crate::hub::ids::{SessionId, SubscriberKey, SubscriptionId};
use crate::hub::loss::Loss;
use crate::hub::outbox::Outbox;
use crate::hub::queue::{QueueBound, QueueEntry};
use crate::hub::{Hub, START_UP};
use crate::model::event::Gap;

#[derive(Debug)]
pub(super) struct History {
    pub(super) backlog: Backlog,
    /// The page before. Only a page of the same origin gets what is kept. `None` if there was none.
    pub(super) before: Option<PageBefore>,
    /// Where there was no page before: the origin of the first one that subscribed and never pulled.
    origin: Option<Option<String>>,
    /// The end of the start-up phase, once it has begun.
    until: Option<Instant>,
    /// Whether the page that is starting has pulled, which shows that it is there: its first command may have been sent by
    /// a page that was left.
    is_claimed: bool,
    /// Whether a page has subscribed that may renew its session.
    may_be_renewed: bool,
}

#[derive(Debug)]
pub(super) struct PageBefore {
    pub(super) session: SessionId,
    pub(super) origin: Option<String>,
    /// The event after which it may have taken over what was for the next page, since its webview had loaded that already.
    pub(super) replaced_since: Option<u64>,
}

impl History {
    pub(super) fn for_first_page(bound: QueueBound, seq: u64) -> Self {
        Self {
            backlog: Backlog::new(bound, seq, seq),
            before: None,
            origin: None,
            until: None,
            is_claimed: false,
            may_be_renewed: false,
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
    pub(super) fn claim(&mut self, starts_after: u64) -> Option<Instant> {
        if self.until.is_some() && !self.is_claimed {
            self.is_claimed = true;
            if starts_after > 0 {
                self.backlog.forget_until(starts_after);
                self.before = None;
            }
        }
        self.until
    }

    /// The page that was starting never pulled, so all that it would have got is for the next one.
    fn take_back(&mut self, origin: Option<String>) {
        self.origin.get_or_insert(origin);
        self.until = None;
        self.is_claimed = false;
        self.backlog.take_back();
    }

    /// What a new page may have missed because another one took over what was kept for it.
    pub(super) fn taken_over(&self) -> Option<Gap> {
        let after = self.before.as_ref()?.replaced_since?;
        self.backlog.absence_after(after)
    }

    /// Whether no page has subscribed since this session ended.
    pub(super) fn is_after(&self, session: SessionId) -> bool {
        self.before
            .as_ref()
            .is_some_and(|before| before.session == session)
    }
}

impl<W> Hub<W> {
    /// Keeps what a page had not acknowledged for the next one.
    pub(super) fn keep_for_next_page(&mut self, label: &str, outbox: Outbox, before: PageBefore) {
        let bound = self.backlog_bound();
        let Some(webview) = self.webviews.get_mut(label) else {
            return;
        };
        let mut losses: Vec<(Loss, Arc<[SubscriptionId]>, Option<u64>)> = Vec::new();
        let mut kept: Vec<BacklogEntry> = Vec::new();
        for (index, entry) in outbox.into_unacknowledged() {
            match entry {
                QueueEntry::Lost(lost) => {
                    let loss = Loss::of_gap(&lost.gap, lost.superseded);
                    losses.push((loss, lost.subscriptions.into_iter().collect(), index));
                }
                QueueEntry::Event(queued) => {
                    let policy = self.subscriptions.policy(queued.event.event_name());
                    kept.push(BacklogEntry {
                        event: queued.event,
                        addressing: queued.addressing,
                        pending_for: Some(queued.subscriptions),
                        is_transient: !policy.history,
                        superseded: queued.superseded,
                        is_taken: false,
                    });
                }
            }
        }
        let is_missed = |kept: &&BacklogEntry| !kept.is_only_retained() && !kept.is_transient;
        let first_kept = kept.iter().filter(is_missed).map(|kept| kept.event.seq());
        let first_lost = losses.iter().map(|(loss, ..)| loss.first());
        let first = first_kept.chain(first_lost).min();
        let mut first_untaken = None;
        // This page was still starting: what it has not taken is for subscriptions that it had yet to make.
        if let Some(history) = webview.history.take() {
            let no_subscriptions: Arc<[SubscriptionId]> = [].into();
            let (untaken, evicted) = history.backlog.into_untaken();
            let seqs = untaken.iter().map(|kept| kept.event.seq());
            first_untaken = seqs.chain(evicted.map(Loss::first)).min();
            kept.extend(untaken.into_iter().map(|kept| BacklogEntry {
                pending_for: Some(Arc::clone(&no_subscriptions)),
                ..kept
            }));
            losses.extend(evicted.map(|evicted| (evicted, no_subscriptions, None)));
        }
        // The next page resumes before the oldest event that this one has not acknowledged or taken, else now.
        let first = first.into_iter().chain(first_untaken).min();
        let resumes_after = first.map_or(self.seq, |first| first - 1);
        kept.sort_by_key(|kept| kept.event.seq());
        let mut backlog = Backlog::new(bound, resumes_after, self.seq);
        for (loss, pending_for, index) in losses {
            backlog.note_gap(loss, &pending_for, index);
        }
        for kept in kept {
            backlog.push(kept);
        }
        webview.history = Some(History {
            backlog,
            before: Some(before),
            origin: None,
            until: None,
            is_claimed: false,
            may_be_renewed: true,
        });
    }

    /// With its first subscription a page begins to take over what is kept for it, unless it is of another origin than the
    /// page before. Returns whether [`Hub::expire`] is due earlier.
    pub(super) fn begin_start_up(&mut self, key: SubscriberKey, now: Instant) -> bool {
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
        let before = history.before.as_ref().map(|before| &before.origin);
        let before = before.or(history.origin.as_ref());
        if before.is_some_and(|origin| origin.is_none() || *origin != session.origin) {
            session.starts_after = self.seq;
        }
        session.is_starting = true;
        history.until = Some(until);
        history.may_be_renewed = true;
        session.has_pulled && {
            history.claim(session.starts_after);
            self.arm(until)
        }
    }

    /// A session has ended without a pull. What is kept is for the next page, as before that session. Returns whether
    /// something is.
    pub(super) fn take_back(&mut self, label: &str, origin: &Option<String>) -> bool {
        let webview = self.webviews.get_mut(label);
        let history = webview.and_then(|webview| webview.history.as_mut());
        history
            .map(|history| history.take_back(origin.clone()))
            .is_some()
    }
}
