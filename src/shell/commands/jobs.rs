//! Periodic events of pages.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tauri::ipc::{Request, Response};
use tauri::{Runtime, Webview};

use crate::engine::Engine;
use crate::hub::Address;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::name::EventName;
use crate::periodic::job::JobOwner;
use crate::periodic::job::{Change, Job, JobPlan, MOST_FAILURES, Payload};
use crate::periodic::jobs::{Jobs, unknown_job};
use crate::periodic::schedule::MissedTicks;
use crate::periodic::schedule::{
    Timing, duration_from_millis, interval_from_millis, invalid_interval,
};
use crate::permissions::{Recipients, Scope, Ticks};
use crate::sync::now;

use super::arguments::{
    args_length, invalid_argument, payload_length, read, read_json, read_payload, read_target,
    write,
};
use super::call::{Call, in_order};
use super::emit::confine;
use super::{Bus, Entries, scope_of, source_of};

const PERIODIC: &str = "event-bus:periodic";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JobArguments {
    event: String,
    every_ms: Option<f64>,
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
    missed_ticks: MissedTicks,
    #[serde(default)]
    only_while_listened: bool,
    max_failures: Option<u64>,
    source: Option<String>,
    args: Option<String>,
    #[serde(default)]
    owner: OwnerKind,
}

/// With whom a job of a page ends.
#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum OwnerKind {
    #[default]
    Window,
    App,
}

impl JobArguments {
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

    fn sampled(&self, name: &EventName) -> Result<Option<(Arc<str>, Arc<str>)>> {
        match &self.source {
            None if self.args.is_some() => Err(invalid_argument(
                "there are arguments and no source; they are for one",
            )),
            None => Ok(None),
            Some(_) if self.payload.is_some() => Err(invalid_argument(
                "there are a payload and a source; a job has one of them",
            )),
            Some(source) => {
                let args = read_json(name, self.args.clone())?;
                Ok(Some((source.as_str().into(), args.into())))
            }
        }
    }
}

#[tauri::command]
pub(super) async fn start_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    job: Value,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of(PERIODIC, &entries);
    let call = Call {
        name: "start_periodic",
        request,
        session,
        n,
    };
    let owner = owner_of(&webview);
    in_order(engine, &webview, &call, |page| {
        let flood = engine.hub().flood(webview.label())?;
        flood.take_emit(payload_length(&job) + args_length(&job), now())?;
        let job: JobArguments = read(job)?;
        let every_ms = job.every_ms.ok_or_else(|| invalid_interval("missing"))?;
        let interval = interval_from_millis(every_ms)?;
        let name = EventName::parse_emitted(&job.event)?;
        let to = job.to.as_ref().map(read_target).transpose()?;
        let mut to = to.map(Address::of).transpose()?;
        let sampled = job.sampled(&name)?;
        let ticks = Ticks {
            interval,
            source: sampled.as_ref().map(|(source, _)| &**source),
        };
        // What is said first names an entry that allows the event as well.
        let owner = if job.owner == OwnerKind::App {
            scope.check_starting_for_app(&name)?;
            JobOwner::Host
        } else {
            owner
        };
        let shortest_interval = check_timing(engine, &scope, &name, to.as_mut(), ticks)?;
        let timing = job.timing(interval)?;
        let payload = match &sampled {
            Some((source, args)) => Payload::Made(bus.sample(&name, source, Arc::clone(args))?),
            None => Payload::Fixed(read_payload(bus.catalog(), &name, job.payload)?.into()),
        };
        let default_failures = sampled.as_ref().map(|_| MOST_FAILURES);
        let plan = JobPlan {
            payload,
            sampled,
            timing,
            only_while_listened: job.only_while_listened,
            max_failures: job.max_failures.or(default_failures),
            flood: Some(flood),
            page: Some(page),
            charged: Some(webview.label().into()),
            shortest_interval,
            to,
            id: job.id,
            replaces: job.replace,
            source: source_of(&webview),
            owner,
            ..JobPlan::new(name, interval)
        };
        let is_own = plan.owner != JobOwner::Host;
        let is_reached = |event: &EventName| is_own || scope.reaches_jobs_of_others(event);
        let started = Jobs::start(engine, plan, is_reached)?;
        write(&engine.jobs.info(&started))
    })
    .await
}

