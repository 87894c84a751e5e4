//! Job events, from Rust and from pages.

use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::{
    Builder, Endpoint, ErrorCode, EventBusExt, JobChanges, JobState, Limits, SourceCall,
};

use crate::support::{Page, app, app_with, code, message};

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn a_job_of_a_page_ticks_until_it_is_stopped() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("clock");
    let job = main
        .call(
            "start_job",
            json!({ "job": { "event": "clock", "everyMs": 5, "payload": "{\"a\":1}", "to": "main" } }),
        )
        .unwrap();
    assert_eq!(
        (&job["event"], &job["everyMs"], &job["to"], &job["owner"]),
        (
            &json!("clock"),
            &json!(5.0),
            &json!("main"),
            &json!({ "kind": "webview", "label": "main" })
        )
    );
    let id = job["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);

    let mut ticks = Vec::new();
    while ticks.len() < 3 {
        let batch = main.pull().rows();
        for item in batch.as_array().unwrap() {
            main.ack = item[0].as_u64().unwrap();
            assert_eq!((&item[4], &item[6]), (&json!("main"), &json!({ "a": 1 })));
            assert_eq!(item[7]["periodic"]["id"], id.as_str());
            assert!(item[7]["periodic"]["scheduledAt"].is_f64());
            ticks.push(item[7]["periodic"]["tick"].as_u64().unwrap());
        }
    }
    assert_eq!(ticks[..3], [1, 2, 3]);

    let listed = main.call("list_jobs", json!({})).unwrap();
    assert_eq!(listed[0]["id"], id.as_str());
    assert!(listed[0]["ticks"].as_u64().unwrap() >= 3);
    main.n -= 1; // list_jobs changes nothing and has no number.
    main.call("stop_job", json!({ "id": id })).unwrap();
    assert_eq!(main.call("list_jobs", json!({})).unwrap(), json!([]));
    main.n -= 1;
    let error = main.call("stop_job", json!({ "id": id })).unwrap_err();
    assert_eq!(code(&error), "unknown_job");
    assert!(message(&error).contains(&id));
}

#[test]
fn a_job_ends_after_its_count() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    main.call(
        "start_job",
        json!({ "job": { "event": "clock", "everyMs": 1, "count": 3, "immediate": true, "id": "mine" } }),
    )
    .unwrap();
    assert_eq!(main.receive_many(3).len(), 3);
    while main.call("list_jobs", json!({})).unwrap() != json!([]) {
        main.n -= 1;
        std::thread::yield_now();
    }
    app.event_bus().emit("end", ()).unwrap();
    assert_eq!(main.receive(), [("end".into(), Value::Null)]);
}

#[test]
fn the_ticks_of_a_job_share_one_payload() {
    let app = app();
    let (sender, heard) = std::sync::mpsc::channel();
    app.event_bus()
        .listen("clock", move |event| {
            // BacklogEntry, so that no other payload can take its place.
            sender.send(event).unwrap_or(())
        })
        .unwrap()
        .forget();
    let mut main = Page::open(&app, "main");
    main.call(
        "start_job",
        json!({ "job": { "event": "clock", "everyMs": 1, "payload": "[1]" } }),
    )
    .unwrap();
    let (first, second) = (heard.recv().unwrap(), heard.recv().unwrap());
    assert_eq!(
        first.payload_json().as_ptr(),
        second.payload_json().as_ptr()
    );
}

#[test]
fn an_id_is_used_once_at_a_time_unless_it_is_replaced() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    let job = |event: &str, replace: bool| json!({ "job": { "event": event, "everyMs": 60_000, "id": "mine", "replace": replace } });
    main.call("start_job", job("a", false)).unwrap();
    let error = main.call("start_job", job("b", false)).unwrap_err();
    assert_eq!(code(&error), "duplicate_job");
    main.call("start_job", job("b", true)).unwrap();
    let listed = main.call("list_jobs", json!({})).unwrap();
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["event"]),
        (1, &json!("b"))
    );
    // Another page has ids of its own, and cannot reach this one's.
    assert_eq!(other.call("list_jobs", json!({})).unwrap(), json!([]));
    other.n = 0;
    assert_eq!(
        code(&other.call("stop_job", json!({ "id": "mine" })).unwrap_err()),
        "unknown_job"
    );
    other.call("start_job", job("c", false)).unwrap();
}

