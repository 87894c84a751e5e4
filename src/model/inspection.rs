//! What the bus looks like from outside: counters, queues, subscriptions and jobs, and no payload.

use serde::Serialize;

use crate::model::delivery::DeliveryFilter;
use crate::model::job::JobInfo;

/// How the bus stands, as [`EventBus::inspect`](crate::EventBus::inspect) has found it.
///
/// Nothing in it is a payload. Each webview is looked at by itself, so that nobody waits for the whole; what is emitted
/// meanwhile may show in one webview and not yet in another.
///
/// As JSON: `{ seq, refused, webviews, consumers, retained, jobs }`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Inspection {
    /// The newest sequence number, which is how many events were accepted since the app started.
    pub seq: u64,
    /// How many events were not accepted since then, because their target was unknown or there was no room for them.
    /// What a page may not send, or sends too fast, is refused before it counts here.
    pub refused: u64,
    /// The webviews that there are, in the order of their labels.
    pub webviews: Vec<WebviewInspection>,
    /// The listeners in Rust as a whole, and then each stream.
    pub consumers: Vec<ConsumerInspection>,
    /// What is kept for later subscribers.
    pub retained: QueueUsage,
    /// Every periodic job, in the order of their ids.
    pub jobs: Vec<JobInfo>,
}

/// How much a queue or a store holds, and how much it may.
///
/// As JSON: `{ events, bytes, maxEvents, maxBytes }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct QueueUsage {
    /// How many events are there.
    pub events: usize,
    /// About how many bytes they take, with their names and payloads.
    pub bytes: usize,
    /// The most events that may be there.
    pub max_events: usize,
    /// The most bytes that they may take.
    pub max_bytes: usize,
}

/// One webview, and the page in it.
///
/// As JSON: `{ label, window, page, backlog, rateLimited }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WebviewInspection {
    /// Its label.
    pub label: String,
    /// The label of its window.
    pub window: String,
    /// The page that uses the bus; `None` if none has yet, or if it has gone.
    pub page: Option<PageInspection>,
    /// What is kept for the page that is to come or is starting; `None` where a page has started.
    pub backlog: Option<QueueUsage>,
    /// How many of its pages' calls and ticks came too fast and were refused.
    pub rate_limited: u64,
}

/// A page that uses the bus.
///
/// As JSON: `{ queue, unacknowledgedEvents, unacknowledgedBytes, dropped, isPulling, isEvaluated, lastSeenMsAgo,
/// lastAcknowledgedMsAgo, subscriptions }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PageInspection {
    /// What it has still to fetch.
    pub queue: QueueUsage,
    /// How many events and gaps it was given and has not acknowledged.
    pub unacknowledged_events: usize,
    /// About how many bytes those take.
    pub unacknowledged_bytes: usize,
    /// How many events its full queue has dropped since the page began. Each is told as a part of a gap.
    pub dropped: u64,
    /// Whether it waits for events. A page that does not is busy, or gone.
    pub is_pulling: bool,
    /// Whether its answers go over Tauri's postMessage path, which is slower.
    pub is_evaluated: bool,
    /// How many milliseconds ago the page was last heard of or answered.
    pub last_seen_ms_ago: u64,
    /// How many milliseconds ago it last acknowledged something; `None` if it never has.
    pub last_acknowledged_ms_ago: Option<u64>,
    /// What it listens to, in the order of the ids.
    pub subscriptions: Vec<SubscriptionInspection>,
}

/// One subscription of a page.
///
/// As JSON: `{ id, event, target }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionInspection {
    /// Its number, which its page has given it.
    pub id: u32,
    /// The name or pattern that it listens to.
    pub event: String,
    /// Which of these events it hears.
    pub target: DeliveryFilter,
}

/// A queue in Rust: that of all listeners, or that of a stream.
///
/// As JSON: `{ isStream, queue, dropped, subscriptions }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConsumerInspection {
    /// Whether it is a stream. Otherwise it is what all listeners share.
    pub is_stream: bool,
    /// What waits to be read.
    pub queue: QueueUsage,
    /// How many events the full queue has dropped.
    pub dropped: u64,
    /// What it listens to, in the order of the ids.
    pub subscriptions: Vec<SubscriptionInspection>,
}
