//! Prepares the app's configuration and capabilities.

fn main() {
    // Tauri embeds the script of the plugin.
    println!("cargo:rerun-if-changed=../../api-iife.js");
    println!("cargo:rerun-if-changed=page");
    tauri_build::build();
}
