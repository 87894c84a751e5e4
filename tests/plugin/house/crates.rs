//! Which crates each room may name.

use std::collections::BTreeSet;

use super::modules::{Crate, FOREIGN, Module, Path, made_up};
use super::rooms::{is_pure, problems};

/// Crates of the platform. Only the shell may name them.
const PLATFORM: &[&str] = &[
    "tauri",
    "tauri_plugin",
    "tauri_runtime",
    "tauri_runtime_wry",
    "tauri_utils",
    "wry",
    "tao",
    "webkit2gtk",
    "javascriptcore",
    "gtk",
    "glib",
    "gio",
    "raw_window_handle",
];

/// Which crates each room may name, beside the standard library. The shell names the platform, too.
const CRATES: &[(&str, &[&str])] = &[
    (
        "model",
        &["getrandom", "serde", "tauri_plugin_event_bus_types"],
    ),
    ("limits", &["serde"]),
    ("config", &["serde", "serde_json", "serde_path_to_error"]),
    ("sync", &["rustix", "tokio"]),
    ("flood", &["ratelimit"]),
    ("permissions", &["glob", "serde", "serde_json"]),
    ("catalog", &["schemars", "serde", "serde_json"]),
    (
        "wire",
        &[
            "base64",
            "serde",
            "serde_json",
            "tauri_plugin_event_bus_types",
        ],
    ),
    ("engine", &["log", "metrics", "tokio", "tracing"]),
    ("periodic", &["serde", "serde_json", "tokio"]),
    ("tasks", &["serde_json"]),
    (
        "api",
        &[
            "futures_core",
            "futures_sink",
            "serde",
            "tauri_plugin_event_bus_types",
            "tokio",
        ],
    ),
    (
        "shell",
        &[
            "glob",
            "log",
            "serde",
            "serde_json",
            "tauri_plugin_event_bus_types",
            "tokio",
        ],
    ),
    (
        "fuzzing",
        &[
            "glob",
            "serde",
            "serde_json",
            "tauri_plugin_event_bus_types",
        ],
    ),
];

/// Types, and tools in attributes, that are no crate although they begin with a small letter.
const NO_CRATES: &[&str] = &[
    "clippy",
    "diagnostic",
    "bool",
    "char",
    "str",
    "f32",
    "f64",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
];

/// The crates other than the standard library that a module names.
fn crates_of(module: &Module) -> BTreeSet<&str> {
    let named = module.named.iter().filter(|path| path[0] == FOREIGN);
    named
        .map(|path| path[1].as_str())
        .filter(|name| name.starts_with(char::is_lowercase) && !NO_CRATES.contains(name))
        .filter(|name| !["std", "core", "alloc"].contains(name))
        .collect()
}

/// The crates that a module names and its room may not.
fn unknown_crates(own: &Path, module: &Module) -> Vec<String> {
    let listed = CRATES.iter().find(|(room, _)| *room == own[0]);
    let allowed = listed.map_or(&[][..], |(_, crates)| crates);
    let is_shell = own[0] == "shell";
    let named = crates_of(module).into_iter();
    named
        .filter(|name| !(allowed.contains(name) || is_shell && PLATFORM.contains(name)))
        .map(|name| format!("names the crate {name}"))
        .collect()
}

/// A port to another Tauri changes one room only, and the pure rooms need no runtime.
#[test]
fn rooms_name_only_their_own_crates() {
    let modules = Crate::of_this_project();
    let found = problems(modules, unknown_crates);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (room, crates) in CRATES {
        let below = modules.modules.iter().filter(|(own, _)| own[0] == *room);
        let named: BTreeSet<&str> = below.flat_map(|(_, module)| crates_of(module)).collect();
        let unused = crates.iter().find(|name| !named.contains(*name));
        assert_eq!(unused, None, "{room} does not name it");
        let is_platform = crates.iter().find(|name| PLATFORM.contains(*name));
        assert_eq!(is_platform, None, "{room}");
        let has_runtime = is_pure(&[(*room).to_owned()]) && crates.contains(&"tokio");
        assert!(!has_runtime, "{room}");
    }
}

#[test]
fn a_crate_is_found_however_it_is_named() {
    for (source, expected) in [
        ("use tokio::sync::Notify;", &["tokio"][..]),
        ("use ::tauri::Manager;", &["tauri"]),
        ("use tauri as t; fn f() { t::g() }", &["tauri"]),
        ("fn f() { tokio::select! { _ = g() => {} } }", &["tokio"]),
        ("fn f() { m!(a, |x: tauri::Window| x.b()) }", &["tauri"]),
        (
            "macro_rules! m { ($x:expr) => { tokio::spawn($x) } }",
            &["tokio"],
        ),
        ("#[derive(thiserror::Error)] struct E;", &["thiserror"]),
        ("#[tokio::main] async fn f() {}", &["tokio"]),
        ("fn f() -> Box<dyn log::Log> { g(u64::MAX) }", &["log"]),
        (
            "mod tauri { pub fn f() {} } use std::fmt; fn f() { tauri::f(); fmt::g() }",
            &[],
        ),
        ("#[cfg(test)] use tokio::task;", &[]),
    ] {
        let modules = made_up(&[("hub", source)]);
        let own = vec!["hub".to_owned()];
        let named: Vec<&str> = crates_of(&modules.modules[&own]).into_iter().collect();
        assert_eq!(named, expected, "{source}");
    }
}

#[test]
fn tracing_leaves_the_feature_of_tauri_alone() {
    let manifest = include_str!("../../../Cargo.toml");
    let manifest: toml::Table = toml::from_str(manifest).unwrap();
    // With it, Tauri waits for the main thread wherever it evaluates a script.
    assert_eq!(
        manifest["features"]["tracing"].as_array().unwrap(),
        &[toml::Value::from("dep:tracing")]
    );
    let of_tauri = &manifest["dependencies"]["tauri"];
    assert_eq!(of_tauri["default-features"].as_bool(), Some(false));
    assert!(of_tauri.get("features").is_none(), "{of_tauri}");
}
