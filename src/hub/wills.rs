//! Wills: events that the host emits for a page that is gone.

use std::time::Instant;

use crate::hub::effects::Effects;
use crate::hub::ids::SubscriberKey;
use crate::hub::sessions::session_ended;
use crate::hub::will::{Will, Wills};
use crate::hub::{Hub, Webview};
use crate::model::error::Result;

impl<W> Webview<W> {
    /// The session of its page has ended.
    pub(super) fn leave_wills(
        &mut self,
        session: SubscriberKey,
        wills: Wills,
        effects: &mut Effects<W>,
    ) {
        drop_later(self.left_wills.leave(session, wills), effects);
        // Those of a page before may have waited for this one to show itself.
        effects.rearm |= !self.left_wills.is_empty();
    }
}

/// Drops wills after the lock, since dropping a payload may run code of the app.
fn drop_later<W>(wills: impl IntoIterator<Item = Will>, effects: &mut Effects<W>) {
    let payloads = wills.into_iter().map(|will| will.event.payload);
    effects.unused.extend(payloads);
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
            return match will {
                Some(will) => (Err(session_ended()), vec![will]),
                None => self.stop_left_will(key, id),
            };
        };
        let Some(will) = will else {
            let own = session.wills.0.remove(&id);
            // A page that renews its session gets back what it had with its first pull, and may stop it before.
            let continues = session.arrival.continues;
            let webview = self.webviews.get_mut(&session.webview);
            let webview = webview.filter(|own| own.standing.is_continued_by(continues));
            let left = webview.and_then(|own| own.left_wills.remove(id));
            return (Ok(()), own.into_iter().chain(left).collect());
        };
        // A page that has come back has none of those that it left, and one that was there all along has them, too.
        let continues = session.arrival.continues;
        let webview = self.webviews.get(&session.webview);
        let webview = webview.filter(|own| own.standing.is_continued_by(continues));
        let left = webview.into_iter().flat_map(|own| own.left_wills.iter());
        if let Err(error) = session.wills.check(id, &will, left) {
            return (Err(error), vec![will]);
        }
        session.keeps_pull = true;
        let replaced = session.wills.0.insert(id, will);
        (Ok(()), replaced.into_iter().collect())
    }

    /// A page that was left takes one of its wills back with its last commands.
    fn stop_left_will(&mut self, key: SubscriberKey, id: u64) -> (Result<()>, Vec<Will>) {
        let left = self.webviews.values_mut().find_map(|own| {
            let mut ended = own.ended.iter().filter(|ended| ended.is_left);
            let continues = ended.find(|ended| ended.key == key)?.continues;
            Some((own, continues))
        });
        let Some((own, continues)) = left else {
            return (Err(session_ended()), Vec::new());
        };
        let is_own = own.left_wills.has_of(id, key) || own.standing.is_continued_by(continues);
        let stopped = is_own.then(|| own.left_wills.remove(id)).flatten();
        (Ok(()), stopped.into_iter().collect())
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
        let left = webview.left_wills.take();
        if !is_same {
            return drop_later(left.map(|(_, will)| will), effects);
        }
        let mut unneeded = Vec::new();
        for (id, will) in left {
            session.keeps_pull = true;
            unneeded.extend(session.wills.take_back(id, will));
        }
        drop_later(unneeded, effects);
    }

    /// The page of this webview cannot come back.
    pub(super) fn release_wills(&mut self, label: &str) {
        if let Some(webview) = self.webviews.get_mut(label) {
            let left = webview.left_wills.take();
            self.due_wills.extend(left.map(|(_, will)| will));
        }
    }

    /// How many wills there are: of pages that are there, and of those that are gone.
    pub(super) fn count_wills(&self) -> usize {
        let own = self.sessions.values().map(|session| session.wills.0.len());
        let left = self.webviews.values();
        let left = left.map(|webview| webview.left_wills.count());
        own.chain(left).sum::<usize>() + self.due_wills.len()
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
            // A page that is about to show itself may be the same one, or one that has come back.
            let is_away = webview.session.is_none();
            let left = &mut webview.left_wills;
            left.begin_waiting(now);
            if is_away {
                left.take_due(grace, now, &mut self.due_wills);
            }
        }
        let webviews = self.webviews.values();
        let away = webviews.filter(|webview| webview.session.is_none());
        away.filter_map(|webview| webview.left_wills.next_due(grace))
            .min()
    }
}
