use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

use super::Ticks;
use super::entry::{ScopeEntryText, ScopeHost, ScopeLabel, ScopeOwner, ScopeRule, ScopeTo};
use crate::model::interval::interval_from_millis;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::target::LabelPattern;

/// One entry of an `allow` or `deny` list, read as far as it can be.
///
/// Reading never fails: Tauri reads scopes at the first command and would answer that one with a bare string. What
/// cannot be understood is kept as it was written, so that it can be quoted.
#[derive(Debug)]
pub(crate) struct ScopeEntry {
    /// The entry as it was written.
    text: String,
    meaning: Meaning,
    /// Whether the app's log has been told of its fault.
    is_reported: AtomicBool,
}

#[derive(Debug)]
enum Meaning {
    /// Everything that the command can do, as long as nobody lists anything else. The plugin's sets come with it.
    Default,
    Rule(Rule),
    /// What is wrong with it.
    Malformed(String),
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Subject {
    #[default]
    Event,
    Request,
}

/// An entry that names events or requests.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) subject: Subject,
    pub(super) names: EventPattern,
    /// To whom they may be sent. Without it the entry is about events to everyone.
    pub(super) to: Option<AllowedTargets>,
    pub(super) min_interval: Option<Duration>,
    pub(super) has_any_owner: bool,
    /// The sources of payloads that it allows. Without a list it allows each.
    pub(super) sources: Option<Vec<String>>,
}

#[derive(Debug, Default)]
pub(super) struct AllowedTargets {
    pub(super) labels: Vec<LabelPattern>,
    pub(super) host: bool,
}

impl Rule {
    /// Whether it is about events to everyone, and about hearing them.
    pub(super) fn is_broadcast(&self, name: &EventName) -> bool {
        self.to.is_none() && self.names.matches(name)
    }

    /// Whether it allows as many ticks as these, with payloads from where these have them.
    pub(super) fn allows_ticks(&self, ticks: Ticks<'_>) -> bool {
        self.min_interval
            .is_none_or(|minimum| ticks.interval >= minimum)
            && ticks.source.is_none_or(|source| self.allows_source(source))
    }

    fn allows_source(&self, source: &str) -> bool {
        let sources = self.sources.as_ref();
        sources.is_none_or(|sources| sources.iter().any(|own| own == source))
    }
}

/// The two lists of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Allow,
    Deny,
}

impl ScopeEntry {
    pub(crate) fn read(value: &Value) -> Self {
        Self {
            text: value.to_string(),
            meaning: Meaning::read(value).unwrap_or_else(Meaning::Malformed),
            is_reported: AtomicBool::new(false),
        }
    }

    /// The entry as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_default(&self) -> bool {
        matches!(self.meaning, Meaning::Default)
    }

    pub(super) fn rule(&self) -> Option<&Rule> {
        match &self.meaning {
            Meaning::Rule(rule) => Some(rule),
            _ => None,
        }
    }

    /// The rule, where it is about this subject.
    pub(super) fn rule_about(&self, subject: Subject) -> Option<&Rule> {
        self.rule().filter(|rule| rule.subject == subject)
    }

    /// What is wrong with it, where it stands.
    pub(crate) fn fault(&self, list: List, subject: Subject) -> Option<&str> {
        match (&self.meaning, list) {
            (Meaning::Malformed(what), _) => Some(what),
            (Meaning::Rule(rule), _) if rule.subject != subject => Some(match subject {
                Subject::Event => "this permission is about events; name them under `event`",
                Subject::Request => {
                    "this permission is about requests; name them under `request`: { \"request\": \"…\", \"to\": \"…\" }"
                }
            }),
            (_, List::Allow) => None,
            (Meaning::Default, List::Deny) => {
                Some("`default` marks an allow entry; write \"*\" to deny everything")
            }
            (Meaning::Rule(rule), List::Deny) if rule.min_interval.is_some() => {
                Some("`minIntervalMs` belongs into allow entries")
            }
            (Meaning::Rule(rule), List::Deny) if rule.has_any_owner => {
                Some("`owner` belongs into allow entries")
            }
            (Meaning::Rule(rule), List::Deny) if rule.sources.is_some() => {
                Some("`sources` belongs into allow entries")
            }
            (Meaning::Rule(_), List::Deny) => None,
        }
    }

    /// Whether this is the first time that somebody asks.
    pub(super) fn is_news(&self) -> bool {
        !self.is_reported.swap(true, Ordering::Relaxed)
    }

    /// Whether it says to whom events may be sent.
    pub(crate) fn has_recipients(&self) -> bool {
        self.rule().is_some_and(|rule| rule.to.is_some())
    }
}