#[test]
fn bad_jobs_are_errors_that_name_the_value() {
    let mut limits = Limits::default();
    limits.jobs = 1;
    limits.payload_bytes = 100;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    let large = format!("\"{}\"", "x".repeat(100));
    let table = [
        (
            json!({ "event": "x", "everyMs": 0 }),
            "invalid_interval",
            "0 ms",
        ),
        (
            json!({ "event": "x", "everyMs": -5 }),
            "invalid_interval",
            "-5 ms",
        ),
        (
            json!({ "event": "x", "everyMs": null }),
            "invalid_interval",
            "missing",
        ),
        (
            json!({ "event": "x", "everyMs": 0.5 }),
            "invalid_interval",
            "0.5 ms",
        ),
        (
            json!({ "event": "x", "everyMs": 1e300 }),
            "invalid_interval",
            "at most a year",
        ),
        (
            json!({ "event": "x", "everyMs": "5" }),
            "invalid_argument",
            "5",
        ),
        (
            json!({ "event": "", "everyMs": 5 }),
            "invalid_event_name",
            "empty",
        ),
        (
            json!({ "event": "tauri://x", "everyMs": 5 }),
            "reserved_event_name",
            "tauri://x",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "payload": "{" }),
            "invalid_payload",
            "JSON",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "payload": large }),
            "payload_too_large",
            "102",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "to": "nobody" }),
            "unknown_target",
            "nobody",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "to": "a[" }),
            "invalid_pattern",
            "a[",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "count": 0 }),
            "invalid_argument",
            "count is 0",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "id": "" }),
            "invalid_argument",
            "id",
        ),
        (
            json!({ "event": "x", "everyMs": 5, "every": 5 }),
            "invalid_argument",
            "every",
        ),
    ];
    for (job, expected, part) in table {
        let error = main.call("start_job", json!({ "job": job })).unwrap_err();
        assert_eq!(code(&error), expected, "{job}");
        assert!(message(&error).contains(part), "{job} {error}");
    }
    main.call(
        "start_job",
        json!({ "job": { "event": "x", "everyMs": 60_000 } }),
    )
    .unwrap();
    let error = main
        .call(
            "start_job",
            json!({ "job": { "event": "x", "everyMs": 5 } }),
        )
        .unwrap_err();
    assert_eq!(code(&error), "too_many_jobs");
    assert!(message(&error).contains('1'));
}

#[test]
fn a_job_of_rust_makes_its_payload_at_each_tick() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let bus = app.event_bus();
    let job = bus
        .periodic("clock")
        .every(SHORT)
        .to("main")
        .payload_with(|tick| json!({ "n": tick.count }))
        .start()
        .unwrap();
    let received = main.receive_many(2);
    assert_eq!(received[0], ("clock".into(), json!({ "n": 1 })));
    assert_eq!(received[1], ("clock".into(), json!({ "n": 2 })));
    assert_eq!(bus.list_jobs()[0].id, job.id());
    assert!(job.info().ticks >= 2);
    job.stop();
    assert!(bus.list_jobs().is_empty());
}

#[test]
fn a_tick_that_fails_is_counted_and_the_job_goes_on() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let job = app
        .event_bus()
        .periodic("clock")
        .every(SHORT)
        .payload_with(|tick| {
            assert!(tick.count != 2, "this tick fails");
            tick.count
        })
        .start()
        .unwrap();
    let received = main.receive_many(2);
    assert_eq!(
        received,
        [("clock".into(), json!(1)), ("clock".into(), json!(3))]
    );
    assert_eq!(job.info().failed, 1);
}

