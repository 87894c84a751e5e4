use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::{AppHandle, EventTarget, Manager, State, WebviewUrl, Wry};

// The one line that differs between the builds is behind this module.
use crate::events::{Emitter, Event, Listener};

type Outcome<T = ()> = Result<T, String>;

/// What compatible mode has noted.
struct Report(fn(&AppHandle) -> Value);

/// What the listeners in Rust have received: the listener and the payload, by the name of the event.
#[derive(Default)]
struct Heard(Mutex<HashMap<String, Vec<Value>>>);

impl Heard {
    fn add(app: &AppHandle, event: &str, line: Value) {
        let heard = app.state::<Self>();
        let mut lines = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(event.to_owned()).or_default().push(line);
    }
}

/// Runs one build of the app, whose pages are in the folder `dist/<pages>`.
pub(crate) fn run(
    pages: &str,
    register: impl FnOnce(tauri::Builder<Wry>) -> tauri::Builder<Wry>,
    report: fn(&AppHandle) -> Value,
) -> tauri::Result<()> {
    let mut context = tauri::generate_context!();
    let config = context.config_mut();
    if std::env::var_os("MOVING_STRICT").is_some()
        && let Some(bus) = config.plugins.0.get_mut("event-bus")
    {
        bus["compatible"] = json!(false);
    }
    for window in &mut config.app.windows {
        window.url = WebviewUrl::App(format!("{pages}/index.html").into());
    }
    let log = tauri_plugin_log::Builder::new()
        .level(log::LevelFilter::Info)
        .targets([tauri_plugin_log::Target::new(
            tauri_plugin_log::TargetKind::Webview,
        )])
        .build();
    let builder = tauri::Builder::default().plugin(tauri_plugin_single_instance::init(
        |app, arguments, _| {
            let _ = app.emit("row:second-start", arguments);
        },
    ));
    register(builder)
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_store::Builder::new().build())
        .plugin(log)
        .manage(Heard::default())
        .manage(Report(report))
        .invoke_handler(tauri::generate_handler![
            emit_to_all,
            emit_to_label,
            emit_to_target,
            emit_where,
            emit_from_window,
            emit_text,
            emit_rows,
            emit_in_threads,
            emit_on_the_main_thread,
            emit_and_look,
            emit_to_one_that_panics,
            listen_everywhere,
            listen_once,
            listen_in_window,
            unlisten,
            settle,
            heard,
            write_log,
            close,
            report_of
        ])
        .setup(|app| {
            let handle = app.handle().clone();
            app.listen("deep-link://new-url", move |event| {
                Heard::add(&handle, "deep-link://new-url", parsed(&event));
            });
            Ok(())
        })
        .run(context)
}

