//! Lengths: names of tests, files, and the map of the project, which has a reason for each dependency.

use std::fs;

use super::{read, root, rust_files};

/// A longer name repeats its module, or is a sentence.
const MAX_TEST_NAME: usize = 49;

/// Every folder with Rust code of the project. `guest-js/test/imports.test.ts` has these limits for the guest.
const MEMBERS: &[&str] = &[
    "src",
    "types/src",
    "guest-rs/src",
    "tests",
    "e2e",
    "benches",
    "examples",
    "fuzz",
    "xtask/src",
];

/// Longer files hold several subjects.
const MAX_LINES: usize = 500;

/// The names of the tests in a file.
fn test_names(source: &str) -> Vec<&str> {
    let attributes = ["#[test]", "#[tokio::test]"];
    let after = attributes
        .iter()
        .flat_map(|attribute| source.split(attribute).skip(1));
    after
        .filter_map(|rest| {
            let (_, name) = rest.split_once("fn ")?;
            name.split('(').next()
        })
        .collect()
}

#[test]
fn names_of_tests_are_short() {
    let mut count = 0;
    let mut long = Vec::new();
    for folder in MEMBERS {
        for file in rust_files(folder) {
            let source = fs::read_to_string(&file).unwrap();
            for name in test_names(&source) {
                count += 1;
                if name.len() > MAX_TEST_NAME {
                    let below = file.strip_prefix(root()).unwrap();
                    long.push(format!(
                        "{}: {name} ({} characters)",
                        below.display(),
                        name.len()
                    ));
                }
            }
        }
    }
    assert!(count > 500, "{count}");
    assert!(
        long.is_empty(),
        "{} names are longer than {MAX_TEST_NAME} characters:\n{}",
        long.len(),
        long.join("\n")
    );
}

#[test]
fn files_are_short() {
    let files: Vec<_> = MEMBERS
        .iter()
        .flat_map(|folder| rust_files(folder))
        .collect();
    assert!(files.len() > 200, "{}", files.len());
    let mut long = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let own = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if own.starts_with("//! Generated from ") {
            continue;
        }
        let lines = own.lines().count();
        let is_generated = source.starts_with("//! Generated");
        if lines > MAX_LINES && !is_generated {
            let below = file.strip_prefix(root()).unwrap();
            long.push(format!("{}: {lines} lines", below.display()));
        }
    }
    assert!(
        long.is_empty(),
        "these files are longer than {MAX_LINES} lines without their tests:\n{}",
        long.join("\n")
    );
}

/// Two pages, with their tables. A reader finds the place of a change in them within two minutes.
const MAX_WORDS: usize = 1_100;

#[test]
fn the_map_of_the_project_is_short() {
    let words = read("ARCHITECTURE.md").split_whitespace().count();
    assert!(
        words <= MAX_WORDS,
        "ARCHITECTURE.md has {words} words; expected at most {MAX_WORDS}"
    );
}

/// The names in the tables of dependencies of a manifest, without the packages of this repository.
fn dependencies_in(table: &toml::Table, found: &mut Vec<String>) {
    for (key, value) in table {
        let Some(below) = value.as_table() else {
            continue;
        };
        if !key.ends_with("dependencies") {
            dependencies_in(below, found);
            continue;
        }
        let is_own = |value: &toml::Value| value.get("path").is_some();
        let foreign = below.iter().filter(|(_, value)| !is_own(value));
        found.extend(foreign.map(|(name, _)| name.clone()));
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let map = read("ARCHITECTURE.md");
    let reasons = map.split("\n## Dependencies\n").nth(1).unwrap();
    let mut named = Vec::new();
    dependencies_in(&read("Cargo.toml").parse().unwrap(), &mut named);
    assert!(named.len() > 15, "{named:?}");

    let known = |name: &str| reasons.contains(&format!("`{name}`"));
    let unexplained: Vec<&String> = named.iter().filter(|name| !known(name)).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}
