use std::collections::VecDeque;
use std::task::{Poll, Waker};

use crate::hub::queue::{Queue, QueueBound, QueueEntry};
use crate::hub::tracked::DroppedTracked;

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
        let consumer = Self {
            queue: match is_stream {
                true => Queue::new(bound),
                false => Queue::with_causes(bound),
            },
            is_stream,
            is_listener: false,
            waker: None,
        };
        match is_stream {
            true => consumer,
            false => consumer.of_handlers(),
        }
    }

    /// The stream of an async listener.
    pub(crate) fn of_listener(bound: QueueBound) -> Self {
        Self::new(bound, true).of_handlers()
    }

    fn of_handlers(mut self) -> Self {
        self.is_listener = true;
        self.queue.dropped_tracked = DroppedTracked::on();
        self
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

    /// Takes events that a reader has not come to yet, while many wait behind them. None of them may be replaced, expire or
    /// be delivered again. The reader holds what it takes beyond the limits of the queue.
    pub(crate) fn take_ahead(&mut self, entries: &mut VecDeque<QueueEntry>) {
        const MOST: usize = 32;
        const MOST_BYTES: usize = 64 << 10;
        let queue = &mut self.queue;
        let least = queue.usage().1.saturating_sub(MOST_BYTES);
        while queue.is_settled()
            && let (events, bytes) = queue.usage()
            && events > MOST
            && entries.len() < MOST
            && bytes > least
            && let Some(next) = queue.next_event()
            && !next.event.mark().until_consumed
        {
            entries.extend(queue.pop());
        }
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::tests::queued;
    use crate::model::policy::Overflow;

    /// How many events a stream takes ahead of so many, behind which another one was queued with this policy.
    fn taken_ahead(count: u64, most: usize, last: Overflow) -> usize {
        let bound = QueueBound {
            events: most,
            bytes: 1 << 20,
        };
        let mut consumer = Consumer::new(bound, true);
        for seq in 1..count {
            consumer.queue.push(queued(seq, &[1]), Overflow::DropOldest);
        }
        consumer.queue.push(queued(count, &[1]), last);
        let mut ahead = VecDeque::new();
        consumer.take_ahead(&mut ahead);
        for (seq, entry) in (1..).zip(&ahead) {
            assert!(matches!(entry, QueueEntry::Event(queued) if queued.event.seq() == seq));
        }
        ahead.len()
    }

    #[test]
    fn a_stream_takes_ahead_while_many_wait() {
        assert_eq!(taken_ahead(32, 1000, Overflow::DropOldest), 0);
        assert_eq!(taken_ahead(40, 1000, Overflow::DropOldest), 8);
        assert_eq!(taken_ahead(500, 1000, Overflow::DropOldest), 32);
    }

    #[test]
    fn a_stream_takes_no_event_ahead_of_its_time() {
        // One may be replaced, and a gap comes first.
        assert_eq!(taken_ahead(500, 1000, Overflow::Latest), 0);
        assert_eq!(taken_ahead(500, 100, Overflow::DropOldest), 0);
    }
}
