//! A browser without Tauri.

use anyhow::{Context, Result, bail};
use fantoccini::{Client, wd::WindowHandle};
use serde_json::{Value, json};

use crate::{engine, process::Process, scratch::Scratch};

/// Runs a script that may wait, and tells WebDriver its value or its error.
const RUN: &str = "
    const done = arguments[arguments.length - 1]
    const AsyncFunction = (async () => {}).constructor
    new AsyncFunction('args', arguments[0])(arguments[1])
        .then((value) => done({ value }), (error) => done({ error: String(error?.stack ?? error) }))";

/// Chromium as its users have it, without a window.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    // In this order: the driver ends before its profile is removed.
    _driver: Process,
    _scratch: Scratch,
}

impl Browser {
    /// Starts it with a profile of its own.
    pub async fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let profile = format!("--user-data-dir={}", scratch.path().display());
        let arguments = ["--headless=new", "--no-sandbox", &profile];
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let (client, driver) = engine::start_browser(options).await?;
        Ok(Self {
            client,
            _driver: driver,
            _scratch: scratch,
        })
    }

    /// Opens a page in a tab of its own.
    pub async fn open(&self, address: &str) -> Result<WindowHandle> {
        let tab = self.client.new_window(true).await?.handle;
        self.client.switch_to_window(tab.clone()).await?;
        self.client.goto(address).await?;
        Ok(tab)
    }

    /// Runs a script in a tab, with `args`, and returns what it returns. It may wait.
    pub async fn run(&self, tab: &WindowHandle, script: &str, args: Value) -> Result<Value> {
        self.client.switch_to_window(tab.clone()).await?;
        let mut outcome = self
            .client
            .execute_async(RUN, vec![json!(script), args])
            .await
            .with_context(|| format!("cannot run {script:?}"))?;
        match outcome.get("error") {
            Some(error) => bail!("{script:?} failed: {error}"),
            None => Ok(outcome["value"].take()),
        }
    }

    /// Ends it.
    pub async fn stop(self) -> Result<()> {
        Ok(self.client.close().await?)
    }
}
