use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::message::{Caller, RequestMessage};

/// A request that has no response yet.
#[derive(Debug)]
pub(super) struct PendingRequest<W> {
    /// Its place in the order in which requests are sent.
    pub(super) place: u64,
    pub(super) message: Arc<RequestMessage>,
    pub(super) caller: Caller,
    pub(super) state: RequestState,
    pub(super) timeout: Duration,
    pub(super) due: Instant,
    /// Those who wait for the response: the caller, and the copies of a page's command.
    pub(super) waiters: Vec<W>,
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
    pub(super) fn next_due(&self) -> Instant {
        match &self.state {
            RequestState::Waiting { until, .. } => self.due.min(*until),
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
}

/// The requests that one recipient has not responded to.
#[derive(Debug, Default)]
struct RecipientRequests {
    /// In the order in which they were sent.
    ids: BTreeSet<(u64, RequestId)>,
    bytes: usize,
}

impl<W> Default for Requests<W> {
    fn default() -> Self {
        Self {
            newest: 0,
            by_id: HashMap::new(),
            by_due: BTreeSet::new(),
            by_recipient: HashMap::new(),
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
        requests.bytes += pending.message.weight();
        self.by_due.insert((pending.next_due(), id));
        self.by_id.insert(id, pending);
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<PendingRequest<W>> {
        let pending = self.by_id.remove(&id)?;
        self.by_due.remove(&(pending.next_due(), id));
        let recipient = pending.state.webview().cloned();
        if let Some(requests) = self.by_recipient.get_mut(&recipient) {
            requests.ids.remove(&(pending.place, id));
            requests.bytes -= pending.message.weight();
            if requests.ids.is_empty() {
                self.by_recipient.remove(&recipient);
            }
        }
        Some(pending)
    }

    pub(super) fn get(&self, id: RequestId) -> Option<&PendingRequest<W>> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: RequestId) -> Option<&mut PendingRequest<W>> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (RequestId, &PendingRequest<W>)> {
        self.by_id.iter().map(|(id, pending)| (*id, pending))
    }

    /// The requests to the page in this webview, or to its next page, in the order in which they were sent.
    pub(super) fn to_webview(&self, webview: &str) -> Vec<RequestId> {
        let requests = self.by_recipient.get(&Some(Arc::from(webview)));
        let ids = requests.into_iter().flat_map(|requests| &requests.ids);
        ids.map(|(_, id)| *id).collect()
    }

    /// How many requests this recipient has not responded to, and their bytes.
    pub(super) fn usage_of(&self, webview: Option<&Arc<str>>) -> (usize, usize) {
        let requests = self.by_recipient.get(&webview.cloned());
        requests.map_or((0, 0), |requests| (requests.ids.len(), requests.bytes))
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
        self.by_id.is_empty() && self.by_due.is_empty() && self.by_recipient.is_empty()
    }
}
