//! Conversions of Tauri's types.

use tauri::EventTarget;

use crate::model::target::Target;

impl From<EventTarget> for Target {
    fn from(target: EventTarget) -> Self {
        match target {
            EventTarget::App => Self::host(),
            EventTarget::Window { label } => Self::window(label),
            EventTarget::AnyLabel { label }
            | EventTarget::Webview { label }
            | EventTarget::WebviewWindow { label } => Self::webview(label),
            EventTarget::Any => Self::everyone(),
            // An unknown kind selects nothing, rather than everyone.
            _ => Self::join([]),
        }
    }
}
