//! Tests what a user gets: the crate and the npm tarball contain the expected files and no others, and an app outside the
//! workspace that depends on them builds and receives an event.

use crate::links;
use crate::run::{Outcome, cargo, checked_output, root, run, run_in, target};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

const CRATE: &str = "tauri-plugin-event-bus";
const TYPES: &str = "tauri-plugin-event-bus-types";
const GUEST: &str = "tauri-plugin-event-bus-guest";
const NATS: &str = "tauri-plugin-event-bus-nats";
const NPM: &str = "tauri-plugin-event-bus-api";
const MIGRATE: &str = "tauri-plugin-event-bus-migrate";

/// The files of the crate, and the folders that it contains as a whole.
const CRATE_FILES: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "api-iife.js",
    "build/guides.rs",
    "build.rs",
    "docs/",
    "examples/leptos/README.md",
    "examples/shop/README.md",
    "examples/shop/docs/events.md",
    "inspector/page/",
    "permissions/",
    "src/",
    "tests/runners/vitest.browser.js",
];

/// The files of the other crates.
const SMALL_CRATE_FILES: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "src/",
];

const GUEST_FILES: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "bus.js",
    "src/",
];

/// Absent if the folder has no git, such as an unpacked archive.
const VERSION_CONTROL: &str = ".cargo_vcs_info.json";

const NPM_FILES: &[&str] = &[
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "bin/",
    "dist-js/",
    "package.json",
];

const MIGRATE_FILES: &[&str] = &[
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "package.json",
    "src/",
];

/// Packs the crates and the npm packages, checks their files, and runs an app that uses them.
pub(crate) fn test() -> Outcome {
    let folder = env::temp_dir().join(format!("{CRATE}-packages-{}", std::process::id()));
    fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let outcome = pack_crates(&folder)
        .and_then(|()| pack_migrate(&folder))
        .and_then(|()| pack_npm(&folder))
        .and_then(|tarball| run_app(&folder, &tarball));
    let removed = fs::remove_dir_all(&folder);
    outcome.and(removed.map_err(|error| format!("cannot remove {}: {error}", folder.display())))
}

/// Packs the crates in one go, since none is in a registry yet.
fn pack_crates(folder: &Path) -> Outcome {
    for (name, expected) in [
        (TYPES, SMALL_CRATE_FILES),
        (CRATE, CRATE_FILES),
        (NATS, SMALL_CRATE_FILES),
        (GUEST, GUEST_FILES),
    ] {
        let files = checked_output(
            "cargo",
            &["package", "--package", name, "--list", "--allow-dirty"],
        )?;
        let files: Vec<&str> = files
            .lines()
            .filter(|file| *file != VERSION_CONTROL)
            .collect();
        compare(&format!("the crate {name}"), &files, expected)?;
    }
    cargo(&[
        "package",
        "--package",
        TYPES,
        "--package",
        CRATE,
        "--package",
        NATS,
        "--package",
        GUEST,
        "--no-verify",
        "--allow-dirty",
    ])?;
    for (name, place) in [
        (TYPES, "types"),
        (CRATE, "crate"),
        (NATS, "nats"),
        (GUEST, "guest"),
    ] {
        let packed = packed_crate(name)?;
        let unpacked = folder.join(place);
        unpack(&packed, &unpacked)?;
        links::check_markdown(&unpacked, &list(&unpacked)?)?;
    }
    Ok(())
}

