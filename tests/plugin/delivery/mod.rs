//! From emitting to a page's pull, through Tauri's mock runtime and real capability files.

use serde_json::{Value, json};
use tauri::EventTarget;
use tauri_plugin_event_bus::{Builder, EmitOptions, ErrorCode, EventBusExt, Limits, Target};

use crate::support::{Page, app, app_with, code, invoke, invoke_by_message, message, rows};

#[test]
fn a_broadcast_reaches_every_page_and_says_so() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("cart:*");
    other.listen("cart:updated");

    let receipt = app
        .event_bus()
        .emit("cart:updated", json!({ "itemCount": 3 }))
        .unwrap();

    assert_eq!((receipt.pages, receipt.listeners), (2, 0));
    let expected = [("cart:updated".to_owned(), json!({ "itemCount": 3 }))];
    assert_eq!(main.receive(), expected);
    assert_eq!(other.receive(), expected);
}

#[test]
fn a_pull_waits_for_the_next_event() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let id = main.listen("hello");
    let pull = main.pull();
    assert!(pull.is_open());

    let receipt = app.event_bus().emit("hello", "there").unwrap();

    let batch = pull.rows();
    let item = &batch[0];
    assert_eq!(item[0], 1);
    assert_eq!(item[1], receipt.seq);
    assert_eq!((&item[3], &item[4]), (&json!("hello"), &json!(0)));
    assert_eq!((&item[5], &item[6]), (&json!(id), &json!("there")));
    assert_eq!(batch.as_array().unwrap().len(), 1);
}

#[test]
fn what_is_sent_to_one_webview_stays_there() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("*");
    other.listen("*");
    let bus = app.event_bus();

    assert_eq!(bus.emit_to("main", "private", 1).unwrap().pages, 1);
    bus.emit("end", ()).unwrap();

    assert_eq!(
        main.receive(),
        [("private".into(), json!(1)), ("end".into(), Value::Null)]
    );
    assert_eq!(other.receive(), [("end".into(), Value::Null)]);
}

#[test]
fn targets_are_labels_globs_lists_and_tauris_own() {
    let app = app();
    let labels = ["main", "editor-1", "editor-2"];
    let mut pages: Vec<Page> = labels.iter().map(|label| Page::open(&app, label)).collect();
    for page in &mut pages {
        page.listen("*");
    }
    let bus = app.event_bus();
    let table: [(Target, &[&str]); 9] = [
        ("main".into(), &["main"]),
        ("editor-*".into(), &["editor-1", "editor-2"]),
        (["main", "editor-2"].into(), &["main", "editor-2"]),
        ("nobody-*".into(), &[]),
        (EventTarget::any().into(), &labels),
        (EventTarget::labeled("editor-1").into(), &["editor-1"]),
        (EventTarget::window("editor-1").into(), &["editor-1"]),
        (EventTarget::webview_window("main").into(), &["main"]),
        (EventTarget::app().into(), &[]),
    ];
    for (target, expected) in table {
        bus.emit_with("x", &target, EmitOptions::new().to(target.clone()))
            .unwrap();
        bus.emit("end", ()).unwrap();
        for page in &mut pages {
            let mut names = Vec::new();
            while names.last().is_none_or(|name| name != "end") {
                names.extend(page.receive().into_iter().map(|(name, _)| name));
            }
            let is_expected = expected.contains(&page.webview.label());
            assert_eq!(
                names.len() == 2,
                is_expected,
                "{target:?} {}",
                page.webview.label()
            );
        }
    }
}

#[test]
fn a_broadcast_may_except_somebody() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("*");
    other.listen("*");
    let bus = app.event_bus();
    let receipt = bus
        .emit_with("x", 1, EmitOptions::new().except(["other", "not-there"]))
        .unwrap();
    assert_eq!(receipt.pages, 1);
    bus.emit("end", ()).unwrap();
    assert_eq!(main.receive_many(2).len(), 2);
    assert_eq!(other.receive(), [("end".into(), Value::Null)]);
}

#[test]
fn a_webview_emits_to_itself_and_is_the_source() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("*");
    other.listen("*");
    main.webview
        .event_bus()
        .emit_to_self("greeting", "hello")
        .unwrap();
    main.webview.event_bus().emit("to:all", ()).unwrap();
    let batch = main.pull().rows();
    assert_eq!(
        (&batch[0][3], &batch[0][4]),
        (&json!("greeting"), &json!("main"))
    );
    let batch = other.pull().rows();
    assert_eq!(
        (&batch[0][3], &batch[0][4]),
        (&json!("to:all"), &json!("main"))
    );
    assert_eq!(batch.as_array().unwrap().len(), 1);
}

