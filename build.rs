//! Generates a permission for each command and hands the script for apps without a bundler to Tauri.

include!("src/command_names.rs");

fn main() {
    tauri_plugin::Builder::new(COMMANDS)
        .global_api_script_path("./api-iife.js")
        .build();
}
