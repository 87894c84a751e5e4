//! A snapshot of the bus: counters, queues, subscriptions and jobs, without payloads.

use serde::Serialize;

use crate::model::delivery::DeliveryFilter;
use crate::model::endpoint::Endpoint;
use crate::model::job::JobInfo;
use crate::model::link::LinkStatus;
use crate::model::task::TaskInfo;

/// A snapshot of the bus, from [`EventBus::inspect`](crate::EventBus::inspect).
///
/// It has no payloads. Each webview is read separately, so the bus is never blocked as a whole. An event that is emitted
/// meanwhile may show in one webview and not yet in another.
///
/// As JSON: `{ seq, refused, webviews, consumers, retained, unconsumed, members, wills, receipts, jobs, streams, tasks }`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Inspection {
    /// The newest sequence number, which is how many events were accepted since the app started.
    pub seq: u64,
    /// How many events the bus refused since then, because their target was unknown or a queue was full. Refusals by a
    /// permission or a rate limit do not count here.
    pub refused: u64,
    /// Every webview, in the order of the labels.
    pub webviews: Vec<WebviewInspection>,
    /// The host listeners as a whole, and then each stream.
    pub consumers: Vec<ConsumerInspection>,
    /// The retained events.
    pub retained: QueueUsage,
    /// The events that are kept until they are consumed.
    pub unconsumed: QueueUsage,
    /// How many members there are in all rooms of [presence](crate::EventBus::presence).
    pub members: usize,
    /// How many wills there are: of pages that are there, and of those that are gone and may come back.
    pub wills: usize,
    /// How many events wait until they are [handled](crate::EventBus::emit_handled).
    pub receipts: usize,
    /// Every job, in the order of the ids.
    pub jobs: Vec<JobInfo>,
    /// The link to other nodes. As JSON it is there only if the app has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkStatus>,
    /// Every open stream, in the order in which they were requested. A channel is there twice, with the half of its responder
    /// first.
    pub streams: Vec<StreamInspection>,
    /// Every task that waits or runs, or whose end is kept, by name and key.
    pub tasks: Vec<TaskInfo>,
}

/// The usage of a queue or a store, and its limits.
///
/// As JSON: `{ events, bytes, maxEvents, maxBytes }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct QueueUsage {
    /// The number of events.
    pub events: usize,
    /// Their size in bytes, with names and payloads; approximate.
    pub bytes: usize,
    /// The limit of events.
    pub max_events: usize,
    /// The limit of bytes.
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
    /// The page that uses the bus. `None` before its first command, and after it is gone.
    pub page: Option<PageInspection>,
    /// The events that are kept for the next page, or for a page that is starting. `None` once a page has started.
    pub backlog: Option<QueueUsage>,
    /// How often flood limits have refused something of its pages.
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
    /// The events that it has yet to fetch.
    pub queue: QueueUsage,
    /// The number of delivered events and gaps that it has not acknowledged.
    pub unacknowledged_events: usize,
    /// Their size in bytes; approximate.
    pub unacknowledged_bytes: usize,
    /// How many events its full queue has dropped since the page began. Each is part of a gap.
    pub dropped: u64,
    /// Whether it waits for events. Otherwise it is busy or gone.
    pub is_pulling: bool,
    /// Whether the host calls it with what it receives. Otherwise it fetches that with pulls.
    pub is_called: bool,
    /// Whether its replies take Tauri's postMessage path, which is slower.
    pub is_evaluated: bool,
    /// Milliseconds since the page last sent a command or received a reply.
    pub last_seen_ms_ago: u64,
    /// Milliseconds since its last acknowledgement; `None` before the first.
    pub last_acknowledged_ms_ago: Option<u64>,
    /// Its subscriptions, in the order of the ids.
    pub subscriptions: Vec<SubscriptionInspection>,
}

/// One subscription of a page.
///
/// As JSON: `{ id, event, target }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SubscriptionInspection {
    /// Its id, which the page chose.
    pub id: u32,
    /// The name or pattern that it listens to.
    pub event: String,
    /// Which of these events it receives.
    pub target: DeliveryFilter,
}

/// A queue of the host: that of all listeners, or that of a stream.
///
/// As JSON: `{ isStream, queue, dropped, subscriptions }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConsumerInspection {
    /// Whether it is a stream. Otherwise it is the queue that all listeners share.
    pub is_stream: bool,
    /// The events that wait to be read.
    pub queue: QueueUsage,
    /// How many events the full queue has dropped.
    pub dropped: u64,
    /// Its subscriptions, in the order of the ids.
    pub subscriptions: Vec<SubscriptionInspection>,
}

/// An open stream, or one half of a channel: a channel is listed twice.
///
/// As JSON: `{ name, caller, responder, isFromCaller, sent, taken, bytes, isWaiting }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StreamInspection {
    /// The name of the request.
    pub name: String,
    /// Who requested it and takes its parts.
    pub caller: Endpoint,
    /// Who sends its parts.
    pub responder: Endpoint,
    /// Whether the caller sends these parts, and the responder takes them: its half of a channel.
    pub is_from_caller: bool,
    /// How many parts were sent.
    pub sent: u64,
    /// How many of them were taken.
    pub taken: u64,
    /// The size of those that were not taken, in bytes.
    pub bytes: usize,
    /// Whether its credit is used up, so that who sends it waits.
    pub is_waiting: bool,
}
