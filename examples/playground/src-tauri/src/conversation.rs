//! Rust as a listener: a page that says `ping` gets a `pong` that no other page sees.

use tauri::App;
use tauri_plugin_event_bus::{Endpoint, Error, Event, EventBusExt};

use crate::events::{Ping, Pong};

pub(crate) fn start(app: &App) -> Result<(), Error> {
    let bus = app.event_bus();
    let answering = bus.clone();
    bus.listen_event::<Ping>(move |event| {
        let Endpoint::Webview(label) = event.source() else {
            return;
        };
        let pong = Pong {
            from: "Rust".to_owned(),
            you_sent: event.payload.0.clone(),
        };
        if let Err(error) = pong.emit_to(&answering, &**label) {
            eprintln!("pong was not sent: {error}");
        }
    })?
    .forget();
    Ok(())
}