/// Checks that a page may time this event so, for this target, and confines the target to those whom it may reach. Gives
/// the interval that its jobs with this event are to keep together.
fn check_timing(
    engine: &Engine,
    scope: &Scope,
    name: &EventName,
    to: Option<&mut Address>,
    ticks: Ticks<'_>,
) -> Result<Option<Duration>> {
    match to {
        Some(to) if !to.selection.everyone => {
            confine(engine, scope, name, &mut to.selection, Some(ticks))?;
            let places = engine.hub().places();
            let recipients = Recipients::Selected(&to.selection, &places);
            Ok(scope.minimum_interval(name, recipients, ticks.source))
        }
        _ => {
            scope.check_emitting(name, Recipients::Everyone, Some(ticks))?;
            Ok(scope.minimum_interval(name, Recipients::Everyone, ticks.source))
        }
    }
}

#[tauri::command]
#[allow(
    clippy::too_many_arguments,
    reason = "Tauri hands in what a command takes one by one"
)]
pub(super) async fn stop_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    id: String,
    number: Option<u64>,
    owner: Option<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of(PERIODIC, &entries);
    let call = Call {
        name: "stop_periodic",
        request,
        session,
        n,
    };
    let own = owner_of(&webview);
    in_order(engine, &webview, &call, |_| {
        let job = find_job(engine, &scope, &own, owner, (&id, number))?;
        engine.jobs.stop(engine, &job)?;
        Ok(Value::Null.to_string())
    })
    .await
}

/// A job that a page names: its own, or one of others that its scope reaches.
fn find_job(
    engine: &Engine,
    scope: &Scope,
    own: &JobOwner,
    owner: Option<Value>,
    (id, number): (&str, Option<u64>),
) -> Result<Arc<Job>> {
    let owner = owner.map(read::<OwnerArgument>).transpose()?;
    let job = match owner.map(JobOwner::from) {
        Some(owner) if owner != *own => {
            scope.check_jobs_of_others()?;
            let is_reached = |event: &EventName| scope.reaches_jobs_of_others(event);
            engine.jobs.find_if(&owner, id, is_reached)
        }
        _ => {
            scope.check_own_jobs()?;
            engine.jobs.find(own, id)
        }
    }?;
    // Another one may have taken its id since.
    if number.is_some_and(|number| number != job.number) {
        return Err(unknown_job(id));
    }
    Ok(job)
}

#[tauri::command]
#[allow(
    clippy::too_many_arguments,
    reason = "Tauri hands in what a command takes one by one"
)]
pub(super) async fn pause_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    id: String,
    number: Option<u64>,
    owner: Option<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of(PERIODIC, &entries);
    let call = Call {
        name: "pause_periodic",
        request,
        session,
        n,
    };
    let own = owner_of(&webview);
    in_order(engine, &webview, &call, |_| {
        let job = find_job(engine, &scope, &own, owner, (&id, number))?;
        engine.jobs.pause(&job)?;
        write(&engine.jobs.info(&job))
    })
    .await
}

#[tauri::command]
#[allow(
    clippy::too_many_arguments,
    reason = "Tauri hands in what a command takes one by one"
)]
pub(super) async fn resume_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    id: String,
    number: Option<u64>,
    owner: Option<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of(PERIODIC, &entries);
    let call = Call {
        name: "resume_periodic",
        request,
        session,
        n,
    };
    let own = owner_of(&webview);
    in_order(engine, &webview, &call, |_| {
        let job = find_job(engine, &scope, &own, owner, (&id, number))?;
        engine.jobs.resume(&job)?;
        write(&engine.jobs.info(&job))
    })
    .await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangeArguments {
    every_ms: Option<f64>,
    payload: Option<String>,
    to: Option<Value>,
}

