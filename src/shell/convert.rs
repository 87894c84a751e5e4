//! Conversions of Tauri's types.

use tauri::EventTarget;

use crate::model::target::Target;

/// A target in Tauri's spelling.
pub(crate) fn target_of(target: EventTarget) -> Target {
    match target {
        EventTarget::App => Target::host(),
        EventTarget::Window { label } => Target::window(label),
        EventTarget::AnyLabel { label }
        | EventTarget::Webview { label }
        | EventTarget::WebviewWindow { label } => Target::webview(label),
        EventTarget::Any => Target::everyone(),
        // An unknown kind must not turn into everyone.
        _ => Target::join([]),
    }
}
