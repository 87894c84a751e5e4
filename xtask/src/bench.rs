//! `bench`: runs the benchmark, built for release, in windows on a private display.

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
    if !cfg!(target_os = "linux") {
        return Err("the benchmark needs Linux: it reads /proc and drives WebKitGTK".to_owned());
    }
    npm::install()?;
    system::for_windows()?;
    npm::script("build")?;
    cargo(&["build", "--release", "--package", "benchmark"])?;
    let out = target().join("bench");
    let bus = out.join("session-bus.conf");
    fs::create_dir_all(&out)
        .and_then(|()| fs::write(&bus, SESSION_BUS))
        .map_err(|error| format!("cannot write {}: {error}", bus.display()))?;
    let text = |path: &Path| path.display().to_string();
    let binary = text(&target().join("release/benchmark"));
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
    let benchmark = [
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
    let mut command = [&variables, priority, &benchmark].concat();
    for argument in arguments {
        match *argument {
            "--write-docs" => command.extend(["--docs", &docs]),
            other => command.push(other),
        }
    }
    run("env", &command)
}
