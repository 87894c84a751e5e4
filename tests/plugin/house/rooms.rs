//! The structure of the crate: rooms in an order, files without circles, and modules that are pure.

use super::modules::{Crate, FOREIGN, Module, Path, made_up};

/// The rooms of the crate, each of which uses only those before it.
const ROOMS: &[&str] = &[
    "model",
    "limits",
    "config",
    "sync",
    "flood",
    "permissions",
    "catalog",
    "hub",
    "wire",
    "engine",
    "periodic",
    "tasks",
    "runtime",
    "api",
    "shell",
    "fuzzing",
];

/// Modules without an async runtime, with all that is below them. They use only each other, and the clock.
const PURE: &[&str] = &[
    "model",
    "limits",
    "config",
    "flood",
    "permissions",
    "hub",
    "wire",
    "periodic::timing",
    "tasks::ledger",
];

/// Whether a path is one of these modules, or below one.
pub(super) fn is_below(path: &[String], modules: &[&str]) -> bool {
    let path = path.join("::");
    modules.iter().any(|module| {
        let below = path.strip_prefix(module);
        below.is_some_and(|below| below.is_empty() || below.starts_with("::"))
    })
}

pub(super) fn is_pure(path: &[String]) -> bool {
    is_below(path, PURE)
}

/// What a check found in a crate, one line each.
pub(super) fn problems(
    modules: &Crate,
    check: impl Fn(&Path, &Module) -> Vec<String>,
) -> Vec<String> {
    let each = modules.modules.iter();
    each.flat_map(|(own, module)| {
        let found = check(own, module).into_iter();
        found.map(|problem| format!("{} {problem}", own.join("::")))
    })
    .collect()
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    for files in [
        [
            ("a::b", "use crate::a::c::C;"),
            ("a::c", "use crate::a::b::B;"),
        ],
        [("a::b", "use super::c::C;"), ("a::c", "use super::b::B;")],
        [
            ("a::b", "fn f() { super::c::g() }"),
            ("a::c", "use crate::{a::b::B, x::Y};"),
        ],
    ] {
        let mut modules = made_up(&files);
        modules.add(&["a".to_owned()], "mod b; mod c;");
        assert_eq!(
            modules.circle().as_deref(),
            Some("a::b → a::c"),
            "{files:?}"
        );
    }
    let through_reexports = made_up(&[
        (
            "a",
            "mod b; mod c; pub(crate) use b::B; pub(crate) use c::C;",
        ),
        ("a::b", "use super::C;"),
        ("a::c", "use super::B;"),
    ]);
    assert!(through_reexports.circle().is_some());
    // The children of a module see its private imports, too.
    let through_imports = made_up(&[
        ("a", "mod b; mod c; use b::B; use c::C;"),
        ("a::b", "fn f(c: super::C) {}"),
        ("a::c", "m!(super::B);"),
    ]);
    assert!(through_imports.circle().is_some());
    let through_another_module = made_up(&[
        ("a", "mod b; pub(crate) use crate::x::C;"),
        ("a::b", "use super::C;"),
        ("x", "use crate::a::b::B;"),
    ]);
    assert!(through_another_module.circle().is_some());
    let in_one_direction = made_up(&[
        ("a", "mod b; mod c; pub(crate) struct A;"),
        ("a::b", "use super::{A, c::C};"),
        (
            "a::c",
            "use super::A; #[cfg(test)] mod tests { use crate::a::b::B; }",
        ),
    ]);
    assert_eq!(in_one_direction.circle(), None);
}

#[test]
fn files_form_no_circle() {
    let modules = Crate::of_this_project();
    assert!(modules.modules.len() > 80, "{}", modules.modules.len());
    assert_eq!(modules.circle(), None);
}

/// The place of a room in the order.
fn place(room: &str) -> Option<usize> {
    ROOMS.iter().position(|own| *own == room)
}

/// What a module names that is above it, or by a path that does not say in which room it is.
fn climbs(modules: &Crate, own: &Path, module: &Module) -> Vec<String> {
    let named = module.named.iter().filter(|path| path[0] != FOREIGN);
    let mut found = Vec::new();
    for path in named {
        let spelled = path.join("::");
        if modules.in_facade(path).is_some() || place(&path[0]).is_none() {
            found.push(format!(
                "names crate::{spelled} of the façade; name the room"
            ));
            continue;
        }
        let defined = modules.definitions(path);
        let used = defined.iter().filter(|path| path[0] != FOREIGN);
        let is_above = |used: &Path| place(&used[0]) > place(&own[0]);
        if used.chain([path]).any(is_above) {
            found.push(format!("uses crate::{spelled}, which is above it"));
        }
    }
    found
}

