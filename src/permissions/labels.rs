use super::rule::{Rule, RuleTargets};
use crate::model::target::LabelPattern;

/// To whom a page may send events of one name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels {
    is_every_label: bool,
    allow: Vec<LabelPattern>,
    deny: Vec<LabelPattern>,
    host: bool,
}

impl Labels {
    /// Every label, and Rust.
    pub(super) fn all() -> Self {
        Self {
            is_every_label: true,
            host: true,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, recipients: &RuleTargets) {
        self.allow.extend(recipients.labels.iter().cloned());
        self.host |= recipients.host;
    }

    pub(super) fn deny(&mut self, rule: &Rule) {
        match &rule.to {
            Some(recipients) => {
                self.deny.extend(recipients.labels.iter().cloned());
                self.host &= !recipients.host;
            }
            None => *self = Self::default(),
        }
    }

    pub(crate) fn allows(&self, label: &str) -> bool {
        let is_in = |patterns: &[LabelPattern]| patterns.iter().any(|own| own.matches(label));
        (self.is_every_label || is_in(&self.allow)) && !is_in(&self.deny)
    }

    pub(super) fn allows_host(&self) -> bool {
        self.host
    }

    /// Whether there can be nobody to whom it is allowed.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_every_label && self.allow.is_empty() && !self.host
    }
}
