//! Compiles the plugin's files as they are where the host calls pages.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(calls)");
    println!("cargo::rustc-cfg=calls");
    println!("cargo::rerun-if-changed=build.rs");
}
