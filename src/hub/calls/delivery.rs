//! How calls come and go: which are due, what they bring, and what their ends mean.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::Hub;
use crate::hub::calls::state::{CALL_PATIENCE, Call, CallId, CallReply, Farewell, MAX_CALLS};
use crate::hub::effects::Effects;
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, BatchBound};
use crate::hub::room::{Line, Room};
use crate::hub::session::Session;

/// How long to wait for another try after so many rounds of calls have failed. The first failure is tried again at once.
const RETRY_AFTER: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

impl<W> Session<W> {
    /// Brings the page what is due to it: completes its parked pull, or schedules a call.
    pub(in crate::hub) fn deliver(
        &mut self,
        key: SubscriberKey,
        now: Instant,
        room: &mut Room,
        effects: &mut Effects<W>,
    ) {
        if self.parked.is_some() {
            // A pull that waited for calls finds a queue that emits may wait for.
            if self.complete_parked_pull(now, effects) {
                room.wake_first(Line::Queue(key), &mut effects.wakers);
            }
        } else {
            self.schedule_call(key, effects);
        }
    }

    /// Whether the next call would bring or show something.
    fn is_call_due(&self) -> bool {
        let Self { calls, outbox, .. } = self;
        if calls.has_failed || calls.retry_at.is_some() {
            return false;
        }
        if !calls.works {
            return calls.in_flight.is_empty() && (calls.is_on || calls.is_possible);
        }
        // Without a call in flight, only another call tells how far a slow page has got.
        let has_due = || match calls.in_flight.is_empty() {
            true => outbox.has_next() || outbox.unacknowledged().0 > 0 || calls.is_value_lost,
            false => outbox.has_next(),
        };
        calls.is_on && calls.in_flight.len() < MAX_CALLS && has_due()
    }

    pub(in crate::hub) fn schedule_call(&mut self, key: SubscriberKey, effects: &mut Effects<W>) {
        if !self.calls.is_scheduled && self.is_call_due() {
            self.calls.is_scheduled = true;
            effects.calls.push(key);
        }
    }

    /// Notes what a pull says about calls. Returns whether calls are to follow instead of items.
    pub(in crate::hub) fn note_callable(&mut self, is_possible: bool) -> bool {
        let calls = &mut self.calls;
        calls.is_possible = is_possible;
        let hands_over = is_possible && calls.works && !calls.has_failed;
        if hands_over && !calls.is_on {
            self.outbox.rewind();
        }
        calls.is_on = hands_over;
        hands_over
    }

    /// Ends a round of calls whose last one has ended.
    fn end_round(&mut self, now: Instant) {
        let calls = &mut self.calls;
        if !calls.in_flight.is_empty() {
            return;
        }
        if std::mem::take(&mut calls.has_failed) {
            calls.failed_rounds += 1;
            if calls.failed_rounds > 1 || !calls.works {
                calls.works = false;
                let longest = RETRY_AFTER.len() - 1;
                let wait = RETRY_AFTER[calls.failed_rounds.saturating_sub(2).min(longest)];
                calls.retry_at = Some(now + wait);
            }
            self.outbox.rewind();
        }
    }
}

impl<W> Hub<W> {
    /// The platform can call the pages of the webview with this number.
    pub(crate) fn note_callable(&mut self, label: &str, number: u64) {
        if let Some(webview) = self.webviews.get_mut(label)
            && webview.number == number
        {
            webview.is_callable = true;
        }
    }

