//! Nothing that a page sends becomes script, or breaks a batch or an error.

use proptest::prelude::*;
use serde_json::{Value, json};
use tauri_plugin_event_bus::EventBusExt;

use crate::support::{Page, app, code, invoke};

/// Text that breaks naive quoting.
const NASTY: [&str; 16] = [
    "</script><script>alert(1)</script>",
    "<!--",
    "]]>",
    "\u{2028}\u{2029}",
    "\"",
    "\\",
    "\\\"",
    "'",
    "`${alert(1)}`",
    "\0",
    "\r\n",
    "\u{202e}\u{2066}",
    "\u{feff}",
    "\u{7f}\u{85}",
    "💥ä",
    "\"],[1,2,3,\"x\",0,1,\"",
];

fn nasty_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(&NASTY[..]).prop_map(str::to_owned),
        any::<String>(),
        "[a-z:]{0,8}",
    ];
    proptest::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

fn nasty_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        nasty_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((nasty_text(), inner), 0..4)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// The same JSON with everything escaped that JSON allows.
fn escaped(json: &str) -> String {
    json.chars()
        .flat_map(|c| {
            let mut units = [0; 2];
            let is_plain = c.is_ascii() && !c.is_ascii_control();
            let text = if is_plain {
                c.to_string()
            } else {
                c.encode_utf16(&mut units)
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect()
            };
            text.chars().collect::<Vec<_>>()
        })
        .collect()
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        cases: count,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[test]
fn a_payload_comes_back_as_the_same_value() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let main = std::cell::RefCell::new(main);
    proptest!(cases(300), |(payload in nasty_json(), is_escaped in any::<bool>())| {
        let mut main = main.borrow_mut();
        let text = payload.to_string();
        let text = if is_escaped { escaped(&text) } else { text };
        let receipt = main.emit("x", &text);
        prop_assert!(receipt["seq"].is_u64(), "{receipt}");
        let written = main.pull().text();
        prop_assert!(written.contains(&text), "the payload is not in the batch as it was sent");
        prop_assert_eq!(main.receive(), [("x".to_owned(), payload)]);
    });
}

#[test]
fn invalid_json_enters_no_batch() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("x");
    for payload in [
        "",
        " ",
        "1,2",
        "1]",
        "1],[2,9,0,\"x\",0,1,2",
        "{\"a\":1}}",
        "\"\n\"",
        "\"\0\"",
        "nul",
        "NaN",
        "'x'",
        "undefined",
        "alert(1)",
        "/**/1",
        "1//",
        "\u{feff}1",
        "[1,]",
        "01",
        "\"\\x41\"",
        "\"\\ud8\"",
    ] {
        let result = main.emit("x", payload);
        assert_eq!(result["error"]["code"], "invalid_payload", "{payload:?}");
    }
    app.event_bus().emit("x", 1).unwrap();
    assert_eq!(main.receive(), [("x".into(), json!(1))]);
}

/// An error has a bounded length and no characters that hide or reorder text.
fn check_error(error: &Value) -> Result<(), TestCaseError> {
    let message = error["message"]
        .as_str()
        .unwrap_or_else(|| panic!("{error}"));
    prop_assert!(error["code"].is_string());
    prop_assert!(
        message.len() <= 1024 + '…'.len_utf8(),
        "{} bytes",
        message.len()
    );
    let hidden = message.chars().find(|c| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    });
    prop_assert_eq!(hidden, None, "{:?}", message);
    Ok(())
}

#[test]
fn errors_quote_and_truncate_values() {
    let app = app();
    let main = std::cell::RefCell::new(Page::open(&app, "main"));
    let long = || prop_oneof![3 => Just(1_usize), 1 => Just(3000)];
    proptest!(cases(300), |(text in nasty_text(), times in long(), extra in nasty_json())| {
        let mut main = main.borrow_mut();
        let text = text.repeat(times);
        let mut errors = Vec::new();
        let mut call = |page: &mut Page, command: &str, arguments: Value| {
            // A result that is not JSON would fail here.
            match page.call(command, arguments) {
                Ok(Value::Array(entries)) => errors.extend(entries.into_iter().filter_map(|entry| entry.get("error").cloned())),
                Ok(_) => {}
                Err(Value::String(_)) => {}
                Err(error) => errors.push(error),
            }
        };
        let own = json!({ (text.clone()): extra });
        call(&mut main, "emit", json!({ "events": [
            { "event": text }, { "event": "x", "payload": text }, { "event": "x", "payload": extra }, own, extra,
            { "event": text, "payload": text },
        ] }));
        call(&mut main, "emit_to", json!({ "events": [
            { "event": "x", "to": text }, { "event": "x", "to": own }, { "event": "x", "to": [text, extra] },
            { "event": "x", "to": { "kind": text } }, { "event": "x", "to": { "kind": "Window", "label": text } },
        ] }));
        call(&mut main, "subscribe", json!({ "subscriptions": [
            { "id": 1, "event": format!("{text}*") }, { "id": text, "event": "x" }, own,
            { "id": 2, "event": "x", "target": text }, { "id": 2, "event": "x", "target": extra },
            { "id": 2, "event": "x", "resume": { "session": text, "after": 0, "handled": 0 } },
        ] }));
        call(&mut main, "unsubscribe", json!({ "ids": [1, 2] }));
        call(&mut main, "start_job", json!({ "job": { "event": text, "everyMs": 60_000 } }));
        call(&mut main, "start_job", json!({ "job": { "event": "x", "everyMs": extra } }));
        call(&mut main, "start_job", json!({ "job": own }));
        call(&mut main, "stop_job", json!({ "id": text }));
        for pull in [json!({ "session": text, "ack": 0 }), json!({ "session": main.session, "ack": text }), own.clone()] {
            match invoke(&main.webview, "pull", pull).wait() {
                Ok(batch) => prop_assert!(batch.is_array()),
                Err(error) => errors.push(error),
            }
        }
        for error in &errors {
            check_error(error)?;
        }
    });
}

#[test]
fn ids_of_jobs_and_labels_are_written_as_strings() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    for text in NASTY {
        let job = json!({ "job": { "event": "x", "everyMs": 1, "count": 1, "id": text } });
        let started = main.call("start_job", job);
        let breaks_lines = |c: char| c.is_control() || "\u{2028}\u{2029}\u{202e}".contains(c);
        if text.contains(breaks_lines) {
            assert_eq!(code(&started.unwrap_err()), "invalid_argument");
            continue;
        }
        assert_eq!(started.unwrap()["id"], text);
        let batch = main.pull().rows();
        main.ack += 1;
        assert_eq!(batch[0][7]["tick"]["job"], text);
    }
}
