// What may stand in the `allow` and `deny` lists of the plugin's permissions. `build.rs` includes this file as well and
// makes from it the schema by which editors complete capability files; that is why it takes its derive from above.

use super::Deserialize;

/// An event name, or a pattern such as `cart:*`; as an object where more than the name is to be said.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum EventScopeEntry {
    /// An event name, or a pattern such as `cart:*`. `*` matches any run of characters, `:` and `/` included. It says
    /// nothing about events that are sent to a window: for those an object has `to`.
    Name(String),
    /// An event name or pattern, and what else holds for it.
    Rule(EventScopeRule),
}

/// An event name or pattern, and what else holds for it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EventScopeRule {
    /// An event name, or a pattern such as `cart:*`. `*` matches any run of characters, `:` and `/` included.
    pub(crate) event: String,
    /// To which webviews the event may be sent. An allow entry with it allows no event to everyone, and one without it
    /// allows no event to a window. A deny entry without it denies the event altogether.
    pub(crate) to: Option<EventScopeTo>,
    /// How many milliseconds a periodic event takes from tick to tick at least. Only in allow entries.
    pub(crate) min_interval_ms: Option<f64>,
    /// Whose periodic events may be listed and stopped: the page's own if this is left out. Only in allow entries.
    pub(crate) owner: Option<EventScopeOwner>,
    /// From which of the app's sources a periodic event may take its payload: from each if this is left out, from none if
    /// the list is empty. Only in allow entries.
    pub(crate) sources: Option<Vec<String>>,
}

/// A label of a webview, a glob of labels, Rust itself, or a list of these.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "`to` is a label, a glob of labels, { \"kind\": \"App\" } for Rust, or a list of these"
)]
pub(crate) enum EventScopeTo {
    /// One of them.
    One(EventScopeLabel),
    /// Several of them.
    Several(Vec<EventScopeLabel>),
}

/// A label of a webview, a glob of labels, or Rust itself.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum EventScopeLabel {
    /// A label of a webview, or a glob of labels such as `editor-*`.
    Label(String),
    /// Rust, and no webview.
    Host(EventScopeHost),
}

/// Rust, and no webview.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
pub(crate) enum EventScopeHost {
    /// Rust, as Tauri's `EventTarget` calls it.
    App {},
}

/// Whose periodic events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum EventScopeOwner {
    /// Everyone's: those of other webviews and of Rust, too.
    Any,
}
