//! Typed events: what is registered, what is checked, and what comes back.

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::mpsc;
use std::time::Duration;

use declared_events::{AppReady, CartUpdated, Measured, Random, Sample, Visitor, visit_all};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tauri::App;
use tauri::test::{MockRuntime, mock_builder};
use tauri_plugin_event_bus::{
    Builder, CatalogMode, EmitOptions, ErrorCode, Event, EventBusExt, Limits, Policy, SourceCall,
    TypedItem,
};

use crate::support::{Page, app_with, code, message};

const PATIENCE: Duration = Duration::from_secs(20);

fn typed_app() -> App<MockRuntime> {
    app_with(declared_events::register(Builder::new()))
}

/// What an app does with an event of its own.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Moved {
    to: Vec<Point>,
    by: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Point {
    x: f64,
    y: f64,
}

impl Event for Moved {
    const NAME: &'static str = "moved";
    const POLICY: Policy = Policy::new().retain(true);
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Counted {
    id: u64,
}

impl Event for Counted {
    const NAME: &'static str = "counted";
}

fn moved(x: f64) -> Moved {
    Moved {
        to: vec![Point { x, y: 0.5 }],
        by: None,
    }
}

#[test]
fn an_event_of_a_type_is_emitted_and_heard_as_that_type() {
    let app = app_with(Builder::new().event::<Moved>());
    let (main, mut other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    other.listen("*");
    let (sender, heard) = mpsc::channel();
    let bus = app.event_bus();
    bus.listen_event::<Moved>(move |event| {
        sender.send((event.seq(), event.payload)).unwrap();
    })
    .unwrap()
    .forget();

    let receipt = moved(1.0).emit(&app).unwrap();
    moved(2.0).emit(&bus).unwrap();
    moved(3.0).emit(&main.webview).unwrap();
    moved(4.0).emit_to(&app, "other").unwrap();
    moved(5.0)
        .emit_with(&bus, EmitOptions::new().except("other"))
        .unwrap();

    assert_eq!(
        heard.recv_timeout(PATIENCE).unwrap(),
        (receipt.seq, moved(1.0))
    );
    for x in [2.0, 3.0, 5.0] {
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap().1, moved(x));
    }
    let xs: Vec<Value> = other
        .receive_many(4)
        .into_iter()
        .map(|(_, payload)| payload["to"][0]["x"].clone())
        .collect();
    assert_eq!(xs, [json!(1.0), json!(2.0), json!(3.0), json!(4.0)]);
    // Its policy says that it is retained.
    assert_eq!(bus.clear_retained("moved").unwrap(), 2);
}

#[test]
fn a_stream_of_a_type_yields_what_has_another_shape_as_a_value() {
    let app = app_with(Builder::new().event::<Moved>());
    let bus = app.event_bus();
    let mut stream = bus.stream_of::<Moved>().unwrap();
    bus.emit("moved", json!({ "to": [{ "x": 1, "y": "2" }] }))
        .unwrap();
    moved(1.0).emit(&bus).unwrap();
    tauri::async_runtime::block_on(async {
        match stream.recv().await.unwrap() {
            TypedItem::Invalid(event, error) => {
                assert_eq!((event.seq(), error.code()), (1, ErrorCode::InvalidPayload));
                assert!(error.message().contains("`to[0].y`"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        match stream.recv().await.unwrap() {
            TypedItem::Event(event) => assert_eq!((event.seq(), event.payload), (2, moved(1.0))),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_periodic_event_of_a_type_has_payloads_of_that_type() {
    let app = app_with(Builder::new().event::<Moved>());
    let bus = app.event_bus();
    let (sender, heard) = mpsc::channel();
    bus.listen_event::<Moved>(move |event| {
        sender
            .send((event.tick().unwrap().count, event.payload))
            .unwrap();
    })
    .unwrap()
    .forget();
    let every = Duration::from_millis(1);
    bus.periodic_event::<Moved>()
        .every(every)
        .immediate()
        .count(2)
        .payload_with(|tick| moved(tick.count as f64))
        .start()
        .unwrap()
        .forget();
    for count in 1..=2 {
        assert_eq!(
            heard.recv_timeout(PATIENCE).unwrap(),
            (count, moved(count as f64))
        );
    }

    let error = bus
        .periodic_event::<Moved>()
        .every(every)
        .start()
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    assert!(error.message().contains(".payload("), "{error}");
    let error = bus
        .periodic_event::<Moved>()
        .every(every)
        .payload(moved(f64::NAN))
        .start()
        .unwrap_err();
    assert!(error.message().contains("`to[0].x`"), "{error}");
    // One without payload needs none.
    let job = bus.periodic_event::<AppReady>().every(every).start();
    assert!(job.is_ok(), "{job:?}");
}

#[test]
fn two_types_of_one_name_fail_at_the_start_and_both_are_named() {
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
fn what_a_page_emits_under_a_registered_name_has_its_shape() {
    let app = typed_app();
    let mut main = Page::open(&app, "main");
    let mut other = Page::open(&app, "other");
    other.listen("*");

    let good = r#"{"itemCount":1,"items":[],"note":null,"type":"x"}"#;
    let answers = main
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
    let codes: Vec<&str> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["error"]["code"].as_str().unwrap_or("ok"))
        .collect();
    let wrong = "invalid_payload";
    assert_eq!(codes, ["ok", wrong, "ok", wrong, wrong, "ok", "ok"]);
    let text = message(&answers[1]);
    for part in [
        "typed:cart-updated",
        "CartUpdated",
        "`items[0].priceCents`",
        "-1",
        "u32",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(message(&answers[4]).contains("null"), "{}", answers[4]);

    // Nothing of it was delivered, and the neighbours were.
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
fn permission_comes_before_shape() {
    let app = typed_app();
    let mut widget = Page::open(&app, "shop");
    let refused = widget.emit("typed:wrapped", "\"no number\"");
    assert_eq!(code(&refused), "denied");
}

#[test]
fn an_event_of_a_type_waits_for_room() {
    let reject = Policy::new().reject();
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let app = app_with(
        Builder::new()
            .event::<Moved>()
            .policy("moved", reject)
            .limits(limits),
    );
    let mut main = Page::open(&app, "main");
    main.listen("moved");
    let bus = app.event_bus();
    moved(1.0).emit(&bus).unwrap();
    assert_eq!(
        moved(2.0).emit(&bus).unwrap_err().code(),
        ErrorCode::QueueFull
    );
    let waiting = tauri::async_runtime::spawn(moved(3.0).emit_async(&bus, EmitOptions::new()));
    assert_eq!(main.receive().len(), 1);
    assert_eq!(main.receive_many(1)[0].1["to"][0]["x"], 3.0);
    tauri::async_runtime::block_on(waiting).unwrap().unwrap();
    let refused = moved(f64::NAN).emit_async(&bus, EmitOptions::new());
    let refused = tauri::async_runtime::block_on(refused).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidPayload);
}

#[test]
fn a_source_must_fit_the_event_that_it_is_chosen_for() {
    let app = app_with(
        Builder::new()
            .event::<Moved>()
            .job_source("point", |_: &SourceCall| Ok::<_, Infallible>(moved(1.0)))
            .event::<Counted>()
            .job_source("large", |_: &SourceCall| {
                Ok::<_, Infallible>(Counted { id: u64::MAX })
            })
            .job_source("number", |_: &SourceCall| Ok::<_, Infallible>(5))
            .job_source_async("late", async |_: SourceCall| Ok::<_, Infallible>(5)),
    );
    let mut main = Page::open(&app, "main");
    main.listen("moved");
    main.listen("event-bus:job-failed");
    for source in ["number", "late"] {
        let job = json!({ "event": "moved", "everyMs": 1000, "immediate": true, "source": source, "id": source });
        main.start_job(job).unwrap();
        let [(name, failed)] = &main.receive_many(1)[..] else {
            panic!("{source}: not one event")
        };
        assert_eq!(name, "event-bus:job-failed", "{source}");
        assert_eq!(failed["error"]["code"], "invalid_payload", "{source}");
    }
    let job = json!({ "event": "counted", "everyMs": 1000, "immediate": true, "source": "large" });
    main.start_job(job).unwrap();
    let failed = &main.receive_many(1)[0].1;
    assert_eq!(failed["error"]["code"], "invalid_payload", "{failed}");
    assert!(message(&failed["error"]).contains("`id`"), "{failed}");
    // Nor may a page emit a number that pages would not read as what it is.
    let refused = main.emit("counted", r#"{"id":9007199254740993}"#);
    assert_eq!(code(&refused), "invalid_payload", "{refused}");
    let accepted = main.emit("counted", r#"{"id":9007199254740991}"#);
    assert!(accepted["seq"].is_u64(), "{accepted}");
    let job = json!({ "event": "moved", "everyMs": 1000, "immediate": true, "source": "point" });
    main.start_job(job).unwrap();
    assert_eq!(main.receive_many(1)[0].0, "moved");

    let bus = app.event_bus();
    let job = bus
        .periodic_event::<Moved>()
        .source("point", ())
        .immediate();
    let job = job.every(Duration::from_secs(1000)).start().unwrap();
    assert_eq!(job.info().source.as_deref(), Some("point"));
    assert_eq!(main.receive_many(1)[0].0, "moved");
}

#[test]
fn a_strict_catalog_refuses_names_that_are_not_registered() {
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
fn numbers_that_a_page_cannot_read_are_not_emitted() {
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

/// Sends values of each type to a page, which sends them back, and reads them again.
struct RoundTrip {
    app: App<MockRuntime>,
    page: Page,
    visited: usize,
}

impl Visitor for RoundTrip {
    fn visit<E: Sample>(&mut self) {
        let (sender, heard) = mpsc::channel();
        let bus = self.app.event_bus();
        let listener = bus
            .listen_event::<E>(move |event| sender.send(event.payload).unwrap())
            .unwrap();
        let random = &mut Random::new(self.visited as u64);
        for _ in 0..100 {
            let sent = E::sample(random);
            sent.emit_to(&bus, "main").unwrap();
            let arrived = self.page.receive().remove(0).1;
            let answer = self
                .page
                .emit(E::NAME, &as_javascript_writes(&arrived).to_string());
            assert!(answer["error"].is_null(), "{sent:?}: {answer}");
            same(&heard.recv_timeout(PATIENCE).unwrap(), &sent);
            // It came back to the page as well.
            self.page.receive();
        }
        drop(listener);
        self.visited += 1;
    }
}

/// JavaScript has one kind of number, and writes 3.0 as 3.
fn as_javascript_writes(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap();
            if float.fract() == 0.0 && float.abs() < 1e15 {
                json!(float as i64)
            } else {
                value.clone()
            }
        }
        Value::Array(list) => list.iter().map(as_javascript_writes).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), as_javascript_writes(value)))
            .collect(),
        other => other.clone(),
    }
}

#[track_caller]
fn same<E: Serialize + Debug>(left: &E, right: &E) {
    // As JSON, since NaN does not equal itself.
    let [left_json, right_json] = [left, right].map(|value| serde_json::to_value(value).unwrap());
    assert_eq!(left_json, right_json, "{left:?}\n{right:?}");
}

#[test]
fn every_type_comes_back_unchanged() {
    let app = typed_app();
    let mut page = Page::open(&app, "main");
    page.listen("typed:*");
    let mut round_trip = RoundTrip {
        app,
        page,
        visited: 0,
    };
    visit_all(&mut round_trip);
    assert_eq!(
        round_trip.visited,
        round_trip.app.event_bus().catalog().events().count()
    );
}

#[test]
fn a_catalog_says_what_is_registered() {
    let catalog = declared_events::register(Builder::new()).catalog().unwrap();
    let cart = catalog
        .events()
        .find(|event| event.name() == CartUpdated::NAME)
        .unwrap();
    assert!(cart.type_name().ends_with("::CartUpdated"));
    assert_eq!(cart.policy(), Policy::new().latest().retain(true));
    assert_eq!(cart.listened_by(), ["every window"]);
    assert!(cart.is_checked());
    let names: Vec<&str> = catalog.events().map(|event| event.name()).collect();
    assert!(names.is_sorted());
}

/// Where the golden files are: each shows what is generated from the events of `tests/events`.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/events/golden");

#[test]
fn what_is_generated_is_as_written_down() {
    let catalog = declared_events::register(Builder::new()).catalog().unwrap();
    let outcomes = [
        catalog.export_typescript(format!("{GOLDEN}/events.ts")),
        catalog.export_markdown(format!("{GOLDEN}/events.md")),
        catalog.export_json_schema(format!("{GOLDEN}/events.schema.json")),
    ];
    for outcome in outcomes {
        outcome.unwrap();
    }
}

/// Values of each type, as TypeScript that has to compile.
struct Samples(String);

impl Visitor for Samples {
    fn visit<E: Sample>(&mut self) {
        let random = &mut Random::new(7);
        for _ in 0..8 {
            let mut payload = serde_json::to_value(E::sample(random)).unwrap();
            payload.sort_all_objects();
            self.0 += &format!("emit({:?}, {payload})\n", E::NAME);
        }
    }
}

#[test]
fn values_of_rust_are_values_of_the_generated_types() {
    // `npm run test:types` compiles it.
    let mut samples = Samples(
        "// Made by `cargo test --test plugin typed`.\nimport './events'\nimport { emit } from 'tauri-plugin-event-bus-api'\n\n".to_owned(),
    );
    visit_all(&mut samples);
    let file = format!("{GOLDEN}/samples.ts");
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    std::fs::write(&file, &samples.0).unwrap();
    assert!(
        before == samples.0,
        "{file} was stale; it is written anew now"
    );
}
