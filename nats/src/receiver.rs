//! What arrives from other nodes.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tauri_plugin_event_bus::link::{Arrival, LinkPayload, LinkPort, Share};
use tauri_plugin_event_bus::types::{EventName, EventPattern};
use tauri_plugin_event_bus::{Bytes, Error, ErrorCode};

use crate::counts::{MAX_MISSING, Received, Verdict};
use crate::message::{Body, read};
use crate::signals::Signals;
use crate::subject::{Content, Incoming, Subjects};

pub(crate) struct Receiver {
    port: LinkPort,
    subjects: Arc<Subjects>,
    /// The patterns that are received, with their texts.
    patterns: Vec<(String, EventPattern)>,
    received: Received,
    signals: Arc<Signals>,
}

impl Receiver {
    pub(crate) fn new(
        port: LinkPort,
        subjects: Arc<Subjects>,
        shares: &[Share],
        signals: Arc<Signals>,
    ) -> Self {
        let patterns = shares.iter().filter(|share| share.is_received());
        Self {
            port,
            subjects,
            patterns: patterns
                .map(|share| (share.pattern().to_string(), share.pattern().clone()))
                .collect(),
            received: Received::default(),
            signals,
        }
    }

    /// Receives until the connection is closed for good. The messages of one subscription stay in their order.
    pub(crate) async fn run(mut self, mut subscriptions: SelectAll<Subscriber>) {
        while let Some(message) = subscriptions.next().await {
            if !self.signals.is_off() {
                self.take(&message);
            }
        }
    }

    fn take(&mut self, message: &Message) {
        let Some(incoming) = self.subjects.read(&message.subject) else {
            let problem = format!("no node sends on {:?}", message.subject.as_str());
            self.refuse("", problem);
            return;
        };
        if let Err(problem) = self.take_from(&incoming, &message.payload) {
            let subject = message.subject.as_str();
            self.refuse(incoming.node, format!("on {subject:?}: {problem}"));
        }
    }

    fn refuse(&self, node: &str, problem: String) {
        let error = Error::new(ErrorCode::InvalidArgument, problem);
        self.port.note_refused(node, &error);
    }

    fn take_from(&mut self, incoming: &Incoming<'_>, payload: &[u8]) -> Result<(), String> {
        let body = read(payload)?;
        if body.head.node != incoming.node {
            return Err(format!(
                "it says that it comes from {:?}, and its subject belongs to {:?}",
                body.head.node, incoming.node
            ));
        }
        let is_count = body.head.count;
        match &incoming.content {
            Content::Hello => {
                self.signals.note_hello(incoming.node);
                return Ok(());
            }
            Content::Count if !is_count => return Err("it is no count".to_owned()),
            Content::Request(_) => return Err("it is a request".to_owned()),
            Content::Count | Content::Event(_) => {}
        }
        if incoming.is_direct != body.head.of.is_none() {
            return Err("its share does not belong to its subject".to_owned());
        }
        let Some(copies) = self.note(incoming, &body)? else {
            return Ok(());
        };
        if let Content::Event(name) = &incoming.content
            && !is_count
        {
            self.publish(incoming.node, name, &body, copies);
        }
        Ok(())
    }

    /// Counts a message, and tells of what was lost before it. Returns how many of its events are copies; `None` if it is to
    /// be ignored.
    fn note(&mut self, incoming: &Incoming<'_>, body: &Body<'_>) -> Result<Option<usize>, String> {
        let of = body.head.of.as_deref();
        let share = self.patterns.iter().find(|(text, _)| Some(&**text) == of);
        if !incoming.is_direct && share.is_none() {
            // It is counted by a share that this node has not, so holes in it say nothing.
            return Ok(Some(0));
        }
        let (n, events) = (body.head.n, body.payloads.len());
        let node = incoming.node;
        match self.received.note(node, &body.head.run, of, n, events) {
            Verdict::SameName => Err(format!(
                "two nodes are called {node:?}; give each node a name of its own"
            )),
            Verdict::TooMany { missing } => Err(format!(
                "it says that {missing} events before it are lost; expected at most {MAX_MISSING}"
            )),
            Verdict::Accept { missing: 0, copies } => Ok(Some(copies)),
            Verdict::Accept { missing, copies } => {
                let concerned: Vec<EventPattern> = match share {
                    Some((_, pattern)) => vec![pattern.clone()],
                    // What was for this node alone may have had any name that it receives.
                    None => self.patterns.iter().map(|(_, own)| own.clone()).collect(),
                };
                self.port
                    .lost(&concerned, missing)
                    .map_err(|error| error.message().to_owned())?;
                Ok(Some(copies))
            }
        }
    }

    fn publish(&self, node: &str, name: &str, body: &Body<'_>, copies: usize) {
        // A subscription may be wider than its pattern. What is no name is refused by the bus.
        if let Ok(parsed) = EventName::parse(name)
            && !self.patterns.iter().any(|(_, own)| own.matches(&parsed))
        {
            return;
        }
        let mut texts = body.payloads.iter().skip(copies).copied();
        let Some(first) = texts.next() else {
            return;
        };
        let bytes = body.bytes.iter().map(|bytes| Bytes::from(bytes.to_vec()));
        let first = LinkPayload::new(first, bytes.collect());
        let mut arrival = Arrival::new(node, name, first).causes(body.head.causes.clone());
        if let Some(component) = &body.head.component {
            arrival = arrival.component(&**component);
        }
        if let Some(traceparent) = &body.head.traceparent {
            arrival = arrival.traceparent(&**traceparent);
        }
        if let Some(left) = body.head.expires_ms {
            arrival = arrival.expires(Duration::from_millis(left));
        }
        // The bus counts and logs what it refuses.
        self.port.receive_all(arrival, texts);
    }
}
