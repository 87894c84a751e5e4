//! What there is to see of the hub, in parts that are each small enough for one lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::inspection::{ConsumerInspection, PageInspection, QueueUsage, WebviewInspection};
use crate::model::pattern::EventPattern;

use super::queue::QueueBound;
use super::subscriptions::{SubscriberKey, SubscriptionId};
use super::{Hub, Webview};
use crate::model::delivery::DeliveryFilter;

/// What concerns the app as a whole, and what there is to look at one by one.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) seq: u64,
    pub(crate) refused: u64,
    pub(crate) retained: QueueUsage,
    pub(crate) webviews: Vec<Arc<str>>,
    pub(crate) consumers: Vec<SubscriberKey>,
}

/// A subscription as it stands in the hub. Copied as it is, and put into words after the lock.
pub(crate) type Listed = (SubscriptionId, EventPattern, DeliveryFilter);

impl<W> Hub<W> {
    pub(crate) fn overview(&self) -> Overview {
        let webviews: Vec<Arc<str>> = self.webviews.keys().cloned().collect();
        let consumers: Vec<SubscriberKey> = self.consumers.keys().copied().collect();
        let (events, bytes) = self.retained.load();
        Overview {
            seq: self.seq,
            refused: self.refused,
            retained: load_of(
                (events, bytes),
                QueueBound {
                    events: self.limits.retained_events,
                    bytes: self.limits.retained_bytes,
                },
            ),
            webviews,
            consumers,
        }
    }

    /// A webview, and the key of its page, whose subscriptions are still to be filled in.
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
            backlog: self.backlog_load(webview, now),
            rate_limited: webview.flood.refused(),
        };
        Some((inspection, key))
    }

    fn backlog_load(&self, webview: &Webview<W>, now: Instant) -> Option<QueueUsage> {
        let history = webview.history.as_ref()?;
        let is_over = history.until.is_some_and(|until| now >= until);
        (!is_over).then(|| load_of(history.backlog.load(), self.backlog_bound()))
    }

    fn inspect_page(&self, key: SubscriberKey, now: Instant) -> Option<PageInspection> {
        let session = self.sessions.get(&key)?;
        let since = |then: Instant| millis(now.saturating_duration_since(then));
        let (unacknowledged_events, unacknowledged_bytes) = session.outbox.unacknowledged();
        Some(PageInspection {
            queue: load_of(session.outbox.load(), self.queue_bound()),
            unacknowledged_events,
            unacknowledged_bytes,
            dropped: session.outbox.dropped(),
            is_pulling: session.parked.is_some(),
            last_seen_ms_ago: since(session.last_seen),
            last_acknowledged_ms_ago: session.acknowledged_at.map(since),
            subscriptions: Vec::new(),
        })
    }

    /// A stream, or the listeners in Rust, whose subscriptions are still to be filled in.
    pub(crate) fn inspect_consumer(&self, key: SubscriberKey) -> Option<ConsumerInspection> {
        let consumer = self.consumers.get(&key)?;
        Some(ConsumerInspection {
            is_stream: false,
            queue: load_of(consumer.queue.load(), self.queue_bound()),
            dropped: consumer.queue.dropped_events(),
            subscriptions: Vec::new(),
        })
    }

    /// So many of a subscriber's subscriptions, in the order of their ids, from this id on.
    pub(crate) fn list_subscriptions(
        &self,
        key: SubscriberKey,
        from: SubscriptionId,
        count: usize,
    ) -> Vec<Listed> {
        let listed = self.subscriptions.of(key, from).take(count);
        listed
            .map(|(id, pattern, hearing)| (id, pattern.clone(), hearing))
            .collect()
    }
}

fn load_of((events, bytes): (usize, usize), bound: QueueBound) -> QueueUsage {
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
