//! The engines that windows may have, each with its WebDriver server.

use crate::{
    process::Process,
    wait::{Found, PATIENCE, until},
};
use anyhow::{Context, Result, bail};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

/// The variable that selects the engine of a run.
const VARIABLE: &str = "JOURNEYS_ENGINE";

/// How often to check whether the app still runs.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What renders the pages of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// WebKitGTK, which Tauri uses on Linux.
    WebKit,
    /// Chromium, which WebView2 on Windows is made of. The app must use the runtime `chromium_runtime`.
    Chromium,
}

impl Engine {
    /// The engine that `JOURNEYS_ENGINE` names: `webkit`, the default, or `chromium`.
    pub fn of_this_run() -> Result<Self> {
        match env::var(VARIABLE).as_deref() {
            Err(_) | Ok("webkit") => Ok(Self::WebKit),
            Ok("chromium") => Ok(Self::Chromium),
            Ok(unknown) => bail!("{VARIABLE} is {unknown:?}; expected webkit or chromium"),
        }
    }

    /// The name of the processes that run pages, and an argument that tells them from others of that name.
    pub(crate) fn page_process(self) -> (&'static str, &'static str) {
        match self {
            Self::WebKit => ("WebKitWebProcess", ""),
            Self::Chromium => ("chromium", "--type=renderer"),
        }
    }

    /// Starts the app and WebDriver, and opens a session.
    pub(crate) async fn start(
        self,
        binary: &Path,
        scratch: &Path,
        environment: &[(String, String)],
    ) -> Result<Driven> {
        match self {
            Self::WebKit => start_in_webkit(binary, scratch, environment).await,
            Self::Chromium => start_in_chromium(binary, scratch, environment).await,
        }
    }
}

/// An app and what drives it.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) client: Client,
    // In this order: the driver ends before the app that it is connected to.
    pub(crate) driver: Process,
    /// The address of DevTools, in Chromium.
    pub(crate) devtools: Option<String>,
    /// The app, if WebDriver did not start it.
    pub(crate) app: Option<Process>,
}

impl Driven {
    /// The process that started the app, or the app.
    pub(crate) fn origin(&self) -> &Process {
        self.app.as_ref().unwrap_or(&self.driver)
    }

    /// Whether the app runs.
    pub(crate) fn is_running(&mut self) -> Result<bool> {
        match &mut self.app {
            Some(app) => Ok(app.ended()?.is_none()),
            None => Ok(self.driver.has_offspring()),
        }
    }
}

async fn start_in_webkit(
    binary: &Path,
    scratch: &Path,
    environment: &[(String, String)],
) -> Result<Driven> {
    let port = free_port()?;
    let mut command = Command::new("WebKitWebDriver");
    command
        .arg(format!("--port={port}"))
        // Downloads go there.
        .current_dir(scratch)
        .envs(environment.iter().cloned())
        .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
        .env("TAURI_AUTOMATION", "true")
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .stdin(Stdio::null());
    let mut driver = Process::start(&mut command, "webkit2gtk-driver")?;
    listening("WebKitWebDriver", port, &mut driver).await?;
    let options = json!({ "webkitgtk:browserOptions": { "binary": binary, "args": [] } });
    let client = tokio::select! {
        client = connect(port, binary, options) => client?,
        () = app_ends(&driver) => bail!("{} ended before it opened a window", binary.display()),
    };
    Ok(Driven {
        client,
        driver,
        devtools: None,
        app: None,
    })
}

async fn start_in_chromium(
    binary: &Path,
    scratch: &Path,
    environment: &[(String, String)],
) -> Result<Driven> {
    let profile = scratch.join("chromium");
    let mut command = Command::new(binary);
    command
        .envs(environment.iter().cloned())
        .env("CHROMIUM_PROFILE", &profile)
        .stdin(Stdio::null());
    let mut app = Process::start(&mut command, "none: it is the app")?;
    let (debugger, path) = until("the app to start Chromium", async || {
        if let Some(status) = app.ended()? {
            bail!("{} ended with {status}", binary.display());
        }
        let file = profile.join("DevToolsActivePort");
        let content = fs::read_to_string(file).unwrap_or_default();
        Ok(match content.split_once('\n') {
            Some((port, path)) => Found::Yes((format!("127.0.0.1:{port}"), path.to_owned())),
            None => Found::NotYet("no port of DevTools".to_owned()),
        })
    })
    .await?;
    let port = free_port()?;
    let mut command = Command::new("chromedriver");
    command
        .arg(format!("--port={port}"))
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut driver = Process::start(&mut command, "chromium-driver")?;
    listening("chromedriver", port, &mut driver).await?;
    let options = json!({ "goog:chromeOptions": { "debuggerAddress": debugger } });
    let client = tokio::select! {
        client = connect(port, binary, options) => client?,
        () = ends(&mut app) => bail!("{} ended before it opened a window", binary.display()),
    };
    Ok(Driven {
        client,
        driver,
        devtools: Some(format!("ws://{debugger}{path}")),
        app: Some(app),
    })
}

/// Starts a browser without Tauri.
pub(crate) async fn start_browser(options: Value) -> Result<(Client, Process)> {
    let port = free_port()?;
    let mut command = Command::new("chromedriver");
    command
        .arg(format!("--port={port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut driver = Process::start(&mut command, "chromium-driver")?;
    listening("chromedriver", port, &mut driver).await?;
    let client = connect(port, Path::new("chromium"), options).await?;
    Ok((client, driver))
}

async fn listening(name: &str, port: u16, driver: &mut Process) -> Result<()> {
    until(&format!("{name} to listen"), async || {
        if let Some(status) = driver.ended()? {
            bail!("{name} ended with {status}");
        }
        Ok(
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                Ok(_) => Found::Yes(()),
                Err(error) => Found::NotYet(error.to_string()),
            },
        )
    })
    .await
}

async fn connect(port: u16, binary: &Path, capabilities: Value) -> Result<Client> {
    let mut builder = ClientBuilder::new(HttpConnector::new());
    if let Value::Object(capabilities) = capabilities {
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

/// Returns when a program has ended.
async fn ends(program: &mut Process) {
    while matches!(program.ended(), Ok(None)) {
        sleep(POLL_INTERVAL).await;
    }
}

/// A port that was free a moment ago; WebKitWebDriver takes no port 0.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
