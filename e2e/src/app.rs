//! A Tauri app under WebDriver.

use crate::{
    devtools::DevTools,
    display::Display,
    engine::{Driven, Engine},
    picture::Picture,
    process::{cpu_ticks, kill, resume, stop},
    scratch::Scratch,
    session_bus::SessionBus,
    wait::{Found, PATIENCE, until},
    window::Window,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use fantoccini::{Client, error::CmdError, wd::WindowHandle};
use serde_json::{Value, json};
use std::{future::Future, path::PathBuf};
use tokio::time::timeout;

/// How many pictures are taken at most until two in a row are equal.
const MAX_PICTURES: usize = 40;

/// How often to look for the process of a page.
const MAX_FINDINGS: usize = 10;

/// How to launch an app.
#[derive(Debug)]
pub struct Launch {
    binary: PathBuf,
    engine: Engine,
    size: (u16, u16),
    display: Option<String>,
    environment: Vec<(String, String)>,
}

impl Launch {
    /// The app at `binary`, on a private display.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            engine: Engine::WebKit,
            size: (1280, 800),
            display: None,
            environment: Vec::new(),
        }
    }

    /// The engine that the app uses.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
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
        let mut environment: Vec<_> = [
            ("DISPLAY", display.name()),
            ("DBUS_SESSION_BUS_ADDRESS", bus.address()),
            ("GDK_BACKEND", "x11"),
            ("NO_AT_BRIDGE", "1"),
            ("LIBGL_ALWAYS_SOFTWARE", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (name, folder) in [
            ("XDG_RUNTIME_DIR", ""),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_CONFIG_HOME", "config"),
        ] {
            let folder = scratch.path().join(folder);
            environment.push((name.to_owned(), folder.display().to_string()));
        }
        environment.extend(self.environment);
        let driven = self
            .engine
            .start(&binary, scratch.path(), &environment)
            .await?;
        Ok(App {
            engine: self.engine,
            driven,
            binary,
            environment,
            _bus: bus,
            display,
            _scratch: scratch,
        })
    }
}

/// A page with a slow processor.
#[derive(Debug)]
#[must_use]
pub struct SlowPage {
    // Chromium ends what a connection has set when the connection ends.
    _devtools: DevTools,
}

/// A running app. Dropping it ends the app and every process that was started for it.
#[derive(Debug)]
pub struct App {
    engine: Engine,
    // In this order: the app ends before the bus and the display that it uses.
    driven: Driven,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    _bus: SessionBus,
    display: Display,
    _scratch: Scratch,
}

impl App {
    /// The display of the windows.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// The id of the process that runs the page of this window, found by making it busy. Others may be busy by chance, such as
    /// one that starts, so it must stand out twice in a row.
    pub async fn web_process_of(&self, window: &Window<'_>) -> Result<u32> {
        let mut last = None;
        for _ in 0..MAX_FINDINGS {
            let next = self.busiest_process(window).await?;
            match next {
                Some(id) if next == last => return Ok(id),
                _ => last = next,
            }
        }
        bail!(
            "cannot tell which process runs the page of `{}`",
            window.label()
        )
    }

    /// The process that has worked far more than any other while the page was busy.
    async fn busiest_process(&self, window: &Window<'_>) -> Result<Option<u32>> {
        const BUSY: &str = "const end = performance.now() + 500; while (performance.now() < end);";
        let (name, argument) = self.engine.page_process();
        let processes = self.driven.origin().offspring_named(name, argument);
        let before: Vec<u64> = processes.iter().map(|id| cpu_ticks(*id)).collect();
        window.run(BUSY, &[]).await?;
        let spent = processes.iter().zip(before);
        let mut spent: Vec<(u64, u32)> = spent
            .map(|(id, before)| (cpu_ticks(*id).saturating_sub(before), *id))
            .collect();
        spent.sort_unstable();
        let (most, id) = spent.pop().context("the app has no web process")?;
        let next = spent.pop().map_or(0, |(ticks, _)| ticks);
        Ok((most > 2 * next).then_some(id))
    }

    /// Sends a command of DevTools to the page of a window. Only Chromium has it.
    pub async fn devtools(&self, label: &str, method: &str, parameters: Value) -> Result<Value> {
        let address = self.driven.devtools.as_ref();
        let address = address.context("only Chromium has DevTools")?;
        let call = async {
            let mut devtools = DevTools::connect(address).await?;
            let session = devtools.session_of(label).await?;
            devtools.call(Some(&session), method, &parameters).await
        };
        timeout(PATIENCE, call)
            .await
            .with_context(|| format!("no response to {method}"))?
    }

    /// Slows the processor down for the page of a window, so many times, until the result is dropped. Only Chromium does.
    pub async fn slow_down(&self, label: &str, rate: u32) -> Result<SlowPage> {
        let address = self.driven.devtools.as_ref();
        let address = address.context("only Chromium has DevTools")?;
        let slow = async {
            let mut devtools = DevTools::connect(address).await?;
            let session = devtools.session_of(label).await?;
            let parameters = json!({ "rate": rate });
            devtools
                .call(
                    Some(&session),
                    "Emulation.setCPUThrottlingRate",
                    &parameters,
                )
                .await?;
            Ok(SlowPage {
                _devtools: devtools,
            })
        };
        timeout(PATIENCE, slow)
            .await
            .context("Chromium did not slow the page down")?
    }

    /// Kills a web process, as the system does when memory is short.
    pub fn kill_web_process(&self, id: u32) {
        kill(id);
    }

    /// Stops a web process, as a system does that saves power.
    pub fn stop_web_process(&self, id: u32) {
        stop(id);
    }

    /// Lets a stopped web process continue.
    pub fn continue_web_process(&self, id: u32) {
        resume(id);
    }

    /// Starts the app once more, as the system does to open a link, and returns once that process has ended.
    pub async fn start_again(&self, arguments: &[&str]) -> Result<()> {
        let mut command = tokio::process::Command::new(&self.binary);
        command
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .kill_on_drop(true);
        let status = timeout(PATIENCE, command.status())
            .await
            .context("the second process does not end")??;
        ensure!(status.success(), "the second process ended with {status}");
        Ok(())
    }

    /// Returns once the app has ended.
    pub async fn ended(&mut self) -> Result<()> {
        until("the app to end", async || {
            Ok(if self.driven.is_running()? {
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

    /// The engine of the windows.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) fn client(&self) -> &Client {
        &self.driven.client
    }

    /// Every window with its label. WebDriver knows only handles, so this reads the label in each window.
    async fn windows(&self) -> Result<Vec<(String, WindowHandle)>> {
        const LABEL: &str =
            "return window.__TAURI_INTERNALS__?.metadata?.currentWebview?.label ?? null";
        let mut windows = Vec::new();
        for handle in command("list the windows", self.client().windows()).await? {
            // A window may close after it was listed.
            let label = async {
                self.client().switch_to_window(handle.clone()).await?;
                self.client().execute(LABEL, Vec::new()).await
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
