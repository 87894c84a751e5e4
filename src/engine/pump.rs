//! What the core knows of the part of the platform that calls pages.

use crate::hub::calls::{CallId, CallReply, Farewell};
use crate::hub::ids::SubscriberKey;

/// Makes calls on the platform's main thread. A platform that cannot call pages has no pump.
pub(crate) trait Pump: Send + Sync {
    /// Schedules the calls that are due to these pages, and farewells. Makes none of them itself, on any thread.
    fn schedule(&self, pages: Vec<SubscriberKey>, farewells: Vec<Farewell>);

    /// Takes the outcomes that have come and that the hub does not know.
    fn take_outcomes(&self) -> Vec<(CallId, Option<CallReply>)>;
}
