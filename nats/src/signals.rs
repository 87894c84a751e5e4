//! What the tasks of the link tell each other. The newest counts, so that nothing piles up while one waits for the server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::counts::MAX_NODES;

/// What is to be told of the connection.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Of the client or the server. Neither names an address or a credential in it.
    Client(String),
    /// Of knowing which nodes are there, over the connection with this number. `None` if there is one no longer.
    Nodes {
        connection: u64,
        text: Option<String>,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Signals {
    noted: Mutex<Noted>,
    changed: Notify,
    /// Whether nothing is to come through this connection.
    is_off: AtomicBool,
}

/// What has happened since the sender looked last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// Whether the connection was made, or lost.
    pub(crate) connection: Option<bool>,
    /// The nodes that have connected.
    pub(crate) greeted_by: BTreeSet<String>,
    /// Whether this node has dropped something that it received.
    pub(crate) has_dropped: bool,
}

impl Signals {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_connection(&self, is_made: bool) {
        self.noted().connection = Some(is_made);
        self.changed.notify_one();
    }

    pub(crate) fn note_hello(&self, node: &str) {
        let mut noted = self.noted();
        // Of more nodes, the next message tells.
        if noted.greeted_by.len() < MAX_NODES {
            noted.greeted_by.insert(node.to_owned());
        }
        drop(noted);
        self.changed.notify_one();
    }

    pub(crate) fn note_dropped(&self) {
        self.noted().has_dropped = true;
        self.changed.notify_one();
    }

    /// Whether the link is off, since its server is too old.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }

    pub(crate) fn set_off(&self, is_off: bool) {
        self.is_off.store(is_off, Ordering::Relaxed);
    }

    /// Waits until something has happened. Only one task may wait.
    pub(crate) async fn next(&self) -> Noted {
        loop {
            let noted = std::mem::take(&mut *self.noted());
            if noted != Noted::default() {
                return noted;
            }
            self.changed.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_so_much_piles_up() {
        let signals = Signals::default();
        for node in 0..2 * MAX_NODES {
            signals.note_hello(&node.to_string());
            signals.note_dropped();
            signals.note_connection(node % 2 == 0);
        }
        let noted = signals.next().await;
        assert_eq!(noted.greeted_by.len(), MAX_NODES);
        assert_eq!((noted.connection, noted.has_dropped), (Some(false), true));
        assert_eq!(*signals.noted(), Noted::default());
    }

    #[tokio::test]
    async fn what_comes_while_it_waits_is_seen() {
        let signals = std::sync::Arc::new(Signals::default());
        let own = std::sync::Arc::clone(&signals);
        let waiting = tokio::spawn(async move { own.next().await });
        tokio::task::yield_now().await;
        signals.note_connection(true);
        assert_eq!(waiting.await.unwrap().connection, Some(true));
    }
}
