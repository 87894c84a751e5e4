//! Which jobs a page may start, change, list and stop.

use std::time::Duration;

use serde_json::json;

use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::name::EventName;

use super::{Destination, ListKind, PlannedJob, Rule, Scope};

impl Scope {
    /// The error for a job that would be allowed with another interval, or without its source.
    pub(super) fn refuse_job(
        &self,
        name: &EventName,
        to: Destination<'_>,
        job: PlannedJob<'_>,
    ) -> Option<Error> {
        if let Some(minimum) = self.shortest_allowed(name, to, job.source) {
            return Some(Error::new(
                ErrorCode::InvalidInterval,
                format!(
                    "the interval of {} is {:?}; the capabilities of this window allow at least {minimum:?} (minIntervalMs)",
                    quoted(name.as_str()),
                    job.interval,
                ),
            ));
        }
        let source = job.source?;
        let without_source = PlannedJob {
            source: None,
            ..job
        };
        if !self.allows_job(name, to, without_source) {
            return None;
        }
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

    /// The shortest `minIntervalMs` with which the job is allowed.
    fn shortest_allowed(
        &self,
        name: &EventName,
        to: Destination<'_>,
        source: Option<&str>,
    ) -> Option<Duration> {
        let mut intervals: Vec<Duration> = self
            .rules(ListKind::Allow)
            .filter(|rule| rule.names.matches(name))
            .filter_map(|rule| rule.min_interval)
            .collect();
        intervals.sort();
        intervals.into_iter().find(|&interval| {
            let job = PlannedJob { interval, source };
            self.allows_job(name, to, job)
        })
    }

    fn allows_job(&self, name: &EventName, to: Destination<'_>, job: PlannedJob<'_>) -> bool {
        let may_leave = to.first_node().is_none() || self.allows_link(name, Some(job));
        may_leave && self.find_allowed(name, to, Some(job)).is_ok()
    }

    /// Checks that a page may use its own jobs. That takes no entry, but a malformed deny entry denies it, too.
    pub(crate) fn check_own_jobs(&self) -> Result<()> {
        if !self.denies_everything() {
            return Ok(());
        }
        Err(self.refuse("use its jobs", "", |_| false))
    }

    /// Checks that a page may use jobs of others, if only some of them.
    pub(crate) fn check_jobs_of_others(&self) -> Result<()> {
        if !self.denies_everything() && self.allowed(None).any(|rule| rule.has_any_owner) {
            return Ok(());
        }
        Err(self.refuse(
            "use jobs of the host or of other webviews",
            &json!({ "event": "*", "owner": "any" }).to_string(),
            |_| false,
        ))
    }

    /// Checks that a page may start a job of this event that belongs to the host.
    pub(crate) fn check_starting_for_host(&self, name: &EventName) -> Result<()> {
        if self.allows_jobs_of_others(name) {
            return Ok(());
        }
        Err(self.refuse(
            &format!(
                "start a job of {} that belongs to the host",
                quoted(name.as_str())
            ),
            &json!({ "event": name.as_str(), "owner": "any" }).to_string(),
            |rule| rule.names.matches(name),
        ))
    }

    /// Whether a page may use jobs of this event that others started.
    pub(crate) fn allows_jobs_of_others(&self, name: &EventName) -> bool {
        let allows = |rule: &Rule| rule.has_any_owner && rule.names.matches(name);
        !self.denies_everything()
            && !self.denied().any(|rule| rule.names.matches(name))
            && self.allowed(None).any(allows)
    }
}
