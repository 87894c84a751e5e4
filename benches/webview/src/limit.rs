//! The limit, which no delivery of events can pass: all of them at once.

use crate::pages::Host;
use anyhow::Result;
use tauri::{AppHandle, Runtime};

/// What the report says about it.
pub(crate) const DEFINITION: &str = "The *limit* is all events in one call of the page, which parses them and loops over them: \
                                     no queue, no order, no acknowledgement.";

/// Brings a whole stream to a page in one call, as the plugin calls pages.
#[cfg(target_os = "linux")]
pub(crate) fn send<R: Runtime>(
    app: &AppHandle<R>,
    host: &Host,
    label: &str,
    batch: String,
) -> Result<()> {
    use anyhow::Context;
    use std::any::TypeId;
    use tauri::{Manager, Wry};
    use webkit2gtk::{WebViewExt, gio::Cancellable, glib::VariantDict};

    const BODY: &str = "window.handleLimit(batch)";
    // Chromium has no such call.
    if TypeId::of::<R>() != TypeId::of::<Wry>() {
        host.limits.send(label, batch);
        return Ok(());
    }
    let window = app
        .get_webview_window(label)
        .context("the window is gone")?;
    window.with_webview(move |webview| {
        let arguments = VariantDict::new(None);
        arguments.insert("batch", &batch);
        let arguments = Some(arguments.end());
        let no_cancellable: Option<&Cancellable> = None;
        let widget = webview.inner();
        widget.call_async_javascript_function(
            BODY,
            arguments.as_ref(),
            None,
            None,
            no_cancellable,
            |_| {},
        );
    })?;
    Ok(())
}

/// Brings a whole stream to a page in one reply of Tauri's IPC.
#[cfg(not(target_os = "linux"))]
pub(crate) fn send<R: Runtime>(
    _: &AppHandle<R>,
    host: &Host,
    label: &str,
    batch: String,
) -> Result<()> {
    host.limits.send(label, batch);
    Ok(())
}
