use serde::{Deserialize, Serialize};

use crate::model::error::Result;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;

/// How events of some names are kept and delivered. What it does not set stays as it is by default.
///
/// Set by pattern with [`Builder::policy`](crate::Builder::policy), or in `tauri.conf.json`. Where several patterns match
/// a name, the later one counts.
///
/// ```
/// use tauri_plugin_event_bus::{Builder, Policy};
///
/// let builder = Builder::new()
///     .policy("cursor:*", Policy::new().latest().history(false))
///     .policy("settings:*", Policy::new().retain(true))
///     .policy("order:*", Policy::new().reject());
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Policy {
    overflow: Option<Overflow>,
    retain: Option<bool>,
    history: Option<bool>,
}

/// What happens when events come faster than a page takes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The oldest event of a full queue makes room, and the page is told of the gap. The default.
    #[default]
    DropOldest,
    /// An event that still waits is replaced by the next one of its name, which says how many it supersedes.
    Latest,
    /// A full queue makes `emit` fail with `queue_full`, and nobody gets that event.
    Reject,
}

impl Policy {
    /// Sets nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(None, None, None)
    }

    pub(crate) const fn of(
        overflow: Option<Overflow>,
        retain: Option<bool>,
        history: Option<bool>,
    ) -> Self {
        Self {
            overflow,
            retain,
            history,
        }
    }

    /// The oldest event of a full queue makes room: [`Overflow::DropOldest`].
    #[must_use]
    pub const fn drop_oldest(self) -> Self {
        self.overflow(Overflow::DropOldest)
    }

    /// Only the latest waiting event of a name is delivered: [`Overflow::Latest`].
    #[must_use]
    pub const fn latest(self) -> Self {
        self.overflow(Overflow::Latest)
    }

    /// A full queue makes `emit` fail: [`Overflow::Reject`].
    #[must_use]
    pub const fn reject(self) -> Self {
        self.overflow(Overflow::Reject)
    }

    const fn overflow(self, overflow: Overflow) -> Self {
        Self {
            overflow: Some(overflow),
            ..self
        }
    }

    /// Whether the newest event of a name is kept for later subscribers, unless `emit` says otherwise.
    #[must_use]
    pub const fn retain(self, retain: bool) -> Self {
        Self {
            retain: Some(retain),
            ..self
        }
    }

    /// Whether events are kept for a page that has not subscribed yet or is reloading. The default is that they are.
    #[must_use]
    pub const fn history(self, history: bool) -> Self {
        Self {
            history: Some(history),
            ..self
        }
    }
}

/// The policy of one name, with nothing left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamePolicy {
    pub(crate) overflow: Overflow,
    pub(crate) retain: bool,
    pub(crate) history: bool,
}

/// All policies, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    rules: Vec<(EventPattern, Policy)>,
}

impl Policies {
    /// These, after others, which count less.
    pub(crate) fn after(mut self, mut first: Self) -> Self {
        first.rules.append(&mut self.rules);
        first
    }

    pub(crate) fn add(&mut self, pattern: &str, policy: Policy) -> Result<()> {
        self.rules.push((EventPattern::parse(pattern)?, policy));
        Ok(())
    }

    pub(crate) fn of(&self, name: &EventName) -> NamePolicy {
        let matching = || {
            let later_first = self.rules.iter().rev();
            later_first
                .filter(|(pattern, _)| pattern.matches(name))
                .map(|(_, policy)| policy)
        };
        NamePolicy {
            overflow: matching()
                .find_map(|policy| policy.overflow)
                .unwrap_or_default(),
            retain: matching().find_map(|policy| policy.retain).unwrap_or(false),
            history: matching().find_map(|policy| policy.history).unwrap_or(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &[(&str, Policy)], name: &str, expected: (Overflow, bool, bool)) {
        let mut policies = Policies::default();
        for (pattern, policy) in rules {
            policies.add(pattern, *policy).unwrap();
        }
        let policy = policies.of(&EventName::parse(name).unwrap());
        assert_eq!(
            (policy.overflow, policy.retain, policy.history),
            expected,
            "{name}"
        );
    }

    #[test]
    fn the_default_drops_the_oldest_and_keeps_history() {
        check(&[], "x", (Overflow::DropOldest, false, true));
    }

    #[test]
    fn later_rules_count_setting_by_setting() {
        let rules = [
            ("*", Policy::new().reject().retain(true)),
            ("cursor:*", Policy::new().latest()),
            ("cursor:click", Policy::new().history(false)),
        ];
        check(&rules, "order", (Overflow::Reject, true, true));
        check(&rules, "cursor:move", (Overflow::Latest, true, true));
        check(&rules, "cursor:click", (Overflow::Latest, true, false));
    }
}
