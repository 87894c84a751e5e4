//! What leaves this node: its events, and the counts by which others know what they have lost.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Subject};
use bytes::{Bytes, BytesMut};
use tauri_plugin_event_bus::link::{DepartingEvent, Departure, LinkPort, LinkStream, Share};
use tokio::time::{Instant, sleep_until};

use crate::counts::{MAX_NODES, Sent};
use crate::message::{Head, MAX_BYTES, MAX_EVENTS};
use crate::signals::{Noted, Signals};
use crate::subject::Subjects;

/// How often counts are told at most because another node has connected, and how often this node says hello.
const HELLO_INTERVAL: Duration = Duration::from_secs(1);

/// What the line of a message takes beside the lengths of its payloads, and what a length takes.
const HEAD_ROOM: usize = 1024;
const LENGTH_ROOM: usize = 8;

/// How many subjects of names are kept.
const MAX_SUBJECTS: usize = 1024;

pub(crate) struct Sender {
    port: LinkPort,
    client: Client,
    subjects: Arc<Subjects>,
    run: String,
    shares: Vec<Share>,
    signals: Arc<Signals>,
    sent: Sent,
    names: HashMap<String, Subject>,
    /// The memory of messages that were written is used again.
    body: BytesMut,
    start: Instant,
    is_connected: bool,
    /// When the counts are to be told to those that said hello.
    counts_due: Option<Duration>,
    counts_told: Option<Duration>,
    greeted_by: BTreeSet<String>,
    /// When this node is to say hello.
    hello_due: Option<Duration>,
    hello_said: Option<Duration>,
}

impl Sender {
    pub(crate) fn new(
        (port, client): (LinkPort, Client),
        subjects: Arc<Subjects>,
        run: String,
        shares: Vec<Share>,
        signals: Arc<Signals>,
    ) -> Self {
        Self {
            port,
            client,
            subjects,
            run,
            shares,
            signals,
            sent: Sent::default(),
            names: HashMap::new(),
            body: BytesMut::new(),
            start: Instant::now(),
            is_connected: false,
            counts_due: None,
            counts_told: None,
            greeted_by: BTreeSet::new(),
            hello_due: None,
            hello_said: None,
        }
    }

