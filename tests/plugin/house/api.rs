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
    /// Items of the façade, and their methods as `Type::method`.
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

/// The generated examples. Nothing calls them.
#[allow(dead_code, unused_variables, unused_imports, clippy::unused_async)]
#[rustfmt::skip]
#[path = "api_uses.rs"]
mod uses;

/// What the examples name.
#[allow(dead_code, unused_imports)]
mod prelude {
    pub(super) use std::time::Duration;

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    pub(super) use tauri::{AppHandle, Manager};
    pub(super) use tauri_plugin_event_bus::catalog::*;
    pub(super) use tauri_plugin_event_bus::component::*;
    pub(super) use tauri_plugin_event_bus::inspect::*;
    pub(super) use tauri_plugin_event_bus::intercept::*;
    pub(super) use tauri_plugin_event_bus::pages::*;
    pub(super) use tauri_plugin_event_bus::periodic::*;
    pub(super) use tauri_plugin_event_bus::receipts::*;
    pub(super) use tauri_plugin_event_bus::request::*;
    pub(super) use tauri_plugin_event_bus::tap::*;
    pub(super) use tauri_plugin_event_bus::task::*;
    pub(super) use tauri_plugin_event_bus::test::*;
    pub(super) use tauri_plugin_event_bus::typed::*;
    pub(super) use tauri_plugin_event_bus::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct CartUpdated {
        pub(super) item_count: u32,
    }

    impl Event for CartUpdated {
        const NAME: &str = "cart:updated";
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Confirm {
        pub(super) title: String,
    }

    impl Request for Confirm {
        const NAME: &str = "confirm";
        type Response = bool;
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Export {
        pub(super) format: String,
    }

    impl StreamRequest for Export {
        const NAME: &str = "export";
        type Part = u32;
        type Response = String;
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Room {
        pub(super) name: String,
    }

    impl ChannelRequest for Room {
        const NAME: &str = "chat";
        type Incoming = String;
        type Outgoing = String;
    }
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
                let module = format!("{module}{name}::");
                match &own.content {
                    _ if name == "fuzzing" => {}
                    Some((_, items)) => facade_of(items, &module, names),
                    None => {
                        let file = syn::parse_file(&read(format!("src/{name}/mod.rs"))).unwrap();
                        facade_of(&file.items, &module, names);
                    }
                }
            }
            Item::Struct(own) if matches!(own.vis, Visibility::Public(_)) => {
                names.push(format!("{module}{}", own.ident));
            }
            Item::Enum(own) if matches!(own.vis, Visibility::Public(_)) => {
                names.push(format!("{module}{}", own.ident));
            }
            _ => {}
        }
    }
}

/// The name itself, without the module before it.
fn last_of(name: &str) -> &str {
    name.rsplit("::").next().unwrap()
}

/// What the crate's root and its public modules have.
fn facade() -> BTreeSet<String> {
    let file = syn::parse_file(&read("src/lib.rs")).unwrap();
    let mut names = Vec::new();
    facade_of(&file.items, "", &mut names);
    names.into_iter().collect()
}

