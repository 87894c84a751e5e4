//! What happens after a time: held pulls, leases of sessions, start-up phases, requests, and events that expire.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::effects::Effects;
use crate::hub::outbox::Batch;
use crate::hub::room::Line;
use crate::hub::{Hub, PULL_HOLD, SESSION_LEASE};

/// How often what has expired is removed at most, where nobody takes it.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

impl<W> Hub<W> {
    /// Completes the pulls that were held long enough, ends sessions without a sign of life and requests whose time is
    /// over, and forgets what was kept for pages that have started.
    ///
    /// Returns when to call again: by then at the latest, or as soon as [`Effects::rearm`] is set.
    pub(crate) fn expire(&mut self, now: Instant) -> (Effects<W>, Option<Instant>) {
        let mut effects = Effects::default();
        let expiry = self.expire_events(now, &mut effects);
        let mut abandoned = Vec::new();
        for session in self.sessions.values_mut() {
            if let Some(pull) = session.parked.take_if(|pull| now >= pull.since + PULL_HOLD) {
                session.last_seen = now;
                effects.batches.push((pull.waiter, Batch::default()));
            }
            session.note_end_of_wait(now);
            let is_gone = match session.calls.is_on() {
                true => session.calls.is_overdue(now),
                false => session.has_lease() && now >= session.last_seen + SESSION_LEASE,
            };
            if is_gone {
                abandoned.push(Arc::clone(&session.webview));
            }
        }
        // Callers first: two that end at once may wait for each other.
        for label in &abandoned {
            self.abandon_requests_from(label, &mut effects);
        }
        for label in abandoned {
            effects.farewells.extend(self.farewell_to(&label));
            self.end_page(&label, &mut effects);
            effects.silent.push(label);
        }
        self.expire_calls(now, &mut effects);
        self.expire_requests(now, &mut effects);
        for session in self.sessions.values_mut() {
            session.note_end_of_wait(now);
        }
        for webview in self.webviews.values_mut() {
            webview.history.take_if(|history| history.is_over(now));
        }
        let starts = self
            .webviews
            .values()
            .filter_map(|webview| webview.history.as_ref()?.ends_at());
        self.armed = self
            .sessions
            .values()
            .filter_map(|session| match &session.parked {
                Some(pull) => Some(pull.since + PULL_HOLD),
                None if session.has_lease() => Some(session.last_seen + SESSION_LEASE),
                // Calls and requests have their own ends.
                None => None,
            })
            .chain(
                self.sessions
                    .values()
                    .filter_map(|session| session.calls.next_due()),
            )
            .chain(starts)
            .chain(self.requests.next_due())
            .chain(expiry)
            .min();
        (effects, self.armed)
    }

    /// Removes the events that have expired, so that they take no memory and no room. Returns when to call again.
    fn expire_events(&mut self, now: Instant, effects: &mut Effects<W>) -> Option<Instant> {
        let steady = (self.clock)();
        if self.next_expiry()? <= steady {
            for (key, session) in &mut self.sessions {
                if session.outbox.queue.drop_expired(self.clock) {
                    let line = Line::Queue(*key);
                    self.room.wake_first(line, &mut effects.wakers);
                }
            }
            for (key, consumer) in &mut self.consumers {
                if consumer.queue.drop_expired(self.clock) {
                    let line = Line::Queue(*key);
                    self.room.wake_first(line, &mut effects.wakers);
                }
            }
            if let Some(link) = &mut self.link {
                link.drop_expired(self.clock);
            }
            let histories = self.webviews.values_mut();
            for history in histories.filter_map(|webview| webview.history.as_mut()) {
                history.backlog.empty_expired(steady);
            }
            self.retained.drop_expired(self.clock);
            self.expire_unconsumed(effects);
        }
        let next = self.next_expiry()?;
        Some(now + next.saturating_sub(steady).max(SWEEP_INTERVAL))
    }

    /// When the next event expires.
    fn next_expiry(&self) -> Option<Duration> {
        let pages = self.sessions.values();
        let pages = pages.filter_map(|session| session.outbox.queue.next_expiry());
        let consumers = self.consumers.values();
        let consumers = consumers.filter_map(|consumer| consumer.queue.next_expiry());
        let histories = self.webviews.values();
        let histories = histories.filter_map(|webview| webview.history.as_ref());
        let backlogs = histories.filter_map(|history| history.backlog.next_expiry());
        let stores = [self.retained.next_expiry(), self.unconsumed.next_expiry()];
        let link = self.link.as_ref().and_then(|link| link.next_expiry());
        let stores = stores.into_iter().flatten().chain(link);
        pages.chain(consumers).chain(backlogs).chain(stores).min()
    }

    /// Notes that [`Hub::expire`] is due then. Returns whether that is earlier than its caller knows.
    pub(super) fn arm(&mut self, due: Instant) -> bool {
        let is_earlier = self.armed.is_none_or(|armed| due < armed);
        if is_earlier {
            self.armed = Some(due);
        }
        is_earlier
    }
}