#[test]
fn an_unknown_label_is_an_error_that_lists_what_there_is() {
    let app = app();
    let mut main = Page::open(&app, "main");
    Page::open(&app, "other");
    let error = app.event_bus().emit_to("mian", "x", 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownTarget);
    assert!(
        error.message().contains("\"mian\"") && error.message().contains("\"main\", \"other\"")
    );
    let error = app
        .event_bus()
        .emit_to(EventTarget::window("x"), "x", 1)
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownTarget);
    assert_eq!(
        code(&main.emit_to(json!("mian"), "x", "1")),
        "unknown_target"
    );
}

#[test]
fn an_event_reaches_a_page_once_for_all_its_subscriptions() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let ids = [main.listen("a:*"), main.listen("a:b"), main.listen("*")];
    main.listen("c");
    app.event_bus().emit("a:b", ()).unwrap();
    let batch = main.pull().rows();
    assert_eq!(batch.as_array().unwrap().len(), 1);
    assert_eq!(batch[0][5], json!(ids));
}

#[test]
fn a_subscription_with_a_target_hears_only_what_is_sent_there() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let subscribed = main
        .call(
            "subscribe",
            json!({ "subscriptions": [
                { "id": 1, "event": "x", "target": "main" },
                { "id": 2, "event": "x", "target": { "kind": "Window", "label": "main" } },
                { "id": 3, "event": "x", "target": { "kind": "Any" } },
                { "id": 4, "event": "x", "target": "other" },
                { "id": 5, "event": "x", "target": 5 },
            ] }),
        )
        .unwrap();
    assert_eq!(code(&subscribed[3]), "denied");
    assert_eq!(code(&subscribed[4]), "invalid_argument");
    app.event_bus().emit("x", "all").unwrap();
    app.event_bus().emit_to("main", "x", "main").unwrap();
    let batch = main.pull().rows();
    assert_eq!((&batch[0][5], &batch[0][6]), (&json!(3), &json!("all")));
    assert_eq!(
        (&batch[1][5], &batch[1][6]),
        (&json!([1, 2, 3]), &json!("main"))
    );
}

#[test]
fn unsubscribing_stops_delivery_and_the_last_one_ends_the_pull() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let first = main.listen("x");
    let second = main.listen("x");
    main.call("unsubscribe", json!({ "ids": [first, 99] }))
        .unwrap();
    app.event_bus().emit("x", 1).unwrap();
    let batch = main.pull().rows();
    assert_eq!(batch[0][5], second);
    main.ack = 1;
    let pull = main.pull();
    assert!(pull.is_open());
    main.call("unsubscribe", json!({ "ids": [second] }))
        .unwrap();
    assert_eq!(pull.rows(), json!([]));
    assert_eq!(app.event_bus().emit("x", 2).unwrap().pages, 0);
}

#[test]
fn events_from_many_threads_come_in_one_order() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("*");
    other.listen("*");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let bus = app.event_bus();
            scope.spawn(move || {
                for i in 0..500 {
                    bus.emit("x", [thread, i]).unwrap();
                }
            });
        }
    });
    let received = main.receive_many(2000);
    assert_eq!(received.len(), 2000);
    assert_eq!(received, other.receive_many(2000));
    for thread in 0..4 {
        let own: Vec<_> = received
            .iter()
            .filter(|(_, payload)| payload[0] == thread)
            .collect();
        let expected: Vec<Value> = (0..500).map(|i| json!([thread, i])).collect();
        assert_eq!(
            own.iter()
                .map(|(_, payload)| payload.clone())
                .collect::<Vec<_>>(),
            expected
        );
    }
}

#[test]
fn an_answer_that_was_lost_is_given_again_until_it_is_acknowledged() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("x");
    app.event_bus().emit("x", 1).unwrap();
    let lost = main.pull().rows();
    app.event_bus().emit("x", 2).unwrap();
    let again = main.pull().rows();
    assert_eq!(lost, again);
    assert_eq!(main.receive(), [("x".into(), json!(1))]);
    assert_eq!(main.receive(), [("x".into(), json!(2))]);
    assert!(main.pull().is_open());
}

#[test]
fn a_newer_pull_takes_the_place_of_the_parked_one() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("x");
    let first = main.pull();
    let second = main.pull();
    assert_eq!(first.rows(), json!([]));
    app.event_bus().emit("x", 1).unwrap();
    assert_eq!(second.rows()[0][6], 1);
}