/// The archive of a crate. The name of one crate begins that of others, so the version decides.
fn packed_crate(name: &str) -> Outcome<PathBuf> {
    let packages = target().join("package");
    let is_own = |file: &str| {
        let version = file
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-'));
        version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    newest_of(&packages, |file| file.ends_with(".crate") && is_own(file))
        .map_err(|_| format!("cargo package wrote no archive of {name}"))
}

/// Packs what moves an app over.
fn pack_migrate(folder: &Path) -> Outcome {
    unpack_npm(folder, MIGRATE, MIGRATE_FILES).map(drop)
}

/// Packs an npm package into the folder, and returns its archive and its files.
fn unpack_npm(folder: &Path, name: &str, expected: &[&str]) -> Outcome<(PathBuf, Vec<String>)> {
    let destination = folder.join(name);
    fs::create_dir_all(&destination)
        .map_err(|error| format!("cannot create {}: {error}", destination.display()))?;
    run(
        "npm",
        &[
            "pack",
            "--silent",
            "--workspace",
            name,
            "--pack-destination",
            &destination.display().to_string(),
        ],
    )?;
    let tarball = newest(&destination, ".tgz")?;
    let unpacked = destination.join("unpacked");
    unpack(&tarball, &unpacked)?;
    let files = list(&unpacked)?;
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    compare(&format!("the npm package {name}"), &names, expected)?;
    links::check_markdown(&unpacked, &files)?;
    Ok((tarball, files))
}

fn pack_npm(folder: &Path) -> Outcome<PathBuf> {
    let (tarball, files) = unpack_npm(folder, NPM, NPM_FILES)?;
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    for file in ["dist-js/index.js", "dist-js/index.d.ts"] {
        if !files.contains(&file) {
            return Err(format!("the npm package lacks {file}; run `npm run build`"));
        }
    }
    match files
        .iter()
        .find(|file| file.contains(".test") || file.contains("fake"))
    {
        Some(file) => Err(format!(
            "the npm package contains {file}, which is for tests; leave it out of the build"
        )),
        None => Ok(tarball),
    }
}

fn run_app(folder: &Path, tarball: &Path) -> Outcome {
    let app = folder.join("app");
    copy(&root().join("tests/packaging/app"), &app)?;
    for place in ["types", "crate", "nats"] {
        fs::rename(folder.join(place), app.join(place))
            .map_err(|error| format!("cannot move the crate: {error}"))?;
    }
    // The same versions as in the repository: they are tested, and partly compiled.
    let rust = app.join("src-tauri");
    fs::copy(root().join("Cargo.lock"), rust.join("Cargo.lock"))
        .map_err(|error| format!("cannot copy Cargo.lock: {error}"))?;
    run_in(
        &app,
        "npm",
        &[
            "install",
            "--no-audit",
            "--no-fund",
            "--silent",
            &tarball.display().to_string(),
        ],
    )?;
    run_in(&app, "npm", &["run", "--silent", "build"])?;
    let built = target().join("packaged-app");
    let built = built.display().to_string();
    run_in(&rust, "cargo", &["build", "--target-dir", &built])?;
    let binary = Path::new(&built).join("debug/packaged-app");
    run(
        "xvfb-run",
        &["--auto-servernum", &binary.display().to_string()],
    )
}

/// Compares the files of a package with the expected ones.
fn compare(what: &str, files: &[&str], expected: &[&str]) -> Outcome {
    let is_of = |file: &str, entry: &str| {
        file == entry || (entry.ends_with('/') && file.starts_with(entry))
    };
    if let Some(file) = files
        .iter()
        .find(|file| !expected.iter().any(|entry| is_of(file, entry)))
    {
        return Err(format!(
            "{what} contains {file}, which is not expected; leave it out, or add it to xtask/src/packages.rs"
        ));
    }
    if let Some(entry) = expected
        .iter()
        .find(|entry| !files.iter().any(|file| is_of(file, entry)))
    {
        return Err(format!("{what} lacks {entry}"));
    }
    println!(
        "{what} contains {} files, all of them expected",
        files.len()
    );
    Ok(())
}

fn newest(folder: &Path, ending: &str) -> Outcome<PathBuf> {
    newest_of(folder, |file| file.ends_with(ending))
        .map_err(|_| format!("there is no {ending} file in {}", folder.display()))
}

fn newest_of(folder: &Path, is_wanted: impl Fn(&str) -> bool) -> Outcome<PathBuf> {
    let entries = fs::read_dir(folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| is_wanted(&name))
        })
        .max_by_key(|path| {
            fs::metadata(path)
                .and_then(|metadata| metadata.modified())
                .ok()
        })
        .ok_or_else(|| format!("no such file was found in {}", folder.display()))
}

fn unpack(archive: &Path, folder: &Path) -> Outcome {
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let (archive, folder) = (archive.display().to_string(), folder.display().to_string());
    run(
        "tar",
        &["-xzf", &archive, "-C", &folder, "--strip-components=1"],
    )
}

/// The files below a folder, with paths relative to it.
fn list(folder: &Path) -> Outcome<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next)
            .map_err(|error| format!("cannot read {}: {error}", next.display()))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(file) = path.strip_prefix(folder) {
                files.push(file.display().to_string());
            }
        }
    }
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Outcome {
    for file in list(from)? {
        let destination = to.join(&file);
        let folder = destination.parent().unwrap_or(to);
        fs::create_dir_all(folder)
            .and_then(|()| fs::copy(from.join(&file), &destination))
            .map_err(|error| format!("cannot copy {file}: {error}"))?;
    }
    Ok(())
}
