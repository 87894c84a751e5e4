//! Prepares the configuration and the capabilities of the windows.

fn main() {
    // Tauri embeds the script of the plugin.
    println!("cargo:rerun-if-changed=../../api-iife.js");
    tauri_build::build();
}
