//! Typed requests.

use std::future::IntoFuture;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tauri::async_runtime::{block_on, spawn};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, CatalogMode, ErrorCode, EventBusExt, HOST, Target};

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

/// Counts up.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Count {
    to: u8,
}

impl StreamRequest for Count {
    const NAME: &'static str = "count";
    type Part = u8;
    type Response = String;
}

#[test]
fn typed_streams_pass_from_host_to_host() {
    let builder = Builder::new()
        .stream_request::<Count>()
        .catalog_mode(CatalogMode::Strict);
    let app = app_with(builder);
    let bus = app.event_bus();
    let responder = Count::respond_stream(&bus, |count, out| async move {
        for number in 1..=count.to {
            out.send(number).await?;
        }
        Ok(format!("{} numbers", count.to))
    });
    responder.unwrap().forget();
    let requested = Count { to: 3 }.request_stream(&bus, HOST).credit_parts(1);
    let read = block_on(spawn(async move {
        let mut stream = requested.await?;
        let mut parts = Vec::new();
        while let Some(part) = stream.recv().await {
            parts.push(part?);
        }
        Ok::<_, tauri_plugin_event_bus::Error>((parts, stream.response().await?))
    }));
    assert_eq!(read.unwrap(), Ok((vec![1, 2, 3], "3 numbers".to_owned())));
}

#[test]
fn parts_of_pages_match_the_declared_type() {
    let app = app_with(Builder::new().stream_request::<Count>());
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let other = Page::open(&app, "other");
    let wrong = json!({ "id": 1, "to": "main", "name": "count", "payload": "{}", "stream": {} });
    let error = other.request_with(wrong).wait().unwrap_err();
    assert_eq!(code(&error), "invalid_payload");

    let responders = json!([{ "name": "count", "on": true, "stream": true }]);
    let set = main.call("set_responders", json!({ "responders": responders }));
    assert_eq!(set.unwrap()[0], json!({}));
    let requested = Count { to: 3 }.request_stream(&bus, "main");
    let task = spawn(async move {
        let mut stream = requested.await.unwrap();
        let first = stream.recv().await;
        (first, stream.recv().await)
    });
    let request = main.next_request();
    let id = &request["request"];
    let mut send = |number: u64, payload: &str| {
        main.respond_with(json!({ "request": id, "part": number, "payload": payload }))
    };
    assert_eq!(send(1, "1"), json!({}));
    let refused = send(2, "300");
    assert_eq!(code(&refused["error"]), "invalid_payload");
    assert!(message(&refused["error"]).contains("300"), "{refused}");
    let (first, second) = block_on(task).unwrap();
    assert_eq!(first, Some(Ok(1)));
    assert_eq!(
        second.unwrap().unwrap_err().code(),
        ErrorCode::InvalidPayload
    );
}
