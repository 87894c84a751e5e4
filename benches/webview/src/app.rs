//! The measured Tauri app: reads tasks from standard input and prints the result of each.

use crate::{
    measure,
    methods::{Part, now_micros},
    pages::{Host, Report},
    plan::{Engine, Task},
    websocket,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    io::{Write, stdin, stdout},
    sync::{Arc, mpsc},
    thread,
};
use tauri::{
    AppHandle, Context as AppContext, RunEvent, Runtime, State, WebviewWindow, Wry,
    ipc::{Channel, InvokeResponseBody, Response},
};
use tauri_plugin_event_bus::request::{PartSender, ResponderResult};
use tauri_plugin_event_bus::{EventBus, EventBusExt};

/// Runs the app in this engine until all tasks are done.
pub(crate) fn serve(engine: Engine) -> Result<()> {
    match engine {
        Engine::WebKit => serve_in::<Wry>(context()),
        Engine::Chromium => serve_in_chromium(),
    }
}

#[cfg(target_os = "linux")]
fn serve_in_chromium() -> Result<()> {
    let mut context = context();
    chromium_runtime::serve_from_chromium(&mut context);
    serve_in::<chromium_runtime::ChromiumRuntime>(context)
}

#[cfg(not(target_os = "linux"))]
fn serve_in_chromium() -> Result<()> {
    anyhow::bail!("the Chromium runtime needs Linux")
}

fn context<R: Runtime>() -> AppContext<R> {
    tauri::generate_context!()
}

fn serve_in<R: Runtime>(context: AppContext<R>) -> Result<()> {
    let tasks: Vec<Task> = serde_json::from_reader(stdin()).context("no tasks")?;
    let (host, reports) = Host::new();
    let host = Arc::new(host);
    let app = tauri::Builder::<R>::new()
        .plugin(tauri_plugin_event_bus::init())
        .manage(Arc::clone(&host))
        .invoke_handler(tauri::generate_handler![
            report,
            clock,
            next,
            limit,
            open_channel,
            relay,
            respond
        ])
        .build(context)?;
    respond_with_streams(&app.event_bus(), &host)?;
    let handle = app.handle().clone();
    let mut tasks = Some((tasks, reports));
    app.run(move |_, event| match event {
        RunEvent::Ready => {
            let Some((tasks, reports)) = tasks.take() else {
                return;
            };
            let (handle, host) = (handle.clone(), Arc::clone(&host));
            thread::spawn(move || {
                let outcome = work(&handle, &host, reports, &tasks);
                if let Err(error) = &outcome {
                    eprintln!("error: {error:#}");
                }
                handle.exit(i32::from(outcome.is_err()));
            });
        }
        // There is no window between two measurements.
        RunEvent::ExitRequested { api, code, .. } if code.is_none() => api.prevent_exit(),
        _ => {}
    });
    Ok(())
}

/// Keeps the sender of each stream that a page requests. The streams end with their pages.
fn respond_with_streams(bus: &EventBus, host: &Arc<Host>) -> Result<()> {
    let host = Arc::clone(host);
    let keep = move |label: String, out: PartSender<Part>| {
        host.streams.put(&label, out);
        std::future::pending::<ResponderResult<()>>()
    };
    bus.respond_stream("bench:stream", keep)?.forget();
    Ok(())
}

fn work<R: Runtime>(
    app: &AppHandle<R>,
    host: &Arc<Host>,
    reports: mpsc::Receiver<Report>,
    tasks: &[Task],
) -> Result<()> {
    let socket = tauri::async_runtime::block_on(websocket::serve(Arc::clone(host)))?;
    let mut bench = measure::Bench::new(app.clone(), Arc::clone(host), reports, socket);
    for task in tasks {
        let line = match bench.measure(task) {
            Ok(sample) => json!({ "sample": sample }),
            Err(error) => json!({ "error": format!("{error:#}") }),
        };
        writeln!(stdout(), "{line}")?;
        stdout().flush()?;
    }
    Ok(())
}

/// A report of a page.
#[tauri::command]
fn report<R: Runtime>(
    window: WebviewWindow<R>,
    host: State<'_, Arc<Host>>,
    kind: String,
    value: Value,
) {
    host.add_report(window.label(), kind, value);
}

/// The host's time in microseconds since the Unix epoch.
#[tauri::command]
fn clock() -> u64 {
    now_micros()
}

/// The next order for a page, once there is one.
#[tauri::command]
async fn next<R: Runtime>(
    window: WebviewWindow<R>,
    host: State<'_, Arc<Host>>,
) -> Result<Value, String> {
    let order = host.orders.receive(window.label()).await;
    order.ok_or_else(|| "the window closes".to_owned())
}

/// A whole stream in one response.
#[tauri::command]
async fn limit<R: Runtime>(
    window: WebviewWindow<R>,
    host: State<'_, Arc<Host>>,
) -> Result<Response, String> {
    let json = host.limits.receive(window.label()).await;
    json.map(Response::new)
        .ok_or_else(|| "the window closes".to_owned())
}

#[tauri::command]
fn open_channel<R: Runtime>(
    window: WebviewWindow<R>,
    host: State<'_, Arc<Host>>,
    channel: Channel<InvokeResponseBody>,
) {
    host.channels.put(window.label(), channel);
}

/// The response of a page to a request that arrived by `emit`.
#[tauri::command]
fn respond(host: State<'_, Arc<Host>>, id: u64, response: Value) {
    host.responses.respond(id, response);
}

/// Forwards an event of one page to the channel of another.
#[tauri::command]
fn relay(host: State<'_, Arc<Host>>, payload: Value) -> Result<(), String> {
    let channel = host.channels.get(&host.relay_to());
    channel
        .ok_or("the other page has no channel")?
        .send(InvokeResponseBody::Json(payload.to_string()))
        .map_err(|error| error.to_string())
}
