use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use crate::model::policies::Policies;
use crate::model::policy::{Overflow, Policy};

/// What stands under `plugins.event-bus` in `tauri.conf.json`. All of it is optional.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Config {
    /// Limits that differ from the defaults.
    pub limits: Limits,
    /// How events of some names are kept and delivered. Where several patterns match a name, the later one counts.
    pub policies: Vec<PolicyRule>,
    /// Whether names that no typed event is registered under are refused.
    pub catalog: CatalogMode,
}

impl<'de> Deserialize<'de> for Config {
    // Written out, so that an error names the whole path to its key.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Keys {
            #[serde(default)]
            limits: Limits,
            #[serde(default)]
            policies: Vec<PolicyRule>,
            #[serde(default)]
            catalog: CatalogMode,
        }
        let value = Value::deserialize(deserializer)?;
        // Serde would take a list for the values of the keys in their order.
        let policies = value["policies"].as_array().into_iter().flatten();
        let policies = (0..).zip(policies);
        let mut objects = vec![
            (String::new(), &value),
            (".limits".to_owned(), &value["limits"]),
        ];
        objects.extend(policies.map(|(place, rule)| (format!(".policies[{place}]"), rule)));
        if let Some((path, list)) = objects.into_iter().find(|(_, own)| own.is_array()) {
            return Err(D::Error::custom(format!(
                "plugins.event-bus{path}: invalid type: {list}, expected an object"
            )));
        }
        let keys: Keys = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            // It writes a dot for the whole.
            let path = if path == "." {
                String::new()
            } else {
                format!(".{path}")
            };
            D::Error::custom(format!("plugins.event-bus{path}: {}", error.inner()))
        })?;
        Ok(Self {
            limits: keys.limits,
            policies: keys.policies,
            catalog: keys.catalog,
        })
    }
}

/// What becomes of names that no typed event is registered under.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatalogMode {
    /// They go through. The default.
    #[default]
    Open,
    /// Emitting them and listening to them is refused, for pages and for Rust; patterns still match what is registered.
    Strict,
}

/// A [`Policy`] and the names that it is for: `{ "event": "cursor:*", "overflow": "latest" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyRule {
    /// A name or a pattern.
    pub event: String,
    /// What holds for it.
    pub policy: Policy,
}

impl<'de> Deserialize<'de> for PolicyRule {
    // Written out, since serde cannot refuse unknown keys in what is flattened.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Rule {
            event: String,
            overflow: Option<Overflow>,
            retain: Option<bool>,
            history: Option<bool>,
        }
        let rule = Rule::deserialize(deserializer)?;
        Ok(Self {
            event: rule.event,
            policy: Policy::of(rule.overflow, rule.retain, rule.history),
        })
    }
}

