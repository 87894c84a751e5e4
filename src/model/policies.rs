use std::time::Duration;

use crate::model::built_in::is_about_pages;
use crate::model::error::Result;
use crate::model::lifetime::{
    Lifetime, MAX_DELIVERIES, check_deliveries, check_expiry, retained_and_consumed,
};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::{Overflow, Policy, Until};

/// The policy of one name, with every setting decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamePolicy {
    pub(crate) overflow: Overflow,
    pub(crate) retain: bool,
    pub(crate) history: bool,
    pub(crate) until: Until,
    pub(crate) max_deliveries: u32,
    pub(crate) expires: Option<Duration>,
}

impl NamePolicy {
    /// That of the bus's own events about pages, which no policy of the app concerns: only those receive them that may know
    /// of the page when they are published.
    const FLEETING: Self = Self {
        overflow: Overflow::DropOldest,
        retain: false,
        history: false,
        until: Until::StartUp,
        max_deliveries: MAX_DELIVERIES,
        expires: None,
    };

    /// How often an event of the name is delivered at most, if it is kept until it is consumed.
    pub(crate) fn deliveries(self, own: Lifetime) -> Option<u32> {
        let until = own.until.unwrap_or(self.until);
        let most = own.max_deliveries.unwrap_or(self.max_deliveries);
        (until == Until::Consumed).then_some(most)
    }
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
        check_deliveries(policy.consumption().1)?;
        check_expiry(policy.expiry())?;
        if policy.settings().1 == Some(true) && policy.consumption().0 == Some(Until::Consumed) {
            return Err(retained_and_consumed(pattern));
        }
        self.rules.push((EventPattern::parse(pattern)?, policy));
        Ok(())
    }

    pub(crate) fn of(&self, name: &EventName) -> NamePolicy {
        if is_about_pages(name.as_str()) {
            return NamePolicy::FLEETING;
        }
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
            until: matching()
                .find_map(|policy| policy.consumption().0)
                .unwrap_or_default(),
            max_deliveries: matching()
                .find_map(|policy| policy.consumption().1)
                .unwrap_or(MAX_DELIVERIES),
            expires: matching().find_map(|policy| policy.expiry()),
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
    fn what_is_consumed_is_not_retained() {
        let consumed = Policy::new().until(Until::Consumed);
        let mut policies = Policies::default();
        policies.add("link", consumed.max_deliveries(2)).unwrap();
        let policy = policies.of(&EventName::parse("link").unwrap());
        assert_eq!((policy.until, policy.max_deliveries), (Until::Consumed, 2));
        let other = policies.of(&EventName::parse("x").unwrap());
        assert_eq!((other.until, other.max_deliveries), (Until::StartUp, 5));
        for (policy, part) in [
            (consumed.retain(true), "\"link\" is both retained"),
            (consumed.max_deliveries(0), "maxDeliveries is 0"),
            (Policy::new().expires(Duration::ZERO), "expiresMs is 0ns"),
        ] {
            let error = policies.add("link", policy).unwrap_err();
            assert!(error.message().contains(part), "{error}");
        }
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
