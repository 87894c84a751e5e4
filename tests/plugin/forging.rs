//! What a page cannot do in the name of another, and which fields it cannot forge.

use std::collections::HashSet;

use serde_json::{Value, json};
use tauri_plugin_event_bus::EventBusExt;

use crate::support::{Page, app, code, invoke, message};

#[test]
fn a_page_cannot_forge_the_fields_of_an_event() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("*");
    for (field, value) in [
        ("source", json!("other")),
        ("source", json!({ "kind": "host" })),
        ("seq", json!(1)),
        ("index", json!(1)),
        ("timestamp", json!(0)),
        ("acceptedAt", json!(0)),
        ("tick", json!({ "job": "x", "count": 1 })),
        ("tick", json!({ "job": "x", "count": 1 })),
        ("replayed", json!(true)),
        ("retained", json!(true)),
        ("superseded", json!(1)),
        ("hops", json!(0)),
        ("owner", json!("any")),
        ("__proto__", json!({})),
    ] {
        for command in ["emit", "emit_to"] {
            let mut entry = json!({ "event": "x", "payload": "1" });
            if command == "emit_to" {
                entry["to"] = json!("other");
            }
            entry[field] = value.clone();
            let results = main.call(command, json!({ "events": [entry] })).unwrap();
            assert_eq!(code(&results[0]), "invalid_argument", "{command} {field}");
            assert!(message(&results[0]).contains(field), "{}", results[0]);
        }
        let mut job = json!({ "event": "x", "everyMs": 60_000 });
        job[field] = value.clone();
        let error = main.call("start_job", json!({ "job": job })).unwrap_err();
        // A job may name the source of its payloads, but not the source of its events.
        let expected = match (field, &value) {
            ("source", Value::String(_)) => "unknown_source",
            _ => "invalid_argument",
        };
        assert_eq!(code(&error), expected, "{field}");
        let mut entry = json!({ "id": 1, "event": "x" });
        // A subscription has an option `retained`.
        if field != "retained" {
            entry[field] = value;
            let results = main
                .call("subscribe", json!({ "subscriptions": [entry] }))
                .unwrap();
            assert_eq!(code(&results[0]), "invalid_argument", "{field}");
        }
    }
    main.emit("x", "1");
    let batch = other.pull().rows();
    assert_eq!(batch.as_array().unwrap().len(), 1);
    assert_eq!(batch[0][4], "main");
}

#[test]
fn events_of_the_bus_itself_cannot_be_emitted() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("event-bus:*");
    let name = "event-bus:job-stopped";
    assert_eq!(code(&main.emit(name, "{}")), "reserved_event_name");
    let entry = json!({ "event": name, "payload": "{}", "to": "other" });
    let results = main.call("emit_to", json!({ "events": [entry] })).unwrap();
    assert_eq!(code(&results[0]), "reserved_event_name");
    assert!(message(&results[0]).contains(name), "{}", results[0]);
    let job = json!({ "event": name, "everyMs": 1, "immediate": true });
    let error = main.start_job(job).unwrap_err();
    assert_eq!(code(&error), "reserved_event_name");
    let error = app.event_bus().emit(name, 1).unwrap_err();
    assert_eq!(error.code().as_str(), "reserved_event_name");

    app.event_bus().emit_to("other", "event", 1).unwrap();
    other.listen("end");
    app.event_bus().emit("end", 1).unwrap();
    assert_eq!(other.receive(), [("end".into(), json!(1))]);
}

#[test]
fn unknown_arguments_change_nothing() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("*");
    let event = json!({ "event": "x", "payload": "1" });
    main.call(
        "emit",
        json!({ "events": [event], "source": "other", "webview": "other", "label": "other", "origin": "x" }),
    )
    .unwrap();
    assert_eq!(other.pull().rows()[0][4], "main");
}

#[test]
fn a_foreign_session_is_as_unknown_as_a_forged_one() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut thief = Page::open(&app, "other");
    let id = main.listen("x");
    thief.listen("y");
    app.event_bus().emit("x", "secret").unwrap();
    let stolen = |thief: &Page, command: &str, n: u64, mut arguments: Value| {
        arguments["session"] = json!(main.session);
        arguments["n"] = json!(n);
        invoke(&thief.webview, command, arguments).wait()
    };
    let emit = json!({ "events": [{ "event": "x", "payload": "1" }] });
    for (command, arguments) in [
        ("emit", emit.clone()),
        (
            "subscribe",
            json!({ "subscriptions": [{ "id": 9, "event": "*" }] }),
        ),
        ("unsubscribe", json!({ "ids": [id] })),
        (
            "start_job",
            json!({ "job": { "event": "x", "everyMs": 1 } }),
        ),
        ("stop_job", json!({ "id": "x" })),
    ] {
        // Neither a new number nor a recorded one.
        for n in [main.n + 1, main.n + 7] {
            let error = stolen(&thief, command, n, arguments.clone()).unwrap_err();
            assert_eq!(code(&error), "stale_session", "{command} {n}");
            assert!(!error.to_string().contains("secret"));
        }
    }
    let pull = json!({ "session": main.session, "ack": 0 });
    let error = invoke(&thief.webview, "pull", pull).wait().unwrap_err();
    assert_eq!(code(&error), "stale_session");

    // With the number 1, the same id is a new session of the thief's own webview.
    stolen(&thief, "emit", 1, emit).unwrap();
    assert_eq!(main.receive()[0], ("x".into(), json!("secret")));
    assert_eq!(app.event_bus().emit("x", 1).unwrap().pages, 1);
}

