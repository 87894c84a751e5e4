use std::task::{Context, Poll, Waker};

use crate::hub::queue::{Entry, Queue, QueueBound};

/// A subscriber inside the app: a stream, or the task that calls the listeners.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) queue: Queue,
    waker: Option<Waker>,
}

impl Consumer {
    pub(crate) fn new(bound: QueueBound) -> Self {
        Self {
            queue: Queue::new(bound),
            waker: None,
        }
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Entry>> {
        if let Some(entry) = self.queue.pop() {
            return Poll::Ready(Some(entry));
        }
        // A task that moved polls with another waker; the old one would wake nobody.
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }
}
