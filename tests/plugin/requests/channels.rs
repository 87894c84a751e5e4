//! Channels, as they travel.

use std::sync::mpsc;

use serde_json::{Value, json};
use tauri_plugin_event_bus::request::PartChannel;
use tauri_plugin_event_bus::{Bytes, ErrorCode, EventBus, EventBusExt};

use crate::support::{Page, app, code};

use super::PATIENCE;

impl Page {
    pub(super) fn open_channel(&self, id: u64, name: &str, more: Value) -> Result<Value, Value> {
        let mut arguments = json!({
            "id": id, "to": { "kind": "host" }, "name": name, "stream": {}, "channel": true
        });
        let fields = arguments.as_object_mut().unwrap();
        fields.extend(more.as_object().cloned().unwrap());
        self.request_with(arguments).wait()
    }

    pub(super) fn send_on(&mut self, channel: u64, part: u64, payload: &str) -> Value {
        self.respond_with(json!({ "stream": channel, "part": part, "payload": payload }))
    }

    /// Pulls until such an item comes. Returns all items up to the end of its batch.
    pub(super) fn items_until(&mut self, is_meant: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut items = Vec::new();
        while !items.iter().any(&is_meant) {
            items.extend(self.items());
        }
        items
    }

    /// Pulls parts of a channel, up to its end. Returns both.
    fn read_channel(&mut self, channel: u64) -> (Vec<Value>, Value) {
        self.read_channel_after(channel, 0)
    }

    /// The same, after so many parts that it has taken.
    fn read_channel_after(&mut self, channel: u64, taken: usize) -> (Vec<Value>, Value) {
        let mut parts = Vec::new();
        loop {
            for item in self.items() {
                assert_eq!(item["stream"], channel);
                if let Some(more) = item["parts"].as_array() {
                    parts.extend(more.iter().cloned());
                }
                if item.get("response").or(item.get("error")).is_some() {
                    return (parts, item);
                }
                if item["due"] == true {
                    let taken = json!({ "stream": channel, "taken": taken + parts.len() });
                    assert_eq!(self.respond_with(taken), json!({}));
                }
            }
        }
    }
}

/// Sends back what it gets, until the page has closed its half.
fn echo(bus: &EventBus) {
    let echo = |_: Value, mut channel: PartChannel<Value, Value>| async move {
        while let Some(part) = channel.recv().await {
            channel.send(part?).await?;
        }
        Ok(())
    };
    bus.accept_channel("echo", echo).unwrap().forget();
}

#[test]
fn a_page_and_the_host_send_parts() {
    let app = app();
    echo(&app.event_bus());
    let mut main = Page::open(&app, "main");
    let opened = main.open_channel(1, "echo", json!({ "stream": { "parts": 4 } }));
    let credit = json!({ "credit": { "bytes": 1 << 20, "parts": 4 } });
    assert_eq!(opened, Ok(credit.clone()));
    // A copy gets the same.
    let again = main.open_channel(1, "echo", json!({ "stream": { "parts": 4 } }));
    assert_eq!(again, Ok(credit));
    let mut told = 0;
    let (mut seen, mut due) = (Vec::new(), 0);
    for number in 1..=50_u64 {
        while number - told > 4 || seen.len() as u64 + 4 < number {
            for item in main.items() {
                if let Some(credit) = item["credit"].as_u64() {
                    told = credit;
                }
                seen.extend(item["parts"].as_array().cloned().unwrap_or_default());
                if item["due"] == true {
                    due = seen.len();
                }
            }
            main.respond_with(json!({ "stream": 1, "taken": due }));
        }
        assert_eq!(main.send_on(1, number, &number.to_string()), json!({}));
    }
    let early = main.respond_with(json!({ "stream": 1, "closed": true, "after": 49 }));
    assert_eq!(code(&early["error"]), "invalid_argument");
    let closed = main.respond_with(json!({ "stream": 1, "closed": true, "after": 50 }));
    assert_eq!(closed, json!({}));
    main.respond_with(json!({ "stream": 1, "taken": seen.len() }));
    let taken = seen.len();
    let (rest, end) = main.read_channel_after(1, taken);
    seen.extend(rest);
    assert_eq!(seen, (1..=50).map(Value::from).collect::<Vec<_>>());
    assert_eq!(end["response"], Value::Null);
    assert_eq!(app.event_bus().inspect().streams, []);
    // What is on its way when it ends is no fault.
    assert_eq!(main.send_on(1, 51, "1"), json!({}));
}

