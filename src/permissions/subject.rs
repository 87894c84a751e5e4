//! What a page wants to do, as a scope checks it: to whom, and for which job.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::model::error::quoted;
use crate::model::selection::Selection;

/// The label of a webview, and that of its window.
pub(crate) type WebviewLocation = (Arc<str>, Arc<str>);

/// To whom a page wants to send something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Destination<'a> {
    Everyone,
    /// A target, and the webviews that exist.
    Selected(&'a Selection, &'a [WebviewLocation]),
}

impl<'a> Destination<'a> {
    /// The first node that a target names.
    pub(super) fn first_node(self) -> Option<&'a str> {
        match self {
            Self::Everyone => None,
            Self::Selected(selection, _) => selection.nodes.first().map(|node| &**node),
        }
    }
}

/// What the capabilities limit of a job that a page wants to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlannedJob<'a> {
    pub(crate) interval: Duration,
    /// The source of its payloads. `None` for a fixed payload.
    pub(crate) source: Option<&'a str>,
}

/// The recipient that a page may not send to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refused<'a> {
    Everyone,
    Host,
    /// A label or a glob, as the page gave it.
    Label(&'a str),
    /// Another node.
    Node(&'a str),
}

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Host => f.write_str("the host"),
            Self::Label(label) => f.write_str(&quoted(label)),
            Self::Node(node) => write!(f, "the node {}", quoted(node)),
        }
    }
}

impl Refused<'_> {
    /// An entry that would allow it. `key` is `event` or `request`.
    pub(super) fn as_entry(self, key: &str, name: &str) -> Value {
        match self {
            Self::Everyone => json!(name),
            Self::Host => json!({ key: name, "to": { "kind": "host" } }),
            Self::Label(label) => json!({ key: name, "to": label }),
            Self::Node(_) => json!({ key: name, "link": true }),
        }
    }
}
