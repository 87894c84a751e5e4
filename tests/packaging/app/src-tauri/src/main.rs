//! An app as a user of the plugin writes it. It exits with success once its page has received the pong of Rust.

use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::{Builder, EventBusExt};
use tauri_plugin_event_bus_nats::Nats;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(60));
        eprintln!("the page received nothing for a minute");
        std::process::exit(1);
    });
    // There is no server, and the app works.
    let link = Nats::connect("nats://127.0.0.1:1")
        .node("packaged")
        .share("order:*");
    tauri::Builder::default()
        .plugin(Builder::new().link(link).build())
        .invoke_handler(tauri::generate_handler![received])
        .setup(|app| {
            let bus = app.event_bus();
            let sender = bus.clone();
            bus.listen("ping", move |event| {
                let emitted = event
                    .payload::<Value>()
                    .map(|ping| json!({ "n": ping["n"].as_u64().map(|n| n + 1) }))
                    .and_then(|pong| sender.emit("pong", pong));
                if let Err(error) = emitted {
                    eprintln!("cannot emit pong: {error}");
                }
            })?
            .forget();
            Ok(())
        })
        .run(tauri::generate_context!())?;
    Ok(())
}

#[tauri::command]
fn received(app: tauri::AppHandle, n: u64, source: &str) {
    println!("the page received {n} from the {source}");
    app.exit(i32::from((n, source) != (42, "host")));
}
