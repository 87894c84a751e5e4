//! The structure of the crate: rooms in an order, files without circles, and Tauri in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

use super::{root, rust_files};

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
    "runtime",
    "api",
    "shell",
    "fuzzing",
];

/// Crates of the platform. Only the shell may name them.
const PLATFORM: &[&str] = &[
    "tauri",
    "tauri_utils",
    "wry",
    "webkit2gtk",
    "javascriptcore",
    "gtk",
];

/// Modules without an async runtime, with all that is below them. They use only each other, and the clock.
const PURE: &[&str] = &[
    "model",
    "limits",
    "config",
    "flood",
    "permissions",
    "hub",
    "periodic::timing",
];

/// Whether a path is one of the pure modules, or below one.
fn is_pure(path: &[String]) -> bool {
    let path = path.join("::");
    PURE.iter().any(|pure| {
        let below = path.strip_prefix(pure);
        below.is_some_and(|below| below.is_empty() || below.starts_with("::"))
    })
}

type Path = Vec<String>;

/// A file as a module.
#[derive(Default)]
struct Module {
    /// The absolute paths that it names, outside its tests.
    named: BTreeSet<Path>,
    /// Names that it re-exports, with the paths that they stand for.
    reexports: BTreeMap<String, Path>,
}

/// The modules of a crate by their paths.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Path, Module>,
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_cfg = |attribute: &&Attribute| attribute.path().is_ident("cfg");
    attributes.iter().filter(is_cfg).any(|attribute| {
        let tokens = attribute
            .meta
            .require_list()
            .map(|list| list.tokens.to_string());
        tokens.is_ok_and(|tokens| tokens == "test")
    })
}

/// Every path of a `use` tree, with the name that it gives.
fn spell_out(tree: &UseTree, before: &[String], found: &mut Vec<(String, Path)>) {
    let with = |name: &str| [before, &[name.to_owned()]].concat();
    match tree {
        UseTree::Path(path) => spell_out(&path.tree, &with(&path.ident.to_string()), found),
        UseTree::Name(name) if name.ident == "self" => {
            found.extend(before.last().map(|last| (last.clone(), before.to_vec())));
        }
        UseTree::Name(name) => found.push((name.ident.to_string(), with(&name.ident.to_string()))),
        UseTree::Rename(one) => found.push((one.rename.to_string(), with(&one.ident.to_string()))),
        UseTree::Group(group) => group
            .items
            .iter()
            .for_each(|tree| spell_out(tree, before, found)),
        UseTree::Glob(_) => found.push(("*".to_owned(), before.to_vec())),
    }
}

/// Collects the paths of a file, leaving out its tests.
struct Collector<'a> {
    own: &'a [String],
    children: BTreeSet<String>,
    module: Module,
}

