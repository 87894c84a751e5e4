//! Which jobs a page may start and control.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tauri::Manager;
use tauri_plugin_event_bus::periodic::SourceCall;
use tauri_plugin_event_bus::{Builder, EventBusExt};

use crate::support::{Page, app, app_with, code, message, open};

use super::verdict;

#[test]
fn the_jobs_of_a_page_share_one_minimum_interval() {
    let app = app();
    let capability = json!({
        "identifier": "paced",
        "windows": ["paced"],
        "permissions": [{
            "identifier": "event-bus:jobs",
            "allow": [
                { "event": "beat", "minIntervalMs": 3_600_000 },
                { "event": "beat", "to": ["a", "b"], "minIntervalMs": 3_600_000 },
                "free"
            ]
        }]
    });
    app.add_capability(capability.to_string()).unwrap();
    let mut page = Page::open(&app, "paced");
    open(&app, "a");
    open(&app, "b");
    let job = |id: &str, event: &str, to: Value| {
        let everyone = json!({ "kind": "Any" });
        let to = if to.is_null() { everyone } else { to };
        json!({ "event": event, "everyMs": 3_600_000, "immediate": true, "id": id, "to": to })
    };
    // The job, once its first tick has succeeded or failed.
    let tick_of = |page: &mut Page, id: &str| {
        loop {
            let listed = page.call("list_jobs", json!({})).unwrap();
            page.n -= 1;
            let jobs = listed.as_array().unwrap();
            let job = jobs.iter().find(|job| job["id"] == id).unwrap().clone();
            if job["ticks"] == 1 && (job["failed"] == 0 || job["lastError"].is_object()) {
                return job;
            }
            std::thread::yield_now();
        }
    };
    for (id, event, to, passes) in [
        ("first", "beat", json!(null), true),
        ("second", "beat", json!(null), false),
        // Each receiver has an interval of its own. A tick is refused if one receiver is too early.
        ("to-a", "beat", json!("a"), true),
        ("to-a-again", "beat", json!(["a"]), false),
        ("to-both", "beat", json!(["a", "b"]), false),
        ("to-b", "beat", json!("b"), true),
        (
            "window",
            "beat",
            json!({ "kind": "Window", "label": "b" }),
            false,
        ),
        ("glob", "beat", json!("[b]"), false),
        ("free", "free", json!(null), true),
        ("free-again", "free", json!(null), true),
    ] {
        page.start_job(job(id, event, to)).unwrap();
        let job = tick_of(&mut page, id);
        assert_eq!(job["failed"], i32::from(!passes), "{job}");
        if !passes {
            assert_eq!(job["lastError"]["code"], "rate_limited", "{job}");
            assert!(message(&job["lastError"]).contains("minIntervalMs"));
        }
    }
    // Neither restarting the job nor reloading the page helps.
    let mut page = Page::load(page.webview);
    page.call("stop_job", json!({ "id": "first" })).unwrap();
    page.start_job(job("first", "beat", json!(null))).unwrap();
    assert_eq!(tick_of(&mut page, "first")["failed"], 1);
    let mut replacing = job("second", "beat", json!(null));
    replacing["replace"] = json!(true);
    page.start_job(replacing).unwrap();
    assert_eq!(tick_of(&mut page, "second")["failed"], 1);
    // The limit does not apply to jobs of the host.
    let own = app.event_bus().periodic("beat");
    let own = own.every(std::time::Duration::from_secs(3600)).immediate();
    let own = own.start().unwrap();
    while own.info().ticks == 0 {
        std::thread::yield_now();
    }
    assert_eq!(own.info().failed, 0);
}

#[test]
fn a_window_opened_later_has_its_pace() {
    let app = app();
    let capability = json!({
        "identifier": "paced",
        "windows": ["paced"],
        "permissions": [{
            "identifier": "event-bus:jobs",
            "allow": [
                { "event": "clock", "to": "slow-main" },
                { "event": "clock", "to": "slow-*", "minIntervalMs": 3_600_000 },
            ]
        }]
    });
    app.add_capability(capability.to_string()).unwrap();
    let mut page = Page::open(&app, "paced");
    // No such window is open yet.
    for id in 0..9 {
        let job = json!({
            "event": "clock", "everyMs": 3_600_000, "startDelayMs": 1, "immediate": true,
            "id": format!("{id}"), "to": "slow-*", "onlyWhileListened": true,
        });
        page.start_job(job).unwrap();
    }
    let listener =
        json!({ "identifier": "slow", "windows": ["slow-*"], "permissions": ["event-bus:listen"] });
    app.add_capability(listener.to_string()).unwrap();
    let mut slow = Page::open(&app, "slow-1");
    slow.listen("clock");
    let jobs = loop {
        let listed = page.call("list_jobs", json!({})).unwrap();
        page.n -= 1;
        let jobs = listed.as_array().unwrap().clone();
        if jobs.iter().all(|job| job["ticks"] == 1) {
            break jobs;
        }
        std::thread::yield_now();
    };
    let failed = jobs.iter().filter(|job| job["failed"] == 1).count();
    assert_eq!(failed, 8, "{jobs:?}");
}

