//! A private D-Bus session bus for an app.

use crate::process::Process;
use anyhow::{Context, Result, bail};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

/// GTK needs a session bus. On the user's own bus it would reach desktop services; this one has none, so the desktop does
/// not affect the app.
#[derive(Debug)]
pub(crate) struct SessionBus {
    address: String,
    _daemon: Process,
}

impl SessionBus {
    /// Starts a bus whose files are in `directory`.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let config = directory.join("session-bus.conf");
        fs::write(
            &config,
            format!(
                r#"<busconfig>
  <type>session</type>
  <listen>unix:dir={}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
                directory.display()
            ),
        )
        .with_context(|| format!("cannot write {}", config.display()))?;
        let mut daemon = Process::start(
            Command::new("dbus-daemon")
                .arg(format!("--config-file={}", config.display()))
                .args(["--nofork", "--nopidfile", "--print-address=1"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
            "dbus-x11",
        )?;
        let mut address = String::new();
        if let Some(stdout) = daemon.child().stdout.take() {
            BufReader::new(stdout).read_line(&mut address)?;
        }
        if address.trim().is_empty() {
            bail!(
                "dbus-daemon gave no address (it ended with {:?})",
                daemon.ended()?
            );
        }
        Ok(Self {
            address: address.trim().to_owned(),
            _daemon: daemon,
        })
    }

    /// The value of `DBUS_SESSION_BUS_ADDRESS`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}
