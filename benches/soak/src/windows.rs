//! The windows of the app, and the processes of their pages.

use crate::processes;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tokio::time::sleep;

/// How long a window may take to close.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Windows {
    app: AppHandle,
    /// The process of each page, by label.
    processes: Mutex<BTreeMap<String, u32>>,
    /// Where the pages come from. A page whose process has died has no URL.
    origin: Mutex<Option<Url>>,
}

impl Windows {
    pub(crate) fn new(app: AppHandle) -> Self {
        Self {
            app,
            processes: Mutex::default(),
            origin: Mutex::default(),
        }
    }

    pub(crate) fn open(&self, label: &str) -> Result<()> {
        let place = self.app.webview_windows().len() as f64;
        let window = WebviewWindowBuilder::new(&self.app, label, WebviewUrl::default())
            .title(label)
            .inner_size(240.0, 160.0)
            .position(250.0 * (place % 5.0), 200.0 * (place / 5.0).floor())
            .build()?;
        let mut origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        if origin.is_none() {
            *origin = Some(window.url()?);
        }
        Ok(())
    }

    pub(crate) async fn close(&self, label: &str, by_force: bool) -> Result<()> {
        let window = self.window(label)?;
        if by_force {
            window.destroy()?;
        } else {
            window.close()?;
        }
        let start = Instant::now();
        while self.app.get_webview_window(label).is_some() {
            ensure!(start.elapsed() < PATIENCE, "`{label}` does not close");
            sleep(Duration::from_millis(5)).await;
        }
        self.known().remove(label);
        Ok(())
    }

    pub(crate) fn load(&self, label: &str, page: &str) -> Result<()> {
        let origin = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        let url = origin
            .as_ref()
            .context("no window has a page")?
            .join(page)?;
        Ok(self.window(label)?.navigate(url)?)
    }

    /// The page of this window is the only one whose process is not known yet.
    pub(crate) fn identify(&self, label: &str) -> Result<()> {
        let running = processes::web_processes();
        let mut known = self.known();
        known.retain(|_, process| running.contains(process));
        let new: Vec<u32> = running
            .into_iter()
            .filter(|process| !known.values().any(|known| known == process))
            .collect();
        match new[..] {
            [process] => {
                known.insert(label.to_owned(), process);
                Ok(())
            }
            _ => bail!("the process of `{label}` is one of {new:?}"),
        }
    }

    pub(crate) fn kill(&self, label: &str) -> Result<()> {
        let process = self.known().remove(label);
        let process = process.with_context(|| format!("`{label}` has no known process"))?;
        let process = Pid::from_raw(i32::try_from(process)?).context("no process id")?;
        Ok(kill_process(process, Signal::KILL)?)
    }

    /// The process of each page, by label.
    pub(crate) fn processes(&self) -> BTreeMap<String, u32> {
        self.known().clone()
    }

    fn window(&self, label: &str) -> Result<WebviewWindow> {
        let window = self.app.get_webview_window(label);
        window.with_context(|| format!("there is no window `{label}`"))
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
