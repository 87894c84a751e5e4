use serde_json::{Value, json};

use super::{entries, locations, name, scope, select};
use crate::permissions::{ListKind, Scope, ScopeEntry, Subject};

#[test]
fn malformed_entries_state_their_fault() {
    for (entry, what) in [
        (json!(5), "expected an event name"),
        (json!(null), "expected an event name"),
        (json!(["a"]), "expected an event name"),
        (
            json!({}),
            "no `event`, `request`, `task`, `page` or `presence`",
        ),
        (json!({ "event": "a", "task": "b" }), "write two entries"),
        (
            json!({ "task": "a", "to": "main" }),
            "a task belongs to the app",
        ),
        (
            json!({ "task": "a", "owner": "any" }),
            "`owner` is about jobs",
        ),
        (json!({ "evnt": "a" }), "unknown field `evnt`"),
        (json!({ "event": "a", "to": [] }), "empty list"),
        (json!({ "event": "a", "to": null }), "`to` is null"),
        (json!({ "event": "a", "to": 5 }), "`to` is a label"),
        (
            json!({ "event": "a", "to": { "kind": "Window", "label": "x" } }),
            "`to` is a label",
        ),
        (json!({ "event": "a", "to": "x**" }), "`**`"),
        (json!({ "event": "a", "to": "" }), "empty label"),
        (
            json!({ "event": "a", "minIntervalMs": 0 }),
            "`minIntervalMs`",
        ),
        (
            json!({ "event": "a", "minIntervalMs": "1" }),
            "invalid type",
        ),
        (
            json!({ "event": "a", "owner": "all" }),
            "unknown variant `all`",
        ),
        (json!({ "event": "a", "default": true }), "`default`"),
        (json!({ "default": false }), "`default`"),
        (json!("a**"), "`**`"),
        (json!("a b"), "character ' '"),
        (json!(""), "empty"),
        (json!("tauri://*"), "reserved"),
    ] {
        let read = ScopeEntry::read(&entry);
        for list in [ListKind::Allow, ListKind::Deny] {
            let fault = read.fault(list, Subject::Event).unwrap_or_default();
            assert!(fault.contains(what), "{entry}: {fault}");
        }
        assert_eq!(read.text(), entry.to_string());
    }
    for (entry, what) in [
        (json!({ "default": true }), "`default`"),
        (
            json!({ "event": "a", "minIntervalMs": 5 }),
            "`minIntervalMs`",
        ),
        (json!({ "event": "a", "owner": "any" }), "`owner`"),
        (json!({ "event": "a", "sources": [] }), "`sources`"),
    ] {
        let read = ScopeEntry::read(&entry);
        assert_eq!(read.fault(ListKind::Allow, Subject::Event), None);
        assert!(
            read.fault(ListKind::Deny, Subject::Event)
                .is_some_and(|fault| fault.contains(what)),
            "{entry}"
        );
    }
}

#[test]
fn entries_of_another_subject_are_faults() {
    let event = json!({ "event": "a", "to": "main" });
    let request = json!({ "request": "a", "to": "main" });
    for (entry, subject, what) in [
        (&event, Subject::Request, "about requests"),
        (&json!("a"), Subject::Request, "about requests"),
        (&request, Subject::Event, "about events"),
    ] {
        let read = ScopeEntry::read(entry);
        for list in [ListKind::Allow, ListKind::Deny] {
            let fault = read.fault(list, subject).unwrap_or_default();
            assert!(fault.contains(what), "{entry}: {fault}");
        }
    }
    for (entry, what) in [
        (json!({ "event": "a", "request": "a" }), "both"),
        (json!({ "request": "a", "minIntervalMs": 5 }), "about jobs"),
        (json!({ "request": "a", "owner": "any" }), "about jobs"),
        (json!({ "request": "a", "sources": [] }), "about jobs"),
    ] {
        let read = ScopeEntry::read(&entry);
        let fault = read
            .fault(ListKind::Allow, Subject::Request)
            .unwrap_or_default();
        assert!(fault.contains(what), "{entry}: {fault}");
    }
}

#[test]
fn an_entry_of_another_subject_opens_nothing() {
    let locations = locations(&[("main", "main")]);
    let selection = select("main");
    let is_allowed = |allow: Value, deny: Value| {
        let scope = Scope::new(
            "event-bus:test",
            Subject::Request,
            &entries(&allow),
            &entries(&deny),
        );
        scope
            .check_request(&name("a"), &selection, &locations)
            .is_ok()
    };
    let default = json!({ "default": true });
    assert!(is_allowed(json!([default]), json!([])));
    assert!(!is_allowed(
        json!([default, { "event": "a", "to": "main" }]),
        json!([])
    ));
    assert!(!is_allowed(json!([default]), json!(["b"])));
    assert!(!is_allowed(json!([default]), json!([{ "request": "a" }])));
    assert!(is_allowed(json!([default]), json!([{ "request": "b" }])));
    assert!(is_allowed(
        json!([{ "request": "*", "to": "main" }]),
        json!([])
    ));
}

#[test]
fn faults_are_reported_once() {
    let scope = scope(&json!(["a", 5]), &json!([{ "evnt": 1 }]));
    let reported: Vec<String> = scope.unreported_faults().collect();
    assert_eq!(reported.len(), 2, "{reported:?}");
    assert!(reported[0].contains('5') && reported[0].contains("event-bus:test"));
    assert_eq!(scope.unreported_faults().count(), 0);
}
