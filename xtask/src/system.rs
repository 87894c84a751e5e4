//! System packages: what Tauri links to, and what drives windows without a display.

use crate::run::{Outcome, on_path, output, run, succeeds};
use std::{
    env,
    io::{self, BufRead, IsTerminal, Write},
};

const BUILD: &[&str] = &[
    "build-essential",
    "pkg-config",
    "libwebkit2gtk-4.1-dev",
    "librsvg2-dev",
];
const WINDOWS: &[&str] = &["webkit2gtk-driver", "xvfb", "xauth", "dbus-x11"];
/// What the tests of links start.
const SERVERS: &[&str] = &["nats-server"];
const CHROMIUM: &[&str] = &["chromium", "chromium-driver"];
const FONT: &str = "fonts-dejavu-core";

/// Installs what compiling needs.
pub(crate) fn for_building() -> Outcome {
    install(BUILD)
}

/// Installs the server that the tests of links start, unless it is there.
pub(crate) fn for_links() -> Outcome {
    match on_path("nats-server") {
        true => Ok(()),
        false => install(SERVERS),
    }
}

/// Installs what compiling and driving windows need.
pub(crate) fn for_windows() -> Outcome {
    let mut packages = [BUILD, WINDOWS].concat();
    // Without a font, as in many containers, windows would show boxes.
    if output("fc-list", &[]).trim().is_empty() {
        packages.push(FONT);
    }
    install(&packages)
}

/// Installs the second engine, unless it is there under these names.
pub(crate) fn for_chromium() -> Outcome {
    if ["chromium", "chromedriver"].into_iter().all(on_path) {
        return Ok(());
    }
    install(CHROMIUM)
}

fn install(packages: &[&str]) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    if !on_path("apt-get") {
        return without_apt(packages);
    }
    let missing: Vec<_> = packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if has_person() {
        let stdin = io::stdin();
        ask(&missing, &mut stdin.lock(), &mut io::stdout())?;
    }
    println!("installing system packages: {}", missing.join(" "));
    apt(&["update", "-qq"])?;
    let options = ["install", "-y", "-qq", "--no-install-recommends"];
    apt(&[&options, missing.as_slice()].concat())
}

/// Whether a person reads the question. Machines that build set `CI`, also on a terminal.
fn has_person() -> bool {
    let is_machine = env::var_os("CI").is_some_and(|value| !value.is_empty());
    !is_machine && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks whether to install system packages. A refusal is an error that says what is missing.
fn ask(packages: &[&str], input: &mut impl BufRead, output: &mut impl Write) -> Outcome {
    let list = packages.join(" ");
    let failed = |error| format!("cannot ask whether to install {list}: {error}");
    write!(
        output,
        "Install these system packages with apt-get? {list} [Y/n] "
    )
    .and_then(|()| output.flush())
    .map_err(failed)?;
    let mut line = String::new();
    // The end of the input is no consent.
    let is_line = input.read_line(&mut line).map_err(failed)? > 0;
    if is_line && ["", "y", "yes"].contains(&line.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(format!("these system packages are missing: {list}"))
}

fn installed(package: &str) -> bool {
    output(
        "dpkg-query",
        &["--show", "--showformat=${db:Status-Status}", package],
    ) == "installed"
}

fn apt(arguments: &[&str]) -> Outcome {
    let frontend = ["DEBIAN_FRONTEND=noninteractive", "apt-get"];
    let command = [&frontend, arguments].concat();
    if output("id", &["-u"]).trim() == "0" {
        run("env", &command)
    } else if on_path("sudo") {
        run("sudo", &[&["env"], command.as_slice()].concat())
    } else {
        Err(format!(
            "cannot install packages without root or sudo; run `apt-get {}` as root",
            arguments.join(" ")
        ))
    }
}

/// Checks for libraries and programs: other distributions name their packages differently.
fn without_apt(packages: &[&str]) -> Outcome {
    let libraries = succeeds("pkg-config", &["--exists", "webkit2gtk-4.1", "librsvg-2.0"]);
    let programs = !packages.contains(&"xvfb")
        || ["Xvfb", "WebKitWebDriver", "dbus-daemon"]
            .into_iter()
            .all(on_path);
    let programs = programs && packages != CHROMIUM;
    if libraries && programs {
        return Ok(());
    }
    Err(format!(
        "cannot install packages without apt-get; install the equivalents of these Debian packages, then run this again: {}",
        packages.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::ask;

    #[test]
    fn packages_are_installed_with_consent() {
        for (line, agrees) in [
            ("\n", true),
            ("y\n", true),
            (" Yes \n", true),
            ("n\n", false),
            ("what?\n", false),
            ("", false),
        ] {
            let mut question = Vec::new();
            let outcome = ask(&["xvfb", "xauth"], &mut line.as_bytes(), &mut question);
            assert_eq!(outcome.is_ok(), agrees, "{line:?}");
            let question = String::from_utf8(question).unwrap();
            assert!(question.contains("xvfb xauth"), "{question}");
            if let Err(message) = outcome {
                assert_eq!(message, "these system packages are missing: xvfb xauth");
            }
        }
    }
}
