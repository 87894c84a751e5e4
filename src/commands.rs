//! The doors for pages: each reads its arguments, and hands them on.

use std::sync::Arc;
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::ipc::{CommandScope, Invoke, Request, Response};
use tauri::{EventTarget, Runtime, State, Webview};
use tokio::sync::oneshot;

use crate::bus::EventBus;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{Error, ErrorCode, Result, escaped, quoted};
use crate::event::{Receipt, Source};
use crate::flood::Flood;
use crate::hub::order::{Answer, Turn};
use crate::hub::session::SessionId;
use crate::hub::subscriptions::SubscriberKey;
use crate::hub::{Address, Audience, Command, Draft, Resumption, SubscriptionRequest};
use crate::name::EventName;
use crate::page::pull::{PULL, accept_pull};
use crate::page::reply::Reply;
use crate::pattern::EventPattern;
use crate::periodic::JobOwner;
use crate::periodic::MissedTicks;
use crate::periodic::job::{Change, Job, JobPlan, MOST_FAILURES, Payload};
use crate::periodic::jobs::Jobs;
use crate::periodic::schedule::{
    Timing, duration_from_millis, interval_from_millis, invalid_interval,
};
use crate::scope::{Recipients, Scope, ScopeEntry};
use crate::sync::now;
use crate::target::{Selection, Target};

/// The handler of every command. A pull keeps its resolver; the others are answered when they return.
pub(crate) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    let handle: Box<dyn Fn(Invoke<R>) -> bool + Send + Sync> = Box::new(tauri::generate_handler![
        emit,
        emit_to,
        subscribe,
        unsubscribe,
        start_periodic,
        stop_periodic,
        pause_periodic,
        resume_periodic,
        update_periodic,
        list_periodic,
        catalog,
    ]);
    move |invoke| {
        if invoke.message.command() == PULL {
            accept_pull(invoke);
            return true;
        }
        handle(invoke)
    }
}

type Bus<'a> = State<'a, EventBus>;

/// The entries that count for the command, the window and the address of the request, as Tauri has resolved them.
type Entries = CommandScope<ScopeEntry>;

fn scope_of(permission: &'static str, entries: &Entries) -> Scope {
    let scope = Scope::new(permission, entries.allows(), entries.denies());
    for fault in scope.unreported_faults() {
        log::warn!("a capability has a malformed entry: {fault}");
    }
    scope
}

#[tauri::command]
async fn emit<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    events: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of("event-bus:allow-emit", &entries);
    let call = Call {
        name: "emit",
        request,
        session,
        n,
    };
    let source = source_of(&webview);
    in_order(engine, &webview, &call, |_| {
        let flood = engine.hub().flood(webview.label())?;
        answer_each(&flood, events, |entry: EmitEntry| {
            if entry.to.is_some() {
                return Err(invalid_argument(
                    "an event with a target goes through emit_to",
                ));
            }
            let name = EventName::parse(&entry.event)?;
            scope.check_emitting(&name, Recipients::Everyone, None)?;
            engine.give_way();
            entry.emit(&bus, name, &source, &Audience::default())
        })
    })
    .await
}

