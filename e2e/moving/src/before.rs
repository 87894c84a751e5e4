//! The app with Tauri's own events.

mod app;
mod events {
    pub(crate) use tauri::{Emitter, Event, Listener};
}

fn main() -> tauri::Result<()> {
    app::run("before", |builder| builder, |_| serde_json::Value::Null)
}
