//! The window of the inspector, and the capability of its page.

use std::sync::Arc;

use tauri::ipc::CapabilityBuilder;
use tauri::{AppHandle, Manager, Runtime, Url};

use super::state::{Inspector, Opening};
use crate::api::bus::EventBus;
use crate::model::error::{Error, ErrorCode, Result};
use crate::shell::hidden::INSPECTOR;

/// What its page is granted, and no other page.
const GRANTED: [&str; 4] = [
    "event-bus:allow-inspector-records",
    "event-bus:allow-inspector-state",
    "event-bus:allow-inspector-act",
    "event-bus:allow-inspector-export",
];

/// Listens for the shortcut in the pages of the app. `__TAURI_INTERNALS__` is what Tauri's own package calls.
pub(in crate::shell) const SHORTCUT: &str = ";window.addEventListener('keydown', (event) => {
  if (event.isTrusted && event.code === 'KeyE' && event.shiftKey && !event.altKey && event.ctrlKey !== event.metaKey) {
    event.preventDefault()
    window.__TAURI_INTERNALS__.invoke('plugin:event-bus|open_inspector').catch(console.warn)
  }
}, true)";

/// The address of the page, where the scheme has its own form.
const ADDRESS: &str = "event-bus-inspector://localhost/";

/// The origins of the page: of the scheme, and as Windows and Android spell it.
const ORIGINS: [&str; 3] = [
    "event-bus-inspector://localhost",
    "http://event-bus-inspector.localhost",
    "https://event-bus-inspector.localhost",
];

/// Whether a page of this origin is that of the inspector.
pub(in crate::shell) fn is_origin(origin: &str) -> bool {
    ORIGINS.contains(&origin)
}

fn is_own_address(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    is_origin(&format!("{}://{host}", url.scheme())) && url.port().is_none()
}

/// Opens the inspector, or gives it the focus.
pub(in crate::shell) fn open<R: Runtime>(app: &AppHandle<R>) -> Result<()> {
    let inspector = app.try_state::<Arc<Inspector>>();
    let inspector = inspector.map(|inspector| Arc::clone(&inspector));
    let inspector = inspector.ok_or_else(|| {
        Error::new(
            ErrorCode::Unavailable,
            "the event bus has not started, so the inspector cannot open",
        )
    })?;
    let window = app.get_webview_window(INSPECTOR);
    match inspector.begin_opening(window.is_some())? {
        Opening::Focus => {
            if let Some(window) = window {
                focus(&window);
            }
        }
        Opening::Build { token, is_granted } => {
            // Building a window waits for the main thread, which may be this one.
            on_another_thread(app, move |app| {
                if !is_granted {
                    grant(app);
                }
                let built = build(app, &token);
                inspector.end_opening(built.is_ok());
                if let Err(error) = built {
                    log::error!("the inspector of the event bus cannot open: {error}");
                }
            });
        }
    }
    Ok(())
}

/// Opens the inspector of an app that has started, and lets its pages open it, too.
pub(in crate::shell) fn open_at_start<R: Runtime>(app: &AppHandle<R>) {
    // Not in the hook, during which Tauri holds its plugins.
    on_another_thread(app, |app| {
        let shortcut = CapabilityBuilder::new("event-bus-inspector-shortcut")
            .webview("*")
            .permission("event-bus:allow-open-inspector");
        if let Err(error) = app.add_capability(shortcut) {
            log::warn!("the shortcut of the inspector does not work: {error}");
        }
        if let Err(error) = open(app) {
            log::warn!("{error}");
        }
    });
}

fn on_another_thread<R: Runtime>(
    app: &AppHandle<R>,
    act: impl FnOnce(&AppHandle<R>) + Send + 'static,
) {
    if let Some(bus) = app.try_state::<EventBus>() {
        let app = app.clone();
        drop(bus.runtime().core.tasks().spawn_blocking(move || act(&app)));
    }
}

/// Grants the commands to the webview with the label of the inspector. Which webview that is, `Inspector` knows.
fn grant<R: Runtime>(app: &AppHandle<R>) {
    let capability = CapabilityBuilder::new("event-bus-inspector").webview(INSPECTOR);
    let capability = GRANTED.iter().fold(capability, |capability, permission| {
        capability.permission(*permission)
    });
    if let Err(error) = app.add_capability(capability) {
        log::error!("the page of the inspector gets no permissions: {error}");
    }
}

type Outcome = std::result::Result<(), Box<dyn std::error::Error>>;

#[cfg(desktop)]
fn focus<R: Runtime>(window: &tauri::WebviewWindow<R>) {
    let shown = window.unminimize().and_then(|()| window.set_focus());
    if let Err(error) = shown {
        log::debug!("the inspector does not get the focus: {error}");
    }
}

#[cfg(desktop)]
fn build<R: Runtime>(app: &AppHandle<R>, token: &str) -> Outcome {
    use tauri::webview::NewWindowResponse;
    use tauri::{WebviewUrl, WebviewWindowBuilder};

    let url = WebviewUrl::CustomProtocol(ADDRESS.parse()?);
    WebviewWindowBuilder::new(app, INSPECTOR, url)
        .title(format!("Event bus – {}", app.package_info().name))
        .inner_size(1280.0, 800.0)
        .min_inner_size(640.0, 420.0)
        // Hexadecimal digits.
        .initialization_script(format!(
            "Object.defineProperty(window, '__EVENT_BUS_INSPECTOR__', {{ value: '{token}' }})"
        ))
        .on_navigation(is_own_address)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()?;
    Ok(())
}

#[cfg(mobile)]
fn focus<R: Runtime>(_: &tauri::WebviewWindow<R>) {}

#[cfg(mobile)]
fn build<R: Runtime>(_: &AppHandle<R>, _: &str) -> Outcome {
    let _ = ADDRESS;
    let _: fn(&Url) -> bool = is_own_address;
    Err("this platform has no windows".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_window_opens_no_other_page() {
        for (url, expected) in [
            (ADDRESS, true),
            ("event-bus-inspector://localhost/x#y", true),
            ("http://event-bus-inspector.localhost/", true),
            ("event-bus-inspector://other/", false),
            ("http://event-bus-inspector.localhost.example/", false),
            ("http://event-bus-inspector.localhost:81/", false),
            ("tauri://localhost/", false),
            ("https://example.com/", false),
            ("about:blank", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(is_own_address(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
