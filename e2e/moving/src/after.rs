//! The same app with the event bus in the place of Tauri's events. With `MOVING_STRICT` the bus has its own rules.

mod app;
mod events {
    pub(crate) use tauri_plugin_event_bus::compat::{Emitter, Event, Listener};
}

use serde_json::json;
use tauri::Wry;
use tauri::plugin::TauriPlugin;
use tauri_plugin_event_bus::{Bytes, EventBusExt};

/// Sends back the bytes that pages send.
fn echo() -> TauriPlugin<Wry> {
    tauri::plugin::Builder::new("echo")
        .setup(|app, _| {
            let bus = app.event_bus();
            let back = bus.clone();
            bus.listen("row:echo", move |event| {
                if let Ok(pair) = event.payload::<(u32, Bytes)>() {
                    let _ = back.emit("row:echoed", &pair);
                    let _ = back.emit("row:echoed", pair.0);
                }
            })?
            .forget();
            bus.respond("row:reverse", async |bytes: Bytes| {
                Ok(bytes.iter().rev().copied().collect::<Bytes>())
            })?
            .forget();
            Ok(())
        })
        .build()
}

fn main() -> tauri::Result<()> {
    app::run(
        "after",
        |builder| {
            builder
                .plugin(tauri_plugin_event_bus::init())
                .plugin(echo())
        },
        |app| json!(app.event_bus().compat_report()),
    )
}
