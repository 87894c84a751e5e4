//! Requests: how callers and responders act.

use std::time::{Duration, Instant};

use super::steps::Fate;
use super::{WEBVIEWS, Waiter, World};
use crate::hub::Effects;
use crate::hub::ids::{RequestId, SessionId, SubscriberKey};
use crate::hub::outbox::{Batch, Item};
use crate::hub::requests::message::{
    Caller, Ending, NewRequest, Recipient, RequestMessage, ResponderKind,
};
use crate::hub::requests::recipients::GRACE;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode};
use crate::model::name::EventName;

pub(super) const REQUESTS: [&str; 2] = ["confirm", "price"];

/// How many calls wait for one response at most.
const MAX_WAITERS: usize = 16;

/// Whether a call is a new one, or who waits and why it is refused.
type SendResult = Result<(bool, Effects<Waiter>), (Waiter, Error)>;

/// How a call of `request` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With the response to this request.
    Response(RequestId),
    Error(ErrorCode),
    /// Its page is gone, so nothing receives a response.
    Gone,
}

/// Where a request is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Host,
    /// It waits for a responder of the page in this webview.
    Waiting {
        page: usize,
        webview: u64,
        until: Instant,
    },
    /// It is with a page, behind the events up to a sequence number.
    Page {
        page: usize,
        key: SubscriberKey,
        after: u64,
    },
}

/// A request that was accepted.
#[derive(Debug)]
pub(super) struct SentRequest {
    pub(super) id: RequestId,
    pub(super) name: &'static str,
    pub(super) caller: Caller,
    /// The page of the caller, and its session.
    pub(super) from: Option<(usize, SessionId)>,
    pub(super) place: Place,
    pub(super) due: Instant,
    /// The calls that wait for its response: the first one, and its copies.
    pub(super) calls: Vec<u64>,
    pub(super) is_delivered: bool,
    /// What ends it in this step.
    pub(super) decided: Option<End>,
    pub(super) end: Option<End>,
    /// What its responder has to be told.
    pub(super) ending: Option<Ending>,
}

impl SentRequest {
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none() && self.decided.is_none()
    }

    pub(super) fn is_with(&self, page: SubscriberKey) -> bool {
        matches!(self.place, Place::Page { key, .. } if key == page)
    }

    fn waits_for(&self, own: usize, name: &str) -> bool {
        matches!(self.place, Place::Waiting { page, .. } if page == own)
            && self.name == name
            && self.is_open()
    }
}

/// The `which`-th of these from the end.
fn newest<T>(all: impl DoubleEndedIterator<Item = T>, which: usize) -> Option<T> {
    all.rev().nth(which)
}

impl World {
    // What callers do

    pub(super) fn request(
        &mut self,
        from: Option<usize>,
        to: Option<usize>,
        name: &'static str,
        millis: u64,
    ) {
        let caller = match from {
            None => Caller::Host,
            Some(page) => {
                let key = self.command(page);
                self.pages[page].newest_request += 1;
                Caller::Page(key, self.pages[page].newest_request)
            }
        };
        let from = from.map(|page| (page, self.pages[page].session));
        let expected = self.first_place(to, name);
        let timeout = Duration::from_millis(millis);
        let (id, call, sent) = self.send(caller, to, name, timeout);
        match sent {
            Ok((is_new, effects)) => {
                assert!(is_new);
                self.requests.push(SentRequest {
                    id,
                    name,
                    caller,
                    from,
                    place: expected.unwrap(),
                    due: self.now + timeout,
                    calls: vec![call],
                    is_delivered: false,
                    decided: None,
                    end: None,
                    ending: None,
                });
                self.apply_effects(effects);
            }
            Err((_, error)) => assert_eq!(Some(error.code()), expected.err(), "{error}"),
        }
    }

    fn send(
        &mut self,
        caller: Caller,
        to: Option<usize>,
        name: &str,
        timeout: Duration,
    ) -> (RequestId, u64, SendResult) {
        self.newest_call += 1;
        let id = RequestId::of(self.newest_call.into());
        let request = NewRequest {
            message: RequestMessage {
                id,
                name: EventName::parse(name).unwrap(),
                payload: "null".into(),
                source: Endpoint::Host,
                provenance: None,
                stream: None,
                is_channel: false,
            },
            caller,
            to: match to {
                None => Recipient::Host,
                Some(page) => Recipient::Page(WEBVIEWS[page].into()),
            },
            timeout: Some(timeout),
        };
        let waiter = Waiter::Request(self.newest_call);
        let sent = self.hub.request(request, waiter, self.now);
        (id, self.newest_call, sent)
    }

