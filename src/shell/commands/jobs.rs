//! Jobs of pages.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tauri::ipc::Response;
use tauri_plugin_event_bus_types::Bytes;

use crate::engine::core::Core;
use crate::hub::Address;
use crate::hub::command_log::JsonResult;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::interval::{
    MAX_DURATION, delay_from_millis, duration_from_millis, interval_from_millis, invalid_interval,
    time_from_millis,
};
use crate::model::job::{MissedTickBehavior, unknown_job};
use crate::model::json::Json;
use crate::model::name::{EventName, parse_component};
use crate::model::tap::record::TapAction;
use crate::periodic::job::{JobPlan, JobUpdate, MAX_FAILURES, OnceAt, Payload, RunningJob};
use crate::periodic::start::once_timing;
use crate::periodic::timing::schedule::Timing;
use crate::permissions::{Destination, PlannedJob, Scope, Subject};
use crate::sync::{now, wall_clock};

use super::arguments::{
    EndpointEntry, invalid_argument, read, read_json, read_payload, read_target, write,
};
use super::body::{Argument, Entry};
use super::command::{Page, PageCommand};
use super::emit::restrict_to_scope;

const PERMISSION: &str = "event-bus:jobs";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JobArguments {
    event: String,
    every_ms: Option<f64>,
    /// Instead of an interval: how much later its only tick comes.
    after_ms: Option<f64>,
    /// Instead of an interval: when its only tick comes, in milliseconds since the Unix epoch.
    at: Option<f64>,
    #[serde(default)]
    skip_missed: bool,
    payload: Option<String>,
    to: Option<Value>,
    #[serde(default)]
    immediate: bool,
    count: Option<u64>,
    id: Option<String>,
    #[serde(default)]
    replace: bool,
    start_delay_ms: Option<f64>,
    jitter_ms: Option<f64>,
    #[serde(default)]
    missed_ticks: MissedTickBehavior,
    #[serde(default)]
    only_while_listened: bool,
    max_failures: Option<u64>,
    source: Option<String>,
    args: Option<String>,
    component: Option<String>,
    owner: Option<OwnerEntry>,
}

/// The owner of a job that does not belong to the page's webview.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum OwnerEntry {
    Host {},
}

/// When a job of a page ticks.
struct When {
    timing: Timing,
    once_at: Option<OnceAt>,
    /// The interval that its permission has to allow. A job of one tick has the longest one.
    paced: Duration,
}

impl JobArguments {
    fn when(&self) -> Result<When> {
        let given = [self.every_ms, self.after_ms, self.at];
        if given.iter().flatten().count() > 1 {
            return Err(invalid_argument(
                "a job has one of `everyMs`, `afterMs` and `at`, and this one has several",
            ));
        }
        if self.skip_missed && self.at.is_none() {
            return Err(invalid_argument(
                "`skipMissed` is for a job with `at`: a delay is never missed",
            ));
        }
        if self.every_ms.is_none() && (self.after_ms.is_some() || self.at.is_some()) {
            self.check_once()?;
        }
        let once = |timing, once_at| When {
            timing,
            once_at,
            paced: MAX_DURATION,
        };
        if let Some(millis) = self.after_ms {
            let timing = Timing {
                count: Some(1),
                ..Timing::every(delay_from_millis(millis)?)
            };
            return Ok(once(timing, None));
        }
        if let Some(millis) = self.at {
            let time = time_from_millis(millis)?;
            let at = OnceAt {
                time,
                skips_missed: self.skip_missed,
            };
            return Ok(once(once_timing(time, wall_clock())?, Some(at)));
        }
        let every_ms = self.every_ms.ok_or_else(|| invalid_interval("missing"))?;
        let interval = interval_from_millis(every_ms)?;
        Ok(When {
            timing: self.timing(interval)?,
            once_at: None,
            paced: interval,
        })
    }

