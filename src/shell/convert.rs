//! Conversions of Tauri's types.

use tauri::EventTarget;

use crate::api::target::IntoTarget;
use crate::model::target::Target;

impl IntoTarget for EventTarget {
    fn into_target(self) -> Target {
        match self {
            EventTarget::App => Target::host(),
            EventTarget::Window { label } => Target::window(label),
            EventTarget::AnyLabel { label }
            | EventTarget::Webview { label }
            | EventTarget::WebviewWindow { label } => Target::webview(label),
            EventTarget::Any => Target::everyone(),
            // An unknown kind selects nothing, rather than everyone.
            _ => Target::join([]),
        }
    }
}
