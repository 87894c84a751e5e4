use std::time::Duration;

use serde_json::json;

use super::{locations, name, scope, select};
use crate::model::error::ErrorCode;
use crate::model::target::Target;
use crate::permissions::{Destination, PlannedJob};

#[test]
fn an_entry_lists_the_sources_of_a_job() {
    let scope = scope(
        &json!([
            "free",
            { "event": "load", "sources": ["cpu", "memory"], "minIntervalMs": 1000 },
            { "event": "load", "to": "main", "sources": ["disk"] },
            { "event": "fixed", "sources": [] },
        ]),
        &json!([]),
    );
    let locations = locations(&[("main", "main")]);
    let main = select("main");
    let check = |event: &str, is_sent: bool, source: Option<&str>, interval: u64| {
        let to = match is_sent {
            true => Destination::Selected(&main, &locations),
            false => Destination::Everyone,
        };
        let job = PlannedJob {
            interval: Duration::from_millis(interval),
            source,
        };
        let checked = scope.check_emitting(&name(event), to, Some(job));
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
fn an_entry_sets_the_shortest_interval() {
    let scope = scope(
        &json!([
            { "event": "clock", "minIntervalMs": 1000 },
            { "event": "clock", "to": "main", "minIntervalMs": 100 },
            { "event": "clock", "to": "editor-*", "minIntervalMs": 16.5 },
            "free",
        ]),
        &json!(["secret"]),
    );
    let locations = locations(&[("main", "main"), ("editor-1", "editor-1")]);
    let check = |event: &str, to: Option<Target>, micros: u64| {
        let selection = to.map(select);
        let to = match &selection {
            Some(selection) => Destination::Selected(selection, &locations),
            None => Destination::Everyone,
        };
        let job = PlannedJob {
            interval: Duration::from_micros(micros),
            source: None,
        };
        let checked = scope.check_emitting(&name(event), to, Some(job));
        checked
            .map(drop)
            .map_err(|error| (error.code(), error.to_string()))
    };
    let pace = scope.pace(&name("clock"), None).unwrap();
    assert_eq!(pace.for_everyone(), Duration::from_secs(1));
    assert_eq!(pace.for_webview("main"), Duration::from_millis(100));
    assert_eq!(pace.for_webview("editor-7"), Duration::from_micros(16_500));
    assert!(scope.pace(&name("free"), None).is_none());
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
fn each_receiver_has_the_pace_of_its_entries() {
    let scope = scope(
        &json!([
            { "event": "clock", "to": "main" },
            { "event": "clock", "to": ["slow-*", { "kind": "host" }], "minIntervalMs": 1000 },
            { "event": "clock", "to": "slow-main", "minIntervalMs": 10 },
            { "event": "clock", "to": "slow-cpu", "sources": ["cpu"] },
        ]),
        &json!([]),
    );
    // No window is there yet, and the entry for "main" does not matter to those that are slow.
    let slow = select("slow-*");
    let check = |millis| {
        let job = PlannedJob {
            interval: Duration::from_millis(millis),
            source: Some("disk"),
        };
        let to = Destination::Selected(&slow, &[]);
        scope.check_emitting(&name("clock"), to, Some(job))
    };
    assert!(check(1000).is_ok() && check(10).is_ok());
    assert_eq!(check(9).unwrap_err().code(), ErrorCode::InvalidInterval);
    let pace = |source| scope.pace(&name("clock"), source).unwrap();
    for (label, source, millis) in [
        ("main", None, 0),
        ("slow-1", None, 1000),
        ("slow-main", None, 10),
        ("slow-cpu", Some("cpu"), 0),
        ("slow-cpu", Some("disk"), 1000),
        ("slow-cpu", None, 0),
    ] {
        let interval = pace(source).for_webview(label);
        assert_eq!(
            interval,
            Duration::from_millis(millis),
            "{label} {source:?}"
        );
    }
    assert_eq!(pace(None).for_host(), Duration::from_secs(1));
    assert!(scope.pace(&name("other"), None).is_none());
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
            scope.allows_jobs_of_others(&name(event)),
            expected,
            "{event} in {allow} without {deny}"
        );
        assert!(!expected || scope.check_jobs_of_others().is_ok());
        assert_eq!(scope.check_own_jobs().is_ok(), deny != json!([1]));
    }
}

#[test]
fn jobs_for_other_nodes_keep_their_conditions() {
    let scope = scope(
        &json!([{ "event": "stat", "link": true, "sources": ["cpu"], "minIntervalMs": 1000 }]),
        &json!([]),
    );
    let node = select(Target::node("there"));
    let check = |millis, source| {
        let interval = Duration::from_millis(millis);
        let job = PlannedJob { interval, source };
        let to = Destination::Selected(&node, &[]);
        let checked = scope.check_emitting(&name("stat"), to, Some(job));
        assert_eq!(checked.is_ok(), scope.allows_link(&name("stat"), Some(job)));
        checked.map_err(|error| error.code()).map(drop)
    };
    assert_eq!(check(1000, Some("cpu")), Ok(()));
    assert_eq!(check(1000, None), Ok(()));
    assert_eq!(check(1000, Some("secrets")), Err(ErrorCode::Denied));
    assert_eq!(check(1, Some("cpu")), Err(ErrorCode::InvalidInterval));
}

#[test]
fn nodes_have_the_pace_of_entries_for_them() {
    let scope = scope(
        &json!(["stat", { "event": "stat", "link": true, "minIntervalMs": 1000 }]),
        &json!([]),
    );
    let pace = scope.pace(&name("stat"), None).unwrap();
    assert_eq!(pace.for_everyone(), Duration::ZERO);
    assert_eq!(pace.for_nodes(), Duration::from_secs(1));
}
