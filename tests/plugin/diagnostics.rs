//! What the plugin logs, where the app's logger forwards it to the bus.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, mpsc};
use std::time::Duration;

use serde_json::json;
use tauri_plugin_event_bus::periodic::SourceCall;
use tauri_plugin_event_bus::{Builder, BusEvent, EmitOptions, EventBusExt, Limits, Until};

use crate::support::{Page, app, app_with};

type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Where records go, by a text that is in them. All tests share the logger of the process.
static SINKS: Mutex<Vec<(&str, Sink)>> = Mutex::new(Vec::new());

struct Forward;

impl log::Log for Forward {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        let sinks = SINKS.lock().unwrap().clone();
        let own = sinks.iter().filter(|(marker, _)| text.contains(marker));
        for (_, sink) in own {
            sink(&text);
        }
    }

    fn flush(&self) {}
}

/// Forwards records with this text. Returns how many there were.
fn forward(marker: &'static str, sink: impl Fn(&str) + Send + Sync + 'static) -> Arc<AtomicUsize> {
    static START: Once = Once::new();
    START.call_once(|| {
        log::set_logger(&Forward).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
    let count = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&count);
    let sink: Sink = Arc::new(move |text| {
        counted.fetch_add(1, Ordering::SeqCst);
        sink(text);
    });
    SINKS.lock().unwrap().push((marker, sink));
    count
}

fn chain(event: &BusEvent) -> (String, Vec<String>) {
    (
        event.name().to_owned(),
        event.causes().map(str::to_owned).collect(),
    )
}

#[test]
fn a_trace_that_cannot_be_entered_is_logged() {
    let count = forward("`enter` panicked: no entry", |_| {});
    let builder = Builder::new().trace_context(|| None, |_: &str| -> () { panic!("no entry") });
    let app = app_with(builder);
    let bus = app.event_bus();
    let (sender, called) = mpsc::channel();
    bus.listen("traced", move |_| sender.send(()).unwrap())
        .unwrap()
        .forget();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let options = tauri_plugin_event_bus::EmitOptions::new().traceparent(trace);
    bus.emit_with("traced", 1, options).unwrap();
    called.recv().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn each_redaction_that_matches_nothing_is_named() {
    let (sender, told) = mpsc::channel();
    let _count = forward("a redaction", move |text| {
        drop(sender.send(text.to_owned()))
    });
    let builder = Builder::new()
        .redact("hidden:*", "/tokn")
        .redact("hidden:*", "/secrt");
    let app = app_with(builder);
    let bus = app.event_bus();
    let mut tap = bus
        .tap(tauri_plugin_event_bus::tap::TapFilter::new())
        .unwrap();
    bus.emit("hidden:a", json!({ "token": 1 })).unwrap();
    assert!(tap.try_recv().is_some());
    let told: Vec<String> = told
        .try_iter()
        .filter(|text| text.contains("hidden:*"))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    for (text, pointer) in told.iter().zip(["/tokn", "/secrt"]) {
        assert!(text.contains(pointer), "{text}");
    }
}

#[test]
fn a_listener_that_panics_at_records_ends() {
    let app = app();
    let bus = app.event_bus();
    let (sender, called) = mpsc::channel();
    let own = bus.clone();
    let records = forward("panics:*", move |text| {
        own.emit("panics:line", text).unwrap();
    });
    bus.listen("panics:*", move |event| {
        sender.send(chain(&event)).unwrap();
        panic!("at each event");
    })
    .unwrap()
    .forget();
    bus.emit("panics:begin", ()).unwrap();
    assert_eq!(called.recv().unwrap(), ("panics:begin".into(), vec![]));
    // The record has its cause, and the panic at the record is counted only.
    let line = ("panics:line".to_owned(), vec!["panics:begin".to_owned()]);
    assert_eq!(called.recv().unwrap(), line);
    bus.emit("panics:end", ()).unwrap();
    assert_eq!(called.recv().unwrap(), ("panics:end".into(), vec![]));
    assert_eq!(records.load(Ordering::SeqCst), 1);
}

#[test]
fn a_record_of_slow_listeners_does_not_feed_itself() {
    let mut limits = Limits::default();
    limits.queue_events = 4;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let (sender, called) = mpsc::channel();
    let (leave, left) = mpsc::channel();
    let own = bus.clone();
    let records = forward("slow:row", move |text| {
        own.emit("slow:line", text).unwrap();
    });
    bus.listen("slow:*", move |event| {
        sender.send(chain(&event)).unwrap();
        let _ = left.recv();
    })
    .unwrap()
    .forget();
    bus.emit("slow:row", 0).unwrap();
    for _ in 0..2 {
        // The listener is at work, and its queue overflows.
        assert_eq!(called.recv().unwrap().0, "slow:row");
        for n in 0..10 {
            bus.emit("slow:row", n).unwrap();
        }
        leave.send(()).unwrap();
    }
    drop(leave);
    bus.emit("slow:end", ()).unwrap();
    let mut received = Vec::new();
    while received.last() != Some(&("slow:end".to_owned(), vec![])) {
        received.push(called.recv().unwrap());
    }
    assert_eq!(records.load(Ordering::SeqCst), 1, "{received:?}");
}

#[test]
fn a_record_of_slow_listeners_has_a_cause() {
    let mut limits = Limits::default();
    limits.queue_events = 4;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let (sender, called) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let own = bus.clone();
    forward("lost:row", move |text| {
        own.emit("lost:line", text).unwrap();
    });
    bus.listen("lost:*", move |event| {
        sender.send(chain(&event)).unwrap();
        let _ = left.recv();
    })
    .unwrap()
    .forget();
    bus.emit("lost:row", 0).unwrap();
    called.recv().unwrap();
    for n in 0..10 {
        bus.emit("lost:row", n).unwrap();
    }
    drop(leave);
    let line = ("lost:line".to_owned(), vec!["lost:row".to_owned()]);
    while called.recv().unwrap() != line {}
}

#[test]
fn a_restarted_job_does_not_fill_the_log() {
    let app = app_with(Builder::new().job_source("load", |call: &SourceCall| call.args::<u64>()));
    let records = forward("\"restarted\"", |_| {});
    let mut page = Page::open(&app, "main");
    page.listen("event-bus:job-stopped");
    for _ in 0..20 {
        let job = json!({ "event": "restarted", "everyMs": 1000, "source": "load", "args": "\"x\"", "immediate": true, "maxFailures": 1 });
        page.start_job(job).unwrap();
        let stopped = page.receive_many(1);
        assert_eq!(stopped[0].1["reason"], "failed");
    }
    // One for the tick, and one for the job.
    assert_eq!(records.load(Ordering::SeqCst), 2);
}

#[test]
fn what_one_listener_handles_is_not_given_up() {
    let told = forward("kept:either", |_| ());
    let app = app();
    let bus = app.event_bus();
    let _fails = bus.listen("kept:*", |_| panic!("on purpose"));
    let (sender, handled) = std::sync::mpsc::channel();
    let _handles = bus.listen("kept:either", move |_| sender.send(()).unwrap());
    let options = EmitOptions::new().until(Until::Consumed).max_deliveries(1);
    bus.emit_with("kept:either", 1, options).unwrap();
    handled.recv_timeout(Duration::from_secs(20)).unwrap();
    while bus.inspect().unconsumed.events > 0 {
        std::thread::yield_now();
    }
    // The panic alone is told.
    assert_eq!(told.load(Ordering::SeqCst), 1);
}