/// How much the bus keeps, and how much it accepts. Everything has a default; set what you want to differ.
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
/// How fast pages may send is limited by token buckets, one set for each webview, which a reload does not refill. Events
/// of Rust pass without them. They are there with the feature `flood-limits`, which is on by default.
///
/// ```
/// use tauri_plugin_event_bus::Limits;
///
/// let mut limits = Limits::default();
/// // A page may emit 1,000 events at once, and then 100 a second.
/// limits.emit_burst = 1_000;
/// limits.emits_per_second = 100;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Limits {
    /// The longest payload, in bytes of JSON: 16 MiB.
    pub payload_bytes: usize,
    /// How many events wait for a page, a stream or the listeners in Rust, before the oldest is dropped: 65,536.
    pub queue_events: usize,
    /// How many bytes of events wait for a page, a stream or the listeners in Rust: 64 MiB.
    pub queue_bytes: usize,
    /// How many events are kept for a webview whose page has not subscribed yet or is reloading: 4,096.
    pub backlog_events: usize,
    /// How many bytes of events are kept for such a webview: 16 MiB.
    pub backlog_bytes: usize,
    /// How many events are retained for later subscribers: 1,024. A page takes no more of them than it leaves free.
    pub retained_events: usize,
    /// How many bytes of events are retained: 16 MiB and a little more, so that the largest payload fits.
    pub retained_bytes: usize,
    /// How many events a page gets in one answer: 8,192.
    pub batch_events: usize,
    /// How many bytes of events a page gets in one answer, unless a single event is larger: 1 MiB.
    pub batch_bytes: usize,
    /// How many subscriptions a page has: 4,096.
    pub subscriptions_per_page: usize,
    /// How many of them are patterns with a wildcard before their end: 256. One with `?` or `[abc]` counts for one more
    /// for each eight of its bytes, since it takes the more time to match.
    pub globs_per_page: usize,
    /// How many periodic jobs the app and its pages have together: 1,024. A page takes no more of them than it leaves free.
    pub jobs: usize,
    /// How many periodic jobs a page has: 128.
    pub jobs_per_page: usize,
    /// How many bytes the jobs of all pages keep, payloads above all: 64 MiB. A page takes no more than it leaves free.
    pub job_bytes: usize,
    /// How many bytes the jobs of a page keep: 16 MiB and a little more, so that the largest payload fits.
    pub job_bytes_per_page: usize,
    /// How many events another one may follow from, each caused by the one before: 16. More are taken for a loop.
    pub hops: usize,
    /// How many of the retained events a page may have emitted: 256.
    pub retained_events_per_page: usize,
    /// How many bytes of the retained events a page may have emitted: 4 MiB.
    pub retained_bytes_per_page: usize,
    /// How many questions a page, or Rust, has to answer at a time: 1,024.
    pub requests_per_page: usize,
    /// For how many answers a page waits at a time: 256.
    pub requests_per_caller: usize,
    /// How many names of questions a page answers: 1,024.
    pub responders_per_page: usize,
    /// How many events a page emits in a second, ticks of its jobs included, once its burst is used up: 20,000.
    pub emits_per_second: usize,
    /// How many events a page emits at once: 100,000.
    pub emit_burst: usize,
    /// How many bytes of payloads a page emits in a second, once its burst is used up: 64 MiB.
    pub emit_bytes_per_second: usize,
    /// How many bytes of payloads a page emits at once: 256 MiB.
    pub emit_burst_bytes: usize,
    /// How many subscriptions a page begins in a second, once its burst is used up: 1,000.
    pub subscribes_per_second: usize,
    /// How many subscriptions a page begins at once: 16,384. A page that renews its session, or reloads, begins all of
    /// its subscriptions again.
    pub subscribe_burst: usize,
    /// How many sessions a page opens in a second, once its burst is used up: 10. It opens one when it is loaded, and
    /// another one when it renews that.
    pub sessions_per_second: usize,
    /// How many sessions a page opens at once: 100.
    pub session_burst: usize,
    /// How many bytes of events a page is answered again in a second, once its burst is used up: 64 MiB. It asks for
    /// that where an answer was lost on the way.
    pub repeat_bytes_per_second: usize,
    /// How many bytes of events a page is answered again at once: 256 MiB.
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
            hops: 16,
            retained_events_per_page: 256,
            retained_bytes_per_page: 4 << 20,
            requests_per_page: 1024,
            requests_per_caller: 256,
            responders_per_page: 1024,
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

/// How many of the limits, the last ones, are kept by the feature `flood-limits`.
const FLOOD_LIMITS: usize = 10;

