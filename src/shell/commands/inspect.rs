//! How the bus stands, for tools of developers.

use tauri::ipc::Response;

use crate::model::error::Result;

use super::Bus;
use super::arguments::write;

#[tauri::command]
pub(super) async fn inspect(bus: Bus<'_>) -> Result<Response> {
    write(&bus.inspect()).map(Response::new)
}
