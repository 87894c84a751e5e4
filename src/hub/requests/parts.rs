//! Parts of streams: who may send one, where it goes, and what follows when it is taken.

use std::task::{Poll, Waker};
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::command_log::JsonResult;
use crate::hub::effects::Effects;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::flow::{Flow, SendTicket};
use crate::hub::requests::inbox::{Inbox, Received};
use crate::hub::requests::message::{Caller, Ending};
use crate::hub::requests::part::{PagePart, StreamEnd, part_size};
use crate::hub::requests::pending::RequestState;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;

/// What became of a part that the host sends.
#[derive(Debug)]
pub(crate) enum PartSent {
    Accepted,
    /// There is no credit. The ticket is that of the waker, if one was kept.
    Waits(Json, Option<SendTicket>),
    /// The stream has ended.
    Ended(Json),
}

/// Whether the response of a stream may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndPlace {
    Ready,
    /// Its consumer has not acknowledged what came before.
    Waits(SendTicket),
}

impl<W> Hub<W> {
    /// Sends a part of a stream that the host responds to. Without credit, keeps the waker in place of the last one.
    pub(crate) fn send_part(
        &mut self,
        id: RequestId,
        part: Json,
        ticket: Option<SendTicket>,
        waker: Option<Waker>,
        now: Instant,
    ) -> (PartSent, Effects<W>) {
        let mut effects = Effects::default();
        let has_room = self.has_room_for_part(id, part_size(&part));
        let flow = self.requests.flow_mut(id);
        let Some(flow) = flow.filter(|flow| !flow.is_closed) else {
            effects.unneeded.extend(waker);
            return (PartSent::Ended(part), effects);
        };
        if !has_room {
            let waits = waker.map(|waker| flow.wait(ticket, waker));
            let (ticket, unneeded) = waits.unzip();
            effects.unneeded.extend(unneeded.flatten());
            return (PartSent::Waits(part, ticket), effects);
        }
        let place = ticket.and_then(|ticket| flow.stop_waiting(ticket));
        effects.unneeded.extend(place.into_iter().chain(waker));
        self.forward_part(id, part, now, &mut effects);
        (PartSent::Accepted, effects)
    }

    /// Whether the host may send the response of a stream. Otherwise keeps the waker in place of the last one.
    pub(crate) fn poll_end(
        &mut self,
        id: RequestId,
        ticket: Option<SendTicket>,
        waker: Waker,
    ) -> (EndPlace, Effects<W>) {
        let mut effects = Effects::default();
        let has_room = self.has_room_at_consumer(id);
        let flow = self.requests.flow_mut(id).filter(|_| !has_room);
        let Some(flow) = flow else {
            effects.unneeded.push(waker);
            return (EndPlace::Ready, effects);
        };
        let (ticket, unneeded) = flow.wait(ticket, waker);
        effects.unneeded.extend(unneeded);
        (EndPlace::Waits(ticket), effects)
    }

    /// Forgets a send of the host that waits no longer.
    pub(crate) fn stop_sending(&mut self, id: RequestId, ticket: SendTicket) -> Option<Waker> {
        self.requests.flow_mut(id)?.stop_waiting(ticket)
    }

    /// Sends a part of a stream that a page responds to, which is its `number`-th. A page that sends what it may not ends the
    /// stream.
    pub(crate) fn send_part_from_page(
        &mut self,
        key: SubscriberKey,
        id: RequestId,
        number: u64,
        part: Result<Json>,
        now: Instant,
    ) -> (Result<()>, Effects<W>) {
        let mut effects = Effects::default();
        // Parts of a page that is being left may overtake each other. That is no end: the page is about to be gone.
        if let Err(error) = self.check_part_number(key, id, number) {
            effects.unused.extend(part);
            return (Err(error), effects);
        }
        let refused = match part {
            Ok(part) => match self.check_credit(id, number, part_size(&part)) {
                Ok(()) => {
                    self.forward_part(id, part, now, &mut effects);
                    return (Ok(()), effects);
                }
                Err(error) => {
                    effects.unused.push(part);
                    error
                }
            },
            Err(error) => error,
        };
        self.end_request(id, Err(refused.clone()), None, &mut effects);
        (Err(refused), effects)
    }

