//! How fast a page may send, and how much memory of the host it may use: at each limit, and one past it.

use serde_json::{Value, json};
use tauri_plugin_event_bus::periodic::SourceCall;
use tauri_plugin_event_bus::{Builder, EmitOptions, ErrorCode, EventBusExt, Limits};

use crate::support::{Page, app, app_with, code, message, open};

/// So slow that no bucket refills while a test runs.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.emits_per_second = 1;
    limits.emit_bytes_per_second = 1;
    limits.subscribes_per_second = 1;
    limits
}

fn app_of(limits: Limits) -> tauri::App<tauri::test::MockRuntime> {
    app_with(Builder::new().limits(limits))
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

#[test]
fn an_impossible_configuration_stops_the_start() {
    let mut limits = Limits::default();
    limits.subscribe_burst = 4095;
    let error = tauri::test::mock_builder()
        .plugin(Builder::new().limits(limits).build())
        .build(fixture::context())
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("limits.subscribeBurst is 4095"),
        "{error}"
    );
    let mut context = fixture::context::<tauri::test::MockRuntime>();
    let config = &mut context.config_mut().plugins.0;
    let misspelt = json!({ "limits": { "queueEvent": 5 } });
    config.insert("event-bus".to_owned(), misspelt);
    let app = tauri::test::mock_builder().plugin(Builder::new().build());
    let error = app.build(context).err().unwrap().to_string();
    let path = "plugins.event-bus.limits.queueEvent: unknown field";
    assert!(error.contains(path), "{error}");
}

#[test]
fn globs_are_limited_per_page() {
    let mut limits = Limits::default();
    limits.globs_per_page = 3;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    // The pattern with brackets has eleven bytes and counts twice. A name and a prefix do not count.
    for pattern in ["*:a", "b:[cd]:efgh", "c", "d:*", "*"] {
        main.listen(pattern);
    }
    let entry =
        |id: u32, pattern: &str| json!({ "subscriptions": [{ "id": id, "event": pattern }] });
    let results = main.call("subscribe", entry(90, "*:z")).unwrap();
    assert_eq!(code(&results[0]), "too_many_subscriptions");
    assert!(message(&results[0]).contains("globsPerPage") && message(&results[0]).contains('3'));
    other.listen("*:z");
    main.call("unsubscribe", json!({ "ids": [1] })).unwrap();
    let results = main.call("subscribe", entry(91, "*:z")).unwrap();
    assert!(results[0]["seq"].is_u64());
}

fn job(id: &str, payload: &str) -> Value {
    json!({ "job": { "event": "x", "everyMs": 60_000, "id": id, "payload": payload } })
}

#[test]
fn jobs_are_limited_per_page() {
    let mut limits = Limits::default();
    limits.jobs_per_page = 2;
    limits.jobs = 4;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    for id in ["a", "b"] {
        main.call("start_job", job(id, "1")).unwrap();
    }
    let error = main.call("start_job", job("c", "1")).unwrap_err();
    assert_eq!(code(&error), "too_many_jobs");
    assert!(message(&error).contains("jobsPerPage"));
    let replacing =
        json!({ "job": { "event": "x", "everyMs": 60_000, "id": "b", "replace": true } });
    main.call("start_job", replacing).unwrap();
    other.call("start_job", job("a", "1")).unwrap();
    let start = || {
        app.event_bus()
            .periodic("x")
            .every(std::time::Duration::from_secs(60))
            .start()
    };
    start().unwrap().forget();
    assert_eq!(start().unwrap_err().code(), ErrorCode::TooManyJobs);
}

