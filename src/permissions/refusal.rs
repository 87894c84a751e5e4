//! Why something is denied, and which entry would allow it.

use crate::model::error::{Error, ErrorCode, escaped, quoted};

use super::rule::{Rule, ScopeEntry};
use super::{ListKind, Scope};

impl Scope {
    /// The faults of its entries that were not reported yet, for the app's log.
    pub(crate) fn unreported_faults(&self) -> impl Iterator<Item = String> {
        let faults = self
            .faults(ListKind::Allow)
            .chain(self.faults(ListKind::Deny));
        faults
            .filter(|(entry, _)| entry.report_once())
            .map(|(entry, fault)| {
                format!("{} of {}: {fault}", quoted(entry.text()), self.permission)
            })
    }

    pub(super) fn faults(&self, list: ListKind) -> impl Iterator<Item = (&ScopeEntry, &str)> {
        let entries = self.entries(list).iter();
        entries.filter_map(move |entry| Some((&**entry, entry.fault(list, self.subject)?)))
    }

    /// Every malformed entry of a list with its fault. `None` if there is no such entry.
    fn quote_faults(&self, list: ListKind, kind: &str, consequence: &str) -> Option<String> {
        let mut faults = self
            .faults(list)
            .map(|(entry, fault)| (escaped(&entry.text()), fault));
        let (entry, fault) = faults.next()?;
        let first = format!(
            "the {kind} {entry} of {} is malformed and {consequence}: {fault}",
            self.permission
        );
        Some(faults.fold(first, |text, (entry, fault)| {
            format!("{text}; so is {entry}: {fault}")
        }))
    }

    /// The error for what is denied: why, and which entry would allow it.
    pub(super) fn refuse(
        &self,
        what: &str,
        entry: &str,
        is_denied_by: impl Fn(&Rule) -> bool,
    ) -> Error {
        let mut denying = self.deny.iter().filter(|entry| {
            let rule = entry.rule_about(self.subject);
            rule.is_some_and(&is_denied_by)
        });
        let consequence = "denies everything until it is corrected";
        let reason = if let Some(faults) =
            self.quote_faults(ListKind::Deny, "deny entry", consequence)
        {
            faults
        } else if let Some(entry) = denying.next() {
            format!(
                "the deny entry {} of {} matches it, and deny wins",
                escaped(&entry.text()),
                self.permission
            )
        } else {
            format!(
                "{}. To allow it, add {{ \"identifier\": \"{}\", \"allow\": [{entry}] }} to a capability of this window",
                self.unmatched_reason(),
                self.permission
            )
        };
        Error::new(
            ErrorCode::Denied,
            format!("the page in this window may not {what}: {reason}"),
        )
    }

    /// Why no allow entry matches.
    fn unmatched_reason(&self) -> String {
        let permission = self.permission;
        if let Some(faults) = self.quote_faults(ListKind::Allow, "entry", "allows nothing") {
            return faults;
        }
        if self.allow.is_empty() {
            return format!(
                "{permission} is granted without a list of {}, and an empty list allows nothing",
                self.subject.plural()
            );
        }
        let hint = match self.allow.iter().any(|entry| entry.has_recipients()) {
            true => "; an entry with `to` allows only what is sent to those recipients",
            false => "",
        };
        format!("no allow entry of {permission} matches it{hint}")
    }
}
