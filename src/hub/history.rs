//! What a starting page gets of what came before its subscriptions.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::backlog::{Backlog, BacklogEntry};
use crate::hub::ids::{SessionId, SubscriberKey, SubscriptionId};
use crate::hub::loss::Loss;
use crate::hub::outbox::Outbox;
use crate::hub::queue::{QueueBound, QueueEntry};
use crate::hub::{Hub, START_UP};

#[derive(Debug)]
pub(super) struct History {
    pub(super) backlog: Backlog,
    /// The page before. Only a page of the same origin gets what is kept. `None` if there was none.
    before: Option<PageBefore>,
    /// The end of the start-up phase, once it has begun.
    pub(super) until: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct PageBefore {
    pub(super) session: SessionId,
    pub(super) origin: Option<String>,
}

impl History {
    pub(super) fn for_first_page(bound: QueueBound, seq: u64) -> Self {
        Self {
            backlog: Backlog::new(bound, seq, seq),
            before: None,
            until: None,
        }
    }

    /// Whether a page was there that may renew its session.
    pub(super) fn has_page_before(&self) -> bool {
        self.before.is_some()
    }

    /// Whether no page has subscribed since this session ended.
    pub(super) fn is_after(&self, session: SessionId) -> bool {
        self.before
            .as_ref()
            .is_some_and(|before| before.session == session)
    }
}

impl<W> Hub<W> {
    pub(super) fn keep_for_next_page(&mut self, label: &str, outbox: Outbox, before: PageBefore) {
        let bound = self.backlog_bound();
        let Some(webview) = self.webviews.get_mut(label) else {
            return;
        };
        let mut losses: Vec<(Loss, Arc<[SubscriptionId]>)> = Vec::new();
        let mut kept: Vec<BacklogEntry> = Vec::new();
        for entry in outbox.into_unacknowledged() {
            match entry {
                QueueEntry::Lost(lost) => {
                    let loss = Loss::of_gap(&lost.gap, lost.superseded);
                    losses.push((loss, lost.subscriptions.into_iter().collect()));
                }
                // Its own store has it for the next page, and for this one if it comes back.
                QueueEntry::Event(queued) if queued.event.mark().until_consumed => {}
                QueueEntry::Event(queued) => {
                    let policy = self.subscriptions.policy(queued.event.event_name());
                    kept.push(BacklogEntry {
                        event: queued.event,
                        addressing: queued.addressing,
                        pending_for: Some(queued.subscriptions),
                        is_transient: !policy.history,
                        superseded: queued.superseded,
                    });
                }
            }
        }
        let is_missed = |kept: &&BacklogEntry| !kept.is_only_retained() && !kept.is_transient;
        let first_kept = kept.iter().filter(is_missed).map(|kept| kept.event.seq());
        let first_lost = losses.iter().map(|(loss, _)| loss.first());
        // The next page resumes before the oldest event that this one has not acknowledged, else now.
        let resumes_after = first_kept
            .chain(first_lost)
            .min()
            .map_or(self.seq, |first| first - 1);
        // What came while this page started up may not have been subscribed to yet.
        if let Some(history) = &webview.history {
            let no_subscriptions: Arc<[SubscriptionId]> = [].into();
            let unclaimed = history.backlog.after(resumes_after);
            kept.extend(unclaimed.map(|kept| BacklogEntry {
                pending_for: Some(Arc::clone(&no_subscriptions)),
                ..kept.clone()
            }));
            let evicted = history.backlog.eviction_after(resumes_after);
            losses.extend(evicted.map(|evicted| (evicted, no_subscriptions)));
        }
        kept.sort_by_key(|kept| kept.event.seq());
        // The queue had some of these, too, and so they come first; twice they would take the room of other events.
        kept.dedup_by(|next, own| next.is_unclaimed_copy_of(own));
        let mut backlog = Backlog::new(bound, resumes_after, self.seq);
        for (loss, pending_for) in losses {
            backlog.note_loss(loss, Some(&pending_for));
        }
        for kept in kept {
            backlog.push(kept);
        }
        webview.history = Some(History {
            backlog,
            before: Some(before),
            until: None,
        });
    }

    /// With its first subscription a page takes over what is kept for it, unless it is of another origin than the page
    /// before. Returns whether [`Hub::expire`] is due earlier.
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
        let may_resume = |history: &History| match &history.before {
            None => true,
            Some(before) => before.origin.is_some() && before.origin == session.origin,
        };
        webview.history = webview
            .history
            .take()
            .filter(may_resume)
            .map(|history| History {
                until: Some(until),
                ..history
            });
        webview.history.is_some() && self.arm(until)
    }
}
