//! The core's part in a link: what leaves, what arrives, and what is lost on the way.

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
use crate::hub::{Audience, EmitEffects, NewEvent};
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
        let (receipt, effects) = self.accept_arrival(event, &local())?;
        self.apply_emit_effects(effects);
        Ok(receipt)
    }

    /// Publishes events of another node, which stay here. Who waits for them is woken once, behind the last one.
    pub(crate) fn publish_arrivals(
        &self,
        events: impl Iterator<Item = Result<NewEvent>>,
    ) -> Vec<Result<Receipt>> {
        let audience = local();
        let mut effects = Vec::new();
        let mut publish = |event| {
            let (receipt, own) = self.accept_arrival(event, &audience)?;
            effects.extend(own);
            Ok(receipt)
        };
        let published = events.map(|event| publish(event?)).collect();
        for own in effects {
            self.apply_effects(*own);
        }
        published
    }

    fn accept_arrival(
        &self,
        event: NewEvent,
        audience: &Audience,
    ) -> Result<(Receipt, EmitEffects<Reply>)> {
        let (about, name) = (self.about(&event), event.name.clone());
        // Counted first, so that a receiver finds it counted.
        let count = self.link().map(|link| &link.counts.received);
        if let Some(count) = count {
            add(count, 1);
        }
        let emitting = Emitting::begin(&event);
        let published = emitting
            .run(|| self.try_publish(event, audience))
            .map_err(|refusal| self.note_refused_emit(about, refusal.error));
        match &published {
            Ok((receipt, _)) => emitting.accepted(self.counting(), receipt),
            Err(error) => emitting.refused(self.counting(), error.code()),
        }
        if let (Err(error), Some(count)) = (&published, count) {
            count.fetch_sub(1, Ordering::Relaxed);
            // Its sender cannot be told, so its receivers are.
            if error.code() == ErrorCode::QueueFull
                && let Ok(names) = EventPattern::parse(name.as_str())
            {
                self.lose_arrivals(&[names], 1);
            }
        }
        published
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
