//! Drives Tauri apps in real windows: a private X display, a private session bus and the WebDriver server of an engine.
//!
//! ```text
//! test ──► App ──► WebKitWebDriver ──► Tauri app ──► its windows, on an Xvfb display
//!           │ └──► chromedriver ─────► Chromium  ──► its windows, on an Xvfb display
//!           │                             ▲
//!           │      Tauri app ─────────────┘ (over DevTools: `e2e/chromium`)
//!           └── Window (by label): run scripts, click, type, wait
//! ```
//!
//! Tauri makes a WebView automatable when `TAURI_WEBVIEW_AUTOMATION=true` is in its environment. WebKit then shows each
//! window of the app as a WebDriver window of its own, including those that open later.

mod app;
mod browser;
mod devtools;
mod display;
mod engine;
mod nats;
mod picture;
mod process;
mod scratch;
mod session_bus;
mod wait;
mod window;

pub use app::{App, Launch, SlowPage};
pub use browser::Browser;
pub use display::Display;
pub use engine::Engine;
pub use nats::NatsServer;
pub use picture::Picture;
pub use wait::{Found, until};
pub use window::Window;
