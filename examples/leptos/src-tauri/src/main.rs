//! An app whose page is written in Rust. It knows the price of a cart.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use leptos_events::{CartUpdated, Price};
use tauri_plugin_event_bus::EventBusExt;
use tauri_plugin_event_bus::typed::*;

/// What one item costs, in euros.
const PRICE: f64 = 2.5;

fn main() -> tauri::Result<()> {
    let bus = tauri_plugin_event_bus::Builder::new()
        .event::<CartUpdated>()
        .request::<Price>();
    tauri::Builder::default()
        .plugin(bus.build())
        .setup(|app| {
            let bus = app.event_bus();
            Price::respond(&bus, async |price| Ok(f64::from(price.items) * PRICE))?.forget();
            Ok(())
        })
        .run(tauri::generate_context!())
}
