//! Lengths: names of tests, and files.

use std::fs;
use std::path::{Path, PathBuf};

use super::{root, rust_files};

/// A longer name repeats its module, or is a sentence.
const MAX_TEST_NAME: usize = 49;

/// Longer files hold several subjects.
const MAX_LINES: usize = 520;

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
    for folder in ["src", "tests", "e2e/tests"] {
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
    assert!(count > 400, "{count}");
    assert!(
        long.is_empty(),
        "{} names are longer than {MAX_TEST_NAME} characters:\n{}",
        long.len(),
        long.join("\n")
    );
}

/// Whether the file is compiled for tests only.
fn is_test_file(file: &Path) -> bool {
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let folder = file.parent().unwrap();
    let declaration = format!("#[cfg(test)]\nmod {stem};");
    let parent = fs::read_to_string(folder.join("mod.rs")).unwrap_or_default();
    stem == "tests"
        || folder.strip_prefix(root()).unwrap().ends_with("tests")
        || parent.contains(&declaration)
}

fn typescript_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(typescript_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "ts") {
            files.push(path);
        }
    }
    files
}

#[test]
fn files_are_short() {
    let rust = rust_files("src").into_iter();
    let rust = rust.filter(|file| !is_test_file(file));
    let files: Vec<_> = rust
        .chain(typescript_files(&root().join("guest-js/src")))
        .collect();
    assert!(files.len() > 100, "{}", files.len());
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
