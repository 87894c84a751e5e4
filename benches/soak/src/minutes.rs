//! What happened in each minute, what the bus kept at its end, and whether anything grew.

use crate::processes::{Footprint, Memory};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// A minute of load, and what was left at its end.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Minute {
    pub(crate) minute: u64,
    pub(crate) active_seconds: f64,
    /// While the driver or the machine was stopped.
    pub(crate) stopped_seconds: f64,
    pub(crate) emitted: u64,
    /// By all listeners together.
    pub(crate) received: u64,
    pub(crate) repeated: u64,
    pub(crate) gaps: u64,
    pub(crate) lost: u64,
    pub(crate) jobs: u64,
    pub(crate) requests: u64,
    pub(crate) reloads: u64,
    pub(crate) opened: u64,
    pub(crate) kills: u64,
    pub(crate) faults: u64,
    /// Seconds of processor time of the host, web and network processes.
    pub(crate) cpu_seconds: f64,
    pub(crate) host: Megabytes,
    /// By label: the process of the page.
    pub(crate) web: BTreeMap<String, (u32, Megabytes)>,
    pub(crate) network: Megabytes,
    pub(crate) counts: Counts,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Megabytes {
    pub(crate) rss: f64,
    pub(crate) anonymous: f64,
}

impl From<Memory> for Megabytes {
    fn from(Memory { rss, anonymous }: Memory) -> Self {
        Self {
            rss: rss as f64 / MEGABYTE,
            anonymous: anonymous as f64 / MEGABYTE,
        }
    }
}

/// What `inspect` counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) webviews: u64,
    pub(crate) sessions: u64,
    pub(crate) subscriptions: u64,
    /// The host's listeners, and streams.
    pub(crate) consumers: u64,
    pub(crate) jobs: u64,
    pub(crate) retained: u64,
    pub(crate) unconsumed: u64,
    /// Members of presence.
    pub(crate) members: u64,
    pub(crate) wills: u64,
    /// Events that wait until they are handled.
    pub(crate) receipts: u64,
    pub(crate) streams: u64,
    pub(crate) tasks: u64,
    /// Events and bytes that wait for pages, streams or listeners, or for an acknowledgement.
    pub(crate) queued_events: u64,
    pub(crate) queued_bytes: u64,
    /// Events and bytes that are kept for the next page.
    pub(crate) backlog_events: u64,
    pub(crate) backlog_bytes: u64,
    /// Webviews whose page is starting.
    pub(crate) starting: u64,
    pub(crate) refused: u64,
    pub(crate) rate_limited: u64,
}

impl Counts {
    pub(crate) fn of(inspection: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let length = |value: &Value| list(value).len() as u64;
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        let mut counts = Self {
            webviews: length(&inspection["webviews"]),
            consumers: length(&inspection["consumers"]),
            jobs: length(&inspection["jobs"]),
            retained: number(&inspection["retained"]["events"]),
            unconsumed: number(&inspection["unconsumed"]["events"]),
            members: number(&inspection["members"]),
            wills: number(&inspection["wills"]),
            receipts: number(&inspection["receipts"]),
            streams: length(&inspection["streams"]),
            tasks: length(&inspection["tasks"]),
            refused: number(&inspection["refused"]),
            ..Self::default()
        };
        for webview in list(&inspection["webviews"]) {
            let (page, backlog) = (&webview["page"], &webview["backlog"]);
            counts.sessions += u64::from(!page.is_null());
            counts.starting += u64::from(!backlog.is_null());
            counts.subscriptions += length(&page["subscriptions"]);
            counts.queued_events +=
                number(&page["queue"]["events"]) + number(&page["unacknowledgedEvents"]);
            counts.queued_bytes +=
                number(&page["queue"]["bytes"]) + number(&page["unacknowledgedBytes"]);
            counts.backlog_events += number(&backlog["events"]);
            counts.backlog_bytes += number(&backlog["bytes"]);
            counts.rate_limited += number(&webview["rateLimited"]);
        }
        for consumer in list(&inspection["consumers"]) {
            counts.subscriptions += length(&consumer["subscriptions"]);
            counts.queued_events += number(&consumer["queue"]["events"]);
            counts.queued_bytes += number(&consumer["queue"]["bytes"]);
        }
        counts
    }

