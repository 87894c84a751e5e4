//! The connection to the servers, and its state.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use futures_util::stream::SelectAll;
use tauri_plugin_event_bus::link::{LinkPort, Share};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::presence;
use crate::receiver::Receiver;
use crate::requests;
use crate::sender::Sender;
use crate::signals::{Problem, Signals};
use crate::subject::Subjects;

/// The oldest server that is supported.
const OLDEST: (u32, u32, u32) = (2, 9, 0);

/// How many messages of one subscription wait to be read. More are dropped by the client, and counted as lost.
const MAX_UNREAD: usize = 8 * 1024;

/// How many messages wait to be written.
const MAX_UNWRITTEN: usize = 256;

/// How many problems wait to be told.
const MAX_PROBLEMS: usize = 16;

/// How long the server has to respond, and how long it is left alone after it has not.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a problem of a connection that works is told at most.
const PROBLEM_INTERVAL: Duration = Duration::from_secs(10);

const LOST: &str = "the connection to the server was lost";

/// What a connection needs.
pub(crate) struct Settings {
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) options: ConnectOptions,
    pub(crate) subjects: Arc<Subjects>,
    pub(crate) inbox: String,
    pub(crate) run: String,
    pub(crate) shares: Vec<Share>,
    /// The bucket of the nodes that are there; `None` if the app does not want to know.
    pub(crate) bucket: Option<String>,
    /// How often the client looks whether the server is there. It is taken as lost after two that had no response.
    pub(crate) ping_interval: Duration,
}

/// What the client says of its connection.
#[derive(Debug, Clone, Copy, Default)]
struct ClientState {
    /// How often it was made.
    number: u64,
    is_made: bool,
}

/// Connects, and sends and receives until the app exits.
pub(crate) async fn run(settings: Settings, port: LinkPort) {
    let signals = Arc::new(Signals::default());
    let (problems, told) = mpsc::channel(MAX_PROBLEMS);
    let (made, states) = watch::channel(ClientState::default());
    let (dropped, own) = (Arc::clone(&signals), problems.clone());
    // It runs for each message that is dropped, so it does little.
    let note = move |event| {
        match event {
            Event::Connected => made.send_modify(|state| {
                *state = ClientState {
                    number: state.number + 1,
                    is_made: true,
                };
            }),
            Event::Disconnected => made.send_modify(|state| state.is_made = false),
            Event::SlowConsumer(_) => dropped.note_dropped(),
            Event::ServerError(error) => tell(&own, error.to_string()),
            Event::ClientError(error) => tell(&own, error.to_string()),
            Event::LameDuckMode | Event::Draining | Event::Closed => {}
        }
        std::future::ready(())
    };
    let options = settings
        .options
        .name(port.node())
        .no_echo()
        .retry_on_initial_connect()
        .custom_inbox_prefix(&settings.inbox)
        .subscription_capacity(MAX_UNREAD)
        .client_capacity(MAX_UNWRITTEN)
        .ping_interval(settings.ping_interval)
        .skip_subject_validation(true)
        .event_callback(note);
    let client = match options.connect(settings.servers).await {
        Ok(client) => client,
        Err(error) => {
            port.set_connected(false, Some(&error.to_string()));
            return;
        }
    };
    let subjects = settings.subjects;
    if let Err(problem) = listen(&port, &client, &subjects, &settings.shares, &signals).await {
        port.set_connected(false, Some(&problem));
        return;
    }
    let (own, requesting) = (port.clone(), client.clone());
    let to = Arc::clone(&subjects);
    port.on_request(move |request| {
        let node = own.node().to_owned();
        own.spawn(requests::send(
            requesting.clone(),
            Arc::clone(&to),
            node,
            request,
        ));
    });
    let (connections, counted) = watch::channel(0);
    let connections = Arc::new(connections);
    if let Some(bucket) = settings.bucket.clone() {
        port.spawn(presence::run(
            (port.clone(), client.clone()),
            bucket,
            settings.run.clone(),
            counted,
            problems,
        ));
    }
    let sender = Sender::new(
        (port.clone(), client.clone()),
        Arc::clone(&subjects),
        settings.run,
        settings.shares,
        Arc::clone(&signals),
    );
    port.spawn(send(
        sender,
        (port.clone(), client.clone()),
        settings.bucket,
        Arc::clone(&connections),
    ));
    let watcher = Watcher {
        port,
        client,
        subjects,
        signals,
        connections,
        number: 0,
        is_connected: false,
        told_at: None,
    };
    watcher.run(states, told).await;
}

/// Tells of a problem, unless too many wait already.
fn tell(problems: &mpsc::Sender<Problem>, text: String) {
    let _ = problems.try_send(Problem::Client(text));
}

/// Subscribes, and spawns what reads the subscriptions.
async fn listen(
    port: &LinkPort,
    client: &Client,
    subjects: &Arc<Subjects>,
    shares: &[Share],
    signals: &Arc<Signals>,
) -> Result<(), String> {
    let received = shares.iter().filter(|share| share.is_received());
    let received: Vec<String> = received.map(|share| share.pattern().to_string()).collect();
    let mut subscriptions = SelectAll::new();
    for filter in subjects.filters(received.iter().map(String::as_str)) {
        let subscribed = client.subscribe(filter).await;
        subscriptions.push(subscribed.map_err(|error| error.to_string())?);
    }
    let requests = client.subscribe(subjects.requests()).await;
    let requests = requests.map_err(|error| error.to_string())?;
    port.spawn(requests::respond(
        port.clone(),
        client.clone(),
        (Arc::clone(subjects), Arc::clone(signals)),
        requests,
    ));
    let receiver = Receiver::new(
        port.clone(),
        Arc::clone(subjects),
        shares,
        Arc::clone(signals),
    );
    port.spawn(receiver.run(subscriptions));
    Ok(())
}

