use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::engine::core::Core;
use crate::engine::foreign::drop_safely;
use crate::sync::BusClock;

/// When to look again after a panic.
const PAUSE: Duration = Duration::from_secs(1);

/// Completes held pulls and ends sessions and requests when they are due, until the core is gone.
///
/// One task serves all pages and sleeps until the first of them is due, so that an idle app wakes up once for each pull
/// that is renewed.
pub(crate) async fn keep_leases(core: Weak<Core>) {
    loop {
        let Some(running) = core.upgrade() else {
            return;
        };
        let clock = running.clock();
        let next = match clock.is_stopped() {
            true => None,
            false => expire(&running, clock),
        };
        let rearm = Arc::clone(&running.rearm);
        drop(running);
        match next {
            Some(due) => {
                tokio::select! {
                    biased;
                    _ = clock.sleep_until(due.into()) => {}
                    () = rearm.notified() => {}
                }
            }
            None => rearm.notified().await,
        }
    }
}

/// Its effects run foreign code, such as the app's logger, whose panic ends neither leases nor timeouts.
fn expire(core: &Arc<Core>, clock: BusClock) -> Option<Instant> {
    catch_unwind(AssertUnwindSafe(|| core.expire(clock.now()))).unwrap_or_else(|panic| {
        drop_safely(panic);
        Some(clock.now() + PAUSE)
    })
}