#[test]
fn a_session_of_another_page_cannot_be_resumed() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let id = main.listen("x");
    app.event_bus().emit_to("main", "x", "secret").unwrap();
    let mut thief = Page::open(&app, "other");
    let resume = json!({ "session": main.session, "after": 0, "handled": 0 });
    let entry = json!({ "id": id, "event": "*", "resume": resume });
    thief
        .call("subscribe", json!({ "subscriptions": [entry] }))
        .unwrap();
    app.event_bus().emit("end", ()).unwrap();
    let batch = thief.pull().rows();
    assert!(!batch.to_string().contains("secret"), "{batch}");
}

#[test]
fn a_subscription_of_another_page_cannot_be_ended() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    let id = main.listen("x");
    assert_eq!(other.listen("x"), id);
    other.call("unsubscribe", json!({ "ids": [id] })).unwrap();
    assert_eq!(app.event_bus().emit("x", 1).unwrap().pages, 1);
    assert_eq!(main.receive().len(), 1);
}

#[test]
fn jobs_of_others_are_out_of_reach() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    let host = app
        .event_bus()
        .periodic("clock")
        .every(std::time::Duration::from_secs(60))
        .id("mine")
        .start()
        .unwrap();
    let job = |id: &str, replace: bool| json!({ "job": { "event": "x", "everyMs": 60_000, "id": id, "replace": replace } });
    main.call("start_job", job("theirs", false)).unwrap();
    for id in ["mine", "theirs"] {
        let error = other.call("stop_job", json!({ "id": id })).unwrap_err();
        assert_eq!(code(&error), "unknown_job");
        // `replace` concerns only jobs of the same page.
        other.call("start_job", job(id, true)).unwrap();
    }
    let listed = other.call("list_jobs", json!({})).unwrap();
    let owned = |job: &Value| job["owner"] == json!({ "kind": "webview", "label": "other" });
    assert!(listed.as_array().unwrap().iter().all(owned));
    assert_eq!(app.event_bus().jobs().list()[0].event, "clock");
    assert_eq!(
        main.call("list_jobs", json!({})).unwrap()[0]["id"],
        "theirs"
    );
    drop(host);
}

#[test]
fn generated_job_ids_cannot_be_guessed() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let job = json!({ "job": { "event": "x", "everyMs": 60_000 } });
    let ids: HashSet<String> = (0..100)
        .map(|_| {
            let started = main.call("start_job", job.clone()).unwrap();
            started["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 100);
    // 128 random bits: every digit takes many values.
    for place in 0..32 {
        let digits: HashSet<u8> = ids.iter().map(|id| id.as_bytes()[place]).collect();
        assert!(
            digits.len() > 8,
            "digit {place} takes {} values",
            digits.len()
        );
    }
}

#[test]
fn tauris_own_events_are_refused() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("*");
    for (name, expected) in [
        ("tauri://close-requested", "reserved_event_name"),
        ("tauri://", "reserved_event_name"),
        ("TAURI://close-requested", "reserved_event_name"),
        ("Tauri://x", "reserved_event_name"),
        (" tauri://x", "invalid_event_name"),
        ("tauri:// x", "invalid_event_name"),
        ("tauri:\u{200b}//x", "invalid_event_name"),
        ("\u{feff}tauri://x", "invalid_event_name"),
        ("tauri:\\/\\/x", "invalid_event_name"),
        ("tauri%3A//x", "invalid_event_name"),
        ("tauri://x\0", "invalid_event_name"),
    ] {
        let refused = main.emit(name, "1");
        assert_eq!(code(&refused), expected, "{name:?}");
        let refused = main.emit_to(json!("other"), name, "1");
        assert_eq!(code(&refused), expected, "{name:?}");
        let job = json!({ "job": { "event": name, "everyMs": 1 } });
        let error = main.call("start_job", job).unwrap_err();
        assert_eq!(code(&error), expected, "{name:?}");
        let entry = json!({ "subscriptions": [{ "id": 7, "event": name }] });
        let results = main.call("subscribe", entry).unwrap();
        assert_eq!(code(&results[0]), expected, "{name:?}");
    }
    app.event_bus().emit("end", ()).unwrap();
    assert_eq!(other.receive(), [("end".into(), Value::Null)]);
}
