use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::channel::CallerHalf;
use crate::hub::requests::flow::Flow;
use crate::hub::requests::inbox::Inbox;
use crate::hub::requests::message::{Caller, RequestMessage};
use crate::hub::requests::window::Window;
#[cfg(feature = "inspector")]
use crate::model::endpoint::Endpoint;
#[cfg(feature = "inspector")]
use crate::model::inspector::{RequestInFlight, whole_millis};

/// A request that has no response yet.
#[derive(Debug)]
pub(super) struct PendingRequest<W> {
    /// Its place in the order in which requests are sent.
    pub(super) place: u64,
    /// Without its payload, if it is a stream whose responder has the request.
    pub(super) message: Arc<RequestMessage>,
    pub(super) caller: Caller,
    pub(super) state: RequestState,
    pub(super) timeout: Option<Duration>,
    pub(super) due: Option<Instant>,
    /// When it was sent.
    #[cfg(feature = "inspector")]
    pub(super) sent: Instant,
    /// Those who wait for the response: the caller, and the copies of a page's command. The end of a stream goes another
    /// way, behind its parts.
    pub(super) waiters: Vec<W>,
    /// The parts, if it is a stream.
    pub(super) flow: Option<Box<Flow>>,
    /// The parts of the caller, if it is a channel.
    pub(super) caller_half: Option<Box<CallerHalf>>,
}

/// Where a request is.
#[derive(Debug)]
pub(super) enum RequestState {
    Host,
    /// It waits for a page that is still starting.
    Waiting {
        webview: Arc<str>,
        until: Instant,
    },
    Page {
        webview: Arc<str>,
        key: SubscriberKey,
    },
}

impl RequestState {
    pub(super) fn webview(&self) -> Option<&Arc<str>> {
        match self {
            Self::Host => None,
            Self::Waiting { webview, .. } | Self::Page { webview, .. } => Some(webview),
        }
    }

    /// Whether it is with this page.
    pub(super) fn is_with(&self, page: SubscriberKey) -> bool {
        matches!(self, Self::Page { key, .. } if *key == page)
    }
}

impl<W> PendingRequest<W> {
    /// When something is to be done about it.
    pub(super) fn next_due(&self) -> Option<Instant> {
        match &self.state {
            RequestState::Waiting { until, .. } => self.due.into_iter().chain([*until]).min(),
            RequestState::Host | RequestState::Page { .. } => self.due,
        }
    }
}

/// Every request that has no response yet.
#[derive(Debug)]
pub(crate) struct Requests<W> {
    newest: u64,
    by_id: HashMap<RequestId, PendingRequest<W>>,
    by_due: BTreeSet<(Instant, RequestId)>,
    /// By the webview of the recipient; the host has no label.
    by_recipient: HashMap<Option<Arc<str>>, RecipientRequests>,
    /// What the host has yet to read of streams that it requested, and of channels.
    pub(super) inboxes: HashMap<RequestId, Inbox>,
}

/// The requests that one recipient has not responded to.
#[derive(Debug, Default)]
struct RecipientRequests {
    /// In the order in which they were sent.
    ids: BTreeSet<(u64, RequestId)>,
    usage: RecipientUsage,
}

/// What a recipient has to respond to.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RecipientUsage {
    /// Requests for one response.
    pub(super) requests: usize,
    pub(super) streams: usize,
    /// The bytes of all of them, without the payloads of streams whose requests it has.
    pub(super) bytes: usize,
}

impl RecipientUsage {
    fn count(&mut self, is_stream: bool) -> &mut usize {
        match is_stream {
            true => &mut self.streams,
            false => &mut self.requests,
        }
    }
}

impl<W> Default for Requests<W> {
    fn default() -> Self {
        Self {
            newest: 0,
            by_id: HashMap::new(),
            by_due: BTreeSet::new(),
            by_recipient: HashMap::new(),
            inboxes: HashMap::new(),
        }
    }
}

