//! The doors for pages: each reads its arguments, and hands them on.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::ipc::{Invoke, Response};
use tauri::{EventTarget, Runtime, State, Webview};
use tokio::sync::oneshot;

use crate::bus::{EventBus, Receipt};
use crate::engine::Engine;
use crate::error::{Error, ErrorCode, Result};
use crate::event::Source;
use crate::hub::order::{Answer, Turn};
use crate::hub::session::SessionId;
use crate::hub::subscriptions::SubscriberKey;
use crate::hub::{Audience, Draft, SubscriptionRequest};
use crate::name::EventName;
use crate::page::pull::{PULL, accept_pull};
use crate::page::reply::Reply;
use crate::pattern::EventPattern;
use crate::periodic::JobOwner;
use crate::periodic::job::{JobPlan, Jobs, Payload};
use crate::periodic::schedule::{interval_from_millis, invalid_interval};
use crate::target::Target;

/// The handler of every command. A pull keeps its resolver; the others are answered when they return.
pub(crate) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    let handle: Box<dyn Fn(Invoke<R>) -> bool + Send + Sync> = Box::new(tauri::generate_handler![
        emit,
        emit_to,
        subscribe,
        unsubscribe,
        start_periodic,
        stop_periodic,
        list_periodic,
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

#[tauri::command]
async fn emit<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    session: String,
    n: u64,
    events: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let source = source_of(&webview);
    in_order(engine, &webview, &session, n, |_| {
        answer_each(events, |entry: EmitEntry| {
            if entry.to.is_some() {
                return Err(invalid_argument(
                    "an event with a target goes through emit_to",
                ));
            }
            entry.emit(engine, &source, &Audience::default())
        })
    })
    .await
}

#[tauri::command]
async fn emit_to<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    session: String,
    n: u64,
    events: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let source = source_of(&webview);
    in_order(engine, &webview, &session, n, |_| {
        answer_each(events, |entry: EmitEntry| {
            let Some(to) = &entry.to else {
                return Err(invalid_argument(
                    "emit_to needs a target; without one it is emit",
                ));
            };
            let audience = Audience {
                to: Some(read_target(to)?.select()?),
                except: None,
            };
            entry.emit(engine, &source, &audience)
        })
    })
    .await
}

#[derive(Deserialize)]
struct EmitEntry {
    event: String,
    payload: Option<String>,
    to: Option<Value>,
}

impl EmitEntry {
    fn emit(self, engine: &Engine, source: &Source, audience: &Audience) -> Result<Receipt> {
        let draft = Draft {
            payload: read_payload(&self.event, self.payload)?,
            name: EventName::parse(&self.event)?,
            source: source.clone(),
            tick: None,
        };
        engine.emit(draft, audience)
    }
}

#[tauri::command]
async fn subscribe<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    session: String,
    n: u64,
    subscriptions: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    in_order(engine, &webview, &session, n, |page| {
        answer_each(subscriptions, |entry: SubscribeEntry| {
            let request = SubscriptionRequest {
                id: entry.id,
                pattern: EventPattern::parse(&entry.event)?,
                target: entry
                    .target
                    .map(|target| read_target(&target)?.select())
                    .transpose()?,
            };
            let seq = engine.hub().subscribe(page, request)?;
            Ok(Subscribed { seq })
        })
    })
    .await
}

#[derive(Deserialize)]
struct SubscribeEntry {
    id: u32,
    event: String,
    target: Option<Value>,
}

#[derive(Serialize)]
struct Subscribed {
    seq: u64,
}

#[tauri::command]
async fn unsubscribe<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    session: String,
    n: u64,
    ids: Vec<u32>,
) -> Result<Response> {
    let engine = bus.engine();
    in_order(engine, &webview, &session, n, |page| {
        let outcome = engine.hub().unsubscribe(page, &ids);
        engine.settle(outcome);
        Ok(Value::Null.to_string())
    })
    .await
}

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
}

