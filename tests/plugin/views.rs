//! Namespaces and components: the whole bus, with a prefix and a name.

use std::sync::mpsc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{
    BusEvent, EmitOptions, ErrorCode, EventBusExt, HOST, ListenOptions, StreamItem,
};

use crate::support::{Page, app};

const PATIENCE: Duration = Duration::from_secs(20);

fn recorder() -> (
    impl FnMut(BusEvent) + Send + 'static,
    mpsc::Receiver<BusEvent>,
) {
    let (sender, receiver) = mpsc::channel();
    (move |event| sender.send(event).unwrap_or(()), receiver)
}

#[test]
fn a_view_of_a_webview_emits_to_it() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    main.listen("*");
    other.listen("*");
    let bus = main.webview.event_bus();
    let shop = bus.namespace("shop");
    shop.emit_to_self("a", 1).unwrap();
    shop.without_causes().emit_to_self("b", 2).unwrap();
    shop.namespace("cart").emit_to_self("c", 3).unwrap();
    app.event_bus().emit("end", ()).unwrap();
    let received: Vec<String> = main
        .receive_many(4)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(received, ["shop:a", "shop:b", "shop:cart:c", "end"]);
    assert_eq!(other.receive()[0].0, "end");
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Tested(u8);

impl Event for Tested {
    const NAME: &'static str = "tested";
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Double(u8);

impl Request for Double {
    const NAME: &'static str = "double";
    type Response = u8;
}

#[test]
fn everything_that_emits_has_the_prefix() {
    let app = app();
    Page::open(&app, "main");
    let bus = app.event_bus();
    let (record, receiver) = recorder();
    bus.listen_any("*", record).unwrap().forget();
    let webview = tauri::Manager::get_webview_window(&app, "main").unwrap();
    let shop = bus.namespace("shop");
    for view in [
        shop.clone(),
        shop.clone().namespace("shop"),
        shop.component("Cart").event_bus(),
        webview.event_bus().namespace("shop").as_ref().clone(),
    ] {
        view.emit("a", 1).unwrap();
        view.emit_to("main", "b", 1).unwrap();
        view.emit_with("shop:c", 1, EmitOptions::new()).unwrap();
        block_on(view.emit_async_with("d", 1, EmitOptions::new())).unwrap();
        let job = view.periodic("e").every(PATIENCE).immediate().count(1);
        job.start().unwrap().forget();
        for name in ["shop:a", "shop:b", "shop:c", "shop:d", "shop:e"] {
            let event = receiver.recv_timeout(PATIENCE).unwrap();
            assert_eq!(event.name(), name);
        }
    }
    let nested = shop.namespace("cart");
    nested.emit("a", 1).unwrap();
    shop.namespace("shop:cart").emit("shop:cart:b", 1).unwrap();
    bus.namespace("other").component("X").emit("c", 1).unwrap();
    for (name, component) in [
        ("shop:cart:a", None),
        ("shop:cart:b", None),
        ("other:c", Some("X")),
    ] {
        let event = receiver.recv_timeout(PATIENCE).unwrap();
        assert_eq!((event.name(), event.component()), (name, component));
    }
}

#[test]
fn everything_that_listens_has_the_prefix() {
    let app = app();
    let bus = app.event_bus();
    let cart = bus.namespace("shop").component("Cart");
    let (record, receiver) = recorder();
    let (any, any_receiver) = recorder();
    let (with, with_receiver) = recorder();
    let (once, once_receiver) = recorder();
    cart.listen("*", record).unwrap().forget();
    cart.listen_any("x", any).unwrap().forget();
    cart.listen_with("x", ListenOptions::new(), with)
        .unwrap()
        .forget();
    cart.once("x", once).unwrap().forget();
    let mut stream = cart.stream("shop:*").unwrap();
    let waiting = cart.wait_for("x");
    bus.emit("x", 1).unwrap();
    bus.emit("shop:x", 2).unwrap();
    for receiver in [receiver, any_receiver, with_receiver, once_receiver] {
        let event = receiver.recv_timeout(PATIENCE).unwrap();
        assert_eq!((event.name(), event.payload()), ("shop:x", Ok(2)));
    }
    assert_eq!(block_on(waiting).unwrap().name(), "shop:x");
    match block_on(stream.recv()).unwrap() {
        StreamItem::Event(event) => assert_eq!(event.name(), "shop:x"),
        StreamItem::Gap(gap) => panic!("{gap:?}"),
    }
    let retained = EmitOptions::new().retain(true);
    bus.emit_with("y", 1, retained.clone()).unwrap();
    cart.emit_with("y", 1, retained).unwrap();
    assert_eq!(cart.clear_retained("*"), Ok(1));
    assert_eq!(bus.clear_retained("*"), Ok(1));
}

#[test]
fn requests_and_responders_have_the_prefix() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let bus = app.event_bus();
    let shop = bus.namespace("shop");
    let cart = shop.component("Cart");
    let own = cart.respond("sum", async |n: u8| Ok(n + 1)).unwrap();
    cart.respond_with("name", async |(), context| Ok(context.name().to_owned()))
        .unwrap()
        .forget();
    shop.respond_blocking("double", |n: u8, _| Ok(2 * n))
        .unwrap()
        .forget();
    let ask = |name: &str| block_on(shop.request::<u8>(HOST, name, 4).into_future());
    assert_eq!((ask("sum"), ask("shop:double")), (Ok(5), Ok(8)));
    let name = bus.request::<String>(HOST, "shop:name", ());
    assert_eq!(block_on(name.into_future()).unwrap(), "shop:name");
    let outside = bus.request::<u8>(HOST, "sum", 4);
    let error = block_on(outside.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoResponder);
    own.stop();
    assert_eq!(ask("sum").unwrap_err().code(), ErrorCode::NoResponder);

