//! The measured Tauri app: reads tasks from standard input and prints the result of each.

use crate::{measure, methods::now_micros, pages::Host, plan::Task, websocket};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    io::{Write, stdin, stdout},
    sync::Arc,
    thread,
};
use tauri::{
    AppHandle, RunEvent, State, WebviewWindow,
    ipc::{Channel, InvokeResponseBody, Response},
    plugin::{self, TauriPlugin},
};

/// Runs the app until all tasks are done.
pub(crate) fn serve() -> Result<()> {
    let tasks: Vec<Task> = serde_json::from_reader(stdin()).context("no tasks")?;
    let (host, reports) = Host::new();
    let host = Arc::new(host);
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_event_bus::init())
        .plugin(carrier())
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
        .build(tauri::generate_context!())?;
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

/// With `BENCH_CARRIER=pull`, no page says that it can be called.
fn carrier() -> TauriPlugin<tauri::Wry> {
    let plugin = plugin::Builder::new("carrier");
    match std::env::var("BENCH_CARRIER").as_deref() {
        Ok("pull") => plugin.js_init_script(WITHOUT_CALLS).build(),
        _ => plugin.build(),
    }
}

/// Keeps a page from saying that it can be called.
pub(crate) const WITHOUT_CALLS: &str = "const write = JSON.stringify
JSON.stringify = (value, ...rest) =>
    write(value?.call === true && 'ack' in value ? { ...value, call: undefined } : value, ...rest)";

fn work(
    app: &AppHandle,
    host: &Arc<Host>,
    reports: std::sync::mpsc::Receiver<crate::pages::Report>,
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
fn report(window: WebviewWindow, host: State<'_, Arc<Host>>, kind: String, value: Value) {
    host.add_report(window.label(), kind, value);
}

/// The host's time in microseconds since the Unix epoch.
#[tauri::command]
fn clock() -> u64 {
    now_micros()
}

/// The next order for a page, once there is one.
#[tauri::command]
async fn next(window: WebviewWindow, host: State<'_, Arc<Host>>) -> Result<Value, String> {
    let order = host.orders.receive(window.label()).await;
    order.ok_or_else(|| "the window closes".to_owned())
}

/// A whole stream in one response.
#[tauri::command]
async fn limit(window: WebviewWindow, host: State<'_, Arc<Host>>) -> Result<Response, String> {
    let json = host.limits.receive(window.label()).await;
    json.map(Response::new)
        .ok_or_else(|| "the window closes".to_owned())
}

#[tauri::command]
fn open_channel(
    window: WebviewWindow,
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
