use serde::de::{Deserialize, Deserializer};

use crate::policy::{Overflow, Policies, Policy};

/// What stands under `plugins.event-bus` in `tauri.conf.json`. All of it is optional.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Limits that differ from the defaults.
    #[serde(default)]
    pub limits: Limits,
    /// How events of some names are kept and delivered. Where several patterns match a name, the later one counts.
    #[serde(default)]
    pub policies: Vec<PolicyRule>,
    /// Whether names that no typed event is registered under are refused.
    #[serde(default)]
    pub catalog: CatalogMode,
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
    /// How many events are retained for later subscribers: 1,024.
    pub retained_events: usize,
    /// How many bytes of events are retained: 16 MiB and a little more, so that the largest payload fits.
    pub retained_bytes: usize,
    /// How many events a page gets in one answer: 4,096.
    pub batch_events: usize,
    /// How many bytes of events a page gets in one answer, unless a single event is larger: 1 MiB.
    pub batch_bytes: usize,
    /// How many subscriptions a page has: 4,096.
    pub subscriptions_per_page: usize,
    /// How many periodic jobs the app and its pages have together: 1,024.
    pub periodic_jobs: usize,
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
            batch_events: 4096,
            batch_bytes: 1 << 20,
            subscriptions_per_page: 4096,
            periodic_jobs: 1024,
        }
    }
}

impl Limits {
    /// Says which limit makes no sense, by its key in the configuration.
    pub(crate) fn check(&self) -> Result<(), String> {
        let limits = [
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
            ("periodicJobs", self.periodic_jobs),
        ];
        match limits.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(format!(
                "plugins.event-bus.limits.{key} is 0; it must be at least 1"
            )),
            None if self.queue_bytes < self.payload_bytes => Err(format!(
                "plugins.event-bus.limits.queueBytes is {}; it must be at least payloadBytes, which is {}",
                self.queue_bytes, self.payload_bytes
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
    }
}
