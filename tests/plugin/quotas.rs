//! What pages keep at the host, and its limits.

use serde_json::{Value, json};
use tauri_plugin_event_bus::{Builder, EmitOptions, ErrorCode, EventBusExt, Limits};

use crate::support::{Page, app, app_of, code, message, open};

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
    let delayed = |id: usize| {
        let delay = json!({ "event": "x", "afterMs": 60_000, "id": id.to_string() });
        json!({ "job": delay })
    };
    // A delayed event is a job as well.
    for id in 0..100 {
        let error = main.call("start_job", delayed(id)).unwrap_err();
        assert_eq!(code(&error), "too_many_jobs");
    }
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
