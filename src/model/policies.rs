use crate::model::error::Result;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::{Overflow, Policy};

/// The policy of one name, with every setting decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamePolicy {
    pub(crate) overflow: Overflow,
    pub(crate) retain: bool,
    pub(crate) history: bool,
}

/// All policies, in order. A later one counts more.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    rules: Vec<(EventPattern, Policy)>,
}

impl Policies {
    /// These policies after others, which count less.
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
                .find_map(|policy| policy.settings().0)
                .unwrap_or_default(),
            retain: matching()
                .find_map(|policy| policy.settings().1)
                .unwrap_or(false),
            history: matching()
                .find_map(|policy| policy.settings().2)
                .unwrap_or(true),
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