    main.set_responder("shop:confirm", true);
    let all = cart.request_all::<bool>("main", "confirm", ());
    let asked = tauri::async_runtime::spawn(async move { all.await });
    let request = main.next_request();
    assert_eq!(request["name"], "shop:confirm");
    main.respond(&request, "true");
    assert_eq!(
        block_on(asked).unwrap().unwrap(),
        [("main".to_owned(), Ok(true))]
    );
}

#[test]
fn an_invalid_namespace_fails_wherever_it_is_used() {
    let app = app();
    let view = app.event_bus().namespace("sh op");
    let nested = view.namespace("a");
    let errors = [
        view.emit("a", 1).map(drop),
        view.emit_to("main", "a", 1).map(drop),
        nested.emit("a", 1).map(drop),
        block_on(view.emit_async_with("a", 1, EmitOptions::new())).map(drop),
        view.listen("a", drop).map(drop),
        view.once("a", drop).map(drop),
        view.stream("a").map(drop),
        block_on(view.wait_for("a")).map(drop),
        view.periodic("a").every(PATIENCE).start().map(drop),
        block_on(view.request::<()>(HOST, "a", 1).into_future()),
        view.respond("a", async |()| Ok(())).map(drop),
        view.clear_retained("*").map(drop),
        view.component("X").success("text").map(drop),
        view.component("X").refresh("Y"),
    ];
    for (place, error) in errors.into_iter().enumerate() {
        let error = error.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEventName, "{place}");
        assert!(error.message().contains("sh op"), "{place}: {error}");
    }
}

#[test]
fn typed_verbs_keep_the_declared_name() {
    let app = app();
    let bus = app.event_bus();
    let cart = bus.namespace("shop").component("Cart");
    let (sender, receiver) = mpsc::channel();
    let send = move |event: TypedEvent<Tested>| {
        let sent = (
            event.name().to_owned(),
            event.component().map(str::to_owned),
        );
        sender.send((sent, event.payload)).unwrap_or(());
    };
    Tested::listen(&cart, send.clone()).unwrap().forget();
    Tested::once(&cart, send.clone()).unwrap().forget();
    Tested::listen_with(&cart, ListenOptions::new(), send)
        .unwrap()
        .forget();
    let mut stream = Tested::stream(&cart).unwrap();
    let waiting = Tested::wait_for(&cart).filter(|event| event.payload == Tested(3));
    // Another type under the name is passed over, and is no call of `once`.
    bus.emit("tested", "text").unwrap();
    Tested(1).emit(&cart).unwrap();
    let component = Some("Cart".to_owned());
    for _ in 0..3 {
        let (sent, payload) = receiver.recv_timeout(PATIENCE).unwrap();
        assert_eq!(sent, ("tested".to_owned(), component.clone()));
        assert_eq!(payload, Tested(1));
    }
    Tested(2).emit_to(&cart, HOST).unwrap();
    block_on(Tested(3).emit_async_with(&cart, EmitOptions::new())).unwrap();
    assert_eq!(block_on(waiting).unwrap().payload, Tested(3));
    assert!(matches!(
        block_on(stream.recv()),
        Some(TypedItem::Invalid(..))
    ));
    assert!(matches!(block_on(stream.recv()), Some(TypedItem::Event(_))));
    let job = Tested::periodic(&cart).every(PATIENCE).payload(Tested(4));
    assert_eq!(job.start().unwrap().info().event, "tested");

    let responders = [
        Double::respond(&cart, async |n| Ok(n.0 * 2)),
        Double::respond_with(&cart, async |n, _| Ok(n.0 * 2)),
        Double::respond_blocking(&cart, |n, _| Ok(n.0 * 2)),
    ];
    let [first, second, third] = responders;
    // The name of the first one is taken.
    for refused in [second, third] {
        assert_eq!(refused.unwrap_err().code(), ErrorCode::DuplicateResponder);
    }
    let plain = bus.request::<u8>(HOST, "double", 4);
    assert_eq!(block_on(plain.into_future()), Ok(8));
    let typed = Double(5).request(&cart, HOST);
    assert_eq!(block_on(typed.into_future()), Ok(10));
    first.unwrap().stop();
    let all = Double(5).request_all(&cart, "nobody-*");
    let all = tauri::async_runtime::spawn(async move { all.await });
    assert_eq!(block_on(all).unwrap(), Ok(Vec::new()));
}
