//! Events whose emitters wait for outcomes, and that leave a queue without being taken.

use crate::hub::queued::QueuedEvent;

/// Their numbers, if the reader of the queue tells outcomes.
#[derive(Debug, Default)]
pub(crate) struct DroppedTracked {
    is_on: bool,
    seqs: Vec<u64>,
}

impl DroppedTracked {
    /// Those of a queue whose reader tells outcomes.
    pub(super) fn on() -> Self {
        Self {
            is_on: true,
            seqs: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, queued: &QueuedEvent) {
        if self.is_on && queued.event.mark().is_tracked {
            self.seqs.push(queued.event.seq());
        }
    }

    pub(super) fn take(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.seqs)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.seqs.len()
    }
}
