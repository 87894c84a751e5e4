//! How events travel: pulls, acknowledgements, batches and gaps.

use serde_json::{Value, json};
use tauri_plugin_event_bus::{Builder, EventBusExt, Limits};

use crate::support::{Page, app, app_with, invoke, invoke_by_message, rows};

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
fn an_event_travels_once_for_many_subscriptions() {
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
fn the_last_unsubscribe_ends_the_pull() {
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
fn events_from_many_threads_have_one_order() {
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
fn an_unacknowledged_batch_is_sent_again() {
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
fn a_newer_pull_replaces_the_parked_one() {
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
fn a_pull_may_read_ahead_of_its_acknowledgement() {
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
    // Without an acknowledgement, an ordinary pull starts over.
    assert_eq!(pull(false), (json!(1), 2, json!(true)));
}

#[test]
fn a_batch_is_bounded() {
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
fn a_page_on_the_fallback_path_gets_small_batches() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    for _ in 0..100 {
        app.event_bus().emit("x", "y".repeat(200)).unwrap();
    }
    let arguments = json!({ "session": main.session, "ack": 0 });
    let json = invoke_by_message(&main.webview, "pull", arguments).text();
    assert!(json.len() < 8192 && json.len() > 2048, "{}", json.len());
}

#[test]
fn a_slow_page_gets_a_gap_with_the_exact_count() {
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
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let payloads = [
        "\"\u{2028}\u{2029}</script><!--\"",
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
fn many_subscriptions_keep_a_fallback_batch_small() {
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
    // First over the fast path, whose batch is lost, then over the fallback.
    assert_eq!(main.pull().rows().as_array().unwrap().len(), 40);
    let arguments = json!({ "session": main.session, "ack": 0 });
    let result = invoke_by_message(&main.webview, "pull", arguments).text();
    assert!(result.len() < 8192, "{}", result.len());
}
