//! What the caller of the hub does once it has released the lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use crate::hub::calls::Farewell;
use crate::hub::command_log::JsonResult;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::outbox::{Batch, DeliveredItems, Item};
use crate::hub::requests::message::RequestMessage;
use crate::model::compat::CompatNote;
use crate::model::error::{Error, ErrorCode};
use crate::model::json::Json;
use crate::model::name::EventName;

/// What to do once the lock is released.
#[derive(Debug)]
#[must_use]
pub(crate) struct Effects<W> {
    /// Pulls to complete with these batches.
    pub(crate) batches: Vec<(W, Batch)>,
    /// Pages to which a call is due, by [`Hub::take_call`](super::Hub::take_call).
    pub(crate) calls: Vec<SubscriberKey>,
    /// Pages to tell that their session has ended.
    pub(crate) farewells: Vec<Farewell>,
    /// Commands, requests and pulls to complete with these results.
    pub(crate) replies: Vec<(W, JsonResult)>,
    /// Those whose page is gone, with the error for a page that is there after all.
    pub(crate) gone: Vec<(W, Error)>,
    /// Requests to responders of the host whose caller waits no longer.
    pub(crate) cancelled: Vec<RequestId>,
    /// Tasks to wake: those that read a queue of the host, and those that wait for room in a queue.
    pub(crate) wakers: Vec<Waker>,
    /// Wakers to drop.
    pub(crate) unneeded: Vec<Waker>,
    /// Whether [`Hub::expire`](super::Hub::expire) is due earlier than its caller knows.
    pub(crate) rearm: bool,
    /// Whether a subscription has begun.
    pub(crate) has_new_listeners: bool,
    /// Webviews that show a page of another origin, so the jobs of the page before end.
    pub(crate) changed_origin: Vec<Arc<str>>,
    /// Webviews whose page gave no sign of life for so long that its session ended. They may be closed.
    pub(crate) silent: Vec<Arc<str>>,
    /// Items that a page has acknowledged. Dropping them may take a while, so it happens after the lock.
    pub(crate) acknowledged: Vec<Arc<DeliveredItems>>,
    /// What was queued of streams that their pages have left, and what pages that are gone have not fetched. Dropping it may
    /// run code of the app, so it happens after the lock.
    pub(crate) withdrawn: Vec<VecDeque<(u64, Item)>>,
    /// Payloads that nothing needs any more, for the same reason.
    pub(crate) unused: Vec<Json>,
    /// Requests that have ended, or that their responders have, for the same reason.
    pub(crate) requests: Vec<Arc<RequestMessage>>,
    /// What compatible mode has noted and is not logged yet.
    pub(crate) notes: Vec<CompatNote>,
    /// Events that no subscription has handled.
    pub(crate) abandoned: Vec<Abandoned>,
    /// Streams and channels that have ended, with the code of the error if they have failed.
    pub(crate) ended_streams: Vec<(RequestId, Option<ErrorCode>)>,
}

/// An event that was kept until a subscription has handled it, and is given up.
#[derive(Debug)]
pub(crate) struct Abandoned {
    pub(crate) name: EventName,
    /// How often it was delivered.
    pub(crate) deliveries: u32,
    pub(crate) has_expired: bool,
}

/// What the check of an event has removed, and who is to be told: see [`Hub::tell_freed`](super::Hub::tell_freed).
#[derive(Debug, Default)]
pub(super) struct Freed {
    /// The queues that have room that they had not.
    pub(super) queues: Vec<SubscriberKey>,
    pub(super) abandoned: Vec<Abandoned>,
}

impl Freed {
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.abandoned.is_empty()
    }
}

/// The effects of an event: usually none, since its page has yet to fetch what came before.
pub(crate) type EmitEffects<W> = Option<Box<Effects<W>>>;

impl<W> Default for Effects<W> {
    fn default() -> Self {
        Self {
            batches: Vec::new(),
            calls: Vec::new(),
            farewells: Vec::new(),
            replies: Vec::new(),
            gone: Vec::new(),
            cancelled: Vec::new(),
            wakers: Vec::new(),
            unneeded: Vec::new(),
            rearm: false,
            has_new_listeners: false,
            changed_origin: Vec::new(),
            silent: Vec::new(),
            acknowledged: Vec::new(),
            withdrawn: Vec::new(),
            unused: Vec::new(),
            requests: Vec::new(),
            notes: Vec::new(),
            abandoned: Vec::new(),
            ended_streams: Vec::new(),
        }
    }
}

impl<W> Effects<W> {
    /// Adds all of another's effects. Every field is named, so that a new one does not compile until it is added here.
    pub(super) fn append(&mut self, other: Self) {
        let Self {
            batches,
            calls,
            farewells,
            replies,
            gone,
            cancelled,
            wakers,
            unneeded,
            rearm,
            has_new_listeners,
            changed_origin,
            silent,
            acknowledged,
            withdrawn,
            unused,
            requests,
            notes,
            abandoned,
            ended_streams,
        } = other;
        self.batches.extend(batches);
        self.calls.extend(calls);
        self.farewells.extend(farewells);
        self.replies.extend(replies);
        self.gone.extend(gone);
        self.cancelled.extend(cancelled);
        self.wakers.extend(wakers);
        self.unneeded.extend(unneeded);
        self.rearm |= rearm;
        self.has_new_listeners |= has_new_listeners;
        self.changed_origin.extend(changed_origin);
        self.silent.extend(silent);
        self.acknowledged.extend(acknowledged);
        self.withdrawn.extend(withdrawn);
        self.unused.extend(unused);
        self.requests.extend(requests);
        self.notes.extend(notes);
        self.abandoned.extend(abandoned);
        self.ended_streams.extend(ended_streams);
    }

    /// Notes that the page of these waiters is gone.
    pub(super) fn mark_gone(
        &mut self,
        waiters: impl IntoIterator<Item = W>,
        error: impl Fn() -> Error,
    ) {
        let waiters = waiters.into_iter();
        self.gone.extend(waiters.map(|waiter| (waiter, error())));
    }
}