#[test]
fn a_page_sends_bytes() {
    let app = app();
    let reverse = |(): (), mut channel: PartChannel<Bytes, Vec<u8>>| async move {
        while let Some(part) = channel.recv().await {
            channel.send(part?.iter().rev().copied().collect()).await?;
        }
        Ok(())
    };
    let bus = app.event_bus();
    bus.accept_channel("reverse", reverse).unwrap().forget();
    let mut main = Page::open(&app, "main");
    main.open_channel(1, "reverse", json!({})).unwrap();
    let part = json!({ "stream": 1, "part": 1, "payload": "\u{1}", "bytes": ["AQID"] });
    assert_eq!(main.respond_with(part), json!({}));
    main.respond_with(json!({ "stream": 1, "closed": true, "after": 1 }));
    assert_eq!(main.read_channel(1).0, [json!([3, 2, 1])]);
}

#[test]
fn the_host_closes_its_half() {
    let app = app();
    let (sender, read) = mpsc::channel();
    let last = move |(): (), mut channel: PartChannel<u32, &'static str>| {
        let sender = sender.clone();
        async move {
            channel.send("last").await?;
            channel.close();
            let late = channel.send("late").await.unwrap_err();
            assert_eq!(late.code(), ErrorCode::Cancelled);
            let late = channel.try_send("late").unwrap_err();
            assert_eq!(late.code(), ErrorCode::Cancelled);
            while let Some(part) = channel.recv().await {
                let _ = sender.send(part?);
            }
            Ok(())
        }
    };
    let bus = app.event_bus();
    bus.accept_channel("last", last).unwrap().forget();
    let mut main = Page::open(&app, "main");
    main.open_channel(1, "last", json!({})).unwrap();
    let items = main.items_until(|item| item["closed"] == true);
    let expected = [
        json!({ "stream": 1, "parts": ["last"] }),
        json!({ "stream": 1, "closed": true }),
    ];
    for (item, expected) in items.iter().zip(&expected) {
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(item[key], *value, "{item}");
        }
    }
    assert_eq!(items.len(), 2);
    for number in 1..=3 {
        assert_eq!(main.send_on(1, number, "7"), json!({}));
        assert_eq!(read.recv_timeout(PATIENCE), Ok(7));
    }
    main.respond_with(json!({ "stream": 1, "closed": true, "after": 3 }));
    assert_eq!(main.read_channel(1).1["response"], Value::Null);
}

#[test]
fn a_page_that_leaves_drops_the_future() {
    let app = app();
    let (sender, dropped) = mpsc::channel::<()>();
    let hold = move |(): (), mut channel: PartChannel<u32, u32>| {
        let held = sender.clone();
        async move {
            let _held = held;
            while channel.recv().await.is_some() {}
            std::future::pending().await
        }
    };
    let responder = app.event_bus().accept_channel("hold", hold).unwrap();
    let mut main = Page::open(&app, "main");
    main.open_channel(1, "hold", json!({})).unwrap();
    assert_eq!(main.send_on(1, 1, "7"), json!({}));
    let stopped = main.respond_with(json!({ "stream": 1, "stop": true }));
    assert_eq!(stopped, json!({}));
    drop(responder);
    let gone = dropped.recv_timeout(PATIENCE);
    assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected));
    assert_eq!(app.event_bus().inspect().streams, []);
}

#[test]
fn a_part_that_does_not_match_fails_the_channel() {
    let app = app();
    let numbers = |(): (), mut channel: PartChannel<u32, ()>| async move {
        while let Some(part) = channel.recv().await {
            part?;
        }
        Ok(())
    };
    let bus = app.event_bus();
    bus.accept_channel("numbers", numbers).unwrap().forget();
    let mut main = Page::open(&app, "main");
    main.open_channel(1, "numbers", json!({})).unwrap();
    assert_eq!(main.send_on(1, 1, "-7"), json!({}));
    let end = main.read_channel(1).1;
    assert_eq!(code(&end["error"]), "responder_failed");
    let message = end["error"]["message"].as_str().unwrap();
    assert!(message.contains("a part of \"numbers\""), "{message}");
}

#[test]
fn what_the_host_reads_no_more_is_told() {
    let app = app();
    let (sender, go_on) = mpsc::channel();
    let deaf = move |(): (), channel: PartChannel<u32, u32>| {
        let out = channel.sender();
        drop(channel);
        let _ = sender.send(out);
        std::future::pending()
    };
    let bus = app.event_bus();
    let responder = bus.accept_channel("deaf", deaf).unwrap();
    let mut main = Page::open(&app, "main");
    main.open_channel(1, "deaf", json!({})).unwrap();
    assert_eq!(main.next_with("unread")["stream"], 1);
    assert_eq!(main.send_on(1, 1, "7"), json!({}));
    let out = go_on.recv_timeout(PATIENCE).unwrap();
    out.try_send(8).unwrap();
    assert_eq!(main.next_with("parts")["parts"], json!([8]));
    main.respond_with(json!({ "stream": 1, "stop": true }));
    assert_eq!(out.try_send(9).unwrap_err().code(), ErrorCode::Cancelled);
    responder.stop();
}

