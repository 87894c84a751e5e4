use std::task::{Poll, Waker};

use crate::hub::queue::{Queue, QueueBound, QueueEntry};

/// A subscriber in the host: a stream, or the task that calls the listeners.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) queue: Queue,
    pub(crate) is_stream: bool,
    /// Whether handlers read it, whose outcomes count.
    pub(super) is_listener: bool,
    waker: Option<Waker>,
}

impl Consumer {
    pub(crate) fn new(bound: QueueBound, is_stream: bool) -> Self {
        Self {
            queue: match is_stream {
                true => Queue::new(bound),
                false => Queue::with_causes(bound).tracking(),
            },
            is_stream,
            is_listener: !is_stream,
            waker: None,
        }
    }

    /// The stream of an async listener.
    pub(crate) fn of_listener(bound: QueueBound) -> Self {
        Self {
            queue: Queue::new(bound).tracking(),
            is_listener: true,
            ..Self::new(bound, true)
        }
    }

    /// Reads what is next. If there is nothing, keeps the waker in place of the last one.
    ///
    /// A waker is foreign code, down to its drop. So it is cloned before the lock, and the one that is not needed any more
    /// is returned, to be dropped after the lock.
    pub(crate) fn poll(&mut self, waker: Waker) -> (Poll<Option<QueueEntry>>, Option<Waker>) {
        match self.queue.pop() {
            Some(entry) => (Poll::Ready(Some(entry)), Some(waker)),
            None => (Poll::Pending, self.waker.replace(waker)),
        }
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }
}
