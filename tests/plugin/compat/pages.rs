use serde_json::{Value, json};
use tauri::EventTarget;
use tauri_plugin_event_bus::compat::{CompatKind, Compatible, Emitter};
use tauri_plugin_event_bus::{Builder, EventBusExt, Limits, Policy};

use super::{
    any, compatible, emit_to, labeled, listen, notes, payloads_until, subscription, with_parts,
};
use crate::support::{Page, app_with, code};

#[test]
fn an_unknown_label_is_no_error_and_is_noted() {
    let app = compatible();
    let mut main = Page::open(&app, "main");
    let _other = Page::open(&app, "other");
    assert!(emit_to(&mut main, labeled("hub"), "chat")["seq"].is_u64());
    app.emit_to("hub", "talk", 1).unwrap();
    app.emit_to(EventTarget::window("hub"), "window", 1)
        .unwrap();
    let message = |event: &str, kind: &str| {
        format!(r#"emit_to("hub", "{event}") names no {kind}; there are "main", "other""#)
    };
    for event in ["chat", "talk"] {
        let expected = (CompatKind::UnknownLabel, message(event, "webview"));
        assert_eq!(notes(&app, event), [expected]);
    }
    let noted = &notes(&app, "window")[0].1;
    assert!(
        noted.contains(r#"names no window; there are "main", "other""#),
        "{noted}"
    );
    // The API of the bus keeps its rules.
    assert!(app.event_bus().emit_to("hub", "chat", 1).is_err());
}

#[test]
fn without_the_mode_its_fields_change_nothing() {
    let mut limits = Limits::default();
    (limits.emit_burst, limits.emits_per_second) = (2, 1);
    (limits.subscribe_burst, limits.subscribes_per_second) = (2, 1);
    (limits.payload_bytes, limits.subscriptions_per_page) = (8, 2);
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    assert_eq!(
        code(&emit_to(&mut main, labeled("hub"), "chat")),
        "unknown_target"
    );
    let long =
        json!({ "event": "a", "payload": "\"123456789\"", "compatible": true, "lossy": "x" });
    let once = json!({ "event": "a", "payload": "1", "compatible": true });
    let results = main
        .call("emit", json!({ "events": [long, once] }))
        .unwrap();
    assert_eq!(code(&results[0]), "payload_too_large");
    assert_eq!(code(&results[1]), "rate_limited");
    assert_eq!(code(&listen(&mut main, "x", labeled("other"))), "denied");
    assert!(listen(&mut main, "x", any())["seq"].is_u64());
    assert_eq!(code(&listen(&mut main, "x", any())), "rate_limited");
    let error = app.emit_to("hub", "chat", 1).unwrap_err();
    assert!(
        error.to_string().contains("no webview has the label"),
        "{error}"
    );
    assert!(app.event_bus().compat_report().is_empty());
}

#[test]
fn a_plain_listener_receives_what_is_for_others() {
    let app = compatible();
    let (mut main, mut other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    listen(&mut main, "chat", any());
    listen(&mut other, "chat", labeled("other"));
    let bus = app.event_bus();
    bus.emit_to("other", "chat", 1).unwrap();
    bus.emit_to("main", "chat", 2).unwrap();
    app.emit_to("other", "chat", 3).unwrap();
    bus.emit("chat", 9).unwrap();
    assert_eq!(payloads_until(&mut main, &json!(9)), [1, 2, 3]);
    assert_eq!(payloads_until(&mut other, &json!(9)), [1, 3]);
    assert_eq!(
        notes(&app, "chat"),
        [
            (
                CompatKind::OtherTarget,
                r#""chat" was sent to "other" and received in "main""#.to_owned()
            ),
            (
                CompatKind::Broadcast,
                r#""chat" was sent to everyone and received by a listener with a target in "other""#
                    .to_owned()
            ),
        ]
    );
}

#[test]
fn a_target_of_another_kind_is_noted() {
    let app = compatible();
    let mut main = Page::open(&app, "main");
    let own = |kind: &str| json!({ "kind": kind, "label": "main" });
    listen(&mut main, "chat", own("Window"));
    listen(&mut main, "talk", own("Window"));
    app.emit_to(EventTarget::webview("main"), "chat", 1)
        .unwrap();
    app.emit_to("main", "talk", 2).unwrap();
    app.emit_to(EventTarget::window("main"), "talk", 3).unwrap();
    assert_eq!(payloads_until(&mut main, &json!(3)), [2]);
    let message = r#""chat" was sent to "main" and not received by a listener in "main" whose target is of another kind"#;
    let expected = (CompatKind::OtherTarget, message.to_owned());
    assert_eq!(notes(&app, "chat"), [expected]);
    assert_eq!(notes(&app, "talk"), []);
}

#[test]
fn a_strict_listener_beside_it_keeps_its_rules() {
    let app = compatible();
    let (mut main, _other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    main.listen("chat");
    let bus = app.event_bus();
    bus.emit_to("other", "chat", 1).unwrap();
    bus.emit("chat", 2).unwrap();
    assert_eq!(main.receive(), [("chat".to_owned(), json!(2))]);
}

#[test]
fn without_targets_a_page_receives_what_is_its_own() {
    let app = with_parts(|parts| parts.targets = false);
    let (mut main, _other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    listen(&mut main, "plain", any());
    listen(&mut main, "labeled", labeled("main"));
    assert_eq!(code(&listen(&mut main, "x", labeled("other"))), "denied");
    let bus = app.event_bus();
    for event in ["plain", "labeled"] {
        bus.emit_to("other", event, 1).unwrap();
        bus.emit_to("main", event, 2).unwrap();
        bus.emit(event, 3).unwrap();
    }
    let received: Vec<Value> = main
        .receive_many(4)
        .into_iter()
        .map(|(_, own)| own)
        .collect();
    assert_eq!(received, [2, 3, 2, 3]);
}

#[test]
fn without_broadcasts_a_target_narrows() {
    let app = with_parts(|parts| parts.broadcasts = false);
    let mut main = Page::open(&app, "main");
    listen(&mut main, "labeled", labeled("main"));
    listen(&mut main, "end", any());
    let bus = app.event_bus();
    bus.emit("labeled", 1).unwrap();
    bus.emit_to("main", "labeled", 2).unwrap();
    bus.emit("end", 9).unwrap();
    assert_eq!(payloads_until(&mut main, &json!(9)), [2]);
}

#[test]
fn nothing_is_replayed_and_the_report_counts_it() {
    let app = app_with(
        Builder::new()
            .compatible()
            .policy("row", Policy::new().retain(true)),
    );
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    for row in 0..3 {
        bus.emit("row", row).unwrap();
    }
    listen(&mut main, "row", any());
    bus.emit("row", 9).unwrap();
    assert_eq!(payloads_until(&mut main, &json!(9)), [] as [Value; 0]);
    let message = r#"3 events of "row" would have been replayed to "main""#.to_owned();
    assert_eq!(notes(&app, "row"), [(CompatKind::Replay, message)]);
}

#[test]
fn the_report_has_what_tauri_brings_to_pages() {
    let builder = Builder::new().compatible().bridge_from_core(["bridged"]);
    let app = app_with(builder.bridge_to_core(["out"]));
    let mut main = Page::open(&app, "main");
    for event in ["store://change", "bridged", "out"] {
        for _ in 0..2 {
            listen(&mut main, event, labeled("main"));
        }
    }
    main.listen("strict");
    assert_eq!(notes(&app, "store://change"), []);
    for event in ["store://change", "bridged", "out", "strict", "unread"] {
        tauri::Emitter::emit_to(&app, "main", event, 1).unwrap();
        assert_eq!(
            notes(&app, event).len(),
            usize::from(event == "store://change")
        );
    }
    let (kind, message) = notes(&app, "store://change").remove(0);
    assert_eq!(kind, CompatKind::Core);
    assert!(message.contains("to which a page listens"), "{message}");
}

#[test]
fn with_replay_a_new_listener_gets_what_came_before() {
    let app = with_parts(|parts| parts.replay = false);
    let (mut main, _other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    let bus = app.event_bus();
    bus.emit("row", 1).unwrap();
    bus.emit_to("other", "row", 2).unwrap();
    listen(&mut main, "row", any());
    bus.emit("row", 9).unwrap();
    assert_eq!(payloads_until(&mut main, &json!(9)), [1, 2]);
}

/// A page whose session has ended goes on in a new one.
fn renew(page: &mut Page, event: &str, target: Value, handled: u64) {
    let mut renewed = Page::load(page.webview.clone());
    std::mem::swap(page, &mut renewed);
    let mut resumed = subscription(100, event, target);
    resumed["resume"] =
        json!({ "session": renewed.session, "after": handled, "handled": handled, "ack": 1 });
    let results = page.call("subscribe", json!({ "subscriptions": [resumed] }));
    assert!(results.unwrap()[0]["seq"].is_u64());
}

#[test]
fn a_renewed_session_gets_what_was_for_others() {
    for replay in [true, false] {
        let app = with_parts(|parts| parts.replay = replay);
        let (mut main, mut other) = (Page::open(&app, "main"), Page::open(&app, "other"));
        let subscriptions = json!([subscription(100, "row", any())]);
        main.call("subscribe", json!({ "subscriptions": subscriptions }))
            .unwrap();
        let bus = app.event_bus();
        let handled = bus.emit("row", 1).unwrap().seq;
        assert_eq!(main.receive(), [("row".to_owned(), json!(1))]);
        let pull = main.pull();
        // Another page takes the session of the webview, and then the first one comes back.
        let mut between = Page::load(main.webview.clone());
        between.emit("unrelated", "1");
        assert_eq!(code(&pull.wait().unwrap_err()), "stale_session");
        bus.emit_to("other", "row", 2).unwrap();
        other.emit("row", "3");
        renew(&mut main, "row", any(), handled);
        bus.emit("row", 9).unwrap();
        assert_eq!(
            payloads_until(&mut main, &json!(9)),
            [2, 3],
            "replay: {replay}"
        );
    }
}

#[test]
fn limits_and_lossy_values_are_noted_only() {
    let mut limits = Limits::default();
    limits.payload_bytes = 8;
    (limits.emit_burst, limits.emits_per_second) = (1, 1);
    (limits.subscribe_burst, limits.subscribes_per_second) = (2, 1);
    limits.subscriptions_per_page = 2;
    limits.hops = 1;
    limits.retained_events = 1;
    let builder = Builder::new().policy("kept:*", Policy::new().retain(true));
    let app = app_with(builder.limits(limits).compatible());
    let mut main = Page::open(&app, "main");
    let text = r#"the payload of "long" has a NaN"#;
    let long =
        json!({ "event": "long", "payload": "\"123456789\"", "compatible": true, "lossy": text });
    let fast = json!({ "event": "fast", "payload": "1", "compatible": true });
    let loops =
        json!({ "event": "loops", "payload": "1", "compatible": true, "causes": ["a", "b"] });
    let kept = |name: &str| json!({ "event": name, "payload": "1", "compatible": true });
    let events = json!([long, fast, loops, kept("kept:a"), kept("kept:b")]);
    let results = main.call("emit", json!({ "events": events })).unwrap();
    for result in results.as_array().unwrap() {
        assert!(result["seq"].is_u64(), "{results}");
    }
    let noted = notes(&app, "long");
    assert_eq!(noted[0], (CompatKind::Value, text.to_owned()));
    assert!(noted[1].1.contains("payloadBytes"), "{noted:?}");
    for (event, limit) in [("fast", "emitsPerSecond"), ("kept:b", "retainedEvents")] {
        let noted = notes(&app, event);
        assert_eq!(noted[0].0, CompatKind::Limit);
        assert!(
            noted.iter().all(|note| note.0 == CompatKind::Limit),
            "{noted:?}"
        );
        assert!(noted.iter().any(|note| note.1.contains(limit)) || event == "kept:b");
    }
    assert_eq!(app.event_bus().inspect().retained.events, 1);
    for _ in 0..4 {
        let subscribed = listen(&mut main, "many", any());
        assert!(subscribed["seq"].is_u64(), "{subscribed}");
    }
    assert_eq!(notes(&app, "many")[0].0, CompatKind::Limit);
    assert_eq!(code(&main.emit("long", "1")), "rate_limited");
    assert_eq!(code(&main.try_listen("x")), "rate_limited");
    app.emit("from-rust", "123456789").unwrap();
    assert_eq!(notes(&app, "from-rust")[0].0, CompatKind::Limit);
}

#[test]
fn with_limits_they_refuse() {
    let mut limits = Limits::default();
    (limits.emit_burst, limits.emits_per_second) = (1, 1);
    let mut parts = Compatible::default();
    (parts.limits, parts.unknown_labels) = (false, false);
    let app = app_with(Builder::new().limits(limits).compatible_with(parts));
    let mut main = Page::open(&app, "main");
    assert_eq!(
        code(&emit_to(&mut main, labeled("hub"), "a")),
        "unknown_target"
    );
    assert_eq!(
        code(&emit_to(&mut main, labeled("main"), "a")),
        "rate_limited"
    );
}

#[test]
fn capabilities_apply_in_the_mode() {
    let app = compatible();
    let mut page = Page::open(&app, "widget");
    assert!(page.call("emit", json!({ "events": [] })).is_err());
    let mut shop = Page::open(&app, "shop");
    let event =
        json!({ "event": "not:listed", "payload": "1", "to": labeled("hub"), "compatible": true });
    let result = shop.call("emit_to", json!({ "events": [event] }));
    assert!(result.is_err() || code(&result.unwrap()[0]) == "denied");
}

#[test]
fn events_about_pages_are_not_for_everyone() {
    for replay in [true, false] {
        let app = with_parts(|parts| parts.replay = replay);
        let bus = app.event_bus();
        let (mut herald, mut watcher) = (Page::open(&app, "herald"), Page::open(&app, "watcher"));
        for event in ["event-bus:*", "event-bus:p*", "end"] {
            assert!(listen(&mut herald, event, any())["seq"].is_u64(), "{event}");
        }
        watcher.listen("event-bus:presence:doc:7");
        bus.presence::<u32>("doc:7").unwrap().join(&1).unwrap();
        let changes = json!([{ "room": "doc:7", "state": "2" }]);
        watcher
            .call("presence", json!({ "changes": changes }))
            .unwrap();
        // Its own, one of the host that joins and leaves, and what they began with.
        assert_eq!(watcher.receive_many(4).len(), 4);
        bus.emit("end", 9).unwrap();
        let received = payloads_until(&mut herald, &json!(9));
        assert_eq!(received, [] as [Value; 0], "replay: {replay}");
    }
}
