use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The host: where an event, a job or a request comes from, or goes to, is Rust. Accepted wherever a target is.
///
/// ```
/// # fn send(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// use tauri_plugin_event_bus::HOST;
///
/// bus.emit_to(HOST, "cache:cleared", ())?;
/// # Ok(())
/// # }
/// ```
pub const HOST: Endpoint = Endpoint::Host;

/// One end of the bus: the source of an event, the owner of a job, the caller of a request. The host sets it; a page
/// cannot forge it.
///
/// An endpoint is a target, too, so an event can be answered to its source. As JSON: `{ "kind": "host" }`, or
/// `{ "kind": "webview", "label": "main" }`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The app itself, in Rust.
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
