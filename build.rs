//! Generates a permission for each command and the schema of scope entries, and passes Tauri the script for apps without a
//! bundler.

// The entries derive here the schema for editors. In the crate they derive their deserialization.
use schemars::JsonSchema as Deserialize;
use schemars::r#gen::SchemaSettings;

include!("src/shell/commands/names.rs");

#[allow(dead_code)]
#[path = "src/permissions/entry.rs"]
mod entry;

#[path = "build/guides.rs"]
mod guides;

fn main() {
    println!("cargo:rerun-if-changed=src/shell/commands/names.rs");
    println!("cargo:rerun-if-changed=src/permissions/entry.rs");
    // An optional key may be left out, but `null` is malformed.
    let settings = SchemaSettings::draft07().with(|settings| settings.option_add_null_type = false);
    let scope = settings
        .into_generator()
        .into_root_schema_for::<entry::ScopeEntryText>();
    let commands = [COMMANDS, INSPECTOR_COMMANDS].concat();
    tauri_plugin::Builder::new(&commands)
        .global_api_script_path("./api-iife.js")
        .global_scope_schema(scope)
        .build();
    name_platforms();
    write_guides();
}

/// docs.rs gets the guides as modules, with the links of rustdoc. `cargo xtask docs` writes them by itself.
fn write_guides() {
    println!("cargo::rustc-check-cfg=cfg(guides)");
    println!("cargo::rerun-if-env-changed=DOCS_RS");
    if std::env::var_os("DOCS_RS").is_none() {
        return;
    }
    let variable = |name| std::env::var(name).unwrap_or_default();
    let folder = std::path::Path::new(&variable("OUT_DIR")).join("guides");
    let docs = std::path::Path::new(&variable("CARGO_MANIFEST_DIR")).join("docs");
    let source = match variable("CARGO_PKG_REPOSITORY") {
        address if address.is_empty() => address,
        address => format!("{address}/blob/v{}", variable("CARGO_PKG_VERSION")),
    };
    match guides::write(&docs, &folder, &source) {
        Ok(()) => println!("cargo::rustc-env=EVENT_BUS_GUIDES={}", folder.display()),
        Err(error) => println!("cargo::error=cannot write the guides: {error}"),
    }
}

/// Sets `calls` where the host calls pages: the feature, on the systems with WebKitGTK.
fn name_platforms() {
    println!("cargo::rustc-check-cfg=cfg(calls)");
    let systems = ["linux", "dragonfly", "freebsd", "netbsd", "openbsd"];
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if std::env::var_os("CARGO_FEATURE_CALLS").is_some() && systems.contains(&system.as_str()) {
        println!("cargo::rustc-cfg=calls");
    }
}
