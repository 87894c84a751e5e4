//! A Tauri app under WebDriver.

use crate::{
    display::Display,
    picture::Picture,
    process::{Process, cpu_ticks, kill},
    scratch::Scratch,
    session_bus::SessionBus,
    wait::{Found, PATIENCE, until},
    window::Window,
};
use anyhow::{Context, Result, anyhow, bail};
use fantoccini::{Client, ClientBuilder, error::CmdError, wd::WindowHandle};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::{
    future::Future,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

/// How often to check whether the app still runs.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How many pictures are taken at most until two in a row are equal.
const MAX_PICTURES: usize = 40;

/// How to launch an app.
#[derive(Debug)]
pub struct Launch {
    binary: PathBuf,
    size: (u16, u16),
    display: Option<String>,
    environment: Vec<(String, String)>,
}

impl Launch {
    /// The app at `binary`, on a private display.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            size: (1280, 800),
            display: None,
            environment: Vec::new(),
        }
    }

    /// The size of the private display.
    #[must_use]
    pub fn size(mut self, width: u16, height: u16) -> Self {
        self.size = (width, height);
        self
    }

    /// Uses an existing display.
    #[must_use]
    pub fn on_display(mut self, name: impl Into<String>) -> Self {
        self.display = Some(name.into());
        self
    }

    /// Sets a variable in the app's environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts the display, the session bus, WebDriver and the app, and opens a session.
    pub async fn start(self) -> Result<App> {
        let binary = self
            .binary
            .canonicalize()
            .with_context(|| format!("there is no app at {}", self.binary.display()))?;
        let scratch = Scratch::new()?;
        let display = match self.display {
            Some(name) => Display::existing(name),
            None => Display::start(self.size.0, self.size.1)?,
        };
        let bus = SessionBus::start(scratch.path())?;
        let port = free_port()?;
        let mut driver = Process::start(
            Command::new("WebKitWebDriver")
                .arg(format!("--port={port}"))
                .env("DISPLAY", display.name())
                .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
                .env("XDG_RUNTIME_DIR", scratch.path())
                .env("XDG_DATA_HOME", scratch.path().join("data"))
                .env("XDG_CACHE_HOME", scratch.path().join("cache"))
                .env("XDG_CONFIG_HOME", scratch.path().join("config"))
                .env("GDK_BACKEND", "x11")
                .env("NO_AT_BRIDGE", "1")
                .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
                .env("LIBGL_ALWAYS_SOFTWARE", "1")
                .env("TAURI_AUTOMATION", "true")
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                .envs(self.environment)
                .stdin(Stdio::null()),
            "webkit2gtk-driver",
        )?;
        until("WebKitWebDriver to listen", async || {
            if let Some(status) = driver.ended()? {
                bail!("WebKitWebDriver ended with {status}");
            }
            Ok(
                match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                    Ok(_) => Found::Yes(()),
                    Err(error) => Found::NotYet(error.to_string()),
                },
            )
        })
        .await?;
        let client = tokio::select! {
            client = connect(port, &binary) => client?,
            () = app_ends(&driver) => bail!("{} ended before it opened a window", binary.display()),
        };
        Ok(App {
            client,
            driver,
            _bus: bus,
            display,
            _scratch: scratch,
        })
    }
}

/// A running app. Dropping it ends the app and every process that was started for it.
#[derive(Debug)]
pub struct App {
    client: Client,
    // In this order: the app ends before the bus and the display that it uses.
    driver: Process,
    _bus: SessionBus,
    display: Display,
    _scratch: Scratch,
}

impl App {
    /// The display of the windows.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// The id of the process that runs the page of this window, found by making it busy.
    pub async fn web_process_of(&self, window: &Window<'_>) -> Result<u32> {
        const BUSY: &str = "const end = performance.now() + 500; while (performance.now() < end);";
        let processes = self.driver.offspring_named("WebKitWebProcess");
        let before: Vec<u64> = processes.iter().map(|id| cpu_ticks(*id)).collect();
        window.run(BUSY, &[]).await?;
        let spent = processes
            .iter()
            .zip(before)
            .map(|(id, before)| (cpu_ticks(*id) - before, *id));
        let (_, id) = spent.max().context("the app has no web process")?;
        Ok(id)
    }

    /// Kills a web process, as the system does when memory is short.
    pub fn kill_web_process(&self, id: u32) {
        kill(id);
    }

