use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::engine::core::Core;
use crate::engine::foreign::drop_safely;
use crate::hub::will::Will;
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

impl Core {
    pub(crate) fn expire(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        self.note_outcomes();
        let (mut effects, next, wills) = {
            let mut hub = self.hub();
            let (effects, next) = hub.expire(now);
            (effects, next, hub.take_due_wills())
        };
        let silent = std::mem::take(&mut effects.silent);
        self.apply_effects(effects);
        self.publish_wills(wills);
        for webview in silent {
            self.remove_if_closed(&webview);
        }
        if next.is_some_and(|next| next <= now) {
            // There is more, which may take a while.
            self.yield_to_waiters();
        }
        next
    }

    fn publish_wills(self: &Arc<Self>, wills: Vec<Will>) {
        if wills.is_empty() {
            return;
        }
        let publish = |core: &Self, wills: Vec<Will>| {
            for Will {
                event, audience, ..
            } in wills
            {
                // Whom it is for may be gone, too.
                drop(core.publish(event, &audience));
            }
        };
        if !self.has_interceptors() || self.clock().is_stopped() {
            return publish(self, wills);
        }
        // An interceptor takes its time, for which no lease and no timeout waits.
        let core = Arc::downgrade(self);
        drop(self.tasks().spawn_blocking(move || {
            if let Some(core) = core.upgrade() {
                publish(&core, wills);
            }
        }));
    }
}
