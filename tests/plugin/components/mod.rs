//! Components, and the causes of events.

mod causes;

use std::future::IntoFuture;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::catalog::ComponentDescription;
use tauri_plugin_event_bus::component::{MessageLevel, MessageOptions};
use tauri_plugin_event_bus::request::RequestContext;
use tauri_plugin_event_bus::{
    Builder, BusEvent, CatalogMode, EmitOptions, ErrorCode, EventBus, EventBusExt, HOST, Limits,
};

use crate::support::{Page, app, app_with, code, invoke, message};

const PATIENCE: Duration = Duration::from_secs(20);

/// A listener that forwards its events.
fn recorder() -> (
    impl FnMut(BusEvent) + Send + 'static,
    mpsc::Receiver<BusEvent>,
) {
    let (sender, receiver) = mpsc::channel();
    (move |event| sender.send(event).unwrap_or(()), receiver)
}

fn names(receiver: &mpsc::Receiver<BusEvent>, last: &str) -> Vec<String> {
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != last) {
        names.push(receiver.recv_timeout(PATIENCE).unwrap().name().to_owned());
    }
    names
}

/// The extras of the next events of a page.
fn extras(page: &mut Page, count: usize) -> Vec<Value> {
    let mut found = Vec::new();
    while found.len() < count {
        let rows = page.pull().rows();
        for row in rows.as_array().unwrap() {
            page.ack = row[0].as_u64().unwrap();
            found.push(row.get(7).cloned().unwrap_or_default());
        }
    }
    found
}

#[test]
fn a_component_names_its_events() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let (record, receiver) = recorder();
    bus.listen("*", record).unwrap().forget();
    let cart = bus.namespace("shop").component("ShoppingCart");
    cart.emit("a", 1).unwrap();
    cart.emit_with("shop:b", 2, EmitOptions::new().retain(true))
        .unwrap();
    cart.emit_to("main", "c", 3).unwrap();
    bus.emit("d", 4).unwrap();
    let component = json!({ "component": "ShoppingCart" });
    assert_eq!(
        extras(&mut main, 4),
        [component.clone(), component.clone(), component, Value::Null]
    );
    let first = receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        (first.name(), first.component()),
        ("shop:a", Some("ShoppingCart"))
    );
    assert_eq!(names(&receiver, "d"), ["shop:b", "d"]);

    let mut late = Page::open(&app, "other");
    late.try_listen("shop:b");
    let kept = extras(&mut late, 1);
    assert_eq!(kept[0]["component"], "ShoppingCart");
    assert_eq!(kept[0]["retained"], true);
}

#[test]
fn a_page_names_its_component() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let (record, receiver) = recorder();
    app.event_bus().listen("*", record).unwrap().forget();
    let long = "n".repeat(129);
    let results = main
        .call(
            "emit",
            json!({ "events": [
                { "event": "a", "component": "n".repeat(128) },
                { "event": "b", "component": long },
                { "event": "c", "component": "" },
                { "event": "d", "component": "a b" },
                { "event": "e", "component": 7 },
                { "event": "end" },
            ] }),
        )
        .unwrap();
    for place in 1..=4 {
        assert_eq!(
            code(&results[place]["error"]),
            "invalid_argument",
            "{results}"
        );
    }
    for part in ["128", "129"] {
        assert!(message(&results[1]["error"]).contains(part), "{results}");
    }
    assert_eq!(names(&receiver, "end"), ["a", "end"]);
    let error = app.event_bus().component("a b").emit("x", ()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_namespace_is_prefixed_once_and_validated() {
    let app = app();
    let bus = app.event_bus();
    let shop = bus.namespace("shop");
    let (record, receiver) = recorder();
    shop.listen("*", record).unwrap().forget();
    bus.emit("other", 0).unwrap();
    shop.emit("a", 1).unwrap();
    shop.emit("shop:b", 1).unwrap();
    shop.emit("shopping", 1).unwrap();
    shop.periodic("tick")
        .every(Duration::from_millis(1))
        .immediate()
        .count(1)
        .start()
        .unwrap()
        .forget();
    assert_eq!(
        names(&receiver, "shop:tick"),
        ["shop:a", "shop:b", "shop:shopping", "shop:tick"]
    );
    for wrong in ["", "sh op", "sh*p", "shop:"] {
        let error = bus.namespace(wrong).emit("a", 1).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEventName);
        assert!(error.message().contains(&format!("{wrong:?}")), "{error}");
    }
    assert_eq!(
        shop.emit("", 1).unwrap_err().code(),
        ErrorCode::InvalidEventName
    );
}

#[test]
fn refreshes_of_a_long_responder_come_at_once() {
    let app = app();
    let bus = app.event_bus();
    let list = bus.component("List");
    let (refreshed, refreshes) = recorder();
    list.on_refresh(refreshed).unwrap().forget();
    let (own, refreshes) = (bus.component("Import"), Mutex::new(refreshes));
    let _responder = bus.respond_blocking("import", move |_: (), _| {
        let refreshes = refreshes.lock().unwrap();
        for _ in 0..2 {
            own.refresh("List").unwrap();
            // It has come before this returns.
            refreshes.recv_timeout(PATIENCE).unwrap();
        }
        Ok(())
    });
    let done = bus.request::<()>(HOST, "import", ());
    block_on(done.into_future()).unwrap();
}

