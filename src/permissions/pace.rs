//! How often the jobs of a page may emit an event, by whom it reaches.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::name::EventName;

use super::rule::{Rule, RuleTargets};
use super::{ListKind, Scope, ScopeEntry};

/// The allow entries for the jobs of a page with one event, of which some set `minIntervalMs`.
///
/// It is asked at each tick: a target may select webviews that were not there when the job started.
#[derive(Clone)]
pub(crate) struct Pace {
    entries: Arc<[Arc<ScopeEntry>]>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.iter().map(|entry| entry.text());
        f.debug_list().entries(entries).finish()
    }
}

impl Pace {
    /// The shortest interval of events for everyone.
    pub(crate) fn for_everyone(&self) -> Duration {
        self.shortest(|rule| rule.to.is_none())
    }

    /// The shortest interval of events that go to other nodes.
    pub(crate) fn for_nodes(&self) -> Duration {
        self.shortest(|rule| rule.link)
    }

    /// The shortest interval of events that are sent to the host.
    pub(crate) fn for_host(&self) -> Duration {
        self.shortest(|rule| rule.to.as_ref().is_some_and(|to| to.host))
    }

    /// The shortest interval of events that are sent to this webview.
    pub(crate) fn for_webview(&self, label: &str) -> Duration {
        let has = |to: &RuleTargets| to.labels.iter().any(|own| own.matches(label));
        self.shortest(|rule| rule.to.as_ref().is_some_and(has))
    }

    /// The shortest interval of the entries that cover a receiver. A job starts only if one of them allows its interval.
    fn shortest(&self, covers: impl Fn(&Rule) -> bool) -> Duration {
        let rules = self.entries.iter().filter_map(|entry| entry.rule());
        let covering = rules.filter(|rule| covers(rule));
        let intervals = covering.map(|rule| rule.min_interval.unwrap_or_default());
        intervals.min().unwrap_or_default()
    }
}

impl Scope {
    /// The pace that all jobs of the page with this event keep together. `None` if any interval is allowed.
    pub(crate) fn pace(&self, name: &EventName, source: Option<&str>) -> Option<Pace> {
        if self.is_open {
            return None;
        }
        let concerns = |rule: &Rule| {
            rule.names.matches(name) && source.is_none_or(|source| rule.allows_source(source))
        };
        let entries = self.entries(ListKind::Allow).iter();
        let entries = entries.filter(|entry| entry.rule_about(self.subject).is_some_and(concerns));
        let entries: Arc<[Arc<ScopeEntry>]> = entries.cloned().collect();
        let mut rules = entries.iter().filter_map(|entry| entry.rule());
        rules
            .any(|rule| rule.min_interval.is_some())
            .then_some(Pace { entries })
    }
}
