//! `bench` and `soak`: programs, built for release, that open windows on a private display.

use crate::{
    npm,
    run::{Outcome, cargo, output, root, run, target},
    system,
};
use std::{fs, path::Path};

/// GTK needs a session bus. This one starts no services, so that no part of a desktop takes time.
const SESSION_BUS: &str = r#"<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

pub(crate) fn bench(arguments: &[&str]) -> Outcome {
    if let ["nats", options @ ..] = arguments {
        return nats(options);
    }
    npm::install()?;
    // What the page and its worker import.
    let config = "benches/webview/rolldown.config.js";
    run("npx", &["--no-install", "rolldown", "--config", config])?;
    on_private_display("benchmark", "bench", arguments)
}

fn nats(options: &[&str]) -> Outcome {
    match options {
        [] | ["--write-docs"] => {}
        [unknown, ..] => {
            return Err(format!(
                "unknown option {unknown:?} of `cargo xtask bench nats`; it takes --write-docs"
            ));
        }
    }
    system::for_links()?;
    on_private_display("nats-bench", "bench-nats", options)
}

pub(crate) fn soak(arguments: &[&str]) -> Outcome {
    on_private_display("soak", "soak", arguments)
}

/// Builds a package and runs it. It writes into this folder of the target directory, and with `--write-docs` into the
/// documentation.
fn on_private_display(package: &str, folder: &str, arguments: &[&str]) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Err(format!(
            "`{package}` needs Linux: it reads /proc and drives WebKitGTK"
        ));
    }
    npm::install()?;
    system::for_windows()?;
    if arguments.contains(&"chromium") {
        system::for_chromium()?;
    }
    npm::script("build")?;
    cargo(&["build", "--release", "--package", package])?;
    let out = target().join(folder);
    let bus = out.join("session-bus.conf");
    fs::create_dir_all(&out)
        .and_then(|()| fs::write(&bus, SESSION_BUS))
        .map_err(|error| format!("cannot write {}: {error}", bus.display()))?;
    let text = |path: &Path| path.display().to_string();
    let binary = text(&target().join("release").join(package));
    let (out, bus) = (text(&out), format!("--config-file={}", text(&bus)));
    let docs = text(&root().join("docs/benchmarks"));
    // WebKit gives some of its threads real-time priority if it may. On few cores, they then delay everything else for up to
    // a second. An ordinary user may not allow that, so root must not either.
    let priority: &[&str] = if output("id", &["-u"]).trim() == "0" {
        &["setpriv", "--bounding-set=-sys_nice"]
    } else {
        &[]
    };
    let variables = [
        "GDK_BACKEND=x11",
        "NO_AT_BRIDGE=1",
        "WEBKIT_DISABLE_COMPOSITING_MODE=1",
        "LIBGL_ALWAYS_SOFTWARE=1",
    ];
    let program = [
        "xvfb-run",
        "--auto-servernum",
        "--server-args=-screen 0 1280x800x24 -nolisten tcp",
        "dbus-run-session",
        &bus,
        "--",
        &binary,
        "--out",
        &out,
    ];
    let mut command = [&variables, priority, &program].concat();
    for argument in arguments {
        match *argument {
            "--write-docs" => command.extend(["--docs", &docs]),
            other => command.push(other),
        }
    }
    run("env", &command)
}
