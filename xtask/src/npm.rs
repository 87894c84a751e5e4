//! npm: the guest package and the pages of the apps.

use crate::run::{Outcome, output, root, run};
use std::{fs, path::Path, time::SystemTime};

/// The npm workspaces of the pages that apps embed.
const PAGES: &[&str] = &[
    "examples/playground",
    "examples/shop",
    "e2e/page",
    "e2e/moving",
];

/// The other npm workspaces.
const OTHERS: &[&str] = &["inspector", "migrate", "tests/bundlers"];

/// The oldest major version of Node.js that works.
const OLDEST_NODE: u32 = 20;

/// Installs what `package-lock.json` lists, unless that is done.
pub(crate) fn install() -> Outcome {
    let version = output("node", &["--version"]);
    let major = version.trim().trim_start_matches('v').split('.').next();
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= OLDEST_NODE => {}
        Some(_) => {
            return Err(format!(
                "Node.js {} is too old; install version {OLDEST_NODE} or newer: https://nodejs.org",
                version.trim()
            ));
        }
        None => {
            return Err(format!(
                "Node.js was not found; install version {OLDEST_NODE} or newer: https://nodejs.org"
            ));
        }
    }
    // npm writes this file last, so an interrupted installation does not have it.
    let done = written(&root().join("node_modules/.package-lock.json"));
    if done.is_some() && done >= written(&root().join("package-lock.json")) {
        return Ok(());
    }
    run("npm", &["ci", "--no-audit", "--no-fund"])
}

/// Builds the guest package, then the pages that import it.
pub(crate) fn build() -> Outcome {
    script("build")?;
    build_pages()
}

/// Builds the pages. They need a built guest package, and the apps that embed them do not compile without them.
pub(crate) fn build_pages() -> Outcome {
    PAGES
        .iter()
        .try_for_each(|page| run("npm", &["run", "--silent", "build", "--workspace", page]))
}

/// Checks format, lints and types.
pub(crate) fn check() -> Outcome {
    script("check")?;
    let mut workspaces = PAGES.iter().chain(OTHERS);
    workspaces.try_for_each(|name| run("npm", &["run", "--silent", "check", "--workspace", name]))
}

/// Runs a script of the guest package.
pub(crate) fn script(name: &str) -> Outcome {
    run("npm", &["run", "--silent", name])
}

/// When a file was written. `None` if it does not exist.
fn written(file: &Path) -> Option<SystemTime> {
    fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .ok()
}
