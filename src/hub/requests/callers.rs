//! Sending requests, and cancelling them.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::effects::Effects;
use crate::hub::ids::{RequestId, SessionId, SubscriberKey};
use crate::hub::requests::channel::CallerHalf;
use crate::hub::requests::endings::caller_gone;
use crate::hub::requests::flow::Flow;
use crate::hub::requests::inbox::Inbox;
use crate::hub::requests::message::{
    Caller, Ending, NewRequest, Recipient, RequestMessage, ResponderKind,
};
use crate::hub::requests::pending::{PendingRequest, RequestState};
use crate::hub::requests::window::Credit;
use crate::hub::session::Session;
use crate::hub::sessions::session_ended;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;

/// How many copies of a page's request wait for its response. A browser sends one.
const MAX_COPIES: usize = 16;

impl<W> Hub<W> {
    /// How many requests have no response yet.
    #[cfg(test)]
    pub(crate) fn open_requests(&self) -> usize {
        self.requests.len()
    }

    /// How many streams the host reads.
    #[cfg(test)]
    pub(crate) fn open_inboxes(&self) -> usize {
        self.requests.inboxes.len()
    }

    /// Opens the session of a request, as its first command does. If it has ended and had sent this request, this is a
    /// copy, which must not go into the page's next session.
    pub(crate) fn open_for_request(
        &mut self,
        label: &str,
        id: SessionId,
        number: u64,
        origin: Option<String>,
        now: Instant,
    ) -> (Result<SubscriberKey>, Effects<W>) {
        let ended = self.ended_session(label, id);
        if ended.is_some_and(|ended| ended.sent_requests.is_used(number)) {
            return (Err(caller_gone()), Effects::default());
        }
        self.open_session(label, id, origin, now)
    }

