//! An app as a user of the plugin writes it. It exits with success once its page has received the pong of Rust.

use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::EventBusExt;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(60));
        eprintln!("the page received nothing for a minute");
        std::process::exit(1);
    });
    tauri::Builder::default()
        .plugin(tauri_plugin_event_bus::init())
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
