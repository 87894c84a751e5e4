//! What a page may know of other pages, and what it says of itself.

use serde_json::Value;
use tauri::ipc::Response;

use crate::model::error::Result;
use crate::sync::now;

use super::arguments::write;
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
            let (noted, effects) = command.core().hub().note_readiness(page, ready, now());
            command.core().apply_effects(effects);
            noted.map(|()| Value::Null.to_string().into())
        })
        .await
}