#[test]
fn bytes_of_jobs_are_limited_per_page_and_in_total() {
    let mut limits = Limits::default();
    limits.job_bytes_per_page = 20_000;
    limits.job_bytes = 40_000;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    // A job uses 514 bytes beside its payload: its id, its name and a flat 512.
    let payload = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    main.call("start_job", job("a", &payload(10_000 - 514)))
        .unwrap();
    let error = main
        .call("start_job", job("b", &payload(10_001 - 514)))
        .unwrap_err();
    assert_eq!(code(&error), "too_many_jobs");
    assert!(message(&error).contains("20001 bytes") && message(&error).contains("this page"));
    main.call("start_job", job("b", &payload(10_000 - 514)))
        .unwrap();
    let error = other
        .call("start_job", job("a", &payload(10_001 - 514)))
        .unwrap_err();
    let parts = ["10001 bytes of jobs", "leave 9999 of 40000 (jobBytes)"];
    assert!(
        parts.iter().all(|part| message(&error).contains(part)),
        "{error}"
    );
    other
        .call("start_job", job("a", &payload(10_000 - 514)))
        .unwrap();
    // Payloads of the host are not limited.
    app.event_bus()
        .periodic("x")
        .every(std::time::Duration::from_secs(60))
        .payload("x".repeat(40_000))
        .start()
        .unwrap()
        .forget();
    // Targets count, too.
    main.call("stop_job", json!({ "id": "a" })).unwrap();
    let globs: Vec<String> = (0..8).map(|n| format!("{n}{}*", "g".repeat(200))).collect();
    let aimed = json!({ "job": { "event": "x", "everyMs": 60_000, "to": globs } });
    let error = main.call("start_job", aimed).unwrap_err();
    assert_eq!(code(&error), "too_many_jobs");
}

#[test]
fn retained_events_are_limited_per_page() {
    let mut limits = Limits::default();
    limits.retained_events = 6;
    limits.retained_events_per_page = 2;
    limits.retained_bytes_per_page = 1000;
    let app = app_of(limits);
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    let retain = |page: &mut Page, event: &str, payload: &str| {
        let event = json!({ "event": event, "payload": payload, "retain": true });
        page.call("emit", json!({ "events": [event] })).unwrap()[0].take()
    };
    for name in ["a", "b", "b"] {
        assert!(retain(&mut main, name, "1")["seq"].is_u64());
    }
    let refused = retain(&mut main, "c", "1");
    assert_eq!(code(&refused), "queue_full");
    assert!(message(&refused).contains("retainedEventsPerPage"));
    // Each event uses its name and 192 bytes beside its payload. The label of the page counts once.
    let rest = 1000 - (192 + 1 + 4 + 1) - (192 + 1);
    let text = |bytes: usize| format!("\"{}\"", "1".repeat(bytes - 2));
    let refused = retain(&mut main, "b", &text(rest + 1));
    assert!(
        message(&refused).contains("retainedBytesPerPage"),
        "{refused}"
    );
    assert!(retain(&mut main, "b", &text(rest))["seq"].is_u64());

    assert!(retain(&mut other, "c", "1")["seq"].is_u64());
    // An event that another page retained stays beside one's own, and neither takes the other's share.
    assert!(retain(&mut other, "a", "1")["seq"].is_u64());
    for page in [&mut main, &mut other] {
        assert_eq!(code(&retain(page, "d", "1")), "queue_full");
    }
    let retained = EmitOptions::new().retain(true);
    for event in ["e", "f"] {
        bus.emit_with(event, (), retained.clone()).unwrap();
    }
    let full = bus.emit_with("g", (), retained.clone()).unwrap_err();
    assert!(full.message().contains("(retainedEvents)"), "{full}");
    assert_eq!(bus.clear_retained("*").unwrap(), 6);
    assert!(retain(&mut main, "a", "1")["seq"].is_u64());
}

#[test]
fn exceptions_count_for_what_is_retained() {
    let mut limits = Limits::default();
    limits.retained_bytes_per_page = 64 * 1024;
    let app = app_of(limits);
    let mut main = Page::open(&app, "main");
    let event = |except: Value| json!({ "event": "x", "retain": true, "except": except });
    let many = vec![format!("{}*", "x".repeat(250)); 64];
    let events = json!({ "events": [event(json!(many)), event(json!("x"))] });
    let results = main.call("emit", events).unwrap();
    assert_eq!(code(&results[0]), "queue_full");
    assert!(
        message(&results[0]).contains("retainedBytesPerPage"),
        "{results}"
    );
    assert!(results[1]["seq"].is_u64(), "{results}");
}

