use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::api::request::check_timeout;
use crate::api::stream::{EventStream, StreamItem};
use crate::engine::diagnostics::Diagnostics;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::BusEvent;
use crate::sync::{Tasks, oneshot};

/// How many events that do not count are looked at before other tasks get a turn.
const MAX_SKIPPED: usize = 64;

type Filter<T> = dyn FnMut(&T) -> bool + Send;

/// A future of the next event that matches; made by [`EventBus::wait_for`](crate::EventBus::wait_for).
///
/// It has a bounded queue of its own, as an [`EventStream`] has. Await it in a task or an async command. On the main thread
/// it does not fail, unlike a request, but code that blocks the main thread on it may wait forever: what pages emit has to
/// pass that thread.
#[must_use = "an event is waited for when this is awaited"]
pub struct WaitFor<T = BusEvent> {
    parts: WaitParts,
    read: Read<T>,
    filter: Option<Box<Filter<T>>>,
    timeout: Option<Result<Duration>>,
    timer: Option<oneshot::Receiver<()>>,
}

/// Reads an event as a value, or tells why that is impossible.
pub(crate) type Read<T> = fn(BusEvent, &Diagnostics) -> Option<T>;

pub(crate) struct WaitParts {
    pub(crate) stream: Result<EventStream>,
    /// For errors.
    pub(crate) pattern: String,
    pub(crate) tasks: Tasks,
    pub(crate) diagnostics: Arc<Diagnostics>,
}

impl<T> WaitFor<T> {
    pub(crate) fn new(parts: WaitParts, read: Read<T>) -> Self {
        Self {
            parts,
            read,
            filter: None,
            timeout: None,
            timer: None,
        }
    }

    /// Waits for an event for which this returns true. Others are passed over.
    pub fn filter(mut self, filter: impl FnMut(&T) -> bool + Send + 'static) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Sets how long to wait, from the first poll on: 1 ms to 24 hours.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(check_timeout(timeout));
        self
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<T>> {
        let stream = match &mut self.parts.stream {
            Ok(stream) => stream,
            Err(error) => return Poll::Ready(Err(error.clone())),
        };
        for _ in 0..MAX_SKIPPED {
            let event = match stream.poll_item(context) {
                Poll::Ready(Some(StreamItem::Event(event))) => event,
                Poll::Ready(Some(StreamItem::Gap(_))) => continue,
                Poll::Ready(None) => {
                    return Poll::Ready(Err(Error::new(
                        ErrorCode::Unavailable,
                        "the event bus is unavailable: the app is exiting",
                    )));
                }
                Poll::Pending => return Poll::Pending,
            };
            let Some(value) = (self.read)(event, &self.parts.diagnostics) else {
                continue;
            };
            if self.filter.as_mut().is_none_or(|filter| filter(&value)) {
                return Poll::Ready(Ok(value));
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_timer(&mut self, timeout: Duration, context: &mut Context<'_>) -> Poll<Error> {
        let tasks = &self.parts.tasks;
        let timer = self
            .timer
            .get_or_insert_with(|| start_timer(tasks, timeout));
        Pin::new(timer).poll(context).map(|_| {
            let pattern = quoted(&self.parts.pattern);
            let text = format!("no event that matches {pattern} came within {timeout:?}");
            Error::new(ErrorCode::Timeout, text)
        })
    }
}

/// The timer of the bus also works where another executor polls the future.
pub(super) fn start_timer(tasks: &Tasks, timeout: Duration) -> oneshot::Receiver<()> {
    let (mut sender, receiver) = oneshot::channel();
    let clock = tasks.clock();
    let end = clock.after(timeout);
    tasks.spawn(async move {
        let woken = tokio::select! {
            woken = clock.sleep_until(end) => Some(woken),
            () = sender.closed() => None,
        };
        if woken.is_some() {
            // The future may have been dropped at this moment.
            let _ = sender.send(());
        }
    });
    receiver
}

impl<T> Future for WaitFor<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let timeout = match self.timeout.clone().transpose() {
            Ok(timeout) => timeout,
            Err(error) => return Poll::Ready(Err(error)),
        };
        match (self.poll_event(context), timeout) {
            (Poll::Pending, Some(timeout)) => self.poll_timer(timeout, context).map(Err),
            (event, _) => event,
        }
    }
}

impl<T> std::fmt::Debug for WaitFor<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitFor")
            .field("pattern", &self.parts.pattern)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
