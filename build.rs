//! Generates a permission for each command and the schema of their scopes, and hands the script for apps without a
//! bundler to Tauri.

// The scope's entries derive here what editors need, where the crate derives how they are read.
use schemars::JsonSchema as Deserialize;
use schemars::r#gen::SchemaSettings;

include!("src/shell/commands/names.rs");

#[allow(dead_code)]
#[path = "src/permissions/entry.rs"]
mod entry;

fn main() {
    println!("cargo:rerun-if-changed=src/shell/commands/names.rs");
    println!("cargo:rerun-if-changed=src/permissions/entry.rs");
    // What is optional may be left out; `null` is malformed.
    let settings = SchemaSettings::draft07().with(|settings| settings.option_add_null_type = false);
    let scope = settings
        .into_generator()
        .into_root_schema_for::<entry::ScopeEntryText>();
    tauri_plugin::Builder::new(COMMANDS)
        .global_api_script_path("./api-iife.js")
        .global_scope_schema(scope)
        .build();
}
