//! What permission sets and the capability files of the guide resolve to, and the check of capability files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tauri::utils::acl::ExecutionContext;
use tauri::utils::acl::capability::Capability;
use tauri::utils::acl::manifest::Manifest;
use tauri::utils::acl::resolved::{Resolved, ResolvedScope};
use tauri::utils::platform::Target;
use tauri_plugin_event_bus::capabilities::{check_capabilities, check_capabilities_in};

const SNAPSHOT: &str = "tests/plugin/access.txt";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The manifests of the fixture's plugins, as Tauri's build script reads them.
fn manifests() -> BTreeMap<String, Manifest> {
    serde_json::from_str(&read("tests/fixture/gen/schemas/acl-manifests.json")).unwrap()
}

fn scope_text(scope: Option<&ResolvedScope>) -> String {
    let list = |name: &str, entries: &[tauri::utils::acl::Value]| {
        let entries = entries.iter().cloned().map(Value::from);
        let entries: Vec<String> = entries.map(|entry| entry.to_string()).collect();
        if entries.is_empty() {
            String::new()
        } else {
            format!("  {name} {}", entries.join(" "))
        }
    };
    scope.map_or_else(String::new, |scope| {
        list("allow", &scope.allow) + &list("deny", &scope.deny)
    })
}

/// Each command that a capability allows or denies, with its place and scope.
fn access_of(capability: Value) -> String {
    let capability: Capability = serde_json::from_value(capability).unwrap();
    let capabilities = [(capability.identifier.clone(), capability)].into();
    let resolved = Resolved::resolve(&manifests(), capabilities, Target::current()).unwrap();
    let mut text = String::new();
    let lists = [
        ("", &resolved.allowed_commands),
        ("denied: ", &resolved.denied_commands),
    ];
    for (prefix, commands) in lists {
        for (command, entries) in commands {
            for entry in entries {
                let command = command.trim_start_matches("plugin:event-bus|");
                let place = match &entry.context {
                    ExecutionContext::Local => String::new(),
                    ExecutionContext::Remote { url } => format!("  at {}", url.as_str()),
                };
                let scope = entry
                    .scope_id
                    .and_then(|id| resolved.command_scope.get(&id));
                let line = format!("{prefix}{command}{place}{}", scope_text(scope));
                writeln!(text, "    {line}").unwrap();
            }
        }
    }
    text
}

fn guide_files() -> Vec<PathBuf> {
    let folder = root().join("tests/fixture/capabilities/guide");
    let files = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_each_set_grants_matches_the_snapshot() {
    let mut text = "What the sets of the plugin and the capability files of the guide resolve to.\n\
                    Written anew by `cargo xtask codegen`; a change here is a change of what pages may do.\n"
        .to_owned();
    let sets = &manifests()["event-bus"].permission_sets;
    let sets = std::iter::once("default").chain(sets.keys().map(String::as_str));
    for set in sets {
        let permission = format!("event-bus:{set}");
        let capability =
            json!({ "identifier": "x", "windows": ["x"], "permissions": [permission] });
        write!(text, "\n{permission}\n{}", access_of(capability)).unwrap();
    }
    for path in guide_files() {
        let capability: Value = serde_json::from_str(&read(&path)).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        write!(text, "\nguide/{name}, windows {}\n", capability["windows"]).unwrap();
        text += &access_of(capability);
    }
    if std::env::var_os("WRITE_SNAPSHOTS").is_some() {
        fs::write(root().join(SNAPSHOT), &text).unwrap();
    }
    assert_eq!(
        text,
        read(SNAPSHOT),
        "if that is what you want, run `cargo xtask codegen` and commit {SNAPSHOT}"
    );
}

#[test]
fn permissions_with_a_default_are_part_of_a_set() {
    let manifest = &manifests()["event-bus"];
    for (name, permission) in &manifest.permissions {
        let is_default = permission.scope.allow.is_some();
        assert_eq!(
            is_default,
            !name.starts_with("allow-") && !name.starts_with("deny-"),
            "{name}"
        );
        if is_default {
            let mut sets = manifest.permission_sets.values();
            assert!(sets.any(|set| set.permissions.contains(name)), "{name}");
        }
    }
}

#[test]
fn editors_complete_the_entries_of_a_scope() {
    let schema = manifests()["event-bus"]
        .global_scope_schema
        .clone()
        .unwrap();
    let rule = &schema["definitions"]["ScopeRule"];
    let keys: Vec<&String> = rule["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "event",
            "link",
            "minIntervalMs",
            "owner",
            "page",
            "presence",
            "request",
            "sources",
            "task",
            "to"
        ]
    );
    assert_eq!(rule["required"], Value::Null);
    assert_eq!(schema["anyOf"][0]["type"], "string");
    // The default of the sets is not for capability files.
    assert!(!schema.to_string().contains("\"default\""));
    let platform: Value =
        serde_json::from_str(&read("tests/fixture/gen/schemas/desktop-schema.json")).unwrap();
    assert_eq!(&platform["definitions"]["ScopeRule"], rule);
}

