//! The one list of capabilities, docs/api.toml, against both APIs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde::Deserialize;
use syn::{ImplItem, Item, UseTree, Visibility};

use super::{read, root, rust_files};

/// docs/api.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    capability: Vec<Capability>,
}

/// What users can do, and how each side spells it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capability {
    name: String,
    /// Items of the façade, and methods of `src/api` as `Type::method`.
    #[serde(default)]
    rust: Vec<String>,
    /// A call that compiles.
    rust_use: Option<String>,
    /// Why Rust lacks it.
    rust_lacks: Option<String>,
    /// Exports of the npm package as `name`, `entry: name` where it is not the main entry, and members as
    /// `Interface.member`.
    #[serde(default)]
    typescript: Vec<String>,
    typescript_use: Option<String>,
    typescript_lacks: Option<String>,
}

fn list() -> Vec<Capability> {
    let list: List = toml::from_str(&read("docs/api.toml")).unwrap();
    list.capability
}

/// The names that `pub use` brings into a module, with the module's path before them.
fn used_names(tree: &UseTree, names: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => used_names(&path.tree, names),
        UseTree::Name(name) => names.push(name.ident.to_string()),
        UseTree::Rename(rename) => names.push(rename.rename.to_string()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| used_names(tree, names)),
        UseTree::Glob(_) => panic!("a glob hides what the façade has"),
    }
}

fn facade_of(items: &[Item], module: &str, names: &mut Vec<String>) {
    for item in items {
        match item {
            Item::Use(used) if matches!(used.vis, Visibility::Public(_)) => {
                let mut own = Vec::new();
                used_names(&used.tree, &mut own);
                names.extend(own.into_iter().map(|name| format!("{module}{name}")));
            }
            Item::Mod(own) if matches!(own.vis, Visibility::Public(_)) => {
                let name = own.ident.to_string();
                if let Some((_, items)) = &own.content
                    && name != "fuzzing"
                {
                    facade_of(items, &format!("{module}{name}::"), names);
                }
            }
            _ => {}
        }
    }
}

/// What the crate's root and its public modules have.
fn facade() -> BTreeSet<String> {
    let file = syn::parse_file(&read("src/lib.rs")).unwrap();
    let mut names = Vec::new();
    facade_of(&file.items, "", &mut names);
    names.into_iter().collect()
}

/// The public methods of `src/api`, those of traits included, as `Type::method`.
fn methods() -> BTreeSet<String> {
    let mut methods = BTreeSet::new();
    for file in rust_files("src/api") {
        let source = fs::read_to_string(&file).unwrap();
        for item in syn::parse_file(&source).unwrap().items {
            match item {
                Item::Impl(block) if block.trait_.is_none() => {
                    let syn::Type::Path(own) = &*block.self_ty else {
                        continue;
                    };
                    let own = own.path.segments.last().unwrap().ident.to_string();
                    for item in &block.items {
                        if let ImplItem::Fn(method) = item
                            && matches!(method.vis, Visibility::Public(_))
                        {
                            methods.insert(format!("{own}::{}", method.sig.ident));
                        }
                    }
                }
                Item::Trait(block) if matches!(block.vis, Visibility::Public(_)) => {
                    for item in &block.items {
                        if let syn::TraitItem::Fn(method) = item {
                            methods.insert(format!("{}::{}", block.ident, method.sig.ident));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    methods
}

#[test]
fn each_side_has_what_the_list_says() {
    let mut problems = String::new();
    for row in list() {
        for (side, items, example, lacks) in [
            ("Rust", &row.rust, &row.rust_use, &row.rust_lacks),
            (
                "TypeScript",
                &row.typescript,
                &row.typescript_use,
                &row.typescript_lacks,
            ),
        ] {
            let is_there = !items.is_empty();
            if is_there == lacks.is_some() {
                let _ = writeln!(problems, "{}: {side} has it, or a reason", row.name);
            }
            if is_there != example.is_some() {
                let _ = writeln!(problems, "{}: {side} needs an example", row.name);
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn the_list_names_all_of_rust() {
    let listed = list().into_iter().flat_map(|row| row.rust);
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = listed.filter(|item| !seen.insert(item.clone())).collect();
    assert!(twice.is_empty(), "listed twice: {twice:?}");
    let mut expected = facade();
    expected.extend(methods());
    let missing: Vec<&String> = expected.difference(&seen).collect();
    let unknown: Vec<&String> = seen.difference(&expected).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "docs/api.toml lacks {missing:#?}; Rust lacks {unknown:#?}"
    );
    assert!(expected.len() > 100, "{}", expected.len());
}

fn cell(items: &[String], lacks: Option<&String>) -> String {
    match lacks {
        Some(reason) => format!("— {reason}"),
        None => {
            let items: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
            items.join(", ")
        }
    }
}

/// The table of docs/api.md, and the files that use every row.
fn generated() -> [(&'static str, String); 3] {
    let rows = list();
    let mut table = String::from(
        "# The API on both sides\n\nWhat Rust can, TypeScript can, under the same word, unless the table says why not. \
         This page is generated from [api.toml](api.toml).\n\n| | Rust | TypeScript |\n|---|---|---|\n",
    );
    let mut rust = String::from(
        "// Generated from docs/api.toml: every row compiles. Do not edit.\n\nuse super::*;\n",
    );
    let mut typescript = String::from(
        "// Generated from docs/api.toml: every row compiles. Do not edit.\nimport * as api from './api-uses-prelude.js'\n",
    );
    for (place, row) in rows.iter().enumerate() {
        let _ = writeln!(
            table,
            "| {} | {} | {} |",
            row.name,
            cell(&row.rust, row.rust_lacks.as_ref()),
            cell(&row.typescript, row.typescript_lacks.as_ref())
        );
        if let Some(example) = &row.rust_use {
            let _ = write!(
                rust,
                "\n/// {}.\npub(super) async fn row_{place}(app: &AppHandle, bus: &EventBus) -> Result<()> {{\n    let _ = (app, bus);\n    {example}\n    Ok(())\n}}\n",
                row.name
            );
        }
        if let Some(example) = &row.typescript_use {
            let _ = write!(
                typescript,
                "\n/** {} */\nexport async function row{place}(): Promise<void> {{\n  void api\n  {example}\n}}\n",
                row.name
            );
        }
    }
    [
        ("docs/api.md", table),
        ("tests/plugin/house/api_uses.rs", rust),
        ("guest-js/test/types/api-uses.ts", typescript),
    ]
}

#[test]
fn generated_files_follow_the_list() {
    for (file, text) in generated() {
        let path = root().join(file);
        let before = fs::read_to_string(&path).unwrap_or_default();
        // Formatters may break lines.
        let same = |text: &str| text.split_whitespace().collect::<String>().replace(',', "");
        if same(&before) == same(&text) {
            continue;
        }
        if std::env::var_os("WRITE_SNAPSHOTS").is_some() {
            fs::write(&path, &text).unwrap();
        } else {
            panic!("{file} is out of date: run `cargo xtask codegen` and commit it");
        }
    }
}
