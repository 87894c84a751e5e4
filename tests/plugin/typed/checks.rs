//! Checks at the start, and of what pages and Rust emit.

use std::time::Duration;

use declared_events::{AppReady, Measured, Random, Sample};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tauri::test::{MockRuntime, mock_builder};
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, CatalogMode, ErrorCode, EventBusExt};

use crate::support::{Page, app_with, code, message};

use super::{Moved, moved, typed_app};

#[test]
fn two_types_of_one_name_stop_the_start() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Impostor;
    impl Event for Impostor {
        const NAME: &'static str = "moved";
    }
    let start = |builder: Builder| {
        mock_builder()
            .plugin(builder.build())
            .build(fixture::context::<MockRuntime>())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let error = start(Builder::new().event::<Moved>().event::<Impostor>()).unwrap_err();
    for part in ["typed::Moved", "Impostor", "\"moved\""] {
        assert!(error.contains(part), "{error}");
    }
    start(Builder::new().event::<Moved>().event::<Moved>()).unwrap();

    let error = start(Builder::new().catalog_mode(CatalogMode::Strict)).unwrap_err();
    assert!(error.contains("Builder::event"), "{error}");
}

#[test]
fn payloads_of_pages_match_the_registered_type() {
    let app = typed_app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("*");

    let good = r#"{"itemCount":1,"items":[],"note":null,"type":"x"}"#;
    let results = main
        .call(
            "emit",
            json!({ "events": [
                { "event": "free", "payload": "1" },
                { "event": "typed:cart-updated", "payload": r#"{"itemCount":1,"items":[{"title":"a","priceCents":-1,"weight-kg":0}],"note":null,"type":"x"}"# },
                { "event": "typed:cart-updated", "payload": good },
                { "event": "typed:cart-updated", "payload": "[]" },
                { "event": "typed:cart-updated" },
                { "event": "typed:app-ready" },
                { "event": "typed:anything", "payload": "7" },
            ] }),
        )
        .unwrap();
    let codes: Vec<&str> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["error"]["code"].as_str().unwrap_or("ok"))
        .collect();
    let wrong = "invalid_payload";
    assert_eq!(codes, ["ok", wrong, "ok", wrong, wrong, "ok", "ok"]);
    let text = message(&results[1]);
    for part in [
        "typed:cart-updated",
        "CartUpdated",
        "`items[0].priceCents`",
        "-1",
        "u32",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(message(&results[4]).contains("null"), "{}", results[4]);

    // Only the valid events were delivered.
    let received: Vec<String> = other
        .receive_many(4)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let expected = [
        "free",
        "typed:cart-updated",
        "typed:app-ready",
        "typed:anything",
    ];
    assert_eq!(received, expected);

    let sent = main.emit_to(json!("other"), "typed:wrapped", "\"1\"");
    assert_eq!(code(&sent), wrong);
    let job = json!({ "event": "typed:wrapped", "everyMs": 1, "payload": "1.5" });
    let error = main.start_job(job).unwrap_err();
    assert_eq!(code(&error), wrong);
    assert!(message(&error).contains("1.5"), "{error}");
    let job = json!({ "event": "typed:wrapped", "everyMs": 60_000, "payload": "1" });
    main.start_job(job).unwrap();
}

#[test]
fn permission_is_checked_before_the_type() {
    let app = typed_app();
    let mut widget = Page::open(&app, "shop");
    let refused = widget.emit("typed:wrapped", "\"no number\"");
    assert_eq!(code(&refused), "denied");
}

#[test]
fn a_strict_catalog_refuses_unregistered_names() {
    let builder = || Builder::new().event::<Moved>();
    let app = app_with(builder().catalog_mode(CatalogMode::Strict));
    let mut main = Page::open(&app, "main");
    assert_eq!(code(&main.emit("mved", "1")), "invalid_event_name");
    let refused = main.emit_to(json!("main"), "mved", "1");
    assert!(message(&refused).contains(r#""mved""#), "{refused}");
    assert!(
        !message(&refused).contains("moved"),
        "the names are not a page's to know: {refused}"
    );
    let job = json!({ "event": "mved", "everyMs": 1000 });
    assert_eq!(
        code(&main.start_job(job).unwrap_err()),
        "invalid_event_name"
    );
    assert_eq!(code(&main.try_listen("mved")), "invalid_event_name");
    main.listen("mo*");
    main.listen("moved");
    main.listen("event-bus:job-stopped");

    let bus = app.event_bus();
    for error in [
        bus.emit("mved", 1).map(drop).unwrap_err(),
        bus.listen("mved", drop).map(drop).unwrap_err(),
        bus.stream("mved").map(drop).unwrap_err(),
        bus.periodic("mved")
            .every(Duration::from_secs(1))
            .start()
            .map(drop)
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::InvalidEventName);
        assert!(error.message().contains("strict"), "{error}");
    }
    moved(1.0).emit(&bus).unwrap();

    let mut context = fixture::context::<MockRuntime>();
    context
        .config_mut()
        .plugins
        .0
        .insert("event-bus".to_owned(), json!({ "catalog": "strict" }));
    let app = crate::support::app_in(context, builder());
    assert!(app.event_bus().catalog().is_strict());
    assert!(app.event_bus().emit("mved", 1).is_err());
}

#[test]
fn numbers_beyond_javascript_are_not_emitted() {
    let app = typed_app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let random = &mut Random::new(1);
    let cases = [
        (
            Measured {
                signed: 1 << 53,
                ..Measured::sample(random)
            },
            "`signed`",
        ),
        (
            Measured {
                unsigned: u64::MAX,
                ..Measured::sample(random)
            },
            "18446744073709551615",
        ),
        (
            Measured {
                float: f64::NAN,
                ..Measured::sample(random)
            },
            "`float`: NaN",
        ),
        (
            Measured {
                small_float: f32::INFINITY,
                ..Measured::sample(random)
            },
            "`smallFloat`: inf",
        ),
    ];
    for (event, part) in cases {
        let error = event.emit(&app).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPayload);
        for part in [part, "typed:measured", "Exact"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
    AppReady.emit(&app).unwrap();
    assert_eq!(main.receive()[0].0, "typed:app-ready");
}
