//! How requests end.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::command_log::JsonResult;
use crate::hub::effects::Effects;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::flow::Flow;
use crate::hub::requests::message::{Caller, Ending, ResponderKind};
use crate::hub::requests::pending::{PendingRequest, RequestState};
use crate::model::error::{Error, ErrorCode, quoted};
use crate::model::name::EventName;

impl<W> Hub<W> {
    /// Ends what a page that is gone has sent, and what it has received. In this order: a page that sent a request to
    /// itself gets no reply.
    pub(in crate::hub) fn end_requests_of_page(
        &mut self,
        key: SubscriberKey,
        label: &str,
        sent: Vec<RequestId>,
        effects: &mut Effects<W>,
    ) {
        self.abandon_requests(sent, caller_gone, effects);
        for id in self.requests.to_webview(label) {
            let pending = self.requests.get(id);
            if pending.is_some_and(|pending| pending.state.is_with(key)) {
                self.end_with_page_gone(id, label, effects);
            }
        }
    }

    /// Ends what the page in this webview has sent.
    pub(in crate::hub) fn abandon_requests_from(&mut self, label: &str, effects: &mut Effects<W>) {
        let key = self.webviews.get(label).and_then(|webview| webview.session);
        let session = key.and_then(|key| self.sessions.get(&key));
        let sent = session.map(|session| session.sent_requests.ids().collect::<Vec<_>>());
        self.abandon_requests(sent.into_iter().flatten(), caller_gone, effects);
    }

    /// Ends requests whose caller is gone.
    fn abandon_requests(
        &mut self,
        ids: impl IntoIterator<Item = RequestId>,
        error: fn() -> Error,
        effects: &mut Effects<W>,
    ) {
        for id in ids {
            if let Some(pending) = self.take_pending(id, effects) {
                self.notify_responder(&pending, id, Ending::Cancelled, effects);
                self.note_end(&pending, &Err(error()), effects);
                effects.mark_gone(pending.waiters, error);
                let flow = pending.flow.map(|flow| *flow);
                effects
                    .wakers
                    .extend(flow.into_iter().flat_map(Flow::into_senders));
            }
        }
    }

    fn end_with_page_gone(&mut self, id: RequestId, label: &str, effects: &mut Effects<W>) {
        if let Some(pending) = self.take_pending(id, effects) {
            let error = Error::new(
                ErrorCode::PageGone,
                format!(
                    "the page in {} was closed, left or reloaded before it responded to {:?}",
                    quoted(label),
                    pending.message.name.as_str()
                ),
            );
            self.conclude(id, pending, Err(error), effects);
        }
    }

    /// Ends what waited for the next page of a webview that is gone.
    pub(in crate::hub) fn end_requests_waiting_for(
        &mut self,
        label: &str,
        effects: &mut Effects<W>,
    ) {
        for id in self.requests.to_webview(label) {
            self.end_with_page_gone(id, label, effects);
        }
    }

    pub(in crate::hub) fn end_all_requests(&mut self, effects: &mut Effects<W>) {
        let (mut of_pages, mut of_host) = (Vec::new(), Vec::new());
        for (id, pending) in self.requests.iter() {
            match pending.caller {
                Caller::Page(..) => of_pages.push(id),
                Caller::Host => of_host.push(id),
            }
        }
        self.abandon_requests(of_pages, app_exits, effects);
        for id in of_host {
            self.end_request(id, Err(app_exits()), Some(Ending::Cancelled), effects);
        }
    }

    /// Ends what is due: requests whose time is over, and those whose page has started without a responder.
    pub(in crate::hub) fn expire_requests(&mut self, now: Instant, effects: &mut Effects<W>) {
        while let Some((_, id)) = self.requests.first_due().filter(|(due, _)| *due <= now) {
            if self.postpone_timeout(id, now) {
                continue;
            }
            let Some(pending) = self.requests.get(id) else {
                return;
            };
            let error = match &pending.state {
                RequestState::Waiting { webview, until } if *until <= now => {
                    no_responder(webview, &pending.message.name)
                }
                _ => Error::new(
                    ErrorCode::Timeout,
                    format!(
                        "{} {:?} came within {:?}",
                        match pending.flow {
                            None => "no response to",
                            Some(_) => "neither a part nor the response of",
                        },
                        pending.message.name.as_str(),
                        pending.timeout.unwrap_or_default()
                    ),
                ),
            };
            self.end_request(id, Err(error), Some(Ending::Timeout), effects);
        }
    }