#[test]
fn a_job_ends_with_its_guard_unless_it_is_kept() {
    let app = app();
    let bus = app.event_bus();
    let start = |id: &str| {
        bus.periodic("x")
            .every(Duration::from_secs(60))
            .id(id)
            .start()
            .unwrap()
    };
    drop(start("dropped"));
    start("kept").forget();
    let ids = || {
        bus.list_jobs()
            .into_iter()
            .map(|job| job.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["kept"]);
    // A guard whose job was replaced leaves the new one alone.
    let old = bus.periodic("x").every(SHORT).id("again").start().unwrap();
    let new = bus
        .periodic("x")
        .every(SHORT)
        .id("again")
        .replace()
        .start()
        .unwrap();
    drop(old);
    assert_eq!(ids(), ["again", "kept"]);
    drop(new);
    bus.stop_job("kept").unwrap();
    assert_eq!(
        bus.stop_job("kept").unwrap_err().code(),
        ErrorCode::UnknownJob
    );
    assert_eq!(
        bus.periodic("x").start().unwrap_err().code(),
        ErrorCode::InvalidInterval
    );
}

#[test]
fn a_job_of_a_webviews_bus_has_that_webview_as_its_source() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("clock");
    let job = main
        .webview
        .event_bus()
        .periodic("clock")
        .every(SHORT)
        .start()
        .unwrap();
    let batch = main.pull().rows();
    assert_eq!(batch[0][4], "main");
    drop(job);
}

#[test]
fn no_tick_follows_a_stop() {
    let app = app();
    let bus = app.event_bus();
    let (sender, heard) = std::sync::mpsc::channel();
    bus.listen("*", move |event| {
        sender.send(event.name().to_owned()).unwrap_or(())
    })
    .unwrap()
    .forget();
    let start = |name: &str| {
        bus.periodic(name)
            .every(Duration::from_millis(1))
            .start()
            .unwrap()
    };
    for _ in 0..20 {
        let job = start("clock");
        assert_eq!(heard.recv().unwrap(), "clock");
        job.stop();
        bus.emit("stopped", ()).unwrap();
        while heard.recv().unwrap() != "stopped" {}
        // Another job of the same interval measures the time in which it would have ticked again.
        let reference = start("reference");
        for _ in 0..3 {
            assert_eq!(heard.recv().unwrap(), "reference");
        }
        reference.stop();
        bus.emit("end", ()).unwrap();
        while heard.recv().unwrap() != "end" {}
    }
}

/// Waits until something is so.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

#[test]
fn every_option_that_makes_no_sense_is_refused_and_starts_nothing() {
    let app = app();
    let mut main = Page::open(&app, "main");
    for (options, expected, part) in [
        (
            json!({ "missedTicks": "later" }),
            "invalid_argument",
            "later",
        ),
        (json!({ "jitterMs": 1000 }), "invalid_argument", "jitter"),
        (json!({ "jitterMs": -1 }), "invalid_argument", "jitterMs"),
        (
            json!({ "startDelayMs": -1 }),
            "invalid_argument",
            "startDelayMs",
        ),
        (
            json!({ "startDelayMs": 1e12 }),
            "invalid_argument",
            "a year",
        ),
        (json!({ "everyMs": 4e10 }), "invalid_interval", "a year"),
        (json!({ "maxFailures": 0 }), "invalid_argument", "failures"),
        (
            json!({ "owner": "everybody" }),
            "invalid_argument",
            "everybody",
        ),
        (json!({ "owner": { "kind": "host" } }), "denied", "owner"),
        (
            json!({ "owner": { "kind": "app" } }),
            "invalid_argument",
            "app",
        ),
        (json!({ "source": "cpu" }), "unknown_source", "cpu"),
        (json!({ "args": "1" }), "invalid_argument", "source"),
        (
            json!({ "source": "cpu", "payload": "1" }),
            "invalid_argument",
            "not both",
        ),
        (
            json!({ "source": "cpu", "args": "{" }),
            "invalid_payload",
            "JSON",
        ),
    ] {
        let mut job = json!({ "event": "x", "everyMs": 1000 });
        for (key, value) in options.as_object().unwrap() {
            job[key] = value.clone();
        }
        let error = main.start_job(job).unwrap_err();
        assert_eq!(code(&error), expected, "{options}");
        assert!(message(&error).contains(part), "{options} {error}");
    }
    assert_eq!(main.call("list_jobs", json!({})).unwrap(), json!([]));
}

