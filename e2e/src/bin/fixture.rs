//! The app that the journeys drive: windows with the guest API, and commands for what only Rust can do.

use serde_json::{Value, json, value::RawValue};
use std::{error::Error, thread};
use tauri::{AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_event_bus::{EventBusExt, Receipt};

type Answer<T> = Result<T, Value>;

fn main() -> Result<(), Box<dyn Error>> {
    tauri::Builder::default()
        .plugin(tauri_plugin_event_bus::init())
        .invoke_handler(tauri::generate_handler![
            emit, emit_to, emit_here, flood, open, close
        ])
        .run(tauri::generate_context!())?;
    Ok(())
}

/// Emits to all pages. `json` goes through as it is, which lets a test send what no Rust value can hold.
#[tauri::command(async)]
fn emit(app: AppHandle, name: &str, json: String) -> Answer<Receipt> {
    app.event_bus().emit(name, raw(json)?).map_err(refusal)
}

/// Emits to one window.
#[tauri::command(async)]
fn emit_to(app: AppHandle, label: &str, name: &str, json: String) -> Answer<Receipt> {
    app.event_bus()
        .emit_to(label, name, raw(json)?)
        .map_err(refusal)
}

/// Emits to the window that asks.
#[tauri::command(async)]
fn emit_here(window: WebviewWindow, name: &str, json: String) -> Answer<Receipt> {
    window
        .event_bus()
        .emit_here(name, raw(json)?)
        .map_err(refusal)
}

/// Emits from several threads at once and returns when the last has finished.
#[tauri::command(async)]
fn flood(app: AppHandle, threads: u32, per_thread: u32, name: &str) -> Answer<()> {
    let bus = app.event_bus();
    thread::scope(|scope| {
        let emitters: Vec<_> = (0..threads)
            .map(|thread| {
                let bus = &bus;
                scope.spawn(move || {
                    (0..per_thread).try_for_each(|i| {
                        bus.emit(name, json!({ "thread": thread, "i": i }))
                            .map(drop)
                    })
                })
            })
            .collect();
        emitters
            .into_iter()
            .try_for_each(|emitter| match emitter.join() {
                Ok(emitted) => emitted.map_err(refusal),
                Err(_) => {
                    Err(json!({ "code": "panicked", "message": "an emitting thread panicked" }))
                }
            })
    })
}

#[tauri::command(async)]
fn open(app: AppHandle, label: &str) -> Result<(), tauri::Error> {
    WebviewWindowBuilder::new(&app, label, WebviewUrl::default())
        .title(label)
        .inner_size(480.0, 200.0)
        .position(20.0, 600.0)
        .build()
        .map(drop)
}

#[tauri::command(async)]
fn close(app: AppHandle, label: &str) -> Result<(), tauri::Error> {
    match app.get_webview_window(label) {
        Some(window) => window.close(),
        None => Err(tauri::Error::WindowNotFound),
    }
}

fn raw(json: String) -> Answer<Box<RawValue>> {
    RawValue::from_string(json)
        .map_err(|error| json!({ "code": "invalid_payload", "message": error.to_string() }))
}

fn refusal(error: tauri_plugin_event_bus::Error) -> Value {
    json!(error)
}