    fn check_part_number(&self, key: SubscriberKey, id: RequestId, number: u64) -> Result<()> {
        let name = self.pending_request_name(key, id)?;
        let name = name.as_str();
        let flow = self.requests.get(id).and_then(|own| own.flow.as_ref());
        let Some(flow) = flow else {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("{name:?} is a request for one response; it takes no parts"),
            ));
        };
        let next = flow.window.sent() + 1;
        if number == next {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "part {number} of the stream {name:?} came where part {next} was due; number parts from 1 and send each once"
            ),
        ))
    }

    fn check_credit(&self, id: RequestId, number: u64, size: usize) -> Result<()> {
        let pending = self.requests.get(id);
        let Some((pending, flow)) = pending.and_then(|own| Some((own, own.flow.as_ref()?))) else {
            return Ok(());
        };
        let name = pending.message.name.as_str();
        if !flow.window.has_credit() {
            return Err(Error::new(
                ErrorCode::QueueFull,
                format!(
                    "part {number} of the stream {name:?} came without credit: {} parts were taken; wait until the host gives more",
                    flow.window.taken()
                ),
            ));
        }
        if self.has_room_for_part(id, size) {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::QueueFull,
            format!(
                "part {number} of the stream {name:?} has {size} bytes, which is more than its credit, and the page that receives it has not acknowledged {} bytes (queueBytes); send smaller parts",
                self.limits.queue_bytes
            ),
        ))
    }

    /// Whether a part of this size may be sent now. One that is larger than what is left of its credit needs room at the page
    /// that receives it; all others have a place reserved there.
    fn has_room_for_part(&self, id: RequestId, size: usize) -> bool {
        let flow = self.requests.get(id).and_then(|own| own.flow.as_ref());
        flow.is_some_and(|flow| {
            let window = &flow.window;
            window.has_credit() && (size <= window.left() || self.has_room_at_consumer(id))
        })
    }

    /// Whether the page that receives a stream has acknowledged so much that it may be sent more than it has credit for.
    pub(super) fn has_room_at_consumer(&self, id: RequestId) -> bool {
        let caller = self.requests.get(id).map(|pending| pending.caller);
        let page = match caller {
            Some(Caller::Page(key, _)) => self.sessions.get(&key),
            Some(Caller::Host) | None => None,
        };
        page.is_none_or(|page| page.outbox.streamed.bytes() < self.limits.queue_bytes)
    }

    /// Hands a part over to the caller of the stream.
    fn forward_part(&mut self, id: RequestId, part: Json, now: Instant, effects: &mut Effects<W>) {
        let after = self.seq;
        let Some(pending) = self.requests.get_mut(id) else {
            return;
        };
        let Some(flow) = pending.flow.as_deref_mut() else {
            return;
        };
        let is_due = flow.window.send(part_size(&part));
        flow.note_sent(now);
        match pending.caller {
            Caller::Host => {
                let inbox = self.requests.inboxes.get_mut(&id);
                effects
                    .wakers
                    .extend(inbox.and_then(|inbox| inbox.push(part)));
            }
            Caller::Page(key, stream) => {
                if let Some(session) = self.sessions.get_mut(&key) {
                    let part = PagePart {
                        stream,
                        payload: part,
                        is_due,
                    };
                    session.outbox.streamed.push_part(part, after);
                    session.deliver(key, now, &mut self.room, effects);
                }
            }
        }
    }

    /// Notes that a page has taken so many parts of a stream that it requested under this number.
    pub(crate) fn take_parts(
        &mut self,
        key: SubscriberKey,
        stream: u64,
        count: u64,
        now: Instant,
    ) -> (Result<()>, Effects<W>) {
        let mut effects = Effects::default();
        let found = self.sessions.get(&key).and_then(|session| {
            let id = session.sent_requests.find(stream)?;
            Some((id, session.outbox.streamed.delivered_parts(stream)))
        });
        // One that has ended needs no credit.
        let Some((id, delivered)) = found else {
            return (Ok(()), effects);
        };
        if count > delivered {
            let error = Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "this page cannot have taken {count} parts of its stream {stream}: {delivered} were delivered"
                ),
            );
            return (Err(error), effects);
        }
        self.note_taken(id, count, now, &mut effects);
        (Ok(()), effects)
    }

    /// A page receives a stream no longer. If the request has yet to come, it is not sent when it does.
    pub(crate) fn stop_stream(&mut self, key: SubscriberKey, stream: u64) -> Effects<W> {
        let mut effects = Effects::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return effects;
        };
        match session.sent_requests.find(stream) {
            Some(id) => {
                self.cancel_stream(id, &mut effects);
            }
            None => {
                session.sent_requests.mark_used(stream);
                // It may have ended, while its last items still wait.
                self.withdraw_stream(key, stream, &mut effects);
            }
        }
        effects
    }

    /// Takes back what a page has not fetched of a stream that it receives no longer.
    fn withdraw_stream(&mut self, key: SubscriberKey, stream: u64, effects: &mut Effects<W>) {
        if let Some(session) = self.sessions.get_mut(&key) {
            let streamed = &mut session.outbox.streamed;
            let before = streamed.bytes();
            effects.withdrawn.push(streamed.withdraw(stream));
            session.outbox.messages.withdraw_notes(stream);
            self.recheck_room_for_parts(key, before, effects);
        }
        self.end_idle_pull(key, effects);
    }

    /// What the host reads next of a stream that it requested; `None` behind its end.
    pub(crate) fn poll_parts(
        &mut self,
        id: RequestId,
        waker: Waker,
        now: Instant,
    ) -> (Poll<Option<Received>>, Effects<W>) {
        let mut effects = Effects::default();
        let is_open = self.requests.get(id).is_some();
        let Some(inbox) = self.requests.inboxes.get_mut(&id) else {
            effects.unneeded.push(waker);
            return (Poll::Ready(None), effects);
        };
        let next = inbox.next();
        if next.is_none() && is_open {
            effects.unneeded.extend(inbox.wait(waker));
            return (Poll::Pending, effects);
        }
        effects.unneeded.push(waker);
        if let Some(Received::Part(_)) = next {
            self.note_part_read(id, now, &mut effects);
        }
        (Poll::Ready(next), effects)
    }

    /// The host has read a part, of a stream that it requested or of a channel.
    fn note_part_read(&mut self, id: RequestId, now: Instant, effects: &mut Effects<W>) {
        if self.requests.caller_half(id).is_some() {
            self.note_read(id, now, effects);
        } else if let Some(flow) = self.requests.flow_mut(id) {
            let count = flow.window.taken() + 1;
            self.note_taken(id, count, now, effects);
        }
    }

    /// Ends the reading of a stream, and with it the stream, unless it is a channel. Returns what was not read, to be dropped
    /// after the lock.
    pub(crate) fn close_inbox(
        &mut self,
        id: RequestId,
        now: Instant,
    ) -> (Option<Inbox>, Effects<W>) {
        let inbox = self.requests.inboxes.remove(&id);
        let mut effects = Effects::default();
        if !self.stop_reading(id, now, &mut effects) {
            self.cancel_stream(id, &mut effects);
        }
        (inbox, effects)
    }

    fn note_taken(&mut self, id: RequestId, count: u64, now: Instant, effects: &mut Effects<W>) {
        let after = self.seq;
        let Some(pending) = self.requests.get_mut(id) else {
            return;
        };
        let Some(flow) = pending.flow.as_deref_mut() else {
            return;
        };
        let had_credit = flow.window.has_credit();
        if flow.window.take(count) != Some(true) {
            return;
        }
        let replenished = flow.window.replenished();
        effects.wakers.extend(flow.wake());
        if let RequestState::Page { key, .. } = &pending.state
            && let Some(session) = self.sessions.get_mut(key)
        {
            let messages = &mut session.outbox.messages;
            messages.push_credit(id, replenished, after);
            session.deliver(*key, now, &mut self.room, effects);
        }
        if !had_credit {
            self.restart_timeout(id, now, effects);
        }
    }

    /// The sender of a stream can go on, so its silence counts from now.
    fn restart_timeout(&mut self, id: RequestId, now: Instant, effects: &mut Effects<W>) {
        let Some(pending) = self.requests.get_mut(id) else {
            return;
        };
        let Some((flow, timeout)) = pending.flow.as_mut().zip(pending.timeout) else {
            return;
        };
        flow.note_sent(now);
        let due = now + timeout;
        self.requests.set_due(id, Some(due));
        effects.rearm |= self.arm(due);
    }

    /// Moves the timeout of a stream whose sender was not silent for so long, or waits for credit. Returns whether it did.
    pub(super) fn postpone_timeout(&mut self, id: RequestId, now: Instant) -> bool {
        let Some(pending) = self.requests.get_mut(id) else {
            return false;
        };
        let is_waiting =
            matches!(pending.state, RequestState::Waiting { until, .. } if until <= now);
        let Some((flow, timeout)) = pending.flow.as_mut().zip(pending.timeout) else {
            return false;
        };
        if is_waiting {
            return false;
        }
        // A sender that waits for room at its consumer is not silent.
        if flow.has_waited() {
            flow.note_sent(now);
        }
        // Credit that comes back sets it again.
        let has_credit = flow.window.has_credit();
        let due = has_credit.then(|| flow.quiet_since + timeout);
        if due.is_some_and(|due| due <= now) {
            return false;
        }
        self.requests.set_due(id, due);
        true
    }

    /// Wakes the senders of a page's streams if it left no room before, and does now.
    pub(in crate::hub) fn recheck_room_for_parts(
        &mut self,
        key: SubscriberKey,
        bytes_before: usize,
        effects: &mut Effects<W>,
    ) {
        let limit = self.limits.queue_bytes;
        let Some(session) = self.sessions.get(&key).filter(|_| bytes_before >= limit) else {
            return;
        };
        if session.outbox.streamed.bytes() >= limit {
            return;
        }
        for id in session.sent_requests.ids().collect::<Vec<_>>() {
            if let Some(flow) = self.requests.flow_mut(id) {
                effects.wakers.extend(flow.wake());
            }
        }
    }

    /// Forgets the payloads of the requests for streams that a page has acknowledged.
    pub(in crate::hub) fn release_requests(
        &mut self,
        key: SubscriberKey,
        effects: &mut Effects<W>,
    ) {
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        for id in session.outbox.take_acknowledged_requests() {
            effects.requests.extend(self.requests.release(id));
        }
    }

    /// Hands the end of a stream over, behind its parts.
    pub(super) fn end_stream(
        &mut self,
        id: RequestId,
        caller: Caller,
        flow: Flow,
        response: JsonResult,
        effects: &mut Effects<W>,
    ) {
        effects.wakers.extend(flow.into_senders());
        match caller {
            Caller::Host => {
                let inbox = self.requests.inboxes.get_mut(&id);
                let woken = inbox.and_then(|inbox| inbox.end(response));
                effects.wakers.extend(woken);
            }
            Caller::Page(key, stream) => {
                let after = self.seq;
                if let Some(session) = self.sessions.get_mut(&key) {
                    let end = StreamEnd {
                        stream,
                        response,
                        reserved: 0,
                    };
                    session.outbox.streamed.push_end(end, after);
                    // Its parked pull proves that the page was there then.
                    let parked = session.parked.as_ref();
                    let seen = parked.map_or(session.last_seen, |pull| pull.since);
                    session.deliver(key, seen, &mut self.room, effects);
                }
            }
        }
    }

    /// Ends a stream that its caller receives no longer. Returns false if this is no stream.
    pub(super) fn cancel_stream(&mut self, id: RequestId, effects: &mut Effects<W>) -> bool {
        let pending = self.requests.get(id);
        if pending.is_none_or(|pending| pending.flow.is_none()) {
            return false;
        }
        let Some(pending) = self.take_pending(id, effects) else {
            return false;
        };
        debug_assert!(pending.waiters.is_empty(), "streams have no waiters");
        self.notify_responder(&pending, id, Ending::Cancelled, effects);
        if let RequestState::Page { key, .. } = pending.state {
            self.end_idle_pull(key, effects);
        }
        let flow = pending.flow.map(|flow| *flow);
        effects
            .wakers
            .extend(flow.into_iter().flat_map(Flow::into_senders));
        if let Caller::Page(key, stream) = pending.caller {
            self.withdraw_stream(key, stream, effects);
        }
        true
    }
}