#[tauri::command]
async fn emit_to<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    events: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = scope_of("event-bus:allow-emit-to", &entries);
    let call = Call {
        name: "emit_to",
        request,
        session,
        n,
    };
    let source = source_of(&webview);
    in_order(engine, &webview, &call, |_| {
        let flood = engine.hub().flood(webview.label())?;
        answer_each(&flood, events, |entry: EmitEntry| {
            let Some(to) = &entry.to else {
                return Err(invalid_argument(
                    "emit_to needs a target; without one it is emit",
                ));
            };
            let mut to = Address::of(read_target(to)?)?;
            if to.selection.everyone {
                return Err(invalid_argument("an event for everyone goes through emit"));
            }
            let name = EventName::parse(&entry.event)?;
            confine(engine, &scope, &name, &mut to.selection, None)?;
            let audience = Audience {
                to: Some(to),
                except: None,
            };
            engine.give_way();
            entry.emit(&bus, name, &source, &audience)
        })
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmitEntry {
    event: String,
    payload: Option<String>,
    to: Option<Value>,
    retain: Option<bool>,
}

impl EmitEntry {
    fn emit(
        self,
        bus: &EventBus,
        name: EventName,
        source: &Source,
        audience: &Audience,
    ) -> Result<Receipt> {
        let draft = Draft {
            payload: read_payload(bus.catalog(), &name, self.payload)?.into(),
            name,
            source: source.clone(),
            tick: None,
            retain: self.retain,
        };
        bus.engine().emit(draft, audience)
    }
}

/// Checks that a page may send this to its target, and confines the target to those whom it may reach.
fn confine(
    engine: &Engine,
    scope: &Scope,
    name: &EventName,
    to: &mut Selection,
    interval: Option<Duration>,
) -> Result<()> {
    if scope.is_unlimited() {
        return Ok(());
    }
    engine.meet(to);
    let places = engine.hub().places();
    let recipients = Recipients::Selected(to, &places);
    to.within = scope.check_emitting(name, recipients, interval)?;
    Ok(())
}

#[tauri::command]
async fn subscribe<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    subscriptions: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let scope = Arc::new(scope_of("event-bus:listen", &entries));
    let call = Call {
        name: "subscribe",
        request,
        session,
        n,
    };
    in_order(engine, &webview, &call, |page| {
        check_entries("subscriptions", subscriptions.len())?;
        let flood = engine.hub().flood(webview.label())?;
        let began = now();
        let requests: Vec<Result<SubscriptionRequest>> = subscriptions
            .into_iter()
            .map(|entry| {
                flood.take_subscribe(began)?;
                read::<SubscribeEntry>(entry)?.request(&scope, bus.catalog())
            })
            .collect();
        let mut refusals = Vec::new();
        let mut accepted = Vec::new();
        for request in requests {
            match request {
                Ok(request) => {
                    accepted.push(request);
                    refusals.push(None);
                }
                Err(error) => refusals.push(Some(error)),
            }
        }
        let mut answers = engine.subscribe(page, accepted, began).into_iter();
        let entries: Vec<EntryAnswer<Subscribed>> = refusals
            .into_iter()
            .filter_map(|refusal| match refusal {
                Some(error) => Some(Err(error)),
                None => answers.next(),
            })
            .map(|answer| EntryAnswer::of(answer.map(|seq| Subscribed { seq })))
            .collect();
        write(&entries)
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscribeEntry {
    id: u32,
    event: String,
    target: Option<Value>,
    replay: Option<bool>,
    retained: Option<bool>,
    resume: Option<ResumeArguments>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResumeArguments {
    session: String,
    after: u64,
    handled: u64,
}

impl SubscribeEntry {
    fn request(self, scope: &Arc<Scope>, catalog: &Catalog) -> Result<SubscriptionRequest> {
        let pattern = EventPattern::parse(&self.event)?;
        let scope = scope.check_listening(&pattern)?;
        if let Some(name) = pattern.exact() {
            catalog.check_name(name)?;
        }
        Ok(SubscriptionRequest {
            id: self.id,
            scope,
            pattern,
            target: self
                .target
                .map(|target| read_target(&target)?.select())
                .transpose()?,
            wants_replayed: self.replay.unwrap_or(true),
            wants_retained: self.retained.unwrap_or(true),
            resume: self
                .resume
                .map(|resume| {
                    Ok(Resumption {
                        session: SessionId::parse(&resume.session)?,
                        after: resume.after,
                        handled: resume.handled,
                    })
                })
                .transpose()?,
        })
    }
}

#[derive(Serialize)]
struct Subscribed {
    seq: u64,
}

#[tauri::command]
async fn unsubscribe<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    session: String,
    n: u64,
    ids: Vec<u32>,
) -> Result<Response> {
    let engine = bus.engine();
    let call = Call {
        name: "unsubscribe",
        request,
        session,
        n,
    };
    in_order(engine, &webview, &call, |page| {
        check_entries("ids", ids.len())?;
        engine.unsubscribe(page, &ids);
        Ok(Value::Null.to_string())
    })
    .await
}

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
async fn start_periodic<R: Runtime>(
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
    in_order(engine, &webview, &call, |_| {
        let flood = engine.hub().flood(webview.label())?;
        flood.take_emit(payload_length(&job) + args_length(&job), now())?;
        let job: JobArguments = read(job)?;
        let every_ms = job.every_ms.ok_or_else(|| invalid_interval("missing"))?;
        let interval = interval_from_millis(every_ms)?;
        let name = EventName::parse(&job.event)?;
        let to = job.to.as_ref().map(read_target).transpose()?;
        let mut to = to.map(Address::of).transpose()?;
        check_timing(engine, &scope, &name, to.as_mut(), interval)?;
        let owner = if job.owner == OwnerKind::App {
            scope.check_jobs_of_others()?;
            if !scope.reaches_jobs_of_others(&name) {
                return Err(Error::new(
                    ErrorCode::Denied,
                    format!(
                        "the page in this window may not start {} for the app: no entry with \"owner\": \"any\" matches it",
                        quoted(name.as_str())
                    ),
                ));
            }
            JobOwner::Host
        } else {
            owner
        };
        let timing = job.timing(interval)?;
        let sampled = job.sampled(&name)?;
        let payload = match &sampled {
            Some((source, args)) => Payload::Made(engine.jobs.maker(source, Arc::clone(args))?),
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
            charged: Some(webview.label().into()),
            to,
            id: job.id,
            replaces: job.replace,
            source: source_of(&webview),
            owner,
            ..JobPlan::new(name, interval)
        };
        let started = Jobs::start(engine, plan)?;
        write(&engine.jobs.info(&started))
    })
    .await
}

/// Checks that a page may time this event so, for this target, and confines the target to those whom it may reach.
fn check_timing(
    engine: &Engine,
    scope: &Scope,
    name: &EventName,
    to: Option<&mut Address>,
    interval: Duration,
) -> Result<()> {
    match to {
        Some(to) if !to.selection.everyone => {
            confine(engine, scope, name, &mut to.selection, Some(interval))
        }
        _ => scope
            .check_emitting(name, Recipients::Everyone, Some(interval))
            .map(|_| ()),
    }
}

#[tauri::command]
#[allow(
    clippy::too_many_arguments,
    reason = "Tauri hands in what a command takes one by one"
)]
async fn stop_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    id: String,
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
        let job = find_job(engine, &scope, &own, owner, &id)?;
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
    id: &str,
) -> Result<Arc<Job>> {
    let owner = owner.map(read::<OwnerArgument>).transpose()?;
    match owner.map(JobOwner::from) {
        Some(owner) if owner != *own => {
            scope.check_jobs_of_others()?;
            let is_reached = |event: &EventName| scope.reaches_jobs_of_others(event);
            engine.jobs.find_if(&owner, id, is_reached)
        }
        _ => {
            scope.check_own_jobs()?;
            engine.jobs.find(own, id)
        }
    }
}

#[tauri::command]
#[allow(
    clippy::too_many_arguments,
    reason = "Tauri hands in what a command takes one by one"
)]
async fn pause_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    id: String,
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
        let job = find_job(engine, &scope, &own, owner, &id)?;
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
async fn resume_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    id: String,
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
        let job = find_job(engine, &scope, &own, owner, &id)?;
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
async fn update_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    entries: Entries,
    session: String,
    n: u64,
    id: String,
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
        let job = find_job(engine, &scope, &own, owner, &id)?;
        let changes: ChangeArguments = read(changes)?;
        let (interval, mut to) = job.reach();
        let every = changes.every_ms.map(interval_from_millis).transpose()?;
        if let Some(target) = &changes.to {
            to = Some(Address::of(read_target(target)?)?);
        }
        // What is not changed must be allowed, too: a job of others may do what this page may not.
        let interval = every.unwrap_or(interval);
        check_timing(engine, &scope, &job.name, to.as_mut(), interval)?;
        let payload = changes
            .payload
            .map(|text| read_payload(bus.catalog(), &job.name, Some(text)));
        let change = Change {
            interval: every,
            payload: payload.transpose()?.map(Into::into),
            to: changes.to.is_some().then_some(to),
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
async fn list_periodic<R: Runtime>(
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

#[tauri::command]
async fn catalog(bus: Bus<'_>) -> Result<Response> {
    write(bus.catalog()).map(Response::new)
}

/// What every command that changes state carries.
struct Call<'a> {
    name: &'static str,
    request: Request<'a>,
    session: String,
    n: u64,
}

impl Call<'_> {
    fn read(&self) -> Result<Command> {
        // Tauri, too, takes the address of a request from this header. It is absent where the IPC fell back to postMessage.
        let origin = self.request.headers().get("Origin");
        Ok(Command {
            name: self.name,
            session: SessionId::parse(&self.session)?,
            n: self.n,
            origin: origin.and_then(|origin| Some(origin.to_str().ok()?.to_owned())),
        })
    }
}

