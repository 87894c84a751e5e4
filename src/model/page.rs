use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// A page, as the bus knows it.
///
/// As JSON: `{ label, window, state, since }`, with `since` in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PageInfo {
    /// The label of its webview.
    pub label: String,
    /// The label of its window.
    pub window: String,
    /// What it does.
    pub state: PageState,
    /// Since when.
    #[serde(serialize_with = "as_millis")]
    pub since: SystemTime,
}

/// What a page does, from its first sign of life on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PageState {
    /// It is there, and not ready yet.
    Opened,
    /// It has subscribed and handled what waited for it, or has said that it is ready.
    Ready,
    /// It is gone, and may come back.
    Away,
}

/// Why a page is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PageEnd {
    /// Its webview is closed.
    Closed,
    /// Its webview shows another page, or none came after it.
    Navigated,
    /// Its process has crashed.
    #[allow(dead_code, reason = "only some platforms tell of crashes")]
    Crashed,
    /// It gave no sign of life for a minute.
    Silent,
}

/// The payload of an event about a page.
#[derive(Debug, Serialize)]
pub(crate) struct PageEvent<'a> {
    pub(crate) label: &'a str,
    pub(crate) window: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<PageEnd>,
}

fn as_millis<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    serializer.serialize_u64(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
