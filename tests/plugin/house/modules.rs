//! What the files of the crate name: their paths, written out in full, and the macros and methods that they call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::OnceLock;

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, UseTree};

use super::{root, rust_files};

/// The parts of a path. Those of another crate begin with [`FOREIGN`], and a path of this crate with its room.
pub(super) type Path = Vec<String>;

pub(super) const FOREIGN: &str = "::";

/// How often a name may stand for another one.
const MAX_STEPS: usize = 16;

/// A file as a module.
#[derive(Default)]
pub(super) struct Module {
    /// The paths that it names, outside its tests.
    pub(super) named: BTreeSet<Path>,
    /// The methods that it calls.
    pub(super) methods: BTreeSet<String>,
    /// What it imports, by name. Its children can import that from it, whether it is public or not.
    imports: BTreeMap<String, BTreeSet<Path>>,
    /// Modules from which it imports everything.
    pub(super) globs: BTreeSet<Path>,
}

/// The modules of a crate by their paths.
#[derive(Default)]
pub(super) struct Crate {
    pub(super) modules: BTreeMap<Path, Module>,
    /// What the façade in `lib.rs` re-exports in modules that it shares with rooms.
    facade: BTreeMap<Path, Path>,
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

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(one) => &one.attrs,
        Item::Fn(one) => &one.attrs,
        Item::Impl(one) => &one.attrs,
        Item::Use(one) => &one.attrs,
        Item::Struct(one) => &one.attrs,
        Item::Enum(one) => &one.attrs,
        Item::Trait(one) => &one.attrs,
        Item::Const(one) => &one.attrs,
        Item::Static(one) => &one.attrs,
        _ => &[],
    }
}

/// A path as it is written. A colon before it says that it begins with a crate.
fn written(path: &syn::Path) -> Path {
    let parts = path.segments.iter().map(|part| part.ident.to_string());
    let colon = path.leading_colon.as_ref().map(|_| FOREIGN.to_owned());
    colon.into_iter().chain(parts).collect()
}

