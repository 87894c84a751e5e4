//! The list of the places where the code differs between platforms.

use std::collections::BTreeMap;

use super::{read, rust_files};

/// What a `cfg` for a platform names.
const PLATFORM: [&str; 7] = [
    "target_os",
    "target_vendor",
    "target_family",
    "target_env",
    "windows",
    "unix",
    "mobile",
];

/// The conditions of a source: what follows `cfg(`, `cfg!(` and `cfg_attr(`, up to the closing bracket.
fn conditions(source: &str) -> impl Iterator<Item = &str> {
    source.match_indices("cfg").filter_map(|(start, _)| {
        let rest = &source[start..];
        let opening = ["cfg(", "cfg!(", "cfg_attr("]
            .into_iter()
            .find(|opening| rest.starts_with(opening))?;
        let rest = &rest[opening.len()..];
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        })?;
        Some(&rest[..end])
    })
}

fn is_for_a_platform(condition: &str) -> bool {
    let mut words = condition.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| PLATFORM.contains(&word))
}

/// A comment of Rust or TOML.
fn is_comment(line: &str) -> bool {
    let attribute = line.starts_with("#[") || line.starts_with("#![");
    line.starts_with("//") || (line.starts_with('#') && !attribute)
}

/// The manifests of the packages.
fn manifests() -> Vec<String> {
    let own = read("Cargo.toml");
    let members = own.lines().find_map(|line| line.strip_prefix("members = "));
    let members = members.unwrap().split('"').skip(1).step_by(2);
    let mut manifests: Vec<String> = members
        .map(|member| format!("{member}/Cargo.toml"))
        .collect();
    manifests.push("Cargo.toml".to_owned());
    manifests
}

fn places(source: &str) -> usize {
    let code: String = source
        .lines()
        .filter(|line| !is_comment(line.trim_start()))
        .flat_map(|line| [line, "\n"])
        .collect();
    conditions(&code)
        .filter(|condition| is_for_a_platform(condition))
        .count()
}

#[test]
fn conditions_for_platforms_are_found() {
    for (source, expected) in [
        ("#[cfg(any(target_os = \"linux\", windows))]", 1),
        (
            "#[cfg(all(\n    feature = \"x\",\n    target_os = \"ios\"\n))]",
            1,
        ),
        ("if cfg!(unix) && cfg!(not(windows)) {", 2),
        (
            "#![cfg_attr(not(debug_assertions), windows_subsystem = \"windows\")]",
            1,
        ),
        ("#[cfg(test)] mod unix; fn cfg() {}", 0),
        ("// cfg(windows)", 0),
        ("[target.'cfg(unix)'.dependencies]", 1),
    ] {
        assert_eq!(places(source), expected, "{source}");
    }
}

#[test]
fn every_condition_for_a_platform_is_documented() {
    let folders = [
        "benches", "e2e", "examples", "fuzz", "src", "tests", "types", "xtask",
    ];
    let root = super::root();
    let files = folders.iter().flat_map(|folder| rust_files(folder));
    let sources = files.map(|path| path.strip_prefix(root).unwrap().display().to_string());
    let mut found: BTreeMap<String, usize> = sources
        .chain(manifests())
        .map(|name| {
            let count = places(&read(&name));
            (name, count)
        })
        .collect();
    // This file has examples.
    found.remove(file!());
    found.retain(|_, count| *count > 0);

    let guide = read("docs/platforms.md");
    let (_, list) = guide.split_once("## Where the code differs").unwrap();
    let documented: BTreeMap<String, usize> = list
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let file = cells.next()?.trim().trim_end_matches('`').to_owned();
            let count = cells.next()?.trim().parse().ok()?;
            Some((file, count))
        })
        .collect();
    assert_eq!(
        found, documented,
        "left: the sources; right: docs/platforms.md"
    );
}

/// `module::journey`, in backticks.
fn named_journeys(guide: &str) -> impl Iterator<Item = (&str, &str)> {
    guide
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::"))
        .filter(|(module, name)| {
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            !module.is_empty() && module.chars().chain(name.chars()).all(is_word)
        })
}

#[test]
fn every_journey_of_the_guide_exists() {
    let guide = read("docs/platforms.md");
    let mut count = 0;
    for (module, name) in named_journeys(&guide) {
        // Rules of the house have names like these.
        if module == "house" {
            continue;
        }
        let source = read(format!("e2e/tests/journeys/{module}.rs"));
        let journey = format!("#[tokio::test]\nasync fn {name}()");
        assert!(source.contains(&journey), "no journey {module}::{name}");
        count += 1;
    }
    assert!(count > 20, "the guide names {count} journeys");
}
