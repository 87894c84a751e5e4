//! Replaces the plugin's `src/shell/platform.rs`: the simulation says which webviews there are.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tauri::{AppHandle, Runtime, Webview};

use crate::engine::core::Platform;
use crate::runtime::BusRuntime;

static OPEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn open() -> MutexGuard<'static, BTreeSet<String>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lists a webview, which fills a window of its own label, or takes it from the list.
pub(crate) fn list(webview: &str, is_open: bool) {
    match is_open {
        true => open().insert(webview.to_owned()),
        false => open().remove(webview),
    };
}

pub(crate) fn clear() {
    open().clear();
}

pub(crate) struct TauriPlatform<R: Runtime>(pub(crate) AppHandle<R>);

impl<R: Runtime> Platform for TauriPlatform<R> {
    fn window_of(&self, webview: &str) -> Option<String> {
        open().get(webview).cloned()
    }

    fn is_closed(&self, webview: &str) -> bool {
        self.window_of(webview).is_none()
    }
}

pub(crate) fn listen_for_webviews<R: Runtime>(_: &AppHandle<R>, _: &Arc<BusRuntime>) {}

pub(crate) fn announce_webviews<R: Runtime>(_: &AppHandle<R>, _: &Arc<BusRuntime>) {}

pub(crate) fn watch<R: Runtime>(_: &Webview<R>, _: u64, _: &Arc<BusRuntime>) {}