#[test]
fn the_capability_files_of_this_repository_pass() {
    for folder in [
        "examples/leptos/src-tauri",
        "examples/playground/src-tauri",
        "examples/shop/src-tauri",
        "e2e",
        "benches/webview",
        "tests/packaging/app/src-tauri",
    ] {
        check_capabilities_in(root().join(folder)).unwrap();
    }
}

#[test]
fn a_fault_names_its_file_and_its_entry() {
    let folder = root().join("tests/fixture");
    let faults = check_capabilities_in(&folder).unwrap_err();
    let file = folder.join("capabilities/scopes.json");
    let bare = faults
        .iter()
        .filter(|fault| fault.capability.as_deref() == Some("nameless"));
    let bare: Vec<String> = bare.map(ToString::to_string).collect();
    for (line, (permission, set)) in bare.iter().zip([
        ("event-bus:allow-emit,", "event-bus:emit for all"),
        ("event-bus:allow-emit-to,", "event-bus:emit for all"),
        ("event-bus:allow-subscribe,", "event-bus:listen for all"),
        ("event-bus:allow-start-job,", "event-bus:jobs for all"),
    ]) {
        assert!(line.contains(permission) && line.contains(set), "{line}");
        assert!(line.contains("it allows nothing"), "{line}");
    }
    assert_eq!(bare.len(), 4, "{bare:#?}");
    let expected = [
        (
            "event-bus:listen",
            r#"allow {"evnt":"order:*"}"#,
            "unknown field `evnt`",
        ),
        (
            "event-bus:allow-emit",
            r#"deny {"event":5}"#,
            "expected a string",
        ),
        (
            "event-bus:allow-emit-to",
            r#"allow {"event":"a**","to":"main"}"#,
            "`**`",
        ),
        ("event-bus:jobs", r#"deny "a b""#, "character ' '"),
    ];
    let idle = faults.iter().nth(bare.len()).unwrap();
    assert_eq!(idle.capability.as_deref(), Some("caller"));
    assert!(idle.problem.contains("say with `to` which"), "{idle}");
    let malformed: Vec<_> = faults.iter().skip(bare.len() + 1).collect();
    assert_eq!(malformed.len(), expected.len(), "{faults}");
    for (fault, (permission, entry, problem)) in malformed.into_iter().zip(expected) {
        assert_eq!(fault.file, file);
        assert_eq!(fault.capability.as_deref(), Some("malformed"));
        assert_eq!(fault.permission.as_deref(), Some(permission));
        assert_eq!(fault.entry.as_deref(), Some(entry));
        assert!(fault.problem.contains(problem), "{fault}");
    }
    let text = faults.to_string();
    let first = text.lines().nth(bare.len() + 1).unwrap();
    for part in ["scopes.json", "\"malformed\"", "event-bus:listen", "evnt"] {
        assert!(first.contains(part), "{first}");
    }
    assert_eq!(format!("{faults:?}"), faults.to_string());
}

#[test]
fn the_package_under_test_is_the_default_folder() {
    // This package is not an app, which is an error.
    let faults = check_capabilities().unwrap_err();
    let fault = faults.iter().next().unwrap();
    assert_eq!(fault.file, root());
    assert!(
        fault.problem.contains("there are no capabilities"),
        "{fault}"
    );
}

/// A folder with files, which is removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("event-bus-{name}-{}", std::process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn check(name: &str, files: &[(&str, &str)], expected: &[&[&str]]) {
    let folder = Folder::new(name, files);
    let faults = check_capabilities_in(&folder.0).err();
    let lines: Vec<String> = faults
        .iter()
        .flat_map(|faults| faults.iter().map(ToString::to_string))
        .collect();
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, parts) in lines.iter().zip(expected) {
        for part in *parts {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

#[test]
fn capabilities_are_checked_in_every_location() {
    check(
        "toml",
        &[(
            "capabilities/sub/main.toml",
            "identifier = \"main\"\nwindows = [\"main\"]\npermissions = [{ identifier = \"event-bus:listen\", allow = [{ event = \"a\", minIntervalMs = 0.5 }] }]",
        )],
        &[&["main.toml", "minIntervalMs", "0.5"]],
    );
    check(
        "config",
        &[(
            "tauri.conf.json",
            r#"{ "app": { "security": { "capabilities": ["other", { "identifier": "inline", "windows": ["x"],
                "permissions": [{ "identifier": "event-bus:emit", "deny": [true] }] }] } } }"#,
        )],
        &[&["tauri.conf.json", "\"inline\"", "deny true"]],
    );
    check(
        "unreadable",
        &[("capabilities/a.json", "{")],
        &[&["a.json"]],
    );
    check(
        "none",
        &[("Cargo.toml", "")],
        &[&["there are no capabilities"]],
    );
    check(
        "foreign",
        &[
            (
                "capabilities/a.json",
                r#"{ "identifier": "a", "windows": ["x"], "permissions": ["core:default", { "identifier": "fs:scope", "allow": [5] }] }"#,
            ),
            ("capabilities/schemas/b.json", "{"),
            ("capabilities/README", "x"),
        ],
        &[],
    );
}

