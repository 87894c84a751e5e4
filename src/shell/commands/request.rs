//! Questions of pages, and their answers.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tauri::ipc::{CommandArg, CommandItem, Invoke, InvokeBody, InvokeMessage, Request, Response};
use tauri::{Manager, Runtime, Webview};

use crate::api::bus::EventBus;
use crate::api::request::{DEFAULT_TIMEOUT, check_timeout};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::engine::reply::Reply;
use crate::hub::Address;
use crate::hub::order::Answer;
use crate::hub::requests::{Ask, Asker, Question, RequestId, Respondent};
use crate::hub::session::SessionId;
use crate::hub::subscriptions::SubscriberKey;
use crate::model::error::{Error, ErrorCode, Failure, Result, escaped, quoted};
use crate::model::event::{Provenance, Source};
use crate::model::name::EventName;
use crate::permissions::Scope;
use crate::sync::{now, spawn};

use super::arguments::{
    EntryAnswer, check_entries, invalid_argument, read, read_json, read_target, write,
};
use super::call::{Call, in_order};
use super::emit::read_causes;
use super::{Bus, Entries, scope_of};

/// The name of the command that is answered by whoever was asked.
pub(super) const REQUEST: &str = "request";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestArguments {
    session: String,
    id: u64,
    event: String,
    payload: Option<String>,
    to: Value,
    timeout_ms: Option<f64>,
    #[serde(default)]
    causes: Vec<String>,
}

/// A question as its page has asked it, before anybody looks at whom it is for.
struct Asked {
    session: SessionId,
    number: u64,
    name: EventName,
    payload: Option<String>,
    to: Address,
    timeout: Duration,
    causes: Vec<String>,
}

impl RequestArguments {
    fn read(body: &InvokeBody) -> Result<Asked> {
        let InvokeBody::Json(json) = body else {
            return Err(invalid_argument("a question comes as JSON"));
        };
        let arguments = Self::deserialize(json).map_err(|error| {
            invalid_argument(format!(
                "a question has session, id, event and to, and may have payload, timeoutMs and causes: {}",
                escaped(&error)
            ))
        })?;
        let to = read_target(&arguments.to)?;
        Ok(Asked {
            session: SessionId::parse(&arguments.session)?,
            number: arguments.id,
            name: EventName::parse_emitted(&arguments.event)?,
            payload: arguments.payload,
            to: Address::of(to)?,
            timeout: read_timeout(arguments.timeout_ms)?,
            causes: arguments.causes,
        })
    }
}

fn read_timeout(millis: Option<f64>) -> Result<Duration> {
    let Some(millis) = millis else {
        return Ok(DEFAULT_TIMEOUT);
    };
    let timeout = Duration::try_from_secs_f64(millis / 1000.0).map_err(|_| {
        invalid_argument(format!(
            "timeoutMs is {millis}; it is at least 1 and at most 86400000"
        ))
    })?;
    check_timeout(timeout)
}

/// Takes a question as it comes from Tauri and keeps its resolver: no task waits for the answer, and on Apple's systems
/// a page that is gone is not answered.
pub(super) fn accept_request<R: Runtime>(invoke: Invoke<R>) {
    let Invoke {
        message,
        resolver,
        acl,
    } = invoke;
    let reply = Reply::to_resolver(message.webview_ref().app_handle().clone(), resolver);
    let item = CommandItem {
        plugin: Some("event-bus"),
        name: REQUEST,
        key: "entries",
        message: &message,
        acl: &acl,
    };
    let entries = Entries::from_command(item);
    // Tauri holds its plugins while this runs, and a payload may be long.
    spawn(async move {
        let scope = match &entries {
            Ok(entries) => scope_of("event-bus:allow-request", entries),
            Err(_) => Scope::default(),
        };
        begin(&message, &scope, reply);
    });
}

