//! A snapshot of the bus, for developer tools.

use tauri::ipc::Response;

use crate::model::error::Result;

use super::arguments::write;
use super::command::Page;

#[tauri::command]
pub(super) async fn inspect(page: Page) -> Result<Response> {
    write(&page.runtime().inspect()).map(|json| page.reply(json))
}