    /// Sends a request: to its page or the host, or it waits for its page to start. Returns whether it is a new one, and
    /// not a copy that waits for the same response.
    pub(crate) fn request(
        &mut self,
        request: NewRequest,
        waiter: W,
        now: Instant,
    ) -> Result<(bool, Effects<W>), (W, Error)> {
        let mut effects = Effects::default();
        let is_stream = request.message.stream.is_some();
        let waiter = match self.join_pending(request.caller, is_stream, waiter, &mut effects) {
            Ok(()) => return Ok((false, effects)),
            Err(waiter) => waiter,
        };
        let state = match self.check_request(&request, now) {
            Ok(state) => state,
            Err(error) => return Err((waiter, error)),
        };
        let mut message = request.message;
        if let Some(taps) = &mut self.taps {
            taps.note_request(&message, state.webview(), &mut effects.wakers);
        }
        // The host has the request already, and a stream may be open for hours.
        if is_stream && matches!(state, RequestState::Host) {
            let payload = std::mem::replace(&mut message.payload, Json::from(""));
            effects.unused.push(payload);
        }
        let message = Arc::new(message);
        let id = message.id;
        if let Caller::Page(key, number) = request.caller
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session
                .sent_requests
                .begin(number, id, message.stream.is_some());
            if let Some(credit) = message.stream {
                session.outbox.streamed.open(number, credit.bytes);
            }
        }
        let flow = message
            .stream
            .map(|credit| Box::new(Flow::new(credit, now)));
        let caller_half = message
            .stream
            .filter(|_| message.is_channel)
            .map(|credit| Box::new(CallerHalf::new(credit)));
        let waiters = match flow {
            None => vec![waiter],
            Some(_) => {
                effects.replies.push((waiter, Ok(stream_sent(&message))));
                Vec::new()
            }
        };
        if flow.is_some() && (request.caller == Caller::Host || caller_half.is_some()) {
            self.requests.inboxes.insert(id, Inbox::default());
        }
        let page = match &state {
            RequestState::Page { key, .. } => Some(*key),
            RequestState::Host | RequestState::Waiting { .. } => None,
        };
        let pending = PendingRequest {
            place: self.requests.next_place(),
            message: Arc::clone(&message),
            caller: request.caller,
            state,
            timeout: request.timeout,
            due: request.timeout.map(|timeout| now + timeout),
            #[cfg(feature = "inspector")]
            sent: now,
            waiters,
            flow,
            caller_half,
        };
        let next = pending.next_due();
        self.requests.insert(id, pending);
        if let Some(page) = page {
            self.deliver_request(page, message, now, &mut effects);
        }
        effects.rearm |= next.is_some_and(|next| self.arm(next));
        Ok((true, effects))
    }

    /// Lets a copy of a page's request wait for the same response, unless too many do.
    fn join_pending(
        &mut self,
        caller: Caller,
        is_stream: bool,
        waiter: W,
        effects: &mut Effects<W>,
    ) -> Result<(), W> {
        let Caller::Page(key, number) = caller else {
            return Err(waiter);
        };
        let session = self.sessions.get(&key);
        let log = session.map(|session| &session.sent_requests);
        let id = log.and_then(|log| log.find(number));
        if is_stream {
            let is_used = log.is_some_and(|log| log.has_used(number));
            let pending = id.and_then(|id| self.requests.get(id));
            // The number is used for a request for one response.
            if !is_used || pending.is_some_and(|pending| pending.flow.is_none()) {
                return Err(waiter);
            }
            // A stream tells of its end by other ways than this reply. So a copy that comes after the end is no error.
            let reply = pending.map_or_else(nothing, |pending| stream_sent(&pending.message));
            effects.replies.push((waiter, Ok(reply)));
            return Ok(());
        }
        match id.and_then(|id| self.requests.get_mut(id)) {
            // A stream has no waiters. This is no copy, but a number that is used twice.
            Some(pending) if pending.flow.is_none() && pending.waiters.len() < MAX_COPIES => {
                pending.waiters.push(waiter);
                Ok(())
            }
            _ => Err(waiter),
        }
    }

    fn check_request(&self, request: &NewRequest, now: Instant) -> Result<RequestState> {
        let name = request.message.name.as_str();
        if self.exiting {
            return Err(Error::new(
                ErrorCode::Unavailable,
                format!("the app is exiting; the request {name:?} was not sent"),
            ));
        }
        if let Caller::Page(key, number) = request.caller {
            let Some(session) = self.sessions.get(&key) else {
                return Err(session_ended());
            };
            if session.sent_requests.is_used(number) {
                return Err(number_used(number));
            }
            self.check_caller(session, &request.message)?;
        }
        if let Some(provenance) = &request.message.provenance {
            provenance.check(&request.message.name, self.limits.hops)?;
        }
        Self::check_channel(request)?;
        let state = match &request.to {
            Recipient::Host | Recipient::Node(_) => RequestState::Host,
            Recipient::Page(label) => {
                let message = &request.message;
                self.route_to_page(label, &message.name, message.kind(), now)?
            }
        };
        let usage = self.requests.usage_of(state.webview());
        let bytes = usage.bytes;
        let weight = request.message.weight();
        let (count, what, limit, key) = match request.message.kind() {
            ResponderKind::Single => (
                usage.requests,
                "requests",
                self.limits.requests_per_page,
                "requestsPerPage",
            ),
            ResponderKind::Stream | ResponderKind::Channel => (
                usage.streams,
                "streams",
                self.limits.streams_per_page,
                "streamsPerPage",
            ),
        };
        if count >= limit || (bytes > 0 && bytes + weight > self.limits.queue_bytes) {
            let recipient = match state.webview() {
                Some(label) => format!("the page in {label:?}"),
                None => "the host".to_owned(),
            };
            return Err(Error::new(
                ErrorCode::QueueFull,
                format!(
                    "{recipient} has {count} {what}, and {bytes} bytes of requests, to respond to, and the limits are {limit} ({key}) and {} bytes (queueBytes); the request {name:?} was not sent",
                    self.limits.queue_bytes
                ),
            ));
        }
        Ok(state)
    }

    /// Checks that a page may wait for another response, or receive another stream.
    fn check_caller(&self, session: &Session<W>, message: &RequestMessage) -> Result<()> {
        let ends = session.outbox.streamed.unacknowledged_ends();
        let (count, limit) = match message.kind() {
            ResponderKind::Single => (session.sent_requests.len(), self.limits.requests_per_caller),
            ResponderKind::Stream | ResponderKind::Channel => (
                session.sent_requests.streams() + ends,
                self.limits.streams_per_caller,
            ),
        };
        let asked = message.stream.map_or(0, |credit| credit.bytes);
        let reserved = session.outbox.streamed.reserved();
        if asked > 0 && reserved + asked > self.limits.queue_bytes {
            return Err(Error::new(
                ErrorCode::QueueFull,
                format!(
                    "the streams of this page have a credit of {reserved} bytes in all, and the limit is {} (queueBytes); the request {:?} for {asked} more was not sent",
                    self.limits.queue_bytes,
                    message.name.as_str()
                ),
            ));
        }
        if count < limit {
            return Ok(());
        }
        let what = match message.kind() {
            ResponderKind::Single => {
                format!("waits for {count} responses, and that is the limit (requestsPerCaller)")
            }
            ResponderKind::Stream | ResponderKind::Channel => format!(
                "receives {count} streams, with those whose end it has not acknowledged, and that is the limit (streamsPerCaller)"
            ),
        };
        Err(Error::new(
            ErrorCode::QueueFull,
            format!(
                "this page {what}; the request {:?} was not sent",
                message.name.as_str()
            ),
        ))
    }

    pub(super) fn deliver_request(
        &mut self,
        page: SubscriberKey,
        message: Arc<RequestMessage>,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let after = self.seq;
        if let Some(session) = self.sessions.get_mut(&page) {
            session.received_requests += 1;
            session.outbox.messages.push_request(message, after);
            session.deliver(page, now, &mut self.room, effects);
        }
    }

    /// Cancels a request: its caller waits no longer.
    pub(crate) fn cancel(&mut self, id: RequestId) -> Effects<W> {
        let mut effects = Effects::default();
        let cancelled = Error::new(ErrorCode::Cancelled, "the caller cancelled the request");
        self.end_request(id, Err(cancelled), Some(Ending::Cancelled), &mut effects);
        effects
    }

    /// Cancels a page's request. If it has yet to arrive, it is not sent when it does.
    pub(crate) fn cancel_from_page(
        &mut self,
        label: &str,
        session: SessionId,
        number: u64,
    ) -> Effects<W> {
        let key = self.session_key(label, session).ok();
        let Some(session) = key.and_then(|key| self.sessions.get_mut(&key)) else {
            return Effects::default();
        };
        match session.sent_requests.find(number) {
            Some(id) => {
                let mut effects = Effects::default();
                match self.cancel_stream(id, &mut effects) {
                    true => effects,
                    false => self.cancel(id),
                }
            }
            None => {
                session.sent_requests.mark_used(number);
                Effects::default()
            }
        }
    }
}

/// The reply to a request for a stream. That to a request for a channel has the credit of its caller.
fn stream_sent(message: &RequestMessage) -> Json {
    match message.stream.filter(|_| message.is_channel) {
        Some(Credit { bytes, parts }) => {
            let credit = format!("{{\"credit\":{{\"bytes\":{bytes},\"parts\":{parts}}}}}");
            Json::from(credit)
        }
        None => nothing(),
    }
}

fn nothing() -> Json {
    Json::from("{}")
}

fn number_used(number: u64) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "the request {number} of this session was sent before, and its response is not kept; give each request a number of its own"
        ),
    )
}