#[test]
fn a_pull_reads_ahead_of_what_is_acknowledged_and_is_never_held() {
    let mut limits = Limits::default();
    limits.batch_events = 2;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    main.listen("x");
    for i in 1..=5 {
        app.event_bus().emit("x", i).unwrap();
    }
    let pull = |ahead: bool| {
        let arguments = json!({ "session": main.session, "ack": 0, "ahead": ahead });
        let batch = invoke(&main.webview, "pull", arguments).wait().unwrap();
        let indexes = rows(&batch).as_array().unwrap().len();
        (batch["first"].clone(), indexes, batch["more"].clone())
    };
    assert_eq!(pull(false), (json!(1), 2, json!(true)));
    assert_eq!(pull(true), (json!(3), 2, json!(true)));
    assert_eq!(pull(true), (json!(5), 1, json!(false)));
    assert_eq!(pull(true), (json!(0), 0, json!(false)));
    // Nothing is acknowledged, so an ordinary pull begins anew.
    assert_eq!(pull(false), (json!(1), 2, json!(true)));
}

#[test]
fn a_batch_is_bounded_and_a_large_event_travels_alone() {
    let mut limits = Limits::default();
    limits.batch_events = 3;
    limits.batch_bytes = 1000;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    main.listen("*");
    for i in 0..4 {
        app.event_bus().emit("small", i).unwrap();
    }
    app.event_bus().emit("large", "x".repeat(5000)).unwrap();
    app.event_bus().emit("last", ()).unwrap();
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 6 {
        sizes.push(main.receive().len());
    }
    assert_eq!(sizes, [3, 1, 1, 1]);
}

#[test]
fn a_page_on_the_fallback_path_gets_small_answers() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    for _ in 0..100 {
        app.event_bus().emit("x", "y".repeat(200)).unwrap();
    }
    let arguments = json!({ "session": main.session, "ack": 0 });
    let json = invoke_by_message(&main.webview, "pull", arguments).text();
    assert!(json.len() < 8192 && json.len() > 4096, "{}", json.len());
}

#[test]
fn a_slow_page_is_told_how_much_it_has_lost() {
    let mut limits = Limits::default();
    limits.queue_events = 10;
    let app = app_with(Builder::new().limits(limits));
    let mut slow = Page::open(&app, "main");
    let id = slow.listen("*");
    let mut seqs = Vec::new();
    for i in 0..25 {
        seqs.push(app.event_bus().emit("x", i).unwrap().seq);
    }
    let batch = slow.pull().rows();
    assert_eq!(
        batch[0],
        json!({
            "index": 1, "from": seqs[0], "to": seqs[14], "count": 15,
            "atMost": false, "reason": "queue_full", "subscriptions": [id],
        })
    );
    let rest: Vec<&Value> = batch.as_array().unwrap()[1..]
        .iter()
        .map(|item| &item[6])
        .collect();
    assert_eq!(
        rest,
        (15..25)
            .map(Value::from)
            .collect::<Vec<_>>()
            .iter()
            .collect::<Vec<_>>()
    );
}

#[test]
fn payloads_arrive_as_they_were_sent() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("*");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let payloads = [
        "\"\u{2028}\u{2029}</script><!--\"",
        "\"\\ud800 lone\"",
        "{\"b\":1,\"a\":2}",
        "\"\"",
        "[]",
        "{}",
        "null",
        "12345678901234567890.123456789012345678901234567890",
        &deep,
    ];
    for payload in payloads {
        assert!(main.emit("x", payload)["seq"].is_u64());
        let raw = other.pull().text();
        other.ack += 1;
        assert!(
            raw.contains(&format!(",{payload}]],\"heads\":")),
            "{payload:.80} {raw:.200}"
        );
    }
}

#[test]
fn bad_emits_name_the_value_and_leave_the_rest_of_their_batch_alone() {
    let mut limits = Limits::default();
    limits.payload_bytes = 100;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let long = "n".repeat(256);
    let large = format!("\"{}\"", "x".repeat(99));
    let answers = main
        .call(
            "emit",
            json!({ "events": [
                { "event": "good:1", "payload": "1" },
                { "event": "", "payload": "1" },
                { "event": long, "payload": "1" },
                { "event": "a b", "payload": "1" },
                { "event": "tauri://focus", "payload": "1" },
                { "event": "x", "payload": "{" },
                { "event": "x", "payload": large },
                { "event": "x", "payload": "1", "to": "main" },
                { "event": 7 },
                { "event": "good:2" },
            ] }),
        )
        .unwrap();
    let codes: Vec<&str> = (1..9).map(|i| code(&answers[i])).collect();
    assert_eq!(
        codes,
        [
            "invalid_event_name",
            "invalid_event_name",
            "invalid_event_name",
            "reserved_event_name",
            "invalid_payload",
            "payload_too_large",
            "invalid_argument",
            "invalid_argument",
        ]
    );
    assert!(message(&answers[6]).contains("101") && message(&answers[6]).contains("100"));
    assert_eq!(
        main.receive_many(2),
        [("good:1".into(), json!(1)), ("good:2".into(), Value::Null)]
    );
    assert_eq!(
        main.emit("x", &format!("\"{}\"", "x".repeat(98)))["pages"],
        1
    );
}