    /// Refuses what only a job with an interval has.
    fn check_once(&self) -> Result<()> {
        let given = [
            ("immediate", self.immediate),
            ("count", self.count.is_some()),
            (
                "startDelayMs",
                self.start_delay_ms.is_some_and(|ms| ms != 0.0),
            ),
            ("jitterMs", self.jitter_ms.is_some_and(|ms| ms != 0.0)),
            (
                "missedTicks",
                self.missed_ticks != MissedTickBehavior::default(),
            ),
            ("onlyWhileListened", self.only_while_listened),
            ("maxFailures", self.max_failures.is_some()),
            ("source", self.source.is_some()),
        ];
        let Some((misplaced, _)) = given.into_iter().find(|(_, is_given)| *is_given) else {
            return Ok(());
        };
        let own = match self.at {
            Some(_) => "at",
            None => "afterMs",
        };
        Err(invalid_argument(format!(
            "`{misplaced}` is for a job with `everyMs`, and this one has `{own}`: its only tick has a payload and a target"
        )))
    }

    fn timing(&self, interval: Duration) -> Result<Timing> {
        let read = |what, millis: Option<f64>| duration_from_millis(what, millis.unwrap_or(0.0));
        Ok(Timing {
            start_delay: read("startDelayMs", self.start_delay_ms)?,
            is_immediate: self.immediate,
            count: self.count,
            missed_ticks: self.missed_ticks,
            jitter: read("jitterMs", self.jitter_ms)?,
            ..Timing::every(interval)
        })
    }

    /// The source and its arguments.
    fn sampled(
        &self,
        name: &EventName,
        args_bytes: Vec<Bytes>,
    ) -> Result<Option<(Arc<str>, Json)>> {
        match &self.source {
            None if self.args.is_some() => Err(invalid_argument(
                "`args` needs a `source`, and this job has none",
            )),
            None => Ok(None),
            Some(source) if self.payload.is_some() => Err(invalid_argument(format!(
                "a job takes a `payload` or a `source`, not both; this one also has the source {}",
                quoted(source)
            ))),
            Some(source) => {
                let args = read_json(name, self.args.clone(), args_bytes)?;
                Ok(Some((source.as_str().into(), args.shared())))
            }
        }
    }
}

#[tauri::command]
pub(super) async fn start_job(command: PageCommand, mut job: Entry) -> Result<Response> {
    let scope = command.scope(PERMISSION, Subject::Event);
    let name = command.noted_name(&job.value, "event");
    command
        .run_noted((TapAction::StartJob, name), |page| {
            let core = command.core();
            let flood = command.flood()?;
            flood.take_emit(job.payload_length() + job.args_length(), now())?;
            let (bytes, args_bytes) = job.take_bytes();
            let job: JobArguments = job.read("job")?;
            let when = job.when()?;
            let name = EventName::parse_emitted(&job.event)?;
            let to = job.to.as_ref().map(read_target).transpose()?;
            let mut to = to.map(Address::of).transpose()?;
            let component = job.component.as_deref().map(parse_component).transpose()?;
            let sampled = job.sampled(&name, args_bytes)?;
            let planned = PlannedJob {
                interval: when.paced,
                source: sampled.as_ref().map(|(source, _)| &**source),
            };
            // This check comes first: the entry that its error suggests also allows the event.
            let owner = match job.owner {
                Some(OwnerEntry::Host {}) => {
                    scope.check_starting_for_host(&name)?;
                    Endpoint::Host
                }
                None => command.endpoint(),
            };
            check_job(core, &scope, &name, to.as_mut(), planned)?;
            let is_local = is_local(core, &scope, &name, planned);
            let pace = scope.pace(&name, planned.source);
            let catalog = command.bus().catalog();
            let payload = match &sampled {
                Some((source, args)) => {
                    Payload::Sampled(command.bus().sampler(&name, source, args.clone())?)
                }
                None => Payload::Fixed(read_payload(catalog, &name, job.payload, bytes)?.shared()),
            };
            let default_failures = sampled.as_ref().map(|_| MAX_FAILURES);
            let plan = JobPlan {
                payload,
                sampled,
                timing: when.timing,
                once_at: when.once_at,
                only_while_listened: job.only_while_listened,
                max_failures: job.max_failures.or(default_failures),
                flood: Some(flood),
                page: Some(page),
                quota_owner: Some(command.label().into()),
                is_local,
                pace,
                to,
                id: job.id,
                replaces: job.replace,
                source: command.endpoint(),
                component,
                owner,
                ..JobPlan::new(name, when.paced)
            };
            let is_own = plan.owner != Endpoint::Host;
            let is_allowed = |event: &EventName| is_own || scope.allows_jobs_of_others(event);
            let jobs = &command.runtime().jobs;
            let started = jobs.start(plan, is_allowed)?;
            write(&jobs.info(&started))
        })
        .await
}