    /// Nothing is on its way.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.queued_events == 0 && self.starting == 0
    }

    /// What must be the same at the end of every minute.
    pub(crate) fn kept(&self) -> impl PartialEq + use<> {
        Self {
            queued_events: 0,
            queued_bytes: 0,
            ..*self
        }
    }
}

impl Minute {
    pub(crate) const HEAD: &str = "minute  events/s  received/s    cpu   host MB   web MB  sessions  subscriptions  queued        bytes  jobs  retained  requests  reloads  opened  kills   gaps     lost  faults";

    pub(crate) fn measure(&mut self, before: &Footprint, now: &Footprint) {
        /// Linux counts in hundredths of a second.
        const TICKS: f64 = 100.0;
        self.cpu_seconds = now.ticks.saturating_sub(before.ticks) as f64 / TICKS;
        self.host = now.host.into();
        self.network = now.network.into();
        let web = now.web.iter();
        self.web = web
            .map(|(label, (id, memory))| (label.clone(), (*id, (*memory).into())))
            .collect();
    }

    pub(crate) fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.active_seconds.max(1.0)
    }

    pub(crate) fn web_megabytes(&self) -> f64 {
        self.web.values().map(|(_, memory)| memory.anonymous).sum()
    }
}

impl Display for Minute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6}  {:>8.0}  {:>10.0}  {:>3.0} %  {:>8.2}  {:>7.1}  {:>8}  {:>13}  {:>6}  {:>11}  {:>4}  {:>8}  {:>8}  {:>7}  {:>6}  {:>5}  {:>5}  {:>7}  {:>6}",
            self.minute,
            self.per_second(self.emitted),
            self.per_second(self.received),
            100.0 * self.cpu_seconds / self.active_seconds.max(1.0),
            self.host.anonymous,
            self.web_megabytes(),
            self.counts.sessions,
            self.counts.subscriptions,
            self.counts.queued_events,
            self.counts.queued_bytes,
            self.counts.jobs,
            self.counts.retained,
            self.requests,
            self.reloads,
            self.opened,
            self.kills,
            self.gaps,
            self.lost,
            self.faults,
        )?;
        if self.stopped_seconds > 0.0 {
            write!(f, "  (stopped for {:.0} s)", self.stopped_seconds)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_an_inspection_is_counted() {
        let inspection = serde_json::json!({
            "refused": 1,
            "webviews": [
                {
                    "page": {
                        "queue": { "events": 1, "bytes": 10 },
                        "unacknowledgedEvents": 2,
                        "unacknowledgedBytes": 20,
                        "subscriptions": [{}, {}],
                    },
                    "backlog": null,
                    "rateLimited": 3,
                },
                { "page": null, "backlog": { "events": 4, "bytes": 40 }, "rateLimited": 0 },
            ],
            "consumers": [{ "queue": { "events": 5, "bytes": 50 }, "subscriptions": [{}] }],
            "retained": { "events": 6 },
            "unconsumed": { "events": 7 },
            "members": 8,
            "wills": 9,
            "receipts": 10,
            "streams": [{}, {}],
            "tasks": [{}, {}, {}],
            "jobs": [{}],
        });
        let expected = Counts {
            webviews: 2,
            sessions: 1,
            subscriptions: 3,
            consumers: 1,
            jobs: 1,
            retained: 6,
            unconsumed: 7,
            members: 8,
            wills: 9,
            receipts: 10,
            streams: 2,
            tasks: 3,
            queued_events: 8,
            queued_bytes: 80,
            backlog_events: 4,
            backlog_bytes: 40,
            starting: 1,
            refused: 1,
            rate_limited: 3,
        };
        assert_eq!(Counts::of(&inspection), expected);
        assert!(!expected.is_at_rest());
    }
}
