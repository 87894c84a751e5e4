//! The process of the browser.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The folder of the browser's profile. Who drives the app finds the port of DevTools there.
const PROFILE_VARIABLE: &str = "CHROMIUM_PROFILE";

/// More arguments of the browser, separated by spaces.
const ARGUMENTS_VARIABLE: &str = "CHROMIUM_ARGUMENTS";

const PORT_FILE: &str = "DevToolsActivePort";

/// How long the browser may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Neither the back/forward cache nor the throttling of hidden pages is turned off: users have both.
const ARGUMENTS: &[&str] = &[
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    // A sandboxed frame would be a target of its own, whose requests DevTools would not pause.
    "--disable-features=IsolateSandboxedIframes",
    "--disable-gpu",
    "--disable-sync",
    "--hide-crash-restore-bubble",
    "--no-default-browser-check",
    "--no-first-run",
    // The user may be root, as in a container.
    "--no-sandbox",
    "--no-startup-window",
    "--password-store=basic",
    "--remote-debugging-port=0",
];

/// A running browser. Dropping it ends the browser.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    profile: PathBuf,
    /// Whether the profile ends with the browser.
    is_temporary: bool,
}

impl Browser {
    /// Starts the browser. Returns it and the address of DevTools.
    pub(crate) fn start() -> Result<(Self, String), String> {
        let chosen = env::var_os(PROFILE_VARIABLE).map(PathBuf::from);
        let is_temporary = chosen.is_none();
        let profile = chosen.unwrap_or_else(|| {
            env::temp_dir().join(format!("chromium-runtime-{}", std::process::id()))
        });
        let cannot_write = |error| format!("cannot write to {}: {error}", profile.display());
        fs::create_dir_all(&profile).map_err(cannot_write)?;
        let port_file = profile.join(PORT_FILE);
        match fs::remove_file(&port_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(cannot_write(error));
            }
            _ => {}
        }
        let more = env::var(ARGUMENTS_VARIABLE).unwrap_or_default();
        let child = Command::new("chromium")
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(more.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // It complains about services that a private display does not have.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                format!("cannot start `chromium`, which is in Debian's package chromium: {error}")
            })?;
        let mut browser = Self {
            child,
            profile,
            is_temporary,
        };
        let address = browser.address(&port_file)?;
        Ok((browser, address))
    }

    /// Where it saves files.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.profile.join("downloads")
    }

    /// The browser writes its port, and the path of its own target, to a file.
    fn address(&mut self, port_file: &Path) -> Result<String, String> {
        let start = Instant::now();
        loop {
            let content = fs::read_to_string(port_file).unwrap_or_default();
            if let Some((port, path)) = content.split_once('\n') {
                return Ok(format!("ws://127.0.0.1:{}{}", port.trim(), path.trim()));
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("chromium ended with {status} before it started"));
            }
            if start.elapsed() > PATIENCE {
                return Err(format!(
                    "chromium wrote no {} within {PATIENCE:?}",
                    port_file.display()
                ));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.is_temporary {
            let _ = fs::remove_dir_all(&self.profile);
        }
    }
}
