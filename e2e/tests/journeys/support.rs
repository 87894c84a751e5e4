//! The fixture's windows, as the journeys drive them.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::{App, Engine, Found, Launch, Window, until};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

pub(crate) async fn launch() -> Result<App> {
    fixture(Engine::of_this_run()?).start().await
}

/// Launches the fixture as an app that moves from Tauri's events.
pub(crate) async fn launch_moving(how: &str) -> Result<App> {
    let fixture = fixture(Engine::of_this_run()?);
    fixture.env("FIXTURE_MOVING", how).start().await
}

/// Launches the app whose pages reach the host through the iframe of Tauri's isolation pattern. It belongs to another
/// package. Build it first: `cargo build --workspace --bin moving_after`.
pub(crate) async fn launch_isolated() -> Result<App> {
    let binary = Path::new(env!("CARGO_BIN_EXE_fixture")).with_file_name("moving_after");
    let launch = Launch::new(binary).engine(Engine::WebKit);
    launch.env("MOVING_STRICT", "1").start().await
}

/// Launches the fixture in this engine, for what the other does not have.
pub(crate) async fn launch_in(engine: Engine) -> Result<App> {
    fixture(engine).start().await
}

/// Launches the fixture with a report file. Each window has a process of its own.
pub(crate) async fn launch_with_report(file: &Path) -> Result<App> {
    launch_apart(&[("FIXTURE_REPORT", &file.display().to_string())]).await
}

/// Launches the fixture with a process for each window: Chromium lets pages of one origin share one while there are few.
pub(crate) async fn launch_apart(environment: &[(&str, &str)]) -> Result<App> {
    launch_apart_in(Engine::of_this_run()?, environment).await
}

/// The same in this engine, for what the other does not have.
pub(crate) async fn launch_apart_in(engine: Engine, environment: &[(&str, &str)]) -> Result<App> {
    const APART: &str =
        "--disable-features=IsolateSandboxedIframes,ProcessPerSiteUpToMainFrameThreshold";
    let launch = fixture(engine).env("CHROMIUM_ARGUMENTS", APART);
    let launch = environment
        .iter()
        .fold(launch, |launch, (name, value)| launch.env(*name, *value));
    launch.start().await
}

fn fixture(engine: Engine) -> Launch {
    let name = match engine {
        Engine::WebKit => "webkit",
        Engine::Chromium => "chromium",
    };
    Launch::new(env!("CARGO_BIN_EXE_fixture"))
        .engine(engine)
        .env("FIXTURE_ENGINE", name)
}

/// A window of the fixture whose scripts have run.
pub(crate) struct Page<'app> {
    pub(crate) window: Window<'app>,
}

impl<'app> Page<'app> {
    pub(crate) async fn of(app: &'app App, label: &str) -> Result<Self> {
        let window = app.window(label).await?;
        window
            .until(
                "the fixture's script",
                "typeof window.record === 'function'",
                &[],
            )
            .await?;
        Ok(Self { window })
    }

    pub(crate) async fn run(&self, body: &str, argument: Value) -> Result<Value> {
        self.window.run(body, &[argument]).await
    }

    /// Calls a command of the fixture.
    pub(crate) async fn host(&self, command: &str, arguments: Value) -> Result<Value> {
        self.window
            .run(
                "return await host(args[0], args[1])",
                &[json!(command), arguments],
            )
            .await
    }

    pub(crate) async fn emit(&self, name: &str, payload: Value) -> Result<Value> {
        self.window
            .run(
                "return await bus.emit(args[0], args[1])",
                &[json!(name), payload],
            )
            .await
    }

    /// Records the events called `name`; returns once the host has accepted the subscription.
    pub(crate) async fn record(&self, name: &str) -> Result<()> {
        self.run("await record(args[0]).ready", json!(name))
            .await
            .map(drop)
    }

    /// The events that have been recorded so far.
    pub(crate) async fn recorded(&self, name: &str) -> Result<Vec<Value>> {
        let events = self
            .run("return recordings[args[0]].events", json!(name))
            .await?;
        events
            .as_array()
            .cloned()
            .context("the page does not record that event")
    }

    /// The recorded events, once there are at least `count`.
    pub(crate) async fn received(&self, name: &str, count: usize) -> Result<Vec<Value>> {
        until(
            &format!("{count} events `{name}` in `{}`", self.window.label()),
            async || {
                let received = self
                    .run("return recordings[args[0]].events.length", json!(name))
                    .await?;
                Ok(if received.as_u64() >= Some(count as u64) {
                    Found::Yes(())
                } else {
                    Found::NotYet(format!("{received} of them"))
                })
            },
        )
        .await?;
        self.recorded(name).await
    }
}

/// Returns once every page has handled every event that was emitted before this call.
pub(crate) async fn barrier(pages: &[&Page<'_>]) -> Result<()> {
    for page in pages {
        page.run(
            "if (!recordings.barrier) await record('barrier').ready",
            json!(null),
        )
        .await?;
    }
    let receipt = pages[0]
        .host("emit", json!({ "name": "barrier", "json": "null" }))
        .await?;
    ensure!(
        receipt["pages"] == pages.len(),
        "the barrier reached {} pages",
        receipt["pages"]
    );
    for page in pages {
        page.window
            .until(
                "the barrier",
                "recordings.barrier.events.some((event) => event.seq === args[0])",
                &[receipt["seq"].clone()],
            )
            .await?;
    }
    Ok(())
}

pub(crate) fn payloads(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .map(|event| event["json"].as_str().unwrap_or("no payload").to_owned())
        .collect()
}

/// Whether the host calls pages. It calls those of WebKitGTK, unless `E2E_CARRIER` is `pull`.
pub(crate) fn are_called(app: &App) -> bool {
    let is_refused = std::env::var("E2E_CARRIER").is_ok_and(|carrier| carrier == "pull");
    app.engine() == Engine::WebKit && !is_refused
}

/// What the host knows of the page in this window.
pub(crate) async fn inspected(page: &Page<'_>, label: &str) -> Result<Value> {
    let inspection = page.host("inspect", json!({})).await?;
    let webviews = inspection["webviews"].as_array().cloned();
    let mut webviews = webviews.unwrap_or_default().into_iter();
    let found = webviews.find(|webview| webview["label"] == label);
    Ok(found.context("the host does not know this webview")?["page"].clone())
}

/// Returns once the host calls the page, where it does.
pub(crate) async fn called(app: &App, page: &Page<'_>, label: &str) -> Result<()> {
    until(&format!("calls of `{label}`"), async || {
        let own = inspected(page, label).await?;
        let is_settled = match are_called(app) {
            true => own["isCalled"] == true,
            false => own["isCalled"] == false && own["isPulling"] == true,
        };
        Ok(match is_settled {
            true => Found::Yes(()),
            false => Found::NotYet(own.to_string()),
        })
    })
    .await
}

/// Serves the built pages of the fixture on a free port of the loopback interface, which is another origin. Returns the port.
pub(crate) async fn serve() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 8192];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = text.split([' ', '?']).nth(1).unwrap_or("/").to_owned();
                let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("dist")
                    .join(path.trim_start_matches('/'));
                let kind = if path.ends_with(".js") {
                    "text/javascript"
                } else {
                    "text/html"
                };
                let (status, body) = match tokio::fs::read(file).await {
                    Ok(body) => ("200 OK", body),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&body).await;
            });
        }
    });
    Ok(port)
}