    /// Sends until the app exits.
    pub(crate) async fn run(mut self) {
        let (port, signals) = (self.port.clone(), Arc::clone(&self.signals));
        loop {
            let due = self.next_due().map(|due| self.start + due);
            tokio::select! {
                biased;
                noted = signals.next() => self.note(noted),
                () = sleep_until(due.unwrap_or(self.start)), if due.is_some() => {
                    self.tell_what_is_due().await;
                }
                departures = port.next(), if self.is_connected => match departures {
                    Some(departures) => {
                        self.send(departures).await;
                        // What is emitted while the client writes goes together.
                        tokio::task::yield_now().await;
                    }
                    None => break,
                },
            }
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn note(&mut self, noted: Noted) {
        let now = self.now();
        let not_before = |last: Option<Duration>| last.map_or(now, |last| last + HELLO_INTERVAL);
        if let Some(is_connected) = noted.connection {
            self.is_connected = is_connected;
            if is_connected {
                self.hello_due = Some(now);
                self.counts_due = Some(now);
            }
        }
        if !noted.greeted_by.is_empty() {
            let room = MAX_NODES - self.greeted_by.len().min(MAX_NODES);
            self.greeted_by
                .extend(noted.greeted_by.into_iter().take(room));
            let due = not_before(self.counts_told);
            self.counts_due.get_or_insert(due.max(now));
        }
        if noted.has_dropped {
            // By then it has read what it had.
            let due = now + HELLO_INTERVAL;
            self.hello_due
                .get_or_insert(not_before(self.hello_said).max(due));
        }
    }

    /// When a count or a hello is due. Nothing is, while there is no connection.
    fn next_due(&self) -> Option<Duration> {
        let due = [self.counts_due, self.hello_due, self.sent.next_due()];
        let due = due.into_iter().flatten().min();
        due.filter(|_| self.is_connected)
    }

    async fn tell_what_is_due(&mut self) {
        let now = self.now();
        if self.hello_due.is_some_and(|due| due <= now) {
            self.hello_due = None;
            self.hello_said = Some(now);
            let subject = self.subjects.hello();
            self.tell_count(subject, None, 0).await;
        }
        let mut streams: BTreeSet<LinkStream> = BTreeSet::new();
        if self.counts_due.is_some_and(|due| due <= now) {
            self.counts_due = None;
            self.counts_told = Some(now);
            let sent = (0..self.shares.len()).filter(|index| self.shares[*index].is_sent());
            streams.extend(sent.map(LinkStream::Share));
            let nodes = std::mem::take(&mut self.greeted_by).into_iter();
            streams.extend(nodes.map(|node| LinkStream::Node(node.into())));
        }
        let due = self.sent.take_due(now).into_iter();
        streams.extend(due.map(|(stream, _)| stream));
        for stream in streams {
            let total = self.sent.total(&stream);
            let (subject, of) = match &stream {
                LinkStream::Share(index) => {
                    let Some(share) = self.shares.get(*index) else {
                        continue;
                    };
                    let pattern = share.pattern().to_string();
                    (self.subjects.count(&pattern), Some(pattern))
                }
                LinkStream::Node(node) => (self.subjects.count_to(node), None),
                _ => continue,
            };
            self.tell_count(subject, of.as_deref(), total).await;
        }
    }

    async fn tell_count(&self, subject: String, of: Option<&str>, total: u64) {
        let mut head = Head::new(self.port.node(), &self.run, of, total);
        head.count = true;
        let mut body = BytesMut::new();
        if head.write(&mut body, 0).is_ok() {
            // One that is not sent is lost like any message, and the next one tells the same.
            let _ = self.client.publish(subject, body.freeze()).await;
        }
    }

    async fn send(&mut self, departures: Vec<Departure>) {
        let mut together: Vec<DepartingEvent> = Vec::new();
        let mut bytes = 0;
        // One event alone may be longer, and is refused by its own.
        let most = self.client.max_payload().saturating_sub(HEAD_ROOM);
        let most = MAX_BYTES.min(most);
        for departure in departures {
            match departure {
                Departure::Event(event) => {
                    let size = event.payload_json().len() + LENGTH_ROOM;
                    let fits = together.len() < MAX_EVENTS && bytes + size <= most;
                    if together
                        .last()
                        .is_some_and(|last| !fits || !are_alike(last, &event))
                    {
                        self.publish(&mut together).await;
                        bytes = 0;
                    }
                    bytes += size;
                    together.push(event);
                }
                Departure::Dropped { streams, count } => {
                    self.publish(&mut together).await;
                    bytes = 0;
                    let now = self.now();
                    for stream in &streams {
                        self.sent.count(stream, count, now);
                    }
                }
                _ => {}
            }
        }
        self.publish(&mut together).await;
    }

    /// Publishes events that differ in nothing but their payloads, one message for each of their streams.
    async fn publish(&mut self, events: &mut Vec<DepartingEvent>) {
        let events = std::mem::take(events);
        let Some(first) = events.first() else {
            return;
        };
        let now = self.now();
        for stream in first.streams() {
            let n = self.sent.count(stream, events.len() as u64, now);
            let (subject, of) = match stream {
                LinkStream::Share(index) => {
                    let pattern = self.shares.get(*index).map(|share| share.pattern());
                    let pattern = pattern.map(ToString::to_string).unwrap_or_default();
                    (self.subject_of(first.name()), Some(pattern))
                }
                LinkStream::Node(node) => {
                    let subject = self.subjects.event_to(node, first.name());
                    (Subject::from(subject), None)
                }
                _ => continue,
            };
            let mut head = Head::new(self.port.node(), &self.run, of.as_deref(), n);
            head.component = first.component().map(Into::into);
            head.causes = first.causes().map(str::to_owned).collect();
            head.traceparent = first.traceparent().map(Into::into);
            head.expires_ms = first.expires().map(millis);
            let sent = match body_of(head, &events, &mut self.body) {
                Ok(body) if body.len() > self.client.max_payload() => Err(format!(
                    "a message with {:?} has {} bytes, and the server takes {} (max_payload)",
                    first.name(),
                    body.len(),
                    self.client.max_payload()
                )),
                Ok(body) => {
                    if body.len() > 2 * MAX_BYTES {
                        // What is left of this buffer would keep the whole.
                        self.body = BytesMut::new();
                    }
                    let sent = self.client.publish(subject, body).await;
                    sent.map_err(|error| format!("the client has refused them: {error}"))
                }
                Err(problem) => Err(problem),
            };
            if let Err(problem) = sent {
                self.port.note_dropped(events.len() as u64, &problem);
            }
        }
    }

    fn subject_of(&mut self, name: &str) -> Subject {
        if let Some(subject) = self.names.get(name) {
            return subject.clone();
        }
        if self.names.len() >= MAX_SUBJECTS {
            self.names.clear();
        }
        let subject = Subject::from(self.subjects.event(name));
        self.names.insert(name.to_owned(), subject.clone());
        subject
    }
}

/// At least 1: what has no time left is not sent.
fn millis(left: Duration) -> u64 {
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Whether two events differ in nothing but their payloads, and have what a message of several may have.
fn are_alike(one: &DepartingEvent, other: &DepartingEvent) -> bool {
    let is_plain = |event: &DepartingEvent| {
        !event.has_bytes()
            && event.component().is_none()
            && event.causes().len() == 0
            && event.traceparent().is_none()
            && event.expires().is_none()
    };
    one.name() == other.name()
        && one.streams() == other.streams()
        && is_plain(one)
        && is_plain(other)
}

/// Writes a message into this buffer, and takes it out.
fn body_of(
    mut head: Head<'_>,
    events: &[DepartingEvent],
    body: &mut BytesMut,
) -> Result<Bytes, String> {
    if let [event] = events
        && event.has_bytes()
    {
        let payload = event.payload();
        let (text, bytes) = (payload.text(), payload.bytes());
        head.sizes = vec![text.len()];
        head.bytes = bytes.iter().map(|bytes| bytes.len()).collect();
        head.write(body, text.len() + head.bytes.iter().sum::<usize>())?;
        body.extend_from_slice(text.as_bytes());
        for bytes in &bytes {
            body.extend_from_slice(bytes);
        }
        return Ok(body.split().freeze());
    }
    head.sizes = events
        .iter()
        .map(|event| event.payload_json().len())
        .collect();
    head.write(body, head.sizes.iter().sum())?;
    for event in events {
        body.extend_from_slice(event.payload_json().as_bytes());
    }
    Ok(body.split().freeze())
}
