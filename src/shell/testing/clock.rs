//! The clock of a test.

use std::fmt;
use std::time::Duration;

use crate::api::bus::EventBusExt;
use crate::shell::testing::bus::TestBus;
use crate::sync::{MovableClock, block_on, yield_now, yield_thread};

/// The shortest step.
const STEP: Duration = Duration::from_micros(1);

/// The clock of a [`TestBus`], which only the test moves. Made by [`TestBus::clock`].
///
/// Jobs, delays, expiry, timeouts of requests and of `wait_for`, retention and grace of tasks, and the leases of pages follow
/// it, and so do the timestamps of events. The rates of flood limits, and what your own code sleeps, do not.
///
/// ```
/// # fn main() -> tauri_plugin_event_bus::Result<()> {
/// use std::time::Duration;
/// use tauri_plugin_event_bus::EventBusExt;
/// use tauri_plugin_event_bus::test::TestBus;
///
/// let bus = TestBus::new();
/// let clock = bus.clock();
/// bus.event_bus().periodic("reminder").every(Duration::from_secs(3600)).start()?.forget();
/// clock.advance(Duration::from_secs(3 * 3600));
/// assert_eq!(bus.history("reminder").len(), 3);
/// # Ok(())
/// # }
/// ```
pub struct TestClock<'a> {
    bus: &'a TestBus,
    clock: &'static MovableClock,
}

impl TestBus {
    /// The clock of the bus. The first call stops it: from then on only [`TestClock::advance`] moves it, while it runs by itself
    /// before. Call it first in a test that is about time.
    #[must_use]
    pub fn clock(&self) -> TestClock<'_> {
        let clock = self.movable_clock();
        clock.stop();
        TestClock { bus: self, clock }
    }
}

impl TestClock<'_> {
    /// How much time has passed on it since the bus was made.
    #[must_use]
    pub fn passed(&self) -> Duration {
        self.clock.passed()
    }

    /// Moves the clock on, from one time at which something is due to the next, and settles at each of them, as
    /// [`TestBus::settle`] does. So a job that ticks every second ticks ten times in ten seconds, and none of its ticks is late.
    /// Do not call it in a listener.
    ///
    /// # Panics
    ///
    /// As [`TestBus::settle`] does.
    pub fn advance(&self, by: Duration) {
        block_on(self.advanced(by));
    }

    /// As [`TestClock::advance`], for a test that is asynchronous itself.
    ///
    /// # Panics
    ///
    /// As [`TestBus::settle`] does.
    pub async fn advanced(&self, by: Duration) {
        let end = self.clock.passed() + by;
        self.at_rest().await;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.clock.move_to(next.max(self.clock.passed() + STEP));
            self.at_rest().await;
        }
        self.clock.move_to(end);
        self.at_rest().await;
    }

    /// Moves the clock on to the next time at which something is due, and settles. False if nothing is.
    pub(super) fn advance_to_next(&self) -> bool {
        let next = self.next();
        if let Some(next) = next {
            self.clock.move_to(next.max(self.clock.passed() + STEP));
            block_on(self.at_rest());
        }
        next.is_some()
    }

    /// When something is due next.
    fn next(&self) -> Option<Duration> {
        let bus = self.bus.event_bus();
        let runtime = bus.runtime();
        let core = &runtime.core;
        let expiry = core.expire(core.clock().now());
        let expiry = expiry.map(|due| self.clock.passed_by(due));
        let tick = runtime.jobs.next_due();
        let tick = tick.map(|due| self.clock.passed_by_steady(due));
        [expiry, tick, self.clock.next()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Waits until what the clock has woken is done, no tick is being made, and everything has been handled.
    async fn at_rest(&self) {
        let bus = self.bus.event_bus();
        loop {
            self.clock.rested().await;
            self.bus.settled().await;
            if !bus.runtime().jobs.are_busy() {
                return;
            }
            // A source runs on a thread of its own.
            yield_thread();
            yield_now().await;
        }
    }
}

impl fmt::Debug for TestClock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestClock").field(&self.passed()).finish()
    }
}
