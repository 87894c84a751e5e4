//! Which other nodes are there: a key-value bucket in which each node renews its own key.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use async_nats::jetstream::kv::{Operation, Store, Watch};
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::{Client, jetstream};
use futures_util::StreamExt;
use tauri_plugin_event_bus::link::LinkPort;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::counts::MAX_NODES;
use crate::signals::Problem;
use crate::subject::is_node;

/// How long a node is there without a sign of life.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(15);

/// The nodes that are there, by what this node has seen and when, on its own clock.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// When each node is gone, unless it gives a sign of life before.
    nodes: HashMap<String, Duration>,
}

/// How long a new connection has to tell of the nodes that were there before.
const GRACE: Duration = Duration::from_secs(2);

/// How long the server has to open the bucket.
const PATIENCE: Duration = Duration::from_secs(10);

/// When a bucket that could not be opened is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// What is to be told of a node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Joined(String),
    Left(String),
}

impl Observed {
    /// A node has given a sign of life.
    pub(crate) fn note_alive(&mut self, node: &str, now: Duration) -> Option<Change> {
        let gone_at = now + MAX_AGE;
        if let Some(known) = self.nodes.get_mut(node) {
            *known = gone_at;
            return None;
        }
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        self.nodes.insert(node.to_owned(), gone_at);
        Some(Change::Joined(node.to_owned()))
    }

    /// A node has said that it leaves.
    pub(crate) fn note_gone(&mut self, node: &str) -> Option<Change> {
        self.nodes.remove(node)?;
        Some(Change::Left(node.to_owned()))
    }

    /// No node is gone before this time.
    pub(crate) fn spare_until(&mut self, time: Duration) {
        for gone_at in self.nodes.values_mut() {
            *gone_at = time.max(*gone_at);
        }
    }

    /// The nodes that were silent for too long.
    pub(crate) fn take_silent(&mut self, now: Duration) -> Vec<Change> {
        let silent = self.nodes.extract_if(|_, gone_at| *gone_at <= now);
        let mut silent: Vec<String> = silent.map(|(node, _)| node).collect();
        silent.sort();
        silent.into_iter().map(Change::Left).collect()
    }

    /// When the next node has been silent for too long.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.nodes.values().min().copied()
    }
}

/// Takes part until the app exits. `connections` counts the connections; 0 stands for none.
pub(crate) async fn run(
    (port, client): (LinkPort, Client),
    bucket: String,
    run: String,
    mut connections: watch::Receiver<u64>,
    problems: mpsc::Sender<Problem>,
) {
    let start = Instant::now();
    let mut observed = Observed::default();
    // The connection over which there was a problem.
    let mut failed = None;
    loop {
        let connected = async { connections.wait_for(|count| *count > 0).await.is_ok() };
        // An app that ends lets its value be dropped.
        if !observe_silence(&port, &mut observed, start, connected).await {
            return;
        }
        let connection = *connections.borrow_and_update();
        let context = jetstream::new(client.clone());
        let opened = timeout(PATIENCE, open(&context, &bucket)).await;
        let problem = match opened {
            Ok(Ok((store, changes))) => {
                port.know_nodes();
                if failed.take() == Some(connection) {
                    let text = None;
                    let _ = problems.send(Problem::Nodes { connection, text }).await;
                }
                let own = (&port, &*run);
                let clock = || start.elapsed();
                let time = (start, &clock);
                let same = (&mut connections, connection);
                take_part(own, &store, changes, &mut observed, time, same).await;
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not respond".to_owned(),
        };
        let text = Some(format!(
            "the link works, and does not know which nodes are there, since the server has no JetStream for this node: {problem}"
        ));
        failed = Some(connection);
        // The task that watches the connection may have ended with the app.
        let _ = problems.send(Problem::Nodes { connection, text }).await;
        // The next connection may be to another server.
        let other = async {
            let other = connections.wait_for(|count| *count != connection);
            let other = timeout(RETRY_INTERVAL, other).await;
            other.is_ok_and(|other| other.is_err())
        };
        if observe_silence(&port, &mut observed, start, other).await {
            return;
        }
    }
}

/// Waits for something without a connection, and tells which nodes are silent for too long meanwhile.
async fn observe_silence<T>(
    port: &LinkPort,
    observed: &mut Observed,
    start: Instant,
    awaited: impl Future<Output = T>,
) -> T {
    let mut awaited = pin!(awaited);
    loop {
        let due = observed.next_due().map(|due| start + due);
        tokio::select! {
            done = &mut awaited => return done,
            () = sleep_until(due.unwrap_or(start)), if due.is_some() => {
                tell_silent(port, observed, start.elapsed());
            }
        }
    }
}

/// Opens the bucket, with a watch in which all that is there comes first.
async fn open(
    context: &jetstream::Context,
    bucket: &str,
) -> Result<(Store, Watch), async_nats::Error> {
    let store = match context.get_key_value(bucket).await {
        Ok(store) => store,
        Err(_) => create(context, bucket).await?,
    };
    let changes = store.watch_with_history(">").await?;
    Ok((store, changes))
}

/// Creates the bucket as the stream that it is: the function of the client for buckets first requests the account from the server,
/// in a form that servers of version 2.9 do not have.
async fn create(context: &jetstream::Context, bucket: &str) -> Result<Store, async_nats::Error> {
    let config = Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        max_age: MAX_AGE,
        duplicate_window: MAX_AGE,
        storage: StorageType::Memory,
        discard: DiscardPolicy::New,
        num_replicas: 1,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..Config::default()
    };
    context.create_stream(config).await?;
    Ok(context.get_key_value(bucket).await?)
}

