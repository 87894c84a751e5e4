//! Subscriptions of pages.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::ipc::Response;
use tauri::{AppHandle, Runtime};

use crate::catalog::Catalog;
use crate::engine::subscriptions::Begun;
use crate::hub::ids::SessionId;
use crate::hub::{Resumption, SubscriptionRequest};
use crate::model::built_in::is_about_pages;
use crate::model::error::{Error, Result};
use crate::model::name::OWN_PREFIX;
use crate::model::pattern::EventPattern;
use crate::model::selection::Selection;
use crate::model::tap::record::TapAction;
use crate::permissions::{Scope, Subject, WatchScope};
use crate::shell::compat::watch;
use crate::sync::now;

use super::arguments::{
    EntryResult, check_entries, pass_as_compatible, read, read_core_target, read_target, write,
};
use super::command::PageCommand;

#[tauri::command]
pub(super) async fn subscribe<R: Runtime>(
    app: AppHandle<R>,
    command: PageCommand,
    subscriptions: Vec<Value>,
) -> Result<Response> {
    let scopes = Scopes {
        listening: Arc::new(command.scope("event-bus:listen", Subject::Event)),
        watching: Arc::new(command.watch_scope()),
    };
    command
        .run_once(|page| {
            check_entries("subscriptions", subscriptions.len())?;
            let flood = command.flood()?;
            let now = now();
            let names: Vec<Option<String>> = subscriptions
                .iter()
                .map(|entry| command.noted_name(entry, "event"))
                .collect();
            let requests: Vec<Result<SubscriptionRequest>> = subscriptions
                .into_iter()
                .enumerate()
                .map(|(index, entry)| {
                    pass_as_compatible(command.core(), &entry, flood.take_subscribe(now))?;
                    let what = format_args!("subscription at index {index}");
                    let is_compatible_mode = command.core().compatible().is_some();
                    let entry = read::<SubscribeEntry>(what, entry)?;
                    let is_compatible = entry.compatible && is_compatible_mode;
                    if entry.pass {
                        command.core().note_passing(page);
                    }
                    let request =
                        entry.request(&scopes, command.bus().catalog(), is_compatible_mode)?;
                    if let Some(name) = request.pattern.exact().filter(|_| is_compatible) {
                        watch(&app, command.runtime(), name);
                    }
                    Ok(request)
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
            let core = command.core();
            let mut started = core
                .subscribe(page, accepted, core.clock().now())
                .into_iter();
            let results: Vec<EntryResult<Subscribed>> = refusals
                .into_iter()
                .filter_map(|refusal| match refusal {
                    Some(error) => Some(Err(error)),
                    None => started.next(),
                })
                .zip(&names)
                .map(|(result, name)| {
                    let result = command.note_refused(TapAction::Listen, name.as_deref(), result);
                    EntryResult::of(result.map(Subscribed::from))
                })
                .collect();
            write(&results)
        })
        .await
}

#[tauri::command]
pub(super) async fn unsubscribe(command: PageCommand, ids: Vec<u32>) -> Result<Response> {
    command
        .run_once(|page| {
            check_entries("ids", ids.len())?;
            command.core().unsubscribe(page, &ids);
            Ok(Value::Null.to_string().into())
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
    #[serde(default)]
    latest: bool,
    resume: Option<ResumeArguments>,
    #[serde(default)]
    compatible: bool,
    /// Whether the page passes its events on as text.
    #[serde(default)]
    pass: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResumeArguments {
    session: String,
    after: u64,
    handled: u64,
    #[serde(default)]
    ack: u64,
}

/// What the page may listen to, and of which pages it may know.
struct Scopes {
    listening: Arc<Scope>,
    watching: Arc<WatchScope>,
}

/// The scope that each delivery is checked against, and that of events about pages.
type Checked = (Option<Arc<Scope>>, Option<Arc<WatchScope>>);

impl Scopes {
    /// Checks that a page may subscribe to this. The scope of events about pages is there if these may be among what it
    /// receives.
    fn check(&self, pattern: &EventPattern) -> Result<Checked> {
        let text = pattern.to_string();
        let watching = text.starts_with(OWN_PREFIX).then_some(&self.watching);
        let watching = watching.filter(|scope| !scope.is_empty()).cloned();
        if is_about_pages(&text) {
            self.watching.check_watching(pattern)?;
            return Ok((None, watching));
        }
        Ok((self.listening.check_listening(pattern)?, watching))
    }
}

impl SubscribeEntry {
    fn request(
        self,
        scopes: &Scopes,
        catalog: &Catalog,
        is_compatible_mode: bool,
    ) -> Result<SubscriptionRequest> {
        let pattern = EventPattern::parse(&self.event)?;
        let (scope, watches) = scopes.check(&pattern)?;
        // Of pages it never receives what is for others.
        let is_compatible = self.compatible && is_compatible_mode && !is_about_pages(&self.event);
        if let Some(name) = pattern.exact() {
            catalog.check_name(name)?;
        }
        Ok(SubscriptionRequest {
            id: self.id,
            scope,
            pattern,
            target: self
                .target
                .map(|target| match is_compatible {
                    true => Ok(read_core_target(&target)?.selection),
                    false => Selection::of(&read_target(&target)?),
                })
                .transpose()?,
            wants_replayed: self.replay.unwrap_or(true),
            wants_retained: self.retained.unwrap_or(true),
            wants_latest: self.latest,
            watches,
            resume: self
                .resume
                .map(|resume| {
                    Ok::<_, Error>(Resumption {
                        session: SessionId::parse(&resume.session)?,
                        after: resume.after,
                        handled: resume.handled,
                        index: resume.ack,
                    })
                })
                .transpose()?,
        })
    }
}

#[derive(Serialize)]
struct Subscribed {
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
}

impl From<Begun> for Subscribed {
    fn from(begun: Begun) -> Self {
        Self {
            seq: begun.seq,
            after: begun.replays_after,
        }
    }
}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    let everything = crate::permissions::ScopeEntry::read(&serde_json::json!({ "default": true }));
    let allow = [Arc::new(everything)];
    let scopes = Scopes {
        listening: Arc::new(Scope::new("event-bus:listen", Subject::Event, &allow, &[])),
        watching: Arc::default(),
    };
    read::<SubscribeEntry>("subscription", entry)?.request(&scopes, &Catalog::default(), true)?;
    Ok(())
}
