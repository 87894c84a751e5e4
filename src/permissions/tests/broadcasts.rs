use serde_json::json;

use super::{may_broadcast, scope};

#[test]
fn entries_allow_and_deny() {
    for (allow, deny, event, expected) in [
        (json!([]), json!([]), "a", false),
        (json!(["a"]), json!([]), "a", true),
        (json!(["a"]), json!([]), "ab", false),
        (json!(["cart:*"]), json!([]), "cart:a/b:c", true),
        (json!(["cart:*"]), json!([]), "cart", false),
        (json!(["*"]), json!([]), "a", true),
        (json!(["a?", "b[12]"]), json!([]), "b2", true),
        (json!([{ "event": "cart:*" }]), json!([]), "cart:a", true),
        // Deny wins, in whatever form.
        (json!(["*"]), json!(["a"]), "a", false),
        (json!(["a"]), json!(["*"]), "a", false),
        (json!(["*"]), json!([{ "event": "a" }]), "a", false),
        (json!(["*"]), json!(["a"]), "b", true),
        (json!([{ "default": true }]), json!(["a"]), "a", false),
        (json!([{ "default": true }]), json!(["a"]), "b", true),
        // With `to`, an entry is about something else.
        (json!([{ "event": "*", "to": "*" }]), json!([]), "a", false),
        (
            json!(["*"]),
            json!([{ "event": "a", "to": "*" }]),
            "a",
            true,
        ),
        // The default yields to whatever else is listed.
        (json!([{ "default": true }]), json!([]), "a", true),
        (
            json!([{ "default": true }, { "default": true }]),
            json!([]),
            "a",
            true,
        ),
        (json!([{ "default": true }, "b"]), json!([]), "a", false),
        (json!([{ "default": true }, "b"]), json!([]), "b", true),
        (
            json!([{ "default": true }, { "event": "a", "to": "x" }]),
            json!([]),
            "a",
            false,
        ),
        (json!([{ "default": true }, 5]), json!([]), "a", false),
        // What is malformed allows nothing, and denies everything.
        (json!(["a", { "evnt": "b" }]), json!([]), "a", true),
        (json!(["a", { "evnt": "b" }]), json!([]), "b", false),
        (json!(["a"]), json!([{ "evnt": "b" }]), "a", false),
        (json!([{ "default": true }]), json!(["b**"]), "a", false),
    ] {
        let is_allowed = may_broadcast(&scope(&allow, &deny), event);
        assert_eq!(is_allowed, expected, "{event} in {allow} without {deny}");
    }
}
