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
/// An endpoint is a target, too, so a listener can emit to the source of an event. As JSON: `{ "kind": "host" }`,
/// `{ "kind": "webview", "label": "main" }`, or `{ "kind": "node", "node": "till-4" }`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The host, which is the Rust side of the app.
    Host,
    /// The page in the webview with this label.
    Webview(Arc<str>),
    /// Another node, over a link: its host or one of its pages.
    Node(Arc<str>),
}

impl Endpoint {
    /// The page in the webview with this label.
    #[must_use]
    pub fn webview(label: &str) -> Self {
        Self::Webview(label.into())
    }

    /// The label of the webview; `None` for the host and for another node.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Webview(label) => Some(label),
            Self::Host | Self::Node(_) => None,
        }
    }

    /// The name of the other node; `None` for what is in this app.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Node(node) => Some(node),
            Self::Host | Self::Webview(_) => None,
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
            Self::Node(node) => {
                map.serialize_entry("kind", "node")?;
                map.serialize_entry("node", &**node)?;
            }
        }
        map.end()
    }
}
