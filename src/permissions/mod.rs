//! What a page may do with which events, as its capabilities list it for each command.
//!
//! Deny wins, and an empty list allows nothing. Nothing here knows Tauri: it hands in the entries that count for the
//! window and the origin of a request.

mod entry;
mod request;
mod rule;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::model::error::{Error, ErrorCode, Result, escaped, quoted};
use crate::model::label::AllowedLabels;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::selection::Selection;
use crate::model::target::LabelPattern;

use rule::Rule;
pub(crate) use rule::{List, ScopeEntry, Subject};

/// The entries of one command for one page.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// The permission whose entries these are, for messages.
    permission: &'static str,
    /// What its entries are about.
    subject: Subject,
    allow: Vec<Arc<ScopeEntry>>,
    deny: Vec<Arc<ScopeEntry>>,
    /// Whether there is a default and no other allow entry, which it would yield to.
    is_open: bool,
}

/// A webview and the window that it is in.
pub(crate) type WebviewLocation = (Arc<str>, Arc<str>);

/// To whom a page wants to emit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Destination<'a> {
    Everyone,
    /// Those that are selected, of the webviews that there are.
    Selected(&'a Selection, &'a [WebviewLocation]),
}

/// How a page wants to emit periodically.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks<'a> {
    pub(crate) interval: Duration,
    /// The source from which payloads are taken.
    pub(crate) source: Option<&'a str>,
}

impl Scope {
    pub(crate) fn new(
        permission: &'static str,
        subject: Subject,
        allow: &[Arc<ScopeEntry>],
        deny: &[Arc<ScopeEntry>],
    ) -> Self {
        Self {
            permission,
            subject,
            allow: allow.to_vec(),
            deny: deny.to_vec(),
            is_open: !allow.is_empty() && allow.iter().all(|entry| entry.is_default()),
        }
    }

