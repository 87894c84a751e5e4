//! The app of the journeys: windows with the guest API, and commands for what only Rust can do. The variable
//! `FIXTURE_ENGINE` selects the engine of its windows.

use chromium_runtime::{ChromiumRuntime, serve_from_chromium};
use declared_events::{Random, Sample, Visitor, visit_all};
use serde_json::{Value, json, value::RawValue};
use std::{
    error::Error,
    future::IntoFuture,
    io::Write,
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};
use tauri::{
    AppHandle, Context, Manager, RunEvent, Runtime, State, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder, WindowEvent, Wry,
    plugin::{self, TauriPlugin},
};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, EventBus, EventBusExt, Receipt};

type Outcome<T> = Result<T, Value>;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::var("FIXTURE_ENGINE").as_deref() {
        Err(_) | Ok("webkit") => app::<Wry>().run(context())?,
        Ok("chromium") => {
            let mut context = context();
            serve_from_chromium(&mut context);
            app::<ChromiumRuntime>().run(context)?;
        }
        Ok(unknown) => {
            Err(format!(
                "FIXTURE_ENGINE is {unknown:?}; expected webkit or chromium"
            ))?;
        }
    }
    Ok(())
}

fn context<R: Runtime>() -> Context<R> {
    tauri::generate_context!()
}

fn app<R: Runtime>() -> tauri::Builder<R> {
    tauri::Builder::new()
        .plugin(declared_events::register(Builder::new()).build())
        .invoke_handler(tauri::generate_handler![
            emit,
            emit_to,
            emit_to_self,
            inspect,
            emit_on_the_main_thread,
            emit_while_holding_a_lock,
            flood,
            stream,
            round_trip,
            request,
            request_all,
            request_on_the_main_thread,
            open,
            close,
            hide,
            load,
            report,
            exit
        ])
        .plugin(hooks())
        .manage(Ledger::default())
        .setup(|app| {
            // Before any page has loaded.
            app.event_bus().emit("app:ready", json!({ "version": 3 }))?;
            app.event_bus()
                .respond("sum", async |numbers: Vec<i64>| {
                    Ok(numbers.iter().sum::<i64>())
                })?
                .forget();
            let ledger = app.handle().clone();
            app.event_bus()
                .listen("ledger:changed", move |_| {
                    if let Ok(mut entries) = ledger.state::<Ledger>().0.lock() {
                        *entries += 1;
                        let _ = ledger.event_bus().emit("ledger:read", *entries);
                    }
                })?
                .forget();
            Ok(())
        })
}

/// State of the app, behind a lock.
#[derive(Default)]
struct Ledger(Mutex<u32>);

/// Emits from the hooks of a plugin, which Tauri runs while it locks its plugins.
fn hooks<R: Runtime>() -> TauriPlugin<R> {
    let mut hooks = plugin::Builder::new("hooks");
    // A page that does not say that it can be called is never called.
    if std::env::var("E2E_CARRIER").is_ok_and(|carrier| carrier == "pull") {
        hooks = hooks.js_init_script(
            "const write = JSON.stringify
            const withoutCall = (value) => (value?.call === true && 'ack' in value ? { ...value, call: undefined } : value)
            JSON.stringify = (value, ...rest) => {
                const message = withoutCall(value)
                const { payload } = Object(message)
                return write(payload ? { ...message, payload: withoutCall(payload) } : message, ...rest)
            }",
        );
    }
    hooks
        .on_webview_ready(|webview| {
            let _ = webview
                .app_handle()
                .event_bus()
                .emit("hook:ready", webview.label());
        })
        .on_page_load(|webview, _| {
            let _ = webview
                .app_handle()
                .event_bus()
                .emit("hook:load", webview.label());
        })
        .on_event(|app, event| {
            if let RunEvent::WindowEvent {
                label,
                event: WindowEvent::Destroyed,
                ..
            } = event
            {
                let _ = app.event_bus().emit("hook:destroyed", label);
            }
        })
        .build()
}

