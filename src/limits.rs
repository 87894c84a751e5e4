/// How much the bus keeps and accepts. Every limit has a default, and must be at least 1.
///
/// ```
/// use tauri_plugin_event_bus::{Builder, Limits};
///
/// let mut limits = Limits::default();
/// limits.payload_bytes = 1024 * 1024;
/// let builder = Builder::new().limits(limits);
/// # let _ = builder;
/// ```
///
/// The same in `tauri.conf.json`: `"plugins": { "event-bus": { "limits": { "payloadBytes": 1048576 } } }`.
///
/// The limits from [`Limits::emits_per_second`] on are rates: token buckets, one set per webview, which a reload does not
/// refill. They apply to pages only, and need the feature `flood-limits`, which is on by default.
///
/// ```
/// use tauri_plugin_event_bus::Limits;
///
/// let mut limits = Limits::default();
/// // A page may emit 1,000 events at once, and then 100 per second.
/// limits.emit_burst = 1_000;
/// limits.emits_per_second = 100;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// The longest payload, in bytes of JSON. Default: 16 MiB.
    pub payload_bytes: usize,
    /// The most events that wait for a page, a stream or the host listeners. Default: 65,536. Beyond that, the oldest event
    /// is dropped, unless the policy of the new event says otherwise. For the host listeners up to 15 more wait, which their
    /// thread has taken together with the event that runs.
    pub queue_events: usize,
    /// The most bytes of events that wait for a page, a stream or the host listeners. Default: 64 MiB.
    pub queue_bytes: usize,
    /// The most events that are kept for a webview whose page has not subscribed yet or is reloading. Default: 4,096.
    pub backlog_events: usize,
    /// The most bytes of events that are kept for such a webview. Default: 16 MiB.
    pub backlog_bytes: usize,
    /// The most events that are retained for later subscribers. Default: 1,024. A page takes at most as many as it
    /// leaves free.
    pub retained_events: usize,
    /// The most bytes of events that are retained. Default: 16 MiB + 64 KiB, so that the largest payload fits.
    pub retained_bytes: usize,
    /// The most events of one batch for a page. Default: 8,192.
    pub batch_events: usize,
    /// The most bytes of one batch for a page, unless a single event is larger. Default: 1 MiB.
    pub batch_bytes: usize,
    /// The most subscriptions of a page. Default: 4,096.
    pub subscriptions_per_page: usize,
    /// The most subscriptions of a page with a wildcard before the end of the pattern. Default: 256. A pattern with `?`
    /// or `[abc]` takes longer to match, and counts one more for every eight of its bytes.
    pub globs_per_page: usize,
    /// The most running jobs of the host and all pages. Default: 1,024. A page takes at most as many as it
    /// leaves free.
    pub jobs: usize,
    /// The most running jobs of a page. Default: 128.
    pub jobs_per_page: usize,
    /// The most bytes that the jobs of all pages keep, mainly payloads. Default: 64 MiB. A page takes at most as many
    /// as it leaves free.
    pub job_bytes: usize,
    /// The most bytes that the jobs of a page keep. Default: 16 MiB + 64 KiB, so that the largest payload fits.
    pub job_bytes_per_page: usize,
    /// The most tasks of the host and all pages that wait or run. Default: 1,024. A page takes at most as many as it leaves
    /// free.
    pub tasks: usize,
    /// The most tasks that a page has started and that wait or run. Default: 128.
    pub tasks_per_page: usize,
    /// The most bytes of arguments and kept results of tasks. Default: 64 MiB. For more, results are forgotten, the oldest
    /// first.
    pub task_bytes: usize,
    /// The most causes of an event or a request. Default: 16. A longer chain is refused as a loop.
    pub hops: usize,
    /// The most retained events of a page as their source. Default: 256.
    pub retained_events_per_page: usize,
    /// The most bytes of retained events of a page as their source. Default: 4 MiB.
    pub retained_bytes_per_page: usize,
    /// The most open requests to a page, or to the host. Default: 1,024.
    pub requests_per_page: usize,
    /// The most open requests of a page. Default: 256.
    pub requests_per_caller: usize,
    /// The most responders of a page. Default: 1,024.
    pub responders_per_page: usize,
    /// The most open streams to a page, or to the host. Default: 1,024.
    pub streams_per_page: usize,
    /// The most streams that a page receives. One counts until the page has acknowledged its end. Default: 256.
    pub streams_per_caller: usize,
    /// The most calls of each blocking responder of streams that run at the same time. Each keeps a thread, also while it waits
    /// for credit. Default: 32.
    pub blocking_streams: usize,
    /// The most bytes of a stream's parts that were sent and not taken, unless the request says otherwise. Default: 1 MiB.
    /// It is never more than `queue_bytes`. One part may exceed it.
    pub stream_credit_bytes: usize,
    /// The most parts of a stream that were sent and not taken, unless the request says otherwise. Default: 4,096. It is
    /// never more than `queue_events`.
    pub stream_credit_parts: usize,
    /// How many milliseconds a page that is gone may take to come back, before it counts as closed. Default: 5,000. Members of
    /// presence and wills wait as long.
    pub page_grace_ms: usize,
    /// The most members of all rooms of presence. Default: 16,384. A page takes at most as many as it leaves free.
    pub presence_members: usize,
    /// The most bytes of their states, keys and labels. Default: 16 MiB. A page takes at most as many as it leaves free.
    pub presence_bytes: usize,
    /// The most events of the host and all pages that wait for their outcomes: see
    /// [`EventBus::emit_handled`](crate::EventBus::emit_handled). Default: 1,024.
    pub receipts: usize,
    /// The most events of a page that wait for their outcomes. Default: 256.
    pub receipts_per_page: usize,
    /// How many events a page emits per second after its burst, including ticks of its jobs. Default: 20,000.
    pub emits_per_second: usize,
    /// How many events a page emits at once. Default: 100,000.
    pub emit_burst: usize,
    /// How many bytes of payloads a page emits per second after its burst. Default: 64 MiB.
    pub emit_bytes_per_second: usize,
    /// How many bytes of payloads a page emits at once. Default: 256 MiB.
    pub emit_burst_bytes: usize,
    /// How many subscriptions a page begins per second after its burst. Default: 1,000.
    pub subscribes_per_second: usize,
    /// How many subscriptions a page begins at once. Default: 16,384. A page that reloads or renews its session begins
    /// all of its subscriptions again.
    pub subscribe_burst: usize,
    /// How many sessions a page opens per second after its burst. Default: 10. A page opens one when it loads, and
    /// another one to renew it.
    pub sessions_per_second: usize,
    /// How many sessions a page opens at once. Default: 100.
    pub session_burst: usize,
    /// How many bytes of events a page gets again per second after its burst. Default: 64 MiB. A page gets a batch
    /// again if the batch was lost on the way.
    pub repeat_bytes_per_second: usize,
    /// How many bytes of events a page gets again at once. Default: 256 MiB.
    pub repeat_burst_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: 16 << 20,
            queue_events: 65_536,
            queue_bytes: 64 << 20,
            backlog_events: 4096,
            backlog_bytes: 16 << 20,
            retained_events: 1024,
            retained_bytes: (16 << 20) + (64 << 10),
            batch_events: 8192,
            batch_bytes: 1 << 20,
            subscriptions_per_page: 4096,
            globs_per_page: 256,
            jobs: 1024,
            jobs_per_page: 128,
            job_bytes: 64 << 20,
            job_bytes_per_page: (16 << 20) + (64 << 10),
            tasks: 1024,
            tasks_per_page: 128,
            task_bytes: 64 << 20,
            hops: 16,
            retained_events_per_page: 256,
            retained_bytes_per_page: 4 << 20,
            requests_per_page: 1024,
            requests_per_caller: 256,
            responders_per_page: 1024,
            streams_per_page: 1024,
            streams_per_caller: 256,
            blocking_streams: 32,
            stream_credit_bytes: 1 << 20,
            stream_credit_parts: 4096,
            page_grace_ms: 5000,
            presence_members: 16_384,
            presence_bytes: 16 << 20,
            receipts: 1024,
            receipts_per_page: 256,
            emits_per_second: 20_000,
            emit_burst: 100_000,
            emit_bytes_per_second: 64 << 20,
            emit_burst_bytes: 256 << 20,
            subscribes_per_second: 1000,
            subscribe_burst: 16_384,
            sessions_per_second: 10,
            session_burst: 100,
            repeat_bytes_per_second: 64 << 20,
            repeat_burst_bytes: 256 << 20,
        }
    }
}

