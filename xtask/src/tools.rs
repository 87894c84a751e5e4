//! What `cargo xtask test --long` adds: checks whose tools take minutes to install.

use crate::run::{Outcome, cargo, on_path, program_with, target};

/// Licenses, sources and doubled versions of every dependency, by `deny.toml`.
pub(crate) fn dependencies() -> Outcome {
    let deny = tool("cargo-deny", "cargo-deny")?;
    let check = ["--all-features", "check", "bans", "licenses", "sources"];
    program_with(&deny, &check, &[])
}

/// Words, by `_typos.toml`.
pub(crate) fn spelling() -> Outcome {
    program_with(&tool("typos", "typos-cli")?, &[], &[])
}

/// A tool that is installed, or that this installs below the target directory.
fn tool(program: &str, package: &str) -> Outcome<String> {
    if on_path(program) {
        return Ok(program.to_owned());
    }
    let folder = target().join("tools");
    let binary = folder.join("bin").join(program);
    if !binary.exists() {
        let folder = folder.display().to_string();
        cargo(&["install", "--locked", "--root", &folder, package])?;
    }
    Ok(binary.display().to_string())
}