#[test]
fn jobs_are_checked_by_name_target_and_interval() {
    let now = |_: &SourceCall| Ok::<_, Infallible>(0);
    let builder = Builder::new().job_source("time", now);
    let app = app_with(builder.job_source("secret", now));
    open(&app, "main");
    open(&app, "editor-1");
    let mut sender = Page::open(&app, "sender");
    for (job, expected) in [
        (json!({ "event": "clock", "everyMs": 100 }), "ok"),
        (
            json!({ "event": "clock", "everyMs": 99.5 }),
            "invalid_interval",
        ),
        (
            json!({ "event": "clock", "everyMs": 1000, "to": "main" }),
            "denied",
        ),
        (
            json!({ "event": "clock", "everyMs": 1000, "to": { "kind": "Any" } }),
            "ok",
        ),
        (
            json!({ "event": "note", "everyMs": 1, "to": "editor-1" }),
            "ok",
        ),
        (
            json!({ "event": "note", "everyMs": 1, "to": "editor-*" }),
            "ok",
        ),
        (
            json!({ "event": "note", "everyMs": 1, "to": "*" }),
            "denied",
        ),
        (json!({ "event": "note", "everyMs": 1 }), "denied"),
        (
            json!({ "event": "clock", "everyMs": 100, "source": "time" }),
            "ok",
        ),
        (
            json!({ "event": "clock", "everyMs": 99.5, "source": "time" }),
            "invalid_interval",
        ),
        (
            json!({ "event": "clock", "everyMs": 100, "source": "secret" }),
            "denied",
        ),
        // The error does not reveal whether the source exists.
        (
            json!({ "event": "clock", "everyMs": 100, "source": "none" }),
            "denied",
        ),
        (
            json!({ "event": "note", "everyMs": 1, "to": "editor-1", "source": "secret" }),
            "ok",
        ),
        (json!({ "event": "other", "everyMs": 1000 }), "denied"),
    ] {
        let result = sender.start_job(job.clone());
        let result = result.unwrap_or_else(|error| error);
        assert_eq!(verdict(&result), expected, "{job}: {result}");
        if expected == "invalid_interval" {
            assert!(message(&result).contains("100ms"), "{result}");
        }
    }

    let job = json!({ "event": "clock", "everyMs": 5000, "id": "mine" });
    sender.start_job(job).unwrap();
    for (changes, expected) in [
        (json!({ "everyMs": 100 }), "ok"),
        (json!({ "everyMs": 99.5 }), "invalid_interval"),
        (json!({ "to": "main" }), "denied"),
    ] {
        let update = json!({ "id": "mine", "changes": changes });
        let result = sender.call("update_job", update);
        let result = result.unwrap_or_else(|error| error);
        assert_eq!(verdict(&result), expected, "{changes}: {result}");
    }
    let listed = crate::support::invoke(&sender.webview, "list_jobs", json!({}));
    let listed = listed.wait().unwrap();
    let mine = listed.as_array().unwrap().iter();
    let mine: Vec<_> = mine.filter(|job| job["id"] == "mine").collect();
    assert_eq!(
        (&mine[0]["everyMs"], &mine[0]["to"]),
        (&json!(100.0), &json!(null))
    );
}

