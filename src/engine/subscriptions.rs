//! Subscriptions of pages begin and end a few under each lock, so that no thread waits for a whole command.

use std::time::Instant;

use crate::engine::core::Core;
use crate::hub::Effects;
use crate::hub::SubscriptionRequest;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::model::error::Result;

/// How much of one command is done under one lock. A subscription to a name or a prefix counts for one, and any other
/// pattern for [`GLOB_WORK`]; each looks through the kept events, of which [`PAST_WORK`] count for one.
const MAX_WORK: usize = 512;
const GLOB_WORK: usize = 64;
const PAST_WORK: usize = 8;

/// How many subscriptions end under one lock.
const MAX_ENDED: usize = 8;

/// How many of these subscriptions begin under one lock, where each looks through `past` events.
fn fitting(requests: &[SubscriptionRequest], past: usize) -> usize {
    let mut work = 0;
    let is_fitting = |request: &&SubscriptionRequest| {
        work += 1 + request.pattern.cost() * GLOB_WORK + past / PAST_WORK;
        work <= MAX_WORK
    };
    requests.iter().take_while(is_fitting).count().max(1)
}

impl Core {
    pub(crate) fn subscribe(
        &self,
        page: SubscriberKey,
        requests: Vec<SubscriptionRequest>,
        now: Instant,
    ) -> Vec<Result<u64>> {
        let mut requests = requests.into_iter();
        let mut results = Vec::with_capacity(requests.len());
        let mut has_new_listeners = false;
        while requests.len() > 0 {
            let mut hub = self.hub();
            let fitting = fitting(requests.as_slice(), hub.past_events_of(page));
            let some = requests.by_ref().take(fitting).collect();
            let (begun, mut effects) = hub.subscribe(page, some, now);
            drop(hub);
            has_new_listeners |= std::mem::take(&mut effects.has_new_listeners);
            self.apply_effects(effects);
            results.extend(begun);
            self.yield_to_waiters();
        }
        // Idle jobs are looked at once for the whole command.
        self.apply_effects(Effects {
            has_new_listeners,
            ..Effects::default()
        });
        results
    }

    pub(crate) fn unsubscribe(&self, page: SubscriberKey, ids: &[SubscriptionId]) {
        for some in ids.chunks(MAX_ENDED) {
            let effects = self.hub().unsubscribe(page, some);
            self.apply_effects(effects);
            self.yield_to_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pattern::EventPattern;

    #[test]
    fn many_past_events_mean_fewer_under_one_lock() {
        let requests = |pattern: &str| -> Vec<SubscriptionRequest> {
            let request = |id| SubscriptionRequest {
                id,
                pattern: EventPattern::parse(pattern).unwrap(),
                scope: None,
                target: None,
                wants_replayed: true,
                wants_retained: true,
                resume: None,
            };
            (0..1024).map(request).collect()
        };
        let (names, globs) = (requests("x"), requests("*x"));
        for (past, of_names, of_globs) in [
            (0, 512, 7),
            (7, 512, 7),
            (80, 46, 6),
            (2048, 1, 1),
            (4096 + 1024, 1, 1),
        ] {
            let fit = (fitting(&names, past), fitting(&globs, past));
            assert_eq!(fit, (of_names, of_globs), "{past}");
        }
    }
}