fn begin<R: Runtime>(message: &InvokeMessage<R>, scope: &Scope, reply: Reply) {
    let webview = message.webview_ref();
    let Some(bus) = webview.try_state::<EventBus>() else {
        let error = Error::new(ErrorCode::Unavailable, "the event bus has not started");
        return reply.answer(Err(error));
    };
    let mut asked = match RequestArguments::read(message.payload()) {
        Ok(asked) => asked,
        Err(error) => return reply.answer(Err(error)),
    };
    let origin = message.headers().get("Origin");
    let origin = origin.and_then(|origin| Some(origin.to_str().ok()?.to_owned()));
    let engine = bus.engine();
    let checked = check(&bus, scope, webview.label(), &mut asked);
    let (session, number) = (asked.session, asked.number);
    match checked {
        Ok((question, to)) => {
            let begun = engine.open_asker(webview.label(), session, number, origin, reply);
            if let Some((reply, asker)) = begun {
                let timeout = asked.timeout;
                engine.ask(
                    Ask {
                        question,
                        asker,
                        to,
                        timeout,
                    },
                    reply,
                );
            }
        }
        Err(error) => reply.answer(Err(error)),
    }
}

/// What a page may ask, and of whom. Permission comes before shape, and both before existence.
fn check(
    bus: &EventBus,
    scope: &Scope,
    label: &str,
    asked: &mut Asked,
) -> Result<(Question, Respondent)> {
    let engine = bus.engine();
    let flood = engine.flood_of(label)?;
    flood.take_emit(asked.payload.as_ref().map_or(0, String::len), now())?;
    let selection = &mut asked.to.selection;
    engine.meet(selection);
    if !scope.is_unlimited() {
        let places = engine.hub().places();
        selection.within = scope.check_asking(&asked.name, selection, &places)?;
    }
    let to = engine.hub().find_respondent(selection)?;
    bus.catalog().check_request_name(&asked.name)?;
    let payload = read_json(&asked.name, asked.payload.take())?;
    engine.check_payload(&asked.name, &payload)?;
    bus.catalog().check_question(&asked.name, &payload)?;
    let question = Question {
        id: RequestId::random()?,
        name: asked.name.clone(),
        payload: payload.into(),
        source: Source::Webview(label.into()),
        provenance: Provenance::of(None, read_causes(&asked.causes, engine.limits().hops)?),
    };
    Ok((question, to))
}

impl Engine {
    /// Opens the session of a page that asks, or answers why not.
    fn open_asker(
        &self,
        webview: &str,
        session: SessionId,
        number: u64,
        origin: Option<String>,
        reply: Reply,
    ) -> Option<(Reply, Asker)> {
        let (begun, outcome) =
            self.hub()
                .begin_asking(webview, session, number, origin, reply, now());
        self.settle(outcome);
        match begun {
            Ok(begun) => Some(begun),
            Err((reply, error)) => {
                reply.answer(Err(error));
                None
            }
        }
    }
}