#[tauri::command]
#[allow(
    clippy::too_many_arguments,
    reason = "Tauri hands in what a command takes one by one"
)]
pub(super) async fn update_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    id: String,
    number: Option<u64>,
    owner: Option<Value>,
    changes: Value,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of(PERIODIC, &entries);
    let call = Call {
        name: "update_periodic",
        request,
        session,
        n,
    };
    let own = owner_of(&webview);
    in_order(engine, &webview, &call, |_| {
        let flood = engine.hub().flood(webview.label())?;
        flood.take_emit(payload_length(&changes), now())?;
        let job = find_job(engine, &scope, &own, owner, (&id, number))?;
        let changes: ChangeArguments = read(changes)?;
        // Its events say whose they are, and nobody else is to say what they say.
        if (changes.payload.is_some() || changes.to.is_some()) && job.source != source_of(&webview)
        {
            return Err(Error::new(
                ErrorCode::Denied,
                format!(
                    "the job {} was not started by this page, which can pause, stop and slow it, and not change its payload or target",
                    quoted(&job.id)
                ),
            ));
        }
        let (interval, mut to) = job.reach();
        let every = changes.every_ms.map(interval_from_millis).transpose()?;
        if let Some(target) = &changes.to {
            to = Some(Address::of(read_target(target)?)?);
        }
        // What is not changed must be allowed, too: a job of others may do what this page may not.
        let ticks = Ticks {
            interval: every.unwrap_or(interval),
            source: job.sampled.as_ref().map(|(source, _)| &**source),
        };
        let shortest = check_timing(engine, &scope, &job.name, to.as_mut(), ticks)?;
        // What another page has started keeps to what that one may do.
        let is_own = job.charged.as_deref() == Some(webview.label());
        let payload = changes
            .payload
            .map(|text| read_payload(bus.catalog(), &job.name, Some(text)));
        let change = Change {
            interval: every,
            payload: payload.transpose()?.map(Into::into),
            to: changes.to.is_some().then_some(to),
            shortest_interval: is_own.then_some(shortest),
        };
        engine.jobs.update(engine, &job, change)?;
        write(&engine.jobs.info(&job))
    })
    .await
}

/// Whose job it is, as a job says it.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum OwnerArgument {
    Host {},
    Webview { label: Box<str> },
}

impl From<OwnerArgument> for JobOwner {
    fn from(owner: OwnerArgument) -> Self {
        match owner {
            OwnerArgument::Host {} => Self::Host,
            OwnerArgument::Webview { label } => Self::Webview(label.into()),
        }
    }
}

#[tauri::command]
pub(super) async fn list_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    entries: Entries,
) -> Result<Response> {
    let scope = scope_of(PERIODIC, &entries);
    scope.check_own_jobs()?;
    let is_reached = |event: &EventName| scope.reaches_jobs_of_others(event);
    let jobs = bus.engine().jobs.list(&owner_of(&webview), is_reached);
    write(&jobs).map(Response::new)
}

fn owner_of<R: Runtime>(webview: &Webview<R>) -> JobOwner {
    JobOwner::Webview(webview.label().into())
}

#[cfg(fuzzing)]
pub(super) fn read_job(job: Value) -> Result<()> {
    let job: JobArguments = read(job)?;
    let name = EventName::parse_emitted(&job.event)?;
    read_json(&name, job.payload.clone())?;
    let every_ms = job.every_ms.ok_or_else(|| invalid_interval("missing"))?;
    let interval = interval_from_millis(every_ms)?;
    job.timing(interval)?;
    job.sampled(&name)?;
    job.to.as_ref().map(read_target).transpose()?;
    Ok(())
}