#[test]
fn rust_gets_the_same_errors() {
    let mut limits = Limits::default();
    limits.payload_bytes = 100;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let code = |result: tauri_plugin_event_bus::Result<_>| {
        result
            .map(|_: tauri_plugin_event_bus::Receipt| ())
            .unwrap_err()
            .code()
    };
    assert_eq!(code(bus.emit("", 1)), ErrorCode::InvalidEventName);
    assert_eq!(code(bus.emit("tauri://x", 1)), ErrorCode::ReservedEventName);
    assert_eq!(
        code(bus.emit("x", "y".repeat(99))),
        ErrorCode::PayloadTooLarge
    );
    assert_eq!(code(bus.emit_to("a[", "x", 1)), ErrorCode::InvalidPattern);
    assert_eq!(code(bus.emit_to("", "x", 1)), ErrorCode::InvalidArgument);
    assert_eq!(
        code(bus.emit_to(Vec::<String>::new(), "x", 1)),
        ErrorCode::InvalidArgument
    );
    let unwritable = std::collections::HashMap::from([(vec![1], 1)]);
    assert_eq!(code(bus.emit("x", unwritable)), ErrorCode::InvalidPayload);
    assert_eq!(
        bus.listen("a**", |_| {}).unwrap_err().code(),
        ErrorCode::InvalidPattern
    );
}

#[test]
fn bad_subscriptions_are_refused_one_by_one() {
    let mut limits = Limits::default();
    limits.subscriptions_per_page = 2;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    let answers = main
        .call(
            "subscribe",
            json!({ "subscriptions": [
                { "id": 1, "event": "a" },
                { "id": 1, "event": "b" },
                { "id": 2, "event": "a**" },
                { "id": 3, "event": "tauri://focus" },
                { "id": -1, "event": "a" },
                { "id": 4, "event": "b" },
                { "id": 5, "event": "c" },
            ] }),
        )
        .unwrap();
    assert!(answers[0]["seq"].is_u64() && answers[5]["seq"].is_u64());
    let codes: Vec<&str> = [1, 2, 3, 4, 6].map(|i| code(&answers[i])).into();
    assert_eq!(
        codes,
        [
            "invalid_argument",
            "invalid_pattern",
            "reserved_event_name",
            "invalid_argument",
            "too_many_subscriptions"
        ]
    );
    assert!(message(&answers[6]).contains('2'));
    main.call("unsubscribe", json!({ "ids": [1] })).unwrap();
    main.listen("c");
}

#[test]
fn an_event_for_everyone_needs_the_permission_of_emit() {
    let app = app();
    let mut main = Page::open(&app, "main");
    for to in [json!({ "kind": "Any" }), json!(["main", { "kind": "Any" }])] {
        let answer = main.emit_to(to, "x", "1");
        assert_eq!(code(&answer), "invalid_argument");
        assert!(message(&answer).contains("through emit"));
    }
    let unknown = main.emit_to(json!({ "kind": "Galaxy", "label": "main" }), "x", "1");
    assert_eq!(code(&unknown), "invalid_argument");
}

#[test]
fn a_command_has_a_bounded_number_of_entries() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let events = |count: usize| json!({ "events": vec![json!({ "event": "x" }); count] });
    assert_eq!(
        main.call("emit", events(1024))
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1024
    );
    let error = main.call("emit", events(1025)).unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
    assert!(message(&error).contains("1025") && message(&error).contains("1024"));
    let ids: Vec<u32> = (0..1025).collect();
    assert_eq!(
        code(&main.call("unsubscribe", json!({ "ids": ids })).unwrap_err()),
        "invalid_argument"
    );
    let subscriptions: Vec<Value> = (0..1025)
        .map(|id| json!({ "id": id, "event": "x" }))
        .collect();
    let error = main
        .call("subscribe", json!({ "subscriptions": subscriptions }))
        .unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
}

#[test]
fn many_subscriptions_of_one_name_do_not_swell_an_evaluated_answer() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let subscriptions: Vec<Value> = (0..500)
        .map(|id| json!({ "id": id, "event": "x" }))
        .collect();
    main.call("subscribe", json!({ "subscriptions": subscriptions }))
        .unwrap();
    for i in 0..40 {
        app.event_bus().emit("x", i).unwrap();
    }
    // Once over the wide path, whose answer is lost, and again over the narrow one.
    assert_eq!(main.pull().rows().as_array().unwrap().len(), 40);
    let arguments = json!({ "session": main.session, "ack": 0 });
    let answer = invoke_by_message(&main.webview, "pull", arguments).text();
    assert!(answer.len() < 8192, "{}", answer.len());
}
