use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::target::Target;

fn entries(list: &Value) -> Vec<Arc<ScopeEntry>> {
    let list = list.as_array().unwrap().iter();
    list.map(|entry| Arc::new(serde_json::from_value(entry.clone()).unwrap()))
        .collect()
}

fn scope(allow: &Value, deny: &Value) -> Arc<Scope> {
    let scope = Scope::new(
        "event-bus:test",
        Subject::Event,
        &entries(allow),
        &entries(deny),
    );
    Arc::new(scope)
}

fn name(text: &str) -> EventName {
    EventName::parse(text).unwrap()
}

fn places(places: &[(&str, &str)]) -> Vec<WebviewLocation> {
    let places = places.iter();
    places
        .map(|(webview, window)| ((*webview).into(), (*window).into()))
        .collect()
}

/// What comes of sending to a target, where there are "main", "side" in the window of "main", and "editor-1".
fn sending(scope: &Scope, event: &str, target: impl Into<Target>) -> Result<Option<Arc<Labels>>> {
    let places = places(&[("main", "main"), ("side", "main"), ("editor-1", "editor-1")]);
    let selection = target.into().select().unwrap();
    let to = Destination::Selected(&selection, &places);
    scope.check_emitting(&name(event), to, None)
}

fn may_broadcast(scope: &Scope, event: &str) -> bool {
    let checked = scope.check_emitting(&name(event), Destination::Everyone, None);
    assert_eq!(
        checked.is_ok(),
        scope.hears(&name(event)),
        "what may be emitted to everyone may be heard"
    );
    checked.is_ok()
}

fn may_send(scope: &Scope, event: &str, target: impl Into<Target>) -> bool {
    sending(scope, event, target).is_ok()
}

