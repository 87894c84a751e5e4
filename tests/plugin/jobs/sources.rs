//! Payloads from sources, and their failures.

use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::periodic::{JobState, SourceCall};
use tauri_plugin_event_bus::{Builder, ErrorCode, EventBusExt, Limits, Policy};

use crate::support::{Page, app, app_with, code, message};

use super::{SHORT, until};

#[test]
fn a_failed_tick_is_counted_and_the_job_continues() {
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
fn a_source_gets_the_arguments_of_the_job() {
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
    // A page learns no names.
    let error = main.start_job(job("thrice")).unwrap_err();
    assert_eq!(code(&error), "unknown_source");
    assert!(!message(&error).contains("twice"), "{error}");
}

#[test]
fn a_slow_source_delays_only_its_own_job() {
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
    // Ticks that were due in the meantime are missed.
    assert_eq!(entered.recv().unwrap(), 2);
    assert!(slow.info().missed >= 10);
    // A job may be stopped while its source runs. The payload is discarded.
    slow.stop();
    drop(leave);
}

#[test]
fn a_failing_source_ends_its_job() {
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
fn concurrent_samples_are_limited_per_page() {
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
    // Jobs start and stop one after the other, while their sources keep running.
    for i in 0..17 {
        let id = format!("job-{i}");
        let job = json!({ "event": "x", "everyMs": 60_000, "immediate": true, "source": "slow", "id": id });
        main.start_job(job).unwrap();
        let of_app = app.event_bus();
        until(|| {
            let jobs = of_app.jobs().list_all();
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
fn repeated_failures_are_reported_less_often() {
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
fn no_tick_follows_a_pause() {
    let (enter, entered) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<Result<&str, &str>>();
    let gate = std::sync::Mutex::new(left);
    let app = app_with(Builder::new().job_source("slow", move |call: &SourceCall| {
        enter.send(call.tick().count).unwrap();
        gate.lock().unwrap().recv().unwrap()
    }));
    let mut main = Page::open(&app, "main");
    main.listen("x");
    let job = app
        .event_bus()
        .periodic("x")
        .every(Duration::from_millis(1))
        .count(1)
        .source("slow", ())
        .start()
        .unwrap();
    // What the source makes or says while the job is paused is discarded, and the tick is not counted.
    for during in [Ok("during the pause"), Err("during the pause")] {
        assert_eq!(entered.recv().unwrap(), 1);
        job.pause().unwrap();
        leave.send(during).unwrap();
        until(|| job.info().ticks == 0);
        assert_eq!(job.info().failed, 0);
        job.resume().unwrap();
    }
    assert_eq!(entered.recv().unwrap(), 1);
    leave.send(Ok("after it")).unwrap();
    assert_eq!(main.receive_many(1), [("x".into(), json!("after it"))]);
}

#[test]
fn a_full_queue_ends_no_job() {
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let app = app_with(
        Builder::new()
            .limits(limits)
            .policy("*", Policy::new().reject())
            .job_source("one", |_: &SourceCall| Ok::<_, String>(1)),
    );
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let bus = app.event_bus();
    bus.emit("x", 0).unwrap();
    let job = || bus.periodic("x").every(SHORT).max_failures(2);
    let jobs = [
        job().start().unwrap(),
        job().source("one", ()).start().unwrap(),
    ];
    for job in &jobs {
        until(|| job.info().failed > 4);
        let error = job.info().last_error.unwrap();
        assert_eq!(error.code(), ErrorCode::QueueFull);
        assert_eq!(job.info().state, JobState::Running);
    }
}
