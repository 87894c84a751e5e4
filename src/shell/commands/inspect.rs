//! A snapshot of the bus, for developer tools.

use tauri::ipc::Response;

use crate::model::error::Result;

use super::arguments::write;
use super::command::Page;

/// What compatible mode has noted.
#[tauri::command]
pub(super) async fn compat_report(page: Page) -> Result<Response> {
    write(&page.bus().compat_report()).map(|json| page.reply(json))
}

#[tauri::command]
pub(super) async fn inspect(page: Page) -> Result<Response> {
    write(&page.runtime().inspect()).map(|json| page.reply(json))
}