#[test]
fn a_page_pauses_resumes_and_changes_its_job_in_place() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let job = json!({ "event": "x", "everyMs": 60_000, "id": "mine", "payload": "1" });
    main.start_job(job).unwrap();
    let paused = main.call("pause_job", json!({ "id": "mine" })).unwrap();
    assert_eq!(
        (&paused["state"], &paused["nextAt"]),
        (&json!("paused"), &Value::Null)
    );
    let changes = json!({ "everyMs": 1, "payload": "2", "to": "main" });
    let update = |changes: &Value| json!({ "id": "mine", "changes": changes });
    let updated = main.call("update_job", update(&changes)).unwrap();
    assert_eq!(
        (&updated["everyMs"], &updated["to"], &updated["state"]),
        (&json!(1.0), &json!("main"), &json!("paused"))
    );
    assert_eq!(updated["ticks"], 0);
    for (wrong, expected) in [
        (json!({ "everyMs": 0 }), "invalid_interval"),
        (json!({ "everyMs": 5, "to": "nobody" }), "unknown_target"),
        (json!({ "everyMs": 5, "payload": "{" }), "invalid_payload"),
        (json!({ "every": 5 }), "invalid_argument"),
    ] {
        let error = main.call("update_job", update(&wrong)).unwrap_err();
        assert_eq!(code(&error), expected, "{wrong}");
    }
    let resumed = main.call("resume_job", json!({ "id": "mine" })).unwrap();
    assert_eq!(
        (&resumed["state"], &resumed["everyMs"]),
        (&json!("running"), &json!(1.0))
    );
    assert_eq!(main.receive_many(2)[0], ("x".into(), json!(2)));
    for command in ["pause_job", "resume_job"] {
        let error = main.call(command, json!({ "id": "other" })).unwrap_err();
        assert_eq!(code(&error), "unknown_job");
    }
}

#[test]
fn a_job_of_rust_is_controlled_by_its_guard_and_by_its_id() {
    let app = app();
    let bus = app.event_bus();
    let job = bus
        .periodic("x")
        .id("mine")
        .every(Duration::from_secs(60))
        .start()
        .unwrap();
    let state = || bus.get_job("mine").unwrap().state;
    job.pause().unwrap();
    assert_eq!(state(), JobState::Paused);
    bus.resume_job("mine").unwrap();
    assert_eq!(state(), JobState::Running);
    bus.pause_job("mine").unwrap();
    let change = || JobChanges::new().every(SHORT);
    bus.update_job("mine", change()).unwrap();
    assert_eq!(job.info().interval, SHORT);
    job.resume().unwrap();
    until(|| job.info().ticks > 1);
    bus.stop_job("mine").unwrap();
    for ended in [job.pause(), job.resume(), job.update(change())] {
        assert_eq!(ended.unwrap_err().code(), ErrorCode::UnknownJob);
    }
    assert_eq!(bus.get_job("mine"), None);
}

