//! Checks each crate with each of its features apart.

use crate::run::{Outcome, cargo, root};
use std::fs;

/// The crates, with the folders of their manifests.
const CRATES: [(&str, &str); 4] = [
    ("tauri-plugin-event-bus-types", "types"),
    ("tauri-plugin-event-bus-guest", "guest-rs"),
    ("tauri-plugin-event-bus", ""),
    ("tauri-plugin-event-bus-nats", "nats"),
];

/// Checks each crate without features and with each feature alone. A warning is an error.
pub(crate) fn apart() -> Outcome {
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

#[cfg(test)]
mod tests {
    use super::{features_in, manifest};

    #[test]
    fn features_are_read_from_the_manifest() {
        let own = features_in(&manifest("").unwrap());
        for feature in [
            "calls",
            "flood-limits",
            "inspector",
            "page-crashes",
            "stream",
            "test",
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