#[tauri::command]
pub(super) async fn cancel_request<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    session: String,
    ids: Vec<u64>,
) -> Result<Response> {
    check_entries("ids", ids.len())?;
    let session = SessionId::parse(&session)?;
    let engine = bus.engine();
    for id in ids {
        let outcome = engine.hub().give_up_asking(webview.label(), session, id);
        engine.settle(outcome);
        engine.give_way();
    }
    Ok(Response::new(Value::Null.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RespondEntry {
    event: String,
    /// `false` ends it.
    on: bool,
}

#[tauri::command]
pub(super) async fn respond<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    session: String,
    n: u64,
    responders: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let call = Call {
        name: "respond",
        request,
        session,
        n,
    };
    in_order(engine, &webview, &call, |page| {
        check_entries("responders", responders.len())?;
        let flood = engine.flood_of(webview.label())?;
        let answer = |entry: Value| {
            let entry: Result<RespondEntry> = read(entry);
            // Ending costs nothing, as with `unsubscribe`.
            if entry.as_ref().map_or(true, |entry| entry.on) {
                flood.take_subscribe(now())?;
            }
            let entry = entry?;
            let name = EventName::parse_emitted(&entry.event)?;
            bus.catalog().check_request_name(&name)?;
            engine.give_way();
            if !entry.on {
                let outcome = engine.hub().remove_responder(page, &name);
                engine.settle(outcome);
                return Ok(json!({}));
            }
            let (added, outcome) = engine.hub().add_responder(page, name, now());
            engine.settle(outcome);
            added.map(|()| json!({}))
        };
        let answers = responders.into_iter().map(answer);
        let answers: Vec<EntryAnswer<Value>> = answers.map(EntryAnswer::of).collect();
        write(&answers)
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyEntry {
    request: String,
    payload: Option<String>,
    failure: Option<FailureArguments>,
    /// Its responder has ended before it saw the question.
    #[serde(default)]
    declined: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureArguments {
    name: String,
    message: String,
    stack: Option<String>,
}

#[tauri::command]
pub(super) async fn reply<R: Runtime>(
    webview: Webview<R>,
    bus: Bus<'_>,
    request: Request<'_>,
    session: String,
    n: u64,
    replies: Vec<Value>,
) -> Result<Response> {
    let engine = bus.engine();
    let call = Call {
        name: "reply",
        request,
        session,
        n,
    };
    in_order(engine, &webview, &call, |page| {
        check_entries("replies", replies.len())?;
        let answer = |entry: Value| {
            engine.give_way();
            let entry: ReplyEntry = read(entry)?;
            entry.settle(engine, bus.catalog(), page, webview.label())?;
            Ok(json!({}))
        };
        let answers = replies.into_iter().map(answer);
        let answers: Vec<EntryAnswer<Value>> = answers.map(EntryAnswer::of).collect();
        write(&answers)
    })
    .await
}

/// Takes the answers that came with a pull of this session, and says which of them are refused.
pub(crate) fn take_replies(
    bus: &EventBus,
    label: &str,
    session: SessionId,
    replies: Vec<Value>,
) -> Vec<Error> {
    let engine = bus.engine();
    // Of a session that has ended, nobody waits for the answers, and the pull says so.
    let Some(page) = engine.hub().page_of(label, session) else {
        return Vec::new();
    };
    let settle = |entry: Value| {
        engine.give_way();
        let entry: ReplyEntry = read(entry)?;
        entry.settle(engine, bus.catalog(), page, label)
    };
    let settled = replies.into_iter().map(settle);
    settled.filter_map(Result::err).collect()
}

impl ReplyEntry {
    fn settle(
        self,
        engine: &Engine,
        catalog: &Catalog,
        page: SubscriberKey,
        label: &str,
    ) -> Result<()> {
        let id = RequestId::parse(&self.request).ok_or_else(|| {
            Error::new(
                ErrorCode::NotAsked,
                format!("this page was not asked {}", quoted(&self.request)),
            )
        })?;
        if self.declined {
            let outcome = engine.hub().decline(page, id)?;
            engine.settle(outcome);
            return Ok(());
        }
        let name = engine.hub().asked_of(page, id)?;
        if let Some(FailureArguments {
            name: kind,
            message,
            stack,
        }) = self.failure
        {
            let failure = Failure::new(&kind, &message, stack.as_deref());
            let error = Error::failed(name.as_str(), &quoted(label), failure);
            let outcome = engine.hub().answer_of_page(page, id, Err(error))?;
            engine.settle(outcome);
            return Ok(());
        }
        let answer = read_answer(engine, catalog, &name, self.payload);
        let refused = answer.as_ref().err().cloned();
        // An answer that cannot be given ends the question, too: whoever asked would else wait for its time to be over.
        let outcome = engine.hub().answer_of_page(page, id, answer)?;
        engine.settle(outcome);
        refused.map_or(Ok(()), Err)
    }
}

fn read_answer(
    engine: &Engine,
    catalog: &Catalog,
    name: &EventName,
    payload: Option<String>,
) -> Answer {
    let payload = read_json(name, payload)?;
    engine.check_payload(name, &payload)?;
    catalog.check_answer(name, &payload)?;
    Ok(payload)
}

#[cfg(fuzzing)]
pub(super) fn read_question(entry: Value) -> Result<()> {
    let asked = RequestArguments::read(&InvokeBody::Json(entry))?;
    read_json(&asked.name, asked.payload)?;
    Ok(())
}

#[cfg(fuzzing)]
pub(super) fn read_reply(entry: Value) -> Result<()> {
    let entry: ReplyEntry = read(entry)?;
    let _ = RequestId::parse(&entry.request);
    Ok(())
}
