//! Where locks, threads, tasks and clocks come from.

use std::collections::BTreeSet;

use super::modules::{Crate, FOREIGN, Module, Path, made_up};
use super::rooms::{is_below, problems};

/// Locks, threads, tasks and clocks that must come from `sync`.
const FROM_SYNC: &[&str] = &[
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::Condvar",
    "std::sync::Barrier",
    "std::sync::LazyLock",
    "std::sync::Once",
    "std::sync::mpsc",
    "std::thread",
    "rustix::time",
    "tokio",
    "tauri::async_runtime",
];

/// What of these anyone may name: they neither wait nor run anything.
const HARMLESS: &[&str] = &[
    "std::thread::ThreadId",
    "std::thread::current",
    "tokio::select",
];

/// Who may name what in spite of that, with the reason.
const EXCEPT: &[(&str, &str, &str)] = &[
    (
        "fuzzing::world",
        "std::time::Instant::now",
        "it has no other clock, and begins with it",
    ),
    (
        "shell::plugin",
        "tauri::async_runtime",
        "it gives the runtime of Tauri to `sync`",
    ),
];

/// The locks, tasks and clocks that a module has from elsewhere than `sync`.
fn own_concurrency(modules: &Crate, own: &Path, module: &Module) -> Vec<String> {
    if own[0] == "sync" {
        return Vec::new();
    }
    let is_excepted = |spelled: &[String]| {
        let mut own_exceptions = EXCEPT.iter().filter(|(file, ..)| own.join("::") == *file);
        own_exceptions.any(|(_, path, _)| is_below(spelled, &[path]))
    };
    let mut found = Vec::new();
    for path in &module.named {
        // What `sync` re-exports is what this is about.
        let defined = match path[0].as_str() {
            "sync" => [path.clone()].into(),
            _ => modules.definitions(path),
        };
        for path in defined {
            let spelled = path
                .strip_prefix(&[FOREIGN.to_owned()][..])
                .unwrap_or(&path);
            let is_module = *spelled == ["std", "thread"];
            let is_listed = path[0] == FOREIGN
                && is_below(spelled, FROM_SYNC)
                && !is_below(spelled, HARMLESS)
                && !is_module;
            // Whatever its type is called, and through whichever alias.
            let reads_clock = spelled.len() > 1
                && matches!(spelled.last().map(String::as_str), Some("now" | "elapsed"))
                && *spelled != ["sync", "now"];
            if (is_listed || reads_clock) && !is_excepted(spelled) {
                found.push(format!("uses {}", spelled.join("::")));
            }
        }
    }
    if module.methods.contains("elapsed") {
        found.push("calls .elapsed(), which reads a clock".to_owned());
    }
    found
}

/// The model checker replaces those of `sync` and would not see others.
#[test]
fn locks_tasks_and_clocks_come_from_one_place() {
    let modules = Crate::of_this_project();
    let found = problems(modules, |own, module| own_concurrency(modules, own, module));
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (own, path, reason) in EXCEPT {
        let own: Path = own.split("::").map(str::to_owned).collect();
        let mut named = modules.modules[&own].named.iter();
        let is_used = named.any(|named| named.join("::").contains(path));
        assert!(
            is_used && !reason.is_empty(),
            "{} no longer uses {path}",
            own.join("::")
        );
    }
}

#[test]
fn an_own_lock_task_or_clock_is_found() {
    for (source, expected) in [
        ("use std::sync::{Arc, Mutex};", 1),
        ("use std::sync; fn f(m: sync::RwLock<u8>) {}", 1),
        ("use std::time::Instant; fn f() { Instant::now(); }", 1),
        (
            "use std::time::Instant as Clock; fn f() { g(Clock::now) }",
            1,
        ),
        (
            "type Clock = std::time::Instant; fn f() { Clock::now(); }",
            1,
        ),
        ("fn f() { let now = std::time::SystemTime::now(); }", 1),
        (
            "use crate::sync::TaskInstant; fn f() { TaskInstant::now(); }",
            1,
        ),
        ("fn f(start: Instant) { start.elapsed(); }", 1),
        ("use std::thread; fn f() { thread::spawn(g); }", 1),
        ("use std::thread::spawn; fn f() { spawn(g); }", 1),
        ("use std::{thread as t}; fn f() { t::scope(g); }", 1),
        ("fn f() { ::std::thread::sleep(g); }", 1),
        ("use tokio::time; fn f() { time::sleep(g); }", 2),
        ("fn f() { tokio::spawn(g); }", 1),
        ("fn f() { m!(x => { std::thread::spawn(g) }); }", 1),
        ("macro_rules! m { () => { $x.elapsed() } }", 1),
        ("use std::time::Instant; fn f() { m!(Instant::now()) }", 1),
        // Another room would only hand it on.
        ("use crate::model::Lock; fn f(lock: Lock<u8>) {}", 1),
        ("fn f() { use std::sync::mpsc::channel; }", 1),
        (
            "use crate::sync::{Mutex, now}; fn f() { now(); crate::sync::now(); }",
            0,
        ),
        (
            "use std::thread; fn f() -> thread::ThreadId { thread::current().id() }",
            0,
        ),
        (
            "use std::sync::{Arc, OnceLock}; use std::time::Instant; fn f(x: Instant) {}",
            0,
        ),
        ("#[cfg(test)] mod tests { use std::thread::spawn; }", 0),
    ] {
        let modules = made_up(&[
            ("model", "pub(crate) use std::sync::Mutex as Lock;"),
            ("hub", source),
        ]);
        let own = vec!["hub".to_owned()];
        let found = own_concurrency(&modules, &own, &modules.modules[&own]);
        let found: BTreeSet<String> = found.into_iter().collect();
        assert_eq!(found.len(), expected, "{source}: {found:?}");
    }
}
