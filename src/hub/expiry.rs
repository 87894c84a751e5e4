//! What happens after a time: held pulls, leases of sessions, start-up phases, requests, and events that expire.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::effects::Effects;
use crate::hub::outbox::Batch;
use crate::hub::room::Line;
use crate::hub::{Hub, PULL_HOLD, SESSION_LEASE};
use crate::model::page::PageEnd;

/// How often what has expired is removed at most, where nobody takes it.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// How long what has expired may keep an emit waiting after a sleep of the machine, in which timers stand still.
const MAX_WAIT_FOR_EXPIRY: Duration = Duration::from_secs(30);

impl<W> Hub<W> {
    /// Completes the pulls that were held long enough, ends sessions without a sign of life and requests whose time is
    /// over, and forgets what was kept for pages that have started.
    ///
    /// Returns when to call again: by then at the latest, or as soon as [`Effects::rearm`] is set.
    pub(crate) fn expire(&mut self, now: Instant) -> (Effects<W>, Option<Instant>) {
        let mut effects = Effects::default();
        self.expire_events(&mut effects);
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
            self.end_page(&label, PageEnd::Silent, &mut effects);
            effects.silent.push(label);
        }
        let pages = self.expire_pages(now, &mut effects);
        let wills = self.expire_wills(now);
        let members = self.expire_members(now, &mut effects);
        let receipts = self.expire_receipts(now, &mut effects);
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
            .chain(self.expiry_due(now))
            .chain(pages)
            .chain(receipts)
            .chain(wills)
            .chain(members)
            .min();
        (effects, self.armed)
    }

    /// Removes the events that have expired, so that they take no memory and no room.
    fn expire_events(&mut self, effects: &mut Effects<W>) {
        if let Some(next) = self.next_expiry() {
            let steady = self.clock.steady();
            if next > steady {
                return self.tell_freed(effects);
            }
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
            self.expire_unconsumed();
        }
        self.tell_freed(effects);
    }

    /// When to look for expired events again.
    fn expiry_due(&self, now: Instant) -> Option<Instant> {
        let wait = self.next_expiry()?.saturating_sub(self.clock.steady());
        let most = match self.room.is_empty() {
            true => wait,
            false => wait.min(MAX_WAIT_FOR_EXPIRY),
        };
        Some(now + most.max(SWEEP_INTERVAL))
    }

    /// Something is stored that expires then. Returns whether [`Hub::expire`] is due earlier than its caller knows.
    pub(super) fn arm_expiry(&mut self, deadline: Duration, now: Instant) -> bool {
        let wait = deadline.saturating_sub(self.clock.steady());
        self.arm(now + wait.max(SWEEP_INTERVAL))
    }

    /// An emit waits for room, which what expires may give.
    pub(super) fn arm_for_waiting(&mut self, now: Instant) -> bool {
        self.expiry_due(now).is_some_and(|due| self.arm(due))
    }

    /// Tells of what was removed.
    pub(super) fn tell_freed(&mut self, effects: &mut Effects<W>) {
        for queue in self.freed.queues.drain(..) {
            self.room
                .wake_first(Line::Queue(queue), &mut effects.wakers);
        }
        effects.abandoned.append(&mut self.freed.abandoned);
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
