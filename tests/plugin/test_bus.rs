//! The bus for the tests of an app: pages that are played, and recordings that are replayed.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::tap::{Recording, TapEntry};
use tauri_plugin_event_bus::test::{DifferenceKind, ReplayOptions, TestBus};
use tauri_plugin_event_bus::{
    Builder, Bytes, EmitOptions, Endpoint, ErrorCode, EventBus, EventBusExt, HOST, Limits, Policy,
};

/// Code under test: keeps the total of what is added.
fn keep_total(bus: &EventBus, price: u32) {
    let (own, mut total) = (bus.clone(), 0);
    bus.listen("added", move |event| {
        total += price * event.payload::<u32>().unwrap();
        own.emit("total", total).unwrap();
    })
    .unwrap()
    .forget();
}

#[test]
fn pages_emit_and_receive() {
    let bus = TestBus::new();
    keep_total(&bus.event_bus(), 2);
    let (main, other) = (bus.page("main"), bus.page("other"));
    main.emit("added", 1).unwrap();
    other.emit("added", 3).unwrap();
    bus.event_bus().emit_to("other", "note", 7).unwrap();
    bus.settle();
    assert_eq!(bus.emitted::<u32>("total"), [2, 8]);
    let totals = main.received("total");
    assert_eq!(totals.len(), 2);
    assert_eq!(totals[1].payload::<u32>(), Ok(8));
    assert_eq!(
        (main.received("note").len(), other.received("note").len()),
        (0, 1)
    );
    let history = bus.history("*");
    assert_eq!(history[0].source, Endpoint::webview("main"));
    assert_eq!(
        history
            .iter()
            .filter(|event| event.causes == ["added"])
            .count(),
        2
    );
    assert_eq!(bus.page("main").label(), "main");
}

#[test]
fn settling_waits_for_chains_of_events() {
    let bus = TestBus::new();
    let own = bus.event_bus();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    own.clone()
        .listen("step", move |event| {
            counted.fetch_add(1, Ordering::Relaxed);
            let n: u32 = event.payload().unwrap();
            if n > 0 {
                own.emit("step", n - 1).unwrap();
            }
        })
        .unwrap()
        .forget();
    bus.page("main").emit("step", 9).unwrap();
    bus.settle();
    assert_eq!(count.load(Ordering::Relaxed), 10);
    block_on(bus.settled());
}

#[test]
fn a_page_gets_retained_events_and_gaps() {
    let mut limits = Limits::default();
    limits.queue_events = 2;
    let policy = Policy::new().retain(true);
    let bus = TestBus::with(Builder::new().limits(limits).policy("theme", policy));
    bus.event_bus().emit("theme", "dark").unwrap();
    let main = bus.page("main");
    bus.settle();
    assert!(main.received("theme")[0].is_retained());
    assert!(main.gaps().is_empty());
}

#[test]
fn requests_go_both_ways() {
    let bus = TestBus::new();
    let own = bus.event_bus();
    own.clone()
        .respond("remove", move |name: String| {
            let own = own.clone();
            async move {
                let is_sure: bool = own.request("main", "confirm", &name).await?;
                Ok(is_sure)
            }
        })
        .unwrap()
        .forget();
    let main = bus.page("main");
    main.respond("confirm", |name: String| match &*name {
        "never" => Err("it is not allowed".into()),
        name => Ok(name == "a"),
    })
    .unwrap();
    let remove = |name: &str| block_on(main.request::<bool>(HOST, "remove", name).into_future());
    assert_eq!(remove("a"), Ok(true));
    assert_eq!(remove("b"), Ok(false));
    let error = remove("never").unwrap_err();
    assert!(error.message().contains("it is not allowed"), "{error}");
    let again = main.respond("confirm", |_: Value| Ok(1)).unwrap_err();
    assert_eq!(again.code(), ErrorCode::DuplicateResponder);
    main.stop_responding("confirm");
    let error = remove("a").unwrap_err();
    assert!(
        error.message().contains("no_responder") || error.message().contains("no responder"),
        "{error}"
    );
}

#[test]
fn a_responder_of_a_page_that_panics_fails() {
    let bus = TestBus::new();
    let main = bus.page("main");
    main.respond("boom", |_: Value| -> Result<u8, _> { panic!("on purpose") })
        .unwrap();
    let sent = bus.event_bus().request::<u8>("main", "boom", ());
    let error = block_on(sent.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ResponderFailed);
    assert!(error.message().contains("on purpose"), "{error}");
    let sent = bus.event_bus().request::<u8>("main", "other", ());
    let error = block_on(sent.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoResponder);
}

