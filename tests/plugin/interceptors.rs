//! Functions that see each event before it is published.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tauri::App;
use tauri::async_runtime::block_on;
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::{
    Builder, EmitOptions, Endpoint, ErrorCode, EventBus, EventBusExt, HOST, Limits, Policy,
    StreamItem,
};

use crate::support::{Page, app_with, code, message};

const PATIENCE: Duration = Duration::from_secs(20);

/// An app that refuses `no`, panics at `panic`, doubles the payload of `number`, and notes what comes through.
fn app() -> (App<MockRuntime>, Arc<Mutex<Vec<String>>>) {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&noted);
    let builder = Builder::new()
        .before_emit(|event, _| match event.name() {
            "no" => Err("not today".into()),
            "panic" => panic!("at the interceptor"),
            "number" => Ok(event.set_payload(event.payload::<u32>()? * 2)?),
            _ => Ok(()),
        })
        .before_emit(move |event, context| {
            let to = context.to().is_some();
            let (name, payload) = (event.name(), event.payload_json());
            let note = format!("{name} {payload} {:?} {to}", context.source());
            notes.lock().unwrap().push(note);
            Ok(())
        });
    (app_with(builder), noted)
}

fn next(bus: &EventBus, emit: impl FnOnce()) -> Value {
    let mut stream = bus.stream("number").unwrap();
    emit();
    let StreamItem::Event(event) = block_on(stream.recv()).unwrap() else {
        panic!("nothing is lost");
    };
    event.payload().unwrap()
}

#[test]
fn they_amend_and_refuse_in_order() {
    let (app, noted) = app();
    let bus = app.event_bus();
    let emit = || {
        bus.emit("number", 2).unwrap();
    };
    assert_eq!(next(&bus, emit), 4);
    let error = bus.emit_to(HOST, "no", 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Refused);
    assert_eq!(error.message(), "\"no\" was not emitted: not today");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "not today"
    );
    let mut main = Page::open(&app, "main");
    let refused = main.emit("no", "1");
    assert_eq!(
        (code(&refused), message(&refused)),
        ("refused", error.message())
    );
    let sent = main.emit_to(json!({ "kind": "host" }), "number", "3");
    assert!(sent["seq"].is_u64(), "{sent}");
    let main = Endpoint::webview("main");
    let expected = [
        format!("number 4 {HOST:?} false"),
        format!("number 6 {main:?} true"),
    ];
    assert_eq!(*noted.lock().unwrap(), expected);
}

#[test]
fn a_panic_refuses_that_event_alone() {
    let (app, noted) = app();
    let bus = app.event_bus();
    let error = bus.emit("panic", 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Refused);
    assert!(!error.message().contains("at the interceptor"), "{error}");
    bus.emit("x", 1).unwrap();
    assert_eq!(*noted.lock().unwrap(), [format!("x 1 {HOST:?} false")]);
}

#[test]
fn an_amended_payload_has_the_limit() {
    let mut limits = Limits::default();
    limits.payload_bytes = 10;
    let builder = Builder::new().limits(limits);
    let app = app_with(builder.before_emit(|event, _| Ok(event.set_payload("x".repeat(9))?)));
    let error = app.event_bus().emit("x", 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PayloadTooLarge);
}

#[test]
fn what_they_emit_passes_none_of_them() {
    let bus: Arc<Mutex<Option<EventBus>>> = Arc::default();
    let own = Arc::clone(&bus);
    let app = app_with(Builder::new().before_emit(move |event, _| {
        let bus = own.lock().unwrap().clone();
        if let Some(bus) = bus {
            bus.emit("seen", event.name())?;
        }
        Ok(())
    }));
    *bus.lock().unwrap() = Some(app.event_bus());
    let mut stream = app.event_bus().stream("*").unwrap();
    app.event_bus().emit("x", 1).unwrap();
    let names: Vec<String> = [(); 2]
        .iter()
        .map(|()| match block_on(stream.recv()) {
            Some(StreamItem::Event(event)) => event.name().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["seen", "x"]);
    *bus.lock().unwrap() = None;
}

#[test]
fn a_waiting_emit_passes_them_once() {
    let (sender, seen) = mpsc::channel();
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let builder = Builder::new()
        .limits(limits)
        .policy("order", Policy::new().reject())
        .before_emit(move |event, _| Ok(sender.send(event.payload_json().to_owned())?));
    let app = app_with(builder);
    let bus = app.event_bus();
    let stream = bus.stream("order").unwrap();
    let brief = EmitOptions::new().expires(Duration::from_millis(30));
    bus.emit_with("order", 1, brief).unwrap();
    block_on(bus.emit_async("order", 2)).unwrap();
    drop(stream);
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn ticks_pass_them_without_a_lock() {
    let (sender, ended) = mpsc::channel();
    let bus: Arc<Mutex<Option<EventBus>>> = Arc::default();
    let own = Arc::clone(&bus);
    let app = app_with(Builder::new().before_emit(move |event, context| {
        let Some(tick) = context.tick() else {
            return Ok(());
        };
        match (event.name(), tick.count) {
            ("number", _) => event.set_payload(tick.count * 10)?,
            // With the lock of the job held, this would wait for itself.
            ("stops", 3) => {
                let bus = own.lock().unwrap().clone().ok_or("no bus")?;
                let job = bus.jobs().get("stops").ok_or("no job")?;
                job.stop();
                sender.send(())?;
            }
            ("stops", _) => return Err("too early".into()),
            _ => {}
        }
        Ok(())
    }));
    *bus.lock().unwrap() = Some(app.event_bus());
    let bus = app.event_bus();
    let start = |name: &str| {
        let job = bus.periodic(name).id(name).every(Duration::from_millis(1));
        job.payload(1)
    };
    let count = start("number").count(1);
    let number = next(&bus, || count.start().unwrap().forget());
    assert_eq!(number, 10);
    let sampled = start("number").id("sampled").payload_with(|_| 7).count(1);
    assert_eq!(next(&bus, || sampled.start().unwrap().forget()), 10);
    let mut refused = bus.stream("stops").unwrap();
    let job = start("stops").start().unwrap();
    ended.recv_timeout(PATIENCE).unwrap();
    let info = job.info();
    assert_eq!(
        (info.failed, info.last_error.unwrap().code()),
        (2, ErrorCode::Refused)
    );
    bus.emit("stops", "end").unwrap();
    let Some(StreamItem::Event(event)) = block_on(refused.recv()) else {
        panic!("nothing is lost");
    };
    assert_eq!(event.payload_json(), "\"end\"");
}
