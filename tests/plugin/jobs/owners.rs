//! Owners and ids of jobs.

use std::time::Duration;

use serde_json::json;
use tauri_plugin_event_bus::periodic::JobState;
use tauri_plugin_event_bus::{Endpoint, ErrorCode, EventBusExt};

use crate::support::{Page, app, code};

use super::SHORT;

#[test]
fn an_id_is_unique_unless_its_job_is_replaced() {
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
    // Another page has ids of its own and cannot reach this job.
    assert_eq!(other.call("list_jobs", json!({})).unwrap(), json!([]));
    other.n = 0;
    assert_eq!(
        code(&other.call("stop_job", json!({ "id": "mine" })).unwrap_err()),
        "unknown_job"
    );
    other.call("start_job", job("c", false)).unwrap();
}

#[test]
fn a_job_of_a_webview_bus_has_its_source() {
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
fn a_host_job_may_end_with_a_window() {
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
    assert!(bus.jobs().list().is_empty());
    assert_eq!(bus.jobs().list_all()[0].id, job.id());
    let owner = Endpoint::webview("main");
    let found = bus.jobs().find(&owner, job.id()).unwrap();
    drop(found);
    assert_eq!(
        job.info().state,
        JobState::Running,
        "looking at it ends nothing"
    );
    crate::support::exit(app);
    assert_eq!(job.info().state, JobState::Ended);
    assert_eq!(
        bus.jobs().find(&owner, job.id()).map(|job| job.info()),
        None
    );
}

#[test]
fn the_host_controls_the_jobs_of_pages() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let job = json!({ "event": "x", "everyMs": 60_000, "id": "theirs" });
    main.start_job(job.clone()).unwrap();
    let owner = Endpoint::webview("main");
    let found = bus.jobs().find(&owner, "theirs").unwrap();
    found.pause().unwrap();
    assert_eq!(found.info().state, JobState::Paused);
    found.stop();
    assert!(bus.jobs().list_all().is_empty());
    assert_eq!(
        bus.jobs()
            .find(&Endpoint::Host, "theirs")
            .map(|job| job.info()),
        None
    );
}

#[test]
fn a_job_number_selects_no_other_job() {
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
fn an_id_is_free_once_the_last_tick_arrives() {
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
        bus.jobs().get("mine").unwrap().stop();
        drop(job);
    }
}
