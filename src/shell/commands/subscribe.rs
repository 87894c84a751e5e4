//! What pages listen to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::ipc::{Request, Response};
use tauri::{Runtime, Webview};

use crate::catalog::Catalog;
use crate::hub::session::SessionId;
use crate::hub::{Resumption, SubscriptionRequest};
use crate::model::error::Result;
use crate::model::pattern::EventPattern;
use crate::permissions::Scope;
use crate::sync::now;

use super::arguments::{EntryAnswer, check_entries, read, read_target, write};
use super::call::{Call, in_order};
use super::{Bus, Entries, scope_of};

#[tauri::command]
pub(super) async fn subscribe<R: Runtime>(
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
pub(super) async fn unsubscribe<R: Runtime>(
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

#[cfg(fuzzing)]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    read::<SubscribeEntry>(entry)?.request(&Arc::default(), &Catalog::default())?;
    Ok(())
}
