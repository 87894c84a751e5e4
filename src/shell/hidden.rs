//! Webviews that the bus does not know.

/// The label of the inspector's webview.
pub(super) const INSPECTOR: &str = "event-bus-inspector";

/// Whether the bus is to know nothing of the webview, or the window, with this label.
pub(super) fn is_hidden(label: &str) -> bool {
    cfg!(feature = "inspector") && label == INSPECTOR
}
