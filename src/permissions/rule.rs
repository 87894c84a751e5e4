//! One entry of an `allow` or `deny` list, and the rule that it states.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

use crate::model::interval::interval_from_millis;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::target::LabelPattern;

use super::PlannedJob;
use super::entry::{ScopeEntryText, ScopeHost, ScopeLabel, ScopeOwner, ScopeRule, ScopeTo};
use super::subject::Refused;

/// One entry of an `allow` or `deny` list.
///
/// Reading never fails: Tauri reads scopes at the first command, and would reject that one with a bare string. A
/// malformed entry is kept as it was written, so that errors can quote it.
#[derive(Debug)]
pub(crate) struct ScopeEntry {
    /// The entry as it was written.
    text: String,
    meaning: Meaning,
    /// Whether the app's log has its fault already.
    is_reported: AtomicBool,
}

#[derive(Debug)]
enum Meaning {
    /// Everything that the command can do, unless another entry is listed. The plugin's sets contain it.
    Default,
    Rule(Rule),
    /// It names pages or rooms of presence.
    Watch(Watch),
    /// The fault.
    Malformed(String),
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Subject {
    #[default]
    Event,
    Request,
    Task,
}

impl Subject {
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Event => "events",
            Self::Request => "requests",
            Self::Task => "tasks",
        }
    }
}

/// An entry that names the pages that a page may know of, or the rooms of presence that it may use.
#[derive(Debug)]
pub(super) enum Watch {
    Page(LabelPattern),
    Presence(EventPattern),
}

/// An entry that names events or requests.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) subject: Subject,
    pub(super) names: EventPattern,
    /// To whom they may be sent. `None` for events to everyone.
    pub(super) to: Option<RuleTargets>,
    /// Whether they may also go to other nodes.
    pub(super) link: bool,
    pub(super) min_interval: Option<Duration>,
    pub(super) has_any_owner: bool,
    /// The job sources that it allows. `None` allows every source.
    pub(super) sources: Option<Vec<String>>,
}

#[derive(Debug, Default)]
pub(super) struct RuleTargets {
    pub(super) labels: Vec<LabelPattern>,
    pub(super) host: bool,
}

impl Rule {
    /// Whether it covers events of this name that are for everyone, and listening to them.
    pub(super) fn covers_broadcast(&self, name: &EventName) -> bool {
        self.to.is_none() && self.names.matches(name)
    }

    /// Whether a deny entry with this rule denies sending to this recipient.
    pub(super) fn denies_sending(&self, name: &EventName, to: Refused<'_>) -> bool {
        let is_covered = |own: &RuleTargets| match to {
            Refused::Everyone | Refused::Node(_) => false,
            Refused::Host => own.host,
            Refused::Label(label) => own.labels.iter().any(|pattern| pattern.matches(label)),
        };
        self.to.as_ref().is_none_or(is_covered) && self.names.matches(name)
    }

    /// Whether it allows the interval and the source of this job.
    pub(super) fn allows_job(&self, job: PlannedJob<'_>) -> bool {
        self.min_interval
            .is_none_or(|minimum| job.interval >= minimum)
            && job.source.is_none_or(|source| self.allows_source(source))
    }

    pub(super) fn allows_source(&self, source: &str) -> bool {
        let sources = self.sources.as_ref();
        sources.is_none_or(|sources| sources.iter().any(|own| own == source))
    }
}