    /// Whether it allows everything there is.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.is_open && self.deny.is_empty()
    }

    fn allows_broadcast(&self, name: &EventName, ticks: Option<Ticks<'_>>) -> bool {
        let mut allowed = self.allowed(ticks);
        !self.is_broken()
            && !self.denied().any(|rule| rule.is_broadcast(name))
            && (self.is_open || allowed.any(|rule| rule.is_broadcast(name)))
    }

    /// Whether a subscription of this scope gets events of this name, whether they are for everyone or for its page.
    pub(crate) fn hears(&self, name: &EventName) -> bool {
        self.allows_broadcast(name, None)
    }

    /// To whom events of this name may be sent; periodically, if there are ticks.
    fn labels(&self, name: &EventName, ticks: Option<Ticks<'_>>) -> AllowedLabels {
        if self.is_broken() {
            return AllowedLabels::default();
        }
        let mut labels = if self.is_open {
            AllowedLabels::all()
        } else {
            AllowedLabels::default()
        };
        for rule in self.allowed(ticks).filter(|rule| rule.names.matches(name)) {
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

    /// Checks that a page may listen to this, and says what each delivery has to be checked against. For an exact name
    /// it is settled here.
    pub(crate) fn check_listening(
        self: &Arc<Self>,
        pattern: &EventPattern,
    ) -> Result<Option<Arc<Self>>> {
        if self.is_unlimited() {
            return Ok(None);
        }
        let may_hear_something = || {
            let mut rules = self.allowed(None);
            let is_about = |rule: &Rule| rule.to.is_none() && rule.names.may_overlap(pattern);
            !self.is_broken() && (self.is_open || rules.any(is_about))
        };
        match pattern.exact() {
            Some(name) if self.hears(name) => Ok(None),
            None if may_hear_something() => Ok(Some(Arc::clone(self))),
            _ => {
                let text = pattern.to_string();
                let matches = |rule: &Rule| match pattern.exact() {
                    Some(name) => rule.is_broadcast(name),
                    None => false,
                };
                Err(self.refuse(
                    &format!("listen to {}", quoted(&text)),
                    &json!(text).to_string(),
                    matches,
                ))
            }
        }
    }

    /// Checks that a page may emit this; periodically, if there are ticks. What comes back confines what is sent
    /// from now on, where a target names labels that may yet come.
    pub(crate) fn check_emitting(
        &self,
        name: &EventName,
        to: Destination<'_>,
        ticks: Option<Ticks<'_>>,
    ) -> Result<Option<Arc<AllowedLabels>>> {
        if self.is_unlimited() {
            return Ok(None);
        }
        let refused = match self.find_refused(name, to, ticks) {
            Ok(labels) => return Ok(labels),
            Err(refused) => refused,
        };
        if let Some(ticks) = ticks
            && let Some(error) = self.refuse_ticks(name, to, ticks)
        {
            return Err(error);
        }
        let text = name.as_str();
        Err(match refused {
            Refused::Everyone => self.refuse(
                &format!("emit {} to everyone", quoted(text)),
                &json!(text).to_string(),
                |rule| rule.is_broadcast(name),
            ),
            Refused::Host => self.refuse(
                &format!("send {} to Rust", quoted(text)),
                &json!({ "event": text, "to": { "kind": "App" } }).to_string(),
                |rule| {
                    let denies = rule.to.as_ref().is_none_or(|to| to.host);
                    denies && rule.names.matches(name)
                },
            ),
            Refused::Label(label) => self.refuse(
                &format!("send {} to {}", quoted(text), quoted(label)),
                &json!({ "event": text, "to": label }).to_string(),
                |rule| {
                    let denies = |own: &rule::AllowedTargets| {
                        own.labels.iter().any(|own| own.matches(label))
                    };
                    rule.to.as_ref().is_none_or(denies) && rule.names.matches(name)
                },
            ),
        })
    }

    fn find_refused<'a>(
        &self,
        name: &EventName,
        to: Destination<'a>,
        ticks: Option<Ticks<'_>>,
    ) -> Result<Option<Arc<AllowedLabels>>, Refused<'a>> {
        match to {
            Destination::Everyone if self.allows_broadcast(name, ticks) => Ok(None),
            Destination::Everyone => Err(Refused::Everyone),
            Destination::Selected(selection, places) => {
                let labels = self.labels(name, ticks);
                match find_refused_label(&labels, selection, places) {
                    Some(refused) => Err(refused),
                    None => Ok(Some(Arc::new(labels))),
                }
            }
        }
    }

    /// What is to be said where it would be allowed at another interval, or without its source.
    fn refuse_ticks(
        &self,
        name: &EventName,
        to: Destination<'_>,
        ticks: Ticks<'_>,
    ) -> Option<Error> {
        if let Some(minimum) = self.shortest_interval(name, to, ticks.source) {
            return Some(Error::new(
                ErrorCode::InvalidInterval,
                format!(
                    "the interval of {} is {:?}; the capabilities of this window allow it every {minimum:?} at the most (minIntervalMs)",
                    quoted(name.as_str()),
                    ticks.interval,
                ),
            ));
        }
        let source = ticks.source?;
        let without = Ticks {
            source: None,
            ..ticks
        };
        self.find_refused(name, to, Some(without)).ok()?;
        Some(self.refuse(
            &format!(
                "take the payload of {} from the source {}",
                quoted(name.as_str()),
                quoted(source)
            ),
            &json!({ "event": name.as_str(), "sources": [source] }).to_string(),
            |_| false,
        ))
    }

    /// The shortest interval at which it would be allowed.
    fn shortest_interval(
        &self,
        name: &EventName,
        to: Destination<'_>,
        source: Option<&str>,
    ) -> Option<Duration> {
        let rules = self
            .allow
            .iter()
            .filter_map(|entry| entry.rule_about(self.subject));
        let mut intervals: Vec<Duration> = rules
            .filter(|rule| rule.names.matches(name))
            .filter_map(|rule| rule.min_interval)
            .collect();
        intervals.sort();
        intervals.into_iter().find(|&interval| {
            let ticks = Ticks { interval, source };
            self.find_refused(name, to, Some(ticks)).is_ok()
        })
    }

    /// The interval that jobs with this event must leave between their ticks, if there is one.
    pub(crate) fn minimum_interval(
        &self,
        name: &EventName,
        to: Destination<'_>,
        source: Option<&str>,
    ) -> Option<Duration> {
        let ticks = Ticks {
            interval: Duration::ZERO,
            source,
        };
        let is_free = self.is_open || self.find_refused(name, to, Some(ticks)).is_ok();
        if is_free {
            return None;
        }
        self.shortest_interval(name, to, source)
    }

    /// Checks that nothing here denies everything by mistake, for what needs no entry.
    pub(crate) fn check_own_jobs(&self) -> Result<()> {
        if !self.is_broken() {
            return Ok(());
        }
        Err(self.refuse("reach its periodic events", "", |_| false))
    }

    /// Checks that a page may reach periodic events of others, if only some of them.
    pub(crate) fn check_jobs_of_others(&self) -> Result<()> {
        if !self.is_broken() && self.allowed(None).any(|rule| rule.has_any_owner) {
            return Ok(());
        }
        Err(self.refuse(
            "reach periodic events of Rust or of other webviews",
            &json!({ "event": "*", "owner": "any" }).to_string(),
            |_| false,
        ))
    }

    /// Checks that a page may start periodic events of this name for the app.
    pub(crate) fn check_starting_for_host(&self, name: &EventName) -> Result<()> {
        if self.reaches_jobs_of_others(name) {
            return Ok(());
        }
        Err(self.refuse(
            &format!("start {} with the owner \"app\"", quoted(name.as_str())),
            &json!({ "event": name.as_str(), "owner": "any" }).to_string(),
            |rule| rule.names.matches(name),
        ))
    }

    /// Whether a page may list and stop periodic events of this name that others have started.
    pub(crate) fn reaches_jobs_of_others(&self, name: &EventName) -> bool {
        let is_theirs = |rule: &Rule| rule.has_any_owner && rule.names.matches(name);
        !self.is_broken()
            && !self.denied().any(|rule| rule.names.matches(name))
            && self.allowed(None).any(is_theirs)
    }

    /// What is wrong with its entries and was not said yet, for the app's log.
    pub(crate) fn unreported_faults(&self) -> impl Iterator<Item = String> {
        let faults = self.faults(List::Allow).chain(self.faults(List::Deny));
        faults
            .filter(|(entry, _)| entry.is_news())
            .map(|(entry, what)| format!("{} of {}: {what}", quoted(entry.text()), self.permission))
    }

    fn list(&self, list: List) -> &[Arc<ScopeEntry>] {
        match list {
            List::Allow => &self.allow,
            List::Deny => &self.deny,
        }
    }

    fn faults(&self, list: List) -> impl Iterator<Item = (&ScopeEntry, &str)> {
        let entries = self.list(list).iter();
        entries.filter_map(move |entry| Some((&**entry, entry.fault(list, self.subject)?)))
    }

    /// Every malformed entry of a list and what is wrong with it, if there is one.
    fn quote_faults(&self, list: List, what: &str, is_malformed: &str) -> Option<String> {
        let mut faults = self
            .faults(list)
            .map(|(entry, fault)| (escaped(&entry.text()), fault));
        let (entry, fault) = faults.next()?;
        let first = format!(
            "the {what} {entry} of {} {is_malformed}: {fault}",
            self.permission
        );
        Some(faults.fold(first, |text, (entry, fault)| {
            format!("{text}; so is {entry}: {fault}")
        }))
    }

    /// Whether a deny entry is malformed, which denies everything.
    fn is_broken(&self) -> bool {
        self.faults(List::Deny).next().is_some()
    }

    /// The rules that allow something; periodically, if there are ticks.
    fn allowed(&self, ticks: Option<Ticks<'_>>) -> impl Iterator<Item = &Rule> {
        let rules = self
            .allow
            .iter()
            .filter_map(|entry| entry.rule_about(self.subject));
        rules.filter(move |rule| ticks.is_none_or(|ticks| rule.allows_ticks(ticks)))
    }

    fn denied(&self) -> impl Iterator<Item = &Rule> {
        self.deny
            .iter()
            .filter_map(|entry| entry.rule_about(self.subject))
    }

    /// Says why something is denied and which entry would allow it.
    fn refuse(&self, what: &str, entry: &str, is_denied_by: impl Fn(&Rule) -> bool) -> Error {
        let page = format!("the page in this window may not {what}");
        let denying = self
            .deny
            .iter()
            .find(|entry| entry.rule_about(self.subject).is_some_and(&is_denied_by));
        let message = if let Some(faults) = self.quote_faults(
            List::Deny,
            "deny entry",
            "is malformed and denies everything until it is corrected",
        ) {
            format!("{page}: {faults}")
        } else if let Some(entry) = denying {
            format!(
                "{page}: the deny entry {} of {} matches it, and deny wins",
                escaped(&entry.text()),
                self.permission
            )
        } else {
            let faults = self.quote_faults(List::Allow, "entry", "is malformed and allows nothing");
            let reason = match faults {
                Some(faults) => faults,
                None if self.allow.is_empty() => format!(
                    "{} is there without a list of events, and an empty list allows nothing",
                    self.permission
                ),
                None if self.allow.iter().any(|entry| entry.has_recipients()) => format!(
                    "no allow entry of {} matches it, and one with `to` is about sending to those windows alone",
                    self.permission
                ),
                None => format!("no allow entry of {} matches it", self.permission),
            };
            format!(
                "{page}: {reason}. It would be allowed by {{ \"identifier\": \"{}\", \"allow\": [{entry}] }} in a capability of this window",
                self.permission
            )
        };
        Error::new(ErrorCode::Denied, message)
    }
}

