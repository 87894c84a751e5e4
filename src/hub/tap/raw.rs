//! Records as the hub makes them: what they refer to is read after the lock.

use std::sync::Arc;
use std::time::SystemTime;

use crate::hub::ids::{RequestId, SubscriptionId};
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::event::{BusEvent, Provenance};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::tap::record::{TapEntry, TapRoute};
use crate::model::target::Target;

/// A record as the hub makes it.
#[derive(Debug)]
pub(crate) struct RawRecord {
    pub(crate) at: SystemTime,
    pub(crate) entry: RawEntry,
}

#[derive(Debug)]
pub(crate) enum RawEntry {
    Event(Box<RawEvent>),
    Request(Box<RawRequest>),
    Response(Box<RawResponse>),
    /// One without a payload.
    Done(TapEntry),
}

#[derive(Debug, Clone)]
pub(crate) struct RawEvent {
    pub(crate) event: BusEvent,
    pub(crate) to: Option<Target>,
    pub(crate) except: Option<Target>,
    pub(crate) is_retained: bool,
    pub(crate) routes: Vec<TapRoute>,
    pub(crate) kept_for: Vec<Arc<str>>,
}

#[derive(Debug)]
pub(crate) struct RawRequest {
    pub(crate) id: RequestId,
    pub(crate) name: EventName,
    pub(crate) source: Endpoint,
    pub(crate) receiver: Endpoint,
    pub(crate) provenance: Option<Arc<Provenance>>,
    pub(crate) is_stream: bool,
    pub(crate) payload: Json,
}

#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) id: RequestId,
    pub(crate) name: EventName,
    pub(crate) source: Endpoint,
    pub(crate) receiver: Endpoint,
    pub(crate) result: Result<Json>,
}

/// The bytes of where an event went.
pub(super) fn weight_of(routes: &[TapRoute]) -> usize {
    let ids = routes.iter().map(|route| route.subscriptions.len());
    size_of_val(routes) + ids.sum::<usize>() * size_of::<SubscriptionId>()
}