/// Checks that a page may run this job for this target, and restricts the target to the labels that its scope allows.
fn check_job(
    core: &Core,
    scope: &Scope,
    name: &EventName,
    to: Option<&mut Address>,
    job: PlannedJob<'_>,
) -> Result<()> {
    match to {
        Some(to) if !to.selection.everyone || !to.selection.nodes.is_empty() => {
            restrict_to_scope(core, scope, name, &mut to.selection, Some(job))
        }
        _ => {
            scope.check_emitting(name, Destination::Everyone, Some(job))?;
            Ok(())
        }
    }
}

/// Whether the ticks for everyone stay on this node.
fn is_local(core: &Core, scope: &Scope, name: &EventName, job: PlannedJob<'_>) -> bool {
    !core.is_linked() || !scope.allows_link(name, Some(job))
}

fn describe(endpoint: &Endpoint) -> String {
    match endpoint.label() {
        Some(label) => format!("the page in {}", quoted(label)),
        None => "the host".to_owned(),
    }
}

/// A job that a page names.
struct NamedJob {
    id: String,
    number: Option<u64>,
    owner: Option<Value>,
}

impl NamedJob {
    /// Finds it by its owner and id: one of the page, or one of others that its scope allows.
    fn find(&self, page: &Page, scope: &Scope) -> Result<Arc<RunningJob>> {
        let jobs = &page.runtime().jobs;
        let owner = self.owner.clone();
        let owner = owner
            .map(|owner| read::<EndpointEntry>("owner", owner))
            .transpose()?;
        let job = match owner.map(Endpoint::from) {
            Some(owner) if owner != page.endpoint() => {
                scope.check_jobs_of_others()?;
                let is_allowed = |event: &EventName| scope.allows_jobs_of_others(event);
                jobs.find_if(&owner, &self.id, is_allowed)
            }
            _ => {
                scope.check_own_jobs()?;
                jobs.find(&page.endpoint(), &self.id)
            }
        }?;
        // Another job may have the same id now.
        if self.number.is_some_and(|number| number != job.number) {
            return Err(unknown_job(&self.id));
        }
        Ok(job)
    }

    /// Changes it once, and tells taps if that is refused. `length`: of a payload, where this counts as an emit.
    async fn change(
        self,
        command: &PageCommand,
        (action, length): (TapAction, Option<usize>),
        change: impl FnOnce(&Scope, &Arc<RunningJob>) -> JsonResult,
    ) -> Result<Response> {
        let scope = command.scope(PERMISSION, Subject::Event);
        command
            .run_once(|_| {
                let admitted =
                    length.map_or(Ok(()), |length| command.flood()?.take_emit(length, now()));
                let found = admitted.and_then(|()| self.find(command, &scope));
                let name = found.as_ref().map(|job| job.name.clone()).ok();
                let result = found.and_then(|job| change(&scope, &job));
                if let Err(error) = &result {
                    let name = name.as_ref().map_or("", EventName::as_str);
                    let (source, id) = (command.endpoint(), Some(&*self.id));
                    command
                        .core()
                        .note_refusal(action, name, &source, id, error);
                }
                result
            })
            .await
    }
}

#[tauri::command]
pub(super) async fn stop_job(
    command: PageCommand,
    id: String,
    number: Option<u64>,
    owner: Option<Value>,
) -> Result<Response> {
    let job = NamedJob { id, number, owner };
    job.change(&command, (TapAction::StopJob, None), |_, job| {
        command.runtime().jobs.stop(job)?;
        Ok(Value::Null.to_string().into())
    })
    .await
}

