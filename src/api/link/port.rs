use std::future::Future;

use serde::Serialize;

use crate::api::bus::EventBus;
use crate::api::link::messages::{
    Arrival, DepartingEvent, Departure, check_received, parse_causes, parse_trace,
};
use crate::hub::NewEvent;
use crate::hub::link::Leaving;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::{Provenance, Receipt};
use crate::model::json::Json;
use crate::model::lifetime::Lifetime;
use crate::model::name::{EventName, parse_component};
use crate::model::node::check_node;
use crate::model::pattern::EventPattern;

/// How many events of another node may be lost at once. More is no count but a mistake.
const MAX_LOST: u64 = 1 << 32;

/// The place where a link meets the bus: it takes what leaves, and brings what arrives. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LinkPort {
    bus: EventBus,
}

/// How many payloads are read before they are published.
const MAX_TOGETHER: usize = 64;

/// What several arrivals have in common.
struct Common<'a> {
    bus: &'a EventBus,
    /// An event without its payload.
    event: NewEvent,
}

impl Common<'_> {
    fn what(&self) -> String {
        format!("the payload of {:?}", self.event.name.as_str())
    }

    /// Checks a payload without bytes.
    fn check(&self, payload: Json) -> Result<Json> {
        check_received(&payload, || self.what())?;
        self.check_type(payload)
    }

    fn check_type(&self, payload: Json) -> Result<Json> {
        let (core, name) = (&self.bus.runtime().core, &self.event.name);
        core.check_payload(name, &payload)?;
        self.bus.catalog().check_payload(name, &payload)?;
        Ok(payload)
    }

    fn event(&self, payload: Json) -> NewEvent {
        NewEvent {
            payload,
            ..self.event.clone()
        }
    }
}

/// The payload of `event-bus:link`.
#[derive(Serialize)]
struct LinkChange<'a> {
    node: &'a str,
    connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// The payload of `event-bus:node-joined` and `event-bus:node-left`.
#[derive(Serialize)]
struct NodeChange<'a> {
    node: &'a str,
}

impl LinkPort {
    pub(crate) fn new(bus: EventBus) -> Self {
        Self { bus }
    }

    /// The name of this node.
    #[must_use]
    pub fn node(&self) -> &str {
        let link = self.bus.runtime().core.link();
        link.map_or("", |link| &link.node)
    }

