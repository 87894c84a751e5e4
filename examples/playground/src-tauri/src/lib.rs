//! Two windows that broadcast, send, run jobs and listen.

mod burst;
mod confirmation;
mod events;
mod machine;
mod ping;
mod task;
mod terminal;
mod theme;

use std::time::{Duration, Instant};

use tauri::{App, Builder, Context, Runtime, WebviewWindowBuilder, Window, WindowEvent};
use tauri_plugin_event_bus::EventBusExt;
use tauri_plugin_event_bus::typed::*;

use events::{AppReady, ClockTick, WindowClosed, WindowFocused, event_bus};

/// The app. Its runtime is a parameter, so that journeys can run it in another engine.
pub fn app<R: Runtime>() -> Builder<R> {
    let mut bus = event_bus().job_source("cpu", machine::cpu());
    // `cargo xtask demo` sets it. An app of yours just calls `inspector(true)`.
    if std::env::var_os("EVENT_BUS_DEMO_INSPECTOR").is_some() {
        bus = bus.inspector(true);
    }
    Builder::new()
        .plugin(bus.build())
        .invoke_handler(tauri::generate_handler![
            burst::start_burst,
            confirmation::empty_cart,
            terminal::open_terminal
        ])
        .on_window_event(emit_window_state)
        .setup(|app| {
            ping::start(app)?;
            task::register(&app.event_bus())?;
            terminal::accept(&app.event_bus())?;
            open_windows(app)?;
            start_clock(app)?;
            let version = app.package_info().version.to_string();
            AppReady { version }.emit(app)?;
            Ok(())
        })
}

/// What `tauri.conf.json` and the capabilities say.
pub fn context<R: Runtime>() -> Context<R> {
    tauri::generate_context!()
}

/// Builds the windows that `tauri.conf.json` describes, with a theme.
fn open_windows<R: Runtime>(app: &App<R>) -> tauri::Result<()> {
    for window in &app.config().app.windows {
        let mut builder = WebviewWindowBuilder::from_config(app, window)?;
        if let Some(script) = theme::script() {
            builder = builder.initialization_script(script);
        }
        builder.build()?;
    }
    Ok(())
}

/// Starts a job of the host for one window, with a payload made at each tick.
fn start_clock<R: Runtime>(app: &App<R>) -> Result<(), tauri_plugin_event_bus::Error> {
    let started = Instant::now();
    ClockTick::periodic(app)
        .every(Duration::from_secs(10))
        .to("main")
        .payload_with(move |tick| ClockTick {
            tick: tick.count,
            uptime_seconds: started.elapsed().as_secs(),
        })
        .start()?
        .forget();
    Ok(())
}

/// Emits state changes of the app: which window has the focus, which one has closed.
fn emit_window_state<R: Runtime>(window: &Window<R>, event: &WindowEvent) {
    let label = window.label().to_owned();
    // Not a window of the app.
    if label == "event-bus-inspector" {
        return;
    }
    let emitted = match event {
        WindowEvent::Focused(true) => WindowFocused { label }.emit(window),
        WindowEvent::Destroyed => WindowClosed { label }.emit(window),
        _ => return,
    };
    if let Err(error) = emitted {
        eprintln!("cannot emit the state of a window: {error}");
    }
}
