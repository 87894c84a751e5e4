//! What the workflows repeat of the project: versions, commands and names. They do not run here.

use super::{read, root};

const WORKFLOWS: [&str; 3] = [
    ".github/workflows/ci.yml",
    ".github/workflows/release.yml",
    ".github/actions/linux/action.yml",
];

/// The values of a key, without quotes and comments.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text
        .lines()
        .map(|line| line.trim().trim_start_matches("- "));
    lines
        .filter_map(|line| line.strip_prefix(key))
        .map(|value| value.trim().trim_matches('"'))
        .collect()
}

#[test]
fn the_oldest_versions_are_those_of_the_manifests() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let rust = manifest["workspace"]["package"]["rust-version"]
        .as_str()
        .unwrap();
    assert!(values(&read(WORKFLOWS[0]), "toolchain:").contains(&rust));

    let tauri = manifest["dependencies"]["tauri"]["version"].as_str();
    let guest: serde_json::Value = serde_json::from_str(&read("guest-js/package.json")).unwrap();
    let api = guest["peerDependencies"]["@tauri-apps/api"].as_str();
    let api = api.unwrap().trim_start_matches('^').trim_end_matches(".0");
    let needed = format!(
        "Requirements: Rust {rust}, Tauri {} and `@tauri-apps/api` {api} or newer.",
        tauri.unwrap()
    );
    assert!(read("README.md").contains(&needed), "{needed}");
    assert!(read("CONTRIBUTING.md").contains(&format!("Rust {rust} or newer")));
}

#[test]
fn actions_have_versions() {
    let mut count = 0;
    for file in WORKFLOWS {
        for action in values(&read(file), "uses:") {
            count += 1;
            let is_version = |tag: &str| tag.starts_with(|first: char| first.is_ascii_digit());
            let has_version = match action.strip_prefix("docker://") {
                Some(image) => image
                    .rsplit_once(':')
                    .is_some_and(|(_, tag)| is_version(tag)),
                None => action
                    .rsplit_once("@v")
                    .is_some_and(|(_, tag)| is_version(tag)),
            };
            let own = action.strip_prefix("./");
            let is_there = own.is_some_and(|own| root().join(own).join("action.yml").exists());
            assert!(has_version || is_there, "{file} uses {action}");
        }
    }
    assert!(count > 15, "{count}");
}

/// Packages, workspaces and commands that a workflow names exist.
#[test]
fn workflows_name_what_is_there() {
    let cargo = read("Cargo.lock");
    let npm = ["guest-js", "migrate"].map(|folder| read(format!("{folder}/package.json")));
    let help = read("xtask/src/main.rs");
    let mut count = 0;
    for file in WORKFLOWS {
        let text = read(file);
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            for pair in words.windows(2) {
                let is_known = match *pair {
                    ["-p", package] if line.contains("cargo ") => {
                        let package = package.trim_end_matches(')');
                        cargo.contains(&format!("name = {package:?}\n"))
                    }
                    ["--workspace", name] => {
                        let is_package =
                            |text: &String| text.contains(&format!("\"name\": {name:?}"));
                        root().join(name).join("package.json").exists()
                            || npm.iter().any(is_package)
                    }
                    ["xtask", command] => help.contains(&format!("[{command:?}, options @ ..]")),
                    _ => continue,
                };
                count += 1;
                assert!(is_known, "{file}: {}", pair.join(" "));
            }
        }
    }
    assert!(count > 15, "{count}");
}