/// Runs a command of a session in its turn, and once, however often it arrives.
async fn in_order<R: Runtime>(
    engine: &Engine,
    webview: &Webview<R>,
    call: &Call<'_>,
    run: impl FnOnce(SubscriberKey) -> Answer,
) -> Result<Response> {
    let command = call.read()?;
    let (sender, receiver) = oneshot::channel();
    let reply = Reply::new(move |answer| {
        // A command whose page is gone is not waited for any more.
        let _ = answer.map(|answer| sender.send(answer));
    });
    let (turn, page) = engine.begin_command(webview.label(), command, reply);
    let answer = match (turn, page) {
        (Turn::Run(_), Some(page)) => {
            let unfinished = Unfinished { engine, page };
            let answer = run(page);
            unfinished.finish(&answer);
            answer
        }
        (Turn::Repeat(_, answer), _) => answer,
        (Turn::Refuse(_, error), _) => Err(error),
        (Turn::Wait | Turn::Run(_), _) => receiver.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorCode::StaleSession,
                "this session has ended",
            ))
        }),
    };
    answer.map(Response::new)
}

/// A command that runs. If it panics it is finished all the same, so that the page's next one can run.
struct Unfinished<'a> {
    engine: &'a Engine,
    page: SubscriberKey,
}

impl Unfinished<'_> {
    fn finish(self, answer: &Answer) {
        self.engine.finish_command(self.page, answer);
        std::mem::forget(self);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let error = Error::new(
            ErrorCode::Unavailable,
            "the command panicked; see the app's log",
        );
        self.engine.finish_command(self.page, &Err(error));
    }
}

