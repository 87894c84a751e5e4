//! Subscriptions of pages begin and end a few under each lock, so that no thread waits for a whole command.

use std::collections::HashSet;
use std::time::Instant;

use crate::engine::core::Core;
use crate::hub::Effects;
use crate::hub::SubscriptionRequest;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::snapshots::Snapshots;
use crate::model::error::Result;

/// How much of one command is done under one lock. A subscription to a name or a prefix counts for one, and any other
/// pattern for [`GLOB_WORK`]; each looks through the kept events, of which [`PAST_WORK`] count for one, and so do members of
/// a room, through which only the first one to that room looks.
const MAX_WORK: usize = 512;
const GLOB_WORK: usize = 64;
const PAST_WORK: usize = 8;

/// How many subscriptions end under one lock.
const MAX_ENDED: usize = 8;

/// How many of these subscriptions begin under one lock, where each looks through `past` events. `members` says how many
/// members one looks through, unless another one to their room has.
fn fitting(
    requests: &[SubscriptionRequest],
    past: usize,
    members: impl Fn(&SubscriptionRequest) -> usize,
) -> usize {
    let (mut fitting, mut work) = (0, 0);
    let mut rooms = HashSet::new();
    for request in requests {
        work += 1 + request.pattern.cost() * GLOB_WORK + past / PAST_WORK;
        let members = members(request);
        if members > 0 && rooms.insert(request.pattern.exact()) {
            work += members / PAST_WORK;
        }
        if work > MAX_WORK {
            break;
        }
        fitting += 1;
    }
    fitting.max(1)
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The newest event at that moment. Live events come after it.
    pub(crate) seq: u64,
    /// The event after which it gets a replay, if it gets one.
    pub(crate) replays_after: Option<u64>,
}

impl Core {
    pub(crate) fn subscribe(
        &self,
        page: SubscriberKey,
        requests: Vec<SubscriptionRequest>,
        now: Instant,
    ) -> Vec<Result<Begun>> {
        let mut requests = requests.into_iter();
        let mut results = Vec::with_capacity(requests.len());
        let mut has_new_listeners = false;
        let mut snapshots = Snapshots::default();
        while requests.len() > 0 {
            let mut hub = self.hub();
            let members = |request: &SubscriptionRequest| hub.members_before(request, &snapshots);
            let fitting = fitting(requests.as_slice(), hub.past_events_of(page), members);
            let some: Vec<SubscriptionRequest> = requests.by_ref().take(fitting).collect();
            let replayed: Vec<bool> = some.iter().map(SubscriptionRequest::is_replayed).collect();
            let (begun, mut effects) = hub.subscribe_some(page, some, &mut snapshots, now);
            let after = hub.replays_after(page, now);
            drop(hub);
            has_new_listeners |= std::mem::take(&mut effects.has_new_listeners);
            self.apply_effects(effects);
            let begun = begun.into_iter().zip(replayed);
            results.extend(begun.map(|(begun, is_replayed)| {
                begun.map(|seq| Begun {
                    seq,
                    replays_after: after.filter(|_| is_replayed),
                })
            }));
            self.yield_to_waiters();
        }
        // Idle jobs are looked at once for the whole command.
        self.apply_effects(Effects {
            has_new_listeners,
            ..Effects::default()
        });
        results
    }

    /// This page passes events on as text.
    pub(crate) fn note_passing(&self, page: SubscriberKey) {
        self.hub().note_passing(page);
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

    fn requests(pattern: &str) -> Vec<SubscriptionRequest> {
        let request = |id| SubscriptionRequest {
            id,
            pattern: EventPattern::parse(pattern).unwrap(),
            scope: None,
            target: None,
            wants_replayed: true,
            wants_retained: true,
            wants_latest: false,
            watches: None,
            resume: None,
        };
        (0..1024).map(request).collect()
    }

    #[test]
    fn many_past_events_mean_fewer_under_one_lock() {
        let (names, globs) = (requests("x"), requests("*x"));
        for (past, of_names, of_globs) in [
            (0, 512, 7),
            (7, 512, 7),
            (80, 46, 6),
            (2048, 1, 1),
            (4096 + 1024, 1, 1),
        ] {
            let fit = (fitting(&names, past, |_| 0), fitting(&globs, past, |_| 0));
            assert_eq!(fit, (of_names, of_globs), "{past}");
        }
    }

    #[test]
    fn members_count_once_for_each_room() {
        for (members, of_one_room, of_many) in
            [(7, 512, 512), (80, 502, 46), (4080, 2, 1), (16_384, 1, 1)]
        {
            let fit = |requests: &[SubscriptionRequest]| fitting(requests, 0, |_| members);
            let many: Vec<_> = (0..600)
                .map(|room| requests(&format!("room-{room}")).remove(0))
                .collect();
            let fit = (fit(&requests("x")), fit(&many));
            assert_eq!(fit, (of_one_room, of_many), "{members}");
        }
    }
}
