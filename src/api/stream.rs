use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::engine::core::Core;
use crate::engine::reply::Reply;
use crate::hub::Hub;
use crate::hub::ids::SubscriberKey;
use crate::hub::queue::QueueEntry;
use crate::model::delivery::HostSubscription;
use crate::model::event::{BusEvent, Gap};
use crate::model::pattern::EventPattern;

/// A stream of events for a task that reads them at its own pace; made by [`EventBus::stream`](crate::EventBus::stream).
///
/// It has a bounded queue of its own (`queueEvents`, `queueBytes`), out of which it takes up to 33 events at once while more
/// than 32 wait. If the task reads too slowly, the oldest events are
/// dropped, and a [`StreamItem::Gap`] reports them. Events whose policy is to reject are not dropped: emitting them fails
/// while the queue is full, so drop a stream that is not read any more. The stream ends when the app exits. With the feature `stream`, which is
/// on by default, it is a `futures_core::Stream`.
///
/// ```
/// use tauri_plugin_event_bus::{EventBus, Result, StreamItem};
///
/// async fn follow_downloads(bus: EventBus) -> Result<()> {
///     let mut downloads = bus.stream("download:*")?;
///     while let Some(item) = downloads.recv().await {
///         match item {
///             StreamItem::Event(event) => println!("{} {}", event.name(), event.payload_json()),
///             StreamItem::Gap(gap) => eprintln!("{} events were lost", gap.count),
///         }
///     }
///     Ok(())
/// }
/// # let _ = follow_downloads;
/// ```
#[must_use = "a stream yields nothing unless it is read"]
pub struct EventStream {
    core: Weak<Core>,
    subscriber: SubscriberKey,
    /// What it has taken out of its queue, while many waited there.
    ahead: VecDeque<QueueEntry>,
}

/// An item of an [`EventStream`].
#[derive(Debug, Clone)]
pub enum StreamItem {
    /// An event.
    Event(BusEvent),
    /// Events that this stream lost.
    Gap(Gap),
}

impl EventStream {
    pub(crate) fn new(core: &Arc<Core>, pattern: EventPattern, wanted: HostSubscription) -> Self {
        Self::begin(core, pattern, wanted, Hub::add_stream)
    }

    pub(crate) fn subscriber(&self) -> SubscriberKey {
        self.subscriber
    }

    /// The stream that an async listener reads.
    pub(super) fn of_listener(
        core: &Arc<Core>,
        pattern: EventPattern,
        wanted: HostSubscription,
    ) -> Self {
        Self::begin(core, pattern, wanted, Hub::add_async_listener)
    }

    fn begin(
        core: &Arc<Core>,
        pattern: EventPattern,
        wanted: HostSubscription,
        add: fn(&mut Hub<Reply>) -> SubscriberKey,
    ) -> Self {
        let (subscriber, effects) = {
            let mut hub = core.hub();
            let subscriber = add(&mut hub);
            (subscriber, hub.listen(subscriber, 0, pattern, wanted))
        };
        core.apply_effects(effects);
        Self {
            core: Arc::downgrade(core),
            subscriber,
            ahead: VecDeque::new(),
        }
    }

    /// Awaits the next event or gap; `None` once the app exits. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<StreamItem> {
        poll_fn(|context| self.poll_item(context)).await
    }

    pub(super) fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        let Some(core) = self.core.upgrade() else {
            return Poll::Ready(None);
        };
        let polled = core.poll_stream(self.subscriber, context, &mut self.ahead);
        polled.map(|entry| {
            entry.map(|entry| match entry {
                QueueEntry::Event(queued) => StreamItem::Event(queued.event),
                QueueEntry::Lost(lost) => StreamItem::Gap(lost.gap),
            })
        })
    }
}

#[cfg(feature = "stream")]
impl futures_core::Stream for EventStream {
    type Item = StreamItem;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.poll_item(context)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.remove_consumer(self.subscriber);
        }
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EventStream")
            .field(&self.subscriber)
            .finish()
    }
}
