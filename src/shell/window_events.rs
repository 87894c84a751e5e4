use serde_json::{Value, json};
use tauri::{Theme, WindowEvent};

use crate::engine::core::Core;
use crate::hub::{Audience, NewEvent};
use crate::model::endpoint::Endpoint;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;

/// An event of Tauri's windows that the bus emits to everyone, for an app that asks for it with
/// [`Builder::window_events`](crate::Builder::window_events).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowEventKind {
    /// `event-bus:window-focused`, with `{ window }`.
    Focused,
    /// `event-bus:window-blurred`, with `{ window }`.
    Blurred,
    /// `event-bus:window-resized`, with `{ window, width, height }` in physical pixels.
    Resized,
    /// `event-bus:window-moved`, with `{ window, x, y }` in physical pixels.
    Moved,
    /// `event-bus:window-close-requested`, with `{ window }`. It prevents nothing.
    CloseRequested,
    /// `event-bus:window-destroyed`, with `{ window }`.
    Destroyed,
    /// `event-bus:window-scale-factor-changed`, with `{ window, scaleFactor }`.
    ScaleFactorChanged,
    /// `event-bus:window-theme-changed`, with `{ window, theme }`, which is `"light"` or `"dark"`.
    ThemeChanged,
}

impl WindowEventKind {
    fn name(self) -> &'static str {
        match self {
            Self::Focused => "event-bus:window-focused",
            Self::Blurred => "event-bus:window-blurred",
            Self::Resized => "event-bus:window-resized",
            Self::Moved => "event-bus:window-moved",
            Self::CloseRequested => "event-bus:window-close-requested",
            Self::Destroyed => "event-bus:window-destroyed",
            Self::ScaleFactorChanged => "event-bus:window-scale-factor-changed",
            Self::ThemeChanged => "event-bus:window-theme-changed",
        }
    }

    /// The kind and the payload of an event of Tauri's. The paths of dropped files go to no other page.
    fn read(window: &str, event: &WindowEvent) -> Option<(Self, Value)> {
        Some(match event {
            WindowEvent::Focused(true) => (Self::Focused, json!({ "window": window })),
            WindowEvent::Focused(false) => (Self::Blurred, json!({ "window": window })),
            WindowEvent::Resized(size) => (
                Self::Resized,
                json!({ "window": window, "width": size.width, "height": size.height }),
            ),
            WindowEvent::Moved(at) => (
                Self::Moved,
                json!({ "window": window, "x": at.x, "y": at.y }),
            ),
            WindowEvent::CloseRequested { .. } => {
                (Self::CloseRequested, json!({ "window": window }))
            }
            WindowEvent::Destroyed => (Self::Destroyed, json!({ "window": window })),
            WindowEvent::ScaleFactorChanged { scale_factor, .. } => (
                Self::ScaleFactorChanged,
                json!({ "window": window, "scaleFactor": scale_factor }),
            ),
            WindowEvent::ThemeChanged(theme) => {
                let theme = if *theme == Theme::Dark {
                    "dark"
                } else {
                    "light"
                };
                (
                    Self::ThemeChanged,
                    json!({ "window": window, "theme": theme }),
                )
            }
            _ => return None,
        })
    }
}

/// Emits an event of a window, if the app has asked for its kind.
pub(super) fn publish(core: &Core, wanted: &[WindowEventKind], window: &str, event: &WindowEvent) {
    if wanted.is_empty() {
        return;
    }
    let read = WindowEventKind::read(window, event);
    let Some((kind, payload)) = read.filter(|(kind, _)| wanted.contains(kind)) else {
        return;
    };
    let Ok(name) = EventName::parse(kind.name()) else {
        return;
    };
    let event = NewEvent {
        name,
        payload: payload.to_string().into(),
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: Some(false),
        lifetime: Lifetime::default(),
    };
    // The app may be exiting.
    let _ = core.publish(event, &Audience::default());
}

#[cfg(test)]
mod tests {
    use tauri::{PhysicalPosition, PhysicalSize};

    use super::*;

    #[test]
    fn events_of_windows_have_names_and_payloads() {
        let check = |event: WindowEvent, name: &str, payload: Value| {
            let (kind, read) = WindowEventKind::read("main", &event).unwrap();
            assert_eq!((kind.name(), read), (name, payload));
            assert!(EventName::parse(name).is_ok());
        };
        let plain = json!({ "window": "main" });
        let focused = WindowEvent::Focused(true);
        check(focused, "event-bus:window-focused", plain.clone());
        let blurred = WindowEvent::Focused(false);
        check(blurred, "event-bus:window-blurred", plain.clone());
        let destroyed = WindowEvent::Destroyed;
        check(destroyed, "event-bus:window-destroyed", plain);
        check(
            WindowEvent::Resized(PhysicalSize::new(3, 4)),
            "event-bus:window-resized",
            json!({ "window": "main", "width": 3, "height": 4 }),
        );
        check(
            WindowEvent::Moved(PhysicalPosition::new(-1, 2)),
            "event-bus:window-moved",
            json!({ "window": "main", "x": -1, "y": 2 }),
        );
        check(
            WindowEvent::ThemeChanged(Theme::Dark),
            "event-bus:window-theme-changed",
            json!({ "window": "main", "theme": "dark" }),
        );
    }
}