/// The most entries of one command. The guest sends longer batches as several commands.
const MOST_ENTRIES: usize = 1024;

fn check_entries(what: &str, count: usize) -> Result<()> {
    if count <= MOST_ENTRIES {
        return Ok(());
    }
    Err(invalid_argument(format!(
        "{count} {what} came in one command; send at most {MOST_ENTRIES} at a time"
    )))
}

/// Answers a batch with one result for each entry; a refused one does not touch the others.
fn answer_each<T: DeserializeOwned, A: Serialize>(
    flood: &Flood,
    entries: Vec<Value>,
    mut act: impl FnMut(T) -> Result<A>,
) -> Answer {
    check_entries("events", entries.len())?;
    let answers: Vec<EntryAnswer<A>> = entries
        .into_iter()
        .map(|entry| {
            let taken = flood.take_emit(payload_length(&entry), now());
            EntryAnswer::of(taken.and_then(|()| read(entry)).and_then(&mut act))
        })
        .collect();
    write(&answers)
}

/// How long the payload of an entry is that has not been read yet.
fn payload_length(entry: &Value) -> usize {
    entry["payload"].as_str().map_or(0, str::len)
}

/// How long the arguments for a job's source are.
fn args_length(job: &Value) -> usize {
    job["args"].as_str().map_or(0, str::len)
}

