//! Tasks, as pages use them.

use serde::Deserialize;
#[cfg(any(fuzzing, test))]
use serde_json::Value;
use serde_json::json;
use tauri::ipc::Response;

use crate::hub::ids::{RequestId, SessionId};
use crate::hub::requests::{Caller, NewRequest, Recipient, RequestMessage};
use crate::model::error::Result;
use crate::model::event::Provenance;
use crate::model::json::Json;
use crate::model::name::{EventName, parse_component};
use crate::model::tap::record::TapAction;
use crate::model::task::{TaskId, TaskInfo};
use crate::model::traceparent::Traceparent;
use crate::permissions::Subject;
use crate::sync::now;
use crate::tasks::following::{follow, follower_credit};
use crate::tasks::room::{IfRunning, NewTask};

use super::arguments::{read_json, write};
use super::body::Entry;
use super::command::{Page, PageCommand};
use super::emit::read_causes;

const PERMISSION: &str = "event-bus:tasks";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaskArguments {
    name: String,
    key: String,
    payload: Option<String>,
    #[serde(default)]
    if_running: IfRunningEntry,
    component: Option<String>,
    #[serde(default)]
    causes: Vec<String>,
    traceparent: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
enum IfRunningEntry {
    #[default]
    Attach,
    Fail,
}

#[tauri::command]
pub(super) async fn start_task(command: PageCommand, mut task: Entry) -> Result<Response> {
    let scope = command.scope(PERMISSION, Subject::Task);
    let name = command.noted_name(&task.value, "name");
    command
        .run_noted((TapAction::StartTask, name), |_| {
            let core = command.core();
            let flood = command.flood()?;
            flood.take_emit(task.payload_length(), now())?;
            let (bytes, _) = task.take_bytes();
            let task: TaskArguments = task.read("task")?;
            let name = EventName::parse_emitted(&task.name)?;
            scope.check_task("start", &name)?;
            let component = task.component.as_deref().map(parse_component).transpose()?;
            let causes = read_causes(&task.causes, core.limits().hops)?;
            let new = NewTask {
                args: read_json(&name, task.payload, bytes)?,
                id: TaskId::new(name, &task.key)?,
                if_running: match task.if_running {
                    IfRunningEntry::Attach => IfRunning::Attach,
                    IfRunningEntry::Fail => IfRunning::Fail,
                },
                starter: command.endpoint(),
                provenance: Provenance::of(
                    component,
                    causes,
                    Traceparent::read(task.traceparent.as_deref())?,
                ),
            };
            write(&command.runtime().tasks.start(new)?.info())
        })
        .await
}

/// Sends a page what a task tells, as a stream that it has requested under this number.
#[tauri::command]
pub(super) async fn attach_task(
    page: Page,
    session: String,
    id: u64,
    name: String,
    key: String,
) -> Result<Response> {
    let noted = page.noted(&name);
    let attached = attach(&page, &session, id, (&name, &key));
    page.note_refused(TapAction::AttachTask, noted.as_deref(), attached)?;
    Ok(page.reply("{}"))
}

fn attach(page: &Page, session: &str, id: u64, (name, key): (&str, &str)) -> Result<()> {
    let core = page.core();
    page.flood()?.take_emit(0, now())?;
    let scope = page.scope(PERMISSION, Subject::Task);
    let name = EventName::parse_emitted(name)?;
    scope.check_task("follow", &name)?;
    let task = TaskId::new(name.clone(), key)?;
    let session = SessionId::parse(session)?;
    let run = page.runtime().tasks.find(&task)?;
    let (opened, effects) =
        core.hub()
            .open_for_request(page.label(), session, id, page.origin(), core.clock().now());
    core.apply_effects(effects);
    let request = NewRequest {
        message: RequestMessage {
            id: RequestId::random()?,
            name,
            payload: Json::from("null"),
            source: page.endpoint(),
            provenance: None,
            stream: Some(follower_credit(core.limits())),
            is_channel: false,
        },
        caller: Caller::Page(opened?, id),
        to: Recipient::Host,
        timeout: None,
    };
    let runtime = page.runtime();
    let handler = follow(&runtime.core, &run);
    runtime.responders.respond_with(handler, request)
}

#[tauri::command]
pub(super) async fn cancel_task(
    command: PageCommand,
    name: String,
    key: String,
) -> Result<Response> {
    let scope = command.scope(PERMISSION, Subject::Task);
    let noted = command.noted(&name);
    command
        .run_noted((TapAction::CancelTask, noted), |_| {
            let name = EventName::parse_emitted(&name)?;
            scope.check_task("cancel", &name)?;
            command.runtime().tasks.cancel(&TaskId::new(name, &key)?)?;
            write(&json!({}))
        })
        .await
}

#[tauri::command]
pub(super) async fn list_tasks(page: Page) -> Result<Response> {
    let scope = page.scope(PERMISSION, Subject::Task);
    let listed: Vec<TaskInfo> = page.runtime().tasks.list(|name| scope.allows_task(name));
    Ok(page.reply(write(&listed)?))
}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    let mut entry = Entry::of(entry)?;
    let (bytes, _) = entry.take_bytes();
    let task: TaskArguments = entry.read("task")?;
    let name = EventName::parse_emitted(&task.name)?;
    read_json(&name, task.payload, bytes)?;
    TaskId::new(name, &task.key).map(drop)
}
