use std::sync::{Arc, Weak};

use crate::engine::core::Core;

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
            false => running.expire(clock.now()),
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