#[test]
fn a_page_opens_only_what_it_may() {
    let app = app();
    echo(&app.event_bus());
    let main = Page::open(&app, "main");
    let _other = Page::open(&app, "other");
    for (more, expected) in [
        (json!({ "to": "other" }), "invalid_argument"),
        (json!({ "timeoutMs": 5 }), "invalid_argument"),
        (json!({ "stream": null }), "invalid_argument"),
        (json!({ "stream": { "parts": 0 } }), "invalid_argument"),
        (json!({ "name": "nothing" }), "no_responder"),
        (json!({ "channel": false }), "no_responder"),
    ] {
        let refused = main.open_channel(1, "echo", more.clone());
        assert_eq!(code(&refused.unwrap_err()), expected, "{more}");
    }
}

/// Parts without credit, of others' channels and of none, wrong numbers, and a million opens.
#[test]
fn a_hostile_page_gets_nowhere() {
    let app = app();
    let hang = |(): (), _channel: PartChannel<Value, Value>| async move {
        // It reads nothing.
        let _channel = _channel;
        std::future::pending().await
    };
    let bus = app.event_bus();
    let responder = bus.accept_channel("hang", hang).unwrap();
    let mut main = Page::open(&app, "main");
    let mut thief = Page::open(&app, "other");
    let credit = json!({ "stream": { "parts": 2 } });
    main.open_channel(5, "hang", credit.clone()).unwrap();
    for (channel, part, expected) in [
        (5, 1, "unknown_request"),
        (4, 1, "unknown_request"),
        (u64::MAX, 1, "unknown_request"),
    ] {
        let stolen = thief.send_on(channel, part, "1");
        assert_eq!(code(&stolen["error"]), expected);
    }
    for wrong in [0, 2, u64::MAX] {
        let refused = main.send_on(5, wrong, "1");
        assert_eq!(code(&refused["error"]), "invalid_argument");
    }
    for forged in [
        json!({ "stream": 5, "part": 1, "payload": "1", "request": "x" }),
        json!({ "stream": 5, "part": -1, "payload": "1" }),
        json!({ "stream": 5, "closed": 1 }),
        json!({ "stream": 5, "taken": 1 }),
    ] {
        let refused = main.respond_with(forged.clone());
        assert_eq!(code(&refused["error"]), "invalid_argument", "{forged}");
    }
    assert_eq!(main.send_on(5, 1, "1"), json!({}));
    assert_eq!(main.send_on(5, 2, "2"), json!({}));
    assert_eq!(code(&main.send_on(5, 3, "3")["error"]), "queue_full");
    assert_eq!(code(&main.read_channel(5).1["error"]), "queue_full");
    let refused = main.send_on(4, 1, "{");
    assert_eq!(code(&refused["error"]), "unknown_request");
    // Opens have a limit, and each has a place of its own.
    let mut open = 0;
    for id in 6..1_000 {
        let opened = main.open_channel(id, "hang", credit.clone());
        match opened {
            Ok(_) => open += 1,
            Err(error) => {
                assert!(
                    ["queue_full", "rate_limited"].contains(&code(&error)),
                    "{error}"
                );
                break;
            }
        }
    }
    // 64 with the default credit of bytes, less the one whose end the page has not acknowledged.
    assert_eq!(open, 63);
    assert_eq!(bus.inspect().streams.len(), 2 * open);
    drop(main);
    drop(responder);
}

#[test]
fn both_halves_are_inspected() {
    let app = app();
    let hang = |(): (), mut channel: PartChannel<u32, u32>| async move {
        channel.send(1).await?;
        channel.recv().await;
        std::future::pending().await
    };
    let bus = app.event_bus();
    let responder = bus.accept_channel("hang", hang).unwrap();
    let mut main = Page::open(&app, "main");
    main.open_channel(1, "hang", json!({ "stream": { "parts": 2 } }))
        .unwrap();
    main.next_with("parts");
    for number in 1..=3 {
        assert_eq!(main.send_on(1, number, "7"), json!({}));
        if number == 1 {
            main.next_with("credit");
        }
    }
    let listed = serde_json::to_value(bus.inspect().streams).unwrap();
    let half = |from_caller: bool, sent: u64, taken: u64, waits: bool| {
        json!({
            "name": "hang",
            "caller": { "kind": "webview", "label": "main" },
            "responder": { "kind": "host" },
            "isFromCaller": from_caller,
            "sent": sent, "taken": taken, "bytes": 65 * (sent - taken), "isWaiting": waits,
        })
    };
    assert_eq!(
        listed,
        json!([half(false, 1, 0, false), half(true, 3, 1, true)])
    );
    main.respond_with(json!({ "stream": 1, "stop": true }));
    assert_eq!(bus.inspect().streams, []);
    drop(responder);
}
