//! System packages: what Tauri links to, and what drives windows without a display.

use crate::run::{Outcome, on_path, output, run, succeeds};

const BUILD: &[&str] = &[
    "build-essential",
    "pkg-config",
    "libwebkit2gtk-4.1-dev",
    "librsvg2-dev",
];
const WINDOWS: &[&str] = &["webkit2gtk-driver", "xvfb", "xauth", "dbus-x11"];
const CHROMIUM: &[&str] = &["chromium", "chromium-driver"];
const FONT: &str = "fonts-dejavu-core";

/// Installs what compiling needs.
pub(crate) fn for_building() -> Outcome {
    install(BUILD)
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
    println!("installing system packages: {}", missing.join(" "));
    apt(&["update", "-qq"])?;
    let options = ["install", "-y", "-qq", "--no-install-recommends"];
    apt(&[&options, missing.as_slice()].concat())
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