impl Collector<'_> {
    /// The absolute path, where it begins in this crate; the path of another crate otherwise.
    fn resolve(&self, path: &[String]) -> Path {
        let mut base = match path.first().map(String::as_str) {
            Some("crate") => Vec::new(),
            Some("self") => self.own.to_vec(),
            Some("super") => self.own[..self.own.len().saturating_sub(1)].to_vec(),
            Some(first) if self.children.contains(first) => {
                return [self.own, path].concat();
            }
            _ => return [&["::".to_owned()], path].concat(),
        };
        for part in &path[1..] {
            if part == "super" {
                base.pop();
            } else {
                base.push(part.clone());
            }
        }
        base
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(one) => &one.attrs,
            Item::Fn(one) => &one.attrs,
            Item::Impl(one) => &one.attrs,
            Item::Use(one) => &one.attrs,
            Item::Struct(one) => &one.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        spell_out(&item.tree, &[], &mut found);
        for (name, path) in found {
            let path = self.resolve(&path);
            if !matches!(item.vis, syn::Visibility::Inherited) {
                self.module.reexports.insert(name, path.clone());
            }
            self.module.named.insert(path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts = path.segments.iter().map(|part| part.ident.to_string());
        let parts: Path = parts.collect();
        if parts.len() > 1 {
            let path = self.resolve(&parts);
            self.module.named.insert(path);
        }
        visit::visit_path(self, path);
    }
}

impl Crate {
    fn add(&mut self, own: &[String], source: &str) {
        let file = syn::parse_file(source).unwrap();
        let children = file.items.iter().filter_map(|item| match item {
            Item::Mod(one) if !is_for_tests(&one.attrs) => Some(one.ident.to_string()),
            _ => None,
        });
        let mut collector = Collector {
            own,
            children: children.collect(),
            module: Module::default(),
        };
        collector.visit_file(&file);
        self.modules.insert(own.to_vec(), collector.module);
    }

    fn of_this_project() -> Self {
        let mut modules = Self::default();
        for file in rust_files("src") {
            let below = file.strip_prefix(root().join("src")).unwrap();
            let below = below.with_extension("");
            let mut own: Path = below
                .components()
                .map(|part| part.as_os_str().to_str().unwrap().to_owned())
                .collect();
            if own.last().is_some_and(|last| last == "mod") {
                own.pop();
            }
            let is_test = own.iter().any(|part| part == "tests");
            if !is_test && own != ["lib"] {
                modules.add(&own, &fs::read_to_string(&file).unwrap());
            }
        }
        modules
    }

    /// The module that defines what a path names, through re-exports.
    fn definer(&self, path: &[String]) -> Option<Path> {
        let mut path = path.to_vec();
        for _ in 0..16 {
            let module = (0..=path.len())
                .rev()
                .map(|length| path[..length].to_vec())
                .find(|own| self.modules.contains_key(own))?;
            let rest = &path[module.len()..];
            let reexported = rest
                .first()
                .and_then(|name| self.modules[&module].reexports.get(name));
            match reexported {
                Some(target) if target.first().is_some_and(|first| first != "::") => {
                    path = [target.as_slice(), &rest[1..]].concat();
                }
                _ => return Some(module),
            }
        }
        None
    }

    /// The modules that a module needs. What a folder's `mod.rs` defines belongs to all of its files.
    fn needs(&self, own: &[String]) -> BTreeSet<Path> {
        let named = self.modules[own].named.iter();
        named
            .filter(|path| path.first().is_some_and(|first| first != "::"))
            .filter_map(|path| self.definer(path))
            .filter(|needed| needed != own && !own.starts_with(needed))
            .collect()
    }

    /// The first circle of modules.
    fn circle(&self) -> Option<String> {
        fn visit(
            modules: &Crate,
            own: &Path,
            way: &mut Vec<Path>,
            done: &mut BTreeSet<Path>,
        ) -> Option<String> {
            if let Some(start) = way.iter().position(|before| before == own) {
                let names: Vec<String> = way[start..].iter().map(|path| path.join("::")).collect();
                return Some(names.join(" → "));
            }
            if !done.insert(own.clone()) {
                return None;
            }
            way.push(own.clone());
            let needs = modules.needs(own);
            let found = needs.iter().find_map(|needed| {
                // A module that is done lies in no circle, or in one that is still on the way.
                let is_open = way.contains(needed);
                (is_open || !done.contains(needed))
                    .then(|| visit(modules, needed, way, done))
                    .flatten()
            });
            way.pop();
            found
        }
        let mut done = BTreeSet::new();
        let modules = self.modules.keys();
        modules
            .filter_map(|own| visit(self, own, &mut Vec::new(), &mut done))
            .next()
    }
}

fn made_up(files: &[(&str, &str)]) -> Crate {
    let mut modules = Crate::default();
    for (own, source) in files {
        let own: Path = own.split("::").map(str::to_owned).collect();
        modules.add(&own, source);
    }
    modules
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

#[test]
fn rooms_use_only_those_before_them() {
    let place = |room: &str| {
        let found = ROOMS.iter().position(|own| *own == room);
        found.unwrap_or_else(|| panic!("{room} is in no order; add it to ROOMS"))
    };
    let modules = Crate::of_this_project();
    let mut seen = 0;
    for own in modules.modules.keys() {
        for path in &modules.modules[own].named {
            let Some(used) = path.first().filter(|first| *first != "::") else {
                continue;
            };
            seen += 1;
            let (own_room, path) = (&own[0], path.join("::"));
            assert!(
                ROOMS.contains(&used.as_str()),
                "{} names crate::{path}, which the root re-exports; name the room",
                own.join("::")
            );
            assert!(
                place(used) <= place(own_room),
                "{} uses crate::{path}, which is above it",
                own.join("::")
            );
        }
    }
    assert!(seen > 400, "{seen}");
}

/// A port to another Tauri changes one room only.
#[test]
fn only_the_shell_names_the_platform() {
    let modules = Crate::of_this_project();
    let names = |own: &Path, crates: &[&str]| {
        let named = modules.modules[own].named.iter();
        let foreign = named
            .filter(|path| path[0] == "::")
            .map(|path| path[1].clone());
        foreign
            .into_iter()
            .find(|name| crates.contains(&name.as_str()))
    };
    for own in modules.modules.keys() {
        if own[0] != "shell" {
            assert_eq!(names(own, PLATFORM), None, "{}", own.join("::"));
        }
        if is_pure(own) {
            assert_eq!(names(own, &["tokio"]), None, "{}", own.join("::"));
        }
    }
    let shell = vec!["shell".to_owned(), "plugin".to_owned()];
    assert!(names(&shell, PLATFORM).is_some());
}

#[test]
fn pure_modules_use_only_each_other() {
    let modules = Crate::of_this_project();
    let pure = modules.modules.keys().filter(|own| is_pure(own));
    let mut seen: BTreeSet<&&str> = BTreeSet::new();
    for own in pure {
        seen.extend(
            PURE.iter()
                .filter(|pure| own.join("::").starts_with(**pure)),
        );
        let named = modules.modules[own].named.iter();
        for path in named.filter(|path| path[0] != "::") {
            let is_clock = **path == ["sync", "wall_clock"];
            assert!(
                is_pure(path) || is_clock,
                "{} is pure and uses crate::{}",
                own.join("::"),
                path.join("::")
            );
        }
    }
    assert_eq!(seen.len(), PURE.len(), "{seen:?}");
}

/// The model checker replaces those of `sync` and would not see others. The shell is not in the model.
#[test]
fn locks_tasks_and_clocks_come_from_one_place() {
    let outside = ["fuzzing::world", "shell::commands::call", "shell::plugin"];
    let refused = [
        "tokio::sync",
        "tokio::task",
        "tokio::time",
        "tauri::async_runtime",
        "std::sync::Mutex",
        "std::sync::RwLock",
        "std::sync::Condvar",
        "std::sync::Barrier",
        "std::sync::mpsc",
        "std::thread::spawn",
        "std::thread::sleep",
        "Instant::now",
        "SystemTime::now",
    ];
    let modules = Crate::of_this_project();
    for (own, module) in &modules.modules {
        let own = own.join("::");
        if own == "sync" || outside.contains(&own.as_str()) {
            continue;
        }
        for path in module.named.iter().filter(|path| path[0] == "::") {
            let path = path[1..].join("::");
            let found = refused.iter().find(|word| path.starts_with(**word));
            assert_eq!(found, None, "{own} uses {path}");
        }
    }
}
