//! Checks and tests with the oldest release of Tauri that the plugin takes. The lock file of the repository has the newest.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::run::{Outcome, cargo_in, root, target};

/// The oldest release, with the crates that were released with it.
const OLDEST: &[(&str, &str)] = &[
    ("tauri", "2.12.0"),
    ("tauri-runtime-wry", "2.12.0"),
    ("tauri-runtime", "2.12.0"),
    ("tauri-build", "2.7.0"),
    ("tauri-plugin", "2.7.1"),
    ("tauri-macros", "2.7.0"),
    ("tauri-codegen", "2.7.0"),
    ("tauri-utils", "2.10.1"),
];

/// What is made from the sources, and what no test of the plugin reads.
const LEFT_OUT: &[&str] = &[
    ".git",
    "corpus",
    "dist",
    "dist-js",
    "gen",
    "node_modules",
    "target",
];

/// Checks the types of the plugin and its tests, which takes half the time of building them.
pub(crate) fn check() -> Outcome {
    with_oldest(&["check", "--workspace", "--test", "plugin"])
}

/// Runs all Rust tests of the plugin.
pub(crate) fn test() -> Outcome {
    let plugin = ["test", "--package", "tauri-plugin-event-bus"];
    with_oldest(&[&plugin[..], &["--lib", "--test", "plugin"]].concat())
}

/// Runs a command in a copy of the repository whose lock file has the oldest release.
fn with_oldest(arguments: &[&str]) -> Outcome {
    let folder = target().join("oldest-tauri");
    copy(&root(), &folder)?;
    let built = target().display().to_string();
    let variables = [("CARGO_TARGET_DIR", &*built)];
    // In this order, because each allows the next ones to be older. The guests of Tauri need `tauri-plugin` 2.7.1.
    for (name, version) in OLDEST {
        let update = ["update", "--package", name, "--precise", version];
        cargo_in(&folder, &update, &variables)?;
    }
    cargo_in(&folder, arguments, &variables)
}

/// Copies what has changed, so that cargo builds again only what has.
fn copy(from: &Path, to: &Path) -> Outcome {
    let fault = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    fs::create_dir_all(to).map_err(fault)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        if is_left_out(from, &name) {
            continue;
        }
        let (source, copy) = (entry.path(), to.join(&name));
        if source.is_dir() {
            self::copy(&source, &copy)?;
        } else {
            let content = fs::read(&source).map_err(fault)?;
            if fs::read(&copy).ok().as_ref() != Some(&content) {
                fs::write(&copy, content).map_err(fault)?;
            }
        }
        names.push(name);
    }
    // What has gone from the sources.
    for entry in fs::read_dir(to).map_err(fault)?.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        if names.contains(&name) || is_left_out(from, &name) {
            continue;
        }
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        removed.map_err(fault)?;
    }
    Ok(())
}

/// Whether this is made from the sources. Seeds of the fuzz target `target` have a folder of that name, too.
fn is_left_out(folder: &Path, name: &OsStr) -> bool {
    LEFT_OUT.iter().any(|left_out| name == *left_out)
        && (name != "target" || folder.join("Cargo.toml").exists())
}
