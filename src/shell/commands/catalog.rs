//! The catalog: what the app declared.

use tauri::ipc::Response;

use crate::model::error::Result;

use super::arguments::write;
use super::command::Page;

#[tauri::command]
pub(super) async fn catalog(page: Page) -> Result<Response> {
    write(page.bus().catalog()).map(|json| page.reply(json))
}
