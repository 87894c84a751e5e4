//! Counters and histograms, read by a recorder in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Wake, Waker};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::request::PartSender;
use tauri_plugin_event_bus::test::TestBus;
use tauri_plugin_event_bus::typed::{Event, Request};
use tauri_plugin_event_bus::{Builder, EmitOptions, ErrorCode, EventBusExt, StreamItem, Target};

/// What was counted, and how often a histogram got a value, by name and labels.
static COUNTED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
static DESCRIBED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn text_of(key: &Key) -> String {
    let labels = key
        .labels()
        .map(|label| format!("{}={}", label.key(), label.value()));
    let mut labels: Vec<String> = labels.collect();
    labels.sort();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

struct Cell(String);

impl Cell {
    fn add(&self, value: u64) {
        let mut counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.entry(self.0.clone()).or_default() += value;
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, _: u64) {
        unreachable!("the bus only adds")
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        assert!(value >= 0.0, "{value}");
        self.add(1);
    }
}

struct Memory;

impl Memory {
    fn describe(&self, name: &KeyName) {
        let mut described = DESCRIBED.lock().unwrap_or_else(PoisonError::into_inner);
        described.push(name.as_str().to_owned());
    }
}

impl Recorder for Memory {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.describe(&name);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Cell(text_of(key))))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Cell(text_of(key))))
    }
}

