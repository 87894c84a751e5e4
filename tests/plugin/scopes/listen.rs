//! What a page may receive.

use serde_json::json;
use tauri_plugin_event_bus::{EmitOptions, EventBusExt};

use crate::support::{Page, app, open};

use super::names;

#[test]
fn a_glob_subscription_receives_what_it_may() {
    let app = app();
    let bus = app.event_bus();
    bus.emit_with("cart:kept", 1, EmitOptions::new().retain(true))
        .unwrap();
    bus.emit_with("order:kept", 1, EmitOptions::new().retain(true))
        .unwrap();
    bus.emit_with("cart:secret", 1, EmitOptions::new().retain(true))
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

    // The next page gets what this one has not acknowledged, and nothing else.
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
fn a_renewed_subscription_receives_what_it_may() {
    let app = app();
    let bus = app.event_bus();
    let mut shop = Page::open(&app, "shop");
    let id = shop.listen("*");
    let stale = shop.session.clone();
    bus.emit("cart:a", 1).unwrap();
    bus.emit("order:a", 1).unwrap();
    // Another realm takes over the webview; the page returns with its subscription.
    let mut page = Page::load(shop.webview);
    let resume = json!({ "session": stale, "after": 0, "handled": 0 });
    bus.emit("order:b", 1).unwrap();
    let subscription = json!({ "id": id, "event": "*", "resume": resume });
    let results = page.call("subscribe", json!({ "subscriptions": [subscription] }));
    assert!(results.unwrap()[0]["seq"].is_u64());
    bus.emit("order:c", 1).unwrap();
    bus.emit("cart:c", 1).unwrap();
    assert_eq!(names(&page.receive_many(2)), ["cart:a", "cart:c"]);
}
