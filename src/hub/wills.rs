//! Wills: events that the host emits for a page that is gone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::hub::effects::Effects;
use crate::hub::ids::SubscriberKey;
use crate::hub::sessions::session_ended;
use crate::hub::will::{Will, Wills};
use crate::hub::{Hub, Webview};
use crate::model::error::Result;

/// The wills of a page that is gone.
#[derive(Debug, Default)]
pub(super) struct LeftWills {
    wills: Wills,
    /// When its end was noticed.
    since: Option<Instant>,
}

impl LeftWills {
    /// When the next one is due.
    fn next_due(&self, grace: Duration) -> Option<Instant> {
        let first = self.wills.0.values().map(|will| will.after).min()?;
        Some(self.since? + first.max(grace))
    }
}

impl<W> Webview<W> {
    /// The session of its page has ended. Returns whether it, or a page before, has wills.
    pub(super) fn leave_wills(&mut self, wills: Wills) -> bool {
        if !wills.is_empty() {
            self.left_wills.wills.0.extend(wills.0);
            self.left_wills.since = None;
        }
        // Those of a page before may have waited for this one to show itself.
        !self.left_wills.wills.is_empty()
    }
}

impl<W> Hub<W> {
    /// Sets a will of a page, or takes it back. Those that are not needed are dropped after the lock.
    pub(crate) fn set_will(
        &mut self,
        key: SubscriberKey,
        id: u64,
        will: Option<Will>,
    ) -> (Result<()>, Vec<Will>) {
        let Some(session) = self.sessions.get_mut(&key) else {
            return (Err(session_ended()), will.into_iter().collect());
        };
        let Some(will) = will else {
            let own = session.wills.0.remove(&id);
            // A page that renews its session gets back what it had with its first pull, and may stop it before.
            let continues = session.arrival.continues;
            let webview = self.webviews.get_mut(&session.webview);
            let webview = webview.filter(|own| own.standing.is_continued_by(continues));
            let left = webview.and_then(|own| own.left_wills.wills.0.remove(&id));
            return (Ok(()), own.into_iter().chain(left).collect());
        };
        if let Err(error) = session.wills.check(id, &will) {
            return (Err(error), vec![will]);
        }
        session.keeps_pull = true;
        let replaced = session.wills.0.insert(id, will);
        (Ok(()), replaced.into_iter().collect())
    }

    /// The page is there: one that has come back has no will, and one that was there all along keeps its own.
    pub(super) fn settle_wills(
        &mut self,
        key: SubscriberKey,
        is_same: bool,
        effects: &mut Effects<W>,
    ) {
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        let Some(webview) = self.webviews.get_mut(&session.webview) else {
            return;
        };
        let left = std::mem::take(&mut webview.left_wills).wills.0;
        if !is_same {
            // Dropping a payload may run code of the app.
            let payloads = left.into_values().map(|will| will.event.payload);
            effects.unused.extend(payloads);
            return;
        }
        for (id, will) in left {
            session.keeps_pull = true;
            session.wills.0.entry(id).or_insert(will);
        }
    }

    /// The page of this webview cannot come back.
    pub(super) fn release_wills(&mut self, label: &str) {
        if let Some(webview) = self.webviews.get_mut(label) {
            let left = std::mem::take(&mut webview.left_wills).wills.0;
            self.due_wills.extend(left.into_values());
        }
    }

    /// Takes the wills that are to be emitted now.
    pub(crate) fn take_due_wills(&mut self) -> Vec<Will> {
        std::mem::take(&mut self.due_wills)
    }

    /// Finds the wills of pages that did not come back in time. Returns when the next one is due.
    pub(super) fn expire_wills(&mut self, now: Instant) -> Option<Instant> {
        if self.exiting {
            return None;
        }
        let grace = self.grace();
        for webview in self.webviews.values_mut() {
            let left = &mut webview.left_wills;
            if left.wills.is_empty() {
                continue;
            }
            let since = *left.since.get_or_insert(now);
            // A page that is about to show itself may be the same one, or one that has come back.
            if webview.session.is_some() {
                continue;
            }
            let is_due = |will: &Will| now >= since + will.after.max(grace);
            let (due, later) = std::mem::take(&mut left.wills.0)
                .into_iter()
                .partition(|(_, will)| is_due(will));
            left.wills.0 = later;
            let due: BTreeMap<u64, Will> = due;
            self.due_wills.extend(due.into_values());
        }
        let webviews = self.webviews.values();
        let away = webviews.filter(|webview| webview.session.is_none());
        away.filter_map(|webview| webview.left_wills.next_due(grace))
            .min()
    }
}