    /// The page of this session passes events on as text, to workers and frames.
    pub(crate) fn note_passing(&mut self, key: SubscriberKey) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.passes_text = true;
        }
    }

    /// Takes the call that is due to a page, if it still is.
    pub(crate) fn take_call(
        &mut self,
        key: SubscriberKey,
        bound: BatchBound,
        now: Instant,
    ) -> (Option<Call>, Effects<W>) {
        let mut effects = Effects::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return (None, effects);
        };
        session.calls.is_scheduled = false;
        if session.outbox.queue.drop_expired(self.clock) {
            self.check_receipts(now, &mut effects);
        }
        let Some(session) = self.sessions.get_mut(&key) else {
            return (None, effects);
        };
        let Some(webview) = self.webviews.get(&session.webview) else {
            return (None, effects);
        };
        if !session.is_call_due() {
            return (None, effects);
        }
        let brings = session.calls.is_on && session.calls.works;
        let mut batch = Batch::default();
        if brings {
            let repeated = session.outbox.repeated(None, bound);
            if repeated > 0
                && let Err(error) = webview.flood.take_repeated(repeated, now)
            {
                let wait = error.retry_after().unwrap_or(RETRY_AFTER[0]);
                session.calls.retry_at = Some(now + wait);
                effects.rearm |= self.arm(now + wait);
                return (None, effects);
            }
            batch = session.outbox.batch_ahead(bound);
            if batch.is_empty() {
                batch = Batch::after(session.outbox.cursor());
            }
            batch.has_cuts = session.passes_text;
            batch.tells_again = std::mem::take(&mut session.calls.is_value_lost);
            self.room.wake_first(Line::Queue(key), &mut effects.wakers);
        }
        let delivered = session.outbox.last_index();
        let number = session.calls.begin(delivered, !batch.is_empty(), now);
        session.schedule_call(key, &mut effects);
        let call = Call {
            id: CallId { page: key, number },
            session: session.id,
            webview: webview.number,
            batch,
        };
        effects.rearm |= self.arm(now + CALL_PATIENCE);
        (Some(call), effects)
    }

    /// Ends a call. `None` if it failed, or returned anything but an acknowledgement.
    pub(crate) fn finish_call(
        &mut self,
        id: CallId,
        reply: Option<CallReply>,
        now: Instant,
    ) -> Effects<W> {
        let mut effects = Effects::default();
        let key = id.page;
        // The outcome may come after the end of its session.
        let Some(session) = self.sessions.get_mut(&key) else {
            return effects;
        };
        let Some(slot) = session.calls.end(id.number) else {
            return effects;
        };
        session.last_seen = now;
        session.outbox.queue.drop_expired(self.clock);
        let is_own =
            |reply: &CallReply| reply.session == session.id && reply.handled <= slot.delivered;
        let streamed = session.outbox.streamed.bytes();
        let acknowledged = reply
            .filter(is_own)
            .map(|reply| session.outbox.acknowledge(reply.handled));
        match acknowledged {
            Some(Ok(handled)) => {
                if let Some(handled) = handled {
                    session.acknowledged_at = Some(now);
                    if let Some(taps) = &mut self.taps {
                        taps.note_acknowledged(&session.webview, &handled, &mut effects.wakers);
                    }
                    effects.acknowledged = handled;
                }
                let calls = &mut session.calls;
                calls.works |= !calls.has_failed;
                // A page that returns may still be unable to read what it is called with.
                if slot.has_items && !calls.has_failed {
                    calls.failed_rounds = 0;
                }
            }
            Some(Err(_)) | None => {
                session.calls.has_failed = true;
                session.calls.is_value_lost = true;
            }
        }
        session.end_round(now);
        // A pull waits for the calls before it, and for the first call that works.
        if !session.calls.is_on && slot.has_items && !session.calls.carries_items() {
            session.outbox.rewind();
        }
        if let Some(pull) = session.parked.take() {
            if session.calls.is_possible && session.note_callable(true) {
                effects.batches.push((pull.waiter, session.hand_over()));
            } else {
                session.parked = Some(pull);
            }
        }
        session.deliver(key, now, &mut self.room, &mut effects);
        let is_arriving = session.arrival.is_arriving;
        effects.rearm |= match session.calls.retry_at {
            Some(due) => self.arm(due),
            None => false,
        };
        self.recheck_room_for_parts(key, streamed, &mut effects);
        self.release_requests(key, &mut effects);
        if is_arriving {
            self.check_arrival(key, now, &mut effects);
        }
        self.check_receipts(now, &mut effects);
        effects
    }

    /// The webview of a page, its session, and the number of the webview.
    #[cfg_attr(not(calls), allow(dead_code))]
    pub(crate) fn session_of(&self, page: SubscriberKey) -> Option<(Arc<str>, SessionId, u64)> {
        let session = self.sessions.get(&page)?;
        let webview = self.webviews.get(&session.webview)?;
        Some((Arc::clone(&session.webview), session.id, webview.number))
    }

    /// What the page of this webview is told if its session ends and it lives on.
    pub(in crate::hub) fn farewell_to(&self, label: &str) -> Option<Farewell> {
        let webview = self.webviews.get(label)?;
        let session = self.sessions.get(&webview.session?)?;
        let farewell = Farewell {
            session: session.id,
            webview: webview.number,
        };
        webview.is_callable.then_some(farewell)
    }

    /// Retries the calls that are due, and gives up those that do not return and that no session depends on.
    pub(in crate::hub) fn expire_calls(&mut self, now: Instant, effects: &mut Effects<W>) {
        for (key, session) in &mut self.sessions {
            let calls = &mut session.calls;
            if !calls.is_on && calls.is_overdue(now) {
                calls.in_flight.clear();
                calls.has_failed = true;
                calls.is_value_lost = true;
                session.end_round(now);
                session.deliver(*key, now, &mut self.room, effects);
            }
            if session.calls.retry_at.take_if(|due| now >= *due).is_some() {
                session.schedule_call(*key, effects);
            }
        }
    }
}