#[test]
fn rooms_use_only_those_before_them() {
    let modules = Crate::of_this_project();
    for own in modules.modules.keys() {
        assert!(place(&own[0]).is_some(), "add {} to ROOMS", own[0]);
    }
    let found = problems(modules, |own, module| climbs(modules, own, module));
    assert!(found.is_empty(), "{}", found.join("\n"));
    let all = modules.modules.values().flat_map(|module| &module.named);
    let count = all.filter(|path| path[0] != FOREIGN).count();
    assert!(count > 400, "{count}");
}

#[test]
fn a_path_to_a_higher_room_is_found() {
    let facade = "pub use api::Bus; pub mod periodic { mod room; pub(crate) use room::*; pub use crate::api::Start; }";
    for (hub, problem) in [
        ("use crate::api::Bus;", Some("which is above it")),
        ("fn f() { crate::engine::g() }", Some("which is above it")),
        ("m!(crate::engine::g());", Some("which is above it")),
        (
            "macro_rules! m { () => { $crate::engine::g() } }",
            Some("which is above it"),
        ),
        (
            "mod inner { use super::super::engine::g; }",
            Some("which is above it"),
        ),
        // The room below re-exports it.
        ("use crate::model::Reexported;", Some("which is above it")),
        ("use crate::Bus;", Some("of the façade")),
        ("use crate::periodic::Start;", Some("of the façade")),
        (
            "use crate::model::Name; #[cfg(test)] mod tests { use crate::api::Bus; }",
            None,
        ),
        (
            "struct S; impl S { #[cfg(test)] fn f() { crate::engine::g() } }",
            None,
        ),
    ] {
        let mut modules = made_up(&[
            (
                "model",
                "pub(crate) use crate::engine::Reexported; pub(crate) struct Name;",
            ),
            (
                "engine",
                "pub(crate) fn g() {} pub(crate) struct Reexported;",
            ),
            ("hub", hub),
        ]);
        modules.add_facade(facade);
        let own = vec!["hub".to_owned()];
        let found = climbs(&modules, &own, &modules.modules[&own]);
        assert_eq!(
            found.len(),
            usize::from(problem.is_some()),
            "{hub}: {found:?}"
        );
        let is_named = problem.is_none_or(|problem| found[0].contains(problem));
        assert!(is_named, "{hub}: {found:?}");
    }
}

/// The checks read names, and would not see what an import of everything brings.
#[test]
fn no_file_imports_everything() {
    let globs = |module: &Module| module.globs.iter().map(|path| path.join("::")).collect();
    let found = problems(Crate::of_this_project(), |_, module| globs(module));
    assert!(found.is_empty(), "{found:?}");
    let modules = made_up(&[("hub", "fn f() { use std::time::*; }")]);
    let found = problems(&modules, |_, module| globs(module));
    assert_eq!(found, ["hub ::::std::time"]);
}

/// Whether a path is that of a clock. The hub reads the time of what it accepts.
fn is_clock(path: &[String]) -> bool {
    ["wall_clock", "steady_now", "BusClock"]
        .iter()
        .any(|clock| path.len() > 1 && path[..2] == ["sync", clock])
}

/// What a pure module uses that is not pure.
fn impure(modules: &Crate, own: &Path, module: &Module) -> Vec<String> {
    let named = module.named.iter().filter(|_| is_pure(own));
    named
        .filter(|path| path[0] != FOREIGN && !is_clock(path))
        .filter(|path| {
            let defined = modules.definitions(path);
            let own = defined.iter().filter(|path| path[0] != FOREIGN);
            own.chain([*path]).any(|path| !is_pure(path))
        })
        .map(|path| format!("is pure and uses crate::{}", path.join("::")))
        .collect()
}

#[test]
fn pure_modules_use_only_each_other() {
    let modules = Crate::of_this_project();
    let found = problems(modules, |own, module| impure(modules, own, module));
    assert!(found.is_empty(), "{}", found.join("\n"));
    for pure in PURE {
        let is_there = modules.modules.keys().any(|own| is_below(own, &[pure]));
        assert!(is_there, "{pure}");
    }
    for (source, count) in [
        ("use crate::sync::Mutex;", 1),
        ("use crate::engine::core;", 1),
        ("fn f() { m!(crate::sync::now()) }", 1),
        ("use crate::sync::wall_clock; use crate::model::name;", 0),
    ] {
        let modules = made_up(&[("hub::queue", source)]);
        let found = problems(&modules, |own, module| impure(&modules, own, module));
        assert_eq!(found.len(), count, "{source}");
    }
}
