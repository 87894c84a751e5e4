//! A snapshot of the hub, in parts that are each small enough for one lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::ids::{RequestId, SubscriberKey, SubscriptionId};
use crate::hub::queue::QueueBound;
use crate::hub::requests::window::Window;
use crate::hub::{Hub, Webview};
use crate::model::delivery::DeliveryFilter;
use crate::model::endpoint::Endpoint;
use crate::model::inspection::{
    ConsumerInspection, PageInspection, QueueUsage, StreamInspection, WebviewInspection,
};
use crate::model::pattern::EventPattern;

/// The counters of the whole hub, and the webviews and consumers to inspect one by one.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) seq: u64,
    pub(crate) refused: u64,
    pub(crate) retained: QueueUsage,
    pub(crate) unconsumed: QueueUsage,
    pub(crate) members: usize,
    pub(crate) wills: usize,
    pub(crate) receipts: usize,
    pub(crate) webviews: Vec<Arc<str>>,
    pub(crate) consumers: Vec<SubscriberKey>,
    /// In the order in which they were requested.
    pub(crate) streams: Vec<RequestId>,
}

/// A subscription. Copied as it is, and described after the lock is released.
pub(crate) type ListedSubscription = (SubscriptionId, EventPattern, DeliveryFilter);

impl<W> Hub<W> {
    pub(crate) fn overview(&self) -> Overview {
        let webviews: Vec<Arc<str>> = self.webviews.keys().cloned().collect();
        let consumers: Vec<SubscriberKey> = self.consumers.keys().copied().collect();
        let bound = || QueueBound {
            events: self.limits.retained_events,
            bytes: self.limits.retained_bytes,
        };
        Overview {
            seq: self.seq,
            refused: self.refused,
            retained: usage_of(self.retained.usage(), bound()),
            unconsumed: usage_of(self.unconsumed.usage(), bound()),
            members: self.presence.count(),
            wills: self.count_wills(),
            receipts: self.receipts.count(),
            webviews,
            consumers,
            streams: self.requests.streams(),
        }
    }

    /// A webview, and the key of its page. The caller fills the page's subscriptions in.
    pub(crate) fn inspect_webview(
        &self,
        label: &str,
        now: Instant,
    ) -> Option<(WebviewInspection, Option<SubscriberKey>)> {
        let webview = self.webviews.get(label)?;
        let page = webview
            .session
            .and_then(|key| Some((key, self.inspect_page(key, now)?)));
        let (key, page) = page.unzip();
        let inspection = WebviewInspection {
            label: label.to_owned(),
            window: webview.window.to_string(),
            page,
            backlog: self.backlog_usage(webview, now),
            rate_limited: webview.flood.refused(),
        };
        Some((inspection, key))
    }

    fn backlog_usage(&self, webview: &Webview<W>, now: Instant) -> Option<QueueUsage> {
        let history = webview.history.as_ref()?;
        (!history.is_over(now)).then(|| usage_of(history.backlog.usage(), self.backlog_bound()))
    }

    fn inspect_page(&self, key: SubscriberKey, now: Instant) -> Option<PageInspection> {
        let session = self.sessions.get(&key)?;
        let since = |then: Instant| millis(now.saturating_duration_since(then));
        let (unacknowledged_events, unacknowledged_bytes) = session.outbox.unacknowledged();
        Some(PageInspection {
            queue: usage_of(session.outbox.usage(), self.queue_bound()),
            unacknowledged_events,
            unacknowledged_bytes,
            dropped: session.outbox.dropped(),
            is_pulling: session.parked.is_some() || session.calls.is_waiting(),
            is_called: session.calls.is_on(),
            is_evaluated: session.is_evaluated,
            last_seen_ms_ago: since(session.last_seen),
            last_acknowledged_ms_ago: session.acknowledged_at.map(since),
            subscriptions: Vec::new(),
        })
    }

    /// A stream, or the host listeners. The caller fills the subscriptions in.
    pub(crate) fn inspect_consumer(&self, key: SubscriberKey) -> Option<ConsumerInspection> {
        let consumer = self.consumers.get(&key)?;
        Some(ConsumerInspection {
            is_stream: consumer.is_stream,
            queue: usage_of(consumer.queue.usage(), self.queue_bound()),
            dropped: consumer.queue.dropped_events(),
            subscriptions: Vec::new(),
        })
    }

    /// A stream, or both halves of a channel, unless it has ended meanwhile.
    pub(crate) fn inspect_stream(&self, id: RequestId) -> Vec<StreamInspection> {
        let Some((message, responder, window)) = self.requests.stream(id) else {
            return Vec::new();
        };
        let responder = responder.map_or(Endpoint::Host, |label| Endpoint::Webview(label.clone()));
        let inspect = |window: &Window, is_from_caller| StreamInspection {
            name: message.name.as_str().to_owned(),
            caller: message.source.clone(),
            responder: responder.clone(),
            is_from_caller,
            sent: window.sent(),
            taken: window.taken(),
            bytes: window.untaken_bytes(),
            is_waiting: !window.has_credit(),
        };
        let caller_half = self.requests.caller_half(id);
        std::iter::once(inspect(window, false))
            .chain(caller_half.map(|half| inspect(&half.window, true)))
            .collect()
    }

    /// The oldest `most` requests in flight, and how many there are.
    #[cfg(feature = "inspector")]
    pub(crate) fn requests_in_flight(
        &self,
        most: usize,
        now: Instant,
    ) -> (usize, Vec<crate::model::inspector::RequestInFlight>) {
        self.requests.in_flight(most, now)
    }

    /// At most `count` of a subscriber's subscriptions, in the order of their ids, from this id on.
    pub(crate) fn list_subscriptions(
        &self,
        key: SubscriberKey,
        from: SubscriptionId,
        count: usize,
    ) -> Vec<ListedSubscription> {
        let listed = self.subscriptions.of(key, from).take(count);
        listed
            .map(|(id, pattern, filter)| (id, pattern.clone(), filter))
            .collect()
    }
}

fn usage_of((events, bytes): (usize, usize), bound: QueueBound) -> QueueUsage {
    QueueUsage {
        events,
        bytes,
        max_events: bound.events,
        max_bytes: bound.bytes,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