#[test]
fn a_closed_page_is_gone() {
    let bus = TestBus::new();
    let main = bus.page("main");
    main.close();
    bus.settle();
    let error = bus.event_bus().emit_to("main", "note", 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownTarget);
    let again = bus.page("main");
    bus.event_bus().emit_to("main", "note", 1).unwrap();
    bus.settle();
    assert_eq!(again.received("note").len(), 1);
    assert!(main.received("note").is_empty());
}

#[test]
fn records_have_the_way_of_an_event() {
    let bus = TestBus::new();
    let _main = bus.page("main");
    bus.event_bus().emit("note", 1).unwrap();
    bus.settle();
    let is_handled = |entry: &TapEntry| matches!(entry, TapEntry::Acknowledged(own) if own.receiver == Endpoint::webview("main"));
    assert!(bus.records().iter().any(|record| is_handled(&record.entry)));
}

#[test]
fn the_history_keeps_everything() {
    let bus = TestBus::new();
    let large = "x".repeat(1 << 20);
    for _ in 0..70 {
        bus.event_bus().emit("large", &large).unwrap();
    }
    assert_eq!(bus.history("large").len(), 70);
}

#[test]
fn a_test_sees_what_is_redacted() {
    let bus = TestBus::with(Builder::new().redact("login", ""));
    let name = format!("event-bus-test-bus-{}.ndjson", std::process::id());
    let file = std::env::temp_dir().join(name);
    let recorder = bus.event_bus().record(&file).unwrap();
    bus.event_bus().emit("login", "secret").unwrap();
    assert_eq!(bus.emitted::<String>("login"), ["secret"]);
    block_on(recorder.stop()).unwrap();
    // A recording hides it as ever.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(
        text.contains("[redacted]") && !text.contains("secret"),
        "{text}"
    );
}

/// A recording of an app whose host keeps the total.
fn recording(price: u32) -> Recording {
    let bus = TestBus::new();
    keep_total(&bus.event_bus(), price);
    let main = bus.page("main");
    main.emit("added", 1).unwrap();
    bus.settle();
    bus.page("other").emit("added", 2).unwrap();
    bus.settle();
    written(&bus)
}

/// What a recorder would have written.
fn written(bus: &TestBus) -> Recording {
    let head = r#"{"format":"tauri-plugin-event-bus","version":1,"startedAt":0}"#;
    let lines = bus.records().into_iter().map(|record| record.to_json());
    let lines: Vec<String> = std::iter::once(head.to_owned()).chain(lines).collect();
    Recording::parse(&(lines.join("\n") + "\n")).unwrap()
}

#[test]
fn a_replay_of_the_same_code_finds_nothing() {
    let bus = TestBus::new();
    keep_total(&bus.event_bus(), 4);
    let replay = bus.replay(&recording(4), &ReplayOptions::new()).unwrap();
    assert_eq!(replay.played, 2);
    assert_eq!(replay.emitted.len(), 2);
    assert_eq!(replay.differences, []);
}

#[test]
fn a_replay_tells_what_has_changed() {
    let bus = TestBus::new();
    keep_total(&bus.event_bus(), 5);
    let replay = bus.replay(&recording(4), &ReplayOptions::new()).unwrap();
    let first = &replay.differences[0];
    assert_eq!(first.kind, DifferenceKind::Changed);
    assert_eq!(first.recorded.as_ref().unwrap().payload, Some(json!(4)));
    assert_eq!(first.emitted.as_ref().unwrap().payload, Some(json!(5)));
}

