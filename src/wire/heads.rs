use std::collections::HashMap;
use std::fmt::Write;

use serde_json::json;

use crate::hub::ids::SubscriptionId;
use crate::hub::queue::QueuedEvent;
use crate::model::endpoint::Endpoint;

/// What events of a batch have in common.
#[derive(Default)]
pub(super) struct Heads<'a> {
    pub(super) json: String,
    indexes: HashMap<Head<'a>, usize>,
    newest: Option<(Head<'a>, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Head<'a> {
    name: &'a str,
    source: Source<'a>,
    subscriptions: &'a [SubscriptionId],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Source<'a> {
    Host,
    Webview(&'a str),
    Node(&'a str),
}

impl<'a> Source<'a> {
    fn of(endpoint: &'a Endpoint) -> Self {
        match endpoint {
            Endpoint::Webview(label) => Self::Webview(label),
            Endpoint::Node(node) => Self::Node(node),
            _ => Self::Host,
        }
    }
}

impl Head<'_> {
    /// Whether both have the same name and list in memory, as the events of one route have. Compares no text.
    fn is_identical(&self, other: &Self) -> bool {
        std::ptr::eq(self.name, other.name)
            && std::ptr::eq(self.subscriptions, other.subscriptions)
            && match (self.source, other.source) {
                (Source::Host, Source::Host) => true,
                (Source::Webview(own), Source::Webview(other))
                | (Source::Node(own), Source::Node(other)) => std::ptr::eq(own, other),
                _ => false,
            }
    }
}

impl<'a> Heads<'a> {
    pub(super) fn index_of(&mut self, queued: &'a QueuedEvent) -> usize {
        let head = Head {
            name: queued.event.name(),
            source: Source::of(queued.event.source()),
            subscriptions: &queued.subscriptions,
        };
        // Most events of a batch share a head.
        if let Some((newest, index)) = self.newest
            && (newest.is_identical(&head) || newest == head)
        {
            return index;
        }
        let next = self.indexes.len();
        let index = *self.indexes.entry(head).or_insert(next);
        if index == next {
            self.push(head);
        }
        self.newest = Some((head, index));
        index
    }

    fn push(&mut self, head: Head<'a>) {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        // Names have no characters that JSON escapes.
        let _ = match head.source {
            Source::Host => write!(self.json, "[\"{}\",0,", head.name),
            Source::Webview(label) => write!(self.json, "[\"{}\",{},", head.name, json!(label)),
            // Names of nodes have no characters that JSON escapes either.
            Source::Node(node) => write!(self.json, "[\"{}\",[\"{node}\"],", head.name),
        };
        push_ids(&mut self.json, head.subscriptions);
        self.json.push(']');
    }
}

fn push_ids(json: &mut String, ids: &[SubscriptionId]) {
    if let [id] = ids {
        let _ = write!(json, "{id}");
        return;
    }
    json.push('[');
    for (index, id) in ids.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(json, "{comma}{id}");
    }
    json.push(']');
}