/// The public methods of what the façade has, those of traits included, as `Type::method`.
fn methods(facade: &BTreeSet<String>) -> BTreeSet<String> {
    let types: BTreeSet<&str> = facade.iter().map(|name| last_of(name)).collect();
    let mut methods = BTreeSet::new();
    for file in rust_files("src").into_iter().chain(rust_files("types/src")) {
        let source = fs::read_to_string(&file).unwrap();
        for item in syn::parse_file(&source).unwrap().items {
            match item {
                Item::Impl(block) if block.trait_.is_none() => {
                    let syn::Type::Path(own) = &*block.self_ty else {
                        continue;
                    };
                    let own = own.path.segments.last().unwrap().ident.to_string();
                    if !types.contains(own.as_str()) {
                        continue;
                    }
                    for item in &block.items {
                        if let ImplItem::Fn(method) = item
                            && matches!(method.vis, Visibility::Public(_))
                        {
                            methods.insert(format!("{own}::{}", method.sig.ident));
                        }
                    }
                }
                Item::Trait(block) if types.contains(block.ident.to_string().as_str()) => {
                    for item in &block.items {
                        if let syn::TraitItem::Fn(method) = item
                            && !method.attrs.iter().any(is_hidden)
                        {
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

/// Whether an example uses the row: one of its functions and methods, or one of its types where it has types only.
fn uses(example: &str, items: &[String]) -> bool {
    let names = items
        .iter()
        .filter_map(|item| item.rsplit([':', '.', ' ']).next());
    let (called, types): (Vec<&str>, Vec<&str>) =
        names.partition(|name| name.starts_with(char::is_lowercase));
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = example.split(|c| !is_in_word(c));
    words.any(|word| match called.is_empty() {
        true => types.contains(&word),
        false => called.contains(&word),
    })
}

#[test]
fn an_example_that_uses_another_row_is_found() {
    let items = ["EventBus".to_owned(), "EventBus::emit_to".to_owned()];
    assert!(uses(r#"bus.emit_to("main", "cart", 1)?;"#, &items));
    assert!(!uses(r#"bus.emit("cart", 1)?;"#, &items));
    assert!(!uses("let _: EventBus = app.event_bus();", &items));
    let types = ["BuiltInEvents".to_owned()];
    assert!(uses("let x: BuiltInEvents['error']", &types));
    assert!(!uses("const x: BuiltInEventsIn<'shop'> = y", &types));
}

/// Whether documentation leaves an item out.
fn is_hidden(attribute: &syn::Attribute) -> bool {
    let list = attribute.meta.require_list();
    attribute.path().is_ident("doc") && list.is_ok_and(|list| list.tokens.to_string() == "hidden")
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
            // The guides of the other entry points have their examples, which compile.
            let is_main = !items.iter().any(|item| item.contains(": "));
            if (is_there && is_main) != example.is_some() {
                let _ = writeln!(problems, "{}: {side} needs an example", row.name);
            }
            if let Some(example) = example.as_ref().filter(|example| !uses(example, items)) {
                let _ = writeln!(problems, "{}: not used by {example}", row.name);
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
    let methods = methods(&expected);
    expected.extend(methods);
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

/// What the examples in TypeScript import, as an import says it.
fn imports(rows: &[Capability]) -> BTreeSet<String> {
    let examples = rows.iter().filter_map(|row| row.typescript_use.as_deref());
    let words: BTreeSet<&str> = examples
        .flat_map(|example| example.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .collect();
    let exports = rows.iter().flat_map(|row| &row.typescript);
    let used = exports.filter(|name| words.contains(name.as_str()));
    // Types begin with a capital letter. So do two values.
    let is_type = |name: &str| name.starts_with(char::is_uppercase) && !VALUES.contains(&name);
    used.map(|name| match is_type(name) {
        true => format!("type {name}"),
        false => name.clone(),
    })
    .collect()
}

const VALUES: [&str; 2] = ["EventBusError", "HOST"];

/// The table of docs/api.md, and the files that use every row.
fn generated() -> [(&'static str, String); 3] {
    let rows = list();
    let mut table = String::from(
        "# The API on both sides\n\nWhat Rust can, TypeScript can, under the same word, unless the table says why not. \
         This page is generated from [api.toml](api.toml).\n\n| | Rust | TypeScript |\n|---|---|---|\n",
    );
    let mut rust = String::from(
        "//! Generated from docs/api.toml: every row compiles. Do not edit.\n\nuse super::prelude::*;\n",
    );
    let mut typescript = String::from(
        "// Generated from docs/api.toml: every row compiles. Do not edit.\nimport {\n",
    );
    for name in imports(&rows) {
        let _ = writeln!(typescript, "  {name},");
    }
    typescript.push_str("} from '../src/index.js'\n");
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
                "\n/** {} */\nexport async function row{place}(): Promise<void> {{\n  {example}\n}}\n",
                row.name
            );
        }
    }
    [
        ("docs/api.md", table),
        ("tests/plugin/house/api_uses.rs", rust),
        ("guest-js/test/api-uses.ts", typescript),
    ]
}

#[test]
fn generated_files_follow_the_list() {
    for (file, text) in generated() {
        let path = root().join(file);
        let before = fs::read_to_string(&path).unwrap_or_default();
        if before == text {
            continue;
        }
        if std::env::var_os("WRITE_SNAPSHOTS").is_some() {
            fs::write(&path, &text).unwrap();
        } else {
            panic!("{file} is out of date: run `cargo xtask codegen` and commit it");
        }
    }
}
