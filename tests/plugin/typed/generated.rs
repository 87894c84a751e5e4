//! The catalog, the generated files, and round trips of values.

use std::fmt::Debug;
use std::sync::mpsc;

use declared_events::{CartUpdated, Random, Sample, Visitor, visit_all};
use serde::Serialize;
use serde_json::{Value, json};
use tauri::App;
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, EventBusExt, Policy};

use crate::support::Page;

use super::{PATIENCE, typed_app};

/// Sends values of each type to a page, which emits them again, and compares the result.
struct RoundTrip {
    app: App<MockRuntime>,
    page: Page,
    visited: usize,
}

impl Visitor for RoundTrip {
    fn visit<E: Sample>(&mut self) {
        let (sender, receiver) = mpsc::channel();
        let bus = self.app.event_bus();
        let listener = E::listen(&bus, move |event| sender.send(event.payload).unwrap()).unwrap();
        let random = &mut Random::new(self.visited as u64);
        for _ in 0..100 {
            let sent = E::sample(random);
            sent.emit_to(&bus, "main").unwrap();
            let arrived = self.page.receive().remove(0).1;
            let result = self
                .page
                .emit(E::NAME, &as_javascript_writes(&arrived).to_string());
            assert!(result["error"].is_null(), "{sent:?}: {result}");
            same(&receiver.recv_timeout(PATIENCE).unwrap(), &sent);
            // The page receives its own event as well.
            self.page.receive();
        }
        drop(listener);
        self.visited += 1;
    }
}

/// JavaScript has one type of number, and writes 3.0 as 3.
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
fn a_catalog_lists_what_is_registered() {
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

/// The golden files, generated from the events of `tests/events`.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/events/golden");

#[test]
fn generated_files_match_the_golden_files() {
    let catalog = declared_events::register(Builder::new()).catalog().unwrap();
    let exports = [
        catalog.export_typescript(format!("{GOLDEN}/events.ts")),
        catalog.export_markdown(format!("{GOLDEN}/events.md")),
        catalog.export_json_schema(format!("{GOLDEN}/events.schema.json")),
    ];
    for export in exports {
        export.unwrap();
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
fn samples_match_the_generated_types() {
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
