//! How a job starts, ticks, pauses and ends.

use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::periodic::{JobChanges, JobState};
use tauri_plugin_event_bus::{Builder, ErrorCode, EventBusExt, Limits};

use crate::support::{Page, app, app_with, code, message};

use super::{SHORT, until};

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
            assert_eq!(item[7]["tick"]["job"], id.as_str());
            assert!(item[7]["tick"]["scheduledAt"].is_f64());
            ticks.push(item[7]["tick"]["count"].as_u64().unwrap());
        }
    }
    assert_eq!(ticks[..3], [1, 2, 3]);

    let listed = main.call("list_jobs", json!({})).unwrap();
    assert_eq!(listed[0]["id"], id.as_str());
    assert!(listed[0]["ticks"].as_u64().unwrap() >= 3);
    main.n -= 1; // `list_jobs` changes nothing and has no number.
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
    let (sender, receiver) = std::sync::mpsc::channel();
    app.event_bus()
        .listen("clock", move |event| {
            // Kept alive, so that no other payload can reuse its address.
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
    let (first, second) = (receiver.recv().unwrap(), receiver.recv().unwrap());
    assert_eq!(
        first.payload_json().as_ptr(),
        second.payload_json().as_ptr()
    );
}

#[test]
fn a_host_job_makes_its_payload_at_each_tick() {
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
    assert_eq!(bus.jobs().list()[0].id, job.id());
    assert!(job.info().ticks >= 2);
    job.stop();
    assert!(bus.jobs().list().is_empty());
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
        bus.jobs()
            .list()
            .into_iter()
            .map(|job| job.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["kept"]);
    // The guard of a replaced job does not stop the new one.
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
    bus.jobs().get("kept").unwrap().stop();
    assert!(bus.jobs().get("kept").is_none());
    assert_eq!(
        bus.periodic("x").start().unwrap_err().code(),
        ErrorCode::InvalidInterval
    );
}

#[test]
fn no_tick_follows_a_stop() {
    let app = app();
    let bus = app.event_bus();
    let (sender, receiver) = std::sync::mpsc::channel();
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
        assert_eq!(receiver.recv().unwrap(), "clock");
        job.stop();
        bus.emit("stopped", ()).unwrap();
        while receiver.recv().unwrap() != "stopped" {}
        // Another job of the same interval measures the time in which the first would have ticked again.
        let reference = start("reference");
        for _ in 0..3 {
            assert_eq!(receiver.recv().unwrap(), "reference");
        }
        reference.stop();
        bus.emit("end", ()).unwrap();
        while receiver.recv().unwrap() != "end" {}
    }
}

#[test]
fn a_page_pauses_resumes_and_updates_its_job() {
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
fn a_host_job_has_a_guard_and_an_id() {
    let app = app();
    let bus = app.event_bus();
    let job = bus
        .periodic("x")
        .id("mine")
        .every(Duration::from_secs(60))
        .start()
        .unwrap();
    let state = || bus.jobs().get("mine").unwrap().info().state;
    job.pause().unwrap();
    assert_eq!(state(), JobState::Paused);
    bus.jobs().get("mine").unwrap().resume().unwrap();
    assert_eq!(state(), JobState::Running);
    bus.jobs().get("mine").unwrap().pause().unwrap();
    let change = || JobChanges::new().every(SHORT);
    bus.jobs().get("mine").unwrap().update(change()).unwrap();
    assert_eq!(job.info().interval, SHORT);
    job.resume().unwrap();
    until(|| job.info().ticks > 1);
    bus.jobs().get("mine").unwrap().stop();
    for ended in [job.pause(), job.resume(), job.update(change())] {
        assert_eq!(ended.unwrap_err().code(), ErrorCode::UnknownJob);
    }
    assert!(bus.jobs().get("mine").is_none());
}

#[test]
fn the_owner_learns_why_a_job_stopped() {
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
fn an_idle_job_samples_nothing() {
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
    // The scheduler has rechecked the job once another job has ticked.
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
    let (sender, receiver) = std::sync::mpsc::channel();
    let listener = bus
        .listen("x", move |event| {
            sender.send(event.tick().unwrap().clone()).unwrap_or(())
        })
        .unwrap();
    let tick = receiver.recv().unwrap();
    // Ticks without listeners are not counted.
    assert_eq!(tick.count, 1);
    drop(listener);
    until(|| job.info().state == JobState::Idle);
    // A page that subscribes also starts the job.
    let mut main = Page::open(&app, "main");
    main.listen("x");
    // A batch may bring more than two.
    let ticks = main.receive_many(2);
    assert!(ticks.iter().all(|(name, _)| name == "x"), "{ticks:?}");
}

#[test]
fn no_job_starts_once_the_app_exits() {
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
    assert!(bus.jobs().list().is_empty());
}
