//! Requests as the handlers of the host get them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hub::command_log::JsonResult;
use crate::hub::ids::RequestId;
use crate::model::endpoint::Endpoint;
use crate::model::event::Origin;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::sync::Notify;

pub(crate) type ResponseFuture = Pin<Box<dyn Future<Output = JsonResult> + Send>>;

/// Makes the response to a request, as JSON text.
pub(crate) type Handler = Arc<dyn Fn(IncomingRequest) -> ResponseFuture + Send + Sync>;

/// A request as a responder of the host gets it.
#[derive(Debug)]
pub(crate) struct IncomingRequest {
    pub(crate) id: RequestId,
    pub(crate) name: EventName,
    pub(crate) payload: Json,
    pub(crate) source: Endpoint,
    /// The name of the component that sent it.
    pub(crate) component: Option<Arc<str>>,
    /// What follows from it has this origin, with its own trace.
    pub(crate) origin: Origin,
    pub(crate) cancelled: Arc<Cancellation>,
}

/// Tells a responder that its caller waits no longer.
#[derive(Debug, Default)]
pub(crate) struct Cancellation {
    is_set: AtomicBool,
    /// Keeps one permit for the one task that waits for it.
    pub(crate) notified: Notify,
}

impl Cancellation {
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.notified.notify_one();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }
}