    /// Runs a task on the runtime of the app.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.bus.runtime().core.tasks().spawn(task);
    }

    /// Waits for what leaves next: a few events, in their order. `None` once the app exits. Only one task may wait.
    ///
    /// What is taken is the link's own. What is not taken waits, with the limits of the plan and the policies of the names.
    pub async fn next(&self) -> Option<Vec<Departure>> {
        let leaving = self.bus.runtime().core.next_leaving().await?.into_iter();
        let departures = leaving.map(|leaving| match leaving {
            Leaving::Event {
                event,
                streams,
                expires,
            } => Departure::Event(DepartingEvent {
                event,
                streams,
                expires,
            }),
            Leaving::Dropped { streams, count } => Departure::Dropped { streams, count },
        });
        Some(departures.collect())
    }

    /// Publishes an event of another node here. Everyone on this node receives it whose subscription matches and may.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::emit`], and [`ErrorCode::InvalidArgument`] if the node is this one or its name is invalid,
    /// [`ErrorCode::Denied`] if the name is in no share that is received, [`ErrorCode::InvalidPayload`] if the payload does
    /// not match the type of the event. Each is counted and logged.
    pub fn receive(&self, mut arrival: Arrival) -> Result<Receipt> {
        let payload = arrival.take_payload();
        let received = self.prepare(&arrival).and_then(|common| {
            let payload = payload.into_json(|| common.what())?;
            let event = common.event(common.check_type(payload)?);
            self.bus.runtime().core.publish_arrival(event)
        });
        if let Err(error) = &received {
            self.note_refused(&arrival.node, error);
        }
        received
    }

    /// Publishes an event of another node here, and behind it others that differ from it in nothing but the texts of their
    /// payloads. It costs less than to [receive](Self::receive) one after the other. Returns how many were published; each
    /// other one is counted and logged, and does not stop those behind it.
    pub fn receive_all<'a>(
        &self,
        mut arrival: Arrival,
        more: impl IntoIterator<Item = &'a str>,
    ) -> usize {
        let first = arrival.take_payload();
        let mut more = more.into_iter().peekable();
        let refuse = |error: &Error| self.note_refused(&arrival.node, error);
        let common = match self.prepare(&arrival) {
            Ok(common) => common,
            Err(error) => {
                (0..1 + more.count()).for_each(|_| refuse(&error));
                return 0;
            }
        };
        let core = &self.bus.runtime().core;
        let (mut count, mut effects) = (0, Vec::new());
        let mut publish = |payloads: &mut dyn Iterator<Item = Result<Json>>| {
            let fine = payloads.filter_map(|payload| payload.inspect_err(refuse).ok());
            let events = fine
                .map(|payload| common.event(payload))
                .inspect(|_| count += 1);
            let errors = core.publish_arrivals(events, &mut effects);
            count -= errors.len();
            errors.iter().for_each(refuse);
        };
        let first = first.into_json(|| common.what());
        publish(&mut std::iter::once(
            first.and_then(|first| common.check_type(first)),
        ));
        while more.peek().is_some() {
            let texts: Vec<&str> = more.by_ref().take(MAX_TOGETHER).collect();
            publish(&mut Json::together(&texts).map(|payload| common.check(payload)));
        }
        core.apply_all_effects(effects);
        count
    }

    /// Checks what arrivals have in common.
    fn prepare(&self, arrival: &Arrival) -> Result<Common<'_>> {
        let core = &self.bus.runtime().core;
        self.check_other(&arrival.node)?;
        let name = EventName::parse_emitted(&arrival.name)?;
        self.check_received(&name)?;
        self.bus.catalog().check_name(&name)?;
        let causes = parse_causes(&arrival.causes, core.limits().hops)?;
        let component = arrival.component.as_deref().map(parse_component);
        let component = component.transpose()?;
        let traceparent = parse_trace(arrival.traceparent.as_deref())?;
        let lifetime = Lifetime {
            expires: arrival.expires,
            ..Lifetime::default()
        };
        Ok(Common {
            bus: &self.bus,
            event: NewEvent {
                name,
                payload: Json::Owned(String::new()),
                source: Endpoint::Node(arrival.node.as_str().into()),
                tick: None,
                provenance: Provenance::of(component, causes, traceparent),
                retain: None,
                lifetime: lifetime.check()?,
            },
        })
    }

    pub(super) fn bus(&self) -> &EventBus {
        &self.bus
    }

    pub(super) fn check_other(&self, node: &str) -> Result<()> {
        check_node(node)?;
        if node == self.node() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "a message comes from {}, which is the name of this node; give each node a name of its own",
                    quoted(node)
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn check_received(&self, name: &EventName) -> Result<()> {
        let link = self.bus.runtime().core.link();
        match link.filter(|link| !link.shares.receives(name)) {
            None => Ok(()),
            Some(link) => Err(Error::new(
                ErrorCode::Denied,
                format!(
                    "{} is in no share that is received from other nodes; the shares are {}",
                    quoted(name.as_str()),
                    link.shares
                ),
            )),
        }
    }

    /// Tells those whom it may concern that events of another node were lost on their way, of names that these patterns
    /// match.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`] for more than 2³² events.
    pub fn lost(&self, names: &[EventPattern], count: u64) -> Result<()> {
        if count > MAX_LOST {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("{count} events are lost at once; expected at most {MAX_LOST}"),
            ));
        }
        if count > 0 {
            self.bus.runtime().core.lose_arrivals(names, count);
        }
        Ok(())
    }

    /// Counts events that were taken and not sent, and logs why.
    pub fn note_dropped(&self, count: u64, why: &str) {
        self.bus.runtime().core.note_dropped(count, why);
    }

    /// Counts a message of another node that was refused before it became an [`Arrival`], and logs why.
    pub fn note_refused(&self, node: &str, error: &Error) {
        self.bus.runtime().core.note_refused_arrival(node, error);
    }

    /// Notes that the link is connected, or not, and why. A change is emitted as `event-bus:link`.
    pub fn set_connected(&self, connected: bool, reason: Option<&str>) {
        let core = &self.bus.runtime().core;
        let Some(link) = core.link() else {
            return;
        };
        if !link.set_connected(connected, reason.map(str::to_owned)) {
            return;
        }
        let change = LinkChange {
            node: &link.node,
            connected,
            reason,
        };
        if let Ok(payload) = Json::write("the state of the link", &change) {
            core.announce_link("event-bus:link", payload, true);
        }
    }

    /// Notes that the link knows which other nodes are there, though there may be none.
    pub fn know_nodes(&self) {
        if let Some(link) = self.bus.runtime().core.link() {
            link.know_nodes();
        }
    }

    /// Notes that another node is there. If that is new, it is emitted as `event-bus:node-joined`.
    pub fn node_joined(&self, node: &str) {
        let core = &self.bus.runtime().core;
        let is_new = core.link().is_some_and(|link| link.add_node(node));
        if is_new {
            self.announce_node("event-bus:node-joined", node);
        }
    }

    /// Notes that another node is there no longer. If it was, that is emitted as `event-bus:node-left`.
    pub fn node_left(&self, node: &str) {
        let core = &self.bus.runtime().core;
        let was_there = core.link().is_some_and(|link| link.remove_node(node));
        if was_there {
            self.announce_node("event-bus:node-left", node);
        }
    }

    fn announce_node(&self, name: &str, node: &str) {
        if let Ok(payload) = Json::write("the name of a node", &NodeChange { node }) {
            self.bus.runtime().core.announce_link(name, payload, false);
        }
    }
}
