//! Errors that the test bus of the package has, too. `tests/messages.json` has them, and the tests of the package read it.

use serde_json::{Value, json};

use crate::support::{Page, app, message};

#[test]
fn messages_are_those_of_the_test_bus() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let cases: Vec<Value> = serde_json::from_str(include_str!("../messages.json")).unwrap();
    assert!(cases.len() > 15, "{}", cases.len());
    for case in cases {
        let (command, entry) = (case["command"].as_str().unwrap(), &case["entry"]);
        let arguments = match command {
            "subscribe" => json!({ "subscriptions": [entry] }),
            "start_job" => json!({ "job": entry }),
            _ => json!({ "events": [entry] }),
        };
        let error = main
            .call(command, arguments)
            .map_or_else(|error| error, |mut results| results[0]["error"].take());
        assert_eq!(message(&error), case["message"], "{case}");
    }
}