    /// Where a new request is at first, or the error that refuses it.
    fn first_place(&self, to: Option<usize>, name: &str) -> Result<Place, ErrorCode> {
        let Some(page) = to else {
            return Ok(Place::Host);
        };
        let Some(webview) = self.hub.webview_number(WEBVIEWS[page]) else {
            return Err(ErrorCode::UnknownTarget);
        };
        let own = &self.pages[page];
        let (is_live, after) = (self.is_live(page), self.hub.seq);
        if let Some(key) = own.key
            && is_live
            && own.responders.contains(name)
        {
            return Ok(Place::Page { page, key, after });
        }
        let until = if is_live { own.opened } else { self.now } + GRACE;
        if until <= self.now {
            return Err(ErrorCode::NoResponder);
        }
        Ok(Place::Waiting {
            page,
            webview,
            until,
        })
    }

    pub(super) fn copy_request(&mut self, which: usize) {
        let of_pages = (0..self.requests.len()).filter(|at| self.requests[*at].from.is_some());
        let Some(at) = newest(of_pages, which) else {
            return;
        };
        let (caller, name) = (self.requests[at].caller, self.requests[at].name);
        let (_, call, sent) = self.send(caller, None, name, Duration::from_secs(1));
        let Caller::Page(key, _) = caller else {
            panic!("it is of a page");
        };
        let original = &mut self.requests[at];
        match sent {
            Ok((is_new, effects)) => {
                assert!(!is_new && original.is_open(), "{original:?} is sent twice");
                original.calls.push(call);
                self.apply_effects(effects);
            }
            Err((_, error)) if self.hub.sessions.contains_key(&key) => {
                assert_eq!(error.code(), ErrorCode::InvalidArgument);
                assert!(!original.is_open() || original.calls.len() >= MAX_WAITERS);
            }
            Err((_, error)) => assert_eq!(error.code(), ErrorCode::StaleSession),
        }
    }

    pub(super) fn cancel(&mut self, which: usize) {
        let Some(at) = newest(0..self.requests.len(), which) else {
            return;
        };
        let request = &mut self.requests[at];
        if request.is_open() {
            request.decided = Some(End::Error(ErrorCode::Cancelled));
        }
        let effects = match (request.caller, request.from) {
            (Caller::Page(_, number), Some((page, session))) => {
                self.hub.cancel_from_page(WEBVIEWS[page], session, number)
            }
            _ => self.hub.cancel(request.id),
        };
        self.apply_effects(effects);
    }

    /// A request that is cancelled before it arrives is not sent.
    pub(super) fn cancel_early(&mut self, page: usize) {
        let key = self.command(page);
        let own = &mut self.pages[page];
        own.newest_request += 1;
        let number = own.newest_request;
        let effects = self
            .hub
            .cancel_from_page(WEBVIEWS[page], own.session, number);
        self.apply_effects(effects);
        let caller = Caller::Page(key, number);
        let (.., sent) = self.send(caller, None, REQUESTS[0], Duration::from_secs(1));
        let (_, error) = sent.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }

    // What responders do

    pub(super) fn set_responder(
        &mut self,
        page: usize,
        name: &'static str,
        is_on: bool,
        fate: Fate,
    ) {
        let key = self.begin(page, "set_responders");
        if is_on {
            let is_new = self.pages[page].responders.insert(name);
            let added = self.add_responder(page, key, name);
            assert_eq!(
                added,
                match is_new {
                    true => Ok(()),
                    false => Err(ErrorCode::DuplicateResponder),
                }
            );
        } else {
            if self.pages[page].responders.remove(name) {
                for own in &mut self.requests {
                    if own.is_with(key) && own.name == name && own.is_open() && !own.is_delivered {
                        own.decided = Some(End::Error(ErrorCode::NoResponder));
                    }
                }
            }
            let name = EventName::parse(name).unwrap();
            let effects = self.hub.remove_responder(key, &name);
            self.apply_effects(effects);
        }
        self.finish_command(page, fate, String::new());
    }