#[tauri::command]
async fn start_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    session: String,
    n: u64,
    job: Value,
) -> Result<Response> {
    let engine = bus.engine();
    let owner = owner_of(&webview);
    in_order(engine, &webview, &session, n, |_| {
        let job: JobArguments = read(job)?;
        let every_ms = job.every_ms.ok_or_else(|| invalid_interval("missing"))?;
        let plan = JobPlan {
            payload: Payload::Fixed(read_payload(&job.event, job.payload)?),
            name: EventName::parse(&job.event)?,
            interval: interval_from_millis(every_ms)?,
            is_immediate: job.immediate,
            count: job.count,
            to: job.to.as_ref().map(read_target).transpose()?,
            id: job.id,
            replaces: job.replace,
            owner,
        };
        let started = Jobs::start(engine, plan)?;
        write(&started.info())
    })
    .await
}

#[tauri::command]
async fn stop_periodic<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    session: String,
    n: u64,
    id: String,
) -> Result<Response> {
    let engine = bus.engine();
    let owner = owner_of(&webview);
    in_order(engine, &webview, &session, n, |_| {
        engine.jobs.stop(&owner, &id)?;
        Ok(Value::Null.to_string())
    })
    .await
}

#[tauri::command]
async fn list_periodic<R: Runtime>(webview: Webview<R>, bus: Bus<'_>) -> Result<Response> {
    write(&bus.engine().jobs.list(&owner_of(&webview))).map(Response::new)
}

/// Runs a command of a session in its turn, and once, however often it arrives.
async fn in_order<R: Runtime>(
    engine: &Engine,
    webview: &Webview<R>,
    session: &str,
    n: u64,
    run: impl FnOnce(SubscriberKey) -> Answer,
) -> Result<Response> {
    let id = SessionId::parse(session)?;
    let (sender, receiver) = oneshot::channel();
    let reply = Reply::new(move |answer| {
        // A command whose page is gone is not waited for any more.
        let _ = answer.map(|answer| sender.send(answer));
    });
    let window = webview.window_ref().label().to_owned();
    let (turn, page) = engine.begin_command(webview.label(), &window, id, n, reply);
    let answer = match (turn, page) {
        (Turn::Run(_), Some(page)) => {
            let answer = run(page);
            engine.finish_command(page, &answer);
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

/// Answers a batch with one result for each entry; a refused one does not touch the others.
fn answer_each<T: DeserializeOwned, A: Serialize>(
    entries: Vec<Value>,
    mut act: impl FnMut(T) -> Result<A>,
) -> Answer {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum EntryAnswer<A> {
        Done(A),
        Refused { error: Error },
    }
    let answers: Vec<EntryAnswer<A>> = entries
        .into_iter()
        .map(|entry| match read(entry).and_then(&mut act) {
            Ok(done) => EntryAnswer::Done(done),
            Err(error) => EntryAnswer::Refused { error },
        })
        .collect();
    write(&answers)
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| invalid_argument(error.to_string()))
}

fn write(value: &impl Serialize) -> Answer {
    serde_json::to_string(value).map_err(|error| invalid_argument(error.to_string()))
}

/// Checks that a page's payload is JSON, without rebuilding it.
fn read_payload(name: &str, payload: Option<String>) -> Result<String> {
    let Some(payload) = payload else {
        return Ok(Value::Null.to_string());
    };
    serde_json::from_str::<IgnoredAny>(&payload).map_err(|error| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the payload of {name:?} is not JSON: {error}"),
        )
    })?;
    Ok(payload)
}

/// Reads a target as TypeScript writes it: a label or glob, a list of targets, or Tauri's `EventTarget`.
fn read_target(target: &Value) -> Result<Target> {
    match target {
        Value::String(label) => Ok(label.into()),
        Value::Array(targets) => {
            let targets: Vec<Target> = targets.iter().map(read_target).collect::<Result<_>>()?;
            Ok(Target::join(targets))
        }
        other => EventTarget::deserialize(other).map(Target::from).map_err(|error| {
            invalid_argument(format!(
                "the target {other} is none; it is a label, a list of labels or an EventTarget of Tauri: {error}"
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
