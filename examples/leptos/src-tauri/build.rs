//! Reads the configuration and the capabilities at build time.

fn main() {
    let page = std::path::Path::new("../dist");
    // `cargo xtask wasm` builds the page. Without it the app still compiles, so that lints need no WebAssembly.
    if !page.exists() {
        let _ = std::fs::create_dir_all(page);
    }
    println!("cargo:rerun-if-changed=../dist");
    tauri_build::build();
}