/// Sends until the app exits, and then says that this node leaves.
async fn send(
    sender: Sender,
    (port, client): (LinkPort, Client),
    bucket: Option<String>,
    connections: Arc<watch::Sender<u64>>,
) {
    sender.run().await;
    // The key is not renewed any more.
    connections.send_replace(0);
    if let Some(bucket) = bucket {
        presence::leave(&client, &bucket, port.node()).await;
    }
    // The app exits, so an error helps no more.
    let _ = client.flush().await;
    port.finish();
}

/// Watches the connection. Nothing else says whether the link is connected.
struct Watcher {
    port: LinkPort,
    client: Client,
    subjects: Arc<Subjects>,
    signals: Arc<Signals>,
    /// The number of the connection that works, or 0.
    connections: Arc<watch::Sender<u64>>,
    number: u64,
    is_connected: bool,
    /// When a problem of a connection that works was told last.
    told_at: Option<Instant>,
}

/// Why a server is not used.
#[derive(Debug)]
enum Unfit {
    Silent,
    TooOld(String),
}

type Check = Pin<Box<dyn Future<Output = Result<(), Unfit>> + Send>>;

impl Watcher {
    async fn run(
        mut self,
        mut states: watch::Receiver<ClientState>,
        mut problems: mpsc::Receiver<Problem>,
    ) {
        let mut check = None;
        loop {
            tokio::select! {
                changed = states.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let state = *states.borrow_and_update();
                    self.lose(state);
                    check = state.is_made.then(|| self.check(Duration::ZERO));
                }
                checked = finished(&mut check) => check = self.conclude(checked),
                Some(problem) = problems.recv() => self.tell(problem),
            }
        }
    }

    /// Notes that the connection before this state is gone.
    fn lose(&mut self, state: ClientState) {
        let was_connected = std::mem::take(&mut self.is_connected);
        self.signals.set_off(false);
        self.signals.note_connection(false);
        self.connections.send_replace(0);
        self.number = state.number;
        if was_connected || !state.is_made {
            self.port.set_connected(false, Some(LOST));
        }
    }

    /// Checks the server of this connection, after a while.
    fn check(&self, after: Duration) -> Check {
        let (client, subject) = (self.client.clone(), self.subjects.check());
        Box::pin(async move {
            sleep(after).await;
            check_server(&client, subject).await
        })
    }

    /// Notes what a check has found. Returns the next one.
    fn conclude(&mut self, checked: Result<(), Unfit>) -> Option<Check> {
        match checked {
            Ok(()) => {
                self.is_connected = true;
                self.port.set_connected(true, None);
                self.signals.note_connection(true);
                self.connections.send_replace(self.number);
                None
            }
            Err(Unfit::Silent) => {
                self.port.set_connected(
                    false,
                    Some("the server does not respond to this node; check what its user may publish and subscribe to"),
                );
                Some(self.check(PATIENCE))
            }
            Err(Unfit::TooOld(problem)) => {
                self.signals.set_off(true);
                self.port.set_connected(false, Some(&problem));
                None
            }
        }
    }

    fn tell(&mut self, problem: Problem) {
        match problem {
            Problem::Nodes { connection, text } => {
                if self.is_connected && connection == self.number {
                    self.port.set_connected(true, text.as_deref());
                }
            }
            Problem::Client(text) => {
                // A server may refuse each message, each with a text of its own.
                let is_soon = self
                    .told_at
                    .is_some_and(|told| told.elapsed() < PROBLEM_INTERVAL);
                if self.is_connected && is_soon {
                    return;
                }
                if self.is_connected {
                    self.told_at = Some(Instant::now());
                }
                self.port.set_connected(self.is_connected, Some(&text));
            }
        }
    }
}

/// Waits for a check, or forever without one.
async fn finished(check: &mut Option<Check>) -> Result<(), Unfit> {
    match check {
        Some(check) => check.await,
        None => std::future::pending().await,
    }
}

/// Checks the version of the server. By the time that it responds, the subscriptions count.
async fn check_server(client: &Client, subject: String) -> Result<(), Unfit> {
    let request = client.request(subject, Vec::new().into());
    match timeout(PATIENCE, request).await {
        // The subject has no responder, as the server says at once.
        Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {}
        _ => return Err(Unfit::Silent),
    }
    let version = client.server_info().version;
    match parse(&version) {
        Some(found) if found >= OLDEST => Ok(()),
        _ => Err(Unfit::TooOld(too_old(&version))),
    }
}

fn too_old(version: &str) -> String {
    let (major, minor, patch) = OLDEST;
    format!(
        "the NATS server has version {version:?}, and at least {major}.{minor}.{patch} is needed; use a newer server"
    )
}

fn parse(version: &str) -> Option<(u32, u32, u32)> {
    let numbers = version.split(['-', '+']).next()?;
    let mut numbers = numbers.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for fine in ["2.9.0", "2.9.10", "2.10.0", "2.12.1-beta.2", "3.0.0+build"] {
            assert!(parse(fine).unwrap() >= OLDEST, "{fine}");
        }
        for old in ["2.8.4", "2.2.0", "1.4.1"] {
            assert!(parse(old).unwrap() < OLDEST, "{old}");
        }
        for wrong in ["", "2.9", "two", "2.x.1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        let problem = too_old("2.8.4");
        assert!(problem.contains("2.8.4") && problem.contains("2.9.0"));
    }
}
