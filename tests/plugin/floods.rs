//! How fast a page may send: at each limit, and one past it.

use serde_json::{Value, json};
use tauri_plugin_event_bus::periodic::SourceCall;
use tauri_plugin_event_bus::{Builder, EventBusExt, Limits};

use crate::support::{Page, app_of, app_with, code, message};

/// So slow that no bucket refills while a test runs.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.emits_per_second = 1;
    limits.emit_bytes_per_second = 1;
    limits.subscribes_per_second = 1;
    limits
}

fn events(names: impl IntoIterator<Item = String>) -> Value {
    let events: Vec<Value> = names
        .into_iter()
        .map(|name| json!({ "event": name }))
        .collect();
    json!({ "events": events })
}

#[test]
#[cfg(feature = "flood-limits")]
fn events_beyond_a_burst_are_refused_one_by_one() {
    let mut limits = limits();
    limits.emit_burst = 5;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("*");
    let results = main
        .call("emit", events((1..=7).map(|n| format!("e{n}"))))
        .unwrap();
    let results = results.as_array().unwrap();
    assert!(results[..5].iter().all(|result| result["seq"].is_u64()));
    for refused in &results[5..] {
        assert_eq!(code(refused), "rate_limited");
        let wait = refused["error"]["retryAfterMs"].as_u64().unwrap();
        assert!((1..=1000).contains(&wait), "{refused}");
        assert!(message(refused).contains(&format!("{wait} ms")));
        assert!(message(refused).contains("5 at once") && message(refused).contains("emitBurst"));
    }
    // Targeted events and jobs use the same bucket.
    assert_eq!(
        code(&main.emit_to(json!("other"), "x", "1")),
        "rate_limited"
    );
    let job = json!({ "job": { "event": "x", "everyMs": 60_000 } });
    let error = main.call("start_job", job).unwrap_err();
    assert_eq!(code(&error), "rate_limited");
    assert!(error["retryAfterMs"].is_u64());

    // A reload does not refill the bucket, another page has its own, and the host has none.
    let mut main = Page::load(main.webview);
    assert_eq!(code(&main.emit("x", "1")), "rate_limited");
    assert!(other.emit("own", "1")["seq"].is_u64());
    let bus = app.event_bus();
    for _ in 0..20 {
        bus.emit("host", ()).unwrap();
        main.webview.event_bus().emit("host", ()).unwrap();
    }
    let received: Vec<String> = other.receive_many(46).into_iter().map(|(n, _)| n).collect();
    assert_eq!(received[..6], ["e1", "e2", "e3", "e4", "e5", "own"]);
}

#[test]
#[cfg(feature = "flood-limits")]
fn payloads_are_counted_in_bytes() {
    let mut limits = limits();
    limits.payload_bytes = 100;
    limits.emit_burst_bytes = 200;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    let payload = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    assert!(main.emit("x", &payload(100))["seq"].is_u64());
    assert!(main.emit("x", &payload(100))["seq"].is_u64());
    let refused = main.emit("x", &payload(3));
    assert_eq!(code(&refused), "rate_limited");
    assert!(message(&refused).contains("bytes of payload"));
    // Events without payload use no bytes.
    let results = main.call("emit", events(["y".to_owned()])).unwrap();
    assert!(results[0]["seq"].is_u64());
}

#[test]
#[cfg(feature = "flood-limits")]
fn subscriptions_are_counted_and_a_renewal_passes() {
    let mut limits = limits();
    limits.subscriptions_per_page = 3;
    limits.subscribe_burst = 6;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    for name in ["a", "b", "c"] {
        main.listen(name);
    }
    let before = main.session.clone();
    let mut main = Page::load(main.webview);
    let again: Vec<Value> = (1..=3)
        .map(|id| {
            let resume = json!({ "session": before, "after": 0, "handled": 0 });
            json!({ "id": id, "event": "a", "resume": resume })
        })
        .collect();
    let results = main
        .call("subscribe", json!({ "subscriptions": again }))
        .unwrap();
    let is_accepted = |result: &Value| result["seq"].is_u64();
    assert!(results.as_array().unwrap().iter().all(is_accepted));
    main.call("unsubscribe", json!({ "ids": [1] })).unwrap();
    let one = json!({ "subscriptions": [{ "id": 9, "event": "a" }] });
    let refused = main.call("subscribe", one).unwrap();
    assert_eq!(code(&refused[0]), "rate_limited");
    assert!(message(&refused[0]).contains("subscribeBurst"));
}