    /// The page gets what waits for this responder.
    pub(super) fn add_responder(
        &mut self,
        page: usize,
        key: SubscriberKey,
        name: &'static str,
    ) -> Result<(), ErrorCode> {
        let parsed = EventName::parse(name).unwrap();
        let (added, effects) = self
            .hub
            .add_responder(key, parsed, ResponderKind::Single, self.now);
        let after = self.hub.seq;
        for own in &mut self.requests {
            if added.is_ok() && own.waits_for(page, name) {
                own.place = Place::Page { page, key, after };
            }
        }
        self.apply_effects(effects);
        added.map_err(|error| error.code())
    }

    pub(super) fn respond(
        &mut self,
        page: usize,
        (which, is_own): (usize, bool),
        is_declined: bool,
        fate: Fate,
    ) {
        let received = self.pages[page].requests.iter().copied();
        let id = match is_own {
            true => newest(received, which),
            false => newest(self.requests.iter().map(|own| own.id), which),
        };
        let Some(id) = id else {
            return;
        };
        // No page can guess the id of a request that it will get.
        let request = self.sent(id);
        if matches!(request.place, Place::Page { .. }) && !request.is_delivered {
            return;
        }
        let key = self.begin(page, "respond");
        let request = self.sent(id);
        let may_respond = request.is_open() && request.is_with(key);
        if may_respond {
            request.decided = Some(match is_declined {
                true => End::Error(ErrorCode::NoResponder),
                false => End::Response(id),
            });
        }
        let responded = match is_declined {
            true => self.hub.decline(key, id),
            false => self
                .hub
                .respond_from_page(key, id, Ok(id.to_string().into()), None),
        };
        assert_eq!(responded.is_ok(), may_respond, "{responded:?}");
        match responded {
            Ok(effects) => self.apply_effects(effects),
            Err(error) => assert_eq!(error.code(), ErrorCode::UnknownRequest),
        }
        self.finish_command(page, fate, String::new());
    }

    pub(super) fn respond_from_host(&mut self, which: usize) {
        let to_host = self.requests.iter_mut();
        let to_host = to_host.filter(|own| matches!(own.place, Place::Host));
        let Some(request) = newest(to_host, which) else {
            return;
        };
        let id = request.id;
        if request.is_open() {
            request.decided = Some(End::Response(id));
        }
        let effects = self.hub.respond_from_host(id, Ok(id.to_string().into()));
        self.apply_effects(effects);
    }

    // What pages receive

    fn sent(&mut self, id: RequestId) -> &mut SentRequest {
        let mut all = self.requests.iter_mut();
        all.find(|own| own.id == id).expect("it was sent")
    }

    pub(super) fn note_delivered(&mut self, page: usize, batch: &Batch) {
        self.check_expiry(page, batch);
        for item in batch.items() {
            if let Item::Request(message) = item {
                let request = self.sent(message.id);
                let is_for_page =
                    matches!(request.place, Place::Page { page: own, .. } if own == page);
                assert!(is_for_page, "{request:?} came to {page}");
                let may_come = request.is_open() || request.is_delivered;
                assert!(may_come, "{request:?} came after its end");
                request.is_delivered = true;
            }
        }
    }

    /// A request reaches its responder. Returns the sequence number that it comes after.
    pub(super) fn receive_request(&mut self, page: usize, id: RequestId) {
        let key = self.pages[page].key.unwrap();
        let Place::Page {
            key: own, after, ..
        } = self.sent(id).place
        else {
            panic!("{id} is with no page");
        };
        assert_eq!(own, key);
        let own = &mut self.pages[page];
        assert!(!own.requests.contains(&id), "{id} came twice");
        own.requests.push(id);
        own.request_after = own.request_after.max(after);
    }

    pub(super) fn receive_ending(&mut self, page: usize, id: RequestId, ending: Ending) {
        let request = self.sent(id);
        assert_eq!(request.ending, Some(ending), "{request:?}");
        let own = &mut self.pages[page];
        assert!(own.requests.contains(&id), "the end of {id} came before it");
        assert!(!own.endings.contains(&id), "the end of {id} came twice");
        own.endings.push(id);
    }
}
