//! `cross`: checks the types for targets that this machine cannot run. A warning is an error.

use crate::{
    npm,
    run::{self, Outcome, cargo_with, output, program_with, root},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// One target of each other platform.
const TARGETS: [&str; 4] = [
    "x86_64-pc-windows-msvc",
    "aarch64-apple-darwin",
    "aarch64-apple-ios",
    "aarch64-linux-android",
];

const PLUGIN: &str = "tauri-plugin-event-bus";

/// The packages that use the plugin as apps do.
const APPS: [&str; 3] = ["playground", "shop", "benchmark"];

/// The path of a program that runs cargo with a standard library that it builds itself, for targets that rustup lacks.
const SCRIPT_VARIABLE: &str = "CROSS_CHECK";
const SCRIPT: &str = "../shared/cross-check";

pub(crate) fn cross(arguments: &[&str]) -> Outcome {
    let options = Options::parse(arguments)?;
    if !options.quick {
        // Apps embed their pages.
        npm::install()?;
        npm::build_pages()?;
    }
    for target in options.targets {
        let means = Means::of(target).ok_or_else(|| missing(target))?;
        if options.quick {
            means.check(target, &["--package", PLUGIN])?;
        } else {
            check_everything(&means, target)?;
        }
    }
    Ok(())
}

/// Checks the plugin with its default features for one target, if this machine can.
pub(crate) fn one_target() -> Outcome {
    let target = TARGETS[0];
    match Means::of(target) {
        Some(means) => means.check(target, &["--package", PLUGIN]),
        None => {
            println!("skipped: {}", missing(target));
            Ok(())
        }
    }
}

fn check_everything(means: &Means, target: &str) -> Outcome {
    means.check(target, &["--package", PLUGIN])?;
    means.check(target, &["--package", PLUGIN, "--all-features"])?;
    let without = ["--package", PLUGIN, "--no-default-features"];
    means.check(target, &without)?;
    for feature in features(&manifest()?) {
        means.check(target, &[&without[..], &["--features", &feature]].concat())?;
    }
    let apps = APPS.iter().flat_map(|app| ["--package", app]);
    means.check(target, &apps.collect::<Vec<_>>())
}

struct Options<'a> {
    targets: Vec<&'a str>,
    quick: bool,
}

impl<'a> Options<'a> {
    fn parse(arguments: &[&'a str]) -> Outcome<Self> {
        let (mut targets, mut quick) = (Vec::new(), false);
        let mut arguments = arguments.iter().copied();
        while let Some(argument) = arguments.next() {
            match argument {
                "--quick" => quick = true,
                "--target" => {
                    let target = arguments.next().unwrap_or_default();
                    if !TARGETS.contains(&target) {
                        let known = TARGETS.join(", ");
                        return Err(format!(
                            "unknown target {target:?}; expected one of {known}"
                        ));
                    }
                    targets.push(target);
                }
                unknown => {
                    return Err(format!(
                        "unknown option {unknown:?} of `cargo xtask cross`; it takes --quick and --target <target>"
                    ));
                }
            }
        }
        if targets.is_empty() {
            targets = if quick {
                vec![TARGETS[0]]
            } else {
                TARGETS.to_vec()
            };
        }
        Ok(Self { targets, quick })
    }
}

/// What checks the types of a target.
pub(crate) enum Means {
    /// Its standard library is installed.
    Rustup,
    /// A program builds the standard library.
    Script(PathBuf),
}

impl Means {
    pub(crate) fn of(target: &str) -> Option<Self> {
        if let Some(named) = named() {
            return named.is_file().then_some(Self::Script(named));
        }
        let installed = output("rustup", &["target", "list", "--installed"]);
        if installed.lines().any(|line| line.trim() == target) {
            return Some(Self::Rustup);
        }
        let script = root().join(SCRIPT);
        script.is_file().then_some(Self::Script(script))
    }

    fn check(&self, target: &str, selection: &[&str]) -> Outcome {
        let arguments = [&["check", "--locked", "--target", target], selection].concat();
        // The compiler of the script differs, so neither may invalidate what the other has built.
        let folder = run::target().join("cross").display().to_string();
        let variables = [
            ("CARGO_TARGET_DIR", folder.as_str()),
            ("RUSTFLAGS", "-D warnings"),
        ];
        match self {
            Self::Rustup => cargo_with(&arguments, &variables),
            Self::Script(path) => program_with(&path.display().to_string(), &arguments, &variables),
        }
    }
}

/// The program that the variable names, which goes before what is installed.
fn named() -> Option<PathBuf> {
    env::var_os(SCRIPT_VARIABLE).map(|path| root().join(path))
}

pub(crate) fn missing(target: &str) -> String {
    why_missing(target, named().as_deref())
}

fn why_missing(target: &str, named: Option<&Path>) -> String {
    match named {
        Some(named) => format!(
            "{SCRIPT_VARIABLE} names {}, which is no file; name a program that runs cargo with a standard library for {target}, or unset it and run `rustup target add {target}`",
            named.display()
        ),
        None => format!(
            "{target} needs its standard library; run `rustup target add {target}`, or set {SCRIPT_VARIABLE} to a program that runs cargo with one (default: {SCRIPT})"
        ),
    }
}

fn manifest() -> Outcome<String> {
    let path = root().join("Cargo.toml");
    fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// The names in the section `[features]`, without `default`.
fn features(manifest: &str) -> Vec<String> {
    let section = manifest
        .split_once("\n[features]\n")
        .map_or("", |(_, rest)| rest);
    section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.to_owned()))
        .filter(|name| name != "default")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_of_the_plugin_is_found() {
        let manifest = "[package]\n\n[features]\ndefault = [\"a\"]\n# What b = does.\na = []\nb = [\"dep:c\"]\n\n[dependencies]\nd = \"1\"\n";
        assert_eq!(features(manifest), ["a", "b"]);
        let own = features(&super::manifest().unwrap());
        assert!(own.iter().any(|name| name == "page-crashes"), "{own:?}");
        assert!(!own.iter().any(|name| name == "serde"), "{own:?}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = why_missing(TARGETS[0], None);
        assert!(
            without.contains("`rustup target add x86_64-pc-windows-msvc`"),
            "{without}"
        );
        let wrong = why_missing(TARGETS[0], Some(Path::new("/no/such")));
        assert!(
            wrong.contains("names /no/such, which is no file"),
            "{wrong}"
        );
    }

    #[test]
    fn options_select_targets() {
        let all = Options::parse(&[]).unwrap();
        assert_eq!((all.targets.len(), all.quick), (4, false));
        assert_eq!(Options::parse(&["--quick"]).unwrap().targets, [TARGETS[0]]);
        let one = Options::parse(&["--target", "aarch64-apple-ios"]).unwrap();
        assert_eq!(one.targets, ["aarch64-apple-ios"]);
        for wrong in [&["--target", "wasm"][..], &["--target"], &["--all"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