/// Emits to all pages. `json` is sent unchanged, so a test can send what no Rust value can hold.
#[tauri::command(async)]
fn emit<R: Runtime>(app: AppHandle<R>, name: &str, json: String) -> Outcome<Receipt> {
    app.event_bus().emit(name, raw(json)?).map_err(refusal)
}

/// Emits to one window.
#[tauri::command(async)]
fn emit_to<R: Runtime>(
    app: AppHandle<R>,
    label: &str,
    name: &str,
    json: String,
) -> Outcome<Receipt> {
    app.event_bus()
        .emit_to(label, name, raw(json)?)
        .map_err(refusal)
}

/// Sends a request to a page from an async command.
#[tauri::command]
async fn request<R: Runtime>(
    app: AppHandle<R>,
    label: String,
    name: String,
    payload: Value,
    timeout_ms: Option<u64>,
) -> Outcome<Value> {
    let mut request = app.event_bus().request(&*label, &name, payload);
    if let Some(millis) = timeout_ms {
        request = request.timeout(Duration::from_millis(millis));
    }
    request.await.map_err(refusal)
}

#[tauri::command]
async fn request_all<R: Runtime>(app: AppHandle<R>, to: String, name: String) -> Outcome<Value> {
    let bus = app.event_bus();
    let responses = bus.request_all::<Value>(&*to, &name, ()).await;
    let responses = responses.map_err(refusal)?.into_iter();
    Ok(responses
        .map(|(label, response)| json!([label, response.unwrap_or_else(refusal)]))
        .collect())
}

/// A command without `async`: it would wait on the main thread.
#[tauri::command]
fn request_on_the_main_thread<R: Runtime>(
    app: AppHandle<R>,
    label: &str,
    name: &str,
) -> Outcome<Value> {
    let request = app.event_bus().request(label, name, ());
    tauri::async_runtime::block_on(request.into_future()).map_err(refusal)
}

#[tauri::command(async)]
fn inspect<R: Runtime>(app: AppHandle<R>) -> Value {
    json!(app.event_bus().inspect())
}

/// Emits to the window that calls this command.
#[tauri::command(async)]
fn emit_to_self<R: Runtime>(
    window: WebviewWindow<R>,
    name: &str,
    json: String,
) -> Outcome<Receipt> {
    window
        .event_bus()
        .emit_to_self(name, raw(json)?)
        .map_err(refusal)
}

