//! Streams: parts, credit, and the ways in which they end.

mod calls;
mod channels;
mod ends;
mod leftovers;
mod limits;
mod pulls;
mod random;
mod steps;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::session_id;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::outbox::{Batch, BatchBound, Item};
use crate::hub::requests::flow::SendTicket;
use crate::hub::requests::inbox::Received;
use crate::hub::requests::message::{
    Caller, Ending, NewRequest, Recipient, RequestMessage, ResponderKind,
};
use crate::hub::requests::part::{PagePart, part_size};
use crate::hub::requests::parts::PartSent;
use crate::hub::requests::window::Credit;
use crate::hub::{Effects, Hub, Pull};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::policies::Policies;

const BATCH: BatchBound = BatchBound {
    events: 4096,
    bytes: 1 << 20,
};
const CREDIT: Credit = Credit {
    bytes: 400,
    parts: 4,
};
const TIMEOUT: Duration = Duration::from_secs(30);

/// Counts how often it was woken.
#[derive(Default)]
pub(super) struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the consumer of a stream has seen of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen {
    parts: Vec<String>,
    /// The response, or the code of the error.
    end: Option<std::result::Result<String, ErrorCode>>,
}

/// What a responder was told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Told {
    /// Streams to the host that are cancelled.
    cancelled: Vec<RequestId>,
    endings: Vec<(RequestId, Ending)>,
    /// How many parts count no more.
    credit: HashMap<RequestId, u64>,
}

/// A page, as the guest package is one.
#[derive(Debug, Default)]
struct Page {
    session: u64,
    key: Option<SubscriberKey>,
    ack: u64,
    newest: u64,
    seen: HashMap<u64, Seen>,
    /// How many parts of a stream it has received up to the last one that was due.
    due: HashMap<u64, u64>,
    received: Vec<RequestId>,
    notes: HashMap<u64, channels::Notes>,
    /// What its loops have taken, by stream.
    taken: HashMap<u64, u64>,
    called: calls::Called,
    /// The weights of the parts on their way to it, by stream.
    coming: HashMap<u64, VecDeque<usize>>,
    /// The weights of the parts that it has, each with its index, until the host knows that.
    unacknowledged: VecDeque<(u64, usize)>,
}

struct World {
    hub: Hub<u32>,
    now: Instant,
    newest: u128,
    pages: HashMap<&'static str, Page>,
    told: Told,
    /// The replies to requests, by the number of their waiter.
    replies: HashMap<u32, Result<String>>,
}

fn name() -> EventName {
    EventName::parse("q").unwrap()
}

