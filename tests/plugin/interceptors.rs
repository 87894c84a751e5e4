//! Functions that see each event before it is published.

use std::future::IntoFuture;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tauri::App;
use tauri::async_runtime::block_on;
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::periodic::JobChanges;
use tauri_plugin_event_bus::receipts::Outcome;
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
            "unreadable" => Err(Box::new(Unreadable)),
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

/// An error that no text can be made of.
#[derive(Debug)]
struct Unreadable;

impl std::fmt::Display for Unreadable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("at its text")
    }
}

impl std::error::Error for Unreadable {}

fn wait_until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end);
        std::thread::yield_now();
    }
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
    for name in ["panic", "unreadable"] {
        let error = bus.emit(name, 1).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Refused);
        assert!(!error.message().contains("at "), "{error}");
    }
    bus.emit("x", 1).unwrap();
    assert_eq!(*noted.lock().unwrap(), [format!("x 1 {HOST:?} false")]);
}

#[test]
fn a_panic_at_a_tick_ends_no_other_job() {
    let (app, _) = app();
    let bus = app.event_bus();
    let start = |name: &str| {
        let job = bus.periodic(name).id(name).every(Duration::from_millis(1));
        job.payload(1).start().unwrap()
    };
    let (_panic, _unreadable) = (start("panic"), start("unreadable"));
    wait_until(|| {
        let jobs = bus.jobs().list();
        jobs.iter().all(|job| job.failed > 2)
    });
    assert_eq!(next(&bus, || start("number").forget()), 2);
}

/// A waker is code of the app, too.
#[test]
fn a_panicking_waker_ends_no_job() {
    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("at the waker");
        }
    }

    let app = app_with(Builder::new());
    let bus = app.event_bus();
    let mut stream = bus.stream("x").unwrap();
    let mut next = pin!(stream.recv());
    let waker = Arc::new(Panics).into();
    assert!(
        next.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let job = bus.periodic("x").every(Duration::from_millis(1));
    let job = job.payload(1).start().unwrap();
    wait_until(|| job.info().ticks > 2);
}

#[test]
fn a_tick_goes_to_those_for_whom_it_was_seen() {
    let bus: Arc<Mutex<Option<EventBus>>> = Arc::default();
    let own = Arc::clone(&bus);
    let app = app_with(Builder::new().before_emit(move |_, context| {
        let is_for_host = context.to().is_some_and(|to| *to == HOST.into());
        let bus = own.lock().unwrap().take();
        if let (Some(bus), true) = (bus, is_for_host) {
            let job = bus.jobs().get("salary").ok_or("no job")?;
            job.update(JobChanges::new().to("main"))?;
        }
        Ok(())
    }));
    let mut page = Page::open(&app, "main");
    page.listen("salary");
    *bus.lock().unwrap() = Some(app.event_bus());
    let bus = app.event_bus();
    let mut stream = bus.stream("salary").unwrap();
    let tick = bus.emit_after("salary", Duration::from_millis(1), 1);
    tick.id("salary").to(HOST).start().unwrap().forget();
    wait_until(|| bus.jobs().list().is_empty());
    bus.emit("salary", "end").unwrap();
    let Some(StreamItem::Event(event)) = block_on(stream.recv()) else {
        panic!("nothing is lost");
    };
    assert_eq!(event.payload_json(), "1");
    assert_eq!(page.receive(), [("salary".to_owned(), json!("end"))]);
}

/// The interceptor of one tick waits for another job's tick.
#[test]
fn a_slow_one_delays_no_other_job() {
    let (sender, came) = mpsc::channel();
    let came = Mutex::new(came);
    let app = app_with(
        Builder::new().before_emit(move |event, _| match event.name() {
            "slow" => Ok(came.lock().unwrap().recv_timeout(PATIENCE)?),
            _ => Ok(()),
        }),
    );
    let bus = app.event_bus();
    let sender = Mutex::new(sender);
    let send = move |_| sender.lock().unwrap().send(()).unwrap();
    bus.listen("quick", send).unwrap().forget();
    let mut stream = bus.stream("slow").unwrap();
    for name in ["slow", "quick"] {
        let delayed = bus.emit_after(name, Duration::from_millis(1), 1);
        delayed.start().unwrap().forget();
    }
    assert!(matches!(
        block_on(stream.recv()),
        Some(StreamItem::Event(_))
    ));
}