/// Renews the own key and watches those of others, as long as this is the same connection.
async fn take_part(
    (port, run): (&LinkPort, &str),
    store: &Store,
    mut changes: Watch,
    observed: &mut Observed,
    (start, clock): (Instant, &impl Fn() -> Duration),
    (connections, connection): (&mut watch::Receiver<u64>, u64),
) {
    let mut renewals = interval(MAX_AGE / 3);
    renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What the bucket has comes first, and tells of those that were not silent, but not heard.
    observed.spare_until(clock() + GRACE);
    loop {
        let due = observed.next_due().map(|due| start + due);
        tokio::select! {
            changed = connections.changed() => {
                if changed.is_err() || *connections.borrow() != connection {
                    return;
                }
            }
            _ = renewals.tick() => {
                // The next renewal tries again.
                let _ = store.put(port.node(), run.to_owned().into()).await;
            }
            change = changes.next() => match change {
                None => return,
                Some(Err(_)) => {}
                Some(Ok(entry)) if entry.key == port.node() || !is_node(&entry.key) => {}
                Some(Ok(entry)) => {
                    let change = match entry.operation {
                        Operation::Put => observed.note_alive(&entry.key, clock()),
                        Operation::Delete | Operation::Purge => observed.note_gone(&entry.key),
                    };
                    tell(port, change);
                }
            },
            () = sleep_until(due.unwrap_or(start)), if due.is_some() => {
                tell_silent(port, observed, clock());
            }
        }
    }
}

fn tell_silent(port: &LinkPort, observed: &mut Observed, now: Duration) {
    for change in observed.take_silent(now) {
        tell(port, Some(change));
    }
}

fn tell(port: &LinkPort, change: Option<Change>) {
    match change {
        Some(Change::Joined(node)) => port.node_joined(&node),
        Some(Change::Left(node)) => port.node_left(&node),
        None => {}
    }
}

/// Says that this node leaves.
pub(crate) async fn leave(client: &Client, bucket: &str, node: &str) {
    let context = jetstream::new(client.clone());
    if let Ok(store) = context.get_key_value(bucket).await {
        // Others find out by its silence, if this is lost.
        let _ = store.delete(node).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_there_while_it_gives_signs_of_life() {
        let mut observed = Observed::default();
        let second = Duration::from_secs;
        let joined = Some(Change::Joined("a".to_owned()));
        assert_eq!(observed.note_alive("a", second(1)), joined);
        assert_eq!(observed.note_alive("a", second(6)), None);
        assert_eq!(observed.next_due(), Some(second(21)));
        assert_eq!(observed.take_silent(second(20)), []);
        let left = [Change::Left("a".to_owned())];
        assert_eq!(observed.take_silent(second(21)), left);
        assert_eq!(observed.take_silent(second(99)), []);
        assert_eq!(observed.next_due(), None);
        assert_eq!(observed.note_alive("a", second(100)), joined);
    }

    #[test]
    fn a_node_is_spared_while_it_cannot_be_heard() {
        let mut observed = Observed::default();
        let second = Duration::from_secs;
        observed.note_alive("a", second(1));
        observed.note_alive("b", second(9));
        observed.spare_until(second(18));
        assert_eq!(observed.next_due(), Some(second(18)));
        assert_eq!(observed.take_silent(second(17)), []);
        let left = [Change::Left("a".to_owned())];
        assert_eq!(observed.take_silent(second(18)), left);
        assert_eq!(observed.next_due(), Some(second(24)));
    }

    #[test]
    fn a_node_that_leaves_is_gone_at_once() {
        let mut observed = Observed::default();
        observed.note_alive("a", Duration::ZERO);
        assert_eq!(observed.note_gone("a"), Some(Change::Left("a".to_owned())));
        assert_eq!(observed.note_gone("a"), None);
    }

    #[test]
    fn only_so_many_nodes_are_known() {
        let mut observed = Observed::default();
        for node in 0..MAX_NODES + 5 {
            observed.note_alive(&node.to_string(), Duration::ZERO);
        }
        assert_eq!(observed.nodes.len(), MAX_NODES);
        assert_eq!(observed.take_silent(MAX_AGE).len(), MAX_NODES);
    }
}
