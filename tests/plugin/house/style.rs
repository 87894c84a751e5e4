//! Lengths: names of tests, and files.

use std::fs;

use super::{root, rust_files};

/// A longer name repeats its module, or is a sentence.
const MAX_TEST_NAME: usize = 49;

/// Every folder with Rust code of the project. `guest-js/test/imports.test.ts` has these limits for the guest.
const MEMBERS: &[&str] = &[
    "src",
    "types/src",
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
        let lines = own.lines().count();
        if lines > MAX_LINES {
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