/// Emits from several threads at once and returns when the last has finished.
#[tauri::command(async)]
fn flood<R: Runtime>(app: AppHandle<R>, threads: u32, per_thread: u32, name: &str) -> Outcome<()> {
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

/// A command without `async`: it runs on the main thread.
#[tauri::command]
fn emit_on_the_main_thread<R: Runtime>(app: AppHandle<R>, name: &str) -> Outcome<Receipt> {
    app.event_bus().emit(name, "main thread").map_err(refusal)
}

/// Emits to a listener that takes the lock which this command holds.
#[tauri::command]
fn emit_while_holding_a_lock<R: Runtime>(
    app: AppHandle<R>,
    ledger: State<'_, Ledger>,
) -> Outcome<Receipt> {
    let mut entries = ledger.0.lock().map_err(|error| json!(error.to_string()))?;
    *entries += 1;
    app.event_bus()
        .emit("ledger:changed", *entries)
        .map_err(refusal)
}

/// Starts to emit at a steady rate, and returns at once.
#[tauri::command(async)]
fn stream<R: Runtime>(app: AppHandle<R>, count: u32, per_second: u32, name: String) {
    let bus = app.event_bus();
    thread::spawn(move || {
        let start = Instant::now();
        for i in 0..count {
            let due = Duration::from_secs(1) * i / per_second;
            thread::sleep(due.saturating_sub(start.elapsed()));
            if bus.emit(&name, i).is_err() {
                return;
            }
        }
    });
}

/// Sends values of every typed event to a window whose page sends them back. Returns the values that changed.
#[tauri::command]
async fn round_trip<R: Runtime>(app: AppHandle<R>, label: String, rounds: u64) -> Outcome<Value> {
    // It waits for listeners, so it must not occupy a thread of theirs.
    tauri::async_runtime::spawn_blocking(move || {
        let mut round_trip = RoundTrip {
            bus: app.event_bus(),
            label,
            rounds,
            events: 0,
            faults: Vec::new(),
        };
        visit_all(&mut round_trip);
        json!({ "events": round_trip.events, "faults": round_trip.faults })
    })
    .await
    .map_err(|error| json!(error.to_string()))
}

struct RoundTrip {
    bus: EventBus,
    label: String,
    rounds: u64,
    events: u64,
    faults: Vec<String>,
}

impl RoundTrip {
    fn send<E: Sample>(&mut self) -> Result<(), String> {
        let (sender, back) = mpsc::channel();
        let _listener = E::listen(&self.bus, move |event| {
            sender.send(event.payload).unwrap_or(())
        })
        .map_err(|error| error.to_string())?;
        let random = &mut Random::new(self.events);
        // One at a time: an event with the policy `latest` would supersede the previous one.
        for _ in 0..self.rounds {
            let sent = E::sample(random);
            sent.emit_to(&self.bus, &*self.label)
                .map_err(|error| error.to_string())?;
            let received = back
                .recv_timeout(Duration::from_secs(5))
                .map_err(|_| format!("{sent:?} did not come back"))?;
            // As JSON, since NaN does not equal itself.
            if json!(sent) != json!(received) {
                return Err(format!("{sent:?} came back as {received:?}"));
            }
        }
        Ok(())
    }
}

impl Visitor for RoundTrip {
    fn visit<E: Sample>(&mut self) {
        if !self.faults.is_empty() {
            return;
        }
        let sent = self.send::<E>();
        self.faults
            .extend(sent.err().map(|fault| format!("{}: {fault}", E::NAME)));
        self.events += 1;
    }
}

#[tauri::command(async)]
fn exit<R: Runtime>(app: AppHandle<R>) {
    app.exit(0);
}

/// Writes a line to the report file, for a journey that has lost the page.
#[tauri::command(async)]
fn report(line: &str) -> Result<(), String> {
    let file = std::env::var("FIXTURE_REPORT").map_err(|error| error.to_string())?;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        // In one write, since several of these commands run at once.
        .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
        .map_err(|error| error.to_string())
}

/// Loads a page of the app in another window.
#[tauri::command(async)]
fn load<R: Runtime>(
    app: AppHandle<R>,
    caller: WebviewWindow<R>,
    label: &str,
    page: &str,
) -> Result<(), tauri::Error> {
    let window = app
        .get_webview_window(label)
        .ok_or(tauri::Error::WindowNotFound)?;
    // A page whose process has died has no URL.
    let url = caller.url()?.join(page).map_err(tauri::Error::InvalidUrl)?;
    window.navigate(url)
}

#[tauri::command(async)]
fn open<R: Runtime>(
    app: AppHandle<R>,
    label: &str,
    page: Option<String>,
) -> Result<(), tauri::Error> {
    let url = page.map_or_else(WebviewUrl::default, |page| WebviewUrl::App(page.into()));
    WebviewWindowBuilder::new(&app, label, url)
        .title(label)
        .inner_size(480.0, 200.0)
        .position(20.0, 600.0)
        .build()
        .map(drop)
}

#[tauri::command(async)]
fn hide<R: Runtime>(app: AppHandle<R>, label: &str) -> Result<(), tauri::Error> {
    match app.get_webview_window(label) {
        Some(window) => window.hide(),
        None => Err(tauri::Error::WindowNotFound),
    }
}

#[tauri::command(async)]
fn close<R: Runtime>(app: AppHandle<R>, label: &str) -> Result<(), tauri::Error> {
    match app.get_webview_window(label) {
        Some(window) => window.close(),
        None => Err(tauri::Error::WindowNotFound),
    }
}

fn raw(json: String) -> Outcome<Box<RawValue>> {
    RawValue::from_string(json)
        .map_err(|error| json!({ "code": "invalid_payload", "message": error.to_string() }))
}

fn refusal(error: tauri_plugin_event_bus::Error) -> Value {
    json!(error)
}
