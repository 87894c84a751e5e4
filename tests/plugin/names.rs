//! What a name may be. `tests/names.json` has the cases, which the tests of the package read, too.

use serde_json::{Value, json};
use tauri_plugin_event_bus_types::{EventName, EventPattern};

use crate::support::{Page, app, code, message};

/// Each name, and the character that it may not have.
fn names() -> Vec<(String, Option<char>)> {
    let table: Value = serde_json::from_str(include_str!("../names.json")).unwrap();
    let names = table["names"].as_array().unwrap().iter();
    names
        .map(|case| {
            let refused = case["refused"]
                .as_str()
                .and_then(|text| text.chars().next());
            (case["name"].as_str().unwrap().to_owned(), refused)
        })
        .collect()
}

#[test]
fn names_have_letters_with_their_marks() {
    let app = app();
    let mut main = Page::open(&app, "main");
    for (name, refused) in names() {
        let parsed = EventName::parse(&name).map_err(|error| error.to_string());
        let pattern = EventPattern::parse(&format!("{name}*")).map_err(|error| error.to_string());
        let emitted = main.emit(&name, "1");
        let entry = json!({ "event": "x", "component": name });
        let component = main.call("emit", json!({ "events": [entry] })).unwrap()[0].take();
        let Some(wrong) = refused else {
            assert!(parsed.is_ok() && pattern.is_ok(), "{name}");
            assert!(
                emitted["seq"].is_u64() && component["seq"].is_u64(),
                "{name}"
            );
            continue;
        };
        let wrong = format!("{wrong:?}");
        for error in [parsed.unwrap_err(), pattern.unwrap_err()] {
            assert!(error.contains(&wrong), "{error}");
        }
        assert_eq!(code(&emitted), "invalid_event_name");
        assert_eq!(code(&component), "invalid_argument");
        assert!(message(&component).contains(&wrong), "{component}");
    }
}

#[test]
fn spellings_of_a_letter_are_different_names() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("f\u{fc}r");
    main.emit("fu\u{308}r", "1");
    main.emit("f\u{fc}r", "2");
    assert_eq!(main.receive(), [("f\u{fc}r".into(), json!(2))]);
}
