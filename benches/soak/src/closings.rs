//! What the host keeps of every window that was closed. Tauri itself keeps something, so this is measured with the plugin
//! and without it.

use crate::{growth::slope, processes::memory};
use anyhow::{Context, Result, ensure};
use std::{
    env, process,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use tauri::{
    AppHandle, Manager, RunEvent, State, WebviewUrl, WebviewWindowBuilder, webview::PageLoadEvent,
};

/// How many windows are opened and closed, one after the other.
const WINDOWS: u32 = 120;

/// The first ones fill caches.
const WARM_UP: usize = 20;

/// The most that the plugin may add for a window, in kilobytes. Its script for pages stays with what Tauri keeps.
const MAX_ADDED: f64 = 60.0;

const PATIENCE: Duration = Duration::from_secs(60);

/// Kilobytes that the host keeps of each closed window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) with_plugin: f64,
    pub(crate) without: f64,
}

impl Kept {
    pub(crate) fn measure() -> Result<Self> {
        Ok(Self {
            without: measure("without")?,
            with_plugin: measure("with")?,
        })
    }

    pub(crate) fn fault(&self) -> Option<String> {
        let added = self.with_plugin - self.without;
        (added > MAX_ADDED).then(|| {
            format!(
                "the plugin adds {added:.0} KB to what stays of a closed window; at most {MAX_ADDED} are right"
            )
        })
    }
}

fn measure(plugin: &str) -> Result<f64> {
    let output = Command::new(env::current_exe()?)
        .args(["closings", plugin])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "no windows could be closed");
    // Other programs may print, too.
    let kilobytes: Vec<f64> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    let warm = kilobytes.get(WARM_UP..).context("too few windows")?;
    Ok(slope(warm))
}

/// An app that opens and closes windows, and prints after each one how many kilobytes it has.
pub(crate) fn serve(with_plugin: bool) -> Result<()> {
    let (loaded, loads) = mpsc::channel();
    let mut builder = tauri::Builder::default();
    if with_plugin {
        builder = builder.plugin(tauri_plugin_event_bus::init());
    }
    let app = builder
        .manage(loaded)
        .invoke_handler(tauri::generate_handler![report])
        .build(tauri::generate_context!())?;
    let handle = app.handle().clone();
    let mut loads = Some(loads);
    app.run(move |_, event| match event {
        RunEvent::Ready => {
            let (app, loads) = (handle.clone(), loads.take());
            thread::spawn(move || {
                let outcome = match loads {
                    Some(loads) => open_and_close(&app, &loads, with_plugin),
                    None => Ok(()),
                };
                if let Err(error) = &outcome {
                    eprintln!("error: {error:#}");
                }
                app.exit(i32::from(outcome.is_err()));
            });
        }
        RunEvent::ExitRequested { api, code, .. } if code.is_none() => api.prevent_exit(),
        _ => {}
    });
    Ok(())
}

/// The page listens.
#[tauri::command]
fn report(loaded: State<'_, mpsc::Sender<()>>) {
    let _ = loaded.send(());
}

fn open_and_close(app: &AppHandle, loads: &mpsc::Receiver<()>, with_plugin: bool) -> Result<()> {
    let page = if with_plugin {
        "index.html"
    } else {
        "away.html"
    };
    for number in 0..WINDOWS {
        let label = format!("window-{number}");
        let loaded = app.state::<mpsc::Sender<()>>().inner().clone();
        let window = WebviewWindowBuilder::new(app, &label, WebviewUrl::App(page.into()))
            .inner_size(240.0, 160.0)
            .on_page_load(move |_, load| {
                if !with_plugin && load.event() == PageLoadEvent::Finished {
                    let _ = loaded.send(());
                }
            })
            .build()?;
        loads
            .recv_timeout(PATIENCE)
            .context("a page does not load")?;
        // It is drawn.
        thread::sleep(Duration::from_millis(200));
        window.destroy()?;
        let start = Instant::now();
        while app.get_webview_window(&label).is_some() {
            ensure!(start.elapsed() < PATIENCE, "`{label}` does not close");
            thread::sleep(Duration::from_millis(5));
        }
        // Its process ends.
        thread::sleep(Duration::from_millis(100));
        println!("{}", memory(process::id()).anonymous / 1024);
    }
    Ok(())
}