#[derive(Serialize)]
#[serde(untagged)]
enum EntryAnswer<A> {
    Done(A),
    Refused { error: Error },
}

impl<A> EntryAnswer<A> {
    fn of(answer: Result<A>) -> Self {
        match answer {
            Ok(done) => Self::Done(done),
            Err(error) => Self::Refused { error },
        }
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| invalid_argument(escaped(&error)))
}

fn write(value: &impl Serialize) -> Answer {
    serde_json::to_string(value).map_err(|error| invalid_argument(error.to_string()))
}

/// Checks that a page's payload is JSON, without rebuilding it.
pub(crate) fn read_json(name: &EventName, payload: Option<String>) -> Result<String> {
    let Some(payload) = payload else {
        return Ok(Value::Null.to_string());
    };
    serde_json::from_str::<IgnoredAny>(&payload).map_err(|error| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the payload of {:?} is not JSON: {error}", name.as_str()),
        )
    })?;
    Ok(payload)
}

/// Checks that a page's payload is JSON, and has the shape of its event if that is a typed one.
fn read_payload(catalog: &Catalog, name: &EventName, payload: Option<String>) -> Result<String> {
    catalog.check_name(name)?;
    let payload = read_json(name, payload)?;
    catalog.check_payload(name, &payload)?;
    Ok(payload)
}

/// Reads a target as TypeScript writes it: a label or glob, a list of targets, or Tauri's `EventTarget`.
pub(crate) fn read_target(target: &Value) -> Result<Target> {
    match target {
        Value::String(label) => Ok(label.into()),
        Value::Array(targets) => {
            let targets: Vec<Target> = targets.iter().map(read_target).collect::<Result<_>>()?;
            Ok(Target::join(targets))
        }
        other => EventTarget::deserialize(other).map(Target::from).map_err(|error| {
            invalid_argument(format!(
                "the target {} is none; it is a label, a list of labels or an EventTarget of Tauri: {}",
                quoted(&other.to_string()),
                escaped(&error)
            ))
        }),
    }
}

fn source_of<R: Runtime>(webview: &Webview<R>) -> Source {
    Source::Webview(webview.label().into())
}

fn owner_of<R: Runtime>(webview: &Webview<R>) -> JobOwner {
    JobOwner::Webview(webview.label().into())
}

fn invalid_argument(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

/// Reads an entry of one of the commands as far as it goes without a bus, for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) fn read_arguments(kind: u8, entry: Value) -> Result<()> {
    let _ = payload_length(&entry);
    match kind % 3 {
        0 => {
            let entry: EmitEntry = read(entry)?;
            let name = EventName::parse(&entry.event)?;
            read_json(&name, entry.payload)?;
            entry.to.as_ref().map(read_target).transpose()?;
        }
        1 => {
            read::<SubscribeEntry>(entry)?
                .request(&std::sync::Arc::default(), &Catalog::default())?;
        }
        _ => {
            let job: JobArguments = read(entry)?;
            let name = EventName::parse(&job.event)?;
            read_json(&name, job.payload.clone())?;
            let every_ms = job.every_ms.ok_or_else(|| invalid_interval("missing"))?;
            let interval = interval_from_millis(every_ms)?;
            job.timing(interval)?;
            job.sampled(&name)?;
            job.to.as_ref().map(read_target).transpose()?;
        }
    }
    Ok(())
}