#[test]
fn a_source_makes_the_payloads_with_the_jobs_arguments() {
    let app = app_with(
        Builder::new()
            .job_source("twice", |call: &SourceCall| {
                tauri_plugin_event_bus::Result::<u64>::Ok(2 * call.args::<u64>()?)
            })
            .job_source_async("count", async |call: SourceCall| {
                Ok::<_, std::convert::Infallible>(call.tick().count)
            }),
    );
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let job = |source: &str| json!({ "event": source, "everyMs": 1, "count": 2, "source": source, "args": "21" });
    let started = main.start_job(job("twice")).unwrap();
    assert_eq!(
        (&started["source"], &started["maxFailures"]),
        (&json!("twice"), &json!(10))
    );
    let twice = ("twice".to_owned(), json!(42));
    assert_eq!(main.receive_many(2), [twice.clone(), twice]);
    main.start_job(job("count")).unwrap();
    let count = |n: u64| ("count".to_owned(), json!(n));
    assert_eq!(main.receive_many(2), [count(1), count(2)]);
    let error = app
        .event_bus()
        .periodic("x")
        .every(SHORT)
        .source("thrice", ())
        .start()
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownSource);
    assert!(error.message().contains(r#""count", "twice""#), "{error}");
}

#[test]
fn a_slow_source_does_not_overlap_itself_nor_hold_up_others() {
    let (enter, entered) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(left);
    let app = app_with(Builder::new().job_source("slow", move |call: &SourceCall| {
        enter.send(call.tick().count).unwrap();
        gate.lock().unwrap().recv().map(|()| call.tick().count)
    }));
    let bus = app.event_bus();
    let slow = bus
        .periodic("slow")
        .every(Duration::from_millis(1))
        .source("slow", ())
        .start()
        .unwrap();
    let other = bus.periodic("x").every(SHORT).start().unwrap();
    assert_eq!(entered.recv().unwrap(), 1);
    until(|| other.info().ticks > 3);
    assert_eq!(slow.info().ticks, 1);
    assert!(entered.try_recv().is_err());
    leave.send(()).unwrap();
    // What was due meanwhile was missed.
    assert_eq!(entered.recv().unwrap(), 2);
    assert!(slow.info().missed >= 10);
    // It may be stopped while its source runs, which then emits nothing any more.
    slow.stop();
    drop(leave);
}

#[test]
fn a_source_that_keeps_failing_ends_its_job_and_the_owner_is_told() {
    let app = app_with(Builder::new().job_source("broken", |call: &SourceCall| {
        assert!(call.tick().count != 2, "it panics, too");
        match call.tick().count {
            3 => Ok(3),
            _ => Err("no sensor"),
        }
    }));
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("event-bus:*");
    main.listen("*");
    other.listen("event-bus:*");
    let job =
        json!({ "event": "x", "everyMs": 1, "id": "mine", "source": "broken", "maxFailures": 3 });
    main.start_job(job).unwrap();
    let received = main.receive_many(8);
    let names: Vec<&str> = received.iter().map(|(name, _)| name.as_str()).collect();
    let failed = "event-bus:job-failed";
    assert_eq!(
        names,
        [
            "event-bus:job-started",
            failed,
            failed,
            "x",
            failed,
            failed,
            failed,
            "event-bus:job-stopped"
        ]
    );
    assert_eq!(received[0].1["event"], "x");
    let failures: Vec<u64> = received
        .iter()
        .filter_map(|(_, payload)| payload["failures"].as_u64())
        .collect();
    assert_eq!(failures, [1, 2, 1, 2, 3]);
    let stopped = &received[7].1;
    assert_eq!(
        (&stopped["reason"], &stopped["failed"], &stopped["ticks"]),
        (&json!("failed"), &json!(5), &json!(6))
    );
    assert_eq!(stopped["error"]["code"], "source_failed");
    assert!(
        stopped["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no sensor")
    );
    assert_eq!(main.call("list_jobs", json!({})).unwrap(), json!([]));
    other.listen("end");
    app.event_bus().emit("end", ()).unwrap();
    assert_eq!(other.receive(), [("end".into(), Value::Null)]);
}

#[test]
fn the_owner_learns_why_a_job_has_stopped() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("event-bus:job-stopped");
    let job = |extra: Value| {
        let mut job = json!({ "event": "x", "everyMs": 60_000, "id": "mine" });
        for (key, value) in extra.as_object().unwrap() {
            job[key] = value.clone();
        }
        job
    };
    main.start_job(job(json!({}))).unwrap();
    main.start_job(job(json!({ "replace": true }))).unwrap();
    main.call("stop_job", json!({ "id": "mine" })).unwrap();
    main.start_job(job(json!({ "count": 1, "immediate": true })))
        .unwrap();
    let reasons: Vec<Value> = main
        .receive_many(3)
        .into_iter()
        .map(|(_, payload)| payload["reason"].clone())
        .collect();
    assert_eq!(reasons, ["replaced", "stopped", "finished"]);
}

