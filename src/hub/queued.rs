//! What waits in a queue, and how much may.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use crate::hub::ids::SubscriptionId;
use crate::hub::loss::Superseded;
use crate::hub::superseded::SupersededLists;
use crate::model::delivery::Addressing;
use crate::model::endpoint::Endpoint;
use crate::model::event::{Accepted, BusEvent, Gap, GapReason};
use crate::model::json::Json;
use crate::model::name::EventName;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueBound {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct QueuedEvent {
    pub(crate) event: BusEvent,
    pub(crate) subscriptions: Arc<[SubscriptionId]>,
    pub(crate) addressing: Addressing,
    pub(crate) superseded: SupersededLists,
}

impl QueuedEvent {
    /// An event of the host for one of its own listeners, which takes no other way.
    pub(super) fn of_host(
        seq: u64,
        accepted_at: SystemTime,
        name: EventName,
        payload: Json,
        subscription: SubscriptionId,
    ) -> Self {
        let event = BusEvent::new(Accepted {
            seq,
            name,
            payload,
            accepted_at,
            source: Endpoint::Host,
            provenance: None,
            rare: None,
        });
        Self {
            event,
            subscriptions: [subscription].into(),
            addressing: Addressing::Broadcast,
            superseded: SupersededLists::default(),
        }
    }

    /// The bytes that it counts for.
    pub(crate) fn weight(&self) -> usize {
        self.event.weight() + self.subscriptions.len() * ID_WEIGHT
    }

    /// At least as many bytes as it takes in a batch after this event, whose run it may continue.
    pub(crate) fn length_after(&self, before: &Self) -> usize {
        /// Two commas and the difference in time.
        const STEP: usize = 24;
        let continues = Arc::ptr_eq(&self.subscriptions, &before.subscriptions)
            && self.event.continues(&before.event);
        match continues {
            true => self.event.json().weight() + self.event.json().growth() + STEP,
            false => self.length(),
        }
    }

    /// At least as many bytes as it takes in a batch.
    pub(crate) fn length(&self) -> usize {
        self.weight() + self.event.json().growth()
    }
}

/// The bytes of an id and a comma.
const ID_WEIGHT: usize = 11;

/// A gap, and the subscriptions that it may concern.
#[derive(Debug, Clone)]
pub(crate) struct LostEvents {
    pub(crate) gap: Gap,
    /// The part of it that other lost events had replaced.
    pub(crate) superseded: Option<Superseded>,
    pub(crate) subscriptions: BTreeSet<SubscriptionId>,
    /// The last event that is lost, in a queue whose reports need a cause.
    pub(crate) cause: Option<BusEvent>,
}

impl LostEvents {
    pub(crate) fn weight(&self) -> usize {
        const ENVELOPE: usize = 192;
        ENVELOPE + self.subscriptions.len() * ID_WEIGHT
    }

    /// Takes in what was lost on a link for the same subscriptions. Returns whether it has.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        let is_alike = other.gap.reason == GapReason::LinkLost
            && self.gap.reason == GapReason::LinkLost
            && self.gap.at_most == other.gap.at_most
            && self.subscriptions == other.subscriptions;
        if is_alike {
            self.gap.to = other.gap.to;
            self.gap.count = self.gap.count.saturating_add(other.gap.count);
        }
        is_alike
    }
}

#[derive(Debug, Clone)]
pub(crate) enum QueueEntry {
    Event(QueuedEvent),
    /// Boxed, since there are few, and a batch of events takes the less memory.
    Lost(Box<LostEvents>),
}
