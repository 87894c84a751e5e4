//! Runs other programs at the root of the repository.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A failure is a sentence for the user.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    // What cargo says now: a checkout that was copied with its target directory may hold the program of the other one.
    let here = env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().unwrap_or(&here).to_owned()
}

/// The target directory of cargo.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |directory| root().join(directory))
}

/// Prints a command and runs it.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Outcome {
    start(program, program, arguments, &[], &root())
}

/// Prints a command and runs it in another folder.
pub(crate) fn run_in(folder: &Path, program: &str, arguments: &[&str]) -> Outcome {
    start(program, program, arguments, &[], folder)
}

/// Runs a program with environment variables.
pub(crate) fn run_with(program: &str, variables: &[(&str, &str)]) -> Outcome {
    program_with(program, &[], variables)
}

/// Runs a program with arguments and environment variables.
pub(crate) fn program_with(
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Outcome {
    start(program, program, arguments, variables, &root())
}

/// Runs the same cargo that runs this program.
pub(crate) fn cargo(arguments: &[&str]) -> Outcome {
    cargo_with(arguments, &[])
}

/// Runs cargo with environment variables.
pub(crate) fn cargo_with(arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    cargo_in(&root(), arguments, variables)
}

/// Runs cargo with environment variables in another folder.
pub(crate) fn cargo_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    start("cargo", &cargo, arguments, variables, folder)
}

fn start(
    name: &str,
    program: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
    folder: &Path,
) -> Outcome {
    let shown = format!("{name} {}", arguments.join(" "));
    println!("$ {shown}");
    let status = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(folder)
        .status()
        .map_err(|error| format!("cannot run `{name}`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` failed: {status}"))
    }
}

/// Whether a command exists and succeeds. Its output is dropped.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a program with this name is in `PATH`.
pub(crate) fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| {
        env::split_paths(&path).any(|directory| directory.join(program).is_file())
    })
}

/// The output of a command that must succeed.
pub(crate) fn checked_output(program: &str, arguments: &[&str]) -> Outcome<String> {
    let shown = format!("{program} {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `{program}`: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{shown}` failed: {}", output.status))
    }
}

/// The output of a command; empty if it does not exist.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}