#[test]
fn refreshes_of_a_listener_are_coalesced() {
    let app = app();
    let bus = app.event_bus();
    let cart = bus.namespace("shop").component("ShoppingCart");
    let list = bus.namespace("shop").component("ProductList");
    let (refreshed, refreshes) = recorder();
    list.on_refresh(refreshed).unwrap().forget();
    let (record, receiver) = recorder();
    bus.listen("*", record).unwrap().forget();
    let own = cart.clone();
    bus.listen("begin", move |_| {
        own.refresh("ProductList").unwrap();
        own.emit("between", ()).unwrap();
        own.refresh("PRODUCTLIST").unwrap();
        own.refresh("Badge").unwrap();
        assert_eq!(
            own.refresh("a b").unwrap_err().code(),
            ErrorCode::InvalidArgument
        );
    })
    .unwrap()
    .forget();
    bus.emit("begin", ()).unwrap();
    assert_eq!(
        names(&receiver, "shop:refresh-badge"),
        [
            "begin",
            "shop:between",
            "shop:refresh-productlist",
            "shop:refresh-badge"
        ]
    );
    let refresh = refreshes.recv_timeout(PATIENCE).unwrap();
    assert_eq!(refresh.component(), Some("ShoppingCart"));
    assert_eq!(refresh.causes().collect::<Vec<_>>(), ["begin"]);
    assert_eq!(refresh.payload_json(), "null");
    // Outside of a listener, refreshes are not coalesced.
    cart.refresh("ProductList").unwrap();
    cart.refresh("ProductList").unwrap();
    bus.emit("end", ()).unwrap();
    assert_eq!(names(&receiver, "end").len(), 3);
}

#[test]
fn messages_of_one_key_have_one_id() {
    let app = app();
    let bus = app.event_bus();
    let cart = bus.namespace("shop").component("Cart");
    let (sender, messages) = mpsc::channel();
    bus.namespace("shop")
        .component("Toasts")
        .on_message(move |message, event| {
            assert_eq!(event.component(), Some(&*message.component));
            sender.send(message).unwrap();
        })
        .unwrap()
        .forget();
    cart.success("one").unwrap();
    cart.success("two").unwrap();
    cart.info("three").unwrap();
    cart.warning("four").unwrap();
    cart.error("five").unwrap();
    cart.message(MessageLevel::Error, "six", MessageOptions::new().key("k"))
        .unwrap();
    let received: Vec<Value> = (0..6)
        .map(|_| json!(messages.recv_timeout(PATIENCE).unwrap()))
        .collect();
    let ids: Vec<&str> = received
        .iter()
        .map(|message| message["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "shop#Cart#success",
            "shop#Cart#success",
            "shop#Cart#info",
            "shop#Cart#warning",
            "shop#Cart#error",
            "shop#Cart#k"
        ]
    );
    assert_eq!(
        received[4],
        json!({ "id": "shop#Cart#error", "component": "Cart", "level": "error", "text": "five" })
    );
}

#[test]
fn each_component_has_message_ids_of_its_own() {
    let app = app();
    let bus = app.event_bus();
    let (record, receiver) = recorder();
    bus.listen("*", record).unwrap().forget();
    let nested = bus.namespace("Export");
    for export in [bus.component("Export"), nested.component("Export")] {
        let options = MessageOptions::new().key("export");
        export.message(MessageLevel::Info, "done", options).unwrap();
    }
    let ids: Vec<Value> = (0..2)
        .map(|_| {
            let event = receiver.recv_timeout(PATIENCE).unwrap();
            event.payload::<Value>().unwrap()["id"].take()
        })
        .collect();
    assert_eq!(ids, ["#Export#export", "Export#Export#export"]);
}

