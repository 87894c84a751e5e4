//! Many events from several threads at once. The windows stay responsive.

use tauri::{AppHandle, Runtime};
use tauri_plugin_event_bus::EventBusExt;
use tauri_plugin_event_bus::typed::*;

use crate::events::BurstItem;

const THREADS: u32 = 4;
const ITEMS: u32 = 2_500;

#[tauri::command]
pub(crate) fn start_burst<R: Runtime>(app: AppHandle<R>) {
    for thread in 1..=THREADS {
        let bus = app.event_bus();
        std::thread::spawn(move || {
            for item in 1..=ITEMS {
                if let Err(error) = (BurstItem { thread, item }).emit(&bus) {
                    eprintln!("the burst ended early: {error}");
                    return;
                }
            }
        });
    }
}