impl Limits {
    /// Every limit, by its key in the configuration.
    fn entries(&self) -> [(&'static str, usize); 31] {
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
            ("hops", self.hops),
            ("retainedEventsPerPage", self.retained_events_per_page),
            ("retainedBytesPerPage", self.retained_bytes_per_page),
            ("requestsPerPage", self.requests_per_page),
            ("requestsPerCaller", self.requests_per_caller),
            ("respondersPerPage", self.responders_per_page),
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

    /// Says which limit makes no sense, by its key in the configuration.
    pub(crate) fn check(&self) -> Result<(), String> {
        let entries = self.entries();
        if let Some((key, _)) = entries.iter().find(|(_, value)| *value == 0) {
            return Err(format!(
                "plugins.event-bus.limits.{key} is 0; it must be at least 1"
            ));
        }
        let value_of = |key: &str| {
            entries
                .iter()
                .find(|entry| entry.0 == key)
                .map(|entry| entry.1)
        };
        // What never fits would be refused for good.
        for (key, least) in [
            ("queueBytes", "payloadBytes"),
            ("emitBurstBytes", "payloadBytes"),
            ("subscribeBurst", "subscriptionsPerPage"),
        ] {
            let is_kept = key == "queueBytes" || cfg!(feature = "flood-limits");
            if is_kept
                && let (Some(value), Some(needed)) = (value_of(key), value_of(least))
                && value < needed
            {
                return Err(format!(
                    "plugins.event-bus.limits.{key} is {value}; it must be at least {least}, which is {needed}"
                ));
            }
        }
        if cfg!(feature = "flood-limits") {
            return Ok(());
        }
        // A limit that nobody keeps must not look as if it held.
        let changed = entries.iter().zip(Self::default().entries());
        let changed = changed.skip(entries.len() - FLOOD_LIMITS);
        match changed.into_iter().find(|(own, default)| **own != *default) {
            Some(((key, _), _)) => Err(format!(
                "plugins.event-bus.limits.{key} is set, but the crate was built without its feature flood-limits"
            )),
            None => Ok(()),
        }
    }
}

/// Reads the rules of the configuration, and says which of them is wrong.
pub(crate) fn read_policies(rules: &[PolicyRule]) -> Result<Policies, String> {
    let mut policies = Policies::default();
    for (place, rule) in rules.iter().enumerate() {
        policies
            .add(&rule.event, rule.policy)
            .map_err(|error| format!("plugins.event-bus.policies[{place}].event: {error}"))?;
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_and_a_wrong_one_is_named() {
        let config = parse(
            r#"{ "policies": [{ "event": "cursor:*", "overflow": "latest", "history": false }] }"#,
        )
        .unwrap();
        assert_eq!(
            config.policies[0].policy,
            Policy::new().latest().history(false)
        );
        let config = parse(r#"{ "policies": [{ "event": "a" }, { "event": "a**" }] }"#).unwrap();
        let error = read_policies(&config.policies).unwrap_err();
        assert!(
            error.starts_with("plugins.event-bus.policies[1].event: "),
            "{error}"
        );
        assert!(
            parse(r#"{ "policies": [{ "event": "a", "keep": true }] }"#)
                .unwrap_err()
                .contains("keep")
        );
        assert!(
            parse(r#"{ "policies": [{ "overflow": "latest" }] }"#)
                .unwrap_err()
                .contains("event")
        );
        assert!(
            parse(r#"{ "policies": [{ "event": "a", "overflow": "newest" }] }"#)
                .unwrap_err()
                .contains("newest")
        );
    }

    fn parse(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_is_optional() {
        assert_eq!(parse("{}").unwrap().limits, Limits::default());
        let config = parse(r#"{ "limits": { "batchEvents": 7 } }"#).unwrap();
        assert_eq!(config.limits.batch_events, 7);
        assert_eq!(config.limits.queue_events, Limits::default().queue_events);
    }

    #[test]
    fn unknown_keys_are_named() {
        assert!(
            parse(r#"{ "limits": { "batchEvent": 7 } }"#)
                .unwrap_err()
                .contains("batchEvent")
        );
        assert!(parse(r#"{ "limit": {} }"#).unwrap_err().contains("limit"));
    }

    #[test]
    fn an_error_names_the_whole_path_to_its_key() {
        for (json, path) in [
            (
                r#"{ "limit": {} }"#,
                "plugins.event-bus.limit: unknown field",
            ),
            (r#"[]"#, "plugins.event-bus: invalid type"),
            ("5", "plugins.event-bus: invalid type"),
            (
                r#"{ "limits": [5] }"#,
                "plugins.event-bus.limits: invalid type: [5], expected an object",
            ),
            (
                r#"{ "policies": [{ "event": "a" }, ["b"]] }"#,
                "plugins.event-bus.policies[1]: invalid type",
            ),
            (
                r#"{ "limits": { "batchEvent": 7 } }"#,
                "plugins.event-bus.limits.batchEvent: unknown field",
            ),
            (
                r#"{ "limits": { "batchEvents": "7" } }"#,
                "plugins.event-bus.limits.batchEvents: invalid type",
            ),
            (
                r#"{ "limits": { "batchEvents": -7 } }"#,
                "plugins.event-bus.limits.batchEvents: invalid value",
            ),
            (
                r#"{ "limits": 5 }"#,
                "plugins.event-bus.limits: invalid type",
            ),
            (
                r#"{ "catalog": "shut" }"#,
                "plugins.event-bus.catalog: unknown variant",
            ),
            (
                r#"{ "policies": [{ "event": "a" }, { "event": 5 }] }"#,
                "plugins.event-bus.policies[1].event: invalid type",
            ),
            (
                r#"{ "policies": [{ "event": "a", "overflow": "x" }] }"#,
                "plugins.event-bus.policies[0].overflow: unknown variant",
            ),
            (
                r#"{ "policies": [{ "event": "a", "keep": 1 }] }"#,
                "plugins.event-bus.policies[0].keep: unknown field",
            ),
            (
                r#"{ "policies": [{}] }"#,
                "plugins.event-bus.policies[0]: missing field `event`",
            ),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.starts_with(path), "{json}: {error}");
        }
    }

    #[test]
    fn impossible_limits_are_named() {
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
    fn a_bucket_that_never_lets_through_what_is_allowed_is_refused() {
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
            "plugins.event-bus.limits.emitBurst is set, but the crate was built without its feature flood-limits"
        );
        let large = Limits {
            payload_bytes: 1 << 30,
            queue_bytes: 1 << 30,
            ..Limits::default()
        };
        assert_eq!(large.check(), Ok(()));
    }
}
