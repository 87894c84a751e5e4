// The entries of the `allow` and `deny` lists of the plugin's permissions. `build.rs` includes this file, too, to make the
// schema by which editors complete capability files. So the derive comes from the module above.

use super::Deserialize;

/// An event name, or a pattern such as `cart:*`. Write an object to say more than the name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum ScopeEntryText {
    /// An event name, or a pattern such as `cart:*`. `*` matches any run of characters, `:` and `/` included. A string
    /// covers broadcasts only. For events that are sent to a window, write an object with `to`.
    Name(String),
    /// A name or pattern, and the conditions for it.
    Rule(ScopeRule),
}

/// A name or pattern under `event`, `request` or `task`, and the conditions for it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ScopeRule {
    /// An event name, or a pattern such as `cart:*`. `*` matches any run of characters, `:` and `/` included. For
    /// permissions that listen, emit and run jobs.
    pub(crate) event: Option<String>,
    /// The name of a request, or a pattern such as `files:*`. For permissions that send requests; such an entry needs
    /// `to`.
    pub(crate) request: Option<String>,
    /// The name of a task, or a pattern such as `export:*`. For permissions that start, follow, cancel and list tasks.
    pub(crate) task: Option<String>,
    /// A label of webviews, or a glob of labels such as `editor-*`, of whose pages a page may know. Only for `event-bus:pages`.
    pub(crate) page: Option<String>,
    /// The name of a room of presence, or a pattern such as `doc:*`. Only for `event-bus:pages`.
    pub(crate) presence: Option<String>,
    /// To which webviews it may be sent. An allow entry with `to` allows no broadcast, and one without it allows nothing
    /// that is sent to a window. A deny entry without `to` denies the name altogether.
    pub(crate) to: Option<ScopeTo>,
    /// Whether events to everyone, or requests, may also go to other nodes, over a link. Without it they stay in this app.
    /// Only in allow entries without `to`.
    pub(crate) link: Option<bool>,
    /// The shortest interval of a job that emits the event, in milliseconds. Only in allow entries.
    pub(crate) min_interval_ms: Option<f64>,
    /// Whose jobs the page may list and stop. Without it, its own. Only in allow entries.
    pub(crate) owner: Option<ScopeOwner>,
    /// The job sources that a job may take its payload from. Without it, every source; an empty list allows none. Only in
    /// allow entries.
    pub(crate) sources: Option<Vec<String>>,
}

/// A label of a webview, a glob of labels, the host, or a list of these.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "`to` is a label, a glob of labels, { \"kind\": \"host\" }, or a list of these"
)]
pub(crate) enum ScopeTo {
    /// One label, glob or host.
    One(ScopeLabel),
    /// Several labels, globs or the host.
    Several(Vec<ScopeLabel>),
}

/// A label of a webview, a glob of labels, or the host.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum ScopeLabel {
    /// A label of a webview, or a glob of labels such as `editor-*`.
    Label(String),
    /// The host, and no webview.
    Host(ScopeHost),
}

/// The host, and no webview.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
pub(crate) enum ScopeHost {
    /// The host.
    #[serde(rename = "host")]
    Host {},
    /// The host, in the spelling of Tauri's `EventTarget`.
    App {},
}

/// Whose jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ScopeOwner {
    /// Every job, including those of other webviews and of the host.
    Any,
}
