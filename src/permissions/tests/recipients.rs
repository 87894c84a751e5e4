use serde_json::{Value, json};

use super::{check_sending, entries, locations, may_send, name, scope, select};
use crate::model::core_target::CoreTarget;
use crate::model::selection::Selection;
use crate::model::target::Target;
use crate::permissions::{Destination, Scope, Subject};

#[test]
fn entries_allow_and_deny() {
    let to = |labels: Value| json!([{ "event": "a*", "to": labels }]);
    for (allow, deny, event, label, expected) in [
        (to(json!("main")), json!([]), "ab", "main", true),
        (to(json!("main")), json!([]), "b", "main", false),
        (to(json!("main")), json!([]), "a", "side", false),
        (to(json!(["main", "side"])), json!([]), "a", "side", true),
        (to(json!("editor-*")), json!([]), "a", "editor-7", true),
        (to(json!("*")), json!([]), "a", "nobody", true),
        (json!(["a"]), json!([]), "a", "main", false),
        (json!([]), json!([]), "a", "main", false),
        (json!([{ "default": true }]), json!([]), "a", "main", true),
        (
            json!([{ "default": true }, "a"]),
            json!([]),
            "a",
            "main",
            false,
        ),
        // A deny entry without `to` denies the event altogether.
        (to(json!("*")), json!(["a"]), "a", "main", false),
        (to(json!("*")), json!(["a"]), "ab", "main", true),
        (
            to(json!("*")),
            json!([{ "event": "*", "to": "m*" }]),
            "a",
            "main",
            false,
        ),
        (
            to(json!("*")),
            json!([{ "event": "*", "to": "m*" }]),
            "a",
            "side",
            true,
        ),
        (
            json!([{ "default": true }]),
            json!([{ "event": "a", "to": "main" }]),
            "a",
            "main",
            false,
        ),
        (
            json!([{ "default": true }]),
            json!([{ "event": "a", "to": "main" }]),
            "a",
            "side",
            true,
        ),
        (
            to(json!("main")),
            json!([{ "event": "x", "to": [] }]),
            "a",
            "main",
            false,
        ),
    ] {
        let is_allowed = may_send(&scope(&allow, &deny), event, label);
        assert_eq!(
            is_allowed, expected,
            "{event} to {label} in {allow} without {deny}"
        );
    }
}

#[test]
fn globs_and_windows_select_existing_webviews() {
    let main = scope(&json!([{ "event": "a", "to": "main" }]), &json!([]));
    let both = scope(
        &json!([{ "event": "a", "to": ["main", "side"] }]),
        &json!([]),
    );
    let none = scope(&json!(["a"]), &json!([]));
    assert!(may_send(&main, "a", "m*"));
    assert!(!may_send(&main, "a", "*"), "every match must be allowed");
    assert!(!may_send(&main, "a", ["main", "side"]));
    assert!(may_send(&both, "a", "[ms]*"));
    assert!(!may_send(&both, "a", "e*"));
    assert!(may_send(&main, "a", "mai?"), "it selects only \"main\"");
    assert!(
        !may_send(&none, "a", "x*"),
        "a glob needs an entry with `to`"
    );
    assert!(
        !may_send(&main, "a", Target::window("main")),
        "\"side\" is in the window"
    );
    assert!(may_send(&both, "a", Target::window("main")));
    assert!(!may_send(&both, "a", Target::window("gone")));
    assert!(may_send(
        &scope(&json!([{ "event": "a", "to": "gone" }]), &json!([])),
        "a",
        Target::window("gone")
    ));
}

#[test]
fn a_glob_is_judged_by_what_could_be_allowed() {
    let to = |labels: Value| json!([{ "event": "a", "to": labels }]);
    let none = json!([]);
    // No webview is there that matches.
    for (allow, deny, target, expected) in [
        (to(json!("main")), none.clone(), "settings-*", false),
        (to(json!("main")), none.clone(), "nobody", false),
        (to(json!("settings-*")), none.clone(), "settings-*", true),
        (to(json!("settings-*")), none.clone(), "settings-1*", true),
        (to(json!("settings-1")), none.clone(), "settings-*", true),
        (to(json!("*-left")), none.clone(), "settings-*", true),
        (to(json!("*-left")), none.clone(), "settings-*-right", false),
        (to(json!({ "kind": "host" })), none.clone(), "x*", false),
        (to(json!("*")), none.clone(), "x*", true),
        (json!([{ "default": true }]), none.clone(), "x*", true),
        (to(json!("*")), to(json!("x*")), "x*", false),
        (to(json!("x1")), to(json!("x?")), "x*", false),
        (to(json!("*")), to(json!("*")), "x*", false),
        (to(json!("*")), json!(["a"]), "x*", false),
    ] {
        let scope = scope(&allow, &deny);
        let what = format!("{target} in {allow} without {deny}");
        assert_eq!(may_send(&scope, "a", target), expected, "{what}");
        let window = Target::window(target);
        assert_eq!(may_send(&scope, "a", window), expected, "a window: {what}");
    }
}

