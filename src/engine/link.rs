//! The core's part in a link: what leaves, what arrives, and what is lost on the way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::core::Core;
use crate::engine::diagnostics::Record;
use crate::engine::incoming::Handler;
use crate::engine::link_state::LinkState;
use crate::engine::observe::Emitting;
use crate::engine::reply::Reply;
use crate::hub::link::Leaving;
use crate::hub::queue::QueueBound;
use crate::hub::requests::{NewRequest, ResponderKind};
use crate::hub::{Audience, EmitEffects, NewEvent, Refusal};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Receipt;
use crate::model::json::Json;
use crate::model::lifetime::Lifetime;
use crate::model::link::{LinkStatus, Share};
use crate::model::name::EventName;
use crate::model::node::check_node;
use crate::model::pattern::EventPattern;
use crate::model::selection::Selection;

/// What the hub has made of an event.
type Enqueued = std::result::Result<(Receipt, EmitEffects<Reply>), Box<Refusal>>;

/// How many events of another node are enqueued under one lock.
const MAX_CHUNK: usize = 32;

impl Core {
    /// Opens the link of this app, which has one at most.
    pub(crate) fn join_link(
        &self,
        node: &str,
        shares: Vec<Share>,
        bound: QueueBound,
    ) -> Result<()> {
        check_node(node)?;
        let node: Arc<str> = node.into();
        let state = LinkState::new(Arc::clone(&node), shares.clone());
        if self.link.set(state).is_err() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the link has joined the bus already; it joins once",
            ));
        }
        self.hub().open_link(node, &shares, bound);
        Ok(())
    }

    pub(crate) fn link(&self) -> Option<&LinkState> {
        self.link.get()
    }

    pub(crate) fn is_linked(&self) -> bool {
        self.link.get().is_some()
    }

    pub(crate) fn link_status(&self) -> Option<LinkStatus> {
        let link = self.link()?;
        let queued = self.hub().link_usage();
        Some(link.status(queued))
    }

    /// Checks the nodes of a target of this name. The own node is everyone here.
    pub(crate) fn resolve_nodes(&self, name: &EventName, to: &mut Selection) -> Result<()> {
        let Some(first) = to.nodes.first() else {
            return Ok(());
        };
        let invalid = |problem: String| Err(Error::new(ErrorCode::InvalidArgument, problem));
        let Some(link) = self.link() else {
            return invalid(format!(
                "the target names the node {}, and this app has no link to other nodes; add one with Builder::link",
                quoted(first)
            ));
        };
        let other = to.nodes.iter().find(|node| **node != link.node);
        if let Some(other) = other.filter(|_| !link.shares.sends(name)) {
            return invalid(format!(
                "the target names the node {}, and {} is in no share that is sent to other nodes; the shares are {}",
                quoted(other),
                quoted(name.as_str()),
                link.shares
            ));
        }
        if to.nodes.contains(&link.node) {
            to.everyone = true;
        }
        Ok(())
    }

    /// What sends a request to another node, in place of a responder.
    pub(crate) fn forward_to(&self, node: &Arc<str>, request: &NewRequest) -> Result<Handler> {
        let name = request.message.name.as_str();
        let refused = |code, problem: &str| {
            let text = format!(
                "the request {} to the node {} was not sent: {problem}",
                quoted(name),
                quoted(node)
            );
            Err(Error::new(code, text))
        };
        let timeout = match (request.message.kind(), request.timeout) {
            (ResponderKind::Single, Some(timeout)) => timeout,
            _ => {
                return refused(
                    ErrorCode::InvalidArgument,
                    "streams do not cross nodes; request one response",
                );
            }
        };
        match self.link().and_then(|link| link.forward.get()) {
            Some(forward) => Ok(forward(Arc::clone(node), timeout)),
            None => refused(
                ErrorCode::NoResponder,
                "the link of this app sends no requests",
            ),
        }
    }

    /// What leaves next; `None` once the app exits.
    pub(crate) async fn next_leaving(&self) -> Option<Vec<Leaving>> {
        let leaving = poll_fn(|context| {
            let waker = context.waker().clone();
            let (polled, _unneeded) = self.hub().poll_link(waker);
            polled
        })
        .await?;
        if let Some(link) = self.link() {
            for one in &leaving {
                match one {
                    Leaving::Event { .. } => add(&link.counts.sent, 1),
                    Leaving::Dropped { count, .. } => {
                        self.note_dropped(
                            *count,
                            "more waited than the link may keep, or they had expired",
                        );
                    }
                }
            }
        }
        Some(leaving)
    }

    /// Notes that events were not sent.
    pub(crate) fn note_dropped(&self, count: u64, why: &str) {
        let Some(link) = self.link() else {
            return;
        };
        add(&link.counts.dropped, count);
        self.diagnostics().tell(Record::NotSent, "", [], || {
            format!(": {count} were dropped, since {why}; their receivers get a gap")
        });
    }

    /// Publishes an event of another node, which stays here.
    pub(crate) fn publish_arrival(&self, event: NewEvent) -> Result<Receipt> {
        let (event, emitting) = self.prepare_arrival(event)?;
        self.count_arrivals(1);
        let enqueued = self.enqueue(event, &local());
        let (receipt, effects) = self.conclude_arrival(enqueued, &emitting)?;
        self.apply_emit_effects(effects);
        Ok(receipt)
    }

    /// Publishes events of another node, which stay here, several under one lock. Returns why others were refused. The
    /// effects are for [`Core::apply_all_effects`], so that a reader of several events wakes once.
    pub(crate) fn publish_arrivals(
        &self,
        events: impl Iterator<Item = NewEvent>,
        effects: &mut Vec<EmitEffects<Reply>>,
    ) -> Vec<Error> {
        // An interceptor may emit what comes before the next event.
        let chunk = if self.has_interceptors() {
            1
        } else {
            MAX_CHUNK
        };
        let mut errors = Vec::new();
        let mut events = events.peekable();
        while events.peek().is_some() {
            let mut prepared = VecDeque::with_capacity(chunk);
            for event in events.by_ref().take(chunk) {
                match self.prepare_arrival(event) {
                    Ok(event) => prepared.push_back(event),
                    Err(error) => errors.push(error),
                }
            }
            // Counted first, so that a receiver finds them counted.
            self.count_arrivals(prepared.len() as u64);
            while !prepared.is_empty() {
                for (enqueued, emitting) in self.enqueue_arrivals(&mut prepared) {
                    match self.conclude_arrival(enqueued, &emitting) {
                        Ok((_, None)) => {}
                        Ok((_, own)) => effects.push(own),
                        Err(error) => errors.push(error),
                    }
                }
            }
        }
        errors
    }

    /// Enqueues events under one lock, up to the first one that is refused: its loss is told before what comes behind it.
    fn enqueue_arrivals(
        &self,
        events: &mut VecDeque<(NewEvent, Emitting)>,
    ) -> Vec<(Enqueued, Emitting)> {
        let (clock, audience) = (self.clock(), local());
        let mut all = Vec::with_capacity(events.len());
        let mut hub = self.hub();
        while let Some((event, emitting)) = events.pop_front() {
            let enqueued = hub.enqueue(event, &audience, || clock.now());
            let is_refused = enqueued.is_err();
            all.push((enqueued, emitting));
            if is_refused {
                break;
            }
        }
        drop(hub);
        all
    }

    fn prepare_arrival(&self, mut event: NewEvent) -> Result<(NewEvent, Emitting)> {
        let emitting = Emitting::begin(&event);
        match emitting.run(|| self.prepare_event(&mut event, &local())) {
            Ok(()) => Ok((event, emitting)),
            Err(error) => Err(self.refuse_arrival(&event, &emitting, error)),
        }
    }

    fn count_arrivals(&self, count: u64) {
        if let Some(link) = self.link() {
            add(&link.counts.received, count);
        }
    }

    fn conclude_arrival(
        &self,
        enqueued: Enqueued,
        emitting: &Emitting,
    ) -> Result<(Receipt, EmitEffects<Reply>)> {
        match enqueued {
            Ok((receipt, effects)) => {
                emitting.accepted(self.counting(), &receipt);
                Ok((receipt, effects))
            }
            Err(refusal) => {
                if refusal.has_freed {
                    self.rearm.notify_one();
                }
                if let Some(link) = self.link() {
                    link.counts.received.fetch_sub(1, Ordering::Relaxed);
                }
                Err(self.refuse_arrival(&refusal.event, emitting, refusal.error))
            }
        }
    }

    fn refuse_arrival(&self, event: &NewEvent, emitting: &Emitting, error: Error) -> Error {
        emitting.refused(self.counting(), error.code());
        // Its sender cannot be told, so its receivers are.
        if error.code() == ErrorCode::QueueFull
            && let Ok(names) = EventPattern::parse(event.name.as_str())
        {
            self.lose_arrivals(&[names], 1);
        }
        self.note_refused_emit(self.about(event), error)
    }

    pub(crate) fn apply_all_effects(&self, effects: Vec<EmitEffects<Reply>>) {
        for own in effects {
            self.apply_emit_effects(own);
        }
    }

    /// Events of another node are lost whose names match these patterns.
    pub(crate) fn lose_arrivals(&self, names: &[EventPattern], count: u64) {
        if let Some(link) = self.link() {
            add(&link.counts.missing, count);
        }
        let clock = self.clock();
        let effects = self.hub().lose_on_link(names, count, || clock.now());
        self.apply_effects(effects);
    }

    /// Notes that a message of another node was refused.
    pub(crate) fn note_refused_arrival(&self, node: &str, error: &Error) {
        let Some(link) = self.link() else {
            return;
        };
        add(&link.counts.refused, 1);
        self.diagnostics()
            .tell(Record::ArrivalRefused, node, [], || format!(": {error}"));
    }

    /// Emits an event of the bus itself about the link.
    pub(crate) fn announce_link(&self, name: &str, payload: Json, retain: bool) {
        let Ok(name) = EventName::parse(name) else {
            return;
        };
        let event = NewEvent {
            name,
            payload,
            source: Endpoint::Host,
            tick: None,
            provenance: None,
            retain: Some(retain),
            lifetime: Lifetime::default(),
        };
        // Nothing is left to be told when the app exits.
        let _ = self.publish(event, &Audience::default());
    }
}

/// Those of this app.
fn local() -> Audience {
    Audience {
        is_local: true,
        ..Audience::default()
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