    /// Takes a request out of every index.
    pub(super) fn take_pending(
        &mut self,
        id: RequestId,
        effects: &mut Effects<W>,
    ) -> Option<PendingRequest<W>> {
        let pending = self.requests.remove(id)?;
        // To drop its bytes may run code of the app.
        if !pending.message.payload.attached().is_empty() {
            effects.requests.push(Arc::clone(&pending.message));
        }
        if let Caller::Page(key, number) = pending.caller
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.sent_requests.end(number, pending.flow.is_some());
        }
        if let RequestState::Page { key, .. } = pending.state
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.received_requests -= 1;
        }
        if pending.caller_half.is_some() {
            self.cut_inbox(id, pending.message.name.as_str(), effects);
        }
        Some(pending)
    }

    /// A page was there as long as it waited for a response, even without a call: its lease begins now, which is a time
    /// that [`Hub::expire`] knows.
    fn note_waited(&mut self, caller: Caller, effects: &mut Effects<W>) {
        let Caller::Page(key, _) = caller else {
            return;
        };
        let session = self.sessions.get_mut(&key);
        if let Some(session) = session.filter(|session| session.has_lease()) {
            session.has_waited = true;
            let due = session.last_seen;
            effects.rearm |= self.arm(due);
        }
    }

    /// Ends a request with this response. `ending` is what its responder is told, unless it has responded itself.
    pub(super) fn end_request(
        &mut self,
        id: RequestId,
        response: JsonResult,
        ending: Option<Ending>,
        effects: &mut Effects<W>,
    ) {
        let Some(pending) = self.take_pending(id, effects) else {
            effects.unused.extend(response);
            return;
        };
        if let Some(ending) = ending {
            self.notify_responder(&pending, id, ending, effects);
        }
        if let RequestState::Page { key, .. } = pending.state {
            self.end_idle_pull(key, effects);
        }
        self.conclude(id, pending, response, effects);
    }

    /// Hands the caller the end of a request.
    fn conclude(
        &mut self,
        id: RequestId,
        pending: PendingRequest<W>,
        response: JsonResult,
        effects: &mut Effects<W>,
    ) {
        self.note_end(&pending, &response, effects);
        match pending.flow {
            Some(flow) => {
                debug_assert!(pending.waiters.is_empty(), "streams have no waiters");
                self.end_stream(id, pending.caller, *flow, response, effects);
            }
            None => {
                self.note_waited(pending.caller, effects);
                reply_to_all(pending.waiters, response, effects);
            }
        }
    }

    /// Notes for others how a request has ended.
    fn note_end(
        &mut self,
        pending: &PendingRequest<W>,
        response: &JsonResult,
        effects: &mut Effects<W>,
    ) {
        let (message, from) = (&pending.message, pending.state.webview());
        self.tap_response(message, from, response, effects);
        if pending.flow.is_some() {
            let code = response.as_ref().err().map(Error::code);
            effects.ended_streams.push((message.id, code));
        }
    }

    /// Tells the responder that the caller waits no longer. A request that was not delivered is withdrawn instead.
    pub(super) fn notify_responder(
        &mut self,
        pending: &PendingRequest<W>,
        id: RequestId,
        ending: Ending,
        effects: &mut Effects<W>,
    ) {
        match &pending.state {
            RequestState::Host => effects.cancelled.push(id),
            RequestState::Waiting { .. } => {}
            RequestState::Page { key, .. } => {
                let after = self.seq;
                let Some(session) = self.sessions.get_mut(key) else {
                    return;
                };
                if session.outbox.messages.withdraw(id) {
                    return;
                }
                session.outbox.messages.push_ending(id, ending, after);
                // Its parked pull proves that the page was there then.
                let parked = session.parked.as_ref();
                let seen = parked.map_or(session.last_seen, |pull| pull.since);
                session.deliver(*key, seen, &mut self.room, effects);
            }
        }
    }
}

fn reply_to_all<W>(mut waiters: Vec<W>, response: JsonResult, effects: &mut Effects<W>) {
    // The last one gets the text itself: a response may be large, and mostly there is one waiter.
    let Some(last) = waiters.pop() else {
        effects.unused.extend(response);
        return;
    };
    let others = waiters.into_iter().map(|waiter| (waiter, response.clone()));
    effects.replies.extend(others);
    effects.replies.push((last, response));
}

/// The error for a page that took the place of the caller.
pub(super) fn caller_gone() -> Error {
    Error::new(
        ErrorCode::Unavailable,
        "this page's session ended while it waited for a response; whether the responder has responded is not known",
    )
}

fn app_exits() -> Error {
    Error::new(ErrorCode::Unavailable, "the app is exiting")
}

pub(super) fn no_responder(label: &str, name: &EventName) -> Error {
    Error::new(
        ErrorCode::NoResponder,
        format!(
            "the page in {} has no responder for {:?}; register one with respond(…) while the page starts",
            quoted(label),
            name.as_str()
        ),
    )
}

/// The error for a request of the other kind than its responder, which is of this kind.
pub(super) fn other_kind(label: &str, name: &EventName, kind: ResponderKind) -> Error {
    Error::new(
        ErrorCode::NoResponder,
        format!(
            "the page in {} responds to {:?} {}",
            quoted(label),
            name.as_str(),
            kind.describe()
        ),
    )
}
