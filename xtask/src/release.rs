//! `release --dry-run`: what a release would contain, whether its parts agree, and what it still lacks.

use crate::{
    docs, npm, packages,
    run::{Outcome, output, root},
    system,
};
use std::{env, fs};

/// Every manifest with the version of a release.
const CARGO: [&str; 4] = [
    "Cargo.toml",
    "types/Cargo.toml",
    "nats/Cargo.toml",
    "guest-rs/Cargo.toml",
];
const NPM: [&str; 2] = ["guest-js/package.json", "migrate/package.json"];

pub(crate) fn release(arguments: &[&str]) -> Outcome {
    let must_be_complete = match arguments {
        ["--dry-run"] => false,
        ["--dry-run", "--complete"] => true,
        _ => {
            return Err("a tag v<version> publishes, through .github/workflows/release.yml; here, run `cargo xtask release --dry-run`, with `--complete` to fail if anything is missing".to_owned());
        }
    };
    let version = versions()?;
    let missing = missing(&version)?;
    npm::install()?;
    system::for_windows()?;
    npm::script("build")?;
    packages::test()?;
    println!("\nThe packages of version {version} install and work.");
    if missing.is_empty() {
        println!("Nothing is missing for a release.");
        return Ok(());
    }
    let list = format!("missing for a release:\n- {}", missing.join("\n- "));
    if must_be_complete {
        return Err(list);
    }
    println!("{list}");
    Ok(())
}

/// The one version of all manifests, and of the dependencies of the crates on each other.
fn versions() -> Outcome<String> {
    let mut found = Vec::new();
    for manifest in CARGO {
        found.push((manifest, docs::version(manifest)?));
    }
    for manifest in NPM {
        found.push((manifest, json_version(&read(manifest)?).unwrap_or_default()));
    }
    for (manifest, dependency) in [
        (CARGO[0], "tauri-plugin-event-bus-types"),
        (CARGO[2], "tauri-plugin-event-bus"),
        (CARGO[3], "tauri-plugin-event-bus-types"),
    ] {
        let text = read(manifest)?;
        let beginning = format!("{dependency} = {{ version = \"=");
        let line = text.lines().find_map(|line| line.strip_prefix(&*beginning));
        let needed = line.and_then(|rest| rest.split('"').next());
        found.push((dependency, needed.unwrap_or_default().to_owned()));
    }
    agreed(&found)
}

fn agreed(found: &[(&str, String)]) -> Outcome<String> {
    let Some((_, version)) = found.first() else {
        return Err("no manifest was read".to_owned());
    };
    if found.iter().all(|(_, other)| other == version) {
        return Ok(version.clone());
    }
    let list: Vec<String> = found
        .iter()
        .map(|(place, version)| format!("- {place}: {version:?}"))
        .collect();
    Err(format!(
        "all parts are released in one version, but these differ:\n{}",
        list.join("\n")
    ))
}

/// The version of a manifest of npm.
fn json_version(manifest: &str) -> Option<String> {
    let line = manifest
        .lines()
        .find_map(|line| line.trim().strip_prefix("\"version\": \""));
    Some(line?.split('"').next()?.to_owned())
}

fn missing(version: &str) -> Outcome<Vec<String>> {
    let mut missing = Vec::new();
    if docs::address()?.is_empty() {
        missing.push("the public address of the repository: set `repository` in Cargo.toml, then run `cargo xtask codegen`".to_owned());
    }
    missing.extend(unwritten(&read("CHANGELOG.md")?, version));
    if !output("git", &["status", "--porcelain"]).trim().is_empty() {
        missing.push("a commit of what was changed".to_owned());
    }
    // npm also takes the identity of a workflow.
    for (token, registry) in [
        ("CARGO_REGISTRY_TOKEN", "crates.io"),
        ("NODE_AUTH_TOKEN", "npm"),
    ] {
        if env::var_os(token).is_none_or(|value| value.is_empty()) {
            missing.push(format!("a token for {registry}: the variable {token}"));
        }
    }
    Ok(missing)
}

/// What the changelog lacks: a heading of the version with a date, and nothing unreleased above it.
fn unwritten(changelog: &str, version: &str) -> Option<String> {
    let mut headings = changelog
        .lines()
        .filter_map(|line| line.strip_prefix("## "));
    let first = headings.next().unwrap_or_default();
    let is_date = |text: &str| {
        let digits = text
            .split('-')
            .map(|part| (part.len(), part.parse::<u32>().is_ok()));
        digits.eq([(4, true), (2, true), (2, true)])
    };
    let is_written = first
        .strip_prefix(version)
        .and_then(|rest| rest.strip_prefix(" - "))
        .is_some_and(is_date);
    (!is_written).then(|| {
        format!(
            "the changelog of {version}: CHANGELOG.md begins with \"## {first}\"; expected \"## {version} - <year>-<month>-<day>\""
        )
    })
}

fn read(file: &str) -> Outcome<String> {
    fs::read_to_string(root().join(file)).map_err(|error| format!("cannot read {file}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{agreed, json_version, unwritten};

    #[test]
    fn versions_that_differ_are_named() {
        let found = [
            ("Cargo.toml", "1.2.0".to_owned()),
            ("package.json", "1.2.1".to_owned()),
        ];
        let error = agreed(&found).unwrap_err();
        assert!(
            error.contains("- Cargo.toml: \"1.2.0\"\n- package.json: \"1.2.1\""),
            "{error}"
        );
        assert_eq!(agreed(&found[..1]), Ok("1.2.0".to_owned()));
        let manifest = "{\n  \"name\": \"a\",\n  \"version\": \"1.2.0\",\n}";
        assert_eq!(json_version(manifest).as_deref(), Some("1.2.0"));
    }

    #[test]
    fn a_release_has_its_heading_and_date() {
        assert_eq!(
            unwritten("# Changelog\n\n## 1.2.0 - 2026-11-30\n\n## 1.1.0", "1.2.0"),
            None
        );
        for changelog in [
            "",
            "## Unreleased\n\n## 1.2.0 - 2026-11-30",
            "## 1.2.0",
            "## 1.2.0 - soon",
            "## 1.2.0 - 2026-11-3",
            "## 1.2.01 - 2026-11-30",
        ] {
            assert!(unwritten(changelog, "1.2.0").is_some(), "{changelog}");
        }
    }
}