#[test]
fn nothing_is_sampled_while_nobody_listens() {
    let sampled = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let samples = std::sync::Arc::clone(&sampled);
    let app = app();
    let bus = app.event_bus();
    let job = bus
        .periodic("x")
        .every(Duration::from_millis(1))
        .only_while_listened()
        .payload_with(move |_| samples.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
        .start()
        .unwrap();
    until(|| job.info().state == JobState::Idle);
    assert_eq!(job.info().next_at, None);
    let _elsewhere = bus.listen("y", |_| ()).unwrap();
    // The task has looked again once it has let another job tick.
    let (ticked, other) = std::sync::mpsc::channel();
    let _other = bus
        .listen("z", move |_| ticked.send(()).unwrap_or(()))
        .unwrap();
    let beside = bus
        .periodic("z")
        .every(Duration::from_millis(1))
        .start()
        .unwrap();
    for _ in 0..3 {
        other.recv().unwrap();
    }
    drop(beside);
    assert_eq!(job.info().state, JobState::Idle);
    assert_eq!(sampled.load(std::sync::atomic::Ordering::SeqCst), 0);
    let (sender, heard) = std::sync::mpsc::channel();
    let listener = bus
        .listen("x", move |event| {
            sender.send(event.tick().unwrap().clone()).unwrap_or(())
        })
        .unwrap();
    let tick = heard.recv().unwrap();
    // What nobody was there for is not counted.
    assert_eq!(tick.count, 1);
    drop(listener);
    until(|| job.info().state == JobState::Idle);
    // A page that subscribes starts it, too.
    let mut main = Page::open(&app, "main");
    main.listen("x");
    assert_eq!(main.receive_many(2).len(), 2);
}

#[test]
fn a_job_of_rust_may_end_with_a_window() {
    let app = app();
    let bus = app.event_bus();
    let start = |label: &str| {
        bus.periodic("x")
            .every(Duration::from_secs(60))
            .owner(Endpoint::webview(label))
            .start()
    };
    assert_eq!(start("main").unwrap_err().code(), ErrorCode::UnknownTarget);
    let mut main = Page::open(&app, "main");
    let job = start("main").unwrap();
    let listed = main.call("list_jobs", json!({})).unwrap();
    assert_eq!(listed[0]["id"], job.id());
    assert!(bus.list_jobs().is_empty());
    assert_eq!(bus.list_all_jobs()[0].id, job.id());
    let owner = Endpoint::webview("main");
    let found = bus.find_job(&owner, job.id()).unwrap();
    drop(found);
    assert_eq!(
        job.info().state,
        JobState::Running,
        "looking at it ends nothing"
    );
    crate::support::exit(app);
    assert_eq!(job.info().state, JobState::Ended);
    assert_eq!(bus.find_job(&owner, job.id()).map(|job| job.info()), None);
}

#[test]
fn rust_reaches_the_jobs_of_pages() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let job = json!({ "event": "x", "everyMs": 60_000, "id": "theirs" });
    main.start_job(job.clone()).unwrap();
    let owner = Endpoint::webview("main");
    let found = bus.find_job(&owner, "theirs").unwrap();
    found.pause().unwrap();
    assert_eq!(found.info().state, JobState::Paused);
    found.stop();
    assert!(bus.list_all_jobs().is_empty());
    assert_eq!(
        bus.find_job(&Endpoint::Host, "theirs")
            .map(|job| job.info()),
        None
    );
}

