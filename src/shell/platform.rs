//! What Tauri lists of webviews, and what tells of them beside the plugin's hooks.

use std::sync::Arc;

use serde::Deserialize;
use tauri::{AppHandle, Listener, Manager, Runtime, Webview};

use crate::engine::core::Platform;
use crate::runtime::BusRuntime;
use crate::shell::hidden::is_hidden;

/// The event that Tauri emits while it builds a webview. Its hook waits for the main thread instead.
const CREATED: &str = "tauri://webview-created";

#[derive(Deserialize)]
struct Created {
    label: String,
}

pub(super) struct TauriPlatform<R: Runtime>(pub(super) AppHandle<R>);

impl<R: Runtime> Platform for TauriPlatform<R> {
    fn window_of(&self, webview: &str) -> Option<String> {
        if is_hidden(webview) {
            return None;
        }
        let webview = find_webview(&self.0, webview)?;
        Some(webview.window_ref().label().to_owned())
    }

    fn is_closed(&self, webview: &str) -> bool {
        // Without `unstable`, Tauri does not say which child webviews there are.
        cfg!(feature = "unstable") && find_webview(&self.0, webview).is_none()
    }

    #[cfg(feature = "inspector")]
    fn open_inspector(&self) -> crate::model::error::Result<()> {
        crate::shell::inspector::window::open(&self.0)
    }
}

#[cfg(feature = "unstable")]
fn find_webview<R: Runtime>(app: &AppHandle<R>, label: &str) -> Option<Webview<R>> {
    app.get_webview(label)
}

/// Without `unstable`, only a webview that fills its window is found.
#[cfg(not(feature = "unstable"))]
fn find_webview<R: Runtime>(app: &AppHandle<R>, label: &str) -> Option<Webview<R>> {
    app.get_webview_window(label)
        .map(|window| window.as_ref().clone())
}

#[cfg(feature = "unstable")]
fn all_webviews<R: Runtime>(app: &AppHandle<R>) -> impl Iterator<Item = Webview<R>> {
    app.webviews().into_values()
}

#[cfg(not(feature = "unstable"))]
fn all_webviews<R: Runtime>(app: &AppHandle<R>) -> impl Iterator<Item = Webview<R>> {
    let windows = app.webview_windows().into_values();
    windows.map(|window| window.as_ref().clone())
}

/// Learns of each webview before the call that builds it returns. A page can forge the event, so it only leads to a look at
/// Tauri's list.
pub(super) fn listen_for_webviews<R: Runtime>(app: &AppHandle<R>, runtime: &Arc<BusRuntime>) {
    let runtime = Arc::downgrade(runtime);
    app.listen_any(CREATED, move |event| {
        if let Some(runtime) = runtime.upgrade()
            && let Ok(created) = serde_json::from_str::<Created>(event.payload())
        {
            runtime.core.announce_if_unknown(&created.label);
        }
    });
}

/// Announces the webviews that there are. A plugin that the app adds late has missed the hooks that tell of them.
pub(super) fn announce_webviews<R: Runtime>(app: &AppHandle<R>, runtime: &Arc<BusRuntime>) {
    for webview in all_webviews(app) {
        runtime.core.announce_if_unknown(webview.label());
        let number = runtime.core.hub().webview_number(webview.label());
        if let Some(number) = number {
            watch(&webview, number, runtime);
        }
    }
}

/// Watches what no hook of Tauri tells of a webview: that the process of its page crashed, that it was closed alone, and
/// that it moved to another window.
///
/// After a crash WebKitGTK shows an empty window and loads nothing, so the page would seem to exist until its lease expires.
/// On Apple's systems Tauri reloads the page, and WebView2 shows an error page: both are page loads. What is closed or moved
/// is noticed elsewhere by what its page sends, when its lease ends, and when a window closes.
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
pub(super) fn watch<R: Runtime>(webview: &Webview<R>, number: u64, runtime: &Arc<BusRuntime>) {
    use webkit2gtk::WebViewExt;
    use webkit2gtk::glib::object::ObjectExt;

    let (own, runtime) = (webview.clone(), Arc::downgrade(runtime));
    let watching = webview.with_webview(move |platform| {
        let widget = platform.inner();
        #[cfg(calls)]
        if let Some(runtime) = runtime.upgrade() {
            crate::shell::calls::add_widget(&widget, own.label(), number, &runtime.core);
        }
        let (label, weak) = (own.label().to_owned(), runtime.clone());
        widget.connect_web_process_terminated(move |_, _| {
            // What the page did not acknowledge is kept for the next one.
            if let Some(runtime) = weak.upgrade() {
                runtime.note_crash(&label);
            }
        });
        let (label, weak) = (own.label().to_owned(), runtime.clone());
        widget.connect_local("destroy", false, move |_| {
            let runtime = weak.upgrade()?;
            // Tauri's runtime destroys the widget while it uses its own list of webviews, so replies wait until it is done.
            let (tasks, label) = (runtime.core.tasks().clone(), label.clone());
            tasks.spawn(async move { runtime.remove_webview(&label, number) });
            None
        });
        widget.connect_local("hierarchy-changed", false, move |_| {
            let window = own.window_ref().label().to_owned();
            runtime.upgrade()?.core.note_window(own.label(), &window);
            None
        });
    });
    if let Err(error) = watching {
        log::warn!(
            "cannot watch the webview {:?} for crashes and its end: {error}",
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
pub(super) fn watch<R: Runtime>(_: &Webview<R>, _: u64, _: &Arc<BusRuntime>) {}
