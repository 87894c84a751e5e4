//! The calls of one session, and what passes between the hub and what makes them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::outbox::Batch;

/// How many calls of a session may be in flight.
pub(crate) const MAX_CALLS: usize = 4;

/// How long a call may take before the page counts as gone.
pub(crate) const CALL_PATIENCE: Duration = Duration::from_secs(60);

/// Tells one call from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallId {
    pub(crate) page: SubscriberKey,
    pub(super) number: u64,
}

/// A call that the platform is to make.
#[derive(Debug)]
#[cfg_attr(not(calls), allow(dead_code))]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) session: SessionId,
    /// The number of the webview, so that a later one of its label is not called.
    pub(crate) webview: u64,
    /// Without items if the call only shows whether the page can be called, or how far it got.
    pub(crate) batch: Batch,
}

/// What a page that lives on is told when its session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) session: SessionId,
    pub(crate) webview: u64,
}

/// What a call returned. The page may have forged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallReply {
    pub(crate) session: SessionId,
    /// The index of the last item that the page has handled.
    pub(super) handled: u64,
}

impl CallReply {
    /// Reads `<session>:<index>`.
    #[cfg_attr(not(calls), allow(dead_code))]
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (session, handled) = value.split_once(':')?;
        let is_number = !handled.is_empty() && handled.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            session: SessionId::parse(session).ok()?,
            handled: handled.parse().ok().filter(|_| is_number)?,
        })
    }
}

/// The calls of one session.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// Whether batches come by call, so that no pull is expected.
    pub(super) is_on: bool,
    /// Whether the page's newest pull says that it can be called, and the platform can.
    pub(super) is_possible: bool,
    /// Whether the newest round of calls has returned.
    pub(super) works: bool,
    /// Whether the caller of the hub knows that a call is due.
    pub(super) is_scheduled: bool,
    pub(super) in_flight: VecDeque<Slot>,
    newest: u64,
    /// Whether a call of this round has failed. A round ends with the last call in flight.
    pub(super) has_failed: bool,
    /// How many rounds have failed in a row.
    pub(super) failed_rounds: usize,
    /// Whether a value was lost, so that the next batch has the page tell again what its values carried.
    pub(super) is_value_lost: bool,
    /// Until when no call is made.
    pub(super) retry_at: Option<Instant>,
}

/// What a call in flight holds.
#[derive(Debug)]
pub(super) struct Slot {
    number: u64,
    /// The index of the last item that the page may have handled when it returns.
    pub(super) delivered: u64,
    pub(super) has_items: bool,
    since: Instant,
}

impl Calls {
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether an event that is queued now may cause a call. Every event of a page comes here.
    pub(crate) fn has_room(&self) -> bool {
        self.is_on && !self.is_scheduled && self.in_flight.len() < MAX_CALLS
    }

    /// Whether its page has handled what was brought, and can be called with more.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_on && self.works && self.in_flight.is_empty()
    }

    /// Whether calls in flight carry items, so that a pull has to wait.
    pub(in crate::hub) fn carries_items(&self) -> bool {
        self.in_flight.iter().any(|slot| slot.has_items)
    }

    /// When something is due: another try, or the end of the oldest call.
    pub(in crate::hub) fn next_due(&self) -> Option<Instant> {
        let oldest = self
            .in_flight
            .front()
            .map(|slot| slot.since + CALL_PATIENCE);
        oldest.into_iter().chain(self.retry_at).min()
    }

    pub(in crate::hub) fn is_overdue(&self, now: Instant) -> bool {
        let oldest = self.in_flight.front();
        oldest.is_some_and(|slot| now >= slot.since + CALL_PATIENCE)
    }

    pub(super) fn begin(&mut self, delivered: u64, has_items: bool, now: Instant) -> u64 {
        self.newest += 1;
        self.in_flight.push_back(Slot {
            number: self.newest,
            delivered,
            has_items,
            since: now,
        });
        self.newest
    }

    pub(super) fn end(&mut self, number: u64) -> Option<Slot> {
        let position = self.in_flight.iter().position(|slot| slot.number == number);
        self.in_flight.remove(position?)
    }
}
