//! Two windows that broadcast, send, time and listen.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod burst;
mod conversation;
mod machine;
mod task;
mod theme;

use std::time::{Duration, Instant};

use serde_json::json;
use tauri::{App, Manager, WebviewWindowBuilder, Window, WindowEvent};
use tauri_plugin_event_bus::EventBusExt;

fn main() -> tauri::Result<()> {
    tauri::Builder::default()
        .plugin(
            tauri_plugin_event_bus::Builder::new()
                .periodic_source("cpu", machine::cpu())
                .build(),
        )
        .manage(task::Runs::default())
        .invoke_handler(tauri::generate_handler![
            task::start_task,
            burst::start_burst
        ])
        .on_window_event(tell_window_state)
        .setup(|app| {
            conversation::start(app)?;
            task::start(app)?;
            open_windows(app)?;
            start_clock(app)?;
            app.event_bus().emit(
                "app:ready",
                json!({ "version": app.package_info().version.to_string() }),
            )?;
            Ok(())
        })
        .run(tauri::generate_context!())
}

/// The windows are described in `tauri.conf.json` and built here, so that they can be given a theme.
fn open_windows(app: &App) -> tauri::Result<()> {
    for window in &app.config().app.windows {
        let mut builder = WebviewWindowBuilder::from_config(app, window)?;
        if let Some(script) = theme::script() {
            builder = builder.initialization_script(script);
        }
        builder.build()?;
    }
    Ok(())
}

/// A job of the app itself, for one window, with a payload made for each tick.
fn start_clock(app: &App) -> Result<(), tauri_plugin_event_bus::Error> {
    let started = Instant::now();
    app.event_bus()
        .periodic("clock:tick")
        .every(Duration::from_secs(10))
        .to("main")
        .payload_with(
            move |tick| json!({ "tick": tick.count, "uptimeSeconds": started.elapsed().as_secs() }),
        )
        .start()?
        .forget();
    Ok(())
}

/// State changes of the app, as events: which window has the focus, which one has gone.
fn tell_window_state(window: &Window, event: &WindowEvent) {
    let name = match event {
        WindowEvent::Focused(true) => "window:focused",
        WindowEvent::Destroyed => "window:closed",
        _ => return,
    };
    if let Err(error) = window
        .app_handle()
        .event_bus()
        .emit(name, json!({ "label": window.label() }))
    {
        eprintln!("{name} was not sent: {error}");
    }
}