/// To whom something may not be sent.
#[derive(Debug)]
enum Refused<'a> {
    Everyone,
    Host,
    /// A label or a glob, as the page has given it.
    Label(&'a str),
}

/// Permission comes before existence: a label that is not there is refused alike, and the message names none but those
/// that the page has given.
fn find_refused_label<'a>(
    labels: &AllowedLabels,
    selection: &'a Selection,
    places: &[WebviewLocation],
) -> Option<Refused<'a>> {
    if selection.host && !labels.allows_host() {
        return Some(Refused::Host);
    }
    let webviews = selection.webviews.iter().map(|own| (own, false));
    let windows = selection.windows.iter().map(|own| (own, true));
    let is_refused = |(pattern, is_window): &(&LabelPattern, bool)| {
        let is_own = |(webview, window): &&WebviewLocation| {
            pattern.matches(if *is_window { window } else { webview })
        };
        let mut own = places.iter().filter(is_own).peekable();
        match pattern.literal() {
            Some(label) if !is_window || own.peek().is_none() => !labels.allows(label),
            _ => labels.is_empty() || own.any(|(webview, _)| !labels.allows(webview)),
        }
    };
    let refused = webviews.chain(windows).find(is_refused);
    refused.map(|(pattern, _)| Refused::Label(pattern.as_str()))
}