#[test]
fn entries_without_effect_are_faults() {
    let permission = |permission: &str| {
        format!(r#"{{ "identifier": "a", "windows": ["x"], "permissions": [{permission}] }}"#)
    };
    for (name, line, part) in [
        (
            "listen",
            r#"{ "identifier": "event-bus:listen", "allow": [{ "event": "a", "to": "main" }] }"#,
            "to listen",
        ),
        (
            "emit",
            r#"{ "identifier": "event-bus:allow-emit", "allow": [{ "event": "a", "to": "main" }] }"#,
            "event-bus:allow-emit-to",
        ),
        (
            "emit-to",
            r#"{ "identifier": "event-bus:allow-emit-to", "allow": ["a"] }"#,
            "say with `to` which",
        ),
        (
            "clear-to",
            r#"{ "identifier": "event-bus:allow-clear-retained", "allow": ["a", { "event": "a", "to": "main" }] }"#,
            "events to everyone",
        ),
        (
            "clear-bare",
            r#""event-bus:default", "event-bus:allow-clear-retained""#,
            "\"*\" for all of them",
        ),
        (
            "deny",
            r#"{ "identifier": "event-bus:deny-emit", "allow": ["a"] }"#,
            "in every window",
        ),
        (
            "empty",
            r#"{ "identifier": "event-bus:default", "allow": [] }"#,
            "takes nothing away",
        ),
    ] {
        check(
            name,
            &[("capabilities/a.json", &permission(line))],
            &[&[part]],
        );
    }
    for (name, line, parts) in [
        (
            "misspelt",
            r#"{ "identifier": "event-bus:listen", "alow": ["a"], "denny": ["b"] }"#,
            ["`alow`", "`denny`"],
        ),
        (
            "bare",
            r#""event-bus:allow-emit", { "identifier": "event-bus:allow-subscribe", "deny": ["a"] }"#,
            [
                "event-bus:allow-emit, it allows nothing",
                "event-bus:allow-subscribe, it allows nothing",
            ],
        ),
    ] {
        let text = permission(line);
        let expected = [&parts[..1], &parts[1..]];
        check(name, &[("capabilities/a.json", &text)], &expected);
        let listed = format!(r#"{{ "capabilities": [{text}] }}"#);
        check(name, &[("capabilities/a.json", &listed)], &expected);
        let config = format!(r#"{{ "app": {{ "security": {{ "capabilities": [{text}] }} }} }}"#);
        check(name, &[("tauri.conf.json", &config)], &expected);
    }
    for (name, line) in [
        (
            "no-list",
            r#""event-bus:allow-pull", "event-bus:allow-stop-job", "event-bus:deny-emit""#,
        ),
        (
            "with-a-set",
            r#""event-bus:default", "event-bus:allow-emit", "event-bus:allow-emit-to", "event-bus:allow-subscribe""#,
        ),
        (
            "set",
            r#"{ "identifier": "event-bus:emit", "allow": ["a", { "event": "a", "to": "main" }] }"#,
        ),
        (
            "deny-all",
            r#"{ "identifier": "event-bus:allow-emit-to", "allow": [{ "event": "a", "to": "main" }], "deny": ["a:*"] }"#,
        ),
    ] {
        check(name, &[("capabilities/a.json", &permission(line))], &[]);
    }
}

#[test]
fn lists_of_other_capabilities_count() {
    let capability = |identifier: &str, window: &str, permission: &str| {
        format!(
            r#"{{ "identifier": "{identifier}", "windows": ["{window}"], "permissions": [{permission}] }}"#
        )
    };
    let bare = capability("a", "main", r#""event-bus:allow-emit-to""#);
    for (window, permission, is_listed) in [
        (
            "main",
            r#"{ "identifier": "event-bus:allow-emit-to", "allow": [{ "event": "a", "to": "b" }] }"#,
            true,
        ),
        ("ma*", r#""event-bus:emit-to-every-window""#, true),
        ("*", r#""event-bus:emit""#, true),
        ("main", r#""event-bus:default""#, true),
        ("main", r#""event-bus:listen""#, false),
        ("main", r#""event-bus:emit-every-event""#, false),
        ("main", r#""event-bus:jobs""#, false),
        ("other", r#""event-bus:emit""#, false),
        ("x*", r#""event-bus:emit""#, false),
    ] {
        let other = capability("b", window, permission);
        let files = [
            ("capabilities/a.json", &*bare),
            ("capabilities/b.json", &*other),
        ];
        let expected: &[&[&str]] = if is_listed {
            &[]
        } else {
            &[&["a.json", "allow-emit-to, it allows nothing"]]
        };
        check("two", &files, expected);
    }
}
