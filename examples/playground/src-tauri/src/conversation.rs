//! Rust as a listener: a page that says `ping` gets a `pong` that no other page sees.

use serde_json::{Value, json};
use tauri::App;
use tauri_plugin_event_bus::{Error, EventBusExt, Source};

pub(crate) fn start(app: &App) -> Result<(), Error> {
    let bus = app.event_bus();
    let answering = bus.clone();
    bus.listen("ping", move |event| {
        let Source::Webview(label) = event.source() else {
            return;
        };
        let sent: Value = event.payload().unwrap_or_default();
        if let Err(error) =
            answering.emit_to(&**label, "pong", json!({ "from": "Rust", "youSent": sent }))
        {
            eprintln!("pong was not sent: {error}");
        }
    })?
    .forget();
    Ok(())
}
