//! Prepares the app's configuration and capabilities.

fn main() {
    let page = std::path::Path::new("dist");
    // The bundles are made by npm. Without them the app still compiles, so that lints need no page.
    if !page.exists() {
        let _ = std::fs::create_dir_all(page);
    }
    println!("cargo:rerun-if-changed=dist");
    tauri_build::build();
}