/// An interceptor of a will waits for a timeout, which comes from what publishes wills.
#[test]
fn a_slow_one_delays_no_timeout() {
    let (sender, came) = mpsc::channel();
    let came = Mutex::new(came);
    let app = app_with(
        Builder::new().before_emit(move |event, _| match event.name() {
            "closed" => Ok(came.lock().unwrap().recv_timeout(PATIENCE)?),
            _ => Ok(()),
        }),
    );
    let bus = app.event_bus();
    let mut stream = bus.stream("closed").unwrap();
    let mut deaf = Page::open(&app, "main");
    deaf.listen("e");
    let mut page = Page::open(&app, "shop");
    let will = json!({ "event": "closed", "payload": "1", "will": { "id": 1, "afterMs": 0 } });
    let set = page.call("emit", json!({ "events": [will] })).unwrap();
    assert_eq!(set[0], json!({}));
    let handled = bus.emit_handled("e", 1).to("main");
    let waiting = std::thread::spawn(move || {
        let handled = block_on(handled.timeout(Duration::from_secs(1)).into_future());
        sender.send(()).unwrap();
        handled
    });
    // Its page does not come back.
    let _elsewhere = page.navigate("https://example.com");
    assert!(matches!(
        block_on(stream.recv()),
        Some(StreamItem::Event(_))
    ));
    let handled = waiting.join().unwrap().unwrap();
    assert_eq!(handled.pages[0].outcome, Outcome::Timeout);
}

/// The app's own error is dropped once another one takes its place.
#[test]
fn an_error_that_uses_its_job_may_be_dropped() {
    #[derive(Debug)]
    struct Guard(Arc<Mutex<Option<EventBus>>>, mpsc::Sender<usize>);

    impl std::fmt::Display for Guard {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("refused")
        }
    }

    impl std::error::Error for Guard {}

    impl Drop for Guard {
        fn drop(&mut self) {
            let bus = self.0.lock().unwrap().clone();
            if let Some(bus) = bus {
                let _ = self.1.send(bus.jobs().list().len());
            }
        }
    }

    let (sender, dropped) = mpsc::channel();
    let bus: Arc<Mutex<Option<EventBus>>> = Arc::default();
    let own = Arc::clone(&bus);
    let app = app_with(
        Builder::new().before_emit(move |_, context| match context.tick() {
            Some(_) => Err(Box::new(Guard(Arc::clone(&own), sender.clone()))),
            None => Ok(()),
        }),
    );
    *bus.lock().unwrap() = Some(app.event_bus());
    let job = app
        .event_bus()
        .periodic("x")
        .every(Duration::from_millis(1));
    let job = job.payload(1).start().unwrap();
    assert_eq!(dropped.recv_timeout(PATIENCE), Ok(1));
    drop(job);
    *bus.lock().unwrap() = None;
}

#[test]
fn a_delayed_event_that_was_paused_comes_at_once() {
    let bus: Arc<Mutex<Option<EventBus>>> = Arc::default();
    let own = Arc::clone(&bus);
    let (sender, paused) = mpsc::channel();
    let app = app_with(Builder::new().before_emit(move |_, context| {
        let bus = own.lock().unwrap().take();
        if let (Some(bus), Some(_)) = (bus, context.tick()) {
            bus.jobs().get("tea").ok_or("no job")?.pause()?;
            sender.send(())?;
        }
        Ok(())
    }));
    *bus.lock().unwrap() = Some(app.event_bus());
    let bus = app.event_bus();
    let mut stream = bus.stream("tea").unwrap();
    let tea = bus.emit_after("tea", Duration::from_millis(1), 1);
    let tea = tea.id("tea").start().unwrap();
    paused.recv_timeout(PATIENCE).unwrap();
    // It is busy until its interceptor has returned, and counts no tick then.
    wait_until(|| tea.info().ticks == 0);
    tea.resume().unwrap();
    assert!(matches!(
        block_on(stream.recv()),
        Some(StreamItem::Event(_))
    ));
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

#[test]
fn bridged_events_pass_them() {
    let builder = Builder::new().bridge_from_core(["number", "no"]);
    let builder = builder.before_emit(|event, context| match event.name() {
        "no" => Err("not today".into()),
        _ => {
            assert_eq!(context.source(), &HOST);
            Ok(event.set_payload(event.payload::<u32>()? * 2)?)
        }
    });
    let app = app_with(builder);
    let mut main = Page::open(&app, "main");
    main.listen("*");
    for (name, payload) in [("no", 1), ("number", 2)] {
        tauri::Emitter::emit(&app, name, payload).unwrap();
    }
    assert_eq!(main.receive_many(1), [("number".to_owned(), json!(4))]);
}
