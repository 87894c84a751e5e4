//! The oldest releases that the plugin takes: its manifests, the guide and the tests agree.

use super::read;

fn tables(path: &str) -> toml::Table {
    read(path).parse().unwrap()
}

/// The requirement of a crate in a manifest.
fn requirement(manifest: &str, section: &str) -> String {
    let manifest = tables(manifest);
    let tauri = &manifest[section]["tauri"];
    let version = tauri.get("version").unwrap_or(tauri);
    version.as_str().unwrap().to_owned()
}

#[test]
fn the_oldest_tauri_is_the_same_everywhere() {
    let oldest = requirement("Cargo.toml", "dependencies");
    assert_eq!(requirement("Cargo.toml", "dev-dependencies"), oldest);
    let package: serde_json::Value = serde_json::from_str(&read("guest-js/package.json")).unwrap();
    let peer = &package["peerDependencies"]["@tauri-apps/api"];
    assert_eq!(peer, &format!("^{oldest}.0"), "`tauri build` compares them");
    for (file, text) in [
        (
            "README.md",
            format!("Tauri {oldest} and `@tauri-apps/api` {oldest}"),
        ),
        ("docs/moving.md", format!("needs Tauri {oldest}")),
        (
            "xtask/src/oldest.rs",
            format!("(\"tauri\", \"{oldest}.0\")"),
        ),
    ] {
        assert!(read(file).contains(&text), "{file} lacks {text:?}");
    }
}
