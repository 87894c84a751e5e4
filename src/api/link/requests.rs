use std::sync::Arc;
use std::time::Duration;

use crate::api::bus::EventBus;
use crate::api::link::messages::{LinkPayload, parse_causes, parse_trace};
use crate::api::link::port::LinkPort;
use crate::api::request::{PendingResponse, check_timeout};
use crate::engine::incoming::{Handler, IncomingRequest};
use crate::hub::command_log::JsonResult;
use crate::hub::requests::Recipient;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::Origin;
use crate::model::name::{EventName, parse_component};
use crate::model::traceparent::Traceparent;
use crate::sync::oneshot;

/// A request of this node to another one. The link sends it, and responds with what comes back.
///
/// Dropping it without a response ends the request with [`ErrorCode::Unavailable`].
#[derive(Debug)]
pub struct DepartingRequest {
    node: Arc<str>,
    request: IncomingRequest,
    timeout: Duration,
    causes: Vec<String>,
    response: oneshot::Sender<JsonResult>,
}

impl DepartingRequest {
    fn new(
        (node, timeout): (Arc<str>, Duration),
        request: IncomingRequest,
        response: oneshot::Sender<JsonResult>,
    ) -> Self {
        let causes = request.origin.causes.iter();
        let mut causes: Vec<String> = causes.map(|name| name.as_str().to_owned()).collect();
        // The last one is the request itself.
        causes.pop();
        Self {
            node,
            request,
            timeout,
            causes,
            response,
        }
    }

    /// The node that is to respond.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The name of the request.
    #[must_use]
    pub fn name(&self) -> &str {
        self.request.name.as_str()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> LinkPayload {
        LinkPayload::own(self.request.payload.clone())
    }

    /// The name of the component that sent it, if one did.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        self.request.component.as_deref()
    }

    /// The names of what caused it, oldest first.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        let trace = self.request.origin.traceparent.as_ref();
        trace.map(Traceparent::as_str)
    }

    /// How long its caller waits.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Responds with what the other node has sent, or with the reason why there is nothing.
    pub fn respond(self, response: Result<LinkPayload>) {
        let name = self.request.name.clone();
        let json = response.and_then(|payload| {
            payload.into_json(|| format!("the response to {}", quoted(name.as_str())))
        });
        // Its caller may wait no longer.
        let _ = self.response.send(json);
    }
}

/// A request of another node to the host of this one.
///
/// ```
/// use std::time::Duration;
/// use tauri_plugin_event_bus::link::{ArrivingRequest, LinkPayload};
///
/// let payload = LinkPayload::new("[1,2]", Vec::new());
/// let request = ArrivingRequest::new("till-4", "stock:count", payload, Duration::from_secs(5));
/// # let _ = request;
/// ```
#[derive(Debug, Clone)]
pub struct ArrivingRequest {
    node: String,
    name: String,
    payload: LinkPayload,
    timeout: Duration,
    component: Option<String>,
    causes: Vec<String>,
    traceparent: Option<String>,
}

impl ArrivingRequest {
    /// A request with this name and payload, from this node, whose caller waits as long as this.
    pub fn new(
        node: impl Into<String>,
        name: impl Into<String>,
        payload: LinkPayload,
        timeout: Duration,
    ) -> Self {
        Self {
            node: node.into(),
            name: name.into(),
            payload,
            timeout,
            component: None,
            causes: Vec::new(),
            traceparent: None,
        }
    }

    /// The component that sent it.
    #[must_use]
    pub fn component(mut self, component: impl Into<String>) -> Self {
        self.component = Some(component.into());
        self
    }

    /// The names of what caused it, oldest first.
    #[must_use]
    pub fn causes(mut self, causes: Vec<String>) -> Self {
        self.causes = causes;
        self
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    #[must_use]
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }
}

impl LinkPort {
    /// Sets what sends requests to other nodes. It must not wait: a task of its own does. Only the first call counts.
    pub fn on_request(&self, send: impl Fn(DepartingRequest) + Send + Sync + 'static) {
        if let Some(link) = self.bus().runtime().core.link() {
            let send = Arc::new(send);
            let forward = move |node, timeout| forwarding(node, timeout, Arc::clone(&send));
            let _ = link.forward.set(Box::new(forward));
        }
    }

    /// Sends a request of another node to the host of this one, and waits for the response.
    ///
    /// # Errors
    ///
    /// Those of a request of this app, and those of [`LinkPort::receive`] for what is not due here.
    pub async fn respond(&self, request: ArrivingRequest) -> Result<LinkPayload> {
        let node = request.node.clone();
        let started = self.start_request(request);
        if let Err(error) = &started
            && error.code() != ErrorCode::NoResponder
        {
            self.note_refused(&node, error);
        }
        let response = started?.receive_json().await?;
        Ok(LinkPayload::own(response))
    }

    fn start_request(&self, request: ArrivingRequest) -> Result<PendingResponse> {
        self.check_other(&request.node)?;
        let name = EventName::parse_emitted(&request.name)?;
        self.check_received(&name)?;
        let core = &self.bus().runtime().core;
        let catalog = self.bus().catalog();
        catalog.check_request_name(&name)?;
        let causes = parse_causes(&request.causes, core.limits().hops)?;
        let component = request.component.as_deref().map(parse_component);
        let component: Option<Arc<str>> = component.transpose()?;
        let payload = request
            .payload
            .into_json(|| format!("the payload of {}", quoted(name.as_str())))?;
        core.check_payload(&name, &payload)?;
        catalog.check_request_payload(&name, &payload)?;
        let timeout = check_timeout(request.timeout)?;
        let source = Endpoint::Node(request.node.into());
        let origin = Origin {
            causes,
            traceparent: parse_trace(request.traceparent.as_deref())?,
        };
        let bus: EventBus = self.bus().of_another(source, component, origin);
        let provenance = bus.provenance(None)?;
        PendingResponse::start((&bus, provenance), &name, payload, Recipient::Host, timeout)
    }
}

/// What stands for the responder of another node.
fn forwarding(
    node: Arc<str>,
    timeout: Duration,
    send: Arc<impl Fn(DepartingRequest) + Send + Sync + 'static>,
) -> Handler {
    Arc::new(move |request| {
        let (response, received) = oneshot::channel();
        send(DepartingRequest::new(
            (Arc::clone(&node), timeout),
            request,
            response,
        ));
        Box::pin(async move {
            received.await.unwrap_or_else(|_| {
                Err(Error::new(
                    ErrorCode::Unavailable,
                    "the link to other nodes has ended before it had a response",
                ))
            })
        })
    })
}
