//! Typed requests.

use std::future::IntoFuture;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tauri::async_runtime::{block_on, spawn};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, CatalogMode, ErrorCode, EventBusExt, Target};

use crate::support::{Page, app_with, code, message};

/// Asks for a choice.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Choose {
    most_at_once: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Choice {
    names: Vec<String>,
}

impl Request for Choose {
    const NAME: &'static str = "choose";
    type Response = Choice;
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Another;

impl Request for Another {
    const NAME: &'static str = "choose";
    type Response = ();
}

#[test]
fn payloads_of_pages_match_the_declared_types() {
    let builder = Builder::new()
        .request::<Choose>()
        .catalog_mode(CatalogMode::Strict);
    let app = app_with(builder);
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    assert_eq!(
        code(&main.set_responder("other", true)),
        "invalid_event_name"
    );
    main.set_responder("choose", true);
    let other = Page::open(&app, "other");
    let wrong =
        json!({ "id": 1, "to": "main", "name": "choose", "payload": "{\"mostAtOnce\":300}" });
    let error = other.request_with(wrong).wait().unwrap_err();
    assert_eq!(code(&error), "invalid_payload");
    assert!(message(&error).contains("mostAtOnce"), "{error}");
    let error = other.request(2, json!("main"), "other").wait().unwrap_err();
    assert_eq!(code(&error), "invalid_event_name");

    let sent = Choose { most_at_once: 2 }.request(&bus, "main");
    let task = spawn(async move { sent.await });
    let request = main.next_request();
    assert_eq!(request["payload"], json!({ "mostAtOnce": 2 }));
    let refused = main.respond(&request, "{\"names\":[1]}");
    assert_eq!(code(&refused), "invalid_payload");
    assert!(message(&refused).contains("names[0]"), "{refused}");
    let error = block_on(task).unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);

    let handler = async |request: Choose| {
        let names = vec!["x".to_owned(); usize::from(request.most_at_once)];
        Ok(Choice { names })
    };
    Choose::respond(&bus, handler).unwrap().forget();
    let sent = Choose { most_at_once: 1 }.request(&bus, Target::host());
    let choice = block_on(sent.into_future()).unwrap();
    assert_eq!(choice.names, ["x"]);
}

#[test]
fn requests_are_declared_once_and_generated() {
    let twice = Builder::new().request::<Choose>().request::<Another>();
    let error = twice.catalog().unwrap_err();
    assert!(error.message().contains("\"choose\""), "{error}");
    let catalog = Builder::new().request::<Choose>().catalog().unwrap();
    let listed: Vec<_> = catalog
        .requests()
        .map(|request| (request.name(), request.type_name()))
        .collect();
    assert!(
        matches!(*listed, [(Choose::NAME, of)] if of.ends_with("::Choose")),
        "{listed:?}"
    );
    let text = catalog.typescript();
    let expected = "  interface RequestMap {\n    /** Asks for a choice. */\n    'choose': { request: Choose; response: Choice }\n  }\n}\n";
    assert!(text.ends_with(expected), "{text}");
    assert!(text.contains("export interface Choice {\n  names: string[]\n}"));
    let document = serde_json::to_value(&catalog).unwrap();
    assert_eq!(document["requests"][0]["name"], "choose");
    assert!(catalog.markdown().contains("## `choose`"));
}
#[test]
fn a_strict_catalog_lists_requests_to_the_host_alone() {
    let builder = Builder::new()
        .request::<Choose>()
        .catalog_mode(CatalogMode::Strict);
    let app = app_with(builder);
    let mut main = Page::open(&app, "main");
    let other = Page::open(&app, "other");
    for error in [
        main.set_responder("other", true),
        main.set_responder("other", false),
        other.request(1, json!("main"), "other").wait().unwrap_err(),
    ] {
        assert_eq!(code(&error), "invalid_event_name", "{error}");
        assert!(message(&error).contains("\"other\""), "{error}");
        assert!(!message(&error).contains("choose"), "{error}");
    }
    let bus = app.event_bus();
    let unregistered = bus.respond("other", async |_: Value| Ok(1)).map(drop);
    for error in [
        super::send(&bus, "main", "other").error(),
        unregistered.unwrap_err(),
    ] {
        assert!(error.message().contains("choose"), "{error}");
    }
}
