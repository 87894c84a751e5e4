//! The connection to the servers, and its state.

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use futures_util::stream::SelectAll;
use tauri_plugin_event_bus::link::{LinkPort, Share};
use tokio::sync::mpsc;

use crate::presence;
use crate::receiver::Receiver;
use crate::requests;
use crate::sender::{Sender, Signal};
use crate::subject::Subjects;

/// The oldest server that is supported.
const OLDEST: (u32, u32, u32) = (2, 9, 0);

/// How many messages of one subscription wait to be read. More are dropped by the client, and counted as lost.
const MAX_UNREAD: usize = 8 * 1024;

/// How many messages wait to be written.
const MAX_UNWRITTEN: usize = 256;

/// How often the client looks whether the server is there. It is taken as lost after two that were not answered.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long the server has to tell its version.
const PATIENCE: Duration = Duration::from_secs(10);

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
}

/// Connects, and sends and receives until the app exits.
pub(crate) async fn run(settings: Settings, port: LinkPort) {
    let (events, mut happened) = mpsc::unbounded_channel();
    let options = settings
        .options
        .name(port.node())
        .no_echo()
        .retry_on_initial_connect()
        .custom_inbox_prefix(&settings.inbox)
        .subscription_capacity(MAX_UNREAD)
        .client_capacity(MAX_UNWRITTEN)
        .ping_interval(PING_INTERVAL)
        .skip_subject_validation(true)
        .event_callback(move |event| {
            // The watch may have ended with the app.
            let _ = events.send(event);
            std::future::ready(())
        });
    let client = match options.connect(settings.servers).await {
        Ok(client) => client,
        Err(error) => {
            port.set_connected(false, Some(&error.to_string()));
            return;
        }
    };
    let received = settings.shares.iter().filter(|share| share.is_received());
    let received: Vec<String> = received.map(|share| share.pattern().to_string()).collect();
    let mut subscriptions = SelectAll::new();
    for filter in settings
        .subjects
        .filters(received.iter().map(String::as_str))
    {
        match client.subscribe(filter).await {
            Ok(subscription) => subscriptions.push(subscription),
            Err(error) => {
                port.set_connected(false, Some(&error.to_string()));
                return;
            }
        }
    }
    match client.subscribe(settings.subjects.requests()).await {
        Ok(requests) => {
            let subjects = Arc::clone(&settings.subjects);
            port.spawn(requests::respond(
                port.clone(),
                client.clone(),
                subjects,
                requests,
            ));
        }
        Err(error) => {
            port.set_connected(false, Some(&error.to_string()));
            return;
        }
    }
    let (own, asked) = (port.clone(), client.clone());
    let to = Arc::clone(&settings.subjects);
    port.on_request(move |request| {
        let node = own.node().to_owned();
        own.spawn(requests::send(
            asked.clone(),
            Arc::clone(&to),
            node,
            request,
        ));
    });
    let (signals, noted) = mpsc::unbounded_channel();
    let receiver = Receiver::new(
        port.clone(),
        Arc::clone(&settings.subjects),
        &settings.shares,
        signals.clone(),
    );
    port.spawn(receiver.run(subscriptions));
    let (connections, counted) = tokio::sync::watch::channel(0);
    let connections = Arc::new(connections);
    if let Some(bucket) = settings.bucket.clone() {
        port.spawn(presence::run(
            (port.clone(), client.clone()),
            bucket,
            settings.run.clone(),
            counted,
        ));
    }
    let subjects = Arc::clone(&settings.subjects);
    let sender = Sender::new(
        (port.clone(), client.clone()),
        settings.subjects,
        settings.run,
        settings.shares,
        noted,
    );
    let (own, leaving, present) = (client.clone(), port.clone(), Arc::clone(&connections));
    port.spawn(async move {
        sender.run().await;
        // The key is not renewed any more.
        present.send_replace(0);
        // The app exits, so nobody could act on an error.
        if let Some(bucket) = settings.bucket {
            presence::leave(&own, &bucket, leaving.node()).await;
        }
        let _ = own.flush().await;
        leaving.finish();
    });
    let mut number = 0_u64;
    while let Some(event) = happened.recv().await {
        match watch(event, &client, (&port, &subjects), &signals).await {
            Some(true) => {
                number += 1;
                connections.send_replace(number);
            }
            Some(false) => {
                connections.send_replace(0);
            }
            None => {}
        }
    }
}

/// Notes what has happened to the connection. Returns whether it is made or lost, if it is.
async fn watch(
    event: Event,
    client: &Client,
    (port, subjects): (&LinkPort, &Subjects),
    signals: &mpsc::UnboundedSender<Signal>,
) -> Option<bool> {
    // The sender runs as long as this.
    match event {
        Event::Connected => match check_server(client, subjects.check()).await {
            Ok(()) => {
                port.set_connected(true, None);
                let _ = signals.send(Signal::Connected);
                return Some(true);
            }
            Err(problem) => port.set_connected(false, Some(&problem)),
        },
        Event::Disconnected => {
            let _ = signals.send(Signal::Disconnected);
            port.set_connected(false, Some("the connection to the server was lost"));
            return Some(false);
        }
        Event::SlowConsumer(_) => {
            let _ = signals.send(Signal::Dropped);
        }
        Event::ServerError(error) => note_problem(client, port, &error.to_string()),
        Event::ClientError(error) => note_problem(client, port, &error.to_string()),
        Event::LameDuckMode | Event::Draining | Event::Closed => {}
    }
    None
}

/// Tells of a problem. Neither the client nor the server names an address or a credential in one.
fn note_problem(client: &Client, port: &LinkPort, problem: &str) {
    let is_connected = client.connection_state() == async_nats::connection::State::Connected;
    port.set_connected(is_connected, Some(problem));
}

/// Checks the version of the server. By the time that it responds, the subscriptions count.
async fn check_server(client: &Client, subject: String) -> Result<(), String> {
    let request = client.request(subject, Vec::new().into());
    match tokio::time::timeout(PATIENCE, request).await {
        // Nobody responds on this subject, as the server says at once.
        Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {}
        _ => {
            return Err(
                "the server does not respond to this node; check what its user may publish and subscribe to"
                    .to_owned(),
            );
        }
    }
    let version = client.server_info().version;
    match parse(&version) {
        Some(found) if found >= OLDEST => Ok(()),
        _ => Err(too_old(&version)),
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