/// A function whose signature names the event.
fn parsed(event: &Event) -> Value {
    serde_json::from_str(event.payload()).unwrap_or_default()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[tauri::command(async)]
fn emit_to_all(app: AppHandle, name: &str, payload: Value) -> Outcome {
    app.emit(name, payload).map_err(text)
}

#[tauri::command(async)]
fn emit_to_label(app: AppHandle, label: &str, name: &str, payload: Value) -> Outcome {
    app.emit_to(label, name, payload).map_err(text)
}

#[tauri::command(async)]
fn emit_to_target(app: AppHandle, target: EventTarget, name: &str, payload: Value) -> Outcome {
    app.emit_to(target, name, payload).map_err(text)
}

/// Emits to the webview windows with this label, and returns the targets that the filter saw.
#[tauri::command(async)]
fn emit_where(app: AppHandle, label: &str, name: &str, payload: Value) -> Outcome<Vec<Value>> {
    let seen = Mutex::new(Vec::new());
    app.emit_filter(name, payload, |target| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(json!(target));
        matches!(target, EventTarget::WebviewWindow { label: own } if own == label)
    })
    .map_err(text)?;
    Ok(seen.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[tauri::command(async)]
fn emit_from_window(window: tauri::WebviewWindow, name: &str, payload: Value) -> Outcome {
    window.emit(name, payload).map_err(text)
}

#[tauri::command(async)]
fn emit_text(app: AppHandle, name: &str, json: String) -> Outcome {
    app.emit_str(name, json).map_err(text)
}

/// Returns the rows of a table, and emits each as it does when one is added.
#[tauri::command(async)]
fn emit_rows(app: AppHandle, name: &str, count: u32) -> Outcome<Vec<u32>> {
    (0..count)
        .map(|row| app.emit(name, row).map(|()| row).map_err(text))
        .collect()
}

#[tauri::command(async)]
fn emit_in_threads(app: AppHandle, name: &str, threads: u32, each: u32) -> Outcome {
    thread::scope(|scope| {
        for thread in 0..threads {
            let app = &app;
            scope.spawn(move || {
                for n in 0..each {
                    let _ = app.emit(name, [thread, n]);
                }
            });
        }
    });
    app.emit(name, Value::Null).map_err(text)
}

/// A command without `async`: until it returns, nothing reaches a page.
#[tauri::command]
fn emit_on_the_main_thread(app: AppHandle, name: &str, count: u32) -> Outcome {
    (0..count).try_for_each(|n| app.emit(name, n).map_err(text))
}

/// Whether a listener ran on the thread of the caller.
#[tauri::command(async)]
fn emit_and_look(app: AppHandle, name: &str) -> Outcome<bool> {
    let (sender, receiver) = mpsc::channel();
    let id = app.listen(name, move |_| {
        let _ = sender.send(thread::current().id());
    });
    app.emit(name, Value::Null).map_err(text)?;
    let other = receiver.recv_timeout(Duration::from_secs(20));
    app.unlisten(id);
    other.map(|id| id == thread::current().id()).map_err(text)
}

/// Whether `emit` panics because a listener does, and whether the next one ran.
#[tauri::command(async)]
fn emit_to_one_that_panics(app: AppHandle, name: &str) -> Outcome<Value> {
    let (sender, receiver) = mpsc::channel();
    app.listen(name, move |_| {
        let _ = sender.send(());
        panic!("a listener panics");
    });
    let emitted = catch_unwind(AssertUnwindSafe(|| app.emit(name, Value::Null)));
    receiver
        .recv_timeout(Duration::from_secs(20))
        .map_err(text)?;
    Ok(json!({ "panicked": emitted.is_err() }))
}

/// Listens with every kind of listener in Rust.
#[tauri::command(async)]
fn listen_everywhere(app: AppHandle, label: &str, names: Vec<String>) -> Outcome {
    let window = app.get_webview_window(label).ok_or("no such window")?;
    for name in names {
        let record = |listener: &'static str| {
            let (app, name) = (app.clone(), name.clone());
            move |event: Event| Heard::add(&app, &name, json!([listener, parsed(&event)]))
        };
        app.listen(&*name, record("app"));
        app.listen_any(&*name, record("any"));
        window.listen(&*name, record("webview window"));
    }
    Ok(())
}

/// Listens once, and with a listener that `unlisten` removes.
#[tauri::command(async)]
fn listen_once(app: AppHandle, name: String) -> u32 {
    let record = |listener: &'static str| {
        let (app, name) = (app.clone(), name.clone());
        move |event: Event| Heard::add(&app, &name, json!([listener, parsed(&event)]))
    };
    app.once(name.clone(), record("once"));
    app.listen(name.clone(), record("until removed"))
}

#[tauri::command(async)]
fn unlisten(app: AppHandle, id: u32) {
    app.unlisten(id);
}

/// Returns once the listeners in Rust have run for all that was emitted before.
#[tauri::command(async)]
fn settle(app: AppHandle) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let id = app.listen("row:settled", move |_| {
        let _ = sender.send(());
    });
    app.emit("row:settled", Value::Null).map_err(text)?;
    let settled = receiver.recv_timeout(Duration::from_secs(20));
    app.unlisten(id);
    settled.map_err(text)
}

/// Listens as this window does.
#[tauri::command(async)]
fn listen_in_window(app: AppHandle, label: &str, name: String) -> Outcome {
    let window = app.get_webview_window(label).ok_or("no such window")?;
    let handle = app.clone();
    window.listen(name.clone(), move |event| {
        Heard::add(&handle, &name, json!(["window", parsed(&event)]));
    });
    Ok(())
}

#[tauri::command(async)]
fn heard(heard: State<'_, Heard>, name: &str) -> Vec<Value> {
    let lines = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
    lines.get(name).cloned().unwrap_or_default()
}

#[tauri::command(async)]
fn write_log(text: &str) {
    log::info!(target: "moving", "{text}");
}

#[tauri::command(async)]
fn close(app: AppHandle, label: &str) -> Outcome {
    let window = app.get_webview_window(label).ok_or("no such window")?;
    window.destroy().map_err(text)
}

#[tauri::command(async)]
fn report_of(app: AppHandle, report: State<'_, Report>) -> Value {
    (report.0)(&app)
}
