//! What the bus knows of its link to other nodes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use crate::engine::incoming::Handler;
use crate::model::link::{LinkStatus, Share, Shares};
use crate::sync::{Mutex, MutexGuard, Notify, wall_clock};

pub(crate) struct LinkState {
    pub(crate) node: Arc<str>,
    pub(crate) shares: Shares,
    pub(crate) counts: LinkCounts,
    /// Sends requests to other nodes, if the link can.
    pub(crate) forward: OnceLock<Box<Forward>>,
    /// Notified when the link has sent what it had, after the bus was shut down.
    pub(crate) finished: Arc<Notify>,
    /// Never locked together with the hub.
    connection: Mutex<Connection>,
}

/// Makes what sends a request to this node and waits as long as this, in place of a responder.
pub(crate) type Forward = dyn Fn(Arc<str>, Duration) -> Handler + Send + Sync;

/// What was sent and received since the app started.
#[derive(Debug, Default)]
pub(crate) struct LinkCounts {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) missing: AtomicU64,
    pub(crate) refused: AtomicU64,
}

struct Connection {
    is_connected: bool,
    since: SystemTime,
    reason: Option<String>,
    nodes: Option<BTreeSet<String>>,
}

impl LinkState {
    pub(crate) fn new(node: Arc<str>, shares: Vec<Share>) -> Self {
        Self {
            node,
            shares: Shares(shares),
            counts: LinkCounts::default(),
            forward: OnceLock::new(),
            finished: Arc::default(),
            connection: Mutex::new(Connection {
                is_connected: false,
                since: wall_clock(),
                reason: None,
                nodes: None,
            }),
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the link is connected, or why it is not. Returns whether that is new.
    pub(crate) fn set_connected(&self, is_connected: bool, reason: Option<String>) -> bool {
        let mut connection = self.connection();
        let is_changed = connection.is_connected != is_connected;
        if !is_changed && connection.reason == reason {
            return false;
        }
        if is_changed {
            connection.since = wall_clock();
        }
        connection.is_connected = is_connected;
        connection.reason = reason;
        true
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection().is_connected
    }

    /// Notes that the link knows which nodes are there.
    pub(crate) fn know_nodes(&self) {
        self.connection().nodes.get_or_insert_default();
    }

    /// Notes that a node is there. Returns whether that is new.
    pub(crate) fn add_node(&self, node: &str) -> bool {
        let mut connection = self.connection();
        connection
            .nodes
            .get_or_insert_default()
            .insert(node.to_owned())
    }

    /// Notes that a node is there no longer. Returns whether it was.
    pub(crate) fn remove_node(&self, node: &str) -> bool {
        let nodes = &mut self.connection().nodes;
        nodes.as_mut().is_some_and(|nodes| nodes.remove(node))
    }

    /// What is known, with the number of events that wait.
    pub(crate) fn status(&self, queued: usize) -> LinkStatus {
        let connection = self.connection();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let nodes = connection.nodes.as_ref();
        LinkStatus {
            node: self.node.to_string(),
            connected: connection.is_connected,
            since: connection.since,
            reason: connection.reason.clone(),
            queued,
            sent: count(&self.counts.sent),
            received: count(&self.counts.received),
            dropped: count(&self.counts.dropped),
            missing: count(&self.counts.missing),
            refused: count(&self.counts.refused),
            nodes: nodes.map(|nodes| nodes.iter().cloned().collect()),
        }
    }
}
