//! What `cargo xtask test --long` adds: checks that compile dependencies again, or whose tools take minutes to install.

use crate::run::{Outcome, cargo, on_path, program_with, root, target};
use std::fs;

/// The crates, with the folders of their manifests.
const CRATES: [(&str, &str); 2] = [
    ("tauri-plugin-event-bus-types", "types"),
    ("tauri-plugin-event-bus", ""),
];

/// Checks each crate without features and with each feature alone. A warning is an error.
pub(crate) fn features() -> Outcome {
    for (package, folder) in CRATES {
        check_with(package, &[])?;
        for feature in features_in(&manifest(folder)?) {
            check_with(package, &["--features", &feature])?;
        }
    }
    Ok(())
}

fn manifest(folder: &str) -> Outcome<String> {
    let file = root().join(folder).join("Cargo.toml");
    fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

/// The features of a manifest, without the set of those that are on by default.
fn features_in(manifest: &str) -> Vec<String> {
    let table = manifest.split("\n[features]\n").nth(1).unwrap_or_default();
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split_once(" = "));
    let names = names.map(|(name, _)| name.to_owned());
    names
        .filter(|name| name != "default" && !name.starts_with('#'))
        .collect()
}

fn check_with(package: &str, features: &[&str]) -> Outcome {
    let check = ["clippy", "--package", package, "--no-default-features"];
    cargo(&[&check, features, &["--", "-D", "warnings"]].concat())
}

/// Licenses, sources and doubled versions of every dependency, by `deny.toml`.
pub(crate) fn dependencies() -> Outcome {
    let deny = tool("cargo-deny", "cargo-deny")?;
    let check = ["--all-features", "check", "bans", "licenses", "sources"];
    program_with(&deny, &check, &[])
}

/// Words, by `_typos.toml`.
pub(crate) fn spelling() -> Outcome {
    program_with(&tool("typos", "typos-cli")?, &[], &[])
}

/// A tool that is installed, or that this installs below the target directory.
fn tool(program: &str, package: &str) -> Outcome<String> {
    if on_path(program) {
        return Ok(program.to_owned());
    }
    let folder = target().join("tools");
    let binary = folder.join("bin").join(program);
    if !binary.exists() {
        let folder = folder.display().to_string();
        cargo(&["install", "--locked", "--root", &folder, package])?;
    }
    Ok(binary.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::{features_in, manifest};

    #[test]
    fn features_are_read_from_the_manifest() {
        let own = features_in(&manifest("").unwrap());
        for feature in [
            "calls",
            "flood-limits",
            "page-crashes",
            "stream",
            "typed",
            "unstable",
        ] {
            assert!(
                own.iter().any(|name| name == feature),
                "{own:?} lacks {feature}"
            );
        }
        assert!(
            !own.iter()
                .any(|name| name == "default" || name.starts_with('#')),
            "{own:?}"
        );
        assert_eq!(features_in(&manifest("types").unwrap()), ["typed"]);
    }
}