#[test]
fn a_replay_plays_the_chosen_sources() {
    let bus = TestBus::new();
    keep_total(&bus.event_bus(), 4);
    let of_main = ReplayOptions::new().source(Endpoint::webview("main"));
    let replay = bus.replay(&recording(4), &of_main).unwrap();
    assert_eq!((replay.played, replay.differences.len()), (1, 1));
    assert_eq!(replay.differences[0].kind, DifferenceKind::Missing);
    let error = bus
        .replay(&recording(4), &ReplayOptions::new().source(HOST))
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_replay_passes_requests_and_bytes_on() {
    let code = |bus: &EventBus, factor: u32| {
        let own = bus.clone();
        bus.respond("double", move |n: u32| async move { Ok(n * factor) })
            .unwrap()
            .forget();
        bus.listen("photo", move |event| {
            let bytes: Bytes = event.payload().unwrap();
            let options = EmitOptions::new().to(event.source().clone());
            own.emit_with("seen", bytes.len(), options).unwrap();
        })
        .unwrap()
        .forget();
    };
    let recorded = {
        let bus = TestBus::new();
        code(&bus.event_bus(), 2);
        let main = bus.page("main");
        main.emit("photo", Bytes::from(vec![1, 2, 3])).unwrap();
        let doubled = main.request::<u32>(HOST, "double", 4);
        assert_eq!(block_on(doubled.into_future()), Ok(8));
        bus.settle();
        written(&bus)
    };
    let same = TestBus::new();
    code(&same.event_bus(), 2);
    let replay = same.replay(&recorded, &ReplayOptions::new()).unwrap();
    assert_eq!((replay.played, replay.differences), (2, vec![]));
    let other = TestBus::new();
    code(&other.event_bus(), 3);
    let replay = other.replay(&recorded, &ReplayOptions::new()).unwrap();
    assert_eq!(replay.differences[0].kind, DifferenceKind::Response);
}

#[test]
fn a_cut_payload_cannot_be_played() {
    let line = r#"{"at":1,"kind":"event","seq":1,"name":"long","source":{"kind":"webview","label":"main"},"cut":{"bytes":9000,"start":"["},"routes":[]}"#;
    let head = r#"{"format":"tauri-plugin-event-bus","version":1,"startedAt":0}"#;
    let recording = Recording::parse(&format!("{head}\n{line}\n")).unwrap();
    let error = TestBus::new()
        .replay(&recording, &ReplayOptions::new())
        .unwrap_err();
    assert!(
        error.message().contains("9000 bytes of \"long\" cut"),
        "{error}"
    );
}

#[test]
fn a_replay_responds_as_the_pages_did() {
    let code = |bus: &EventBus| {
        let own = bus.clone();
        bus.respond("total", move |name: String| {
            let own = own.clone();
            async move {
                let price: u32 = own.request("shop", "price", name).await?;
                own.emit("price", price)?;
                Ok(price)
            }
        })
        .unwrap()
        .forget();
    };
    let recorded = {
        let bus = TestBus::new();
        code(&bus.event_bus());
        bus.page("shop")
            .respond("price", |_: String| Ok(4))
            .unwrap();
        let total = bus.page("main").request::<u32>(HOST, "total", "tea");
        assert_eq!(block_on(total.into_future()), Ok(4));
        written(&bus)
    };
    let bus = TestBus::new();
    code(&bus.event_bus());
    let replay = bus.replay(&recorded, &ReplayOptions::new()).unwrap();
    assert_eq!((replay.played, replay.differences), (1, vec![]));
    assert_eq!(bus.emitted::<u32>("price"), [4]);
}

#[test]
fn a_job_ticks_when_the_test_says_so() {
    let bus = TestBus::new();
    let job = bus
        .event_bus()
        .periodic("clock")
        .every(std::time::Duration::from_secs(3600))
        .payload(7)
        .start()
        .unwrap();
    assert!(bus.history("clock").is_empty());
    bus.tick(job.id()).unwrap();
    bus.tick(job.id()).unwrap();
    assert_eq!(bus.emitted::<u32>("clock"), [7, 7]);
    let ticks: Vec<u64> = bus
        .history("clock")
        .iter()
        .map(|event| event.tick.as_ref().unwrap().count)
        .collect();
    assert_eq!(ticks, [1, 2]);
    job.pause().unwrap();
    let paused = bus.tick(job.id()).unwrap_err();
    assert_eq!(paused.code(), ErrorCode::InvalidArgument);
    let unknown = bus.tick("other").unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::UnknownJob);
}

#[test]
fn a_page_has_handled_what_it_received() {
    let bus = TestBus::new();
    let main = bus.page("main");
    let options = EmitOptions::new().until(tauri_plugin_event_bus::Until::Consumed);
    bus.event_bus().emit_with("link", 1, options).unwrap();
    bus.settle();
    assert_eq!(main.received("link").len(), 1);
    assert_eq!(bus.event_bus().inspect().unconsumed.events, 0);
}
