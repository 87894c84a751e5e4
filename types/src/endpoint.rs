use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The host, which is the Rust side of the app. Accepted wherever a target is.
///
/// ```
/// use tauri_plugin_event_bus_types::{HOST, Target};
///
/// assert_eq!(Target::from(HOST), Target::host());
/// ```
pub const HOST: Endpoint = Endpoint::Host;

/// One end of the bus: the source of an event, the owner of a job, the caller of a request. The host sets it; a page
/// cannot forge it.
///
/// An endpoint is a target, too, so a listener can emit to the source of an event. As JSON: `{ "kind": "host" }`, or
/// `{ "kind": "webview", "label": "main" }`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The host, which is the Rust side of the app.
    Host,
    /// The page in the webview with this label.
    Webview(Arc<str>),
}

impl Endpoint {
    /// The page in the webview with this label.
    #[must_use]
    pub fn webview(label: &str) -> Self {
        Self::Webview(label.into())
    }

    /// The label of the webview; `None` for the host.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Host => None,
            Self::Webview(label) => Some(label),
        }
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Host => map.serialize_entry("kind", "host")?,
            Self::Webview(label) => {
                map.serialize_entry("kind", "webview")?;
                map.serialize_entry("label", &**label)?;
            }
        }
        map.end()
    }
}