#[test]
fn jobs_of_others_need_an_entry_of_their_own() {
    let app = app();
    let bus = app.event_bus();
    let second = std::time::Duration::from_secs(1);
    for event in ["clock", "secret"] {
        bus.periodic(event)
            .id(event)
            .every(second)
            .start()
            .unwrap()
            .forget();
    }
    let mut main = Page::open(&app, "main");
    main.start_job(json!({ "event": "clock:main", "everyMs": 1000, "id": "theirs" }))
        .unwrap();
    let host = json!({ "kind": "host" });
    let theirs = json!({ "kind": "webview", "label": "main" });

    let ids = |page: &Page| {
        let listed = crate::support::invoke(&page.webview, "list_jobs", json!({}))
            .wait()
            .unwrap();
        let listed = listed.as_array().unwrap().iter();
        listed
            .map(|job| job["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let stop = |page: &mut Page, id: &str, owner: &Value| {
        let stopped = page.call("stop_job", json!({ "id": id, "owner": owner }));
        verdict(&stopped.unwrap_or_else(|error| error)).to_owned()
    };
    assert_eq!(
        ids(&main),
        ["theirs"],
        "only its own jobs, even with all other permissions"
    );
    assert_eq!(stop(&mut main, "clock", &host), "denied");
    assert_eq!(
        stop(&mut main, "gone", &host),
        "denied",
        "whether or not it exists"
    );

    let mut overseer = Page::open(&app, "overseer");
    assert_eq!(ids(&overseer), ["clock", "theirs"]);
    assert_eq!(stop(&mut overseer, "secret", &host), "unknown_job");
    assert_eq!(stop(&mut overseer, "gone", &host), "unknown_job");
    assert_eq!(stop(&mut overseer, "clock", &theirs), "unknown_job");
    let act = |page: &mut Page, command: &str, id: &str, owner: &Value, changes: Value| {
        let mut arguments = json!({ "id": id, "owner": owner });
        if command == "update_job" {
            arguments["changes"] = changes;
        }
        page.call(command, arguments)
    };
    for command in ["pause_job", "resume_job", "update_job"] {
        for (id, owner) in [("clock", &host), ("theirs", &theirs)] {
            let changes = json!({ "everyMs": 2000 });
            let info = act(&mut overseer, command, id, owner, changes).unwrap();
            let expected = if command == "pause_job" {
                "paused"
            } else {
                "running"
            };
            assert_eq!(
                (&info["id"], &info["state"]),
                (&json!(id), &json!(expected))
            );
        }
        let of_page = act(&mut main, command, "clock", &host, json!({})).unwrap_err();
        assert_eq!(code(&of_page), "denied", "{command}");
        let unreached = act(&mut overseer, command, "secret", &host, json!({})).unwrap_err();
        assert_eq!(code(&unreached), "unknown_job", "{command}");
    }
    assert_eq!(bus.jobs().list()[0].interval.as_secs(), 2);
    let for_app =
        json!({ "event": "clock:app", "everyMs": 1000, "id": "app", "owner": { "kind": "host" } });
    let started = overseer.start_job(for_app).unwrap();
    assert_eq!(started["owner"], host);
    // A page cannot replace a job outside its scope, and learns nothing about it.
    for replace in [true, false] {
        let job = json!({ "event": "clock:app", "everyMs": 1000, "id": "secret", "owner": { "kind": "host" }, "replace": replace });
        assert_eq!(code(&overseer.start_job(job).unwrap_err()), "duplicate_job");
    }
    // Payload and target of foreign jobs cannot be changed.
    for changes in [json!({ "payload": "1" }), json!({ "to": "main" })] {
        for (id, owner) in [("clock", &host), ("theirs", &theirs)] {
            let refused = act(&mut overseer, "update_job", id, owner, changes.clone());
            assert_eq!(code(&refused.unwrap_err()), "denied", "{id} {changes}");
        }
    }
    let beyond = json!({ "event": "note", "everyMs": 1000, "owner": { "kind": "host" } });
    let refused = overseer.start_job(beyond).unwrap_err();
    assert_eq!(code(&refused), "denied");
    let entry = r#"[{"event":"note","owner":"any"}]"#;
    assert!(message(&refused).contains(entry), "{refused}");
    assert_eq!(stop(&mut overseer, "app", &host), "ok");

    assert_eq!(stop(&mut overseer, "clock", &host), "ok");
    assert_eq!(stop(&mut overseer, "theirs", &theirs), "ok");
    assert_eq!(ids(&overseer), [] as [&str; 0]);
    assert_eq!(bus.jobs().list().len(), 1);
    let wrong = json!({ "kind": "window" });
    assert_eq!(stop(&mut overseer, "secret", &wrong), "invalid_argument");

    let mut nameless = Page::open(&app, "nameless");
    assert_eq!(
        ids(&nameless),
        [] as [&str; 0],
        "its own jobs need no entry"
    );
    let own = nameless.call("stop_job", json!({ "id": "x" })).unwrap_err();
    assert_eq!(code(&own), "unknown_job");
}

/// One tick keeps every interval, so a permission limits neither its start nor its changes.
#[test]
fn a_delayed_event_keeps_every_interval() {
    let app = app();
    let capability = json!({
        "identifier": "paced",
        "windows": ["paced"],
        "permissions": [{
            "identifier": "event-bus:jobs",
            "allow": [{ "event": "tea", "minIntervalMs": 3_600_000 }]
        }]
    });
    app.add_capability(capability.to_string()).unwrap();
    let mut page = Page::open(&app, "paced");
    let soon = SystemTime::now() + Duration::from_secs(600);
    let soon = soon.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let start = |id: &str, when: Value| {
        let mut job = json!({ "event": "tea", "id": id, "payload": "1" });
        job.as_object_mut()
            .unwrap()
            .extend(when.as_object().unwrap().clone());
        job
    };
    let delay = json!({ "afterMs": 600_000 });
    page.start_job(start("after", delay)).unwrap();
    let time = json!({ "at": soon.as_millis() as u64 });
    page.start_job(start("at", time)).unwrap();
    for id in ["after", "at"] {
        let update = json!({ "id": id, "changes": { "payload": "2" } });
        page.call("update_job", update).unwrap();
    }
    let every = json!({ "everyMs": 600_000 });
    let refused = page.start_job(start("every", every)).unwrap_err();
    assert!(message(&refused).contains("interval"), "{refused}");
}
