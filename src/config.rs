use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::limits::Limits;
use crate::model::error::ErrorCode;
use crate::model::lifetime::expiry_from_millis;
use crate::model::policies::Policies;
use crate::model::policy::{Overflow, Policy, Until};

/// The configuration of the plugin: `plugins.event-bus` in `tauri.conf.json`. Every key is optional.
///
/// Unknown keys and wrong types are errors that name the whole path of the key.
///
/// ```
/// use tauri_plugin_event_bus::Config;
///
/// let config: Config = serde_json::from_str(
///     r#"{
///         "limits": { "payloadBytes": 1048576 },
///         "policies": [{ "event": "cursor:*", "overflow": "latest" }],
///         "catalog": "strict"
///     }"#,
/// )
/// .unwrap();
/// assert_eq!(config.limits.payload_bytes, 1024 * 1024);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Config {
    /// Limits that differ from the defaults.
    pub limits: Limits,
    /// How events are kept and delivered. If several patterns match a name, the last one counts.
    pub policies: Vec<PolicyRule>,
    /// Whether names without a typed event or request are refused.
    pub catalog: CatalogMode,
    /// Compatible mode for apps that move from Tauri's own events. `None` is off.
    pub compatible: Option<Compatible>,
    /// The configuration of the link to other nodes, if the app has one. The link reads it.
    pub link: Option<Value>,
}

/// The parts of compatible mode: `"compatible": true` turns all of them on, and `"compatible": { "replay": false }` all
/// but one.
///
/// ```
/// use tauri_plugin_event_bus::Builder;
/// use tauri_plugin_event_bus::compat::Compatible;
///
/// let mut parts = Compatible::default();
/// parts.values = false;
/// let builder = Builder::new().compatible_with(parts);
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Compatible {
    /// Listeners are registered in Tauri's own system, too.
    pub core: bool,
    /// Pages write payloads as Tauri's `invoke` does.
    pub values: bool,
    /// A label that names no webview is no error.
    pub unknown_labels: bool,
    /// A listener of a page receives what is sent to others, as one of Tauri's does: without a target all of it, and with
    /// one what is sent to that. Turned off, a page receives only what is for itself.
    pub targets: bool,
    /// A listener with a target receives events to everyone, too.
    pub broadcasts: bool,
    /// A new listener receives nothing that came before it.
    pub replay: bool,
    /// No rate, size, quota or number of causes refuses an event, and no rate or number a subscription.
    pub limits: bool,
}

impl Default for Compatible {
    fn default() -> Self {
        Self {
            core: true,
            values: true,
            unknown_labels: true,
            targets: true,
            broadcasts: true,
            replay: true,
            limits: true,
        }
    }
}

/// Reads `true`, `false` or an object of parts.
fn read_compatible<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Compatible>, D::Error> {
    struct Parts;

    impl<'de> Visitor<'de> for Parts {
        type Value = Option<Compatible>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("true, false or an object of parts")
        }

        fn visit_bool<E: Error>(self, is_on: bool) -> Result<Self::Value, E> {
            Ok(is_on.then(Compatible::default))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Compatible::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(Parts)
}

impl<'de> Deserialize<'de> for Config {
    // Written by hand, so that an error names the whole path of its key.
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
            #[serde(default, deserialize_with = "read_compatible")]
            compatible: Option<Compatible>,
            #[serde(default)]
            link: Option<Value>,
        }
        let value = Value::deserialize(deserializer)?;
        // Serde would accept a list as the values of the keys in their order.
        let policies = value["policies"].as_array().into_iter().flatten();
        let policies = (0..).zip(policies);
        let mut objects = vec![
            (String::new(), &value),
            (".limits".to_owned(), &value["limits"]),
        ];
        objects.extend(policies.map(|(index, rule)| (format!(".policies[{index}]"), rule)));
        if let Some((path, list)) = objects.into_iter().find(|(_, value)| value.is_array()) {
            return Err(D::Error::custom(format!(
                "plugins.event-bus{path}: invalid type: {list}, expected an object"
            )));
        }
        let keys: Keys = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            // serde_path_to_error writes a dot for the configuration as a whole.
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
            compatible: keys.compatible,
            link: keys.link,
        })
    }
}

