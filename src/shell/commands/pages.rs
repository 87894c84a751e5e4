//! What a page may know of other pages, and what it says of itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::ipc::Response;

use crate::hub::ids::SubscriberKey;
use crate::hub::presence::{PresenceStep, Room};
use crate::model::error::Result;
use crate::model::name::EventName;
use crate::model::tap::record::TapAction;
use crate::permissions::WatchScope;
use crate::sync::now;

use super::arguments::{EntryResult, check_entries, read, read_json, write};
use super::command::{Page, PageCommand};

/// The pages that this one may know of. With a label, it has to be one of these.
#[tauri::command]
pub(super) async fn pages(page: Page, label: Option<String>) -> Result<Response> {
    let scope = page.watch_scope();
    if let Some(label) = label {
        scope.check_page(&label)?;
    }
    let mut pages = page.core().hub().pages();
    pages.retain(|known| scope.allows_page(&known.label));
    write(&pages).map(|json| page.reply(json))
}

/// The page says whether it is ready.
#[tauri::command]
pub(super) async fn page(command: PageCommand, ready: bool) -> Result<Response> {
    command
        .run_once(|page| {
            let (noted, effects) =
                command
                    .core()
                    .hub()
                    .note_readiness(page, ready, command.core().clock().now());
            command.core().apply_effects(effects);
            noted.map(|()| Value::Null.to_string().into())
        })
        .await
}

/// A member of a room joins, changes or leaves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresenceEntry {
    room: String,
    #[serde(default)]
    key: String,
    /// JSON.
    state: Option<String>,
    #[serde(default)]
    left: bool,
}

#[derive(Serialize)]
struct Changed {}

#[tauri::command]
pub(super) async fn presence(command: PageCommand, changes: Vec<Value>) -> Result<Response> {
    let scope = command.watch_scope();
    command
        .run_once(|page| {
            check_entries("changes", changes.len())?;
            let flood = command.flood()?;
            let changes = changes.into_iter().enumerate();
            let results: Vec<EntryResult<Changed>> = changes
                .map(|(index, entry)| {
                    let name = command.noted_name(&entry, "room");
                    let length = entry["state"].as_str().map_or(0, str::len);
                    let changed = flood.take_emit(length, now()).and_then(|()| {
                        let entry =
                            read::<PresenceEntry>(format_args!("change at index {index}"), entry)?;
                        entry.apply(&command, &scope, page)
                    });
                    let changed =
                        command.note_refused(TapAction::Presence, name.as_deref(), changed);
                    EntryResult::of(changed.map(|()| Changed {}))
                })
                .collect();
            write(&results)
        })
        .await
}

impl PresenceEntry {
    fn apply(self, command: &PageCommand, scope: &WatchScope, page: SubscriberKey) -> Result<()> {
        let name = EventName::parse(&self.room)?;
        scope.check_room(&name)?;
        let room = Room::parse(&self.room)?;
        let core = command.core();
        core.yield_to_waiters();
        let step = match self.left {
            true => PresenceStep::Leave,
            false => PresenceStep::State(read_json(&name, self.state, Vec::new())?),
        };
        core.change_presence(Some(page), &room, &self.key, step)
    }
}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    let entry = read::<PresenceEntry>("change", entry)?;
    let name = EventName::parse(&entry.room)?;
    Room::parse(&entry.room)?;
    read_json(&name, entry.state, Vec::new()).map(drop)
}
