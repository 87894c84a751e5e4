//! How each request has to end.

use super::requests::{End, Place, SentRequest};
use super::{WEBVIEWS, Waiter, World};
use crate::hub::command_log::JsonResult;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::message::{Caller, Ending};
use crate::model::error::{Error, ErrorCode};

impl World {
    pub(super) fn note_ends(
        &mut self,
        replies: Vec<(Waiter, JsonResult)>,
        gone: Vec<(Waiter, Error)>,
        cancelled: Vec<RequestId>,
    ) {
        let replies = replies.into_iter().map(|(waiter, result)| {
            let end = match result {
                Ok(response) => RequestId::parse(&response).map(End::Response),
                Err(error) => Some(End::Error(error.code())),
            };
            (waiter, end)
        });
        let gone = gone
            .into_iter()
            .map(|(waiter, _)| (waiter, Some(End::Gone)));
        for (waiter, end) in replies.chain(gone) {
            if let Waiter::Request(call) = waiter {
                self.ended.push((call, end.unwrap()));
            }
        }
        self.cancelled.extend(cancelled);
    }

    /// The ends that this step may have had for a request. None if it goes on.
    fn due_ends(&self, request: &SentRequest) -> Vec<End> {
        let is_live = |key: SubscriberKey| self.hub.sessions.contains_key(&key);
        if let Some(decided) = request.decided {
            return vec![decided];
        }
        match request.caller {
            Caller::Page(key, _) if !is_live(key) && self.is_taken_over => {
                return vec![End::Error(ErrorCode::Unavailable)];
            }
            Caller::Page(key, _) if !is_live(key) => return vec![End::Gone],
            _ => {}
        }
        let mut ends = Vec::new();
        match request.place {
            Place::Page { key, .. } if !is_live(key) => {
                return vec![End::Error(ErrorCode::PageGone)];
            }
            Place::Waiting { page, webview, .. }
                if self.hub.webview_number(WEBVIEWS[page]) != Some(webview) =>
            {
                return vec![End::Error(ErrorCode::PageGone)];
            }
            Place::Waiting { until, .. } if self.has_waited && until <= self.now => {
                ends.push(End::Error(ErrorCode::NoResponder));
            }
            _ => {}
        }
        if self.has_waited && request.due <= self.now {
            ends.push(End::Error(ErrorCode::Timeout));
        }
        ends
    }

    /// Every call has ended in this step that had to, as it had to, and no other.
    pub(super) fn check_requests(&mut self) {
        let mut ended = std::mem::take(&mut self.ended);
        let mut cancelled = std::mem::take(&mut self.cancelled);
        for at in 0..self.requests.len() {
            let request = &self.requests[at];
            if request.end.is_some() {
                continue;
            }
            let due = self.due_ends(request);
            if due.is_empty() {
                continue;
            }
            let mut ends = Vec::new();
            for call in &request.calls {
                let found = ended.iter().position(|(own, _)| own == call);
                let found = found.unwrap_or_else(|| panic!("{request:?} goes on: {due:?}"));
                ends.push(ended.swap_remove(found).1);
            }
            let end = ends[0];
            assert!(due.contains(&end), "{request:?} ends with {end:?}: {due:?}");
            assert!(ends.iter().all(|own| *own == end), "{ends:?}");
            let ending = match end {
                End::Error(ErrorCode::Timeout) => Some(Ending::Timeout),
                End::Error(ErrorCode::Cancelled | ErrorCode::Unavailable) | End::Gone => {
                    Some(Ending::Cancelled)
                }
                End::Response(_) | End::Error(_) => None,
            };
            let is_told = match request.place {
                Place::Page { key, .. } => {
                    request.is_delivered && self.hub.sessions.contains_key(&key)
                }
                Place::Host | Place::Waiting { .. } => false,
            };
            if matches!(request.place, Place::Host) && ending.is_some() {
                let found = cancelled.iter().position(|id| *id == request.id);
                cancelled.swap_remove(found.expect("the host is told"));
            }
            let request = &mut self.requests[at];
            request.ending = ending.filter(|_| is_told);
            request.end = Some(end);
        }
        assert!(ended.is_empty(), "{ended:?} ended twice, or too early");
        assert!(cancelled.is_empty(), "{cancelled:?}");
        let open = self.requests.iter().filter(|own| own.is_open()).count();
        assert_eq!(self.hub.open_requests(), open);
        (self.has_waited, self.is_taken_over) = (false, false);
    }

    /// Nothing is left of requests once all have ended.
    pub(super) fn check_nothing_left(&self) {
        assert!(self.hub.requests.is_empty(), "{:?}", self.hub.requests);
        for session in self.hub.sessions.values() {
            assert!(session.sent_requests.is_empty() && session.outbox.messages.is_empty());
            assert_eq!(session.received_requests, 0);
        }
        for request in &self.requests {
            let mut pages = self.pages.iter();
            if let Some(page) = pages.find(|page| page.key.is_some_and(|key| request.is_with(key)))
            {
                let is_told = page.endings.contains(&request.id);
                assert_eq!(is_told, request.ending.is_some(), "{request:?}");
                let has_come = page.requests.contains(&request.id);
                assert_eq!(has_come, request.is_delivered, "{request:?}");
            }
        }
    }
}