impl<'de> Deserialize<'de> for ScopeEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::read(&value))
    }
}

impl Meaning {
    fn read(value: &Value) -> Result<Self, String> {
        let entry = match value {
            Value::String(name) => ScopeEntryText::Name(name.clone()),
            Value::Object(keys) if keys.contains_key("default") => {
                return if *keys == default_entry() {
                    Ok(Self::Default)
                } else {
                    Err(
                        "`default` is the plugin's own and stands alone: { \"default\": true }"
                            .into(),
                    )
                };
            }
            Value::Object(keys) => {
                if let Some((key, _)) = keys.iter().find(|(_, value)| value.is_null()) {
                    return Err(format!("`{key}` is null; leave it out"));
                }
                let rule = ScopeRule::deserialize(value).map_err(|error| error.to_string())?;
                ScopeEntryText::Rule(rule)
            }
            _ => {
                return Err(
                    "expected an event name, a pattern, or an object with `event` or `request`"
                        .into(),
                );
            }
        };
        let rule = match entry {
            ScopeEntryText::Name(event) => ScopeRule {
                event: Some(event),
                request: None,
                to: None,
                min_interval_ms: None,
                owner: None,
                sources: None,
            },
            ScopeEntryText::Rule(rule) => rule,
        };
        let (subject, names) = match (&rule.event, &rule.request) {
            (Some(event), None) => (Subject::Event, event),
            (None, Some(request)) => (Subject::Request, request),
            (Some(_), Some(_)) => {
                return Err("it has both `event` and `request`; write two entries".into());
            }
            (None, None) => return Err("it names neither an `event` nor a `request`".into()),
        };
        if subject == Subject::Request {
            let of_jobs = [
                ("minIntervalMs", rule.min_interval_ms.is_some()),
                ("owner", rule.owner.is_some()),
                ("sources", rule.sources.is_some()),
            ];
            if let Some((key, _)) = of_jobs.into_iter().find(|(_, is_set)| *is_set) {
                return Err(format!(
                    "`{key}` is about jobs; it belongs into an entry with `event`"
                ));
            }
        }
        Ok(Self::Rule(Rule {
            subject,
            names: EventPattern::parse(names).map_err(|error| error.to_string())?,
            to: rule.to.map(AllowedTargets::read).transpose()?,
            min_interval: rule
                .min_interval_ms
                .map(|millis| {
                    interval_from_millis(millis)
                        .map_err(|error| format!("`minIntervalMs`: {error}"))
                })
                .transpose()?,
            has_any_owner: rule.owner == Some(ScopeOwner::Any),
            sources: rule.sources,
        }))
    }
}

fn default_entry() -> serde_json::Map<String, Value> {
    [("default".to_owned(), Value::Bool(true))]
        .into_iter()
        .collect()
}

impl AllowedTargets {
    fn read(to: ScopeTo) -> Result<Self, String> {
        let several = match to {
            ScopeTo::One(label) => vec![label],
            ScopeTo::Several(labels) => labels,
        };
        if several.is_empty() {
            return Err("`to` is an empty list; it names at least one label".into());
        }
        let mut recipients = Self::default();
        for label in several {
            match label {
                ScopeLabel::Host(ScopeHost::Host {} | ScopeHost::App {}) => recipients.host = true,
                ScopeLabel::Label(label) => recipients
                    .labels
                    .push(LabelPattern::parse(&label).map_err(|error| error.to_string())?),
            }
        }
        Ok(recipients)
    }
}
