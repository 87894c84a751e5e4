//! Traces: `traceparent` on its way through events and requests.

use std::cell::RefCell;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::json;
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::test::TestBus;
use tauri_plugin_event_bus::{Builder, EmitOptions, ErrorCode, EventBusExt, ListenOptions, Target};

use crate::support::{Page, app};

const PATIENCE: Duration = Duration::from_secs(20);

const FIRST: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SECOND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

thread_local! {
    static TRACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn current() -> Option<String> {
    TRACE.with_borrow(Clone::clone)
}

/// Leaves a trace again.
struct Left(Option<String>);

impl Drop for Left {
    fn drop(&mut self) {
        TRACE.set(self.0.take());
    }
}

fn traced() -> Builder {
    Builder::new().trace_context(current, |traceparent| {
        Left(TRACE.replace(Some(traceparent.to_owned())))
    })
}

#[test]
fn a_trace_goes_from_page_to_page_over_rust() {
    let app = app();
    let bus = app.event_bus();
    let (mut main, mut other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    other.listen("shown");
    let own = bus.clone();
    bus.listen("click", move |event| {
        assert_eq!(event.traceparent(), Some(FIRST));
        own.emit("shown", ()).unwrap();
    })
    .unwrap()
    .forget();
    let events = json!({ "events": [{ "event": "click", "traceparent": FIRST }] });
    main.call("emit", events).unwrap();
    let rows = other.pull().rows();
    let extras = rows[0].as_array().unwrap().last().unwrap();
    assert_eq!(extras["traceparent"], FIRST);
    assert_eq!(extras["causes"], json!(["click"]));
}

#[test]
fn a_trace_goes_through_requests() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.set_responder("q", true);
    let own = bus.clone();
    bus.respond_with("outer", move |(), context| {
        assert_eq!(context.traceparent(), Some(FIRST));
        let bus = own.clone();
        async move { Ok(bus.request::<u8>("main", "q", ()).await?) }
    })
    .unwrap()
    .forget();
    let request = bus.request::<u8>(Target::host(), "outer", ());
    let sent = tauri::async_runtime::spawn(request.traceparent(FIRST).into_future());
    let request = main.next_request();
    assert_eq!(request["traceparent"], FIRST);
    main.respond(&request, "7");
    assert_eq!(block_on(sent).unwrap().unwrap(), 7);

    // A page requests with a trace of its own.
    let other = Page::open(&app, "other");
    let arguments =
        json!({ "id": 1, "to": { "kind": "host" }, "name": "outer", "traceparent": "nope" });
    let refused = other.request_with(arguments).wait().unwrap_err();
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.contains("invalid traceparent \"nope\""),
        "{message}"
    );
    assert_eq!(refused["code"], "invalid_argument");
}

#[test]
fn an_invalid_trace_is_refused() {
    let bus = TestBus::new();
    let own = bus.event_bus();
    let error = own
        .emit_with("a", (), EmitOptions::new().traceparent("00-\u{202e}"))
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("\"00-\\u{202e}\""), "{error}");
    let error = block_on(async {
        own.request::<u8>(Target::host(), "a", ())
            .traceparent("")
            .await
    });
    let error = error.unwrap_err();
    assert!(error.message().contains("invalid traceparent"), "{error}");
    assert_eq!(bus.history("*").len(), 0);
}

#[test]
fn the_trace_of_the_app_is_taken_and_entered() {
    let bus = TestBus::with(traced());
    let own = bus.event_bus();
    let entered: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let (seen, inner) = (Arc::clone(&entered), own.clone());
    own.listen("a", move |_| {
        seen.lock().unwrap().push(current());
        inner.emit("b", ()).unwrap();
    })
    .unwrap()
    .forget();
    let (sender, receiver) = mpsc::channel();
    own.listen_async("b", ListenOptions::new(), move |_| {
        let sender = sender.clone();
        async move { sender.send(current()).unwrap() }
    })
    .unwrap()
    .forget();
    own.emit("a", 1).unwrap();
    TRACE.set(Some(FIRST.to_owned()));
    own.emit("a", 2).unwrap();
    let with = EmitOptions::new().traceparent(SECOND);
    own.emit_with("a", 3, with).unwrap();
    TRACE.set(None);
    bus.settle();
    let traces = [None, Some(FIRST), Some(SECOND)].map(|trace| trace.map(str::to_owned));
    assert_eq!(*entered.lock().unwrap(), traces);
    let mut later: Vec<_> = (0..3)
        .map(|_| receiver.recv_timeout(PATIENCE).unwrap())
        .collect();
    later.sort();
    let mut expected = traces.to_vec();
    expected.sort();
    assert_eq!(later, expected);
    let caused: Vec<_> = bus
        .history("b")
        .into_iter()
        .map(|event| event.traceparent)
        .collect();
    assert_eq!(caused, traces);
}

#[test]
fn a_wrong_trace_of_the_app_loses_no_event() {
    let bus = TestBus::with(Builder::new().trace_context(
        || match current().as_deref() {
            Some("panic") => panic!("no trace today"),
            other => other.map(str::to_owned),
        },
        |_| (),
    ));
    let own = bus.event_bus();
    for wrong in ["nope", "panic"] {
        TRACE.set(Some(wrong.to_owned()));
        own.emit("a", wrong).unwrap();
    }
    TRACE.set(None);
    assert!(
        bus.history("a")
            .iter()
            .all(|event| event.traceparent.is_none())
    );
    assert_eq!(bus.history("a").len(), 2);
}

#[test]
fn an_event_caused_elsewhere_keeps_its_trace() {
    let bus = TestBus::new();
    let own = bus.event_bus();
    let inner = own.clone();
    own.listen("a", move |event| {
        let caused = inner.caused_by(&event);
        std::thread::spawn(move || caused.emit("b", ()).unwrap())
            .join()
            .unwrap();
        inner.without_causes().emit("c", ()).unwrap();
    })
    .unwrap()
    .forget();
    own.emit_with("a", (), EmitOptions::new().traceparent(FIRST))
        .unwrap();
    bus.settle();
    let trace = |name: &str| bus.history(name)[0].traceparent.clone();
    assert_eq!(trace("b").as_deref(), Some(FIRST));
    assert_eq!(trace("c"), None);
}
