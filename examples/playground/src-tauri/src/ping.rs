//! Rust as a listener: a page that emits `ping` gets a `pong` that no other page receives.

use tauri::{App, Runtime};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Endpoint, Error, EventBusExt};

use crate::events::{Ping, Pong};

pub(crate) fn start<R: Runtime>(app: &App<R>) -> Result<(), Error> {
    let bus = app.event_bus();
    let sender = bus.clone();
    Ping::listen(&bus, move |event| {
        let Endpoint::Webview(label) = event.source() else {
            return;
        };
        let pong = Pong {
            from: "Rust".to_owned(),
            you_sent: event.payload.0.clone(),
        };
        if let Err(error) = pong.emit_to(&sender, &**label) {
            eprintln!("cannot emit pong: {error}");
        }
    })?
    .forget();
    Ok(())
}
