//! Runs Tauri apps in Chromium, for tests on Linux: a [`tauri::Runtime`] over the DevTools protocol.
//!
//! ```text
//! app ──► Chromium (Runtime) ──► DevTools ──► browser process ──► one tab in a window of its own for each webview
//!              ▲                    │
//!              └── main thread ◄────┘ events: paused requests, messages, page loads, crashes
//! ```
//!
//! It behaves as Tauri does on Windows, where pages run in WebView2, which is Chromium:
//!
//! - Pages are loaded from `http://tauri.localhost`, and commands are requests to `http://ipc.localhost`. DevTools pauses both
//!   and Tauri's own handlers respond to them. The scripts of Tauri are told that the system is Windows.
//! - Where requests fail, commands come by `window.ipc.postMessage`, and Tauri evaluates the replies.
//! - Handlers run on the main thread. A webview is created there, too, after the call that builds it.
//! - A page whose process has ended is replaced by an error page.
//!
//! An app chooses its URL before it builds: [`serve_from_chromium`].

mod browser;
mod devtools;
mod page;
mod request;
mod runtime;
mod webview;
mod window;

use tauri::{Context, EventLoopMessage};

pub use runtime::Chromium;

/// The runtime of an app in Chromium.
pub type ChromiumRuntime = Chromium<EventLoopMessage>;

/// The origin of an app's own pages, as on Windows.
const APP_ORIGIN: &str = "http://tauri.localhost";

/// Lets the app's own pages come from `http://tauri.localhost`. With any other URL, Tauri would take them for remote pages.
pub fn serve_from_chromium(context: &mut Context<ChromiumRuntime>) {
    context.config_mut().build.dev_url = APP_ORIGIN.parse().ok();
}