    /// Returns once the app has ended.
    pub async fn ended(&self) -> Result<()> {
        until("the app to end", async || {
            Ok(if self.driver.has_offspring() {
                Found::NotYet("it still runs".to_owned())
            } else {
                Found::Yes(())
            })
        })
        .await
    }

    /// A picture of the display, once the windows have drawn their content.
    pub async fn picture(&self) -> Result<Picture> {
        const DRAWN: &str = "await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))";
        let mut last = Picture::take(self.display.name())?;
        // A page that keeps changing gets a picture, too.
        for _ in 0..MAX_PICTURES {
            for (label, handle) in self.windows().await? {
                Window::new(self, label, handle).run(DRAWN, &[]).await?;
            }
            let next = Picture::take(self.display.name())?;
            if next == last {
                break;
            }
            last = next;
        }
        Ok(last)
    }

    /// The labels of the open windows.
    pub async fn labels(&self) -> Result<Vec<String>> {
        let mut labels: Vec<_> = self
            .windows()
            .await?
            .into_iter()
            .map(|(label, _)| label)
            .collect();
        labels.sort();
        Ok(labels)
    }

    /// The window `label`, once it is there.
    pub async fn window(&self, label: &str) -> Result<Window<'_>> {
        until(&format!("the window `{label}`"), async || {
            let windows = self.windows().await?;
            let labels = windows
                .iter()
                .map(|(label, _)| label.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            Ok(
                match windows.into_iter().find(|(found, _)| found == label) {
                    Some((label, handle)) => Found::Yes(Window::new(self, label, handle)),
                    None => Found::NotYet(format!("only: {labels}")),
                },
            )
        })
        .await
    }

    /// Returns once the window `label` has gone.
    pub async fn gone(&self, label: &str) -> Result<()> {
        until(&format!("the window `{label}` to close"), async || {
            let labels = self.labels().await?;
            Ok(if labels.iter().any(|found| found == label) {
                Found::NotYet(labels.join(", "))
            } else {
                Found::Yes(())
            })
        })
        .await
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Every window with its label. WebDriver knows only handles, so this reads the label in each window.
    async fn windows(&self) -> Result<Vec<(String, WindowHandle)>> {
        const LABEL: &str =
            "return window.__TAURI_INTERNALS__?.metadata?.currentWebview?.label ?? null";
        let mut windows = Vec::new();
        for handle in command("list the windows", self.client.windows()).await? {
            // A window may close after it was listed.
            let label = async {
                self.client.switch_to_window(handle.clone()).await?;
                self.client.execute(LABEL, Vec::new()).await
            };
            match timeout(PATIENCE, label)
                .await
                .context("a window did not report its label")?
            {
                Ok(Value::String(label)) => windows.push((label, handle)),
                Ok(_) => {}
                Err(error) if error.is_no_such_window() => {}
                Err(error) => {
                    return Err(anyhow!(error).context("cannot read the label of a window"));
                }
            }
        }
        Ok(windows)
    }
}

/// Awaits a WebDriver command. A driver that hangs must not hang its user.
pub(crate) async fn command<T>(
    what: &str,
    command: impl Future<Output = Result<T, CmdError>>,
) -> Result<T> {
    timeout(PATIENCE, command)
        .await
        .with_context(|| format!("no response from WebDriver: cannot {what}"))?
        .with_context(|| format!("cannot {what}"))
}

async fn connect(port: u16, binary: &Path) -> Result<Client> {
    let mut builder = ClientBuilder::new(HttpConnector::new());
    if let Value::Object(capabilities) = json!({
        "webkitgtk:browserOptions": { "binary": binary, "args": [] },
    }) {
        builder.capabilities(capabilities);
    }
    timeout(
        PATIENCE,
        builder.connect(&format!("http://127.0.0.1:{port}")),
    )
    .await
    .with_context(|| format!("{} opened no window", binary.display()))?
    .with_context(|| format!("cannot drive {}", binary.display()))
}

/// Returns when the app has started and ended. WebKitWebDriver itself would wait for its window forever.
async fn app_ends(driver: &Process) {
    let mut started = false;
    loop {
        let running = driver.has_offspring();
        if started && !running {
            return;
        }
        started |= running;
        sleep(POLL_INTERVAL).await;
    }
}

/// A port that was free a moment ago; WebKitWebDriver takes no port 0.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
