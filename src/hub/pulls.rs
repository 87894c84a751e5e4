//! Pulls: how pages fetch what waits for them.

use std::time::Instant;

use crate::hub::effects::Effects;
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, BatchBound};
use crate::hub::room::Line;
use crate::hub::session::ParkedPull;
use crate::hub::sessions::stale;
use crate::hub::{Hub, PULL_HOLD};
use crate::model::error::{Error, Result};

/// A page's call for its next batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pull {
    pub(crate) session: SessionId,
    /// The index of the last item that the page has handled.
    pub(crate) ack: u64,
    /// Whether the batch follows on the batch before, instead of on `ack`.
    pub(crate) is_ahead: bool,
    /// Whether it completes at once, even with nothing.
    pub(crate) is_prompt: bool,
    /// Whether its page can be called.
    pub(crate) can_be_called: bool,
    pub(crate) bound: BatchBound,
}

impl<W> Hub<W> {
    /// Completes a pull, or parks it until there is something. One that reads ahead is never parked.
    pub(crate) fn pull(
        &mut self,
        label: &str,
        pull: Pull,
        waiter: W,
        now: Instant,
    ) -> Result<Effects<W>, (W, Error)> {
        let found = self.session_key(label, pull.session).ok();
        let found = found.and_then(|key| Some((key, self.sessions.get_mut(&key)?)));
        let Some((key, session)) = found else {
            return Err((waiter, stale(pull.session)));
        };
        let mut effects = Effects::default();
        let streamed = session.outbox.streamed.bytes();
        match session.outbox.acknowledge(pull.ack) {
            Ok(None) => {}
            Ok(Some(handled)) => {
                session.acknowledged_at = Some(now);
                if let Some(taps) = &mut self.taps {
                    taps.note_acknowledged(&session.webview, &handled, &mut effects.wakers);
                }
                effects.acknowledged = handled;
            }
            Err(error) => return Err((waiter, error)),
        }
        session.last_seen = now;
        session.outbox.queue.drop_expired(self.clock);
        let (is_first, is_arriving) = (session.note_pull(), session.arrival.is_arriving);
        if is_first {
            let webview = self.webviews.get_mut(label);
            let history = webview.and_then(|webview| webview.history.as_mut());
            let ends_at = history.and_then(|history| history.claim(session.starts_after));
            effects.rearm |= ends_at.is_some_and(|end| self.arm(end));
        }
        self.recheck_room_for_parts(key, streamed, &mut effects);
        self.release_requests(key, &mut effects);
        if is_arriving {
            self.note_arrival(key, is_first, now, &mut effects);
        }
        self.check_receipts(now, &mut effects);
        let Some(session) = self.sessions.get_mut(&key) else {
            return Err((waiter, stale(pull.session)));
        };
        if pull.is_ahead && (session.calls.is_on() || session.calls.carries_items()) {
            effects.batches.push((waiter, Batch::default()));
            return Ok(effects);
        }
        if !pull.is_ahead {
            let webview = self.webviews.get(label);
            let can_call = webview.is_some_and(|webview| webview.is_callable);
            if session.note_callable(pull.can_be_called && can_call) {
                if let Some(replaced) = session.parked.take() {
                    effects.batches.push((replaced.waiter, Batch::default()));
                }
                effects.batches.push((waiter, session.hand_over()));
                session.schedule_call(key, &mut effects);
                return Ok(effects);
            }
            session.schedule_call(key, &mut effects);
        }
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
            let batch = session.with_cuts(batch);
            self.room.wake_first(Line::Queue(key), &mut effects.wakers);
            effects.batches.push((waiter, batch));
            return Ok(effects);
        }
        if let Some(replaced) = session.parked.take() {
            effects.batches.push((replaced.waiter, Batch::default()));
        }
        // What calls carry is not repeated unless they fail.
        let batch = match session.calls.carries_items() {
            true => Batch::default(),
            false => session.outbox.batch(pull.ack, pull.bound),
        };
        let batch = session.with_cuts(batch);
        if !batch.is_empty() || session.is_idle() || pull.is_prompt {
            self.room.wake_first(Line::Queue(key), &mut effects.wakers);
            effects.batches.push((waiter, batch));
            return Ok(effects);
        }
        session.parked = Some(ParkedPull {
            waiter,
            bound: pull.bound,
            since: now,
        });
        effects.rearm |= self.arm(now + PULL_HOLD);
        Ok(effects)
    }

    /// Notes that Tauri evaluates the replies to a page. Returns whether the page fetched them before.
    pub(crate) fn note_evaluated(&mut self, label: &str, id: SessionId) -> bool {
        let key = self.session_key(label, id).ok();
        let Some(session) = key.and_then(|key| self.sessions.get_mut(&key)) else {
            return false;
        };
        !std::mem::replace(&mut session.is_evaluated, true) && session.has_fetched
    }

    /// Completes the parked pull of a page for which nothing can come any more.
    pub(super) fn end_idle_pull(&mut self, key: SubscriberKey, effects: &mut Effects<W>) {
        let session = self.sessions.get_mut(&key);
        if let Some(session) = session.filter(|session| session.is_idle())
            && let Some(pull) = session.parked.take()
        {
            effects.batches.push((pull.waiter, Batch::default()));
        }
    }
}
