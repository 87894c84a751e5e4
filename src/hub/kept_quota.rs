use std::collections::HashMap;

use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::quota::{Quota, SharedLimit};

/// What a store of kept events takes of its limits: all of it, and what each webview and each other node has emitted of it.
#[derive(Debug, Default)]
pub(super) struct KeptQuota {
    all: Quota,
    pages: HashMap<Endpoint, Quota>,
}

impl KeptQuota {
    /// Checks that there is room for an event of this weight, which may take the place of one of another weight. `kept` says
    /// how the events are kept. The error is a part of a sentence.
    pub(super) fn check(
        &self,
        kept: &str,
        source: &Endpoint,
        weight: usize,
        replaced: Option<usize>,
        limits: &Limits,
    ) -> Result<(), String> {
        let after = |mut quota: Quota| {
            if let Some(replaced) = replaced {
                quota.remove(replaced);
            }
            quota.add(weight);
            quota
        };
        let all = after(self.all);
        let (events, bytes) = (limits.retained_events, limits.retained_bytes);
        if all.count > events {
            return Err(format!(
                "{events} events are {kept}, and that is the limit (retainedEvents)"
            ));
        }
        if all.bytes > bytes {
            return Err(format!(
                "{kept} events would take {} bytes, and the limit is {bytes} (retainedBytes)",
                all.bytes
            ));
        }
        let (Endpoint::Webview(_) | Endpoint::Node(_)) = source else {
            return Ok(());
        };
        let before = self.pages.get(source).copied().unwrap_or_default();
        let own = after(before);
        let (page_events, page_bytes) = (
            limits.retained_events_per_page,
            limits.retained_bytes_per_page,
        );
        if own.count > page_events {
            return Err(format!(
                "{page_events} events of this page are {kept}, and that is the limit (retainedEventsPerPage)"
            ));
        }
        if own.bytes > page_bytes {
            return Err(format!(
                "{kept} events of this page would take {} bytes, and the limit is {page_bytes} (retainedBytesPerPage)",
                own.bytes
            ));
        }
        let shared = [
            SharedLimit {
                limit: events,
                unit: "events",
                key: "retainedEvents",
            },
            SharedLimit {
                limit: bytes,
                unit: "bytes",
                key: "retainedBytes",
            },
        ];
        own.check_fairness(before, all, shared)
    }

    pub(super) fn add(&mut self, source: &Endpoint, weight: usize) {
        self.all.add(weight);
        if let Endpoint::Webview(_) | Endpoint::Node(_) = source {
            let quota = self.pages.entry(source.clone()).or_default();
            quota.add(weight);
        }
    }

    pub(super) fn remove(&mut self, source: &Endpoint, weight: usize) {
        self.all.remove(weight);
        if let Some(quota) = self.pages.get_mut(source) {
            quota.remove(weight);
            if quota.is_empty() {
                self.pages.remove(source);
            }
        }
    }

    /// How many events are kept, and their bytes.
    pub(super) fn usage(&self) -> (usize, usize) {
        (self.all.count, self.all.bytes)
    }
}
