use serde_json::json;

use super::scope;
use crate::model::pattern::EventPattern;

#[test]
fn patterns_are_allowed_checked_later_or_denied() {
    for (allow, deny, pattern, expected) in [
        (json!(["cart:*"]), json!([]), "cart:a", Ok(false)),
        (json!(["cart:*"]), json!([]), "order", Err(())),
        (json!(["cart:*"]), json!([]), "*", Ok(true)),
        (json!(["cart:*"]), json!([]), "order:*", Err(())),
        (json!(["cart:*", "order:a"]), json!([]), "order:*", Ok(true)),
        (json!(["cart:*"]), json!([]), "*:a", Ok(true)),
        (json!(["*"]), json!(["x"]), "x", Err(())),
        (json!(["*"]), json!(["x"]), "y", Ok(false)),
        (json!([]), json!([]), "*", Err(())),
        (
            json!([{ "event": "a", "to": "main" }]),
            json!([]),
            "a",
            Err(()),
        ),
        (
            json!([{ "event": "a", "to": "main" }]),
            json!([]),
            "*",
            Err(()),
        ),
        (json!([7]), json!([]), "*", Err(())),
        (json!([{ "default": true }]), json!([]), "*", Ok(false)),
        (json!([{ "default": true }]), json!(["x"]), "*", Ok(true)),
        (json!([{ "default": true }]), json!([7]), "*", Err(())),
    ] {
        let scope = scope(&allow, &deny);
        let pattern = EventPattern::parse(pattern).unwrap();
        let is_checked_later = scope.check_listening(&pattern).map(|kept| kept.is_some());
        assert_eq!(
            is_checked_later.map_err(drop),
            expected,
            "{pattern} in {allow} without {deny}"
        );
    }
}
