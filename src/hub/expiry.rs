//! What happens after a time: held pulls, leases of sessions, start-up phases and requests.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::effects::Effects;
use crate::hub::outbox::Batch;
use crate::hub::{Hub, PULL_HOLD, SESSION_LEASE};

impl<W> Hub<W> {
    /// Completes the pulls that were held long enough, ends sessions without a sign of life and requests whose time is
    /// over, and forgets what was kept for pages that have started.
    ///
    /// Returns when to call again: by then at the latest, or as soon as [`Effects::rearm`] is set.
    pub(crate) fn expire(&mut self, now: Instant) -> (Effects<W>, Option<Instant>) {
        let mut effects = Effects::default();
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
            .min();
        (effects, self.armed)
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
