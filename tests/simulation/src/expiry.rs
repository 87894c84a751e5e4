//! Events that count for a while: none is taken after its time by the host's clock, and who it was due to is told so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::facts::{Emitted, LATEST};
use crate::oracle::Oracle;
use crate::world::World;

/// What pages were brought, item by item, when it was brought for the first time.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    /// The index of the last item of each session.
    newest: BTreeMap<String, u64>,
    /// The numbers of events, and when the host took them.
    events: Vec<(u64, Duration)>,
    /// The ranges of gaps of expired events.
    expired: Vec<(u64, u64, Duration)>,
}

impl World {
    /// How long an event counts, in milliseconds.
    pub(crate) fn expiry(&mut self) -> Option<u64> {
        let is_short = self.rng.chance(self.plan.weights.expires);
        is_short.then(|| self.rng.pick(&[1, 40, 900, 6_000, 40_000]))
    }
}

/// When what was accepted at this time counts no more.
pub(crate) fn expires_at(millis: Option<u64>, accepted: Duration) -> Option<Duration> {
    millis.map(|millis| accepted + Duration::from_millis(millis))
}

impl Oracle {
    /// A batch leaves the host for a page. What comes again was in time when it came first.
    pub(crate) fn batched(&mut self, session: &str, batch: &Value, at: Duration) {
        let batches = &mut self.batches;
        let newest = batches.newest.entry(session.to_owned()).or_default();
        let mut index = batch["first"].as_u64().unwrap_or_default();
        let mut seq = 0;
        for item in batch["items"].as_array().into_iter().flatten() {
            let Some(run) = item.as_array() else {
                let parts = item["parts"].as_array();
                let is_new = index > *newest;
                index += parts.map_or(1, Vec::len) as u64;
                if is_new && item["reason"] == "expired" {
                    let end = |key: &str| item[key].as_u64().unwrap_or_default();
                    batches.expired.push((end("from"), end("to"), at));
                }
                continue;
            };
            let step = run[1].as_i64().unwrap_or_default();
            seq += step - 1;
            for _ in 0..(run.len() - 2) / 2 {
                seq += 1;
                if index > *newest {
                    batches.events.push((seq.cast_unsigned(), at));
                }
                index += 1;
            }
        }
        *newest = (*newest).max(index.saturating_sub(1));
    }

    pub(crate) fn check_expiry(&self, found: &mut Vec<String>) {
        for (seq, at) in &self.batches.events {
            self.check_in_time(*seq, *at, "a page", found);
        }
        for (number, listener) in &self.listeners {
            for got in &listener.delivered {
                if let Some(at) = got.taken_at {
                    self.check_in_time(got.seq, at, &format!("listener {number}"), found);
                }
            }
        }
        for (from, to, at) in &self.batches.expired {
            let may_have_expired = |seq: u64| match self.events.get(&seq) {
                Some(event) if event.is_complete => event.expires_at.is_some_and(|end| end <= *at),
                _ => true,
            };
            if !(*from..=*to).any(may_have_expired) {
                found.push(format!("nothing from {from} to {to} had expired at {at:?}"));
            }
        }
    }

    /// Whether an event may expire, or be replaced by one that may.
    pub(crate) fn may_expire(&self, seq: u64, event: &Emitted) -> bool {
        let mut later = self.events.range(seq + 1..).map(|(_, later)| later);
        event.expires_at.is_some()
            || event.name.starts_with(LATEST)
                && later.any(|later| later.name == event.name && later.expires_at.is_some())
    }

    fn check_in_time(&self, seq: u64, at: Duration, who: &str, found: &mut Vec<String>) {
        let end = self.events.get(&seq).and_then(|event| event.expires_at);
        if let Some(end) = end.filter(|end| at > *end) {
            found.push(format!(
                "{who} got {seq} at {at:?}, which had expired at {end:?}"
            ));
        }
    }
}