#[test]
#[cfg(feature = "flood-limits")]
fn sessions_in_a_loop_are_limited() {
    let mut limits = limits();
    limits.sessions_per_second = 1;
    limits.session_burst = 3;
    let app = app_of(limits);
    let mut other = Page::open(&app, "other");
    let mut page = Page::open(&app, "main");
    assert!(page.emit("x", "1")["seq"].is_u64());
    for _ in 0..2 {
        page = Page::load(page.webview);
        assert!(page.emit("x", "1")["seq"].is_u64());
    }
    // An open session costs nothing, however much it is used.
    assert!(page.emit("x", "1")["seq"].is_u64());
    let mut next = Page::load(page.webview.clone());
    let event = json!({ "events": [{ "event": "x" }] });
    let refused = next.call("emit", event.clone()).unwrap_err();
    assert_eq!(code(&refused), "rate_limited");
    assert!(message(&refused).contains("3 at once") && message(&refused).contains("sessionBurst"));
    assert!((1..=1000).contains(&refused["retryAfterMs"].as_u64().unwrap()));
    // The refused session has not begun and has not ended the previous one.
    let refused = next.call("emit", event).unwrap_err();
    assert_eq!(code(&refused), "stale_session");
    assert!(page.emit("x", "1")["seq"].is_u64());
    assert!(other.emit("x", "1")["seq"].is_u64());
}

#[test]
#[cfg(feature = "flood-limits")]
fn repeated_batches_are_limited_in_bytes() {
    let mut limits = limits();
    limits.repeat_bytes_per_second = 1;
    limits.repeat_burst_bytes = 25_000;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    main.listen("x");
    let bus = app.event_bus();
    bus.emit("x", "x".repeat(10_000)).unwrap();
    let batch = main.pull().rows();
    for _ in 0..2 {
        assert_eq!(main.pull().rows(), batch);
    }
    let refused = main.pull().wait().unwrap_err();
    assert_eq!(code(&refused), "rate_limited");
    assert!(message(&refused).contains("repeatBurstBytes"), "{refused}");
    assert!(refused["retryAfterMs"].is_u64());
    // New events are not a repetition. After an acknowledgement, delivery continues.
    bus.emit("x", "next").unwrap();
    main.ack = 1;
    assert_eq!(main.receive(), [("x".to_owned(), json!("next"))]);
}

#[test]
#[cfg(feature = "flood-limits")]
fn ticks_of_page_jobs_count_as_emits() {
    let mut limits = limits();
    limits.emit_burst = 4;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("*");
    let job = json!({ "job": { "event": "page", "everyMs": 1, "count": 8, "id": "j" } });
    main.call("start_job", job).unwrap();
    loop {
        let listed = main.call("list_jobs", json!({})).unwrap();
        main.n -= 1;
        if listed == json!([]) || listed[0]["failed"].as_u64().unwrap() > 0 {
            break;
        }
        std::thread::yield_now();
    }
    let bus = app.event_bus();
    let job = bus
        .periodic("app")
        .every(std::time::Duration::from_millis(1))
        .count(8)
        .start()
        .unwrap();
    let received = other.receive_many(3 + 8);
    let of = |wanted: &str| received.iter().filter(|(name, _)| name == wanted).count();
    assert_eq!((of("page"), of("app")), (3, 8));
    drop(job);
}

#[test]
#[cfg(feature = "flood-limits")]
fn refused_ticks_of_a_source_count_as_rate_limited() {
    let mut limits = limits();
    limits.emit_burst = 1000;
    limits.emits_per_second = 1000;
    limits.emit_bytes_per_second = 1;
    limits.emit_burst_bytes = 100;
    limits.payload_bytes = 100;
    let sample = |_: &SourceCall| Ok::<_, String>("x".repeat(58));
    let builder = Builder::new().limits(limits).job_source("text", sample);
    let app = app_with(builder);
    let mut main = Page::open(&app, "main");
    let job = json!({ "event": "page", "everyMs": 1, "count": 3, "id": "j", "source": "text" });
    main.start_job(job).unwrap();
    let inspect = || app.event_bus().inspect();
    while !inspect().jobs.is_empty() {
        std::thread::yield_now();
    }
    let webviews = inspect().webviews;
    // Of three payloads of 60 bytes, one fits into a burst of 100.
    assert_eq!(webviews[0].rate_limited, 2);
}
