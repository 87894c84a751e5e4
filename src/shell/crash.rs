//! Detects that the process of a page crashed, which no hook of Tauri reports on Linux.
//!
//! WebKitGTK then shows an empty window and loads nothing, so the page would seem to exist until its lease expires. On
//! Apple's systems Tauri reloads the page, and WebView2 shows an error page: both are page loads.

use std::sync::Weak;

use tauri::{Runtime, Webview};

use crate::runtime::BusRuntime;

/// Leaves the page of this webview when its process ends. What it did not acknowledge is kept for the next page.
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
            "cannot detect crashes of the page in {:?}: {error}",
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
