//! What a page may do, as the capabilities of its window list it for each command.
//!
//! Deny wins, and an empty list allows nothing. The caller passes the entries that apply to the window and the origin of
//! a command, so nothing here names Tauri.

pub(crate) mod capability;
mod emission;
mod entry;
mod job;
mod pace;
mod refusal;
mod request;
mod retained;
mod rule;
mod subject;
mod subscription;
mod task;
#[cfg(test)]
mod tests;
mod watching;

use std::sync::Arc;

use serde::Deserialize;

use crate::model::label::AllowedLabels;
use crate::model::name::EventName;

pub(crate) use pace::Pace;
use rule::Rule;
pub(crate) use rule::{ListKind, ScopeEntry, Subject};
pub(crate) use subject::{Destination, PlannedJob, WebviewLocation};
pub(crate) use watching::WatchScope;

/// The entries of one command for one page.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// The permission that an error names.
    permission: &'static str,
    subject: Subject,
    allow: Vec<Arc<ScopeEntry>>,
    deny: Vec<Arc<ScopeEntry>>,
    /// Whether the default applies: it yields to every other allow entry.
    is_open: bool,
}

impl Scope {
    pub(crate) fn new(
        permission: &'static str,
        subject: Subject,
        allow: &[Arc<ScopeEntry>],
        deny: &[Arc<ScopeEntry>],
    ) -> Self {
        // Those about pages are for a scope of their own: see `WatchScope`.
        let own = |entries: &[Arc<ScopeEntry>]| -> Vec<Arc<ScopeEntry>> {
            let own = entries.iter().filter(|entry| !entry.is_watch());
            own.cloned().collect()
        };
        let (allow, deny) = (own(allow), own(deny));
        Self {
            permission,
            subject,
            is_open: !allow.is_empty() && allow.iter().all(|entry| entry.is_default()),
            allow,
            deny,
        }
    }

    /// Whether it has the same entries, so that it allows the same.
    pub(crate) fn has_entries_of(&self, other: &Self) -> bool {
        let are_same = |own: &[Arc<ScopeEntry>], others: &[Arc<ScopeEntry>]| {
            own.len() == others.len()
                && std::iter::zip(own, others).all(|(own, other)| Arc::ptr_eq(own, other))
        };
        self.subject == other.subject
            && are_same(&self.allow, &other.allow)
            && are_same(&self.deny, &other.deny)
    }

    /// Whether it allows everything that its command can do.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.is_open && self.deny.is_empty()
    }

    /// Whether a deny entry is malformed, which denies everything.
    fn denies_everything(&self) -> bool {
        self.faults(ListKind::Deny).next().is_some()
    }

    /// The allow rules for events and requests, or for this job if there is one.
    fn allowed(&self, job: Option<PlannedJob<'_>>) -> impl Iterator<Item = &Rule> {
        self.rules(ListKind::Allow)
            .filter(move |rule| job.is_none_or(|job| rule.allows_job(job)))
    }

    fn denied(&self) -> impl Iterator<Item = &Rule> {
        self.rules(ListKind::Deny)
    }

    fn rules(&self, list: ListKind) -> impl Iterator<Item = &Rule> {
        let entries = self.entries(list).iter();
        entries.filter_map(|entry| entry.rule_about(self.subject))
    }

    fn entries(&self, list: ListKind) -> &[Arc<ScopeEntry>] {
        match list {
            ListKind::Allow => &self.allow,
            ListKind::Deny => &self.deny,
        }
    }

    fn allows_broadcast(&self, name: &EventName, job: Option<PlannedJob<'_>>) -> bool {
        !self.denies_everything()
            && !self.denied().any(|rule| rule.covers_broadcast(name))
            && (self.is_open || self.allowed(job).any(|rule| rule.covers_broadcast(name)))
    }

    /// The labels that events or requests of this name may be sent to, or the events of this job if there is one.
    fn labels(&self, name: &EventName, job: Option<PlannedJob<'_>>) -> AllowedLabels {
        if self.denies_everything() {
            return AllowedLabels::default();
        }
        let mut labels = if self.is_open {
            AllowedLabels::all()
        } else {
            AllowedLabels::default()
        };
        for rule in self.allowed(job).filter(|rule| rule.names.matches(name)) {
            if let Some(recipients) = &rule.to {
                labels.allow(&recipients.labels, recipients.host);
            }
        }
        for rule in self.denied().filter(|rule| rule.names.matches(name)) {
            match &rule.to {
                Some(denied) => labels.deny(&denied.labels, denied.host),
                None => labels = AllowedLabels::default(),
            }
        }
        labels
    }
}
