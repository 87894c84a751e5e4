//! Outcomes that travel with pulls.

use serde_json::{Value, json};
use tauri_plugin_event_bus::receipts::Outcome;
use tauri_plugin_event_bus::{EventBusExt, Result};

use super::{Item, end, listening, next, pages, start};
use crate::support::{Page, app, code, invoke, message, rows};

/// Pulls with these entries. Returns the codes and the messages of those that are refused, and the rows of the batch.
fn carry(page: &Page, carried: &Value) -> (Vec<(String, String)>, Value) {
    let batch = try_carry(page, carried).unwrap();
    let refused = batch["refused"].as_array().cloned().unwrap_or_default();
    let refused = refused.iter();
    let refused = refused.map(|error| (code(error).to_owned(), message(error).to_owned()));
    (refused.collect(), rows(&batch))
}

fn try_carry(page: &Page, carried: &Value) -> Result<Value, Value> {
    let arguments = json!({ "session": page.session, "ack": page.ack, "carried": carried });
    invoke(&page.webview, "pull", arguments).wait()
}

#[test]
fn outcomes_travel_with_pulls() {
    let app = app();
    let bus = app.event_bus();
    let mut main = listening(&app, "main");
    let waiting: Vec<_> = (0..64)
        .map(|n| {
            let waiting = start(bus.emit_handled("cart:e", n));
            // It is emitted where the future runs.
            let (item, _) = next(&mut main);
            (item, waiting)
        })
        .collect();
    let told = waiting.iter().map(|(item, _)| item.handled());
    // It has something to bring, so that it completes.
    let last = start(bus.emit_handled("cart:e", 64));
    let (refused, brought) = carry(&main, &told.collect());
    assert_eq!(refused, []);
    for (_, emitted) in waiting {
        assert_eq!(pages(&end(emitted)), [("main", Outcome::Handled)]);
    }
    // The next pull acknowledges what this one has brought, whatever it tells of it.
    let item = Item::of(&brought[0]);
    main.ack = item.index;
    bus.emit("cart:e", 65).unwrap();
    let failure = json!({ "failure": { "name": "TypeError", "message": "no" } });
    assert_eq!(carry(&main, &json!([item.with(failure)])).0, []);
    let told = end(last);
    assert!(
        matches!(&told.pages[0].outcome, Outcome::Failed { .. }),
        "{told:?}"
    );
}

#[test]
fn wrong_outcomes_of_a_batch_lose_nothing() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    // The event comes to it as two items.
    let lanes = json!([
        { "id": 1, "event": "cart:e" },
        { "id": 2, "event": "cart:e", "latest": true },
    ]);
    main.call("subscribe", json!({ "subscriptions": lanes }))
        .unwrap();
    let waiting = start(bus.emit_handled("cart:e", 1));
    let mut items: Vec<Item> = Vec::new();
    while items.len() < 2 {
        items.extend(main.pull().rows().as_array().unwrap().iter().map(Item::of));
        main.ack = items[items.len() - 1].index;
    }
    let [first, second] = items[..] else {
        panic!("{items:?}")
    };
    let beyond = Item { index: 3, ..first };
    let zero = Item { index: 0, ..first };
    let carried = json!([
        first.handled(),
        // Doubled, as after a reply that was lost.
        first.handled(),
        beyond.handled(),
        zero.handled(),
        { "seq": first.seq, "outcome": "handled" },
        { "seq": first.seq, "index": "1", "outcome": "handled" },
        { "seq": first.seq, "index": 2, "outcome": "gone" },
        { "request": "none", "payload": "1" },
        7,
        null,
    ]);
    let (refused, _) = carry(&main, &carried);
    let texts: Vec<&str> = refused.iter().map(|(_, text)| &**text).collect();
    let expected = ["unknown_request", "invalid_argument"];
    assert!(
        refused.iter().all(|(code, _)| expected.contains(&&**code)),
        "{refused:?}"
    );
    assert_eq!(refused.len(), 8, "{refused:?}");
    for part in [
        "names the item 3",
        "names the item 0",
        "from 1 to 2",
        "index 4",
        "index 5",
        "index 6",
    ] {
        assert!(
            texts.iter().any(|text| text.contains(part)),
            "{part}: {texts:?}"
        );
    }
    assert!(!waiting.inner().is_finished(), "the second item is open");
    // Too many are refused as a whole, with the pull, which loses nothing either.
    let many: Vec<Value> = (0..1_025).map(|_| second.handled()).collect();
    let error = try_carry(&main, &json!(many)).unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
    assert!(
        message(&error).contains("1025 carried entries; send at most 1024"),
        "{error}"
    );
    assert!(!waiting.inner().is_finished());
    bus.emit("cart:e", 2).unwrap();
    assert_eq!(carry(&main, &json!([second.handled()])).0, []);
    assert_eq!(pages(&end(waiting)), [("main", Outcome::Handled)]);
}

#[test]
fn outcomes_of_an_ended_session_are_ignored() {
    let app = app();
    let bus = app.event_bus();
    let mut main = listening(&app, "main");
    let waiting = start(bus.emit_handled("cart:e", 1));
    let (item, _) = next(&mut main);
    let (session, webview) = (main.session.clone(), main.webview.clone());
    let mut loaded = Page::load(main.webview);
    loaded.listen("cart:e");
    let arguments = json!({ "session": session, "ack": item.index, "carried": [item.handled()] });
    let error = invoke(&webview, "pull", arguments).wait().unwrap_err();
    assert_eq!(code(&error), "stale_session");
    assert_eq!(pages(&end(waiting)), [("main", Outcome::Gone)]);
}