/// The two lists of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListKind {
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

    pub(super) fn watch(&self) -> Option<&Watch> {
        match &self.meaning {
            Meaning::Watch(watch) => Some(watch),
            _ => None,
        }
    }

    /// Whether it names pages or rooms of presence.
    pub(crate) fn is_watch(&self) -> bool {
        self.watch().is_some()
    }

    /// What is wrong with how it is written, in whichever list.
    pub(super) fn malformation(&self) -> Option<&str> {
        match &self.meaning {
            Meaning::Malformed(what) => Some(what),
            _ => None,
        }
    }

    /// The rule, if it is about this subject.
    pub(super) fn rule_about(&self, subject: Subject) -> Option<&Rule> {
        self.rule().filter(|rule| rule.subject == subject)
    }

    /// What is wrong with it in this list of a permission about this subject.
    pub(crate) fn fault(&self, list: ListKind, subject: Subject) -> Option<&str> {
        match (&self.meaning, list) {
            (Meaning::Malformed(what), _) => Some(what),
            (Meaning::Rule(rule), _) if rule.subject != subject => Some(match subject {
                Subject::Event => "this permission is about events; name them under `event`",
                Subject::Request => {
                    "this permission is about requests; name them under `request`: { \"request\": \"…\", \"to\": \"…\" }"
                }
                Subject::Task => {
                    "this permission is about tasks; name them under `task`: { \"task\": \"…\" }"
                }
            }),
            (Meaning::Watch(_), _) | (_, ListKind::Allow) => None,
            (Meaning::Default, ListKind::Deny) => {
                Some("`default` marks an allow entry; write \"*\" to deny everything")
            }
            (Meaning::Rule(rule), ListKind::Deny) if rule.min_interval.is_some() => {
                Some("`minIntervalMs` is for allow entries only")
            }
            (Meaning::Rule(rule), ListKind::Deny) if rule.has_any_owner => {
                Some("`owner` is for allow entries only")
            }
            (Meaning::Rule(rule), ListKind::Deny) if rule.sources.is_some() => {
                Some("`sources` is for allow entries only")
            }
            (Meaning::Rule(rule), ListKind::Deny) if rule.link => {
                Some("`link` is for allow entries only; without it, nothing goes to other nodes")
            }
            (Meaning::Rule(_), ListKind::Deny) => None,
        }
    }

    /// Marks its fault as reported. Returns whether it was not before.
    pub(super) fn report_once(&self) -> bool {
        !self.is_reported.swap(true, Ordering::Relaxed)
    }

    /// Whether it allows other nodes.
    pub(crate) fn has_link(&self) -> bool {
        self.rule().is_some_and(|rule| rule.link)
    }

    /// Whether it has a `to`.
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
                        "`default` takes no other value and no other keys: { \"default\": true }"
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
                    "expected an event name, a pattern, or an object with `event`, `request`, `task`, `page` or `presence`"
                        .into(),
                );
            }
        };
        let rule = match entry {
            ScopeEntryText::Name(event) => ScopeRule {
                event: Some(event),
                request: None,
                task: None,
                page: None,
                presence: None,
                to: None,
                link: None,
                min_interval_ms: None,
                owner: None,
                sources: None,
            },
            ScopeEntryText::Rule(rule) => rule,
        };
        if let Some(watch) = Watch::read(&rule)? {
            return Ok(Self::Watch(watch));
        }
        let (subject, names) = match (&rule.event, &rule.request, &rule.task) {
            (Some(event), None, None) => (Subject::Event, event),
            (None, Some(request), None) => (Subject::Request, request),
            (None, None, Some(task)) => (Subject::Task, task),
            (None, None, None) => {
                return Err(
                    "it names no `event`, `request`, `task`, `page` or `presence`; write one of them".into(),
                );
            }
            (Some(_), Some(_), _) => {
                return Err("it has both `event` and `request`; write two entries".into());
            }
            _ => return Err("it has `task` beside another name; write two entries".into()),
        };
        if subject == Subject::Task && rule.to.is_some() {
            return Err("`to` is about events and requests; a task belongs to the app".into());
        }
        if subject != Subject::Event {
            let job_keys = [
                ("minIntervalMs", rule.min_interval_ms.is_some()),
                ("owner", rule.owner.is_some()),
                ("sources", rule.sources.is_some()),
            ];
            if let Some((key, _)) = job_keys.into_iter().find(|(_, is_set)| *is_set) {
                return Err(format!(
                    "`{key}` is about jobs; write it in an entry with `event`"
                ));
            }
        }
        if rule.link.is_some() && rule.to.is_some() {
            return Err("`link` is for entries without `to`; write two entries".into());
        }
        Ok(Self::Rule(Rule {
            subject,
            link: rule.link.unwrap_or_default(),
            names: EventPattern::parse(names).map_err(|error| error.to_string())?,
            to: rule.to.map(RuleTargets::read).transpose()?,
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

impl Watch {
    /// Reads an entry that names a page or a room; `None` for one about events or requests.
    fn read(rule: &ScopeRule) -> Result<Option<Self>, String> {
        let watch = match (&rule.page, &rule.presence) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err("it has both `page` and `presence`; write two entries".into());
            }
            (Some(label), None) => {
                Self::Page(LabelPattern::parse(label).map_err(|error| error.to_string())?)
            }
            (None, Some(room)) => {
                Self::Presence(EventPattern::parse(room).map_err(|error| error.to_string())?)
            }
        };
        let others = [
            ("event", rule.event.is_some()),
            ("request", rule.request.is_some()),
            ("task", rule.task.is_some()),
            ("to", rule.to.is_some()),
            ("minIntervalMs", rule.min_interval_ms.is_some()),
            ("owner", rule.owner.is_some()),
            ("sources", rule.sources.is_some()),
        ];
        match others.into_iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => Err(format!(
                "`{key}` does not go with `page` or `presence`; write it in an entry of its own"
            )),
            None => Ok(Some(watch)),
        }
    }
}

fn default_entry() -> serde_json::Map<String, Value> {
    [("default".to_owned(), Value::Bool(true))]
        .into_iter()
        .collect()
}

impl RuleTargets {
    fn read(to: ScopeTo) -> Result<Self, String> {
        let several = match to {
            ScopeTo::One(label) => vec![label],
            ScopeTo::Several(labels) => labels,
        };
        if several.is_empty() {
            return Err("`to` is an empty list; name at least one label".into());
        }
        let mut targets = Self::default();
        for label in several {
            match label {
                ScopeLabel::Host(ScopeHost::Host {} | ScopeHost::App {}) => targets.host = true,
                ScopeLabel::Label(label) => targets
                    .labels
                    .push(LabelPattern::parse(&label).map_err(|error| error.to_string())?),
            }
        }
        Ok(targets)
    }
}
