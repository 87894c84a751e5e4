//! What a run may do and how often, which differs from run to run: so rare things come together in some of them.

use crate::limits::Limits;
use crate::rng::Rng;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) steps: u64,
    pub(crate) limits: Limits,
    /// Whether pages begin with postMessage, as on Android.
    pub(crate) is_android: bool,
    /// Whether the host calls pages, as on WebKitGTK.
    pub(crate) is_called: bool,
    /// Whether the monotonic clock runs while the machine sleeps, as on Windows.
    pub(crate) sleep_counts: bool,
    pub(crate) weights: Weights,
}

/// How often each kind of step is chosen, relative to the others.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub(crate) fetch_fails: usize,
    pub(crate) loses_pull: usize,
    pub(crate) loses_call: usize,
    pub(crate) user_acts: usize,
    pub(crate) suspends: usize,
    pub(crate) reloads: usize,
    pub(crate) navigates: usize,
    pub(crate) caches: usize,
    pub(crate) crashes: usize,
    pub(crate) closes: usize,
    pub(crate) sleeps: usize,
    pub(crate) waits: usize,
    pub(crate) jobs: usize,
    pub(crate) requests: usize,
    pub(crate) receipts: usize,
    pub(crate) presence: usize,
    pub(crate) wills: usize,
    /// How many of a hundred events expire.
    pub(crate) expires: usize,
    pub(crate) bursts: usize,
    pub(crate) reorders: usize,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut limits = Limits::default();
        if rng.chance(60) {
            limits.queue_events = rng.pick(&[2, 4, 8, 32]);
        }
        if rng.chance(50) {
            limits.backlog_events = rng.pick(&[1, 3, 8]);
        }
        if rng.chance(60) {
            limits.batch_events = rng.pick(&[1, 2, 5]);
        }
        if rng.chance(20) {
            limits.retained_events = rng.pick(&[1, 3]);
            limits.retained_events_per_page = limits.retained_events;
        }
        if rng.chance(15) {
            limits.session_burst = 3;
            limits.sessions_per_second = 1;
        }
        if rng.chance(15) {
            limits.subscriptions_per_page = 8;
            limits.subscribe_burst = 8;
            limits.subscribes_per_second = 2;
        }
        if rng.chance(30) {
            limits.page_grace_ms = rng.pick(&[300, 20_000]);
        }
        let steps = rng.pick(&[60, 120, 200, 300]);
        let mut often = |most: usize| match rng.chance(50) {
            true => 1 + rng.below(most),
            false => 0,
        };
        let weights = Weights {
            fetch_fails: often(4),
            loses_pull: often(4),
            loses_call: often(3),
            user_acts: often(4),
            suspends: often(3),
            reloads: often(5),
            navigates: often(2),
            caches: often(4),
            crashes: often(2),
            closes: often(3),
            sleeps: often(2),
            waits: often(6),
            jobs: often(8),
            requests: often(10),
            receipts: often(8),
            presence: often(12),
            wills: often(6),
            expires: often(40),
            bursts: often(6),
            reorders: often(40),
        };
        Self {
            steps,
            limits,
            is_android: rng.chance(10),
            is_called: rng.chance(50),
            sleep_counts: rng.chance(50),
            weights,
        }
    }
}
