//! The app under load: reads orders from standard input and prints the reply to each.

use crate::{
    orders::{Emission, Numbered, Order, Reply},
    processes,
    reports::Reports,
    tally::Tally,
    windows::Windows,
};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{BufRead, Write, stdin, stdout},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};
use tauri::{AppHandle, RunEvent, State, WebviewWindow, async_runtime, plugin};
use tauri_plugin_event_bus::{
    Builder, BusEvent, EmitOptions, EventBus, EventBusExt, Limits, Policy, StreamItem,
};

/// Small enough that a page which is busy for a moment, or away, loses events.
pub(crate) const QUEUE_EVENTS: u64 = 4_000;
pub(crate) const BACKLOG_EVENTS: u64 = 2_000;

/// The receivers that are not pages.
pub(crate) const HOST: &str = "host";

/// No page says that it can be called.
const WITHOUT_CALLS: &str = "const write = JSON.stringify
JSON.stringify = (value, ...rest) =>
    write(value?.call === true && 'ack' in value ? { ...value, call: undefined } : value, ...rest)";

struct Soak {
    app: AppHandle,
    bus: EventBus,
    reports: Arc<Reports>,
    windows: Windows,
    streams: Mutex<HashMap<String, async_runtime::JoinHandle<()>>>,
}

/// Runs the app until it is told to exit.
///
/// With `pull`, pages pull, as they do everywhere but on WebKitGTK.
pub(crate) fn serve(pull: bool) -> Result<()> {
    let mut limits = Limits::default();
    limits.queue_events = usize::try_from(QUEUE_EVENTS)?;
    limits.backlog_events = usize::try_from(BACKLOG_EVENTS)?;
    let bus = Builder::new()
        .limits(limits)
        .policy("load:latest", Policy::new().latest())
        // What these tell is never dropped.
        .policy("soak:*", Policy::new().reject())
        .policy("wait:*", Policy::new().reject())
        .build();
    let reports = Arc::new(Reports::default());
    let mut carrier = plugin::Builder::<_, ()>::new("carrier");
    if pull {
        carrier = carrier.js_init_script(WITHOUT_CALLS);
    }
    let app = tauri::Builder::default()
        .plugin(bus)
        .plugin(carrier.build())
        .manage(Arc::clone(&reports))
        .invoke_handler(tauri::generate_handler![report])
        .build(tauri::generate_context!())?;
    let handle = app.handle().clone();
    let mut reports = Some(reports);
    app.run(move |_, event| match event {
        RunEvent::Ready => {
            let Some(reports) = reports.take() else {
                return;
            };
            let soak = Soak {
                bus: handle.event_bus(),
                windows: Windows::new(handle.clone()),
                app: handle.clone(),
                reports,
                streams: Mutex::default(),
            };
            thread::spawn(move || {
                if let Err(error) = read_orders(Arc::new(soak)) {
                    eprintln!("error: {error:#}");
                }
            });
        }
        RunEvent::ExitRequested { api, code, .. } if code.is_none() => api.prevent_exit(),
        _ => {}
    });
    Ok(())
}

/// A report of a page.
#[tauri::command]
fn report(window: WebviewWindow, reports: State<'_, Arc<Reports>>, kind: &str, value: Value) {
    reports.add(window.label(), kind, value);
}

fn read_orders(soak: Arc<Soak>) -> Result<()> {
    set_up_the_host(&soak)?;
    for line in stdin().lock().lines() {
        let Numbered { id, order } = serde_json::from_str(&line?)?;
        let soak = Arc::clone(&soak);
        // Orders run side by side; the driver waits for the replies that it needs.
        async_runtime::spawn(async move {
            let outcome = soak
                .follow(order)
                .await
                .map_err(|error| format!("{error:#}"));
            match serde_json::to_string(&Reply { id, outcome }) {
                // In one write, since several orders end at once.
                Ok(line) => drop(stdout().write_all(format!("{line}\n").as_bytes())),
                Err(error) => eprintln!("error: {error}"),
            }
        });
    }
    // The driver has ended.
    soak.app.exit(1);
    Ok(())
}

/// The host listens and responds, as a page does.
fn set_up_the_host(soak: &Soak) -> Result<()> {
    let tallies: Arc<Mutex<HashMap<&str, Tally>>> = Arc::default();
    for (id, pattern) in [("all", "load:*"), ("from", "from:*"), ("jobs", "job:*")] {
        let tallies = Arc::clone(&tallies);
        soak.bus
            .listen(pattern, move |event| {
                let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
                enter(tallies.entry(id).or_default(), &event);
            })?
            .forget();
    }
    soak.bus
        .respond("double", async |number: u64| Ok(2 * number))?
        .forget();
    soak.bus
        .respond("hold", async |_: bool| {
            std::future::pending::<()>().await;
            Ok(())
        })?
        .forget();
    let reports = Arc::clone(&soak.reports);
    soak.bus
        .listen("soak:barrier", move |event| {
            let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
            let listeners: HashMap<_, _> = tallies
                .iter_mut()
                .map(|(id, tally)| (*id, tally.take()))
                .collect();
            let barrier = event.payload::<u64>().unwrap_or(0);
            let value = json!({ "listeners": listeners });
            reports.add(HOST, &format!("barrier {barrier}"), value);
        })?
        .forget();
    Ok(())
}