#[tauri::command]
pub(super) async fn pause_job(
    command: PageCommand,
    id: String,
    number: Option<u64>,
    owner: Option<Value>,
) -> Result<Response> {
    let job = NamedJob { id, number, owner };
    job.change(&command, (TapAction::PauseJob, None), |_, job| {
        let jobs = &command.runtime().jobs;
        jobs.pause(job)?;
        write(&jobs.info(job))
    })
    .await
}

#[tauri::command]
pub(super) async fn resume_job(
    command: PageCommand,
    id: String,
    number: Option<u64>,
    owner: Option<Value>,
) -> Result<Response> {
    let job = NamedJob { id, number, owner };
    job.change(&command, (TapAction::ResumeJob, None), |_, job| {
        let jobs = &command.runtime().jobs;
        jobs.resume(job)?;
        write(&jobs.info(job))
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JobChangesEntry {
    every_ms: Option<f64>,
    payload: Option<String>,
    to: Option<Value>,
}

#[tauri::command]
pub(super) async fn update_job(
    command: PageCommand,
    id: Argument<String>,
    number: Argument<Option<u64>>,
    owner: Argument<Option<Value>>,
    mut changes: Entry,
) -> Result<Response> {
    let job = NamedJob {
        id: id.0,
        number: number.0,
        owner: owner.0,
    };
    let length = Some(changes.payload_length());
    job.change(&command, (TapAction::UpdateJob, length), |scope, job| {
        let (bytes, _) = changes.take_bytes();
        let changes: JobChangesEntry = changes.read("changes of a job")?;
        // The events of a job name its page as their source. So no other page may change their payload.
        if (changes.payload.is_some() || changes.to.is_some()) && job.source != command.endpoint() {
            return Err(Error::new(
                ErrorCode::Denied,
                format!(
                    "the job {} was started by {}; this page may pause and stop it and change its interval, but not its payload or target",
                    quoted(&job.id),
                    describe(&job.source)
                ),
            ));
        }
        let every = changes.every_ms.map(interval_from_millis).transpose()?;
        let (interval, mut to) = job.interval_and_target(every);
        if let Some(target) = &changes.to {
            to = Some(Address::of(read_target(target)?)?);
        }
        // What stays must be allowed, too: a job of others may do what this page may not.
        let planned = PlannedJob {
            interval,
            source: job.sampled.as_ref().map(|(source, _)| &**source),
        };
        check_job(command.core(), scope, &job.name, to.as_mut(), planned)?;
        // A job that another page started stays within the limits of that page.
        let is_own = job.quota_owner.as_deref() == Some(command.label());
        let payload = changes
            .payload
            .map(|text| read_payload(command.bus().catalog(), &job.name, Some(text), bytes));
        let update = JobUpdate {
            interval: every,
            payload: payload.transpose()?.map(Json::shared),
            to: changes.to.is_some().then_some(to),
            pace: is_own.then(|| scope.pace(&job.name, planned.source)),
            is_local: is_own.then(|| is_local(command.core(), scope, &job.name, planned)),
        };
        let jobs = &command.runtime().jobs;
        jobs.update(job, update)?;
        write(&jobs.info(job))
    })
    .await
}

#[tauri::command]
pub(super) async fn list_jobs(page: Page) -> Result<Response> {
    let scope = page.scope(PERMISSION, Subject::Event);
    scope.check_own_jobs()?;
    let is_allowed = |event: &EventName| scope.allows_jobs_of_others(event);
    let jobs = page.runtime().jobs.list(&page.endpoint(), is_allowed);
    write(&jobs).map(|json| page.reply(json))
}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(job: Value) -> Result<()> {
    let mut job = Entry::of(job)?;
    let (bytes, args_bytes) = job.take_bytes();
    let job: JobArguments = job.read("job")?;
    let name = EventName::parse_emitted(&job.event)?;
    read_json(&name, job.payload.clone(), bytes)?;
    job.when()?;
    job.sampled(&name, args_bytes)?;
    job.component.as_deref().map(parse_component).transpose()?;
    job.to.as_ref().map(read_target).transpose()?;
    Ok(())
}
