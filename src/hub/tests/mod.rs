//! Tests of the hub, by subject, and what they share.

mod calls;
mod expiry;
mod link;
mod model;
mod outbox;
mod pages;
mod queue;
mod receipts;
mod renewal;
mod requests;
mod retained;
mod sessions;
mod starts;
mod streams;
mod unconsumed;
mod waiting;
mod webviews;

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use crate::hub::ids::{SessionId, SubscriptionId};
use crate::hub::queue::{QueuedEvent, SupersededLists};
use crate::model::delivery::Addressing;
use crate::model::endpoint::Endpoint;
use crate::model::event::{Accepted, BusEvent};
use crate::model::name::EventName;

thread_local! {
    static STEADY: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The steady clock of a test, which only the test moves.
fn steady() -> Duration {
    STEADY.get()
}

fn set_steady(time: Duration) {
    STEADY.set(time);
}

pub(super) fn event(seq: u64, payload: &str) -> BusEvent {
    BusEvent::new(Accepted {
        seq,
        name: EventName::parse("e").unwrap(),
        payload: payload.into(),
        accepted_at: SystemTime::UNIX_EPOCH,
        source: Endpoint::Host,
        provenance: None,
        rare: None,
    })
}

pub(super) fn queued(seq: u64, subscriptions: &[SubscriptionId]) -> QueuedEvent {
    QueuedEvent {
        event: event(seq, "null"),
        subscriptions: subscriptions.into(),
        addressing: Addressing::Broadcast,
        superseded: SupersededLists::default(),
    }
}

fn session_id(n: u64) -> SessionId {
    SessionId::parse(&format!("{n:032x}")).unwrap()
}