/// Enters an event, whose payload or tick says its number.
fn enter(tally: &mut Tally, event: &BusEvent) {
    #[derive(serde::Deserialize)]
    struct Numbered {
        i: u64,
    }
    let Ok(Numbered { i }) = event.payload() else {
        return tally.gap(0, false, format!("{} has no number", event.name()));
    };
    let number = event.tick().map_or(i, |tick| i + tick.count - 1);
    let first = number - event.superseded();
    tally.event(event.name(), first, number, event.is_retained());
}

impl Soak {
    async fn follow(&self, order: Order) -> Result<Value> {
        match order {
            Order::Emit(emission) => self.emit(&emission).await?,
            Order::Barrier { number } => {
                let emitted = self
                    .bus
                    .emit_async_with("soak:barrier", number, EmitOptions::new());
                emitted.await?;
            }
            Order::Tell { label, order } => {
                let to = EmitOptions::new().to(label);
                self.bus.emit_async_with("soak:order", order, to).await?;
            }
            Order::Report { label, kind } => return self.reports.next(&label, &kind).await,
            Order::Request {
                to,
                name,
                payload,
                timeout_ms,
            } => {
                let request = self.bus.request::<Value>(to, &name, payload);
                let request = request.timeout(Duration::from_millis(timeout_ms));
                return Ok(match request.await {
                    Ok(response) => response,
                    Err(error) => json!(error.code().as_str()),
                });
            }
            Order::Open { label } => self.windows.open(&label)?,
            Order::Close { label, by_force } => {
                self.windows.close(&label, by_force).await?;
                self.reports.forget(&label);
            }
            Order::Load { label, page } => self.windows.load(&label, &page)?,
            Order::Identify { label } => self.windows.identify(&label)?,
            Order::Kill { label } => self.windows.kill(&label)?,
            Order::OpenStream { label } => self.open_stream(label)?,
            Order::CloseStream { label } => self.close_stream(&label).await?,
            Order::ClearRetained { pattern } => {
                return Ok(json!(self.bus.clear_retained(&pattern)?));
            }
            Order::StartJob { label } => {
                let job = self.bus.periodic("pulse").id("pulse").to(label);
                job.every(Duration::from_secs(1))
                    .payload(json!({ "i": 0 }))
                    .start()?
                    .forget();
            }
            Order::Inspect => return Ok(json!(self.bus.inspect())),
            Order::Memory => return Ok(json!(processes::footprint(&self.windows.processes()))),
            Order::Exit => self.app.exit(0),
        }
        Ok(Value::Null)
    }

    async fn emit(&self, emission: &Emission) -> Result<()> {
        let mut options = EmitOptions::new().retain(emission.retain);
        if let Some(label) = &emission.to {
            options = options.to(label.as_str());
        }
        for number in emission.from..emission.from + emission.count {
            let payload = payload(number);
            if emission.waits {
                self.bus
                    .emit_async_with(&emission.name, payload, options.clone())
                    .await?;
            } else {
                self.bus
                    .emit_with(&emission.name, payload, options.clone())?;
            }
        }
        Ok(())
    }

    /// A stream that reads everything, and reports at each barrier.
    fn open_stream(&self, label: String) -> Result<()> {
        let mut stream = self.bus.stream("*")?;
        let reports = Arc::clone(&self.reports);
        let own = label.clone();
        let reader = async_runtime::spawn(async move {
            let mut tally = Tally::default();
            while let Some(item) = stream.recv().await {
                match item {
                    StreamItem::Event(event) if event.name() == "soak:barrier" => {
                        let barrier = event.payload::<u64>().unwrap_or(0);
                        let value = json!({ "listeners": { "stream": tally.take() } });
                        reports.add(&own, &format!("barrier {barrier}"), value);
                    }
                    StreamItem::Event(event) => enter(&mut tally, &event),
                    StreamItem::Gap(gap) => {
                        tally.gap(gap.count, gap.at_most, format!("{:?}", gap.reason));
                    }
                }
            }
        });
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.insert(label, reader);
        Ok(())
    }

    async fn close_stream(&self, label: &str) -> Result<()> {
        let reader = {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            streams.remove(label).context("there is no such stream")?
        };
        reader.abort();
        if reader.await.is_ok() {
            bail!("the stream `{label}` had ended");
        }
        self.reports.forget(label);
        Ok(())
    }
}

/// The number of an event, and some text of a length that follows from it.
fn payload(number: u64) -> Value {
    let length = usize::try_from(number * 37 % 200).unwrap_or(0);
    json!({ "i": number, "pad": "x".repeat(length) })
}
