use crate::model::target::LabelPattern;

/// The labels that events or requests of one name may be sent to.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedLabels {
    is_every_label: bool,
    allow: Vec<LabelPattern>,
    deny: Vec<LabelPattern>,
    host: bool,
}

impl AllowedLabels {
    /// Every label, and the host.
    pub(crate) fn all() -> Self {
        Self {
            is_every_label: true,
            host: true,
            ..Self::default()
        }
    }

    pub(crate) fn allow(&mut self, labels: &[LabelPattern], host: bool) {
        self.allow.extend(labels.iter().cloned());
        self.host |= host;
    }

    pub(crate) fn deny(&mut self, labels: &[LabelPattern], host: bool) {
        self.deny.extend(labels.iter().cloned());
        self.host &= !host;
    }

    pub(crate) fn allows(&self, label: &str) -> bool {
        let is_in = |patterns: &[LabelPattern]| patterns.iter().any(|own| own.matches(label));
        (self.is_every_label || is_in(&self.allow)) && !is_in(&self.deny)
    }

    /// Whether it could ever allow a label that this pattern matches, of a webview that is there or of a later one.
    pub(crate) fn may_allow(&self, pattern: &LabelPattern) -> bool {
        if let Some(label) = pattern.literal() {
            return self.allows(label);
        }
        let could_be = |own: &LabelPattern| match own.literal() {
            Some(label) => pattern.matches(label) && self.allows(label),
            None => own.may_overlap(pattern),
        };
        let denies = |own: &LabelPattern| own.as_str() == "*" || own.as_str() == pattern.as_str();
        (self.is_every_label || self.allow.iter().any(could_be)) && !self.deny.iter().any(denies)
    }

    pub(crate) fn allows_host(&self) -> bool {
        self.host
    }
}
