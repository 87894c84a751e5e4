//! An app as a user of the plugin writes it. It ends well once its page has heard what Rust answered.

use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::EventBusExt;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(60));
        eprintln!("the page has not heard anything for a minute");
        std::process::exit(1);
    });
    tauri::Builder::default()
        .plugin(tauri_plugin_event_bus::init())
        .invoke_handler(tauri::generate_handler![received])
        .setup(|app| {
            let bus = app.event_bus();
            let answering = bus.clone();
            bus.listen("ping", move |event| {
                let answer = event
                    .payload::<Value>()
                    .map(|ping| json!({ "n": ping["n"].as_u64().map(|n| n + 1) }))
                    .and_then(|pong| answering.emit("pong", pong));
                if let Err(error) = answer {
                    eprintln!("no answer: {error}");
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
    println!("the page has heard {n} from the {source}");
    app.exit(i32::from((n, source) != (42, "host")));
}
