//! Taps of the host.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::api::bus::EventBus;
use crate::engine::core::Core;
use crate::model::error::Result;
use crate::model::tap::filter::{RecordFilter, TapFilter};
use crate::model::tap::record::TapRecord;
use crate::sync::{Sleep, TaskInstant, after};

/// How long a reader that waits rests after it has taken records. In a flood, waking it for each record would cost the emitter
/// more than making the record.
const REST: Duration = Duration::from_millis(1);

/// A stream of what happens in the whole bus; made by [`EventBus::tap`](crate::EventBus::tap).
///
/// Its queue is bounded. If its reader is too slow, records are lost, and a [`TapEntry::Lost`](crate::tap::TapEntry::Lost)
/// in their place counts them. The bus waits for no tap, and wakes its reader at most once a millisecond. With the feature
/// `stream`, which is on by default, it is a `futures_core::Stream`. Dropping it turns it off.
#[must_use = "a tap is turned off when it is dropped"]
pub struct Tap {
    core: Weak<Core>,
    number: u64,
    filter: Arc<RecordFilter>,
    ready: VecDeque<TapRecord>,
    rest: Rest,
}

/// Whether a reader rests.
#[derive(Default)]
enum Rest {
    #[default]
    None,
    Until(TaskInstant),
    Sleeping(Pin<Box<Sleep>>),
}

impl EventBus {
    /// Tells what happens in the whole bus, also outside of a view: every event, request, response, tick, refusal and gap,
    /// with where it went and when.
    ///
    /// For tools and tests. While no tap is on, it costs an event a few branches; while one is on, the bus makes a record of
    /// each thing that the filter takes.
    ///
    /// # Errors
    ///
    /// - [`ErrorCode::InvalidPattern`](crate::ErrorCode::InvalidPattern): a name of the filter is no pattern
    /// - [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): the capacity is out of range
    ///
    /// ```
    /// use tauri_plugin_event_bus::tap::{TapEntry, TapFilter};
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn watch(bus: EventBus) -> Result<()> {
    ///     let mut tap = bus.tap(TapFilter::new().names(["cart:*"]))?;
    ///     while let Some(record) = tap.recv().await {
    ///         if let TapEntry::Event(event) = &record.entry {
    ///             println!("{} went to {} places", event.name, event.routes.len());
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = watch;
    /// ```
    pub fn tap(&self, filter: TapFilter) -> Result<Tap> {
        Ok(Tap::new(&self.runtime().core, filter.check()?))
    }
}

impl Tap {
    pub(crate) fn new(core: &Arc<Core>, filter: RecordFilter) -> Self {
        let filter = Arc::new(filter);
        Self {
            number: core.add_tap(Arc::clone(&filter)),
            core: Arc::downgrade(core),
            filter,
            ready: VecDeque::new(),
            rest: Rest::None,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Awaits the next record; `None` once the app exits. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<TapRecord> {
        poll_fn(|context| self.poll_record(context)).await
    }

    /// Returns the next record, if one waits.
    ///
    /// ```
    /// # fn check(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::tap::TapFilter;
    ///
    /// let mut tap = bus.tap(TapFilter::new())?;
    /// bus.emit("cart:updated", 3)?;
    /// while let Some(record) = tap.try_recv() {
    ///     println!("{}", record.to_json());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_recv(&mut self) -> Option<TapRecord> {
        if self.ready.is_empty()
            && let Poll::Ready(Some(records)) = self.poll_waiting(None)
        {
            self.ready.extend(records);
        }
        self.ready.pop_front()
    }

    /// Awaits all records that wait.
    pub(crate) async fn recv_all(&mut self) -> Option<Vec<TapRecord>> {
        poll_fn(|context| self.poll_waiting(Some(context))).await
    }

    /// Whether the reader still rests. If so, it is woken afterwards.
    fn poll_rest(&mut self, core: &Core, context: &mut Context<'_>) -> bool {
        if let Rest::Until(until) = self.rest {
            self.rest = match after(Duration::ZERO) < until {
                true => Rest::Sleeping(Box::pin(core.tasks().sleep_until(until))),
                false => Rest::None,
            };
        }
        let Rest::Sleeping(sleep) = &mut self.rest else {
            return false;
        };
        let is_resting = sleep.as_mut().poll(context).is_pending();
        if !is_resting {
            self.rest = Rest::None;
        }
        is_resting
    }

    fn poll_record(&mut self, context: &mut Context<'_>) -> Poll<Option<TapRecord>> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Poll::Ready(Some(record));
            }
            match self.poll_waiting(Some(&mut *context)) {
                Poll::Ready(Some(records)) => self.ready.extend(records),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_waiting(
        &mut self,
        mut context: Option<&mut Context<'_>>,
    ) -> Poll<Option<Vec<TapRecord>>> {
        let Some(core) = self.core.upgrade() else {
            return Poll::Ready(None);
        };
        if let Some(context) = &mut context
            && self.poll_rest(&core, context)
        {
            return Poll::Pending;
        }
        let polled = core.poll_tap(self.number, &self.filter, context.as_deref());
        if let Poll::Ready(Some(_)) = polled {
            self.rest = Rest::Until(after(REST));
        }
        polled
    }
}

#[cfg(feature = "stream")]
impl futures_core::Stream for Tap {
    type Item = TapRecord;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<TapRecord>> {
        self.poll_record(context)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.remove_tap(self.number);
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}
