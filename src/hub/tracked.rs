//! Events whose emitters wait for outcomes, and that leave a queue without being taken.

use crate::hub::queued::QueuedEvent;

/// Their numbers.
#[derive(Debug, Default)]
pub(crate) struct DroppedTracked(Vec<u64>);

impl DroppedTracked {
    pub(super) fn note(&mut self, queued: &QueuedEvent) {
        if queued.event.mark().is_tracked {
            self.0.push(queued.event.seq());
        }
    }

    pub(super) fn take(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.0)
    }
}
