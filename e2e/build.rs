//! Prepares the fixture app's configuration and capabilities.

fn main() {
    let page = std::path::Path::new("dist");
    // The bundle is made by npm. Without it the fixture still compiles, so that lints need no browser page.
    if !page.exists() {
        let _ = std::fs::create_dir_all(page);
    }
    println!("cargo:rerun-if-changed=dist");
    // Tauri embeds the script of the plugin.
    println!("cargo:rerun-if-changed=../api-iife.js");
    tauri_build::build();
}