fn counted(key: &str) -> u64 {
    let counted = COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    counted.get(key).copied().unwrap_or_default()
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Counted {
    n: u32,
}

impl Event for Counted {
    const NAME: &'static str = "metrics:counted";
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Double {
    n: u32,
}

impl Request for Double {
    const NAME: &'static str = "metrics:double";
    type Response = u32;
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Checked {
    n: u32,
}

impl Event for Checked {
    const NAME: &'static str = "metrics:checked";
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Absent {}

impl Request for Absent {
    const NAME: &'static str = "metrics:absent";
    type Response = u32;
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Rows {}

impl Request for Rows {
    const NAME: &'static str = "metrics:rows";
    type Response = u32;
}

fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| metrics::set_global_recorder(Memory).map_err(drop).unwrap());
}

#[test]
fn every_refusal_is_counted() {
    install();
    let bus = TestBus::with(Builder::new().event::<Checked>().request::<Absent>());
    let own = bus.event_bus();
    let long = EmitOptions::new().traceparent("no trace");
    own.emit_with("metrics:checked", 1, long).unwrap_err();
    own.emit_with("metrics:checked", 1, EmitOptions::new().max_deliveries(0))
        .unwrap_err();
    let absent = own.request::<u32>(Target::host(), "metrics:absent", Absent {});
    block_on(async { absent.await }).unwrap_err();
    let timeout = own.request::<u32>("nobody", "metrics:absent", Absent {});
    block_on(async { timeout.await }).unwrap_err();
    for (key, count) in [
        (
            "event_bus_refused_total{code=invalid_argument,name=metrics:checked}",
            2,
        ),
        (
            "event_bus_refused_total{code=no_responder,name=metrics:absent}",
            1,
        ),
        (
            "event_bus_refused_total{code=unknown_target,name=metrics:absent}",
            1,
        ),
    ] {
        assert_eq!(counted(key), count, "{key}");
    }
}

#[test]
fn a_stream_is_counted_when_it_ends() {
    install();
    let bus = TestBus::with(Builder::new().request::<Rows>());
    let own = bus.event_bus();
    own.respond_stream("metrics:rows", async |_: Rows, out: PartSender<u32>| {
        out.send(1).await?;
        Err::<(), _>("no more".into())
    })
    .unwrap()
    .forget();
    let rows = own.request_stream::<u32>(Target::host(), "metrics:rows", Rows {});
    let mut rows = block_on(async { rows.await }).unwrap();
    let key =
        |outcome: &str| format!("event_bus_requests_total{{name=metrics:rows,outcome={outcome}}}");
    assert_eq!(block_on(rows.recv()).unwrap(), Ok(1));
    assert_eq!(counted(&key("ok")), 0);
    block_on(rows.recv()).unwrap().unwrap_err();
    // It is counted after its end was queued, and its time last.
    let seconds = "event_bus_request_seconds{name=metrics:rows}";
    while counted(seconds) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(counted(&key("responder_failed")), 1);
    assert_eq!(counted(seconds), 1);
}

#[test]
fn declared_names_are_counted_apart() {
    install();
    let bus = TestBus::with(Builder::new().event::<Counted>().request::<Double>());
    let own = bus.event_bus();
    let main = bus.page("main");
    own.listen("metrics:*", |_| {}).unwrap().forget();
    own.respond("metrics:double", async |double: Double| Ok(double.n * 2))
        .unwrap()
        .forget();
    let others = counted("event_bus_events_total{name=other}");
    for n in 0..3 {
        own.emit("metrics:counted", Counted { n }).unwrap();
        // Names that a page makes up share one label.
        main.emit(&format!("metrics:{n}"), n).unwrap();
    }
    own.emit_to("nobody", "metrics:counted", ()).unwrap_err();
    bus.settle();
    let double = own.request::<u32>(Target::host(), "metrics:double", Double { n: 4 });
    assert_eq!(block_on(async { double.await }), Ok(8));
    for (key, count) in [
        ("event_bus_events_total{name=metrics:counted}", 3),
        ("event_bus_payload_bytes{name=metrics:counted}", 3),
        (
            "event_bus_refused_total{code=unknown_target,name=metrics:counted}",
            1,
        ),
        (
            "event_bus_requests_total{name=metrics:double,outcome=ok}",
            1,
        ),
        ("event_bus_request_seconds{name=metrics:double}", 1),
    ] {
        assert_eq!(counted(key), count, "{key}");
    }
    // Other tests of this process emit, too.
    assert!(counted("event_bus_events_total{name=other}") >= others + 3);
    for receiver in ["page", "host"] {
        let key = format!("event_bus_delivered_total{{receiver={receiver}}}");
        assert!(counted(&key) >= 6, "{key}");
    }
    let keys: Vec<String> = COUNTED.lock().unwrap().keys().cloned().collect();
    assert!(
        !keys.iter().any(|key| key.contains("metrics:0")),
        "{keys:?}"
    );
    let described = DESCRIBED.lock().unwrap();
    for key in keys {
        let name = key.split('{').next().unwrap();
        assert!(described.iter().any(|known| known == name), "{name}");
    }
}

/// A recorder that cannot count this.
struct Panics(&'static str);

impl Recorder for Panics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        assert_ne!(key.name(), self.0, "no such counter");
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn a_recorder_that_panics_keeps_nothing_back() {
    let bus = TestBus::with(Builder::new());
    let own = bus.event_bus();
    let mut events = own.stream("metrics:kept").unwrap();
    own.emit("metrics:kept", 1).unwrap();
    own.emit("metrics:kept", 2).unwrap();
    for payload in ["1", "2"] {
        let item = metrics::with_local_recorder(&Panics("event_bus_delivered_total"), || {
            block_on(events.recv())
        });
        let Some(StreamItem::Event(event)) = item else {
            panic!("{item:?}");
        };
        assert_eq!(event.payload_json(), payload);
    }
}

/// An accepted event reaches those that wait for it, whatever the recorder does.
#[test]
fn a_recorder_that_panics_takes_no_wakeup() {
    let bus = TestBus::with(Builder::new());
    let own = bus.event_bus();
    let mut events = own.stream("metrics:kept").unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut next = Box::pin(events.recv());
    let polled = next.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    metrics::with_local_recorder(&Panics("event_bus_events_total"), || {
        own.emit("metrics:kept", 1).unwrap();
    });
    assert!(woken.0.load(Ordering::SeqCst));
    assert!(matches!(block_on(next), Some(StreamItem::Event(_))));
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_recorder_that_panics_keeps_no_refusal_back() {
    let bus = TestBus::with(Builder::new());
    let own = bus.event_bus();
    let recorder = Panics("event_bus_refused_total");
    let refused = metrics::with_local_recorder(&recorder, || own.emit("a b", 1));
    assert_eq!(refused.unwrap_err().code(), ErrorCode::InvalidEventName);
    let unanswered = metrics::with_local_recorder(&recorder, || {
        block_on(async { own.request::<()>(Target::host(), "metrics:none", ()).await })
    });
    assert_eq!(unanswered.unwrap_err().code(), ErrorCode::NoResponder);
}
