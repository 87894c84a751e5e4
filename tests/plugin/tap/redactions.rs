//! What no tap shows.

use std::future::IntoFuture;

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::tap::TapFilter;
use tauri_plugin_event_bus::{Builder, EventBusExt, Target};

use super::{of_kind, records};
use crate::support::{Page, app_with};

#[test]
fn redacted_payloads_are_in_no_record() {
    let app = app_with(
        Builder::new()
            .redact("user:*", "/token")
            .redact("login", ""),
    );
    let bus = app.event_bus();
    bus.respond("login", async |_: Value| Ok("secret"))
        .unwrap()
        .forget();
    let mut tap = bus.tap(TapFilter::new()).unwrap();
    bus.emit("user:in", json!({ "name": "ada", "token": "secret" }))
        .unwrap();
    let login = bus.request::<Value>(Target::host(), "login", "secret");
    block_on(login.into_future()).unwrap();
    let told = records(&mut tap);
    assert_eq!(
        told[0]["payload"],
        json!({ "name": "ada", "token": "[redacted]" })
    );
    assert_eq!(told[0]["redacted"], true);
    let text = serde_json::to_string(&told).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(of_kind(&told, "response")[0]["payload"], "[redacted]");
}

#[test]
fn errors_that_quote_payloads_are_redacted() {
    #[derive(Debug, serde::Deserialize)]
    struct Card {
        #[allow(dead_code)]
        number: u32,
    }
    let builder = Builder::new()
        .redact("card:*", "/number")
        .before_emit(|event, _| match event.name() {
            "card:refused" => Err(format!("no {}", event.payload_json()).into()),
            _ => Ok(()),
        });
    let app = app_with(builder);
    let bus = app.event_bus();
    bus.respond("card:pay", async |card: Card| Ok(card.number))
        .unwrap()
        .forget();
    bus.respond("card:fail", async |card: Value| {
        let number = card["number"].to_string();
        Err::<u32, _>(number.into())
    })
    .unwrap()
    .forget();
    let mut main = Page::open(&app, "main");
    let mut tap = bus.tap(TapFilter::new()).unwrap();
    let card = json!({ "number": "4111 1111" });
    for name in ["card:pay", "card:fail"] {
        let request = bus.request::<Value>(Target::host(), name, card.clone());
        block_on(request.into_future()).unwrap_err();
    }
    bus.emit("card:refused", card).unwrap_err();
    main.emit("card:new", "{ \"number\": \"4111\", }");
    main.emit("card:4111", "{");
    let told = records(&mut tap);
    let codes = |kind: &str, at: &str| -> Vec<String> {
        let own = of_kind(&told, kind);
        let codes = own.iter().map(|own| own.pointer(at).unwrap().to_string());
        codes.collect()
    };
    assert_eq!(
        codes("response", "/error/code"),
        ["\"invalid_payload\"", "\"responder_failed\""]
    );
    assert_eq!(
        codes("refused", "/code"),
        ["\"refused\"", "\"invalid_payload\"", "\"invalid_payload\""]
    );
    let told: Vec<&Value> = told
        .iter()
        .filter(|own| own["name"] != "card:4111")
        .collect();
    let text = serde_json::to_string(&told).unwrap();
    assert!(!text.contains("4111"), "{text}");
    // Where it is wrong is no secret.
    assert!(text.contains("at the pointer"), "{text}");
}

#[test]
fn a_wrong_redaction_is_refused_at_the_start() {
    let built = tauri::test::mock_builder()
        .plugin(Builder::new().redact("user", "token").build())
        .build(fixture::context());
    let error = built.unwrap_err().to_string();
    assert!(error.contains("\"token\""), "{error}");
}