impl<W> Requests<W> {
    /// The place of a new request.
    pub(super) fn next_place(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    pub(super) fn insert(&mut self, id: RequestId, pending: PendingRequest<W>) {
        let recipient = pending.state.webview().cloned();
        let requests = self.by_recipient.entry(recipient).or_default();
        requests.ids.insert((pending.place, id));
        *requests.usage.count(pending.flow.is_some()) += 1;
        requests.usage.bytes += pending.message.weight();
        self.by_due.extend(pending.next_due().map(|due| (due, id)));
        self.by_id.insert(id, pending);
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<PendingRequest<W>> {
        let pending = self.by_id.remove(&id)?;
        if let Some(due) = pending.next_due() {
            self.by_due.remove(&(due, id));
        }
        let recipient = pending.state.webview().cloned();
        if let Some(requests) = self.by_recipient.get_mut(&recipient) {
            requests.ids.remove(&(pending.place, id));
            *requests.usage.count(pending.flow.is_some()) -= 1;
            requests.usage.bytes -= pending.message.weight();
            if requests.ids.is_empty() {
                self.by_recipient.remove(&recipient);
            }
        }
        Some(pending)
    }

    /// The responder of a stream has the request, so its payload counts no more. Returns what was kept of it.
    pub(super) fn release(&mut self, id: RequestId) -> Option<Arc<RequestMessage>> {
        let pending = self.by_id.get_mut(&id)?;
        let head = Arc::new(pending.message.head());
        let whole = std::mem::replace(&mut pending.message, head);
        let recipient = pending.state.webview().cloned();
        if let Some(requests) = self.by_recipient.get_mut(&recipient) {
            requests.usage.bytes -= whole.weight();
            requests.usage.bytes += pending.message.weight();
        }
        Some(whole)
    }

    /// Whether a request has this name.
    pub(in crate::hub) fn is_named(&self, id: RequestId, name: &str) -> bool {
        let pending = self.get(id);
        pending.is_some_and(|pending| pending.message.name.as_str() == name)
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&PendingRequest<W>> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut PendingRequest<W>> {
        self.by_id.get_mut(&id)
    }

    /// An open stream: its request, the webview of its responder, and what is on its way.
    pub(crate) fn stream(
        &self,
        id: RequestId,
    ) -> Option<(&RequestMessage, Option<&Arc<str>>, &Window)> {
        let pending = self.by_id.get(&id)?;
        let flow = pending.flow.as_deref()?;
        Some((&*pending.message, pending.state.webview(), &flow.window))
    }

    /// What the caller of an open channel has on its way, and whether it sends more.
    pub(crate) fn caller_half(&self, id: RequestId) -> Option<&CallerHalf> {
        self.by_id.get(&id)?.caller_half.as_deref()
    }

    pub(super) fn caller_half_mut(&mut self, id: RequestId) -> Option<&mut CallerHalf> {
        self.by_id.get_mut(&id)?.caller_half.as_deref_mut()
    }

    /// The open streams and channels, in the order in which they were requested.
    pub(crate) fn streams(&self) -> Vec<RequestId> {
        let streams = self.by_id.iter().filter(|(_, own)| own.flow.is_some());
        let mut places: Vec<_> = streams.map(|(id, own)| (own.place, *id)).collect();
        places.sort_unstable();
        places.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (RequestId, &PendingRequest<W>)> {
        self.by_id.iter().map(|(id, pending)| (*id, pending))
    }

    /// What there is to tell of the oldest `most` requests in flight, and how many there are.
    #[cfg(feature = "inspector")]
    pub(crate) fn in_flight(&self, most: usize, now: Instant) -> (usize, Vec<RequestInFlight>) {
        let mut all: Vec<_> = self.by_id.iter().collect();
        all.sort_unstable_by_key(|(_, pending)| pending.place);
        let listed = all.iter().take(most);
        let listed = listed.map(|(id, pending)| RequestInFlight {
            request: id.to_string(),
            name: pending.message.name.as_str().to_owned(),
            caller: pending.message.source.clone(),
            responder: pending
                .state
                .webview()
                .map_or(Endpoint::Host, |label| Endpoint::Webview(Arc::clone(label))),
            age_ms: whole_millis(now.saturating_duration_since(pending.sent)),
            due_in_ms: pending
                .due
                .map(|due| whole_millis(due.saturating_duration_since(now))),
            is_stream: pending.flow.is_some(),
            is_waiting: matches!(pending.state, RequestState::Waiting { .. }),
        });
        (all.len(), listed.collect())
    }

    /// How many were ever sent, and how many have no response yet.
    #[cfg(feature = "test")]
    pub(crate) fn counts(&self) -> (u64, usize) {
        (self.newest, self.by_id.len())
    }

    /// The requests to the page in this webview, or to its next page, in the order in which they were sent.
    pub(super) fn to_webview(&self, webview: &str) -> Vec<RequestId> {
        let requests = self.by_recipient.get(&Some(Arc::from(webview)));
        let ids = requests.into_iter().flat_map(|requests| &requests.ids);
        ids.map(|(_, id)| *id).collect()
    }

    /// Sets when the time of a request is over.
    pub(super) fn set_due(&mut self, id: RequestId, due: Option<Instant>) {
        let Some(pending) = self.by_id.get_mut(&id) else {
            return;
        };
        let before = pending.next_due();
        pending.due = due;
        let next = pending.next_due();
        if let Some(before) = before {
            self.by_due.remove(&(before, id));
        }
        self.by_due.extend(next.map(|due| (due, id)));
    }

    /// The parts of an open stream.
    pub(super) fn flow_mut(&mut self, id: RequestId) -> Option<&mut Flow> {
        self.by_id.get_mut(&id)?.flow.as_deref_mut()
    }

    pub(super) fn usage_of(&self, webview: Option<&Arc<str>>) -> RecipientUsage {
        let requests = self.by_recipient.get(&webview.cloned());
        requests.map_or_else(RecipientUsage::default, |requests| requests.usage)
    }

    /// The first request that is due, and when.
    pub(super) fn first_due(&self) -> Option<(Instant, RequestId)> {
        self.by_due.first().copied()
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.first_due().map(|(due, _)| due)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
            && self.by_due.is_empty()
            && self.by_recipient.is_empty()
            && self.inboxes.is_empty()
    }
}