#[test]
fn greedy_pages_leave_room_for_others_and_the_host() {
    let mut limits = Limits::default();
    limits.retained_events = 16;
    limits.jobs = 16;
    let app = app_of(limits);
    for what in ["events", "jobs"] {
        let take = |page: &mut Page, n: usize| {
            let taken = if what == "events" {
                let name = format!("{}:{n}", page.webview.label());
                let event = json!({ "event": name, "retain": true });
                page.call("emit", json!({ "events": [event] })).unwrap()[0].take()
            } else {
                page.call("start_job", job(&n.to_string(), "1"))
                    .unwrap_or_else(|error| error)
            };
            if taken["code"].is_null() && taken["error"].is_null() {
                return true;
            }
            assert!(message(&taken).contains("leaves free"), "{taken}");
            assert!(message(&taken).contains(what), "{taken}");
            false
        };
        let taken: Vec<usize> = ["main", "other", "editor-1", "editor-2"]
            .into_iter()
            .map(|label| {
                let known = tauri::Manager::get_webview_window(&app, label);
                let mut page = Page::load(known.unwrap_or_else(|| open(&app, label)));
                (0..).take_while(|n| take(&mut page, *n)).count()
            })
            .collect();
        assert_eq!(taken, [8, 4, 2, 1]);
        // A page may replace and update what it has, whatever others have taken since.
        let webview = tauri::Manager::get_webview_window(&app, "main").unwrap();
        let mut main = Page::load(webview);
        if what == "events" {
            let event = json!({ "event": "main:0", "retain": true });
            let again = main.call("emit", json!({ "events": [event] })).unwrap();
            assert!(again[0]["seq"].is_u64(), "{again}");
        } else {
            let mut again = job("0", "1");
            again["job"]["replace"] = json!(true);
            main.call("start_job", again).unwrap();
            let changes = json!({ "id": "1", "changes": { "everyMs": 70_000 } });
            main.call("update_job", changes).unwrap();
        }
    }
    let bus = app.event_bus();
    bus.emit_with("app", (), EmitOptions::new().retain(true))
        .unwrap();
    let own = bus.periodic("app");
    let own = own.every(std::time::Duration::from_secs(60)).start();
    own.unwrap().forget();
}

#[test]
fn names_ids_and_targets_have_a_maximum_length() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let long = "n".repeat(256);
    assert!(main.emit(&long[1..], "1")["seq"].is_u64());
    assert_eq!(code(&main.emit(&long, "1")), "invalid_event_name");
    main.listen(&format!("{}*", &long[2..]));
    let pattern = format!("{}*", &long[1..]);
    let entry = json!({ "subscriptions": [{ "id": 99, "event": pattern }] });
    let results = main.call("subscribe", entry).unwrap();
    assert_eq!(code(&results[0]), "invalid_pattern");
    main.call("start_job", job(&long[1..], "1")).unwrap();
    let error = main.call("start_job", job(&long, "1")).unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
    for (id, place) in [
        ("a\nb", "U+000A at byte 1"),
        ("é\u{1b}[31m", "U+001B at byte 2"),
        ("\u{85}", "U+0085"),
        ("a\u{202e}b", "U+202E"),
    ] {
        let error = main.call("start_job", job(id, "1")).unwrap_err();
        assert_eq!(code(&error), "invalid_argument");
        assert!(message(&error).contains(place), "{error}");
        assert!(!message(&error).contains(id), "{error}");
        let own = app.event_bus().periodic("x").id(id);
        let own = own.every(std::time::Duration::from_secs(60)).start();
        assert_eq!(own.unwrap_err().code(), ErrorCode::InvalidArgument);
    }
    main.call("start_job", job("clock, e\u{301} 1", "1"))
        .unwrap();
    let labels = |count: usize| json!(vec!["main"; count]);
    assert!(main.emit_to(labels(64), "x", "1")["seq"].is_u64());
    assert_eq!(
        code(&main.emit_to(labels(65), "x", "1")),
        "invalid_argument"
    );
    open(&app, &long[1..]);
    assert!(main.emit_to(json!(&long[1..]), "x", "1")["seq"].is_u64());
    assert_eq!(
        code(&main.emit_to(json!(long), "x", "1")),
        "invalid_argument"
    );
}