/// Every path of a `use` tree, with the name that it gives.
fn spell_out(tree: &UseTree, before: &[String], found: &mut Vec<(String, Path)>) {
    let with = |name: &str| [before, &[name.to_owned()]].concat();
    match tree {
        UseTree::Path(path) => spell_out(&path.tree, &with(&path.ident.to_string()), found),
        UseTree::Name(name) if name.ident == "self" => {
            found.extend(before.last().map(|last| (last.clone(), before.to_vec())));
        }
        UseTree::Rename(one) if one.ident == "self" => {
            found.push((one.rename.to_string(), before.to_vec()));
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

/// Collects what a file writes, leaving out its tests.
#[derive(Default)]
struct Collector {
    /// The modules within the file that surround what is read.
    within: Path,
    children: BTreeSet<String>,
    uses: Vec<(Path, String, Path)>,
    paths: BTreeSet<(Path, Path)>,
    methods: BTreeSet<String>,
}

impl Collector {
    fn add_path(&mut self, path: Path) {
        if path.len() > 1 {
            self.paths.insert((self.within.clone(), path));
        }
    }

    /// Reads the tokens of a macro or an attribute, which are no syntax yet.
    fn read_tokens(&mut self, mut cursor: Cursor<'_>) {
        let mut path = Path::new();
        let mut colons = 0;
        let mut is_method = false;
        loop {
            if let Some((ident, rest)) = cursor.ident() {
                if colons != 2 {
                    self.add_path(std::mem::take(&mut path));
                }
                path.push(ident.to_string());
                if is_method {
                    self.methods.insert(ident.to_string());
                }
                (colons, is_method, cursor) = (0, false, rest);
            } else if let Some((punct, rest)) = cursor.punct() {
                match punct.as_char() {
                    ':' => colons += 1,
                    // `$crate` is a path of this crate.
                    '$' => colons = 0,
                    other => {
                        colons = 0;
                        is_method = other == '.';
                        self.add_path(std::mem::take(&mut path));
                    }
                }
                cursor = rest;
            } else if let Some((inside, _, _, rest)) = cursor.any_group() {
                self.add_path(std::mem::take(&mut path));
                self.read_tokens(inside);
                (colons, is_method, cursor) = (0, false, rest);
            } else if let Some((_, rest)) = cursor.token_tree() {
                self.add_path(std::mem::take(&mut path));
                (colons, is_method, cursor) = (0, false, rest);
            } else {
                return self.add_path(path);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let is_for_tests = matches!(item, ImplItem::Fn(one) if is_for_tests(&one.attrs));
        if !is_for_tests {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        if self.within.is_empty() {
            self.children.insert(name.clone());
        }
        self.within.push(name);
        visit::visit_item_mod(self, item);
        self.within.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        let before = item.leading_colon.as_ref().map(|_| FOREIGN.to_owned());
        let before: Path = before.into_iter().collect();
        spell_out(&item.tree, &before, &mut found);
        for (name, path) in found {
            self.uses.push((self.within.clone(), name, path));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add_path(written(path));
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, one: &'ast syn::Macro) {
        visit::visit_macro(self, one);
        self.read_tokens(TokenBuffer::new2(one.tokens.clone()).begin());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        visit::visit_meta_list(self, list);
        self.read_tokens(TokenBuffer::new2(list.tokens.clone()).begin());
    }
}

/// The absolute path of what a module names.
fn absolute(own: &[String], children: &BTreeSet<String>, path: &[String]) -> Path {
    let mut base = match path.first().map(String::as_str) {
        Some("crate") => Vec::new(),
        Some("self") => own.to_vec(),
        Some("super") => own[..own.len().saturating_sub(1)].to_vec(),
        Some(FOREIGN) => return path.to_vec(),
        Some(first) if children.contains(first) => return [own, path].concat(),
        _ => return [&[FOREIGN.to_owned()], path].concat(),
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

/// The paths that a written one may stand for, where its first part is an imported name.
fn through_imports(
    imports: &BTreeMap<String, BTreeSet<Path>>,
    path: Path,
    steps: usize,
) -> BTreeSet<Path> {
    let first = (path[0] == FOREIGN).then(|| &path[1]);
    let found = first.and_then(|first| imports.get(first));
    let Some(found) = found.filter(|_| steps > 0) else {
        return [path].into();
    };
    let longer = found
        .iter()
        .map(|import| [import.as_slice(), &path[2..]].concat());
    longer
        .flat_map(|longer| match longer == path {
            true => [longer].into(),
            false => through_imports(imports, longer, steps - 1),
        })
        .collect()
}

impl Crate {
    pub(super) fn add(&mut self, own: &[String], source: &str) {
        let file = syn::parse_file(source).unwrap();
        let mut collector = Collector::default();
        collector.visit_file(&file);
        let children = collector.children;
        let none = BTreeSet::new();
        let place = |within: &[String], path: &[String]| {
            let children = if within.is_empty() { &children } else { &none };
            absolute(&[own, within].concat(), children, path)
        };
        let mut module = Module {
            methods: collector.methods,
            ..Module::default()
        };
        for (within, name, path) in &collector.uses {
            let path = place(within, path);
            if name == "*" {
                module.globs.insert(path);
            } else {
                let paths = module.imports.entry(name.clone()).or_default();
                paths.insert(path);
            }
        }
        let used = module.imports.values().flatten().chain(&module.globs);
        let written = collector.paths.iter();
        let paths = written.map(|(within, path)| place(within, path));
        let all: Vec<Path> = used.cloned().chain(paths).collect();
        for path in all {
            let paths = through_imports(&module.imports, path, MAX_STEPS);
            module.named.extend(paths);
        }
        self.modules.insert(own.to_vec(), module);
    }

    /// Reads the façade, whose modules may have the names of rooms.
    pub(super) fn add_facade(&mut self, source: &str) {
        let file = syn::parse_file(source).unwrap();
        for item in &file.items {
            let mut collector = Collector::default();
            collector.visit_item(item);
            for (within, name, path) in collector.uses {
                let path = absolute(&within, &BTreeSet::new(), &path);
                self.facade.insert([within, vec![name]].concat(), path);
            }
        }
    }

    /// This crate, which is read once.
    pub(super) fn of_this_project() -> &'static Self {
        static THIS: OnceLock<Crate> = OnceLock::new();
        THIS.get_or_init(Self::read)
    }

    fn read() -> Self {
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
            let source = fs::read_to_string(&file).unwrap();
            if own == ["lib"] {
                modules.add_facade(&source);
            } else if !is_test {
                modules.add(&own, &source);
            }
        }
        modules
    }

    /// What the façade re-exports under a path, or under its beginning.
    pub(super) fn in_facade(&self, path: &[String]) -> Option<&Path> {
        (1..=path.len()).find_map(|length| self.facade.get(&path[..length]))
    }

    /// The paths of what a path names, through the imports and re-exports of modules. They may end in another crate.
    pub(super) fn definitions(&self, path: &[String]) -> BTreeSet<Path> {
        self.follow(path.to_vec(), MAX_STEPS)
    }

    fn follow(&self, path: Path, steps: usize) -> BTreeSet<Path> {
        let module = self.module_of(&path).unwrap_or_default();
        let name = path.get(module.len());
        let parts = self.modules.get(&module);
        let imports = parts.and_then(|parts| parts.imports.get(name?));
        let Some(imports) = imports.filter(|_| steps > 0) else {
            return [path].into();
        };
        let rest = &path[module.len() + 1..];
        let targets = imports
            .iter()
            .map(|import| [import.as_slice(), rest].concat());
        targets
            .flat_map(|target| self.follow(target, steps - 1))
            .collect()
    }

    /// The file in which a path of this crate lies.
    fn module_of(&self, path: &[String]) -> Option<Path> {
        let all = (0..=path.len()).rev().map(|length| path[..length].to_vec());
        all.into_iter().find(|own| self.modules.contains_key(own))
    }

    /// The modules that a module needs. What a folder's `mod.rs` defines belongs to all of its files.
    fn needs(&self, own: &[String]) -> BTreeSet<Path> {
        let named = self.modules[own].named.iter();
        named
            .flat_map(|path| self.definitions(path))
            .filter(|path| path.first().is_some_and(|first| first != FOREIGN))
            .filter_map(|path| self.module_of(&path))
            .filter(|needed| needed != own && !own.starts_with(needed))
            .collect()
    }

    /// The first circle of modules.
    pub(super) fn circle(&self) -> Option<String> {
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

/// A crate of these files.
pub(super) fn made_up(files: &[(&str, &str)]) -> Crate {
    let mut modules = Crate::default();
    for (own, source) in files {
        let own: Path = own.split("::").map(str::to_owned).collect();
        modules.add(&own, source);
    }
    modules
}
