//! Conversions of Tauri's types.

use tauri::EventTarget;

use crate::api::target::IntoTarget;
use crate::model::core_target::CoreTarget;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::target::Target;

/// A target as the hub knows it.
pub(super) fn core_target_of(target: &EventTarget) -> Result<CoreTarget> {
    Ok(match target {
        EventTarget::Any => CoreTarget::Any,
        EventTarget::App => CoreTarget::App,
        EventTarget::AnyLabel { label } => CoreTarget::AnyLabel(label.as_str().into()),
        EventTarget::Window { label } => CoreTarget::Window(label.as_str().into()),
        EventTarget::Webview { label } => CoreTarget::Webview(label.as_str().into()),
        EventTarget::WebviewWindow { label } => CoreTarget::WebviewWindow(label.as_str().into()),
        other => {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("the target {other:?} is of a kind that this version does not know"),
            ));
        }
    })
}

/// A target as Tauri writes it.
pub(super) fn event_target_of(target: &CoreTarget) -> EventTarget {
    match target {
        CoreTarget::Any => EventTarget::Any,
        CoreTarget::App => EventTarget::App,
        CoreTarget::AnyLabel(label) => EventTarget::labeled(&**label),
        CoreTarget::Window(label) => EventTarget::window(&**label),
        CoreTarget::Webview(label) => EventTarget::webview(&**label),
        CoreTarget::WebviewWindow(label) => EventTarget::webview_window(&**label),
    }
}

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
