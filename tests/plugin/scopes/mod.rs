//! Permission by event name, through Tauri's own access control with real capability files.

use std::convert::Infallible;

use serde_json::{Value, json};
use tauri::Manager;
use tauri_plugin_event_bus::{Builder, EmitOptions, EventBusExt, SourceCall};

use crate::support::{Page, app, app_in, app_with, code, message, open};

/// The code of a refusal, or "ok".
fn verdict(answer: &Value) -> &str {
    if answer.get("error").is_some() || answer.get("code").is_some() {
        code(answer)
    } else {
        "ok"
    }
}

fn names(received: &[(String, Value)]) -> Vec<&str> {
    received.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn what_a_page_emits_to_everyone_is_decided_by_name_window_and_command() {
    let app = app();
    for (window, event, expected) in [
        ("main", "anything", "ok"),
        ("main", "tauri://focus", "reserved_event_name"),
        ("broadcaster", "anything", "ok"),
        ("nameless", "anything", "denied"),
        ("shop", "cart:updated", "ok"),
        ("shop", "cart:secret", "denied"),
        ("shop", "order:new", "ok"),
        ("shop", "order:old", "denied"),
        ("shop", "greeting", "denied"),
        ("malformed", "anything", "denied"),
    ] {
        let webview = app.get_webview_window(window);
        let mut page = Page::load(webview.unwrap_or_else(|| open(&app, window)));
        let answer = page.emit(event, "1");
        assert_eq!(verdict(&answer), expected, "{window} {event}: {answer}");
    }
}

#[test]
fn what_a_page_sends_is_decided_by_name_and_label() {
    let app = app();
    for label in ["main", "other", "editor-1", "editor-secret"] {
        open(&app, label);
    }
    for (window, event, to, expected) in [
        ("other", "anything", json!("main"), "ok"),
        ("other", "anything", json!({ "kind": "App" }), "ok"),
        ("nameless", "note", json!("main"), "denied"),
        ("shop", "greeting", json!("main"), "ok"),
        ("shop", "greeting", json!("editor-*"), "ok"),
        ("shop", "greeting", json!("other"), "denied"),
        ("shop", "cart:updated", json!("main"), "denied"),
        ("sender", "note", json!("main"), "ok"),
        ("sender", "note", json!(["main", "editor-1"]), "ok"),
        ("sender", "note", json!(["main", "other"]), "denied"),
        ("sender", "note", json!("editor-1"), "ok"),
        ("sender", "note", json!("editor-secret"), "denied"),
        ("sender", "note", json!("editor-*"), "denied"),
        ("sender", "note", json!("editor-[0-9]"), "ok"),
        ("sender", "note", json!("nobody-*"), "ok"),
        (
            "sender",
            "note",
            json!({ "kind": "Window", "label": "main" }),
            "ok",
        ),
        (
            "sender",
            "note",
            json!({ "kind": "Window", "label": "other" }),
            "denied",
        ),
        ("sender", "note", json!({ "kind": "App" }), "denied"),
        ("sender", "log", json!({ "kind": "App" }), "ok"),
        ("sender", "log", json!("main"), "denied"),
    ] {
        let webview = app.get_webview_window(window);
        let mut page = Page::load(webview.unwrap_or_else(|| open(&app, window)));
        let answer = page.emit_to(to.clone(), event, "1");
        assert_eq!(
            verdict(&answer),
            expected,
            "{window} {event} {to}: {answer}"
        );
    }
}

#[test]
fn permission_comes_before_existence() {
    let app = app();
    for label in ["main", "other", "editor-1", "editor-secret"] {
        open(&app, label);
    }
    let mut sender = Page::open(&app, "sender");
    let there = sender.emit_to(json!("other"), "note", "1");
    let gone = sender.emit_to(json!("nobody"), "note", "1");
    assert_eq!(
        message(&there).replace("other", "nobody"),
        message(&gone),
        "a label that is there is refused as one that is not"
    );
    let unknown = sender.emit_to(json!("editor-9"), "note", "1");
    assert_eq!(code(&unknown), "unknown_target");
    assert!(
        message(&unknown).ends_with(r#"there are "editor-1", "main""#),
        "{unknown}"
    );
    let window = json!({ "kind": "Window", "label": "editor-9" });
    let unknown = sender.emit_to(window, "note", "1");
    assert_eq!(code(&unknown), "unknown_target");
    assert!(
        message(&unknown).ends_with(r#"there are "editor-1", "main""#),
        "{unknown}"
    );
}

#[test]
fn a_denied_entry_refuses_itself_alone() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let mut shop = Page::open(&app, "shop");
    let events = ["cart:a", "order:old", "cart:b"].map(|event| json!({ "event": event }));
    let answers = shop.call("emit", json!({ "events": events })).unwrap();
    let verdicts: Vec<&str> = answers.as_array().unwrap().iter().map(verdict).collect();
    assert_eq!(verdicts, ["ok", "denied", "ok"]);
    assert_eq!(names(&main.receive_many(2)), ["cart:a", "cart:b"]);
    let subscriptions = ["cart:a", "order:old", "*"];
    let subscriptions: Vec<Value> = subscriptions
        .iter()
        .zip(1..)
        .map(|(event, id)| json!({ "id": id, "event": event }))
        .collect();
    let answers = shop
        .call("subscribe", json!({ "subscriptions": subscriptions }))
        .unwrap();
    let verdicts: Vec<&str> = answers.as_array().unwrap().iter().map(verdict).collect();
    assert_eq!(verdicts, ["ok", "denied", "ok"]);
}

#[test]
fn a_refusal_shows_the_line_that_would_allow_it() {
    let app = app();
    let mut nameless = Page::open(&app, "nameless");
    let listening = nameless.try_listen("cart:updated");
    let emitting = nameless.emit("cart:updated", "1");
    let sending = nameless.emit_to(json!("main"), "cart:updated", "1");
    let job = json!({ "event": "cart:updated", "everyMs": 1000 });
    let timing = nameless.start_job(job).unwrap_err();
    for (answer, line) in [
        (
            &listening,
            r#"{ "identifier": "event-bus:listen", "allow": ["cart:updated"] }"#,
        ),
        (
            &emitting,
            r#"{ "identifier": "event-bus:allow-emit", "allow": ["cart:updated"] }"#,
        ),
        (
            &sending,
            r#"{ "identifier": "event-bus:allow-emit-to", "allow": [{"event":"cart:updated","to":"main"}] }"#,
        ),
        (
            &timing,
            r#"{ "identifier": "event-bus:jobs", "allow": ["cart:updated"] }"#,
        ),
    ] {
        assert_eq!(code(answer), "denied");
        assert!(message(answer).contains(line), "{answer}");
        assert!(
            message(answer).contains("an empty list allows nothing"),
            "{answer}"
        );
    }
    // The line does allow it.
    for line in [
        r#"{ "identifier": "event-bus:listen", "allow": ["cart:updated"] }"#,
        r#"{ "identifier": "event-bus:allow-emit", "allow": ["cart:updated"] }"#,
    ] {
        let line: Value = serde_json::from_str(line).unwrap();
        let identifier = format!("added-{}", line["identifier"].as_str().unwrap().len());
        let capability =
            json!({ "identifier": identifier, "windows": ["nameless"], "permissions": [line] });
        app.add_capability(capability.to_string()).unwrap();
    }
    nameless.listen("cart:updated");
    assert_eq!(verdict(&nameless.emit("cart:updated", "1")), "ok");
    assert_eq!(names(&nameless.receive()), ["cart:updated"]);
}

#[test]
fn a_page_that_listens_to_everything_hears_what_it_may() {
    let app = app();
    let bus = app.event_bus();
    bus.emit_with("cart:kept", 1, EmitOptions::new().retain())
        .unwrap();
    bus.emit_with("order:kept", 1, EmitOptions::new().retain())
        .unwrap();
    bus.emit_with("cart:secret", 1, EmitOptions::new().retain())
        .unwrap();
    let webview = open(&app, "shop");
    for event in ["cart:early", "order:early", "cart:secret"] {
        bus.emit(event, 1).unwrap();
        bus.emit_to("shop", event, 2).unwrap();
    }
    let mut shop = Page::load(webview);
    shop.listen("*");
    for event in ["cart:live", "order:live", "cart:secret", "end", "cart:end"] {
        bus.emit(event, 1).unwrap();
        bus.emit_to("shop", event, 2).unwrap();
    }
    let received = shop.receive_many(7);
    assert_eq!(
        names(&received),
        [
            "cart:kept",
            "cart:early",
            "cart:early",
            "cart:live",
            "cart:live",
            "cart:end",
            "cart:end"
        ],
        "retained, replayed and live"
    );

    // Its next page gets what this one has not acknowledged, and nothing else.
    shop.ack = 0;
    let mut next = Page::load(shop.webview);
    bus.emit("order:between", 1).unwrap();
    bus.emit("cart:between", 1).unwrap();
    next.listen("*");
    let received = next.receive_many(8);
    assert!(
        received
            .iter()
            .all(|(name, _)| name.starts_with("cart:") && name != "cart:secret"),
        "{received:?}"
    );
    assert_eq!(
        names(&received[1..]),
        [
            "cart:early",
            "cart:early",
            "cart:live",
            "cart:live",
            "cart:end",
            "cart:end",
            "cart:between"
        ]
    );
}

#[test]
fn a_renewed_subscription_hears_what_it_may() {
    let app = app();
    let bus = app.event_bus();
    let mut shop = Page::open(&app, "shop");
    let id = shop.listen("*");
    let stale = shop.session.clone();
    bus.emit("cart:a", 1).unwrap();
    bus.emit("order:a", 1).unwrap();
    // Another realm takes the webview over; the page comes back with its subscription.
    let mut page = Page::load(shop.webview);
    let resume = json!({ "session": stale, "after": 0, "handled": 0 });
    bus.emit("order:b", 1).unwrap();
    let subscription = json!({ "id": id, "event": "*", "resume": resume });
    let answers = page.call("subscribe", json!({ "subscriptions": [subscription] }));
    assert!(answers.unwrap()[0]["seq"].is_u64());
    bus.emit("order:c", 1).unwrap();
    bus.emit("cart:c", 1).unwrap();
    assert_eq!(names(&page.receive_many(2)), ["cart:a", "cart:c"]);
}

#[test]
fn what_is_sent_to_a_glob_stays_within_what_is_allowed() {
    let app = app();
    let mut sender = Page::open(&app, "sender");
    let event = json!({ "event": "note", "payload": "1", "to": "editor-*", "retain": true });
    let answers = sender
        .call("emit_to", json!({ "events": [event] }))
        .unwrap();
    assert_eq!(verdict(&answers[0]), "ok");
    // Both open later; the one may not be sent to.
    let mut secret = Page::open(&app, "editor-secret");
    let mut editor = Page::open(&app, "editor-1");
    secret.listen("*");
    editor.listen("*");
    app.event_bus().emit("end", ()).unwrap();
    assert_eq!(names(&editor.receive_many(2)), ["note", "end"]);
    assert_eq!(names(&secret.receive()), ["end"]);
}

#[test]
fn the_jobs_of_a_page_keep_the_shortest_interval_together_however_they_are_started() {
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
    // How many ticks of a job came, and how many failed, once there was one.
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
        // Each receiver has its own; one that may not yet get it keeps the others from it.
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
    // Neither starting it anew nor loading the page again helps.
    let mut page = Page::load(page.webview);
    page.call("stop_job", json!({ "id": "first" })).unwrap();
    page.start_job(job("first", "beat", json!(null))).unwrap();
    assert_eq!(tick_of(&mut page, "first")["failed"], 1);
    let mut replacing = job("second", "beat", json!(null));
    replacing["replace"] = json!(true);
    page.start_job(replacing).unwrap();
    assert_eq!(tick_of(&mut page, "second")["failed"], 1);
    // What the app emits is its own affair.
    let own = app.event_bus().periodic("beat");
    let own = own.every(std::time::Duration::from_secs(3600)).immediate();
    let own = own.start().unwrap();
    while own.info().ticks == 0 {
        std::thread::yield_now();
    }
    assert_eq!(own.info().failed, 0);
}

#[test]
fn periodic_events_are_decided_by_name_target_interval_and_source() {
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
        // Not even whether there is such a source.
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
        let answer = sender.start_job(job.clone());
        let answer = answer.unwrap_or_else(|error| error);
        assert_eq!(verdict(&answer), expected, "{job}: {answer}");
        if expected == "invalid_interval" {
            assert!(message(&answer).contains("100ms"), "{answer}");
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
        let answer = sender.call("update_job", update);
        let answer = answer.unwrap_or_else(|error| error);
        assert_eq!(verdict(&answer), expected, "{changes}: {answer}");
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
fn periodic_events_of_others_need_their_own_entry() {
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
        "a page's own alone, with everything else allowed"
    );
    assert_eq!(stop(&mut main, "clock", &host), "denied");
    assert_eq!(
        stop(&mut main, "gone", &host),
        "denied",
        "whether it is there or not"
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
    assert_eq!(bus.list_jobs()[0].interval.as_secs(), 2);
    let for_app =
        json!({ "event": "clock:app", "everyMs": 1000, "id": "app", "owner": { "kind": "host" } });
    let started = overseer.start_job(for_app).unwrap();
    assert_eq!(started["owner"], host);
    // Neither to take the place of one that it does not reach, nor to learn that way what there is.
    for replace in [true, false] {
        let job = json!({ "event": "clock:app", "everyMs": 1000, "id": "secret", "owner": { "kind": "host" }, "replace": replace });
        assert_eq!(code(&overseer.start_job(job).unwrap_err()), "duplicate_job");
    }
    // What others emit is theirs to say, and to whom.
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
    assert_eq!(bus.list_jobs().len(), 1);
    let wrong = json!({ "kind": "window" });
    assert_eq!(stop(&mut overseer, "secret", &wrong), "invalid_argument");

    let mut nameless = Page::open(&app, "nameless");
    assert_eq!(ids(&nameless), [] as [&str; 0], "its own need no entry");
    let own = nameless.call("stop_job", json!({ "id": "x" })).unwrap_err();
    assert_eq!(code(&own), "unknown_job");
}

#[test]
fn a_page_of_another_origin_has_only_what_a_remote_capability_gives() {
    let app = app();
    let bus = app.event_bus();
    let mut own = Page::open(&app, "visitor");
    assert_eq!(verdict(&own.emit("own", "1")), "ok");
    assert_eq!(verdict(&own.emit("visit", "1")), "denied");
    let error = own
        .call("subscribe", json!({ "subscriptions": [] }))
        .unwrap_err();
    assert!(
        error.is_string(),
        "Tauri refuses the command itself: {error}"
    );

    let mut visitor = own.navigate("https://example.com/page");
    assert_eq!(verdict(&visitor.emit("visit", "1")), "ok");
    assert_eq!(verdict(&visitor.emit("own", "1")), "denied");
    visitor.listen("*");
    assert_eq!(code(&visitor.try_listen("cart:updated")), "denied");
    bus.emit("cart:updated", 1).unwrap();
    bus.emit("news:today", 1).unwrap();
    assert_eq!(names(&visitor.receive()), ["news:today"]);

    for url in ["https://example.org/page", "http://example.com/page"] {
        visitor = visitor.navigate(url);
        let error = visitor.call("emit", json!({ "events": [] })).unwrap_err();
        assert!(error.is_string(), "{url}: {error}");
    }
    let mut main = Page::open(&app, "main").navigate("https://example.com/page");
    let error = main.call("emit", json!({ "events": [] })).unwrap_err();
    assert!(
        error.is_string(),
        "what the app's own page may is not for others: {error}"
    );
}

#[test]
fn a_capability_added_at_run_time_counts_for_the_next_subscription() {
    let app = app();
    let bus = app.event_bus();
    let mut widget = Page::open(&app, "widget");
    let first = widget.listen("*");
    let capability = json!({
        "identifier": "later",
        "windows": ["widget"],
        "permissions": [{ "identifier": "event-bus:allow-subscribe", "allow": ["news:*"] }]
    });
    app.add_capability(capability.to_string()).unwrap();
    widget.listen("*");
    assert_eq!(
        code(&widget.try_listen("cart:a")),
        "denied",
        "the set's default has yielded"
    );
    bus.emit("cart:a", 1).unwrap();
    bus.emit("news:a", 1).unwrap();
    assert_eq!(names(&widget.receive_many(2)), ["cart:a", "news:a"]);
    // What is left is the second one, which began with less.
    widget
        .call("unsubscribe", json!({ "ids": [first] }))
        .unwrap();
    bus.emit("cart:b", 1).unwrap();
    bus.emit("news:b", 1).unwrap();
    assert_eq!(names(&widget.receive()), ["news:b"]);

    let mut stranger = Page::open(&app, "stranger");
    assert!(
        stranger
            .call("emit", json!({ "events": [] }))
            .unwrap_err()
            .is_string()
    );
    let capability = json!({
        "identifier": "let-in",
        "windows": ["stranger"],
        "permissions": [{ "identifier": "event-bus:allow-emit", "allow": ["hello"] }]
    });
    app.add_capability(capability.to_string()).unwrap();
    stranger.n = 0;
    assert_eq!(verdict(&stranger.emit("hello", "1")), "ok");
    assert_eq!(verdict(&stranger.emit("bye", "1")), "denied");
}

#[test]
fn malformed_entries_stop_nothing_but_themselves_and_say_so() {
    let app = app();
    let mut page = Page::open(&app, "malformed");
    // A malformed allow entry grants nothing; the one beside it counts.
    let denied = page.try_listen("order:new");
    assert_eq!(code(&denied), "denied");
    assert!(
        message(&denied).contains(r#"the entry {"evnt":"order:*"}"#),
        "{denied}"
    );
    assert!(
        message(&denied).contains("unknown field `evnt`"),
        "{denied}"
    );
    page.listen("cart:updated");
    page.listen("*");
    app.event_bus().emit("order:new", 1).unwrap();
    app.event_bus().emit("cart:updated", 1).unwrap();
    assert_eq!(names(&page.receive()), ["cart:updated"]);

    // A malformed deny entry denies everything.
    let denied = page.emit("cart:updated", "1");
    assert_eq!(code(&denied), "denied");
    assert!(
        message(&denied).contains(r#"the deny entry {"event":5}"#),
        "{denied}"
    );
    open(&app, "main");
    let denied = page.emit_to(json!("main"), "a", "1");
    assert!(
        message(&denied).contains(r#"{"event":"a**","to":"main"}"#),
        "{denied}"
    );
    for (command, arguments) in [
        (
            "start_job",
            json!({ "job": { "event": "x", "everyMs": 1000 } }),
        ),
        ("stop_job", json!({ "id": "x" })),
        (
            "stop_job",
            json!({ "id": "x", "owner": { "kind": "host" } }),
        ),
        ("list_jobs", json!({})),
    ] {
        let denied = page.call(command, arguments).unwrap_err();
        assert_eq!(code(&denied), "denied", "{command}");
        assert!(
            message(&denied).contains(r#"the deny entry "a b""#),
            "{command}: {denied}"
        );
    }
}

#[test]
fn a_denied_command_is_denied_in_every_window() {
    let app = app_in(fixture::denying_context(), Builder::new());
    for label in ["main", "widget"] {
        let mut page = Page::open(&app, label);
        let error = page.call("emit", json!({ "events": [] })).unwrap_err();
        let text = error.as_str().unwrap();
        assert!(text.contains("explicitly denied"), "{label}: {text}");
        page.n = 0;
        page.listen("x");
    }
}

#[test]
fn the_guides_capabilities_do_what_it_says() {
    let app = app_in(fixture::guide_context(), Builder::new());
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let mut widget = Page::open(&app, "widget");
    let mut settings = Page::open(&app, "settings");
    let mut help = Page::open(&app, "help").navigate("https://help.example.com/start");

    main.listen("*");
    for (event, expected) in [
        ("cart:updated", "ok"),
        ("order:new", "ok"),
        ("order:paid", "denied"),
        ("clock:tick", "denied"),
    ] {
        assert_eq!(verdict(&main.emit(event, "1")), expected, "{event}");
    }
    for (event, to, expected) in [
        ("order:new", "settings", "ok"),
        ("order:new", "help", "denied"),
        ("order:paid", "settings", "denied"),
        ("cart:updated", "settings", "denied"),
    ] {
        assert_eq!(
            verdict(&main.emit_to(json!(to), event, "1")),
            expected,
            "{event} {to}"
        );
    }
    for (every, expected) in [(1000, "ok"), (999, "invalid_interval")] {
        let job = json!({ "event": "clock:tick", "everyMs": every });
        let answer = main.start_job(job).unwrap_or_else(|error| error);
        assert_eq!(verdict(&answer), expected, "{every}");
    }

    widget.listen("cart:*");
    widget.listen("clock:tick");
    assert_eq!(code(&widget.try_listen("order:new")), "denied");
    for command in ["emit", "emit_to"] {
        let error = widget.call(command, json!({ "events": [] })).unwrap_err();
        assert!(error.is_string(), "{command}: {error}");
        widget.n -= 1;
    }

    settings.listen("settings:*");
    assert_eq!(code(&settings.try_listen("cart:updated")), "denied");
    assert_eq!(
        verdict(&settings.emit_to(json!("main"), "settings:saved", "1")),
        "ok"
    );
    for (event, to) in [
        ("settings:saved", "widget"),
        ("settings:saved", "*"),
        ("cart:updated", "main"),
    ] {
        assert_eq!(
            verdict(&settings.emit_to(json!(to), event, "1")),
            "denied",
            "{event} {to}"
        );
    }
    assert!(
        settings
            .call("emit", json!({ "events": [] }))
            .unwrap_err()
            .is_string()
    );

    help.listen("*");
    assert_eq!(verdict(&help.emit("help:opened", "1")), "ok");
    assert_eq!(verdict(&help.emit("help:closed", "1")), "denied");
    bus.emit("cart:updated", 1).unwrap();
    bus.emit_to("help", "cart:updated", 1).unwrap();
    bus.emit_to("help", "help:topic", 1).unwrap();
    assert_eq!(names(&help.receive_many(2)), ["help:opened", "help:topic"]);
    let mut local = Page::load(help.webview);
    assert!(
        local
            .call("emit", json!({ "events": [] }))
            .unwrap_err()
            .is_string()
    );
}