#[test]
fn a_component_names_its_requests_and_ticks() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.listen("ticked");
    let (sender, seen) = mpsc::channel();
    let respond = move |(), context: RequestContext| {
        sender.send(context.component().map(str::to_owned)).unwrap();
        async { Ok(()) }
    };
    bus.respond_with("load", respond).unwrap().forget();
    let cart = bus.component("Cart");
    for from in [&*cart, &bus] {
        let sent = from.request::<()>(HOST, "load", ());
        tauri::async_runtime::block_on(sent.into_future()).unwrap();
    }
    let arguments = json!({
        "session": main.session, "id": 1, "to": { "kind": "host" }, "name": "load", "component": "List",
    });
    invoke(&main.webview, "request", arguments).wait().unwrap();
    let names: Vec<Option<String>> = seen.try_iter().collect();
    assert_eq!(names, [Some("Cart".into()), None, Some("List".into())]);

    let every = Duration::from_millis(1);
    let once = |bus: &EventBus| {
        let job = bus.periodic("ticked").every(every).count(1);
        job.start().unwrap().forget();
    };
    once(&cart);
    assert_eq!(extras(&mut main, 1)[0]["component"], "Cart");
    main.start_job(json!({ "event": "ticked", "everyMs": 1, "count": 1, "component": "List" }))
        .unwrap();
    assert_eq!(extras(&mut main, 1)[0]["component"], "List");
    once(&bus);
    assert_eq!(extras(&mut main, 1)[0].get("component"), None);

    let responders = json!({ "responders": [{ "name": "ask", "on": true }] });
    main.call("set_responders", responders).unwrap();
    let asked = cart.request::<()>("main", "ask", ());
    let asked = tauri::async_runtime::spawn(asked.into_future());
    let request = main.pull().wait().unwrap()["items"][0].take();
    assert_eq!(request["component"], "Cart");
    asked.abort();

    let bad = json!({ "event": "ticked", "everyMs": 1, "component": "a b" });
    assert_eq!(code(&main.start_job(bad).unwrap_err()), "invalid_argument");
    let refused = bus.component("a b").periodic("ticked").every(every).start();
    assert_eq!(refused.unwrap_err().code(), ErrorCode::InvalidArgument);
}

#[test]
fn an_action_emits_and_returns_its_outcome() {
    let app = app();
    let bus = app.event_bus();
    let cart = bus.component("Cart");
    let (record, receiver) = recorder();
    bus.listen("*", record).unwrap().forget();
    let next = || {
        let event = receiver.recv_timeout(PATIENCE).unwrap();
        (event.name().to_owned(), event.payload::<Value>().unwrap())
    };
    assert_eq!(cart.action("parse", || "7".parse::<u8>()), Ok(7));
    assert_eq!(
        next(),
        (
            "action-complete".into(),
            json!({ "component": "Cart", "action": "parse", "state": 7 })
        )
    );
    assert!(cart.action("parse", || "x".parse::<u8>()).is_err());
    assert_eq!(
        next(),
        (
            "error".into(),
            json!({ "component": "Cart", "action": "parse", "error": "invalid digit found in string" })
        )
    );
    let failed: Result<(), &str> = tauri::async_runtime::block_on(cart.action_async_with_status(
        "load",
        |_| Some(503),
        async { Err("away") },
    ));
    assert_eq!(failed, Err("away"));
    assert_eq!(next().1["status"], 503);
    // A state that cannot be serialized does not fail the action.
    let state = std::collections::HashMap::from([((1, 2), 3)]);
    let outcome: Result<_, &str> = cart.action("odd", || Ok(state.clone()));
    assert_eq!(outcome, Ok(state));
    bus.emit("end", ()).unwrap();
    assert_eq!(next().0, "end");
}

#[test]
fn descriptions_are_in_the_catalog_for_pages_too() {
    let cart = ComponentDescription::new("Cart")
        .namespace("shop")
        .description("The cart.")
        .emits("cart:updated", "It has changed.")
        .listens("shop:order:*", "Empties itself.");
    let builder = Builder::new().component(cart.clone());
    let expected = json!([{
        "name": "Cart", "namespace": "shop", "description": "The cart.",
        "emits": [{ "event": "shop:cart:updated", "description": "It has changed." }],
        "listens": [{ "event": "shop:order:*", "description": "Empties itself." }],
    }]);
    let catalog = builder.catalog().unwrap();
    assert_eq!(json!(catalog.components()), expected);
    for part in [
        "### `Cart`",
        "| `shop:cart:updated` | It has changed. |",
        "| `shop:order:*` |",
    ] {
        assert!(catalog.markdown().contains(part), "{}", catalog.markdown());
    }
    let app = app_with(builder);
    let main = Page::open(&app, "main");
    let result = crate::support::invoke(&main.webview, "catalog", json!({}))
        .wait()
        .unwrap();
    assert_eq!(result["components"], expected);

    let error = Builder::new()
        .component(cart.clone())
        .component(cart)
        .catalog()
        .unwrap_err();
    assert!(error.message().contains("\"Cart\""), "{error}");
    for wrong in [
        ComponentDescription::new("a b"),
        ComponentDescription::new("a").namespace(""),
        ComponentDescription::new("a").emits("a b", ""),
    ] {
        let error = Builder::new().component(wrong).catalog().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    }
}

#[test]
fn built_in_events_pass_a_strict_catalog() {
    let app = app_with(declared_events::register(Builder::new()).catalog_mode(CatalogMode::Strict));
    let bus = app.event_bus();
    bus.namespace("shop")
        .component("Cart")
        .success("saved")
        .unwrap();
    assert_eq!(
        bus.emit("messages", ()).unwrap_err().code(),
        ErrorCode::InvalidEventName
    );
}

fn limited(hops: usize) -> Builder {
    let mut limits = Limits::default();
    limits.hops = hops;
    Builder::new().limits(limits)
}