#[test]
fn the_host_is_not_a_label() {
    let labels = scope(&json!([{ "event": "a", "to": "*" }]), &json!([]));
    let both = || Target::join([Target::host(), Target::webview("main")]);
    // Tauri spells the host `App`.
    for kind in ["host", "App"] {
        let to_host = json!([{ "event": "a", "to": { "kind": kind } }]);
        let to_both = json!([{ "event": "a", "to": ["main", { "kind": kind }] }]);
        let host = scope(&to_host, &json!([]));
        let mixed = scope(&to_both, &json!([]));
        for (scope, is_host, is_both) in [
            (&labels, false, false),
            (&host, true, false),
            (&mixed, true, true),
        ] {
            assert_eq!(may_send(scope, "a", Target::host()), is_host, "{scope:?}");
            assert_eq!(may_send(scope, "a", both()), is_both, "{scope:?}");
        }
        let denied = scope(&json!([{ "default": true }]), &to_host);
        assert!(!may_send(&denied, "a", Target::host()));
        assert!(may_send(&denied, "a", "main") && may_send(&denied, "b", Target::host()));
    }
}

#[test]
fn later_deliveries_stay_within_the_labels() {
    let scope = scope(
        &json!([{ "event": "a", "to": ["editor-1", "x"] }]),
        &json!([]),
    );
    let within = check_sending(&scope, "a", "editor-*").unwrap().unwrap();
    assert!(within.allows("editor-1") && !within.allows("editor-2") && !within.allows("main"));
    let mut selection = select("editor-*");
    selection.within = Some(within);
    assert!(selection.has_webview("editor-1", "editor-1"));
    assert!(!selection.has_webview("editor-2", "editor-2"));
}

/// A label that no webview can have selects nothing, and listeners to everything in Tauri's sense receive it all the same.
#[test]
fn a_target_of_nobody_is_judged_by_its_label() {
    let locations = locations(&[("main", "main")]);
    let check = |allow: serde_json::Value, deny: serde_json::Value, target: CoreTarget| {
        let selection = Selection::of_core(target);
        let to = Destination::Selected(&selection, &locations);
        let scope = scope(&allow, &deny);
        scope.check_emitting(&name("admin:wipe"), to, None).is_ok()
    };
    let long = "x".repeat(256);
    for label in ["*", "", "a[", &long] {
        for target in [
            CoreTarget::AnyLabel(label.into()),
            CoreTarget::Window(label.into()),
            CoreTarget::WebviewWindow(label.into()),
        ] {
            let main = json!([{ "event": "cart:*", "to": "main" }]);
            assert!(!check(main, json!([]), target.clone()), "{target:?}");
            let all = json!([{ "event": "admin:*", "to": "*" }]);
            assert!(check(all.clone(), json!([]), target.clone()), "{target:?}");
            assert!(!check(all.clone(), json!(["admin:wipe"]), target.clone()));
            assert!(!check(all, json!([{ "event": 5 }]), target));
        }
    }
}

#[test]
fn an_own_node_is_the_host_of_a_request() {
    let node = |own: &str| Target::node(own);
    let (own, is_named) = select([node("here"), node("there")]).without_node("here");
    assert!(is_named && own.nodes.len() == 1);
    let (mut own, is_named) = select(node("here")).without_node("here");
    assert!(is_named && own.nodes.is_empty());
    own.host = true;
    let scope = Scope::new(
        "event-bus:test",
        Subject::Request,
        &entries(&json!([{ "request": "stock:*", "link": true }])),
        &entries(&json!([])),
    );
    assert!(scope.check_request(&name("stock:set"), &own, &[]).is_err());
    let other = select(node("there"));
    assert!(scope.check_request(&name("stock:set"), &other, &[]).is_ok());
}
