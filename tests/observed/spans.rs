//! Spans, read by a subscriber in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::test::TestBus;
use tauri_plugin_event_bus::{EmitOptions, EventBusExt, Target};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A span as it was recorded.
#[derive(Debug, Clone, Default)]
struct Span {
    kind: String,
    /// The number of the span around it.
    parent: Option<u64>,
    fields: BTreeMap<String, String>,
}

impl Span {
    fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

impl Visit for Span {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        self.fields
            .insert(field.name().to_owned(), text.trim_matches('"').to_owned());
    }
}

static SPANS: Mutex<BTreeMap<u64, Span>> = Mutex::new(BTreeMap::new());
static NEWEST: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn change(id: u64, change: impl FnOnce(&mut Span)) {
    let mut spans = SPANS.lock().unwrap_or_else(PoisonError::into_inner);
    change(spans.entry(id).or_default());
}

struct Memory;

impl Subscriber for Memory {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tauri_plugin_event_bus"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = NEWEST.fetch_add(1, Ordering::Relaxed);
        let parent = ENTERED.with_borrow(|entered| entered.last().copied());
        change(id, |span| {
            span.kind = attributes.metadata().name().to_owned();
            span.parent = parent;
            attributes.record(span);
        });
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        change(id.into_u64(), |span| values.record(span));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            assert_eq!(entered.pop(), Some(id.into_u64()));
        });
    }
}

/// The spans of this kind and name.
fn spans(kind: &str, name: &str) -> Vec<(u64, Span)> {
    let spans = SPANS.lock().unwrap_or_else(PoisonError::into_inner);
    let matching = spans
        .iter()
        .filter(|(_, span)| span.kind == kind && span.get("name") == name);
    matching.map(|(id, span)| (*id, span.clone())).collect()
}

fn bus() -> TestBus {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing::subscriber::set_global_default(Memory).unwrap());
    TestBus::new()
}

#[test]
fn an_event_has_spans_up_to_its_handlers() {
    let bus = bus();
    let own = bus.event_bus();
    let main = bus.page("main");
    let inner = own.clone();
    own.listen("spans:a", move |_| {
        inner.emit("spans:b", 1).map(drop).unwrap()
    })
    .unwrap()
    .forget();
    own.listen("spans:b", |_| {}).unwrap().forget();
    let options = EmitOptions::new().traceparent(TRACE);
    let receipt = own.emit_with("spans:a", "four", options).unwrap();
    bus.settle();
    assert_eq!(main.received("spans:*").len(), 2);

    let (_, emit) = &spans("emit", "spans:a")[0];
    assert_eq!(
        [
            "source",
            "bytes",
            "seq",
            "pages",
            "listeners",
            "traceparent"
        ]
        .map(|field| emit.get(field)),
        ["host", "6", &receipt.seq.to_string(), "1", "1", TRACE]
    );
    let (handling, handle) = &spans("handle", "spans:a")[0];
    assert_eq!(
        ["source", "bytes", "seq", "causes", "traceparent"].map(|field| handle.get(field)),
        ["host", "6", emit.get("seq"), "", TRACE]
    );
    // What a handler emits is within its span, and links to its causes.
    let (_, emit) = &spans("emit", "spans:b")[0];
    assert_eq!(emit.parent, Some(*handling));
    assert_eq!(
        (emit.get("causes"), emit.get("traceparent")),
        ("spans:a", TRACE)
    );
    let (_, handle) = &spans("handle", "spans:b")[0];
    assert_eq!(handle.get("causes"), "spans:a");
    let delivered = spans("deliver", "");
    assert!(
        delivered
            .iter()
            .any(|(_, span)| span.get("receiver") == "main" && span.get("events") != "0")
    );
    assert!(
        delivered
            .iter()
            .any(|(_, span)| span.get("receiver") == "host")
    );
}

#[test]
fn a_refused_event_tells_its_error() {
    let bus = bus();
    let own = bus.event_bus();
    own.emit_to("nobody", "spans:refused", ()).unwrap_err();
    let (_, emit) = &spans("emit", "spans:refused")[0];
    assert_eq!((emit.get("error"), emit.get("seq")), ("unknown_target", ""));
}

#[test]
fn requests_and_their_responders_have_spans() {
    let bus = bus();
    let own = bus.event_bus();
    own.respond("spans:double", async |n: u32| Ok(n * 2))
        .unwrap()
        .forget();
    bus.page("main")
        .respond("spans:confirm", |_: ()| Err::<bool, _>("no".into()))
        .unwrap();
    block_on(async {
        let double = own.request::<u32>(Target::host(), "spans:double", 21);
        assert_eq!(double.await, Ok(42));
        let confirm = own.request::<bool>("main", "spans:confirm", ());
        assert!(confirm.await.is_err());
    });
    let (_, request) = &spans("request", "spans:double")[0];
    assert_eq!(
        ["source", "receiver", "bytes", "outcome"].map(|field| request.get(field)),
        ["host", "host", "2", "ok"]
    );
    let (_, respond) = &spans("respond", "spans:double")[0];
    assert_eq!(respond.get("request"), request.get("request"));
    let (_, refused) = &spans("request", "spans:confirm")[0];
    assert_eq!(
        (refused.get("receiver"), refused.get("outcome")),
        ("main", "responder_failed")
    );
}

#[test]
fn ticks_have_spans() {
    let bus = bus();
    let own = bus.event_bus();
    let job = own
        .periodic("spans:tick")
        .every(std::time::Duration::from_secs(3600))
        .start()
        .unwrap();
    bus.tick(job.id()).unwrap();
    let (_, emit) = &spans("emit", "spans:tick")[0];
    assert_eq!((emit.get("job"), emit.get("source")), (job.id(), "host"));
    assert!(!emit.get("seq").is_empty());
}

/// A subscriber that uses the bus, as one that sends spans to a window does: it deadlocks if a lock is held.
#[test]
fn no_lock_is_held_while_a_subscriber_runs() {
    struct Using(tauri_plugin_event_bus::EventBus);

    impl Subscriber for Using {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "tauri_plugin_event_bus"
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            let _ = (self.0.inspect(), self.0.jobs().list());
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {
            let _ = (self.0.inspect(), self.0.jobs().list());
        }

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, _: &Id) {
            let _ = (self.0.inspect(), self.0.jobs().list());
        }

        fn exit(&self, _: &Id) {
            let _ = (self.0.inspect(), self.0.jobs().list());
        }
    }

    let bus = bus();
    let own = bus.event_bus();
    tracing::subscriber::with_default(Using(own.clone()), || {
        own.emit("spans:under", 1).unwrap();
        own.emit_to("nobody", "spans:under", 1).unwrap_err();
        let job = own
            .periodic("spans:under")
            .every(std::time::Duration::from_secs(3600))
            .start()
            .unwrap();
        bus.tick(job.id()).unwrap();
        job.stop();
        block_on(async {
            let none = own.request::<u8>(Target::host(), "spans:none", ());
            assert!(none.await.is_err());
        });
    });
    assert_eq!(bus.history("spans:under").len(), 2);
}
