//! The same app with the event bus in the place of Tauri's events. With `MOVING_STRICT` the bus has its own rules.

mod app;
mod events {
    pub(crate) use tauri_plugin_event_bus::compat::{Emitter, Event, Listener};
}

use serde_json::json;
use tauri_plugin_event_bus::EventBusExt;

fn main() -> tauri::Result<()> {
    app::run(
        "after",
        |builder| builder.plugin(tauri_plugin_event_bus::init()),
        |app| json!(app.event_bus().compat_report()),
    )
}
