//! Notices that a page has lost its process, where no hook of Tauri's tells.
//!
//! WebKitGTK shows an empty window then and loads nothing, so the page would seem to be there until its lease is over. On
//! Apple's systems Tauri loads the page anew, and WebView2 shows a page of its own: both are page loads.

use std::sync::Weak;

use tauri::{Runtime, Webview};

use crate::runtime::BusRuntime;

/// Leaves the page of this webview whenever its process ends. What it had not acknowledged is kept for the next one.
#[cfg(all(
    feature = "page-crashes",
    any(
        target_os = "linux",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )
))]
pub(crate) fn watch<R: Runtime>(webview: &Webview<R>, runtime: Weak<BusRuntime>) {
    use webkit2gtk::WebViewExt;

    let label = webview.label().to_owned();
    let watching = webview.with_webview(move |platform| {
        platform
            .inner()
            .connect_web_process_terminated(move |_, _| {
                if let Some(runtime) = runtime.upgrade() {
                    runtime.leave_page(&label, None);
                }
            });
    });
    if let Err(error) = watching {
        log::warn!(
            "whether the page in {:?} crashes is not noticed: {error}",
            webview.label()
        );
    }
}

#[cfg(not(all(
    feature = "page-crashes",
    any(
        target_os = "linux",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    )
)))]
pub(crate) fn watch<R: Runtime>(_: &Webview<R>, _: Weak<BusRuntime>) {}