/// The last limits of [`Limits::entries`], which need the feature `flood-limits`.
const FLOOD_LIMITS: usize = 10;

impl Limits {
    /// Every limit, with its key in the configuration.
    fn entries(&self) -> [(&'static str, usize); 44] {
        [
            ("payloadBytes", self.payload_bytes),
            ("queueEvents", self.queue_events),
            ("queueBytes", self.queue_bytes),
            ("backlogEvents", self.backlog_events),
            ("backlogBytes", self.backlog_bytes),
            ("retainedEvents", self.retained_events),
            ("retainedBytes", self.retained_bytes),
            ("batchEvents", self.batch_events),
            ("batchBytes", self.batch_bytes),
            ("subscriptionsPerPage", self.subscriptions_per_page),
            ("globsPerPage", self.globs_per_page),
            ("jobs", self.jobs),
            ("jobsPerPage", self.jobs_per_page),
            ("jobBytes", self.job_bytes),
            ("jobBytesPerPage", self.job_bytes_per_page),
            ("tasks", self.tasks),
            ("tasksPerPage", self.tasks_per_page),
            ("taskBytes", self.task_bytes),
            ("hops", self.hops),
            ("retainedEventsPerPage", self.retained_events_per_page),
            ("retainedBytesPerPage", self.retained_bytes_per_page),
            ("requestsPerPage", self.requests_per_page),
            ("requestsPerCaller", self.requests_per_caller),
            ("respondersPerPage", self.responders_per_page),
            ("streamsPerPage", self.streams_per_page),
            ("streamsPerCaller", self.streams_per_caller),
            ("blockingStreams", self.blocking_streams),
            ("streamCreditBytes", self.stream_credit_bytes),
            ("streamCreditParts", self.stream_credit_parts),
            ("pageGraceMs", self.page_grace_ms),
            ("presenceMembers", self.presence_members),
            ("presenceBytes", self.presence_bytes),
            ("receipts", self.receipts),
            ("receiptsPerPage", self.receipts_per_page),
            ("emitsPerSecond", self.emits_per_second),
            ("emitBurst", self.emit_burst),
            ("emitBytesPerSecond", self.emit_bytes_per_second),
            ("emitBurstBytes", self.emit_burst_bytes),
            ("subscribesPerSecond", self.subscribes_per_second),
            ("subscribeBurst", self.subscribe_burst),
            ("sessionsPerSecond", self.sessions_per_second),
            ("sessionBurst", self.session_burst),
            ("repeatBytesPerSecond", self.repeat_bytes_per_second),
            ("repeatBurstBytes", self.repeat_burst_bytes),
        ]
    }

    /// The credit of a stream whose request names none: bytes and parts.
    pub(crate) fn stream_credit(&self) -> (usize, usize) {
        (
            self.stream_credit_bytes.min(self.queue_bytes),
            self.stream_credit_parts.min(self.queue_events),
        )
    }

    /// Refuses limits that make no sense, and names the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        let entries = self.entries();
        if let Some((key, _)) = entries.iter().find(|(_, value)| *value == 0) {
            return Err(format!(
                "plugins.event-bus.limits.{key} is 0; it must be at least 1"
            ));
        }
        let value_of = |key: &str| {
            let entry = entries.iter().find(|entry| entry.0 == key);
            entry.map(|entry| entry.1)
        };
        // Otherwise something allowed would never fit, and be refused for good.
        for (key, smaller) in [
            ("queueBytes", "payloadBytes"),
            ("emitBurstBytes", "payloadBytes"),
            ("subscribeBurst", "subscriptionsPerPage"),
        ] {
            let applies = key == "queueBytes" || cfg!(feature = "flood-limits");
            if applies
                && let (Some(value), Some(needed)) = (value_of(key), value_of(smaller))
                && value < needed
            {
                return Err(format!(
                    "plugins.event-bus.limits.{key} is {value}; it must be at least {smaller}, which is {needed}"
                ));
            }
        }
        if cfg!(feature = "flood-limits") {
            return Ok(());
        }
        // A limit without effect must not look effective.
        let rates = entries.iter().zip(Self::default().entries());
        let mut rates = rates.skip(entries.len() - FLOOD_LIMITS);
        match rates.find(|(own, default)| **own != *default) {
            Some(((key, _), _)) => Err(format!(
                "plugins.event-bus.limits.{key} is set, but the crate was built without its feature flood-limits; enable the feature, or remove the key"
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_limit_is_named() {
        let zero = Limits {
            batch_events: 0,
            ..Limits::default()
        };
        assert!(
            zero.check()
                .unwrap_err()
                .contains("limits.batchEvents is 0")
        );
        let small = Limits {
            queue_bytes: 10,
            ..Limits::default()
        };
        assert!(small.check().unwrap_err().contains("queueBytes is 10"));
        assert_eq!(Limits::default().check(), Ok(()));
        for (key, value) in Limits::default().entries() {
            let json = format!("{{ \"{key}\": 0 }}");
            let limits: Limits = serde_json::from_str(&json).unwrap();
            assert_eq!(
                limits.check().unwrap_err(),
                format!("plugins.event-bus.limits.{key} is 0; it must be at least 1"),
                "{value}"
            );
        }
    }

    #[test]
    #[cfg(feature = "flood-limits")]
    fn a_burst_must_cover_what_is_allowed() {
        let burst_of = |subscribe_burst, emit_burst_bytes| Limits {
            subscriptions_per_page: 100,
            subscribe_burst,
            payload_bytes: 1000,
            emit_burst_bytes,
            ..Limits::default()
        };
        assert_eq!(burst_of(100, 1000).check(), Ok(()));
        let error = burst_of(99, 1000).check().unwrap_err();
        assert!(
            error.ends_with("limits.subscribeBurst is 99; it must be at least subscriptionsPerPage, which is 100"),
            "{error}"
        );
        let error = burst_of(100, 999).check().unwrap_err();
        assert!(error.contains("limits.emitBurstBytes is 999"), "{error}");
    }

    #[test]
    #[cfg(not(feature = "flood-limits"))]
    fn a_flood_limit_without_its_feature_is_named() {
        let limits = Limits {
            emit_burst: 5,
            ..Limits::default()
        };
        assert_eq!(
            limits.check().unwrap_err(),
            "plugins.event-bus.limits.emitBurst is set, but the crate was built without its feature flood-limits; enable the feature, or remove the key"
        );
        let large = Limits {
            payload_bytes: 1 << 30,
            queue_bytes: 1 << 30,
            ..Limits::default()
        };
        assert_eq!(large.check(), Ok(()));
    }
}