#[test]
fn a_command_with_the_number_of_a_job_is_about_no_other() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let job = json!({ "event": "x", "everyMs": 60_000, "id": "mine", "replace": true });
    let first = main.start_job(job.clone()).unwrap();
    let second = main.start_job(job).unwrap();
    assert!(second["number"].as_u64() > first["number"].as_u64());
    for command in ["stop_job", "pause_job", "resume_job"] {
        let error = main
            .call(command, json!({ "id": "mine", "number": first["number"] }))
            .unwrap_err();
        assert_eq!(code(&error), "unknown_job", "{command}");
    }
    main.call(
        "stop_job",
        json!({ "id": "mine", "number": second["number"] }),
    )
    .unwrap();
}

#[test]
fn an_id_is_free_when_the_last_tick_is_heard() {
    let app = app();
    let bus = app.event_bus();
    let (sender, restarted) = std::sync::mpsc::channel();
    let again = bus.clone();
    let _listener = bus
        .listen("x", move |_| {
            let started = again.periodic("y").every(SHORT).id("mine").start();
            sender.send(started.map(|job| job.forget())).unwrap_or(());
        })
        .unwrap();
    for _ in 0..50 {
        let job = bus
            .periodic("x")
            .every(SHORT)
            .count(1)
            .id("mine")
            .start()
            .unwrap();
        restarted.recv().unwrap().unwrap();
        bus.stop_job("mine").unwrap();
        drop(job);
    }
}

#[test]
fn a_page_has_a_few_payloads_made_at_a_time() {
    let release = std::sync::Arc::new((std::sync::Mutex::new(false), std::sync::Condvar::new()));
    let held = std::sync::Arc::clone(&release);
    let app = app_with(Builder::new().job_source("slow", move |_: &SourceCall| {
        let mut is_over = held.0.lock().unwrap();
        while !*is_over {
            is_over = held.1.wait(is_over).unwrap();
        }
        Ok::<_, std::convert::Infallible>(1)
    }));
    let mut main = Page::open(&app, "main");
    main.listen("event-bus:job-failed");
    // One after the other, each stopped at once: what makes its payload is still at work.
    for i in 0..17 {
        let id = format!("job-{i}");
        let job = json!({ "event": "x", "everyMs": 60_000, "immediate": true, "source": "slow", "id": id });
        main.start_job(job).unwrap();
        let of_app = app.event_bus();
        until(|| {
            let jobs = of_app.list_all_jobs();
            jobs.iter().all(|job| job.ticks > 0)
        });
        if i < 16 {
            main.call("stop_job", json!({ "id": id })).unwrap();
        }
    }
    let failed = &main.receive_many(1)[0].1;
    assert_eq!(failed["error"]["code"], "too_many_jobs", "{failed}");
    *release.0.lock().unwrap() = true;
    release.1.notify_all();
}

#[test]
fn a_job_that_fails_at_every_tick_says_so_less_and_less() {
    let app = app_with(Builder::new().job_source("broken", |_: &SourceCall| Err::<(), _>("no")));
    let mut main = Page::open(&app, "main");
    main.listen("event-bus:job-failed");
    let job = json!({ "event": "x", "everyMs": 1, "source": "broken", "maxFailures": 20 });
    main.start_job(job).unwrap();
    let failures: Vec<u64> = main
        .receive_many(6)
        .iter()
        .map(|(_, failed)| failed["failures"].as_u64().unwrap())
        .collect();
    assert_eq!(failures, [1, 2, 4, 8, 16, 20]);
}

#[test]
fn nothing_is_timed_any_more_when_the_app_exits() {
    let app = app();
    let _main = Page::open(&app, "main");
    let bus = app.event_bus();
    crate::support::exit(app);
    let error = bus.periodic("x").every(SHORT).start().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
}

#[test]
fn thousands_of_jobs_tick_on_one_task() {
    let mut limits = Limits::default();
    limits.jobs = 5_000;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let jobs: Vec<_> = (0..5_000)
        .map(|_| bus.periodic("x").every(SHORT * 10).start().unwrap())
        .collect();
    until(|| jobs.iter().all(|job| job.info().ticks > 0));
    drop(jobs);
    assert!(bus.list_jobs().is_empty());
}