/// What happens to names without a typed event or request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CatalogMode {
    /// They pass. The default.
    #[default]
    Open,
    /// Emitting them, listening to them and requests by them are refused, for pages and for the host. Patterns are
    /// allowed.
    Strict,
}

/// A [`Policy`] and the names that it applies to: `{ "event": "cursor:*", "overflow": "latest" }`.
///
/// ```
/// use tauri_plugin_event_bus::{Config, Policy, PolicyRule};
///
/// let mut config = Config::default();
/// config.policies.push(PolicyRule::new("cursor:*", Policy::new().latest()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyRule {
    /// A name or a pattern.
    pub event: String,
    /// How events with this name are kept and delivered.
    pub policy: Policy,
}

impl PolicyRule {
    /// A policy for this name, or for the names that match this pattern.
    #[must_use]
    pub fn new(event: impl Into<String>, policy: Policy) -> Self {
        Self {
            event: event.into(),
            policy,
        }
    }
}

impl<'de> Deserialize<'de> for PolicyRule {
    // Written by hand, since serde cannot refuse unknown keys next to flattened fields.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct PolicyEntry {
            event: String,
            overflow: Option<Overflow>,
            retain: Option<bool>,
            history: Option<bool>,
            until: Option<Until>,
            max_deliveries: Option<u32>,
            expires_ms: Option<f64>,
        }
        let rule = PolicyEntry::deserialize(deserializer)?;
        let mut policy = Policy::of(rule.overflow, rule.retain, rule.history);
        if let Some(until) = rule.until {
            policy = policy.until(until);
        }
        if let Some(deliveries) = rule.max_deliveries {
            policy = policy.max_deliveries(deliveries);
        }
        if let Some(millis) = rule.expires_ms {
            policy = policy.expires(expiry_from_millis(millis).map_err(D::Error::custom)?);
        }
        Ok(Self {
            event: rule.event,
            policy,
        })
    }
}

/// Parses the policies of the configuration; an error names the key.
pub(crate) fn read_policies(rules: &[PolicyRule]) -> Result<Policies, String> {
    let mut policies = Policies::default();
    for (index, rule) in rules.iter().enumerate() {
        policies.add(&rule.event, rule.policy).map_err(|error| {
            let key = match error.code() {
                ErrorCode::InvalidArgument => "",
                _ => ".event",
            };
            format!("plugins.event-bus.policies[{index}]{key}: {error}")
        })?;
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
        let brief = parse(r#"{ "policies": [{ "event": "a", "expiresMs": 1500 }] }"#).unwrap();
        let expires = Policy::new().expires(std::time::Duration::from_millis(1500));
        assert_eq!(brief.policies[0].policy, expires);
        let error = parse(r#"{ "policies": [{ "event": "a", "expiresMs": -1 }] }"#).unwrap_err();
        assert!(error.contains("policies[0]: expiresMs is -1 ms"), "{error}");
        let both = r#"{ "policies": [{ "event": "a", "retain": true, "until": "consumed" }] }"#;
        let error = read_policies(&parse(both).unwrap().policies).unwrap_err();
        assert!(
            error.starts_with("plugins.event-bus.policies[0]: "),
            "{error}"
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
    fn the_parts_of_compatible_mode_are_read() {
        let compatible = |json: &str| parse(json).map(|config| config.compatible);
        let all = Some(Compatible::default());
        assert_eq!(compatible(r#"{ "compatible": true }"#), Ok(all));
        assert_eq!(compatible(r#"{ "compatible": {} }"#), Ok(all));
        assert_eq!(compatible(r#"{ "compatible": false }"#), Ok(None));
        let parts = compatible(r#"{ "compatible": { "unknownLabels": false } }"#);
        let parts = parts.unwrap().unwrap();
        assert!(!parts.unknown_labels && parts.core && parts.replay);
        for (json, path) in [
            (r#"{ "compatible": 1 }"#, "plugins.event-bus.compatible: "),
            (
                r#"{ "compatible": { "label": true } }"#,
                "plugins.event-bus.compatible.label: ",
            ),
            (
                r#"{ "compatible": { "core": 1 } }"#,
                "plugins.event-bus.compatible.core: ",
            ),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.starts_with(path), "{error}");
        }
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
}