#[test]
fn broadcasts() {
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

#[test]
fn events_to_labels() {
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
fn globs_and_windows_are_the_webviews_that_there_are() {
    let main = scope(&json!([{ "event": "a", "to": "main" }]), &json!([]));
    let both = scope(
        &json!([{ "event": "a", "to": ["main", "side"] }]),
        &json!([]),
    );
    let none = scope(&json!(["a"]), &json!([]));
    assert!(may_send(&main, "a", "m*"));
    assert!(!may_send(&main, "a", "*"), "not all that match are allowed");
    assert!(!may_send(&main, "a", ["main", "side"]));
    assert!(may_send(&both, "a", "[ms]*"));
    assert!(!may_send(&both, "a", "e*"));
    assert!(may_send(&main, "a", "x*"), "a glob may match nothing");
    assert!(
        !may_send(&none, "a", "x*"),
        "where nothing is allowed, that is not either"
    );
    assert!(
        !may_send(&main, "a", Target::window("main")),
        "it has \"side\" in it"
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
fn rust_is_no_label() {
    let labels = scope(&json!([{ "event": "a", "to": "*" }]), &json!([]));
    let host = scope(
        &json!([{ "event": "a", "to": { "kind": "App" } }]),
        &json!([]),
    );
    let mixed = scope(
        &json!([{ "event": "a", "to": ["main", { "kind": "App" }] }]),
        &json!([]),
    );
    let both = || Target::join([Target::host(), Target::webview("main")]);
    for (scope, is_host, is_both) in [
        (&labels, false, false),
        (&host, true, false),
        (&mixed, true, true),
    ] {
        assert_eq!(may_send(scope, "a", Target::host()), is_host, "{scope:?}");
        assert_eq!(may_send(scope, "a", both()), is_both, "{scope:?}");
    }
    let denied = scope(
        &json!([{ "default": true }]),
        &json!([{ "event": "a", "to": { "kind": "App" } }]),
    );
    assert!(!may_send(&denied, "a", Target::host()));
    assert!(may_send(&denied, "a", "main") && may_send(&denied, "b", Target::host()));
}

#[test]
fn what_is_allowed_confines_what_comes_later() {
    let scope = scope(
        &json!([{ "event": "a", "to": ["editor-1", "x"] }]),
        &json!([]),
    );
    let within = sending(&scope, "a", "editor-*").unwrap().unwrap();
    assert!(within.allows("editor-1") && !within.allows("editor-2") && !within.allows("main"));
    let mut selection = Target::from("editor-*").select().unwrap();
    selection.within = Some(within);
    assert!(selection.has_webview("editor-1", "editor-1"));
    assert!(!selection.has_webview("editor-2", "editor-2"));
}

#[test]
fn listening() {
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

#[test]
fn entries_say_which_sources_a_periodic_event_may_have() {
    let scope = scope(
        &json!([
            "free",
            { "event": "load", "sources": ["cpu", "memory"], "minIntervalMs": 1000 },
            { "event": "load", "to": "main", "sources": ["disk"] },
            { "event": "fixed", "sources": [] },
        ]),
        &json!([]),
    );
    let places = places(&[("main", "main")]);
    let main = Target::from("main").select().unwrap();
    let check = |event: &str, is_sent: bool, source: Option<&str>, interval: u64| {
        let to = match is_sent {
            true => Destination::Selected(&main, &places),
            false => Destination::Everyone,
        };
        let ticks = Ticks {
            interval: Duration::from_millis(interval),
            source,
        };
        let checked = scope.check_emitting(&name(event), to, Some(ticks));
        checked.map(drop).map_err(|error| (error.code(), error))
    };
    for (event, is_sent, source) in [
        ("free", false, Some("anything")),
        ("load", false, Some("cpu")),
        ("load", false, Some("memory")),
        ("load", true, Some("disk")),
        ("load", false, None),
        ("fixed", false, None),
    ] {
        assert_eq!(check(event, is_sent, source, 1000), Ok(()), "{event}");
    }
    for (event, is_sent, source) in [
        ("load", false, "disk"),
        ("load", true, "cpu"),
        ("fixed", false, "cpu"),
    ] {
        let (code, error) = check(event, is_sent, Some(source), 1000).unwrap_err();
        assert_eq!(code, ErrorCode::Denied, "{error}");
        let entry = format!(r#"{{"event":"{event}","sources":["{source}"]}}"#);
        assert!(error.message().contains(&entry), "{error}");
    }
    let (code, error) = check("load", false, Some("cpu"), 999).unwrap_err();
    assert_eq!(code, ErrorCode::InvalidInterval, "{error}");
}

#[test]
fn periodic_events_have_a_shortest_interval() {
    let scope = scope(
        &json!([
            { "event": "clock", "minIntervalMs": 1000 },
            { "event": "clock", "to": "main", "minIntervalMs": 100 },
            { "event": "clock", "to": "editor-*", "minIntervalMs": 16.5 },
            "free",
        ]),
        &json!(["secret"]),
    );
    let places = places(&[("main", "main"), ("editor-1", "editor-1")]);
    let check = |event: &str, to: Option<Target>, micros: u64| {
        let selection = to.map(|to| to.select().unwrap());
        let to = match &selection {
            Some(selection) => Destination::Selected(selection, &places),
            None => Destination::Everyone,
        };
        let ticks = Ticks {
            interval: Duration::from_micros(micros),
            source: None,
        };
        let checked = scope.check_emitting(&name(event), to, Some(ticks));
        checked
            .map(drop)
            .map_err(|error| (error.code(), error.to_string()))
    };
    let minimum = |event: &str, to: Option<Target>| {
        let selection = to.map(|to| to.select().unwrap());
        let to = match &selection {
            Some(selection) => Destination::Selected(selection, &places),
            None => Destination::Everyone,
        };
        let minimum = scope.minimum_interval(&name(event), to, None)?;
        Some(minimum.as_micros())
    };
    assert_eq!(minimum("clock", None), Some(1_000_000));
    assert_eq!(minimum("clock", Some("editor-1".into())), Some(16_500));
    assert_eq!(minimum("clock", Some("*".into())), Some(100_000));
    assert_eq!(minimum("free", None), None);
    assert!(check("clock", None, 1_000_000).is_ok());
    assert!(check("free", None, 1000).is_ok());
    assert!(check("clock", Some("main".into()), 100_000).is_ok());
    assert!(check("clock", Some("editor-1".into()), 16_500).is_ok());
    for (to, micros, minimum) in [
        (None, 999_999, "1s"),
        (Some(Target::from("main")), 99_999, "100ms"),
        (Some(Target::from("editor-*")), 16_000, "16.5ms"),
        (Some(Target::from("*")), 50_000, "100ms"),
    ] {
        let (code, message) = check("clock", to, micros).unwrap_err();
        assert_eq!(code, ErrorCode::InvalidInterval, "{message}");
        assert!(message.contains(minimum), "{message}");
    }
    for (event, to) in [
        ("secret", None),
        ("other", None),
        ("free", Some("main".into())),
    ] {
        assert_eq!(
            check(event, to, 1_000_000_000).unwrap_err().0,
            ErrorCode::Denied,
            "{event}"
        );
    }
}

#[test]
fn jobs_of_others_need_an_entry() {
    for (allow, deny, event, expected) in [
        (json!([{ "default": true }]), json!([]), "a", false),
        (json!(["*"]), json!([]), "a", false),
        (
            json!([{ "event": "a*", "owner": "any" }]),
            json!([]),
            "ab",
            true,
        ),
        (
            json!([{ "event": "a*", "owner": "any" }]),
            json!([]),
            "b",
            false,
        ),
        (
            json!([{ "event": "*", "owner": "any" }]),
            json!(["a"]),
            "a",
            false,
        ),
        (
            json!([{ "event": "*", "owner": "any" }]),
            json!([{ "event": "a", "to": "x" }]),
            "a",
            false,
        ),
        (
            json!([{ "event": "*", "owner": "any" }]),
            json!([1]),
            "a",
            false,
        ),
    ] {
        let scope = scope(&allow, &deny);
        assert_eq!(
            scope.reaches_jobs_of_others(&name(event)),
            expected,
            "{event} in {allow} without {deny}"
        );
        assert!(!expected || scope.check_jobs_of_others().is_ok());
        assert_eq!(scope.check_own_jobs().is_ok(), deny != json!([1]));
    }
}

#[test]
fn malformed_entries_are_understood_as_nothing_and_say_why() {
    for (entry, what) in [
        (json!(5), "expected an event name"),
        (json!(null), "expected an event name"),
        (json!(["a"]), "expected an event name"),
        (json!({}), "neither an `event` nor a `request`"),
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
        for list in [List::Allow, List::Deny] {
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
        assert_eq!(read.fault(List::Allow, Subject::Event), None);
        assert!(
            read.fault(List::Deny, Subject::Event)
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
        for list in [List::Allow, List::Deny] {
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
            .fault(List::Allow, Subject::Request)
            .unwrap_or_default();
        assert!(fault.contains(what), "{entry}: {fault}");
    }
}

#[test]
fn an_entry_of_another_subject_opens_nothing() {
    let places = places(&[("main", "main")]);
    let selection = Target::from("main").select().unwrap();
    let is_allowed = |allow: Value, deny: Value| {
        let scope = Scope::new(
            "event-bus:test",
            Subject::Request,
            &entries(&allow),
            &entries(&deny),
        );
        scope.check_request(&name("a"), &selection, &places).is_ok()
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

#[test]
fn refusals_quote_every_malformed_entry() {
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
fn refusals_say_what_would_allow_it() {
    let check = |allow: Value, deny: Value, target: Option<&str>, parts: &[&str]| {
        let scope = scope(&allow, &deny);
        let error = match target {
            Some(target) => sending(&scope, "a", target).unwrap_err(),
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
    check(
        json!([{ "event": "a", "to": "main" }]),
        json!([]),
        None,
        &["one with `to` is about sending to those windows alone"],
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

fn any_entry() -> impl Strategy<Value = Value> {
    let event = prop::sample::select(vec!["a", "ab", "a*", "*", "b?", "b**"]);
    let to = prop::sample::select(vec![
        json!("x"),
        json!("y"),
        json!("*"),
        json!(["x", { "kind": "App" }]),
    ]);
    prop_oneof![
        4 => event.clone().prop_map(|event| json!(event)),
        4 => (event, to).prop_map(|(event, to)| json!({ "event": event, "to": to })),
        1 => Just(json!({ "default": true })),
        1 => Just(json!({ "evnt": 1 })),
    ]
}

/// What a scope lets through, as bits.
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
        // So that the default, if it is what comes, has something to yield to.
        allow.push(json!("nothing"));
        let before = access(&allow, &deny);
        allow.push(more);
        let after = access(&allow, &deny);
        prop_assert!(before.iter().zip(&after).all(|(before, after)| before <= after));
    }
}
