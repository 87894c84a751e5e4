//! The inspector: its window, its page, and who may use it. What its page may do is in `src/shell/commands/inspector.rs`.

mod page;
pub(super) mod state;
pub(super) mod window;

use std::sync::Arc;

use tauri::{AppHandle, Manager, Runtime};

pub(super) use page::serve;
use state::Inspector;

/// The app has started.
pub(super) fn start<R: Runtime>(app: &AppHandle<R>) {
    if opens_itself(app) {
        window::open_at_start(app);
    }
}

/// The window was closed.
pub(super) fn close<R: Runtime>(app: &AppHandle<R>) {
    if let Some(inspector) = app.try_state::<Arc<Inspector>>() {
        inspector.close();
    }
}

/// What each page of the app runs for the shortcut.
pub(super) fn script<R: Runtime>(app: &AppHandle<R>) -> &'static str {
    match opens_itself(app) {
        true => window::SHORTCUT,
        false => "",
    }
}

fn opens_itself<R: Runtime>(app: &AppHandle<R>) -> bool {
    let inspector = app.try_state::<Arc<Inspector>>();
    inspector.is_some_and(|inspector| inspector.opens_itself())
}

#[cfg(test)]
mod tests;
