//! Many events from several threads at once, to see that the windows stay calm.

use serde::Serialize;
use tauri::AppHandle;
use tauri_plugin_event_bus::EventBusExt;

const THREADS: u32 = 4;
const ITEMS: u32 = 2_500;

#[derive(Serialize)]
struct BurstItem {
    thread: u32,
    item: u32,
}

#[tauri::command]
pub(crate) fn start_burst(app: AppHandle) {
    for thread in 1..=THREADS {
        let bus = app.event_bus();
        std::thread::spawn(move || {
            for item in 1..=ITEMS {
                if let Err(error) = bus.emit("burst:item", BurstItem { thread, item }) {
                    eprintln!("The burst ended early: {error}");
                    return;
                }
            }
        });
    }
}
