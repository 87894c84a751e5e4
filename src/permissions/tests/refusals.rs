use serde_json::{Value, json};

use super::{check_sending, name, scope};
use crate::model::error::ErrorCode;
use crate::model::target::Target;
use crate::permissions::Destination;

#[test]
fn malformed_entries_are_quoted() {
    let error = |allow, deny| {
        let refused = scope(&allow, &deny);
        let refused = refused.check_emitting(&name("a"), Destination::Everyone, None);
        refused.unwrap_err().to_string()
    };
    let allow = error(json!(["x", { "evnt": 1 }, 5]), json!([]));
    for part in [
        r#"{"evnt":1} of event-bus:test is malformed"#,
        "unknown field `evnt`",
        "; so is 5: expected an event name",
    ] {
        assert!(allow.contains(part), "{allow}");
    }
    let deny = error(json!(["a"]), json!(["b", "c d", true]));
    for part in [
        r#"the deny entry "c d" of"#,
        "character ' '",
        "; so is true: expected an event name",
    ] {
        assert!(deny.contains(part), "{deny}");
    }
    let hidden = error(json!(["a"]), json!(["b\u{7f}", "c\u{202e}"]));
    assert!(
        hidden.chars().all(|c| c == ' ' || c.is_ascii_graphic()),
        "{hidden:?}"
    );
}

#[test]
fn an_entry_that_would_allow_it_is_shown() {
    let check = |allow: Value, deny: Value, target: Option<&str>, parts: &[&str]| {
        let scope = scope(&allow, &deny);
        let error = match target {
            Some(target) => check_sending(&scope, "a", target).unwrap_err(),
            None => scope
                .check_emitting(&name("a"), Destination::Everyone, None)
                .unwrap_err(),
        };
        assert_eq!(error.code(), ErrorCode::Denied);
        for part in parts {
            assert!(error.message().contains(part), "{part}: {error}");
        }
    };
    let line = r#"{ "identifier": "event-bus:test", "allow": ["a"] }"#;
    check(
        json!([]),
        json!([]),
        None,
        &["without a list of events", line],
    );
    check(
        json!(["b"]),
        json!([]),
        None,
        &["no allow entry of event-bus:test matches", line],
    );
    check(
        json!([{ "evnt": "a" }]),
        json!([]),
        None,
        &[r#"the entry {"evnt":"a"}"#, "unknown field", line],
    );
    check(
        json!(["*"]),
        json!(["x", "[a]"]),
        None,
        &[r#"the deny entry "[a]""#, "deny wins"],
    );
    check(
        json!(["*"]),
        json!([5]),
        None,
        &["the deny entry 5", "denies everything"],
    );
    let line = r#""allow": [{"event":"a","to":"side"}]"#;
    check(
        json!([{ "event": "a", "to": "main" }]),
        json!([]),
        Some("side"),
        &[r#"send "a" to "side""#, line],
    );
    let to_host = check_sending(&scope(&json!([]), &json!([])), "a", Target::host());
    let error = to_host.unwrap_err();
    let line = r#""allow": [{"event":"a","to":{"kind":"host"}}]"#;
    assert!(error.message().contains(line), "{error}");
    check(
        json!([{ "event": "a", "to": "main" }]),
        json!([]),
        None,
        &["an entry with `to` allows only what is sent to those recipients"],
    );
    check(
        json!([{ "event": "a", "to": "*" }]),
        json!([{ "event": "a", "to": "main" }, { "event": "*", "to": "s*" }]),
        Some("side"),
        &[r#"the deny entry {"event":"*","to":"s*"}"#],
    );
}

#[test]
fn a_quoted_entry_hides_nothing() {
    let hidden = "cart:s\u{7f}\u{202e}t";
    let scope = scope(
        &json!(["cart:*"]),
        &json!([hidden, { "event": "x".repeat(2000) }]),
    );
    let error = scope
        .check_emitting(&name("a"), Destination::Everyone, None)
        .unwrap_err();
    assert!(!error.message().contains(['\u{7f}', '\u{202e}']), "{error}");
    assert!(error.message().contains("\\u{202e}"), "{error}");
}