impl World {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let mut hub = Hub::new(limits, Policies::default());
        for label in ["a", "b"] {
            let _ = hub.announce(label, label);
            hub.note_callable(label, hub.webview_number(label).unwrap());
        }
        Self {
            hub,
            now: Instant::now(),
            newest: 0,
            pages: HashMap::new(),
            told: Told::default(),
            replies: HashMap::new(),
        }
    }

    fn apply_effects(&mut self, effects: Effects<u32>) {
        for (waiter, reply) in effects.replies {
            let reply = reply.map(|json| json.to_string());
            let before = self.replies.insert(waiter, reply);
            assert!(before.is_none(), "{waiter} got two replies");
        }
        self.told.cancelled.extend(effects.cancelled);
        effects.wakers.into_iter().for_each(Waker::wake);
    }

    /// Opens a page, with a responder of streams.
    fn open(&mut self, label: &'static str) -> SubscriberKey {
        let session = self.pages.get(label).map_or(0, |page| page.session) + 1;
        let id = session_id(session * 10 + u64::from(label == "b"));
        let (opened, effects) = self.hub.open_session(label, id, None, self.now);
        self.apply_effects(effects);
        let key = opened.unwrap();
        let page = Page {
            session,
            key: Some(key),
            ..Page::default()
        };
        self.pages.insert(label, page);
        let (added, effects) = self
            .hub
            .add_responder(key, name(), ResponderKind::Stream, self.now);
        added.unwrap();
        self.apply_effects(effects);
        key
    }

    fn key(&self, label: &str) -> SubscriberKey {
        self.pages[label].key.unwrap()
    }

    fn session(&self, label: &str) -> crate::hub::ids::SessionId {
        session_id(self.pages[label].session * 10 + u64::from(label == "b"))
    }

    /// Requests a stream: from a page or the host (`None`), to a page or the host.
    fn request(&mut self, from: Option<&'static str>, to: Option<&'static str>) -> Result<Stream> {
        self.request_with(from, to, CREDIT, Some(TIMEOUT))
    }

    fn request_with(
        &mut self,
        from: Option<&'static str>,
        to: Option<&'static str>,
        credit: Credit,
        timeout: Option<Duration>,
    ) -> Result<Stream> {
        self.request_of("1".into(), from, to, credit, timeout)
    }

    fn request_of(
        &mut self,
        payload: Json,
        from: Option<&'static str>,
        to: Option<&'static str>,
        credit: Credit,
        timeout: Option<Duration>,
    ) -> Result<Stream> {
        self.newest += 1;
        let id = RequestId::of(self.newest);
        let mut number = 0;
        let caller = match from {
            None => Caller::Host,
            Some(label) => {
                let page = self.pages.get_mut(label).unwrap();
                page.newest += 1;
                number = page.newest;
                Caller::Page(page.key.unwrap(), number)
            }
        };
        let request = NewRequest {
            message: RequestMessage {
                id,
                name: name(),
                payload,
                source: Endpoint::Host,
                provenance: None,
                stream: Some(credit),
                is_channel: false,
            },
            caller,
            to: match to {
                None => Recipient::Host,
                Some(label) => Recipient::Page(label.into()),
            },
            timeout,
        };
        let waiter = self.newest as u32;
        match self.hub.request(request, waiter, self.now) {
            Ok((_, effects)) => {
                self.apply_effects(effects);
                assert_eq!(self.replies.remove(&waiter), Some(Ok("{}".into())));
            }
            Err((_, error)) => return Err(error),
        }
        Ok(Stream {
            id,
            from,
            to,
            number,
            sent: 0,
            seen: Seen::default(),
        })
    }

    /// A page's request comes again.
    fn repeat(&mut self, stream: &Stream) {
        let key = self.key(stream.from.unwrap());
        self.newest += 1;
        let waiter = self.newest as u32;
        let request = NewRequest {
            message: RequestMessage {
                id: RequestId::of(self.newest),
                name: name(),
                payload: "1".into(),
                source: Endpoint::Host,
                provenance: None,
                stream: Some(CREDIT),
                is_channel: false,
            },
            caller: Caller::Page(key, stream.number),
            to: Recipient::Host,
            timeout: None,
        };
        let (is_new, effects) = self.hub.request(request, waiter, self.now).unwrap();
        assert!(!is_new);
        self.apply_effects(effects);
        assert_eq!(self.replies.remove(&waiter), Some(Ok("{}".into())));
    }

    /// Sends a part as its responder does.
    fn send(&mut self, stream: &mut Stream, part: &str) -> Result<()> {
        let payload = part.to_owned().into();
        match stream.to {
            None => {
                let (sent, effects) = self.hub.send_part(stream.id, payload, None, None, self.now);
                self.apply_effects(effects);
                match sent {
                    PartSent::Accepted => {}
                    PartSent::Waits(..) => return Err(Error::new(ErrorCode::QueueFull, "waits")),
                    PartSent::Ended(_) => return Err(Error::new(ErrorCode::Cancelled, "ended")),
                }
            }
            Some(label) => {
                let (key, number) = (self.key(label), stream.sent + 1);
                let (sent, effects) =
                    self.hub
                        .send_part_from_page(key, stream.id, number, Ok(payload), self.now);
                self.apply_effects(effects);
                sent?;
            }
        }
        stream.sent += 1;
        self.note_coming(stream, part);
        Ok(())
    }

    /// A part of this stream is on its way to the page that requested it.
    fn note_coming(&mut self, stream: &Stream, part: &str) {
        let Some(page) = stream.from.and_then(|label| self.pages.get_mut(label)) else {
            return;
        };
        let part = PagePart {
            stream: stream.number,
            payload: part.to_owned().into(),
            is_due: false,
        };
        let coming = page.coming.entry(stream.number).or_default();
        coming.push_back(part.weight());
    }

    /// At least as many bytes as the host holds for a page: the parts that are on their way, and those of which the host does
    /// not know that the page has them.
    fn held(&self, label: &str) -> usize {
        let page = &self.pages[label];
        let coming: usize = page.coming.values().flatten().sum();
        coming + (page.unacknowledged.iter().map(|(_, weight)| weight)).sum::<usize>()
    }

    /// Whether a page that receives streams has no room for more than its credit, as the host counts.
    fn is_full(&self, label: Option<&str>) -> bool {
        label.is_some_and(|label| {
            let session = self.hub.sessions.get(&self.key(label));
            session.is_some_and(|session| {
                session.outbox.streamed.bytes() >= self.hub.limits.queue_bytes
            })
        })
    }

    fn send_or_wait(
        &mut self,
        stream: &Stream,
        ticket: Option<SendTicket>,
        woken: &Arc<Woken>,
    ) -> PartSent {
        self.send_part_or_wait(stream, "1", ticket, woken)
    }

    fn send_part_or_wait(
        &mut self,
        stream: &Stream,
        part: &str,
        ticket: Option<SendTicket>,
        woken: &Arc<Woken>,
    ) -> PartSent {
        let waker = Some(Waker::from(Arc::clone(woken)));
        let payload = part.into();
        let (sent, effects) = self
            .hub
            .send_part(stream.id, payload, ticket, waker, self.now);
        self.apply_effects(effects);
        if matches!(sent, PartSent::Accepted) {
            self.note_coming(stream, part);
        }
        sent
    }

    /// Ends a stream as its responder does.
    fn respond(&mut self, stream: &Stream, response: Result<&str>) {
        let response = response.map(Into::into);
        let effects = match stream.to {
            None => self.hub.respond_from_host(stream.id, response),
            Some(label) => {
                let key = self.key(label);
                match self
                    .hub
                    .respond_from_page(key, stream.id, response, Some(stream.sent))
                {
                    Ok(effects) => effects,
                    Err(_) => return,
                }
            }
        };
        self.apply_effects(effects);
    }

    /// The consumer reads what there is, and takes so many parts more.
    fn look(&mut self, stream: &mut Stream, take: u64) -> Seen {
        match stream.from {
            None => {
                for _ in 0..take {
                    let (polled, effects) =
                        self.hub
                            .poll_parts(stream.id, Waker::noop().clone(), self.now);
                    self.apply_effects(effects);
                    match polled {
                        Poll::Ready(Some(Received::Part(part))) => {
                            stream.seen.parts.push(part.to_string());
                        }
                        Poll::Ready(Some(Received::End(end))) => {
                            stream.seen.end = Some(outcome(&end));
                        }
                        Poll::Ready(None) | Poll::Pending => break,
                    }
                }
                stream.seen.clone()
            }
            Some(label) => {
                while self.pull(label) > 0 {}
                let seen = self.pages[label].seen.get(&stream.number);
                let seen = seen.cloned().unwrap_or_default();
                let taken = take.min(seen.parts.len() as u64);
                self.take(stream, taken).unwrap();
                seen
            }
        }
    }

    /// A page reports how many parts it has taken, by a command.
    fn take(&mut self, stream: &Stream, count: u64) -> Result<()> {
        let key = self.key(stream.from.unwrap());
        let (taken, effects) = self.hub.take_parts(key, stream.number, count, self.now);
        self.apply_effects(effects);
        taken
    }

    /// The consumer leaves the stream.
    fn leave(&mut self, stream: &Stream) {
        match stream.from {
            None => {
                let (_, effects) = self.hub.close_inbox(stream.id, self.now);
                self.apply_effects(effects);
            }
            Some(label) => {
                let effects = self.hub.stop_stream(self.key(label), stream.number);
                self.apply_effects(effects);
                let page = self.pages.get_mut(label).unwrap();
                page.coming.remove(&stream.number);
                page.taken.remove(&stream.number);
            }
        }
    }

    fn leave_page(&mut self, label: &str) {
        let effects = self.hub.leave_page(label, None);
        self.apply_effects(effects);
    }

    fn expire(&mut self) -> Option<Instant> {
        let (effects, next) = self.hub.expire(self.now);
        self.apply_effects(effects);
        next
    }

    /// Reads all that is left, and checks that nothing is kept.
    #[track_caller]
    fn check_empty(&mut self, streams: &[&Stream]) {
        for stream in streams {
            if stream.from.is_none() {
                let (_, effects) = self.hub.close_inbox(stream.id, self.now);
                self.apply_effects(effects);
            }
        }
        self.pull_all();
        assert!(self.hub.requests.is_empty(), "{:?}", self.hub.requests);
        for session in self.hub.sessions.values() {
            let outbox = &session.outbox;
            assert!(outbox.messages.is_empty(), "{:?}", outbox.messages);
            assert!(outbox.streamed.is_empty(), "{:?}", outbox.streamed);
            assert_eq!(session.sent_requests.streams(), 0);
            assert_eq!(session.received_requests, 0);
        }
    }
}

fn outcome(
    response: &crate::hub::command_log::JsonResult,
) -> std::result::Result<String, ErrorCode> {
    match response {
        Ok(json) => Ok(json.to_string()),
        Err(error) => Err(error.code()),
    }
}

/// A stream that was requested.
#[derive(Debug, Clone)]
struct Stream {
    id: RequestId,
    from: Option<&'static str>,
    to: Option<&'static str>,
    /// The number that the page gave its request.
    number: u64,
    sent: u64,
    /// What the host has read of it.
    seen: Seen,
}

/// The size of this part, as both sides compute it.
fn size_of(part: &str) -> usize {
    part_size(&part.into())
}
