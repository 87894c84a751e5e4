//! Responders of pages, and what they respond.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::command_log::JsonResult;
use crate::hub::effects::Effects;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::endings::{no_responder, other_kind};
use crate::hub::requests::message::ResponderKind;
use crate::hub::requests::pending::RequestState;
use crate::hub::sessions::session_ended;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::name::EventName;

impl<W> Hub<W> {
    /// Registers a page's responder for this name. The page gets the requests that waited for it.
    pub(crate) fn add_responder(
        &mut self,
        key: SubscriberKey,
        name: EventName,
        kind: ResponderKind,
        now: Instant,
    ) -> (Result<()>, Effects<W>) {
        let mut effects = Effects::default();
        let limit = self.limits.responders_per_page;
        let Some(session) = self.sessions.get_mut(&key) else {
            return (Err(session_ended()), effects);
        };
        if session.responders.contains_key(&name) {
            let error = Error::new(
                ErrorCode::DuplicateResponder,
                format!(
                    "this page already has a responder for {:?}; a page has one for each name, so end that one first",
                    name.as_str()
                ),
            );
            return (Err(error), effects);
        }
        if session.responders.len() >= limit {
            let error = Error::new(
                ErrorCode::QueueFull,
                format!(
                    "this page has {limit} responders, and that is the limit (respondersPerPage); end some before you register one for {:?}",
                    name.as_str()
                ),
            );
            return (Err(error), effects);
        }
        session.responders.insert(name.clone(), kind);
        let webview = Arc::clone(&session.webview);
        let mut waiting: Vec<RequestId> = self.requests.to_webview(&webview);
        waiting.retain(|id| {
            self.requests.get(*id).is_some_and(|pending| {
                pending.message.name == name
                    && matches!(pending.state, RequestState::Waiting { .. })
            })
        });
        for id in waiting {
            let is_other =
                (self.requests.get(id)).is_some_and(|pending| pending.message.kind() != kind);
            if is_other {
                let error = other_kind(&webview, &name, kind);
                self.end_request(id, Err(error), None, &mut effects);
                continue;
            }
            let Some(mut pending) = self.requests.remove(id) else {
                continue;
            };
            pending.state = RequestState::Page {
                webview: Arc::clone(&webview),
                key,
            };
            let message = Arc::clone(&pending.message);
            self.requests.insert(id, pending);
            self.deliver_request(key, message, now, &mut effects);
        }
        (Ok(()), effects)
    }

    /// Removes a page's responder. Requests that the page has not been given end; it may still respond to the others.
    pub(crate) fn remove_responder(&mut self, key: SubscriberKey, name: &EventName) -> Effects<W> {
        let mut effects = Effects::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return effects;
        };
        if session.responders.remove(name).is_none() {
            return effects;
        }
        let label = Arc::clone(&session.webview);
        for id in session.outbox.messages.withdraw_all(name) {
            self.end_request(id, Err(no_responder(&label, name)), None, &mut effects);
        }
        self.end_idle_pull(key, &mut effects);
        effects
    }

    /// The name of a request that waits for a response of this page.
    pub(crate) fn pending_request_name(
        &self,
        key: SubscriberKey,
        id: RequestId,
    ) -> Result<EventName> {
        let pending = self.requests.get(id);
        pending
            .filter(|pending| pending.state.is_with(key))
            .map(|pending| pending.message.name.clone())
            .ok_or_else(|| {
                Error::new(
                    ErrorCode::UnknownRequest,
                    format!(
                        "no request {id} waits for this page: it was not sent here, has its response already, or its caller waits no longer"
                    ),
                )
            })
    }

    /// Ends a request with the response of its page. That of a stream says how many parts came before it: commands of a page
    /// that is being left may overtake each other, and a stream with a hole must not look whole.
    pub(crate) fn respond_from_page(
        &mut self,
        key: SubscriberKey,
        id: RequestId,
        response: JsonResult,
        after: Option<u64>,
    ) -> Result<Effects<W>> {
        let name = self.pending_request_name(key, id)?;
        let mut response = response;
        let mut effects = Effects::default();
        if let Some(pending) = self.requests.get(id)
            && let Some(flow) = &pending.flow
        {
            let sent = flow.window.sent();
            if response.is_ok() && after.unwrap_or(0) != sent {
                return Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "the end of the stream {:?} comes after {} parts, and {sent} have come; send all parts before it",
                        name.as_str(),
                        after.unwrap_or(0)
                    ),
                ));
            }
            if response.is_ok() && !self.has_room_at_consumer(id) {
                let error = Error::new(
                    ErrorCode::QueueFull,
                    format!(
                        "the page that receives the stream {:?} has no room for its response: it has not acknowledged {} bytes (queueBytes)",
                        name.as_str(),
                        self.limits.queue_bytes
                    ),
                );
                let unsent = std::mem::replace(&mut response, Err(error));
                effects.unused.extend(unsent);
            }
        }
        self.end_request(id, response, None, &mut effects);
        Ok(effects)
    }

    /// Ends a request that its page has no responder for any more.
    pub(crate) fn decline(&mut self, key: SubscriberKey, id: RequestId) -> Result<Effects<W>> {
        let name = self.pending_request_name(key, id)?;
        let session = self.sessions.get(&key);
        let label = session.map_or_else(|| Arc::from(""), |session| Arc::clone(&session.webview));
        let mut effects = Effects::default();
        self.end_request(id, Err(no_responder(&label, &name)), None, &mut effects);
        Ok(effects)
    }

    /// Ends a request with the response of the host. Does nothing if the request has ended.
    pub(crate) fn respond_from_host(&mut self, id: RequestId, response: JsonResult) -> Effects<W> {
        let mut effects = Effects::default();
        self.end_request(id, response, None, &mut effects);
        effects
    }
}
