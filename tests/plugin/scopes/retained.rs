//! Which retained events a page may clear.

use serde_json::{Value, json};
use tauri_plugin_event_bus::{Builder, EmitOptions, EventBusExt, Limits};

use crate::support::{Page, app, app_with, code, message, open};

fn clear(page: &mut Page, event: &str) -> Result<Value, Value> {
    page.call("clear_retained", json!({ "event": event }))
}

#[test]
fn a_page_clears_only_what_its_scope_allows() {
    let app = app();
    open(&app, "main");
    let bus = app.event_bus();
    let retain = || {
        let retained = EmitOptions::new().retain(true);
        for name in ["cart:a", "cart:b", "cart:secret", "order:new", "order:old"] {
            bus.emit_with(name, 1, retained.clone()).unwrap();
        }
        bus.emit_with("cart:a", 2, retained.to("main")).unwrap();
    };
    let left = || {
        let events = bus.inspect().retained.events;
        bus.clear_retained("*").unwrap();
        events
    };
    let mut shop = Page::open(&app, "shop");
    for (event, cleared, expected) in [
        ("cart:a", 1, 5),
        ("cart:none", 0, 6),
        ("cart:*", 2, 4),
        ("order:*", 1, 5),
        ("*", 3, 3),
        ("*secret", 0, 6),
    ] {
        retain();
        let result = clear(&mut shop, event);
        assert_eq!(result, Ok(json!({ "cleared": cleared })), "{event}");
        assert_eq!(left(), expected, "{event}");
    }
    retain();
    for (event, parts) in [
        ("cart:secret", ["deny wins", "\"cart:secret\""]),
        ("order:old", ["allow-clear-retained", "\"order:old\""]),
        ("user:*", ["allow-clear-retained", "\"user:*\""]),
    ] {
        let error = clear(&mut shop, event).unwrap_err();
        assert_eq!(code(&error), "denied", "{event}");
        for part in parts {
            assert!(message(&error).contains(part), "{event}: {error}");
        }
    }
    for (event, expected) in [
        ("", "invalid_event_name"),
        ("a b", "invalid_event_name"),
        ("a**", "invalid_pattern"),
        ("tauri://*", "reserved_event_name"),
    ] {
        let error = clear(&mut shop, event).unwrap_err();
        assert_eq!(code(&error), expected, "{event}");
    }
    assert_eq!(left(), 6);
}

#[test]
fn a_late_page_does_not_get_what_was_cleared() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let event = json!({ "event": "x", "payload": "1", "retain": true });
    main.call("emit", json!({ "events": [event] })).unwrap();
    assert_eq!(clear(&mut main, "x").unwrap()["cleared"], 1);
    // A repeated command does not run again.
    let repeated = main.repeat("clear_retained", json!({ "event": "x" }));
    assert_eq!(repeated.wait().unwrap()["cleared"], 1);
    let mut other = Page::open(&app, "other");
    other.listen("*");
    app.event_bus().emit("end", ()).unwrap();
    assert_eq!(other.receive(), [("end".to_owned(), Value::Null)]);
}

#[test]
#[cfg(feature = "flood-limits")]
fn clearing_counts_for_the_flood_limits() {
    let mut limits = Limits::default();
    (limits.subscribe_burst, limits.subscribes_per_second) = (2, 1);
    limits.subscriptions_per_page = 2;
    let app = app_with(Builder::new().limits(limits));
    let mut main = Page::open(&app, "main");
    assert!(clear(&mut main, "x").is_ok());
    assert!(clear(&mut main, "x").is_ok());
    assert_eq!(code(&clear(&mut main, "x").unwrap_err()), "rate_limited");
}
