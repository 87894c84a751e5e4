use proptest::prelude::*;
use serde_json::{Value, json};

use super::{may_broadcast, may_send, scope};
use crate::model::target::Target;

fn any_entry() -> impl Strategy<Value = Value> {
    let event = prop::sample::select(vec!["a", "ab", "a*", "*", "b?", "b**"]);
    let to = prop::sample::select(vec![
        json!("x"),
        json!("y"),
        json!("*"),
        json!(["x", { "kind": "host" }]),
        json!({ "kind": "App" }),
    ]);
    prop_oneof![
        4 => event.clone().prop_map(|event| json!(event)),
        4 => (event, to).prop_map(|(event, to)| json!({ "event": event, "to": to })),
        1 => Just(json!({ "default": true })),
        1 => Just(json!({ "evnt": 1 })),
    ]
}

/// Whether a scope allows each of several actions.
fn access(allow: &[Value], deny: &[Value]) -> Vec<bool> {
    let scope = scope(&json!(allow), &json!(deny));
    let mut access = Vec::new();
    for event in ["a", "ab", "b", "bc"] {
        access.push(may_broadcast(&scope, event));
        access.extend(["x", "y", "z"].map(|label| may_send(&scope, event, label)));
        access.push(may_send(&scope, event, Target::host()));
    }
    access
}

proptest! {
    #[test]
    fn an_entry_more_to_deny_never_allows_more(
        allow in prop::collection::vec(any_entry(), 0..4),
        mut deny in prop::collection::vec(any_entry(), 0..3),
        more in any_entry(),
    ) {
        let before = access(&allow, &deny);
        deny.push(more);
        let after = access(&allow, &deny);
        prop_assert!(before.iter().zip(&after).all(|(before, after)| before >= after));
    }

    #[test]
    fn without_a_default_an_entry_more_never_allows_less(
        allow in prop::collection::vec(any_entry(), 0..4),
        deny in prop::collection::vec(any_entry(), 0..3),
        more in any_entry(),
    ) {
        let mut allow: Vec<Value> = allow.into_iter().filter(|entry| entry.get("default").is_none()).collect();
        // If the new entry is the default, it must have an entry to yield to.
        allow.push(json!("nothing"));
        let before = access(&allow, &deny);
        allow.push(more);
        let after = access(&allow, &deny);
        prop_assert!(before.iter().zip(&after).all(|(before, after)| before <= after));
    }
}
