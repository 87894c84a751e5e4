//! Calls of pages: what the platform's pump schedules, makes and reports.

use crate::engine::core::Core;
use crate::engine::observe::delivering;
use crate::engine::pump::Pump;
use crate::engine::reply::Reply;
use crate::hub::Effects;
use crate::hub::calls::Call;
use crate::hub::ids::SubscriberKey;
use crate::hub::outbox::BatchBound;

/// The largest call, unless the limits of a batch are smaller.
const MAX_CALL: BatchBound = BatchBound {
    events: 4_096,
    bytes: 1 << 20,
};

/// Where pages cannot be called, some of it is unused.
impl Core {
    /// Sets what makes calls.
    #[cfg_attr(not(calls), allow(dead_code))]
    pub(crate) fn set_pump(&self, pump: Box<dyn Pump>) {
        let _ = self.pump.set(pump);
    }

    pub(super) fn schedule_calls(&self, effects: &mut Effects<Reply>) {
        if effects.calls.is_empty() && effects.farewells.is_empty() {
            return;
        }
        if let Some(pump) = self.pump.get() {
            let pages = std::mem::take(&mut effects.calls);
            pump.schedule(pages, std::mem::take(&mut effects.farewells));
        }
    }

    /// Notes the outcomes that have come. What ends a session does this first, or what its page has acknowledged would be
    /// kept for the next one.
    pub(crate) fn note_outcomes(&self) {
        let Some(pump) = self.pump.get() else {
            return;
        };
        for (id, reply) in pump.take_outcomes() {
            let effects = self.hub().finish_call(id, reply, self.clock().now());
            self.apply_effects(effects);
        }
    }

    /// Takes the call that is due to a page, if it still is.
    #[cfg_attr(not(calls), allow(dead_code))]
    pub(crate) fn take_call(&self, page: SubscriberKey) -> Option<Call> {
        let bound = BatchBound {
            events: self.limits().batch_events.min(MAX_CALL.events),
            bytes: self.limits().batch_bytes.min(MAX_CALL.bytes),
        };
        let (call, effects) = self.hub().take_call(page, bound, self.clock().now());
        self.apply_effects(effects);
        if let Some(call) = &call {
            self.note_batch(&call.batch);
            delivering(self.counting(), &call.batch, || {});
        }
        call
    }

    /// The platform can call the pages of the webview with this number.
    #[cfg_attr(not(calls), allow(dead_code))]
    pub(crate) fn note_callable(&self, webview: &str, number: u64) {
        self.hub().note_callable(webview, number);
    }
}
